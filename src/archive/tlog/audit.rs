//! What is published, against the log itself: every tile, every entry and the signed root (SPEC A8),
//! and proofs of single records.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::attested::{self, Attested, AttestedError, Claim};
use super::proof::{Proof, ProofError};
use super::prove::inclusion;
use super::stored::{
    Signed, StoredError, read_checkpoint, read_commitments, read_hashes, read_tile,
};
use super::tile::{Part, TILE_WIDTH, Tile, encode_entries, tiles_of};
use super::{Edge, Hash, VerifyingKey, base64, leaf_hash};
use crate::archive::inspect::{self, InspectError};
use crate::archive::verify::VerifyError;
use crate::log::format::{Frame, META, META_LEN, Meta, segment_first};
use crate::log::scan::{Visit, read_header, scan};
use crate::log::storage::{Storage, StorageError, read_whole};
use crate::log::survey::{Scope, survey};
use crate::log::{Damage, meta_damage};
use crate::wire::RecordNumber;

/// Faults that are listed; there may be more.
const FAULTS_MAX: usize = 100;

/// What is wrong with what was published.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A tile that cannot be read.
    #[error("{tile} cannot be read: {why}")]
    Unreadable {
        /// Which.
        tile: Tile,
        /// What the reading said.
        why: String,
    },
    /// A tile that is not what the log's records give.
    #[error("{tile} is not what the log's records give (of records from {from} on)")]
    Differs {
        /// Which.
        tile: Tile,
        /// The first record it says something of.
        from: RecordNumber,
    },
    /// A root that is not what the log's records give.
    #[error(
        "root {signed} was signed for {size} records, the log's have {found}: records were changed"
    )]
    Root {
        /// Records signed.
        size: u64,
        /// As signed, base64.
        signed: String,
        /// The log's.
        found: String,
    },
    /// The log has fewer records than were signed.
    #[error("{size} records were signed, the log holds {held}: it was cut, or is an older copy")]
    Lost {
        /// Signed.
        size: u64,
        /// Held.
        held: u64,
    },
    /// A timestamp or a cosigned checkpoint that says nothing of this log, or contradicts it.
    #[error("{file}: {why}")]
    Attested {
        /// Which file.
        file: String,
        /// What is wrong with it.
        why: AttestedError,
    },
    /// It was published of something else.
    #[error("the checkpoint is of {found}, which is not this log's id and incarnation")]
    Foreign {
        /// As signed.
        found: String,
    },
}

/// What an audit found.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Audit {
    /// What was signed.
    pub signed: Signed,
    /// Records of the log that are not signed yet.
    pub unsigned: u64,
    /// What others have said of it.
    pub attested: Attested,
    /// What is wrong, the first ones. Empty: everything published is of this log and no other.
    pub faults: Vec<Fault>,
}

/// Why nothing could be audited or proved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The disk failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The published checkpoint cannot be believed, or a tile not be read.
    #[error("{0}; run `throng archive verify`")]
    Stored(#[from] StoredError),
    /// The log is damaged.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// There is no log.
    #[error(transparent)]
    Log(#[from] VerifyError),
    /// The record is not in the log.
    #[error(transparent)]
    Record(#[from] InspectError),
    /// Nothing was published.
    #[error("nothing is published here: `throng serve` does, unless `tlog.publish` is off")]
    NotPublished,
    /// The log was repaired since: what was published is of its life before.
    #[error(
        "published was {found}, before the log was repaired: the next start begins a new origin"
    )]
    Repaired {
        /// As signed.
        found: String,
    },
    /// The record is not signed yet.
    #[error(
        "record {record} is not signed yet, the checkpoint has {size}: start the server for a moment"
    )]
    NotSigned {
        /// Asked for.
        record: RecordNumber,
        /// Records signed.
        size: u64,
    },
    /// Tiles and log do not prove it.
    #[error(
        "record {record} cannot be proved, tiles and log disagree: {source}; run `throng archive verify`"
    )]
    NotProved {
        /// Asked for.
        record: RecordNumber,
        /// What does not hold.
        source: ProofError,
    },
}

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
    let signed = read_checkpoint(published, key)?.ok_or(AuditError::NotPublished)?;
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
        batch: Vec::new(),
        held: 0,
        faults: Vec::new(),
    };
    for (file, why) in faults {
        auditor.fault(Fault::Attested { file, why });
    }
    if (signed.origin.log, signed.origin.incarnation) != (meta.log, meta.incarnation) {
        let found = signed.checkpoint.origin.clone();
        auditor.fault(Fault::Foreign { found });
    }
    if let Err(fault) = auditor.removed(meta.begin.min(size)) {
        auditor.fault(fault);
        let (faults, unsigned) = (auditor.faults, 0);
        return Ok(Audit {
            signed,
            unsigned,
            attested: auditor.attested,
            faults,
        });
    }
    let names = log.names()?;
    let firsts = names
        .iter()
        .filter_map(|name| Some((segment_first(name)?, name)));
    let mut segments: Vec<_> = firsts.filter(|(first, _)| *first >= meta.begin).collect();
    segments.sort_unstable();
    for (first, name) in segments {
        let file = log.open(name)?;
        let header = read_header(&*file, name, first)??;
        scan(&*file, name, &header, &mut auditor)?;
    }
    Ok(auditor.finish(signed))
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
    batch: Vec<Hash>,
    held: u64,
    faults: Vec<Fault>,
}

impl Auditor<'_> {
    fn fault(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }

    fn compare(&mut self, tile: Tile, expected: &[u8]) {
        match read_tile(self.published, tile) {
            Ok(found) if found == expected => {}
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
            let some = some.map_err(|error| Fault::Unreadable {
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

    fn finish(mut self, signed: Signed) -> Audit {
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
        Audit {
            signed,
            attested: self.attested,
            unsigned: held.saturating_sub(size),
            faults: self.faults,
        }
    }
}

impl Visit for Auditor<'_> {
    fn frame(&mut self, _: u64, frame: &Frame<'_>) {
        self.batch.push(frame.commitment());
    }

    fn batch_stands(&mut self) {
        for commitment in std::mem::take(&mut self.batch) {
            self.record(commitment);
        }
    }

    fn batch_falls(&mut self) {
        self.batch.clear();
    }
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
