//! Files beside the log that are made of it and can be made again, such as an index: written once,
//! read in pieces, sealed where the log is.
//!
//! Each sealed file has a key of its own, which its head holds wrapped under the node's key, so that a
//! file is destroyed by overwriting its head. Each piece is authenticated with its place, whether it is
//! the last, and the file's name (invariant 8): a piece that was changed, moved or cut off is found when
//! it is read. In a log that is not encrypted a checksum stands in for the tag.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::{Arc, PoisonError};

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};
use zeroize::Zeroizing;

use super::seal::{Algorithm, Cipher, Loaded, SnapshotKeys, cipher};
use super::storage::{File, Operation, Storage, StorageError, replace};

const MAGIC: [u8; 8] = *b"THRONGCH";
const VERSION: u32 = 1;
/// Bytes of a piece, less in the last.
const PIECE_LEN: usize = 16 * 1024;
/// Behind each piece.
const TAG_LEN: usize = 16;
const SEALED_PIECE_LEN: usize = PIECE_LEN + TAG_LEN;

/// Where such files are kept, and what they are sealed with.
#[derive(Clone, Debug)]
pub struct Chunked {
    storage: Arc<dyn Storage>,
    keys: Option<SnapshotKeys>,
}

/// Why such a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkedError {
    /// The disk failed, or the file is not there.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// These bytes are not what was written under this name and key.
    #[error("{file} is damaged at byte {offset}, or of another log")]
    Damaged {
        /// Which file.
        file: String,
        /// Where in it, about.
        offset: u64,
    },
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Head {
    magic: [u8; 8],
    version: U32,
    /// 0 for a file that is not sealed.
    algorithm: u8,
    reserved_a: [u8; 3],
    key: U32,
    nonce: [u8; 12],
    /// The file's key, wrapped, authenticated with the bytes before and the name.
    wrapped: [u8; 32],
    tag: [u8; TAG_LEN],
    reserved_b: [u8; 44],
    checksum: U32,
}

const HEAD_LEN: usize = size_of::<Head>();
const AUTHENTICATED_LEN: usize = 32;
const _: () = assert!(HEAD_LEN == 128);

/// What pieces are sealed with; `None` for a checksum.
type PieceCipher = Option<Arc<dyn Cipher>>;

