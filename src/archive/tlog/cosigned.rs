//! Asking witnesses for cosignatures (c2sp.org/tlog-witness), and keeping what they gave.
//!
//! A witness remembers the last checkpoint it has cosigned and cosigns what goes on from that, and nothing
//! else: whoever trusts it need not have kept a checkpoint to know of a fork.

use std::io::IoSlice;

use super::checkpoint::Checkpoint;
use super::cosignature::{Cosignature, WitnessKey, with_lines};
use super::note::{self, NOTE_LEN_MAX, NoteError};
use super::stored::{StoredError, origin_of, read_hashes, read_note};
use super::tile::{Part, Tile};
use super::{CHECKPOINT, Hash, base64, consistency, decimal};
use crate::log::storage::{Storage, StorageError, read_whole, replace};

/// The file of the last checkpoint that witnesses have cosigned, with their lines.
pub const COSIGNED: &str = "cosigned";

/// The longest answer of a witness that is read: some lines.
pub const ANSWER_LEN_MAX: usize = 16 * 1024;

/// What a witness is asked: the body of `add-checkpoint`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddCheckpoint {
    /// Records of the checkpoint that the witness is taken to have cosigned last; 0 for none.
    pub old: u64,
    /// The body, with the proof that the checkpoint goes on from those.
    pub body: String,
}

impl AddCheckpoint {
    /// Asks for a cosignature under `note`, whose checkpoint has `size` records, at least `old`. The proof is
    /// made of the tiles and not checked: the witness does.
    pub fn new(
        storage: &dyn Storage,
        note: &str,
        (old, size): (u64, u64),
    ) -> Result<Self, StoredError> {
        let proof = consistency(old.min(size), size, |tile| read_wide(storage, tile))?;
        let mut body = format!("old {old}\n");
        for hash in &proof {
            body.push_str(&base64(hash));
            body.push('\n');
        }
        body.push('\n');
        body.push_str(note);
        Ok(Self { old, body })
    }
}

/// The hashes of a tile, also where it has become full and the partial one was removed since.
fn read_wide(storage: &dyn Storage, tile: Tile) -> Result<Vec<Hash>, StoredError> {
    match (read_hashes(storage, tile), tile.part()) {
        (Err(StoredError::Storage(error)), Part::Hashes(level)) if error.is_not_found() => {
            let mut full = read_hashes(storage, Tile::full(level, tile.number()))?;
            full.truncate(tile.width() as usize);
            Ok(full)
        }
        (hashes, _) => hashes,
    }
}

/// What a witness answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It cosigns.
    Cosigned(Cosignature),
    /// It has cosigned a checkpoint of so many records last, and is to be asked again from there.
    Holds(u64),
}

/// Why a witness does not cosign.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// It has cosigned another history of this log.
    #[error(
        "it has cosigned {old} records of this log, from which these {size} do not go on: this log is a copy of \
         an earlier state, or its history was changed"
    )]
    Forked {
        /// Records it has cosigned.
        old: u64,
        /// Records of the checkpoint.
        size: u64,
    },
    /// It has cosigned more records than there are.
    #[error(
        "it has cosigned {held} records of this log, the checkpoint has {size}: this log is a copy of an earlier \
         state"
    )]
    Ahead {
        /// Records it has cosigned.
        held: u64,
        /// Records of the checkpoint.
        size: u64,
    },
    /// It does not know the log, or its key.
    #[error(
        "it does not know this log (status {status}): give its operator the origin and the key"
    )]
    Unknown {
        /// 403 or 404.
        status: u16,
    },
    /// Another status than the protocol has.
    #[error("it answered with status {status}")]
    Status {
        /// Its status.
        status: u16,
    },
    /// No answer of the protocol.
    #[error("its answer is none of tlog-witness")]
    Malformed,
    /// No cosignature of its key under this checkpoint.
    #[error("its cosignature does not hold: {0}")]
    Cosignature(#[from] NoteError),
}

