//! Whether every byte of a log is what was written (SPEC A8).

use crate::log::Damage;
use crate::log::format::{KEYRING, META, META_LEN, Meta};
use crate::log::seal::{self, FoundKeyring};
use crate::log::storage::{Storage, StorageError, read_whole};
use crate::log::survey::{Found, Scope, Told, Verdict, begin_of, judge, survey};
use crate::log::{Defect, KeyringError, LostKey, base_is_intact, base_name, meta_damage};
use crate::wire::RecordNumber;

use super::tlog::{Audit, AuditError, Auditing, VerifyingKey};

/// How far a verification has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// Bytes read.
    pub done_bytes: u64,
    /// Bytes there are.
    pub total_bytes: u64,
}

/// What a verification found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The first record: those before it were removed by retention.
    pub begin: RecordNumber,
    /// Intact records.
    pub records: u64,
    /// Segment files.
    pub segments: u64,
    /// Bytes of intact segment data.
    pub bytes: u64,
    /// Damage to what was durable, in the order of the log. Empty: the archive is sound.
    pub damage: Vec<Damage>,
    /// What a crash left half written at the end; the next open cuts it.
    pub torn: Option<Damage>,
    /// Bytes behind the end of the log that belong to no record.
    pub residue_bytes: u64,
    /// Keys whose entries have rotted, the first thousand: what was sealed under them cannot be read. They are
    /// damage unless a repair has recorded the loss.
    pub lost_keys: Vec<LostKey>,
}

impl Report {
    /// Whether nothing that was durable is damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// Why nothing could be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The disk failed, or the log is in use.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// There is neither a meta file nor a segment.
    #[error("there is no log here: name the directory that holds its `meta` and `.segment` files")]
    NotALog,
}

/// Damage to the keys that sealed records name; none of them is lost, all may be unreadable.
fn keyring_damage(offset: u64, defect: Defect) -> Damage {
    Damage {
        file: KEYRING.to_owned(),
        offset,
        record: RecordNumber(0),
        defect,
    }
}

/// Verifies a whole log with so many threads: checksums, order, footers, Merkle roots, and that the keys
/// of sealed records are there. It needs no key for that.
pub fn verify(
    storage: &dyn Storage,
    threads: usize,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, VerifyError> {
    reported(storage, look(storage, threads, progress, None)?)
}

/// [`verify`], and in the same pass [`audit`](super::tlog::audit) of what was published of the log. Of a log that
/// is damaged only the report means something.
pub fn verify_published(
    (storage, published): (&dyn Storage, &dyn Storage),
    key: &VerifyingKey,
    threads: usize,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(Report, Result<Audit, AuditError>), VerifyError> {
    let auditing = match Auditing::begin(storage, published, key) {
        Ok(auditing) => auditing,
        Err(error) => return Ok((verify(storage, threads, progress)?, Err(error))),
    };
    let tell = |first, commitments: &[_]| auditing.segment(first, commitments);
    let looked = look(storage, threads, progress, Some(&tell))?;
    Ok((reported(storage, looked)?, Ok(auditing.finish())))
}

fn reported(storage: &dyn Storage, looked: Looked) -> Result<Report, VerifyError> {
    let Looked {
        begin,
        segments,
        mut verdict,
        keyring,
        ..
    } = looked;
    let mut lost_keys = Vec::new();
    let mut of_keys: Vec<Damage> = Vec::new();
    match keyring {
        Ok(found) => {
            lost_keys.extend(found.iter().flat_map(|found| found.lost.keys().cloned()));
            of_keys.extend(lost_keys.iter().filter_map(LostKey::damage));
        }
        Err(KeyringError::Damaged { offset, defect, .. }) => {
            of_keys.push(keyring_damage(offset, defect));
        }
        Err(_) => of_keys.push(keyring_damage(0, Defect::Missing)),
    }
    verdict.damage.splice(0..0, of_keys);
    // No repair brings it back.
    if begin > 0 && !base_is_intact(storage, begin)? {
        verdict.damage.push(Damage {
            file: base_name(begin),
            offset: 0,
            record: RecordNumber(begin),
            defect: Defect::State,
        });
    }
    let scans = || segments.iter().filter_map(|found| found.scan.as_ref());
    Ok(Report {
        begin: RecordNumber(begin),
        records: scans().map(|scan| scan.intact).sum(),
        segments: segments.len() as u64,
        bytes: scans().map(|scan| scan.end).sum(),
        damage: verdict.damage,
        torn: verdict.torn,
        residue_bytes: scans()
            .filter(|scan| scan.sealed || !scan.proven)
            .map(|scan| scan.used_len.saturating_sub(scan.end))
            .sum(),
        lost_keys,
    })
}

/// Everything there is.
pub(super) struct Looked {
    pub(super) meta: Result<Meta, Damage>,
    /// The first record.
    pub(super) begin: u64,
    pub(super) segments: Vec<Found>,
    /// What the segments come to, damage to the meta file included.
    pub(super) verdict: Verdict,
    /// The keys of sealed records.
    pub(super) keyring: Result<Option<FoundKeyring>, KeyringError>,
}

/// Scans everything, and tells of commitments as [`Scope::commitments`] says.
pub(super) fn look(
    storage: &dyn Storage,
    threads: usize,
    progress: &(dyn Fn(Progress) + Sync),
    commitments: Option<&Told<'_>>,
) -> Result<Looked, VerifyError> {
    let scope = Scope {
        from: 0,
        threads,
        indexes: false,
        progress: &|done_bytes, total_bytes| {
            progress(Progress {
                done_bytes,
                total_bytes,
            });
        },
        commitments,
    };
    let mut segments = survey(storage, &scope)?;
    let names = storage.names()?;
    let meta = if names.iter().any(|name| name == META) {
        Meta::decode(&read_whole(storage, META, META_LEN as u64 + 1)?).map_err(meta_damage)
    } else if segments.is_empty() {
        return Err(VerifyError::NotALog);
    } else {
        Err(meta_damage(Defect::Missing))
    };
    let begin = begin_of(meta.as_ref().ok(), &names);
    segments.retain(|found| found.first >= begin);
    let mut verdict = judge(&segments, begin, meta.as_ref().ok());
    if let Err(damage) = &meta {
        verdict.damage.insert(0, damage.clone());
    }
    let keyring = match seal::find(storage, &names, key_max(&segments)) {
        Err(KeyringError::Storage(error)) => return Err(error.into()),
        keyring => keyring,
    };
    Ok(Looked {
        meta,
        begin,
        segments,
        verdict,
        keyring,
    })
}

/// The highest key that a record names.
pub(super) fn key_max(segments: &[Found]) -> u32 {
    let scans = segments.iter().filter_map(|found| found.scan.as_ref());
    scans.map(|scan| scan.key_max).max().unwrap_or(0)
}
