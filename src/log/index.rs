//! Where a segment has what: the place of each group's sequences, and of every so manieth record.
//!
//! Rebuilt from the data whenever it is needed and never evidence: whatever is found through it is
//! checked as if it had been read from end to end.

use rustc_hash::FxHashMap;

use crate::wire::{GroupId, Sequence, TenantId};

use super::format::Frame;
use super::scan::Visit;

/// Bytes of a segment between two marks: what has to be read at most to find a record by number.
const MARK_INTERVAL: u32 = 64 * 1024;

/// A place where a given record's frame begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) record: u64,
    pub(crate) offset: u32,
}

/// Where a group's sequence is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) sequence: u64,
    pub(crate) offset: u32,
}

/// The index of a segment that is being written.
#[derive(Default, Debug)]
pub(crate) struct GrowingIndex {
    groups: FxHashMap<(TenantId, GroupId), Vec<Place>>,
    marks: Vec<Mark>,
}

/// The index of a sealed segment: about five bytes a record.
#[derive(Debug)]
pub(crate) struct SettledIndex {
    /// Ordered by tenant, group and sequence.
    runs: Box<[Run]>,
    offsets: Box<[u32]>,
    marks: Box<[Mark]>,
}

/// Consecutive sequences of one group.
#[derive(Debug)]
struct Run {
    group: (TenantId, GroupId),
    first: u64,
    /// Index in `offsets` of the first; they end where the next run's begin.
    start: usize,
}

impl GrowingIndex {
    /// Notes where a record's frame begins. Records come in order.
    pub(crate) fn record(&mut self, record: u64, offset: u32) {
        let last = self.marks.last().map_or(0, |mark| mark.offset);
        if offset - last >= MARK_INTERVAL {
            self.marks.push(Mark { record, offset });
        }
    }

    /// Notes that the frame at `offset` takes this sequence.
    pub(crate) fn take(&mut self, tenant: TenantId, group: GroupId, sequence: Sequence, at: u32) {
        let places = self.groups.entry((tenant, group)).or_default();
        places.push(Place {
            sequence: sequence.0,
            offset: at,
        });
    }

    /// Where the frames are that take `from..=to`, at most `limit` of them, in order.
    pub(crate) fn places(
        &self,
        group: (TenantId, GroupId),
        (from, to): (u64, u64),
        limit: usize,
    ) -> Vec<Place> {
        let places = self.groups.get(&group).map_or(&[][..], Vec::as_slice);
        let start = places.partition_point(|place| place.sequence < from);
        let found = places[start..].iter().take_while(|it| it.sequence <= to);
        found.take(limit).copied().collect()
    }

    /// The last mark at or before `record`.
    pub(crate) fn mark(&self, record: u64) -> Option<Mark> {
        mark(&self.marks, record)
    }

    /// The same, for good.
    pub(crate) fn settle(&self) -> SettledIndex {
        let mut groups: Vec<_> = self.groups.iter().collect();
        groups.sort_unstable_by_key(|(group, _)| **group);
        let total = groups.iter().map(|(_, places)| places.len()).sum();
        let (mut runs, mut offsets) = (Vec::<Run>::new(), Vec::with_capacity(total));
        for (group, places) in groups {
            let mut expected = None;
            for place in places {
                if expected != Some(place.sequence) {
                    runs.push(Run {
                        group: *group,
                        first: place.sequence,
                        start: offsets.len(),
                    });
                }
                offsets.push(place.offset);
                expected = place.sequence.checked_add(1);
            }
        }
        SettledIndex {
            runs: runs.into(),
            offsets: offsets.into(),
            marks: self.marks.as_slice().into(),
        }
    }
}

