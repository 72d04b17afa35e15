//! What others have said of this log, as it is stored beside it: timestamps and cosigned checkpoints, compared
//! with what was signed and, by the audit, with the log.

use super::checkpoint::{Checkpoint, CheckpointError, Origin};
use super::stamps::{Stamp, StampFile, stamps};
use super::stored::{Signed, origin_of};
use super::timestamp::{TimestampError, Token};
use super::{COSIGNED, Hash, read_cosigned};
use crate::log::storage::{Storage, StorageError};

/// What others have said of a log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Attested {
    /// Timestamps of this log's checkpoints that cover them.
    pub timestamps: u64,
    /// The last one: its records, and when, by the authority's clock in seconds since 1970. Its signature is for
    /// `openssl ts -verify`.
    pub timestamped: Option<(u64, u64)>,
    /// Timestamps from before the log was repaired: of another log.
    pub timestamps_before: u64,
    /// The last cosigned checkpoint, as it is stored, and its records. Who has cosigned it,
    /// [`WitnessKey::cosigned`] says.
    ///
    /// [`WitnessKey::cosigned`]: super::WitnessKey::cosigned
    pub cosigned: Option<(Vec<u8>, u64)>,
}

/// Why a file says nothing of this log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttestedError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The timestamp is none, or not of the checkpoint beside it.
    #[error(transparent)]
    Timestamp(#[from] TimestampError),
    /// The checkpoint is not signed by this log.
    #[error("its checkpoint does not hold: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// Its name says other records than its checkpoint.
    #[error("its checkpoint has {found} records")]
    Name {
        /// As signed.
        found: u64,
    },
    /// More was signed once than is now.
    #[error(
        "{size} records were signed then, and {now} are now: the log was cut, or is an older copy"
    )]
    Lost {
        /// Signed then.
        size: u64,
        /// Signed now.
        now: u64,
    },
    /// Of a later life of the log.
    #[error("it is of a later life of this log: this is an older copy")]
    Later,
    /// Another root was signed then.
    #[error("root {signed} was signed then, the log's records give {found}: history was changed")]
    Root {
        /// As signed, base64.
        signed: String,
        /// The log's.
        found: String,
    },
}

/// A root that was signed once, and where that is stored.
pub(super) struct Claim {
    pub(super) file: String,
    pub(super) size: u64,
    pub(super) root: Hash,
}

/// All that is there, what of it is to be compared with the log (in order of size), and what is wrong already.
pub(super) type Read = (Attested, Vec<Claim>, Vec<(String, AttestedError)>);

pub(super) fn read(published: &dyn Storage, signed: &Signed) -> Result<Read, StorageError> {
    let (mut attested, mut claims, mut faults) = (Attested::default(), Vec::new(), Vec::new());
    for stamp in stamps(published)? {
        match read_stamp(published, signed, stamp) {
            Ok((time_s, Some(claim))) => {
                attested.timestamps += 1;
                attested.timestamped = Some((claim.size, time_s));
                claims.push(claim);
            }
            Ok((_, None)) => attested.timestamps_before += 1,
            Err(error) => faults.push((stamp.path(StampFile::Reply), error)),
        }
    }
    if let Some(note) = read_cosigned(published)? {
        let origin = origin_of(&note);
        let before = origin.is_some_and(|it| it.incarnation < signed.origin.incarnation);
        match Checkpoint::verify(&note, &signed.key) {
            _ if before => {}
            Ok(checkpoint) => match claim(COSIGNED.to_owned(), &checkpoint, signed) {
                Ok(claim) => {
                    attested.cosigned = Some((note, claim.size));
                    claims.push(claim);
                }
                Err(error) => faults.push((COSIGNED.to_owned(), error)),
            },
            Err(error) => faults.push((COSIGNED.to_owned(), error.into())),
        }
    }
    claims.sort_by_key(|claim| claim.size);
    Ok((attested, claims, faults))
}

/// When it was timestamped, and what is to be compared with the log: nothing of an earlier life.
fn read_stamp(
    published: &dyn Storage,
    signed: &Signed,
    stamp: Stamp,
) -> Result<(u64, Option<Claim>), AttestedError> {
    let read = |file| {
        let bytes = stamp.read(published, file);
        bytes.map_err(|error| AttestedError::Unreadable(error.to_string()))
    };
    let (reply, note) = (read(StampFile::Reply)?, read(StampFile::Checkpoint)?);
    let token = Token::read(&reply)?;
    token.covers(&note)?;
    let origin = Origin {
        incarnation: stamp.incarnation,
        ..signed.origin.clone()
    };
    let key = signed.key.named(&origin.to_string());
    let key = key.map_err(|_| CheckpointError::Malformed)?;
    let checkpoint = Checkpoint::verify(&note, &key)?;
    if checkpoint.size != stamp.size {
        let found = checkpoint.size;
        return Err(AttestedError::Name { found });
    }
    if stamp.incarnation > signed.origin.incarnation {
        return Err(AttestedError::Later);
    }
    if stamp.incarnation < signed.origin.incarnation {
        return Ok((token.time_s, None));
    }
    let claim = claim(stamp.path(StampFile::Reply), &checkpoint, signed)?;
    Ok((token.time_s, Some(claim)))
}

fn claim(file: String, said: &Checkpoint, signed: &Signed) -> Result<Claim, AttestedError> {
    let (size, now) = (said.size, signed.checkpoint.size);
    if size > now {
        return Err(AttestedError::Lost { size, now });
    }
    let root = said.root;
    Ok(Claim { file, size, root })
}
