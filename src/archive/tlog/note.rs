//! Signed notes (c2sp.org/signed-note), by Ed25519 alone.
//!
//! Lines of other keys, also of other kinds of keys such as SM2, are passed over: a log may sign with
//! several, and witnesses add theirs.

use std::fmt;

use ed25519_dalek::{Signature, Signer};
use sha2::{Digest, Sha256};

use super::{base64, from_base64};

/// The longest note that is read: 16 signatures of 5 KB and more, as the format asks for.
pub const NOTE_LEN_MAX: usize = 128 * 1024;

/// Ed25519 among the kinds of signatures.
const ED25519: u8 = 1;
/// A witness's, by Ed25519 with a time.
pub(super) const COSIGNATURE: u8 = 4;
const PRIVATE: &str = "PRIVATE+KEY+";

/// Why text is no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not a key of the note format, or of another kind than Ed25519.
    #[error("not an Ed25519 key of the signed-note format")]
    Malformed,
    /// The key id in it is not that of its name and key.
    #[error("the key id is not that of the name and the key")]
    Id,
    /// A name is text without spaces and plus signs.
    #[error("a key's name is neither empty nor has it spaces, plus signs or control characters")]
    Name,
}

/// A key that signs notes, and its name. Text form: Go's `PRIVATE+KEY+<name>+<id>+<key>`.
#[derive(Clone)]
pub struct SigningKey {
    name: String,
    key: ed25519_dalek::SigningKey,
}

/// A key that notes are checked by. Text form: `<name>+<id>+<key>`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    key: ed25519_dalek::VerifyingKey,
}

fn check_name(name: &str) -> Result<(), KeyError> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(bad) {
        Err(KeyError::Name)
    } else {
        Ok(())
    }
}

/// SHA-256(name ‖ 0x0A ‖ kind ‖ public key), the first four bytes.
pub(super) fn key_id(name: &str, kind: u8, public: &[u8; 32]) -> [u8; 4] {
    let hash = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', kind])
        .chain_update(public)
        .finalize();
    [hash[0], hash[1], hash[2], hash[3]]
}

pub(super) fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

/// The 32 bytes behind this kind, and what is before them.
pub(super) fn read_key(text: &str, kind: u8) -> Result<(&str, &str, [u8; 32]), KeyError> {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(KeyError::Malformed);
    };
    check_name(name)?;
    let key = from_base64(key).ok_or(KeyError::Malformed)?;
    match key.split_first() {
        Some((found, key)) if *found == kind => {
            Ok((name, id, key.try_into().map_err(|_| KeyError::Malformed)?))
        }
        _ => Err(KeyError::Malformed),
    }
}

impl SigningKey {
    /// The key of this seed, which must be secret and random.
    pub fn new(name: &str, seed: [u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            key: ed25519_dalek::SigningKey::from_bytes(&seed),
        })
    }

    /// Reads the text form; white space around it is passed over.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text
            .trim()
            .strip_prefix(PRIVATE)
            .ok_or(KeyError::Malformed)?;
        let (name, id, seed) = read_key(text, ED25519)?;
        let key = Self::new(name, seed)?;
        if hex(key.verifying_key().id()) == id {
            Ok(key)
        } else {
            Err(KeyError::Id)
        }
    }

    /// The text form: a secret.
    #[must_use]
    pub fn to_text(&self) -> String {
        let id = hex(self.verifying_key().id());
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.as_bytes());
        format!("{PRIVATE}{}+{id}+{}", self.name, base64(&key))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same key under another name.
    pub fn named(&self, name: &str) -> Result<Self, KeyError> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            key: self.key.clone(),
        })
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey {
            name: self.name.clone(),
            key: self.key.verifying_key(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key itself.
        f.debug_tuple("SigningKey").field(&self.name).finish()
    }
}

