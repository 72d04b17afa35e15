//! All segments together: listed, scanned on several threads, and checked against one another.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::wire::RecordNumber;

use super::format::{Damage, Defect, Frame, Meta, SegmentHeader, segment_first, segment_name};
use super::index::{GrowingIndex, IndexBuilder};
use super::scan::{Scan, Visit, read_header, scan};
use super::snapshot::base_position;
use super::storage::{File, Storage, StorageError};

/// Segments from the end of the log that are always scanned: the open one, and the one before it for
/// the time of the last record when the open one is empty.
const ALWAYS_SCANNED: usize = 2;

/// A segment as it was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) first: u64,
    pub(crate) name: String,
    pub(crate) file: Arc<dyn File>,
    pub(crate) len: u64,
    pub(crate) header: Result<SegmentHeader, Damage>,
    /// Absent where the header is damaged or no scan was asked for.
    pub(crate) scan: Option<Scan>,
    /// Absent where there is no scan or no index was asked for.
    pub(crate) index: Option<GrowingIndex>,
}

impl Found {
    fn damage(&self, offset: u64, record: u64, defect: Defect) -> Damage {
        Damage {
            file: self.name.clone(),
            offset,
            record: RecordNumber(record),
            defect,
        }
    }
}

/// Told of a segment's first record and of commitments.
pub(crate) type Told<'a> = dyn Fn(u64, &[[u8; 32]]) + Sync + 'a;

/// What to look at.
pub(crate) struct Scope<'a> {
    /// Segments that end at or before this record are not scanned.
    pub(crate) from: u64,
    pub(crate) threads: usize,
    pub(crate) indexes: bool,
    /// Told of bytes scanned and bytes to scan.
    pub(crate) progress: &'a (dyn Fn(u64, u64) + Sync),
    /// Told of each segment that was scanned, in the order of the log: its first record, and the commitments of
    /// its records that stand. Those of as many segments as there are threads are in memory for that.
    pub(crate) commitments: Option<&'a Told<'a>>,
}

/// Lets each in when it is their turn.
#[derive(Default)]
struct Turns {
    next: Mutex<usize>,
    changed: Condvar,
}

impl Turns {
    fn take(&self, number: usize, tell: impl FnOnce()) {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_while(next, |next| *next != number);
        let mut next = waited.unwrap_or_else(PoisonError::into_inner);
        *next += 1;
        tell();
        self.changed.notify_all();
    }
}

/// The commitments of a segment's records that stand.
#[derive(Default)]
struct Commitments {
    stand: Vec<[u8; 32]>,
    /// Of them those of whole batches.
    whole: usize,
}

impl Visit for Commitments {
    fn frame(&mut self, _: u64, frame: &Frame<'_>) {
        self.stand.push(frame.commitment());
    }

    fn batch_stands(&mut self) {
        self.whole = self.stand.len();
    }

    fn batch_falls(&mut self) {
        self.stand.truncate(self.whole);
    }
}

/// Finds all segments, in order, and scans those in `scope`.
pub(crate) fn survey(storage: &dyn Storage, scope: &Scope<'_>) -> Result<Vec<Found>, StorageError> {
    let names = storage.names()?;
    let mut firsts: Vec<u64> = names
        .iter()
        .filter_map(|name| segment_first(name))
        .collect();
    firsts.sort_unstable();
    let mut segments = Vec::with_capacity(firsts.len());
    for first in firsts {
        let name = segment_name(first);
        let file = storage.open(&name)?;
        segments.push(Found {
            first,
            len: file.len()?,
            header: read_header(&*file, &name, first)?,
            name,
            file,
            scan: None,
            index: None,
        });
    }
    let ends: Vec<u64> = segments.iter().skip(1).map(|next| next.first).collect();
    let always = segments.len().saturating_sub(ALWAYS_SCANNED);
    let mut chosen: Vec<(usize, &mut Found)> = segments
        .iter_mut()
        .enumerate()
        .filter(|(number, _)| *number >= always || ends[*number] > scope.from)
        .map(|(_, found)| found)
        .enumerate()
        .collect();
    let total = chosen.iter().map(|(_, found)| found.len).sum();
    let threads = scope.threads.min(chosen.len());
    let done = AtomicU64::new(0);
    let turns = Turns::default();
    let scan_one = |(number, found): (usize, &mut Found)| -> Result<(), StorageError> {
        let scanned = scan_found(found, scope);
        if let Some(tell) = scope.commitments {
            let commitments = scanned.as_deref().unwrap_or_default();
            turns.take(number, || tell(found.first, commitments));
        }
        scanned?;
        let before = done.fetch_add(found.len, Ordering::Relaxed);
        (scope.progress)(before + found.len, total);
        Ok(())
    };
    if threads < 2 {
        chosen.into_iter().try_for_each(scan_one)?;
    } else {
        let queue = Mutex::new(chosen.drain(..).collect::<VecDeque<_>>());
        let take = || {
            queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front()
        };
        let failed = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(found) = take() {
                        if let Err(error) = scan_one(found) {
                            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                            break;
                        }
                    }
                });
            }
        });
        if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(error);
        }
    }
    Ok(segments)
}

