//! Cosignatures of witnesses (c2sp.org/tlog-cosignature, Ed25519): that at some time the log's checkpoint
//! went on from all that the witness had seen of it before.

use std::fmt;

use ed25519_dalek::Signature;

use super::base64;
use super::note::{self, COSIGNATURE, KeyError, Line, NOTE_LEN_MAX, NoteError};

/// Bytes of the time before the signature.
const TIME_LEN: usize = 8;
/// The latest time there is: 2^63 - 1.
const TIME_MAX: u64 = i64::MAX as u64;

/// A witness's key. Text form: `<name>+<id>+<base64 of 04 ‖ public key>`.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: ed25519_dalek::VerifyingKey,
}

/// A cosignature that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cosignature {
    /// When the witness made it, by its own clock: seconds since 1970.
    pub time_s: u64,
    /// The line of the note, with its newline.
    pub line: String,
}

impl WitnessKey {
    /// Reads the text form; white space around it is passed over.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, id, key) = note::read_key(text.trim(), COSIGNATURE)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&key).map_err(|_| KeyError::Malformed)?;
        let key = Self {
            name: name.to_owned(),
            key,
        };
        if note::hex(key.id()) == id {
            Ok(key)
        } else {
            Err(KeyError::Id)
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands before its signatures.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        note::key_id(&self.name, COSIGNATURE, self.key.as_bytes())
    }

    /// Its cosignature among the lines of a note. One of this key that does not hold is an error, whatever
    /// else is there; none is [`NoteError::NotSigned`].
    pub fn cosigned(&self, note: &[u8]) -> Result<Cosignature, NoteError> {
        let (text, lines) = note::split(note)?;
        let mut found = None;
        for line in lines {
            let line = line?;
            if line.name != self.name || line.id != self.id() {
                continue;
            }
            let cosignature = self.check(text, &line).ok_or_else(|| {
                let key = self.to_string();
                NoteError::WrongSignature { key }
            })?;
            found.get_or_insert(cosignature);
        }
        found.ok_or_else(|| NoteError::NotSigned {
            key: self.to_string(),
        })
    }

    fn check(&self, text: &str, line: &Line<'_>) -> Option<Cosignature> {
        let (time, signature) = line.signature.split_first_chunk::<TIME_LEN>()?;
        let time_s = u64::from_be_bytes(*time);
        let signature = Signature::from_slice(signature).ok()?;
        let message = message(text, time_s);
        let holds = self.key.verify_strict(message.as_bytes(), &signature);
        (time_s <= TIME_MAX && holds.is_ok()).then(|| Cosignature {
            time_s,
            line: line.to_string(),
        })
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![COSIGNATURE];
        key.extend_from_slice(self.key.as_bytes());
        let id = note::hex(self.id());
        write!(f, "{}+{id}+{}", self.name, base64(&key))
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a witness signs at some time of a note's text.
fn message(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

/// A note with further lines, those that it has already left out; `None` where it would be longer than a
/// note that is read.
#[must_use]
pub(super) fn with_lines(note: &str, lines: &[String]) -> Option<String> {
    let mut all = note.to_owned();
    for line in lines {
        if !all.contains(line.as_str()) {
            all.push_str(line);
        }
    }
    (all.len() <= NOTE_LEN_MAX).then_some(all)
}
