//! What is published, against the log itself: every tile, every entry and the signed root (SPEC A8),
//! and proofs of single records.

use std::io::IoSlice;
use std::iter::Peekable;
use std::sync::{Mutex, PoisonError};
use std::vec::IntoIter;

use super::attested::{self, Attested, AttestedError, Claim};
use super::findings::{Audit, AuditError, Fault};
use super::life::is_lost;
use super::proof::Proof;
use super::prove::inclusion;
use super::stored::{Signed, read_checkpoint, read_commitments, read_hashes, read_tile};
use super::tile::{Part, TILE_WIDTH, Tile, encode_entries, tiles_of};
use super::{Edge, Hash, VerifyingKey, base64, leaf_hash};
use crate::archive::inspect::{self, InspectError};
use crate::archive::verify::VerifyError;
use crate::log::format::{META, META_LEN, Meta};
use crate::log::meta_damage;
use crate::log::storage::{Storage, StorageError, read_whole, unfinished};
use crate::log::survey::{Scope, survey};
use crate::wire::RecordNumber;

/// Faults that are listed; there may be more.
const FAULTS_MAX: usize = 100;

fn read_meta(log: &dyn Storage) -> Result<Meta, AuditError> {
    let bytes = match read_whole(log, META, META_LEN as u64 + 1) {
        Err(error) if error.is_not_found() => return Err(VerifyError::NotALog.into()),
        bytes => bytes?,
    };
    Ok(Meta::decode(&bytes).map_err(meta_damage)?)
}

/// What was signed, and how many records the log holds.
pub fn lookup(
    log: &dyn Storage,
    published: &dyn Storage,
    key: &VerifyingKey,
) -> Result<(Signed, u64), AuditError> {
    let signed = read_checkpoint(published, key)?.ok_or(AuditError::NotPublished)?;
    let scope = Scope {
        from: u64::MAX,
        threads: 1,
        indexes: false,
        progress: &|_, _| {},
        commitments: None,
    };
    let segments = survey(log, &scope)?;
    let last = segments.iter().rev().find_map(|found| found.scan.as_ref());
    Ok((signed, last.map_or(0, |scan| scan.next)))
}

/// Compares all that was published with a sound log, record by record.
pub fn audit(
    log: &dyn Storage,
    published: &dyn Storage,
    key: &VerifyingKey,
) -> Result<Audit, AuditError> {
    let auditing = Auditing::begin(log, published, key)?;
    auditing.scan(log)?;
    Ok(auditing.finish())
}

/// Makes tiles again that were lost or damaged, of a sound log that gives the signed root; returns how many. What
/// was published of records that were removed is nowhere else.
pub fn mend(
    log: &dyn Storage,
    published: &dyn Storage,
    key: &VerifyingKey,
) -> Result<u64, AuditError> {
    let auditing = Auditing::begin(log, published, key)?;
    auditing.scan(log)?;
    let (_, auditor) = auditing.end();
    let is_whole = !auditor.faults.iter().any(Fault::is_of_a_tile);
    if let Some(fault) = auditor.faults.into_iter().find(Fault::is_of_the_log) {
        return Err(AuditError::NotMended(fault));
    }
    if is_whole {
        return Ok(0);
    }
    let mut auditing = Auditing::begin(log, published, key)?;
    auditing.mends();
    auditing.scan(log)?;
    let (_, auditor) = auditing.end();
    published.sync()?;
    auditor
        .failed
        .map_or(Ok(auditor.mended), |error| Err(error.into()))
}

/// An audit under way, which is told of the commitments of all records, in their order.
pub(crate) struct Auditing<'a> {
    signed: Signed,
    /// Where the log begins.
    begin: u64,
    /// Whether what was published of records that were removed can be read; nothing else is compared otherwise.
    is_readable: bool,
    auditor: Mutex<Auditor<'a>>,
}