impl SettledIndex {
    /// As [`GrowingIndex::places`].
    pub(crate) fn places(
        &self,
        group: (TenantId, GroupId),
        (from, to): (u64, u64),
        limit: usize,
    ) -> Vec<Place> {
        let mut out = Vec::new();
        let after = self
            .runs
            .partition_point(|run| (run.group, run.first) <= (group, from));
        for number in after.saturating_sub(1)..self.runs.len() {
            let run = &self.runs[number];
            if run.group > group || (run.group == group && run.first > to) {
                break;
            }
            if run.group < group {
                continue;
            }
            let end = self
                .runs
                .get(number + 1)
                .map_or(self.offsets.len(), |it| it.start);
            let places = &self.offsets[run.start..end];
            let skip = from.saturating_sub(run.first).min(places.len() as u64);
            let upto = (to - run.first).saturating_add(1).min(places.len() as u64);
            let wanted = places.get(skip as usize..upto as usize).unwrap_or_default();
            let sequences = run.first + skip..;
            let places = sequences.zip(wanted).take(limit - out.len());
            out.extend(places.map(|(sequence, offset)| Place {
                sequence,
                offset: *offset,
            }));
        }
        out
    }

    /// As [`GrowingIndex::mark`].
    pub(crate) fn mark(&self, record: u64) -> Option<Mark> {
        mark(&self.marks, record)
    }

    /// Bytes of memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.runs) + size_of_val(&*self.offsets) + size_of_val(&*self.marks)
    }
}

fn mark(marks: &[Mark], record: u64) -> Option<Mark> {
    let after = marks.partition_point(|mark| mark.record <= record);
    marks[..after].last().copied()
}

/// Builds an index while a segment is scanned; frames of a batch that is dropped leave no trace.
#[derive(Default, Debug)]
pub(crate) struct IndexBuilder {
    index: GrowingIndex,
    batch: Vec<(u64, u32)>,
    takes: Vec<(TenantId, GroupId, Sequence, u32)>,
}

impl IndexBuilder {
    pub(crate) fn finish(self) -> GrowingIndex {
        self.index
    }
}

impl Visit for IndexBuilder {
    fn frame(&mut self, offset: u64, frame: &Frame<'_>) {
        let offset = offset as u32; // A segment is at most 1 GiB.
        let header = frame.header();
        self.batch.push((header.record().0, offset));
        let takes = frame.takes();
        self.takes
            .extend(takes.map(|take| (header.tenant(), take.group, take.sequence, offset)));
    }

    fn batch_stands(&mut self) {
        for (record, offset) in self.batch.drain(..) {
            self.index.record(record, offset);
        }
        for (tenant, group, sequence, offset) in self.takes.drain(..) {
            self.index.take(tenant, group, sequence, offset);
        }
    }

    fn batch_falls(&mut self) {
        self.batch.clear();
        self.takes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(takes: &[(u64, u64)], group: u64, range: (u64, u64), limit: usize) -> Vec<u32> {
        let mut growing = GrowingIndex::default();
        for (number, (group, sequence)) in takes.iter().enumerate() {
            let (group, sequence) = (GroupId(*group), Sequence(*sequence));
            growing.take(TenantId(1), group, sequence, number as u32);
        }
        let key = (TenantId(1), GroupId(group));
        let live = growing.places(key, range, limit);
        let settled = growing.settle().places(key, range, limit);
        assert_eq!(
            live, settled,
            "a settled index answers as the growing one did"
        );
        live.iter().map(|place| place.offset).collect()
    }

    #[test]
    fn a_range_of_a_groups_sequences_is_found_among_other_groups() {
        let takes = [(1, 5), (2, 1), (1, 6), (3, 9), (1, 7), (2, 2), (1, 8)];
        assert_eq!(both(&takes, 1, (6, 7), 9), [2, 4]);
        assert_eq!(both(&takes, 1, (1, 99), 9), [0, 2, 4, 6]);
        assert_eq!(both(&takes, 2, (2, 99), 9), [5]);
        assert_eq!(
            both(&takes, 1, (6, 99), 2),
            [2, 4],
            "no more than asked for"
        );
        assert_eq!(both(&takes, 1, (9, 99), 9), [0; 0]);
        assert_eq!(both(&takes, 4, (0, 99), 9), [0; 0]);
    }

    #[test]
    fn a_gap_in_a_groups_sequences_is_not_an_error() {
        let takes = [(1, 2), (1, 5), (1, 6), (1, 9)];
        assert_eq!(both(&takes, 1, (0, 99), 9), [0, 1, 2, 3]);
        assert_eq!(both(&takes, 1, (3, 6), 9), [1, 2]);
        assert_eq!(both(&takes, 1, (7, 8), 9), [0; 0]);
    }
}
