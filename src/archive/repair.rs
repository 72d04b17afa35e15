//! The explicit way out of damage: give up everything from the first damaged place on.
//!
//! What is given up is kept, in files the log does not read. The incarnation is raised first, so that
//! an interrupted repair can never pass for a log that lost nothing; run again, it goes on.
//!
//! A copy that was restored is sound in itself. That it goes on in the place of another is a loss all the same,
//! of all that the other one had: the incarnation rises, so that what is signed from then on is of another origin
//! and contradicts nothing.

use std::fmt;

use std::io::IoSlice;

use crate::log::format::{BATCH_HEADER_LEN, BatchHeader, EPOCH_MAX, Meta};
use crate::log::seal;
use crate::log::storage::{Storage, StorageError};
use crate::log::survey::Found;
use crate::log::{
    Damage, KeyringError, cut, new_meta, raised_incarnation, snapshot_position, write_meta,
};
use crate::wire::RecordNumber;

use super::tlog::Signed;
use super::verify::{Looked, VerifyError, key_max, look};

/// Threads that look for the damage.
const THREADS: usize = 2;

/// What an operator says to a repair.
#[derive(Clone, Default, Debug)]
pub struct Consent {
    /// What is lost may be lost.
    pub accept_loss: bool,
    /// This log is a copy that goes on in the place of another, whether anything shows that or not.
    pub restored_copy: bool,
    /// What is known to have been signed of it: the new incarnation is above all of these, and a log that has
    /// less is an older copy.
    pub signed: Vec<Signed>,
}

impl Consent {
    /// To losing what must be.
    #[must_use]
    pub fn to_loss() -> Self {
        Self {
            accept_loss: true,
            ..Self::default()
        }
    }
}

/// Why a log was repaired.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The first damage.
    Damage(Damage),
    /// More was signed than it has.
    Behind {
        /// Records that were signed.
        signed: u64,
        /// Under which origin.
        origin: String,
        /// Records it has.
        held: u64,
    },
    /// The operator said that it is a copy.
    RestoredCopy,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damage(damage) => damage.fmt(f),
            Self::Behind {
                signed,
                origin,
                held,
            } => write!(
                f,
                "{signed} records were signed under {origin}, the log holds {held}: it is an older copy"
            ),
            Self::RestoredCopy => f.write_str("the log is a restored copy"),
        }
    }
}

/// What a repair did.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Repair {
    /// Why.
    pub cause: Cause,
    /// The log now ends before this record. The engine's next record tells of the repair.
    pub at: RecordNumber,
    /// The log's incarnation from now on.
    pub incarnation: u64,
    /// The files in which everything that was cut is kept.
    pub kept_in: Vec<String>,
    /// Whether the meta file was lost, and with it the key by which retries from before are recognised.
    pub digest_key_lost: bool,
}

/// Why nothing was repaired, or not all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepairError {
    /// The log cannot be read.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The disk failed. Run the repair again.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The loss was not accepted; nothing was changed.
    #[error(
        "{cause}; a repair gives up record {at} and all that follow: restore a newer copy, or say --accept-loss"
    )]
    LossNotAccepted {
        /// Why.
        cause: Cause,
        /// The first record that would be lost.
        at: RecordNumber,
    },
    /// The loss of keys was not accepted; nothing was changed.
    #[error(
        "{lost} or more keys are lost: a repair gives up what was sealed under them, and no record: restore the file \
         `keyring` from a copy, or say --accept-loss"
    )]
    KeysNotAccepted {
        /// How many are known to be lost, up to a thousand.
        lost: u64,
    },
    /// The keys of an encrypted log cannot be used, and no repair brings them back.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
}

/// Repairs a log that does not open because durable bytes are damaged, or that goes on in the place of another.
/// `Ok(None)`: there is nothing to repair. `entropy` is fresh randomness, for the incarnation and for a meta file
/// that must be made anew.
pub fn repair(
    storage: &dyn Storage,
    consent: &Consent,
    entropy: [u8; 32],
) -> Result<Option<Repair>, RepairError> {
    let Looked {
        meta,
        begin,
        segments,
        verdict,
        ..
    } = look(storage, THREADS, &|_| {}, None)?;
    let (whole, rest) = segments.split_at(verdict.usable.whole);
    let (part, gone) = rest.split_at(usize::from(verdict.usable.part));
    let damage = verdict.damage.into_iter().next();
    let is_sound = damage.is_none();
    let at = match (part.first(), whole.last()) {
        (Some(part), _) => keepable(part).next,
        (None, Some(last)) => last.scan.as_ref().map_or(0, |scan| scan.next),
        (None, None) => begin,
    };
    let behind = || behind(meta.as_ref().ok()?, at, &consent.signed);
    let cause = match damage.map(Cause::Damage).or_else(behind) {
        Some(_) if is_sound && consent.restored_copy => Cause::RestoredCopy,
        Some(cause) if consent.accept_loss => cause,
        Some(cause) => {
            let at = RecordNumber(at);
            return Err(RepairError::LossNotAccepted { cause, at });
        }
        None if consent.restored_copy => Cause::RestoredCopy,
        None => return Ok(None),
    };
    let digest_key_lost = meta.is_err();
    let meta = raised(meta.ok(), &segments, (begin, at), consent, &entropy);
    write_meta(storage, &meta)?;
    if is_sound {
        return Ok(Some(Repair {
            cause,
            at: RecordNumber(at),
            incarnation: meta.incarnation,
            kept_in: Vec::new(),
            digest_key_lost,
        }));
    }

    let mut kept_in = Vec::new();
    for part in part {
        kept_in.push(cut_part(storage, part, meta.epoch)?);
    }
    let mut names: Vec<String> = gone.iter().map(|found| found.name.clone()).collect();
    let snapshots = storage.names()?.into_iter();
    names.extend(snapshots.filter(|name| snapshot_position(name).is_some_and(|it| it > at)));
    for name in names {
        let kept = format!("{name}.cut-{:08}", meta.epoch);
        storage.rename(&name, &kept)?;
        kept_in.push(kept);
    }
    storage.sync()?;
    Ok(Some(Repair {
        cause,
        at: RecordNumber(at),
        incarnation: meta.incarnation,
        kept_in,
        digest_key_lost,
    }))
}

