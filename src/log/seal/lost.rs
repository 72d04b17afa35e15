//! Keys whose entries have rotted: each is lost by itself, and told (SPEC A8).
//!
//! A repair that accepts the loss writes it down in the entry's place ([`record_lost`]). From then on what was
//! sealed under such a key reads as gone; until then it reads as damaged.

use std::collections::BTreeSet;
use std::fmt;
use std::io::IoSlice;

use super::found::{KeyringError, look};
use crate::log::format::{Damage, Defect, KEYRING, KeyEntry, Purpose, Secret};
use crate::log::storage::Storage;
use crate::wire::{GroupId, RecordNumber, TenantId, Timestamp};

const DAY_US: i64 = 86_400_000_000;
/// Lost keys that are told one by one.
const TOLD_MAX: usize = 1_000;

/// A key that cannot be used any more, though nobody asked for its destruction: its entry has rotted. What was
/// sealed under it cannot be read; everything else can.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LostKey {
    /// Its id; `None` where that has rotted, too.
    pub key: Option<u32>,
    /// Where its entry is in the file `keyring`.
    pub offset: u64,
    /// Whose messages were sealed under it: enterprise, group and UTC day, counted from 1970-01-01. `None` where
    /// that has rotted, too, and for a key of events.
    pub of: Option<(TenantId, GroupId, i32)>,
    /// What is wrong; `None` once a repair has recorded the loss.
    pub defect: Option<Defect>,
}

impl LostKey {
    /// The damage it is, unless a repair has recorded the loss.
    #[must_use]
    pub fn damage(&self) -> Option<Damage> {
        let defect = self.defect.clone()?;
        Some(Damage {
            file: KEYRING.to_owned(),
            offset: self.offset,
            record: RecordNumber(0),
            defect,
        })
    }
}

impl fmt::Display for LostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            Some(key) => write!(f, "key {key}")?,
            None => f.write_str("a key")?,
        }
        if let Some((tenant, group, day)) = self.of {
            let begin = Timestamp(i64::from(day).saturating_mul(DAY_US));
            write!(
                f,
                " of tenant {tenant}, group {group} and the day that begins at {begin}"
            )?;
        }
        f.write_str(" is lost: what was sealed under it cannot be read")
    }
}

/// What is lost of a keyring.
#[derive(Default, Debug)]
pub(crate) struct Lost {
    /// The first of them.
    pub(super) told: Vec<Told>,
    /// Entries that do not say any more what they were.
    pub(super) unnamed: u32,
    /// Keys that are zeros though no erasure covers them.
    pub(super) zeroed: BTreeSet<u32>,
}

impl Lost {
    pub(super) fn tell(&mut self, told: Told) {
        if self.told.len() < TOLD_MAX {
            self.told.push(told);
        }
    }

    /// The first thousand of them.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &LostKey> {
        self.told.iter().map(|told| &told.lost)
    }
}

/// A lost key, and the id that its place has: some id between its neighbours' where it is not known.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) id: u32,
    pub(super) lost: LostKey,
}

impl Told {
    pub(super) fn of(entry: &KeyEntry, offset: u64, defect: Option<Defect>) -> Self {
        let name = KeyName::of(entry);
        let mut told = name.told(offset);
        told.lost.defect = defect;
        told
    }
}

/// What an entry is of, in less than the entry takes.
pub(super) struct KeyName {
    pub(super) id: u32,
    /// Tenant, day and group.
    pub(super) of: Option<(u32, i32, u64)>,
}

impl KeyName {
    pub(super) fn of(entry: &KeyEntry) -> Self {
        let of = match entry.purpose {
            Purpose::GroupDay { tenant, group, day } => Some((tenant, day, group)),
            Purpose::Lost { tenant, group, day } => {
                (tenant != 0 || group != 0).then_some((tenant, day, group))
            }
            Purpose::Node | Purpose::Tenant { .. } | Purpose::Erasure { .. } => None,
        };
        Self { id: entry.id, of }
    }

    pub(super) fn told(&self, offset: u64) -> Told {
        let of = self.of;
        Told {
            id: self.id,
            lost: LostKey {
                key: Some(self.id),
                offset,
                of: of.map(|(tenant, day, group)| (TenantId(tenant), GroupId(group), day)),
                defect: Some(Defect::SealBroken),
            },
        }
    }
}

/// Writes down which keys are lost, each in its place, and says how many there were; what was left of them is
/// overwritten. Durable on return; interrupted, it is done again. `named` is the highest key that a record names.
pub(crate) fn record_lost(storage: &dyn Storage, named: u32) -> Result<u64, KeyringError> {
    let mut recorded = 0;
    loop {
        let Some((found, _)) = look(storage, &storage.names()?, named)? else {
            return Ok(recorded);
        };
        let told = found.lost.told.iter();
        let unrecorded: Vec<_> = told.filter(|told| told.lost.defect.is_some()).collect();
        if unrecorded.is_empty() {
            return Ok(recorded);
        }
        for told in &unrecorded {
            let (tenant, group, day) = told.lost.of.unwrap_or_default();
            let entry = KeyEntry {
                id: told.id,
                purpose: Purpose::Lost {
                    tenant: tenant.0,
                    group: group.0,
                    day,
                },
                algorithm: 0,
                record: 0,
                settled: 0,
                epoch: found.header.epoch,
                master: found.header.master,
                secret: Secret::Destroyed,
            };
            let bytes = entry.encode();
            let slices = &mut [IoSlice::new(&bytes)];
            found.file.write_at(slices, told.lost.offset)?;
        }
        found.file.sync()?;
        recorded += unrecorded.len() as u64;
    }
}