/// Returns the commitments, where they are asked for.
fn scan_found(found: &mut Found, scope: &Scope<'_>) -> Result<Vec<[u8; 32]>, StorageError> {
    let Ok(header) = &found.header else {
        return Ok(Vec::new());
    };
    let mut commitments = Commitments::default();
    let mut builder = IndexBuilder::default();
    let visit: &mut dyn Visit = match (scope.indexes, scope.commitments) {
        (true, _) => &mut builder,
        (false, Some(_)) => &mut commitments,
        (false, None) => &mut (),
    };
    found.scan = Some(scan(&*found.file, &found.name, header, visit)?);
    found.index = scope.indexes.then(|| builder.finish());
    Ok(commitments.stand)
}

/// What a survey comes to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Damage in what was durable, by segment and offset.
    pub(crate) damage: Vec<Damage>,
    /// The first damage of the last segment, when nothing proves that it was ever durable.
    pub(crate) torn: Option<Damage>,
    /// What of the segments can be used.
    pub(crate) usable: Usable,
}

/// The segments before the first damage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usable {
    /// Sound segments that follow one another from where the log begins.
    pub(crate) whole: usize,
    /// Whether the next segment is usable up to its first damage.
    pub(crate) part: bool,
}

/// Where a log begins by the meta file; where that is lost, by what is there: its first record, or the last
/// base that a segment follows.
pub(crate) fn begin_of(meta: Option<&Meta>, names: &[String]) -> u64 {
    if let Some(meta) = meta {
        return meta.begin;
    }
    let firsts: Vec<u64> = names
        .iter()
        .filter_map(|name| segment_first(name))
        .collect();
    if firsts.contains(&0) {
        return 0;
    }
    let bases = names.iter().filter_map(|name| base_position(name));
    let followed = bases.filter(|base| firsts.contains(base));
    followed.max().unwrap_or(0)
}

/// Judges the segments of a log that begins with record `begin` together: whether they follow one another,
/// and what their damage means.
pub(crate) fn judge(segments: &[Found], begin: u64, meta: Option<&Meta>) -> Verdict {
    let mut verdict = Verdict::default();
    let mut log = meta.map(|meta| meta.log);
    let durable = meta.map_or(0, |meta| meta.durable);
    // Where the next segment should begin and which root it should name, as far as it is known.
    let (mut expected, mut root) = (Some(begin), (begin == 0).then_some([0; 32]));
    for (number, found) in segments.iter().enumerate() {
        let last = number + 1 == segments.len();
        if let Some(expected) = expected
            && expected != found.first
        {
            verdict.damage.push(missing(expected));
            root = None;
        }
        let (defects, part) = match &found.header {
            Err(damage) => {
                verdict.damage.push(damage.clone());
                (expected, root) = (None, None);
                continue;
            }
            Ok(header) if *log.get_or_insert(header.log) != header.log => (
                vec![found.damage(0, found.first, Defect::ForeignLog)],
                false,
            ),
            Ok(header) if root.is_some_and(|root| root != header.previous_root) => {
                (vec![found.damage(0, found.first, Defect::Root)], false)
            }
            Ok(_) => (Vec::new(), true),
        };
        let whole = verdict.damage.is_empty() && defects.is_empty();
        verdict.damage.extend(defects);
        (expected, root) = (None, None);
        let Some(scan) = &found.scan else {
            verdict.usable.whole += usize::from(whole);
            continue;
        };
        match scan.damage.first() {
            Some(first) if last && !scan.proven && first.record.0 >= durable => {
                verdict.torn = Some(first.clone());
            }
            Some(_) => verdict.damage.extend(scan.damage.iter().cloned()),
            None if !last && !scan.sealed => {
                let damage = found.damage(scan.end, scan.next, Defect::Unsealed);
                verdict.damage.push(damage);
            }
            None => (expected, root) = (Some(scan.next), Some(scan.tree.root())),
        }
        if whole && verdict.damage.is_empty() {
            verdict.usable.whole += 1;
        } else if whole && part {
            verdict.usable.part = true;
        }
    }
    if let Some(next) = expected
        && next < durable
    {
        let open = segments
            .last()
            .zip(segments.last().and_then(|found| found.scan.as_ref()));
        verdict.damage.push(match open {
            Some((found, scan)) if !scan.sealed => found.damage(scan.end, next, Defect::Hole),
            _ => missing(next),
        });
    }
    verdict
}

fn missing(first: u64) -> Damage {
    Damage {
        file: segment_name(first),
        offset: 0,
        record: RecordNumber(first),
        defect: Defect::Missing,
    }
}
