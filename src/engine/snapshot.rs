//! Snapshots, made in the background: the last one and the records since, replayed into the next.
//!
//! Nothing pauses, and every replay checks invariant 1 on real data. It takes a second state in
//! memory for its duration; where there is no room for one it is put off and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::recovery;
use super::stats::Counters;
use crate::log::{Reader, Snapshots};
use crate::wire::RecordNumber;

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A state in memory is at most about this many times its snapshot.
const STATE_TO_SNAPSHOT: u64 = 4;

pub(crate) struct Snapshotter {
    pub(crate) reader: Reader,
    pub(crate) snapshots: Snapshots,
    pub(crate) every_records: u64,
    /// Somebody waits for one.
    pub(crate) wanted: Arc<AtomicBool>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) stop: Arc<AtomicBool>,
}

impl Snapshotter {
    /// Runs until it is told to stop (and unparked).
    pub(crate) fn run(self) {
        while !self.stop.load(Ordering::Acquire) {
            let last = self.counters.snapshot.load(Ordering::Relaxed);
            let durable = self.reader.durable().0;
            let wanted = self.wanted.swap(false, Ordering::AcqRel) && durable > last;
            let is_due = wanted || durable >= last.saturating_add(self.every_records);
            let pause = match is_due && !self.make(self.reader.durable()) {
                true => LOOK_EVERY * 60,
                false => LOOK_EVERY,
            };
            std::thread::park_timeout(pause);
        }
    }

    /// Whether one could be made.
    pub(super) fn make(&self, position: RecordNumber) -> bool {
        let made = recovery::from_snapshot(&self.snapshots, &self.reader, position).and_then(
            |mut replayed| {
                if !has_room(replayed.snapshot_len as u64) {
                    return Ok(None);
                }
                replayed.advance(&self.reader, position)?;
                Ok(Some(replayed.state.to_snapshot()))
            },
        );
        let written = match made {
            Ok(Some(bytes)) => self.snapshots.write(position, &bytes),
            Ok(None) => return self.put_off(position, &"not enough memory for a second state"),
            Err(error) => return self.put_off(position, &error),
        };
        if let Err(error) = written {
            return self.put_off(position, &error);
        }
        self.counters.snapshot.store(position.0, Ordering::Relaxed);
        true
    }

    /// The log stays whole without it; only the next start takes longer.
    fn put_off(&self, position: RecordNumber, why: &dyn std::fmt::Display) -> bool {
        self.counters
            .snapshots_skipped
            .fetch_add(1, Ordering::Relaxed);
        tracing::warn!(position = position.0, %why, "snapshot put off: the next start will replay more records");
        false
    }
}

/// Whether memory for a second state is available, as far as the system says.
pub(super) fn has_room(snapshot_len: u64) -> bool {
    let Ok(meminfo) = std::fs::read_to_string("/proc/meminfo") else {
        return true;
    };
    let available_kib = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse::<u64>().ok());
    available_kib
        .is_none_or(|kib| kib.saturating_mul(1024) > snapshot_len.saturating_mul(STATE_TO_SNAPSHOT))
}
