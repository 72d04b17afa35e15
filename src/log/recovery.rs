//! Opening a log: what is there, what of it was promised, and what is only the remains of a crash.
//!
//! Let d be the highest record that any intact batch says is durable. Damage above d was never
//! acknowledged: it is cut, with everything after it, and the cut bytes are kept in a file of their
//! own. Damage at or below d is refused, for a human to decide on ([`crate::archive::repair`]).
//! Every step may be interrupted and done again: nothing is written before what it replaces is kept.

use std::io::IoSlice;
use std::sync::{Arc, RwLock};

use super::config::{Config, ConfigError};
use super::format::{Damage, Defect, EPOCH_MAX, KEYRING, META, META_LEN, Meta};
use super::keys::{Keys, derive};
use super::removal::sweep;
use super::seal::{self, Keyring, KeyringError, LostKey, Sealing};
use super::segment::{Index, Segment, Shared};
use super::snapshot::base;
use super::storage::{File, Storage, StorageError, UNFINISHED, read_whole, replace, unfinished};
use super::survey::{Found, Scope, judge, survey};
use super::tail::Tail;
use super::writer::{Log, Opened};
use crate::wire::{RecordNumber, Timestamp};

/// Bytes copied or zeroed at a time.
const CHUNK_LEN: usize = 1024 * 1024;

/// Why a log was not opened. Nothing it holds was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The disk failed, is full, or belongs to another process.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Durable bytes are damaged.
    #[error(
        "{0}; restore a copy, or accept the loss of everything from there on with `throng archive repair --accept-loss`"
    )]
    Damaged(#[from] Damage),
    /// A knob is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log is encrypted, and its keys cannot be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The log was opened 16 million times; nonces would repeat.
    #[error(
        "the log was opened {EPOCH_MAX} times, which is all its format allows: start a new one"
    )]
    EpochsUsedUp,
}

/// What an open found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The number the next record will have.
    pub next: RecordNumber,
    /// The log's id, drawn when it was made.
    pub log: [u8; 16],
    /// Changed when records were lost by a repair: cursors of another incarnation mean nothing.
    pub incarnation: u64,
    /// The key of body digests, drawn when the log was made.
    pub digest_key: [u8; 16],
    /// What a crash left half written, and where it is kept.
    pub cut: Option<Cut>,
    /// The last repair, while no record follows it: the next record should tell of it.
    pub repaired: Option<Repaired>,
    /// The time of the last record; 0 where there is none.
    pub last_timestamp: Timestamp,
    /// Keys whose entries have rotted, the first thousand: what was sealed under them cannot be read.
    pub lost_keys: Vec<LostKey>,
}

/// Bytes that were cut off the end: of records that were never acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// What ended the log there.
    pub damage: Damage,
    /// Bytes cut.
    pub bytes: u64,
    /// The file they are kept in.
    pub kept_in: String,
}

/// A repair that accepted loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The first record that was lost.
    pub at: RecordNumber,
}

