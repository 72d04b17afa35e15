//! Which messages were deleted later: remembered from the first pass for the second.
//!
//! Bounded: what does not fit in memory is sorted into run files, of which one key a block is kept
//! (SPEC A7: bounded memory at any size). 262,144 deletions in memory are 8 MiB; a run of as many
//! costs 32 KiB of memory more, and a read of 4 KiB for each message that is looked up in it.

use std::io::IoSlice;
use std::sync::Arc;

use super::ExportError;
use super::room::Room;
use crate::log::Storage;
use crate::log::storage::File;
use crate::model::event::DeletedBy;
use crate::wire::{GroupId, RecordNumber, Sequence};

/// Bytes of a deletion in a run: group, sequence, record and who, each 8, little endian.
const ROW_LEN: usize = 32;
/// Rows of a block.
const BLOCK_ROWS: usize = 128;

/// One message that is not to be seen any more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Deletion {
    pub(super) group: GroupId,
    pub(super) sequence: Sequence,
    /// The record that deleted it.
    pub(super) record: RecordNumber,
    pub(super) by: DeletedBy,
}

impl Deletion {
    fn key(&self) -> (GroupId, Sequence) {
        (self.group, self.sequence)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let fields = [
            self.group.0,
            self.sequence.0,
            self.record.0,
            u64::from(self.by as u8),
        ];
        for field in fields {
            out.extend_from_slice(&field.to_le_bytes());
        }
    }

    fn decode(row: &[u8]) -> Option<Self> {
        let [group, sequence, record, by] = row.as_chunks().0 else {
            return None;
        };
        Some(Self {
            group: GroupId(u64::from_le_bytes(*group)),
            sequence: Sequence(u64::from_le_bytes(*sequence)),
            record: RecordNumber(u64::from_le_bytes(*record)),
            by: match u64::from_le_bytes(*by) {
                0 => DeletedBy::Author,
                1 => DeletedBy::Leader,
                2 => DeletedBy::Enterprise,
                _ => return None,
            },
        })
    }
}

/// Deletions that no longer fit in memory, sorted.
#[derive(Debug)]
struct Run {
    name: String,
    file: Arc<dyn File>,
    /// The first key of each block.
    firsts: Vec<(GroupId, Sequence)>,
}

/// All deletions of the first pass.
#[derive(Debug, Default)]
pub(super) struct Deletions {
    /// Sorted once [`Self::settle`] was called.
    rows: Vec<Deletion>,
    runs: Vec<Run>,
}

impl Deletions {
    /// Remembers one; beyond `rows_max` in memory they go to files in `folder`.
    pub(super) fn add(
        &mut self,
        deletion: Deletion,
        rows_max: usize,
        (room, folder): (Room<'_>, &str),
    ) -> Result<(), ExportError> {
        self.rows.push(deletion);
        if self.rows.len() >= rows_max.max(1) {
            self.settle();
            let name = run_name(folder, self.runs.len());
            room.check(self.rows.len() * ROW_LEN)?;
            let file = room.out.create(&name)?;
            let (mut bytes, mut firsts, mut at) = (Vec::new(), Vec::new(), 0);
            for block in self.rows.chunks(BLOCK_ROWS) {
                firsts.extend(block.first().map(Deletion::key));
                bytes.clear();
                block.iter().for_each(|row| row.encode(&mut bytes));
                file.write_at(&mut [IoSlice::new(&bytes)], at)?;
                at += bytes.len() as u64;
            }
            self.rows.clear();
            self.runs.push(Run { name, file, firsts });
        }
        Ok(())
    }

    /// Makes what is in memory ready to be asked.
    pub(super) fn settle(&mut self) {
        self.rows.sort_unstable();
    }

    /// The first deletion of a message.
    pub(super) fn find(
        &self,
        group: GroupId,
        sequence: Sequence,
    ) -> Result<Option<Deletion>, ExportError> {
        let key = (group, sequence);
        let mut found = first_of(&self.rows, key);
        for run in &self.runs {
            let block = run.firsts.partition_point(|first| *first < key);
            // The first of a key may be the last of the block before.
            for block in block.saturating_sub(1)..=block {
                let mut bytes = [0; ROW_LEN * BLOCK_ROWS];
                let at = (block * bytes.len()) as u64;
                let read = run.file.read_at(&mut bytes, at)?;
                let rows = bytes[..read].chunks_exact(ROW_LEN);
                let rows: Option<Vec<_>> = rows.map(Deletion::decode).collect();
                let rows = rows.ok_or_else(|| ExportError::Changed {
                    file: run.name.clone(),
                })?;
                let first = first_of(&rows, key);
                found = [found, first].into_iter().flatten().min();
            }
        }
        Ok(found)
    }

    /// Removes the files, if there are any.
    pub(super) fn remove(&self, out: &dyn Storage) -> Result<(), ExportError> {
        for run in &self.runs {
            out.remove(&run.name)?;
        }
        Ok(())
    }
}

/// Run files are no part of an export: one found at the start is of a job that stopped.
pub(super) fn is_run(folder: &str, name: &str) -> bool {
    name.strip_prefix(folder)
        .is_some_and(|name| name.starts_with("deletions-") && name.ends_with(".run"))
}

fn run_name(folder: &str, number: usize) -> String {
    format!("{folder}deletions-{number:06}.run")
}

fn first_of(rows: &[Deletion], key: (GroupId, Sequence)) -> Option<Deletion> {
    let at = rows.partition_point(|row| row.key() < key);
    rows.get(at).filter(|row| row.key() == key).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Memory;

    fn room(out: &Memory) -> Room<'_> {
        Room { out, margin: 1 }
    }

    fn deletion(group: u64, sequence: u64) -> Deletion {
        Deletion {
            group: GroupId(group),
            sequence: Sequence(sequence),
            record: RecordNumber(group * 1_000_000 + sequence),
            by: DeletedBy::Leader,
        }
    }

    #[test]
    fn what_does_not_fit_in_memory_is_found_in_files_all_the_same() {
        let out = Memory::new();
        for rows_max in [1, 7, 400, 100_000] {
            let mut deletions = Deletions::default();
            for sequence in 0..1_000 {
                for group in [9, 3] {
                    // Every third, in an order of its own.
                    let sequence = sequence * 7 % 1_000;
                    if sequence % 3 == 0 {
                        deletions
                            .add(deletion(group, sequence), rows_max, (room(&out), "x/"))
                            .unwrap();
                    }
                }
            }
            deletions.settle();
            assert!(deletions.rows.len() < rows_max);
            for group in [3, 4, 9] {
                for sequence in 0..1_000 {
                    let expected =
                        (group != 4 && sequence % 3 == 0).then(|| deletion(group, sequence));
                    let found = deletions.find(GroupId(group), Sequence(sequence)).unwrap();
                    assert_eq!(found, expected, "{rows_max}");
                }
            }
            assert!(out.names().unwrap().iter().all(|name| is_run("x/", name)));
            deletions.remove(&out).unwrap();
            assert_eq!(out.names().unwrap(), [""; 0]);
        }
    }
}