impl<'a> Auditing<'a> {
    /// With what was published of records that the log has no more.
    pub(crate) fn begin(
        log: &dyn Storage,
        published: &'a dyn Storage,
        key: &VerifyingKey,
    ) -> Result<Self, AuditError> {
        let Some(signed) = read_checkpoint(published, key)? else {
            return Err(match is_lost(published)? {
                true => AuditError::NoCheckpoint,
                false => AuditError::NotPublished,
            });
        };
        let meta = read_meta(log)?;
        if signed.origin.log == meta.log && signed.origin.incarnation < meta.incarnation {
            let found = signed.checkpoint.origin;
            return Err(AuditError::Repaired { found });
        }
        let size = signed.checkpoint.size;
        let (attested, claims, faults) = attested::read(published, &signed)?;
        let mut auditor = Auditor {
            published,
            size,
            attested,
            claims: claims.into_iter().peekable(),
            edge: Edge::default(),
            entries: Vec::new(),
            held: 0,
            faults: Vec::new(),
            mends: false,
            mended: 0,
            failed: None,
        };
        for (file, why) in faults {
            auditor.fault(Fault::Attested { file, why });
        }
        if (signed.origin.log, signed.origin.incarnation) != (meta.log, meta.incarnation) {
            let found = signed.checkpoint.origin.clone();
            auditor.fault(Fault::Foreign { found });
        }
        let removed = auditor.removed(meta.begin.min(size));
        let is_readable = removed.is_ok();
        if let Err(fault) = removed {
            auditor.fault(fault);
            auditor.held = auditor.size;
        }
        Ok(Self {
            signed,
            begin: meta.begin,
            is_readable,
            auditor: Mutex::new(auditor),
        })
    }

    /// From here on what differs is replaced.
    fn mends(&mut self) {
        let auditor = self.auditor.get_mut();
        auditor.unwrap_or_else(PoisonError::into_inner).mends = true;
    }

    /// The next segment's first record, and what its records commit to.
    pub(crate) fn segment(&self, first: u64, commitments: &[Hash]) {
        if first < self.begin || !self.is_readable {
            return;
        }
        let mut auditor = self.auditor.lock().unwrap_or_else(PoisonError::into_inner);
        for commitment in commitments {
            auditor.record(*commitment);
        }
    }

    /// Reads the whole log.
    fn scan(&self, log: &dyn Storage) -> Result<(), AuditError> {
        let scope = Scope {
            from: 0,
            threads: 1,
            indexes: false,
            progress: &|_, _| {},
            commitments: Some(&|first, commitments| self.segment(first, commitments)),
        };
        for found in survey(log, &scope)? {
            if found.first >= self.begin {
                found.header?;
            }
        }
        Ok(())
    }

    fn end(self) -> (Signed, Auditor<'a>) {
        let auditor = self.auditor.into_inner();
        let mut auditor = auditor.unwrap_or_else(PoisonError::into_inner);
        if self.is_readable {
            auditor.finish(&self.signed);
        }
        (self.signed, auditor)
    }

    /// What it comes to.
    pub(crate) fn finish(self) -> Audit {
        let (signed, auditor) = self.end();
        let (size, held) = (auditor.size, auditor.held);
        Audit {
            signed,
            unsigned: held.saturating_sub(size),
            attested: auditor.attested,
            faults: auditor.faults,
        }
    }
}

struct Auditor<'a> {
    published: &'a dyn Storage,
    size: u64,
    attested: Attested,
    /// Roots that were signed once, in order of size.
    claims: Peekable<IntoIter<Claim>>,
    edge: Edge,
    /// Commitments of the bundle that is not full yet.
    entries: Vec<Hash>,
    held: u64,
    faults: Vec<Fault>,
    /// Whether tiles are made again.
    mends: bool,
    mended: u64,
    /// Why one could not be.
    failed: Option<StorageError>,
}