impl Log {
    /// Opens the log in `storage`, or makes one where there is none.
    ///
    /// `entropy` is fresh randomness for this open: salts and segment ids follow from it, and in a
    /// new log its identity and keys.
    pub fn open(
        storage: Arc<dyn Storage>,
        config: Config,
        entropy: [u8; 32],
    ) -> Result<(Self, Recovered), OpenError> {
        config.check()?;
        // What an earlier process wrote but never synced must not vanish after it was read here.
        storage.sync()?;
        let names = storage.names()?;
        sync_last(&*storage, &names)?;
        let scope = Scope {
            from: config.check_from,
            threads: config.check_threads,
            indexes: true,
            progress: &|_, _| {},
            commitments: None,
        };
        let mut segments = survey(&*storage, &scope)?;
        let mut meta = read_meta(&*storage, &names, segments.is_empty(), &entropy)?;
        let begin = meta.begin;
        segments.retain(|found| found.first >= begin);
        let verdict = judge(&segments, begin, Some(&meta));
        if let Some(damage) = verdict.damage.into_iter().next() {
            return Err(damage.into());
        }
        if meta.epoch == EPOCH_MAX {
            return Err(OpenError::EpochsUsedUp);
        }
        let scans = segments.iter().rev().filter_map(|it| it.scan.as_ref());
        let named = scans.clone().map(|scan| scan.key_max).max();
        let keyring = seal::find(&*storage, &names, named.unwrap_or(0))?;
        if let Some(found) = &keyring {
            let given = config.encryption.as_ref().map(|it| &it.master);
            found.check(&meta.log, given)?;
        }
        let lost = keyring.iter().flat_map(|found| found.lost.keys().cloned());
        let lost_keys = lost.collect();
        let next = scans.clone().next().map_or(begin, |scan| scan.next);
        let last_timestamp = scans.clone().find_map(|scan| scan.last_timestamp);
        meta.epoch += 1;
        meta.durable = next;
        write_meta(&*storage, &meta)?;
        for name in names.iter().filter(|name| is_unfinished(name)) {
            if *name == unfinished(KEYRING) {
                seal::discard(&*storage, name)?;
            } else if *name != unfinished(META) {
                storage.remove(name)?;
            }
        }
        sweep(&*storage, begin)?;
        let cut = match (verdict.torn, segments.last()) {
            (Some(damage), Some(found)) => {
                let end = found.scan.as_ref().map_or(0, |scan| scan.end);
                let (kept_in, bytes) = cut(&*storage, found, end, meta.epoch)?;
                Some(Cut {
                    damage,
                    bytes,
                    kept_in,
                })
            }
            _ => None,
        };
        let recovered = Recovered {
            next: RecordNumber(next),
            log: meta.log,
            incarnation: meta.incarnation,
            digest_key: meta.digest_key,
            cut,
            repaired: meta
                .repaired_at
                .filter(|at| *at == next)
                .map(|at| Repaired {
                    at: RecordNumber(at),
                }),
            last_timestamp: last_timestamp.unwrap_or_default(),
            lost_keys,
        };
        let open_keys = |encryption: &seal::Encryption| {
            let (log, epoch, master) = (meta.log, meta.epoch, &encryption.master);
            let keyring = Keyring::open(&storage, keyring, log, epoch, master, &entropy)?;
            Sealing::new(encryption.clone(), keyring, next, &entropy)
        };
        let sealing = config.encryption.as_ref().map(open_keys).transpose()?;
        let vault = sealing.as_ref().map(|sealing| sealing.vault().clone());
        let shared = Arc::new(Shared::new(next, config.index_bytes_max, vault));
        shared.set_base(base(&*storage, begin)?);
        shared.set_kept(meta.kept);
        let log = Self::new(Opened {
            tail: adopt(segments, &shared),
            keys: Keys::new(&entropy),
            sealing,
            storage,
            config,
            meta,
            next,
            shared,
        })?;
        Ok((log, recovered))
    }
}

/// Syncs the last segment and forgets what is cached of it: after a failed sync the cache shows
/// bytes that are not on the disk.
fn sync_last(storage: &dyn Storage, names: &[String]) -> Result<(), StorageError> {
    let segments = names
        .iter()
        .filter(|name| super::format::segment_first(name).is_some());
    if let Some(last) = segments.max() {
        let file = storage.open(last)?;
        file.sync()?;
        file.forget_cached();
    }
    Ok(())
}

/// Hands the segments to the readers and the last one, unless it is sealed, to the writer.
fn adopt(segments: Vec<Found>, shared: &Shared) -> Result<Tail, [u8; 32]> {
    let mut tail = Err([0; 32]);
    for found in segments {
        // A damaged header was refused before.
        let Ok(header) = found.header else { continue };
        let segment = Arc::new(Segment {
            name: found.name,
            file: found.file,
            header,
            index: RwLock::new(found.index.map_or(Index::Absent, Index::Growing)),
        });
        shared.push(segment.clone());
        tail = match found.scan {
            Some(scan) if !scan.sealed => Ok(Tail {
                segment,
                at: scan.end,
                committed: scan.durable == scan.next,
                tree: scan.tree,
            }),
            scan => {
                shared.settle(&segment);
                Err(scan.map_or([0; 32], |scan| scan.tree.root()))
            }
        };
    }
    tail
}

