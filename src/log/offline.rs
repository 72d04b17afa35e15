//! A reader of a log that no process writes: for what auditors do beside verifying.

use std::sync::{Arc, RwLock};

use super::config::Config;
use super::format::{Defect, META, META_LEN, Meta};
use super::gone::Gone;
use super::reader::Reader;
use super::recovery::{OpenError, meta_damage};
use super::seal::{self, MasterKey};
use super::segment::{Index, Segment, Shared};
use super::snapshot::base;
use super::storage::{Storage, read_whole};
use super::survey::{Scope, judge, survey};

impl Reader {
    /// Reads a log without opening it for writing: nothing in `storage` is changed. Whoever opened the
    /// storage holds its lock.
    ///
    /// The whole log is scanned first, on so many threads, and damage to anything durable is refused by
    /// name; `progress` is told of bytes scanned and bytes to scan. What a crash left half written at the
    /// end is no part of it.
    pub(crate) fn offline(
        storage: &dyn Storage,
        master: Option<&MasterKey>,
        threads: usize,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Self, OpenError> {
        let scope = Scope {
            from: 0,
            threads,
            indexes: false,
            progress,
            commitments: None,
        };
        let mut segments = survey(storage, &scope)?;
        let meta = match read_whole(storage, META, META_LEN as u64 + 1) {
            Err(error) if error.is_not_found() => Err(meta_damage(Defect::Missing)),
            bytes => Meta::decode(&bytes?).map_err(meta_damage),
        }?;
        segments.retain(|found| found.first >= meta.begin);
        let verdict = judge(&segments, meta.begin, Some(&meta));
        if let Some(damage) = verdict.damage.into_iter().next() {
            return Err(damage.into());
        }
        let scans = || segments.iter().filter_map(|found| found.scan.as_ref());
        let named = scans().map(|scan| scan.key_max).max().unwrap_or(0);
        let keyring = seal::find(storage, &storage.names()?, named)?;
        let vault = match (keyring, master) {
            (Some(found), given) => {
                found.check(&meta.log, given)?;
                given.map(|master| found.into_vault(master))
            }
            (None, _) => None,
        };
        let durable = scans().next_back().map_or(meta.begin, |scan| scan.next);
        let index_bytes_max = Config::default().index_bytes_max;
        let shared = Shared::new(durable, index_bytes_max, vault.map(Arc::new));
        shared.set_base(base(storage, meta.begin)?);
        shared.set_kept(meta.kept);
        for found in segments {
            // A damaged header was refused before.
            let Ok(header) = found.header else { continue };
            shared.push(Arc::new(Segment {
                name: found.name,
                file: found.file,
                header,
                index: RwLock::new(Index::Absent),
            }));
        }
        Ok(Self::new(Arc::new(shared)))
    }

    /// Hands out nothing of what is gone from here on.
    pub(crate) fn conceal(&self, gone: Gone) {
        self.shared().set_gone(gone);
    }
}