impl Auditor<'_> {
    fn fault(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_MAX || !fault.is_of_a_tile() {
            self.faults.push(fault);
        }
    }

    fn compare(&mut self, tile: Tile, expected: &[u8]) {
        match read_tile(self.published, tile) {
            Ok(found) if found == expected => {}
            _ if self.mends => match replace_unsynced(self.published, tile, expected) {
                Ok(()) => self.mended += 1,
                Err(error) => drop(self.failed.get_or_insert(error)),
            },
            Ok(_) => {
                let level = match tile.part() {
                    Part::Hashes(level) => u32::from(level),
                    Part::Entries => 0,
                };
                let from = RecordNumber(tile.number() << (8 * (level + 1)));
                self.fault(Fault::Differs { tile, from });
            }
            Err(error) => {
                let why = error.to_string();
                self.fault(Fault::Unreadable { tile, why });
            }
        }
    }

    /// The records before `begin`, which the log has no more: by their published entries. The signed root
    /// tells whether these are they.
    fn removed(&mut self, begin: u64) -> Result<(), Fault> {
        for number in 0..begin.div_ceil(TILE_WIDTH) {
            let range = (number * TILE_WIDTH, begin.min((number + 1) * TILE_WIDTH));
            let tile = Tile::in_tree(Part::Entries, number, self.size);
            let some = read_commitments(self.published, range, self.size);
            let some = some.map_err(|error| Fault::Irreplaceable {
                tile: tile.unwrap_or(Tile::full(0, number)),
                why: error.to_string(),
            })?;
            for commitment in some {
                self.record(commitment);
            }
        }
        Ok(())
    }

    fn record(&mut self, commitment: Hash) {
        self.held += 1;
        if self.edge.size() == self.size {
            return;
        }
        self.entries.push(commitment);
        if self.entries.len() as u64 == TILE_WIDTH {
            let number = self.edge.size() / TILE_WIDTH;
            let bundle = Tile::in_tree(Part::Entries, number, self.edge.size() + 1);
            self.compare(
                bundle.expect("it is full with this one"),
                &encode_entries(&self.entries),
            );
            self.entries.clear();
        }
        let mut full = Vec::new();
        let leaf = leaf_hash(&commitment);
        self.edge
            .push(leaf, |tile, hashes| full.push((tile, hashes.concat())));
        for (tile, expected) in full {
            self.compare(tile, &expected);
        }
        let size = self.edge.size();
        while let Some(claim) = self.claims.next_if(|claim| claim.size <= size) {
            let found = self.edge.root();
            if claim.root != found {
                let (signed, found) = (base64(&claim.root), base64(&found));
                let (file, why) = (claim.file, AttestedError::Root { signed, found });
                self.fault(Fault::Attested { file, why });
            }
        }
    }

    fn finish(&mut self, signed: &Signed) {
        let (size, held) = (self.size, self.held);
        if held < size {
            self.fault(Fault::Lost { size, held });
        } else {
            for tile in tiles_of(0, size).filter(|tile| !tile.is_full()) {
                let expected = match tile.part() {
                    Part::Entries => encode_entries(&self.entries),
                    Part::Hashes(level) => self.edge.hashes(level.into()).concat(),
                };
                self.compare(tile, &expected);
            }
            let root = self.edge.root();
            if root != signed.checkpoint.root {
                let (signed, found) = (base64(&signed.checkpoint.root), base64(&root));
                self.fault(Fault::Root {
                    size,
                    signed,
                    found,
                });
            }
        }
    }
}

/// Writes a tile so that it is whole or as before. Its name is not synced.
fn replace_unsynced(storage: &dyn Storage, tile: Tile, bytes: &[u8]) -> Result<(), StorageError> {
    let name = tile.to_string();
    let file = storage.create(&unfinished(&name))?;
    file.write_at(&mut [IoSlice::new(bytes)], 0)?;
    file.sync()?;
    storage.rename(&unfinished(&name), &name)
}

/// The proof that a record, as the log holds it, is under the signed root; checked. Of a record that was
/// removed, as it was published. Needs no key of a log that is encrypted.
pub fn prove(
    log: &dyn Storage,
    published: &dyn Storage,
    key: &VerifyingKey,
    record: RecordNumber,
) -> Result<Proof, AuditError> {
    let signed = read_checkpoint(published, key)?.ok_or(AuditError::NotPublished)?;
    let size = signed.checkpoint.size;
    let commitment = match inspect::commitment(log, record) {
        Ok(_) | Err(InspectError::Removed { .. }) if record.0 >= size => {
            return Err(AuditError::NotSigned { record, size });
        }
        Ok(commitment) => commitment,
        Err(InspectError::Removed { .. }) => {
            let range = (record.0, record.0 + 1);
            let published = read_commitments(published, range, size)?;
            published.first().copied().unwrap_or_default()
        }
        Err(error) => return Err(error.into()),
    };
    let path = inclusion(record.0, size, |tile| read_hashes(published, tile))?;
    let proof = Proof {
        commitment,
        index: record.0,
        path,
        checkpoint: signed.note,
    };
    match proof.verify(&signed.key) {
        Ok(_) => Ok(proof),
        Err(source) => Err(AuditError::NotProved { record, source }),
    }
}