/// Reads the meta file, or makes one for a log that has nothing else.
fn read_meta(
    storage: &dyn Storage,
    names: &[String],
    new: bool,
    entropy: &[u8; 32],
) -> Result<Meta, OpenError> {
    if names.iter().any(|name| name == META) {
        let bytes = read_whole(storage, META, META_LEN as u64 + 1)?;
        Ok(Meta::decode(&bytes).map_err(meta_damage)?)
    } else if new {
        Ok(new_meta(entropy))
    } else {
        Err(meta_damage(Defect::Missing).into())
    }
}

/// Whether this is a file of ours that was being written at a crash. What is in folders is not ours.
fn is_unfinished(name: &str) -> bool {
    name.ends_with(UNFINISHED) && !name.contains('/')
}

pub(crate) fn meta_damage(defect: Defect) -> Damage {
    Damage {
        file: META.to_owned(),
        offset: 0,
        record: RecordNumber(0),
        defect,
    }
}

/// The meta of a log that has never been opened.
pub(crate) fn new_meta(entropy: &[u8; 32]) -> Meta {
    Meta {
        log: derive(entropy, b"log"),
        epoch: 0,
        incarnation: u64::from_le_bytes(derive(entropy, b"incarnation")) >> 1,
        digest_key: derive(entropy, b"digest"),
        repaired_at: None,
        durable: 0,
        begin: 0,
        kept: u64::MAX,
    }
}

/// The incarnation after a repair of a log that had `before`: higher by a random step, so that two repairs that
/// know nothing of each other, as of two copies of one log, never give the same.
pub(crate) fn raised_incarnation(before: u64, entropy: &[u8; 32]) -> u64 {
    let step = u32::from_le_bytes(derive(entropy, b"incarnation step"));
    // From 63 bits on, it would take more repairs than there are epochs to get to the end.
    before.saturating_add(1).saturating_add(step.into())
}

pub(crate) fn write_meta(storage: &dyn Storage, meta: &Meta) -> Result<(), StorageError> {
    replace(storage, META, &mut [IoSlice::new(&meta.encode())])
}

/// Cuts a segment at `end`: what follows is kept in a file of its own, then zeroed. Returns that
/// file's name and length.
pub(crate) fn cut(
    storage: &dyn Storage,
    found: &Found,
    end: u64,
    epoch: u32,
) -> Result<(String, u64), StorageError> {
    let used = found.scan.as_ref().map_or(found.len, |scan| scan.used_len);
    let used = used.min(found.len);
    let kept_in = format!("{:020}.cut-{end:010}-{epoch:08}", found.first);
    let kept = storage.create(&unfinished(&kept_in))?;
    copy(&*found.file, end..used, &*kept)?;
    kept.sync()?;
    storage.rename(&unfinished(&kept_in), &kept_in)?;
    storage.sync()?;
    let zeros = vec![0; CHUNK_LEN.min(used.saturating_sub(end) as usize)];
    for (at, len) in chunks(end..used) {
        found
            .file
            .write_at(&mut [IoSlice::new(&zeros[..len])], at)?;
    }
    found.file.sync()?;
    Ok((kept_in, used.saturating_sub(end)))
}

fn copy(from: &dyn File, range: std::ops::Range<u64>, to: &dyn File) -> Result<(), StorageError> {
    let start = range.start;
    let mut buffer = Vec::new();
    for (at, len) in chunks(range) {
        buffer.resize(len, 0);
        let read = from.read_at(&mut buffer, at)?;
        to.write_at(&mut [IoSlice::new(&buffer[..read])], at - start)?;
    }
    Ok(())
}

fn chunks(range: std::ops::Range<u64>) -> impl Iterator<Item = (u64, usize)> {
    let end = range.end;
    range
        .step_by(CHUNK_LEN)
        .map(move |at| (at, CHUNK_LEN.min((end - at) as usize)))
}