/// Reads a witness's answer to a request about `checkpoint`, which is the one in `note`.
pub fn read_answer(
    asked: &AddCheckpoint,
    (note, checkpoint): (&str, &Checkpoint),
    key: &WitnessKey,
    (status, body): (u16, &[u8]),
) -> Result<Answer, WitnessError> {
    let (old, size) = (asked.old, checkpoint.size);
    if body.len() > ANSWER_LEN_MAX {
        return Err(WitnessError::Malformed);
    }
    let text = std::str::from_utf8(body).map_err(|_| WitnessError::Malformed);
    match status {
        200 => {
            let lines = text?;
            // Nothing but lines: they are read below the checkpoint's own text.
            if lines.contains("\n\n") || lines.starts_with('\n') {
                return Err(WitnessError::Malformed);
            }
            let (text, _) = note::split(note.as_bytes())?;
            let cosigned = key.cosigned(format!("{text}\n{lines}").as_bytes())?;
            Ok(Answer::Cosigned(cosigned))
        }
        409 => {
            let held = text?.strip_suffix('\n').and_then(decimal);
            match held.ok_or(WitnessError::Malformed)? {
                held if held > size => Err(WitnessError::Ahead { held, size }),
                // Of the same size, and another root.
                held if held == old => Err(WitnessError::Forked { old, size }),
                held => Ok(Answer::Holds(held)),
            }
        }
        422 => Err(WitnessError::Forked { old, size }),
        403 | 404 => Err(WitnessError::Unknown { status }),
        status => Err(WitnessError::Status { status }),
    }
}

/// Adds lines to the published checkpoint while it is still the one with this text; whether it was. Only for
/// the thread that publishes: nobody else replaces that file.
pub(crate) fn add_lines(
    storage: &dyn Storage,
    text: &str,
    lines: &[String],
) -> Result<bool, StorageError> {
    let Some(note) = read_note(storage)? else {
        return Ok(false);
    };
    let Ok(note) = String::from_utf8(note) else {
        return Ok(false);
    };
    let current = note::split(note.as_bytes()).is_ok_and(|(found, _)| found == text);
    let Some(cosigned) = with_lines(&note, lines).filter(|_| current) else {
        return Ok(false);
    };
    if cosigned != note {
        let mut slices = [IoSlice::new(cosigned.as_bytes())];
        replace(storage, CHECKPOINT, &mut slices)?;
    }
    Ok(true)
}

/// Keeps a checkpoint with its witnesses' lines as the last cosigned one. One of an earlier life of the log is
/// kept under another name.
pub(crate) fn keep_cosigned(
    storage: &dyn Storage,
    note: &str,
    lines: &[String],
) -> Result<(), StorageError> {
    let before = read_cosigned(storage)?;
    let before = before.and_then(|before| String::from_utf8(before).ok());
    if let Some(before) = &before {
        let (was, is) = (origin_of(before.as_bytes()), origin_of(note.as_bytes()));
        if let Some(was) = was.filter(|was| Some(was) != is.as_ref()) {
            let kept = format!("{COSIGNED}.{}", was.incarnation);
            storage.rename(COSIGNED, &kept)?;
        }
    }
    // Of the same checkpoint, those who cosigned it earlier stay.
    let text = |note: &str| note::split(note.as_bytes()).map(|(text, _)| text.to_owned());
    let before = before.filter(|before| text(before) == text(note));
    let Some(cosigned) = with_lines(before.as_deref().unwrap_or(note), lines) else {
        return Ok(());
    };
    replace(storage, COSIGNED, &mut [IoSlice::new(cosigned.as_bytes())])
}

/// The last cosigned checkpoint as it is stored; `None` where there is none.
pub fn read_cosigned(storage: &dyn Storage) -> Result<Option<Vec<u8>>, StorageError> {
    match read_whole(storage, COSIGNED, NOTE_LEN_MAX as u64 + 1) {
        Ok(note) => Ok(Some(note)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