impl Chunked {
    /// Files that are not sealed: beside a log that is not.
    /// [`super::Log::chunked`] seals them as the log is.
    #[must_use]
    pub fn plain(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            keys: None,
        }
    }

    pub(crate) fn sealed(storage: Arc<dyn Storage>, keys: Option<SnapshotKeys>) -> Self {
        Self { storage, keys }
    }

    /// Begins a file, in place of one of that name. Neither bytes nor name are safe before
    /// [`ChunkedWriter::finish`] and [`Chunked::sync`].
    pub fn create(&self, name: &str) -> Result<ChunkedWriter, StorageError> {
        let (head, cipher) = self.new_head(name)?;
        let file = self.storage.create(name)?;
        file.write_at(&mut [IoSlice::new(head.as_bytes())], 0)?;
        Ok(ChunkedWriter {
            file,
            name: name.to_owned(),
            cipher,
            piece: Vec::with_capacity(SEALED_PIECE_LEN),
            pieces: 0,
        })
    }

    /// Writes a whole file so that after a crash there is either all of it or what was there before.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let (head, cipher) = self.new_head(name)?;
        let mut sealed = head.as_bytes().to_vec();
        let count = bytes.len().div_ceil(PIECE_LEN).max(1);
        for number in 0..count {
            let from = number * PIECE_LEN;
            let mut piece = bytes[from..bytes.len().min(from + PIECE_LEN)].to_vec();
            let last = number + 1 == count;
            seal(cipher.as_deref(), name, number as u64, last, &mut piece);
            sealed.extend_from_slice(&piece);
        }
        replace(&*self.storage, name, &mut [IoSlice::new(&sealed)])
    }

    /// Opens a file; its pieces are checked when they are read.
    pub fn open(&self, name: &str) -> Result<ChunkedFile, ChunkedError> {
        let file = self.storage.open(name)?;
        let len = file.len()?;
        let mut head = [0; HEAD_LEN];
        let read = file.read_at(&mut head, 0)?;
        let cipher = match Head::ref_from_bytes(&head) {
            Ok(head) if read == HEAD_LEN => self.cipher_of(head, name)?,
            _ => None,
        };
        let damaged = || ChunkedError::Damaged {
            file: name.to_owned(),
            offset: 0,
        };
        let cipher = cipher.ok_or_else(damaged)?;
        let sealed = len - HEAD_LEN as u64;
        let count = sealed.div_ceil(SEALED_PIECE_LEN as u64);
        let tags = count * TAG_LEN as u64;
        let last = sealed - count.saturating_sub(1) * SEALED_PIECE_LEN as u64;
        if count == 0 || last < TAG_LEN as u64 {
            return Err(damaged());
        }
        Ok(ChunkedFile {
            file,
            name: name.to_owned(),
            cipher,
            len: sealed - tags,
            pieces: count,
        })
    }

    /// Reads a whole file of at most `len_max` bytes; a longer one is damage.
    pub fn read_whole(&self, name: &str, len_max: u64) -> Result<Vec<u8>, ChunkedError> {
        let file = self.open(name)?;
        if file.len > len_max {
            return Err(file.damaged(0));
        }
        file.read(0..file.len)
    }

    /// Removes a file: its key first, so that nothing of it can be read from what the disk keeps.
    pub fn remove(&self, name: &str) -> Result<(), StorageError> {
        if self.keys.is_some() {
            let file = self.storage.open(name)?;
            file.write_at(&mut [IoSlice::new(&[0; HEAD_LEN])], 0)?;
            file.sync()?;
        }
        self.storage.remove(name)
    }

    /// The names there are, in no order; also of files that were never finished.
    pub fn names(&self) -> Result<Vec<String>, StorageError> {
        self.storage.names()
    }

    /// Makes names durable.
    pub fn sync(&self) -> Result<(), StorageError> {
        self.storage.sync()
    }

    fn new_head(&self, name: &str) -> Result<(Head, PieceCipher), StorageError> {
        let mut head = Head {
            magic: MAGIC,
            version: VERSION.into(),
            algorithm: 0,
            reserved_a: [0; 3],
            key: U32::ZERO,
            nonce: [0; 12],
            wrapped: [0; 32],
            tag: [0; TAG_LEN],
            reserved_b: [0; 44],
            checksum: U32::ZERO,
        };
        let mut pieces = None;
        if let Some(keys) = &self.keys {
            let Loaded::Open(node) = keys.vault.key(keys.key)? else {
                let why = io::Error::other("the node's key cannot be used any more");
                return Err(StorageError::new(Operation::Create, name, why));
            };
            let (key, nonce) = {
                let mut draws = keys.nonces.lock().unwrap_or_else(PoisonError::into_inner);
                (draws.key(), draws.nonce())
            };
            head.algorithm = keys.algorithm as u8;
            head.key = keys.key.into();
            head.nonce = nonce;
            let mut wrapped = *key;
            head.tag = node.seal(&nonce, &head.authenticated(name), &mut wrapped);
            head.wrapped = wrapped;
            pieces = Some(cipher(keys.algorithm, &key));
        }
        head.checksum = head.checksum_of();
        Ok((head, pieces))
    }

    /// What the pieces under this head are sealed with; `None` where it is none of ours.
    fn cipher_of(&self, head: &Head, name: &str) -> Result<Option<PieceCipher>, StorageError> {
        let is_head = head.magic == MAGIC
            && head.version.get() == VERSION
            && head.checksum == head.checksum_of()
            && head.reserved_a == [0; 3]
            && head.reserved_b == [0; 44];
        let keys = match (&self.keys, head.algorithm) {
            _ if !is_head => return Ok(None),
            (None, 0) => return Ok(Some(None)),
            // Beside an encrypted log nothing is plain.
            (None, _) | (Some(_), 0) => return Ok(None),
            (Some(keys), _) => keys,
        };
        let Some(algorithm) = Algorithm::of(head.algorithm) else {
            return Ok(None);
        };
        let Loaded::Open(node) = keys.vault.key(head.key.get())? else {
            return Ok(None);
        };
        let mut key = Zeroizing::new(head.wrapped);
        let aad = head.authenticated(name);
        let opened = node.open(&head.nonce, &aad, &mut *key, &head.tag);
        Ok(opened.is_ok().then(|| Some(cipher(algorithm, &key))))
    }
}

impl Head {
    fn authenticated(&self, name: &str) -> Vec<u8> {
        [&self.as_bytes()[..AUTHENTICATED_LEN], name.as_bytes()].concat()
    }

    fn checksum_of(&self) -> U32 {
        crc32c::crc32c(&self.as_bytes()[..HEAD_LEN - 4]).into()
    }
}

/// number (8 bytes) ‖ whether it is the last (4).
fn nonce(number: u64, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    nonce[8] = last.into();
    nonce
}