impl VerifyingKey {
    /// Reads the text form; white space around it is passed over.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, id, key) = read_key(text.trim(), ED25519)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&key).map_err(|_| KeyError::Malformed)?;
        let key = Self {
            name: name.to_owned(),
            key,
        };
        if hex(key.id()) == id {
            Ok(key)
        } else {
            Err(KeyError::Id)
        }
    }

    /// Reads the text form of either half of a key.
    pub fn parse_either(text: &str) -> Result<Self, KeyError> {
        if text.trim_start().starts_with(PRIVATE) {
            Ok(SigningKey::parse(text)?.verifying_key())
        } else {
            Self::parse(text)
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same key under another name.
    pub fn named(&self, name: &str) -> Result<Self, KeyError> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            key: self.key,
        })
    }

    /// What stands before its signatures.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, ED25519, self.key.as_bytes())
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex(self.id()), base64(&key))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why the text of a note is not to be believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// Not a signed note.
    #[error("not a signed note")]
    Malformed,
    /// Longer than [`NOTE_LEN_MAX`].
    #[error("a note of {found} bytes, at most {NOTE_LEN_MAX} are read")]
    TooLong {
        /// Its bytes.
        found: usize,
    },
    /// No signature of the key.
    #[error("no signature by {key}")]
    NotSigned {
        /// The key that was looked for.
        key: String,
    },
    /// A signature of the key that is wrong.
    #[error("the signature by {key} is not of this text")]
    WrongSignature {
        /// The key.
        key: String,
    },
}

/// The note of `text`, which ends in a newline, signed.
#[must_use]
pub fn sign(text: &str, key: &SigningKey) -> String {
    let mut signature = key.verifying_key().id().to_vec();
    signature.extend_from_slice(&key.key.sign(text.as_bytes()).to_bytes());
    format!("{text}\n\u{2014} {} {}\n", key.name, base64(&signature))
}

/// A signature line of a note.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) id: [u8; 4],
    /// What is behind the id, whatever the kind of key makes of it.
    pub(super) signature: Vec<u8>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        check_name(name).ok()?;
        let signature = from_base64(signature)?;
        let (id, signature) = signature.split_first_chunk::<4>()?;
        Some(Self {
            name,
            id: *id,
            signature: signature.to_vec(),
        })
    }
}

impl fmt::Display for Line<'_> {
    /// With its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signature = [&self.id, self.signature.as_slice()].concat();
        writeln!(f, "\u{2014} {} {}", self.name, base64(&signature))
    }
}

/// A note's text and the lines below it, read one after the other.
pub(super) fn split(
    note: &[u8],
) -> Result<(&str, impl Iterator<Item = Result<Line<'_>, NoteError>>), NoteError> {
    if note.len() > NOTE_LEN_MAX {
        return Err(NoteError::TooLong { found: note.len() });
    }
    let note = std::str::from_utf8(note).map_err(|_| NoteError::Malformed)?;
    if note.contains(|c: char| c < ' ' && c != '\n') {
        return Err(NoteError::Malformed);
    }
    let end = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
    let (text, signatures) = (&note[..=end], &note[end + 2..]);
    let signatures = signatures.strip_suffix('\n').ok_or(NoteError::Malformed)?;
    let lines = signatures.split('\n');
    let lines = lines.map(|line| Line::parse(line).ok_or(NoteError::Malformed));
    Ok((text, lines))
}

/// The text of a note that `key` has signed. Signatures of all other keys are passed over.
pub fn verify<'a>(note: &'a [u8], key: &VerifyingKey) -> Result<&'a str, NoteError> {
    let (text, lines) = split(note)?;
    let mut signed = false;
    for line in lines {
        let line = line?;
        if line.name != key.name || line.id != key.id() {
            continue;
        }
        let genuine = Signature::from_slice(&line.signature)
            .is_ok_and(|signature| key.key.verify_strict(text.as_bytes(), &signature).is_ok());
        if !genuine {
            let key = key.to_string();
            return Err(NoteError::WrongSignature { key });
        }
        signed = true;
    }
    if signed {
        Ok(text)
    } else {
        let key = key.to_string();
        Err(NoteError::NotSigned { key })
    }
}