/// Records, each in its place, which keys of an encrypted log are lost, and says how many there were. What was sealed
/// under them reads as gone from then on; no record is given up. A keyring of which more is lost (its header, or
/// the whole file) must be restored from a copy.
pub fn record_lost_keys(storage: &dyn Storage, accept_loss: bool) -> Result<u64, RepairError> {
    let Looked {
        segments, keyring, ..
    } = look(storage, THREADS, &|_| {}, None)?;
    let lost = match &keyring {
        Ok(found) => {
            let keys = found.iter().flat_map(|found| found.lost.keys());
            keys.filter(|lost| lost.defect.is_some()).count() as u64
        }
        // Entries that are missing at the end.
        Err(KeyringError::Damaged { key, .. }) if *key > 0 => 1,
        Err(_) => 0,
    };
    match keyring {
        Err(error) if lost == 0 => return Err(error.into()),
        _ if lost == 0 => return Ok(0),
        _ if !accept_loss => return Err(RepairError::KeysNotAccepted { lost }),
        _ => {}
    }
    Ok(seal::record_lost(storage, key_max(&segments))?)
}

/// What shows that a sound log of `held` records is an older copy: more was signed of its life, or a later one.
fn behind(meta: &Meta, held: u64, signed: &[Signed]) -> Option<Cause> {
    let of_log = signed.iter().filter(|it| it.origin.log == meta.log);
    let newest = of_log.max_by_key(|it| (it.origin.incarnation, it.checkpoint.size))?;
    let (incarnation, size) = (newest.origin.incarnation, newest.checkpoint.size);
    let is_behind =
        incarnation > meta.incarnation || (incarnation == meta.incarnation && size > held);
    is_behind.then(|| Cause::Behind {
        signed: size,
        origin: newest.origin.to_string(),
        held,
    })
}

/// The meta file after the repair: a new incarnation and epoch, above every one that is known to have been used.
/// Where the meta file itself is lost, segments' headers and checkpoints know.
fn raised(
    meta: Option<Meta>,
    segments: &[Found],
    (begin, at): (u64, u64),
    consent: &Consent,
    entropy: &[u8; 32],
) -> Meta {
    let headers = || {
        segments
            .iter()
            .filter_map(|found| found.header.as_ref().ok())
    };
    let mut meta = meta.unwrap_or_else(|| {
        let mut meta = new_meta(entropy);
        if let Some(header) = headers().next() {
            (meta.log, meta.incarnation) = (header.log, header.incarnation);
        }
        // Where earlier repairs have cut, nobody knows.
        meta.kept = 0;
        meta
    });
    let scans = segments.iter().filter_map(|found| found.scan.as_ref());
    let epochs = headers().map(|header| header.epoch);
    let epoch = scans.map(|scan| scan.epoch).chain(epochs).max();
    meta.epoch = (meta.epoch.max(epoch.unwrap_or(0)) + 1).min(EPOCH_MAX);
    let signed = consent.signed.iter().map(|it| &it.origin);
    let signed = signed.filter(|origin| origin.log == meta.log);
    let incarnations = headers().map(|header| header.incarnation);
    let known = incarnations.chain(signed.map(|origin| origin.incarnation));
    let before = known.fold(meta.incarnation, u64::max);
    meta.incarnation = raised_incarnation(before, entropy);
    meta.kept = meta.kept.min(at);
    meta.repaired_at = Some(at);
    meta.durable = at;
    meta.begin = begin;
    meta
}

/// What of a damaged segment can be kept.
struct Keepable {
    /// The record after the last.
    next: u64,
    /// Where the last batch that is whole ends.
    batches_end: u64,
    /// Bytes to keep behind that, and the header that makes them a batch.
    prefix: Option<(u64, [u8; BATCH_HEADER_LEN])>,
}

fn keepable(found: &Found) -> Keepable {
    let Some(scan) = &found.scan else {
        return Keepable {
            next: found.first,
            batches_end: 0,
            prefix: None,
        };
    };
    let prefix = scan.broken.filter(|(_, frames, _)| *frames > 0);
    let shortened = prefix.map(|(batch, frames, body_len)| {
        let len = BATCH_HEADER_LEN as u64 + u64::from(body_len);
        let batch = BatchHeader {
            frames,
            body_len,
            ..batch
        };
        (len, batch.encode())
    });
    Keepable {
        next: scan.next + prefix.map_or(0, |(_, frames, _)| u64::from(frames)),
        batches_end: scan.end,
        prefix: shortened,
    }
}

/// Cuts a segment at its first damage, keeping the records of that batch before it.
fn cut_part(storage: &dyn Storage, found: &Found, epoch: u32) -> Result<String, StorageError> {
    let Keepable {
        batches_end,
        prefix,
        ..
    } = keepable(found);
    let keep = prefix.map_or(0, |(len, _)| len);
    let (kept_in, _) = cut(storage, found, batches_end + keep, epoch)?;
    let file = &found.file;
    if let Some((_, header)) = prefix {
        file.write_at(&mut [IoSlice::new(&header)], batches_end)?;
    }
    if let Ok(header) = &found.header {
        file.allocate(header.len)?; // It may have been cut short.
    }
    file.sync()?;
    Ok(kept_in)
}