fn checksum(nonce: &[u8; 12], name: &str, bytes: &[u8]) -> [u8; TAG_LEN] {
    let checksum = crc32c::crc32c_append(crc32c::crc32c(nonce), name.as_bytes());
    let mut tag = [0; TAG_LEN];
    tag[..4].copy_from_slice(&crc32c::crc32c_append(checksum, bytes).to_le_bytes());
    tag
}

/// Seals a piece in place and appends its tag.
fn seal(cipher: Option<&dyn Cipher>, name: &str, number: u64, last: bool, piece: &mut Vec<u8>) {
    let nonce = nonce(number, last);
    let tag = match cipher {
        Some(cipher) => cipher.seal(&nonce, name.as_bytes(), piece),
        None => checksum(&nonce, name, piece),
    };
    piece.extend_from_slice(&tag);
}

/// A file being written.
pub struct ChunkedWriter {
    file: Arc<dyn File>,
    name: String,
    cipher: PieceCipher,
    /// Not written yet: which piece is the last is known at the end.
    piece: Vec<u8>,
    pieces: u64,
}

impl ChunkedWriter {
    /// Appends bytes.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), StorageError> {
        while !bytes.is_empty() {
            if self.piece.len() == PIECE_LEN {
                self.write_piece(false)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_LEN - self.piece.len()));
            self.piece.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Writes what is left and makes the bytes durable.
    pub fn finish(&mut self) -> Result<(), StorageError> {
        self.write_piece(true)?;
        self.file.sync()
    }

    fn write_piece(&mut self, last: bool) -> Result<(), StorageError> {
        // Taken out first and counted first: after an error no piece is sealed a second time under the same
        // nonce, which would undo the seal.
        let mut piece = std::mem::take(&mut self.piece);
        let number = self.pieces;
        self.pieces += 1;
        seal(self.cipher.as_deref(), &self.name, number, last, &mut piece);
        let at = HEAD_LEN as u64 + number * SEALED_PIECE_LEN as u64;
        self.file.write_at(&mut [IoSlice::new(&piece)], at)?;
        piece.clear();
        self.piece = piece;
        Ok(())
    }
}

impl std::fmt::Debug for ChunkedWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChunkedWriter({})", self.name)
    }
}

/// A file that is there.
pub struct ChunkedFile {
    file: Arc<dyn File>,
    name: String,
    cipher: PieceCipher,
    len: u64,
    pieces: u64,
}

impl ChunkedFile {
    /// Bytes that were written.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // Nobody asks.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Some of the bytes; a range beyond the end is damage to whatever named it.
    pub fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ChunkedError> {
        if range.end > self.len || range.start > range.end {
            return Err(self.damaged(self.len));
        }
        let mut bytes = Vec::with_capacity((range.end - range.start) as usize);
        let piece_len = PIECE_LEN as u64;
        // An empty file has one piece, which is checked too.
        let numbers = range.start / piece_len..range.end.div_ceil(piece_len).max(1);
        for number in numbers.start.min(self.pieces - 1)..numbers.end {
            let piece = self.piece(number)?;
            let begins = number * piece_len;
            let from = range.start.saturating_sub(begins) as usize;
            let to = (range.end - begins).min(piece.len() as u64) as usize;
            bytes.extend_from_slice(piece.get(from..to).unwrap_or_default());
        }
        Ok(bytes)
    }

    fn piece(&self, number: u64) -> Result<Vec<u8>, ChunkedError> {
        let at = HEAD_LEN as u64 + number * SEALED_PIECE_LEN as u64;
        let last = number + 1 == self.pieces;
        let len = match last {
            true => (self.len - number * PIECE_LEN as u64) as usize,
            false => PIECE_LEN,
        };
        let mut piece = vec![0; len + TAG_LEN];
        let read = self.file.read_at(&mut piece, at)?;
        let damaged = || self.damaged(at);
        let (bytes, tag) = piece.split_at_mut_checked(len).ok_or_else(damaged)?;
        let tag: [u8; TAG_LEN] = (&*tag).try_into().map_err(|_| damaged())?;
        let nonce = nonce(number, last);
        let is_sound = match &self.cipher {
            Some(cipher) => {
                let aad = self.name.as_bytes();
                cipher.open(&nonce, aad, bytes, &tag).is_ok()
            }
            None => checksum(&nonce, &self.name, bytes) == tag,
        };
        if read < len + TAG_LEN || !is_sound {
            return Err(damaged());
        }
        piece.truncate(len);
        Ok(piece)
    }

    fn damaged(&self, offset: u64) -> ChunkedError {
        ChunkedError::Damaged {
            file: self.name.clone(),
            offset,
        }
    }
}

impl std::fmt::Debug for ChunkedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChunkedFile({})", self.name)
    }
}

#[cfg(test)]
mod tests;
