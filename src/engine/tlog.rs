//! The thread that publishes the log for auditors: tiles and signed checkpoints, about a sync behind.
//!
//! It is fed commitments by the log thread and reads from the log what it was too slow for; nothing
//! waits for it. What goes wrong is counted and tried again: messages go on, the lag says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Clock;
use super::stats::Counters;
use super::timestamps::Timestamping;
use super::witness::{Lines, Witnessing};
use crate::archive::tlog::{Hash, OpenError, Publisher, Seen, SigningKey};
use crate::log::{Commitments, Log, ReadError, Reader, Storage, StorageError};
use crate::wire::RecordNumber;

/// Commitments that wait, 16 MiB of them at most: half a second of the fastest publishing and as much
/// again to be woken in. Who is further behind reads the log.
pub(crate) const WAITING_MAX: usize = 1 << 19;
/// Commitments published at a time.
const CHUNK: usize = 65_536;

/// How a log is published (SPEC A3).
#[derive(Debug)]
pub struct Transparency {
    /// Where checkpoint and tiles go: not the log's own.
    pub storage: Arc<dyn Storage>,
    /// The key that signs; its name begins the origin.
    pub key: SigningKey,
    /// How often it is looked whether there is something new.
    ///
    /// Default 500 ms. Range 10 ms to 1 min. A checkpoint costs about ten syncs of small files, and every
    /// 256 records two more.
    pub every: Duration,
    /// Where the last checkpoint is kept besides, on another disk: a start on an older copy of log and tiles
    /// is then refused. Default none. Costs two syncs there at most once a second.
    pub seen: Option<Arc<dyn Storage>>,
    /// An authority that timestamps the checkpoint; none by default.
    pub timestamps: Option<Timestamping>,
    /// Witnesses that cosign it; none by default.
    pub witnesses: Option<Witnessing>,
}

impl Transparency {
    /// With the defaults.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, key: SigningKey) -> Self {
        Self {
            storage,
            key,
            every: Duration::from_millis(500),
            seen: None,
            timestamps: None,
            witnesses: None,
        }
    }
}

/// What is published, by whom, and what it is compared with.
pub(super) type Publishing = (Publisher, Arc<Commitments>, Transparency, Option<Seen>);

impl Transparency {
    /// Takes up what was published of the log with this id and incarnation.
    pub(super) fn open(
        self,
        log: &mut Log,
        identity: ([u8; 16], u64),
    ) -> Result<Publishing, OpenError> {
        let (storage, reader) = (Arc::clone(&self.storage), log.reader());
        let publisher = Publisher::open(storage, &self.key, identity, &reader)?;
        let key = self.key.verifying_key();
        let seen = self.seen.as_ref().map(Arc::clone);
        let seen = seen.map(|it| Seen::open(it, &key, &publisher, &reader));
        let queue = log.follow(WAITING_MAX);
        Ok((publisher, queue, self, seen.transpose()?))
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

pub(crate) struct Follower {
    pub(crate) publisher: Publisher,
    pub(crate) commitments: Arc<Commitments>,
    pub(crate) reader: Reader,
    pub(crate) every: Duration,
    /// What witnesses have to add, where there are any.
    pub(crate) lines: Option<Arc<Lines>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) seen: Option<Seen>,
    /// What could not be published, from which record on: it is not read again.
    pub(crate) held: (u64, Vec<Hash>),
}

impl Follower {
    /// Runs until it is told to stop (and unparked), then publishes what is durable by then.
    pub(crate) fn run(mut self) {
        self.commitments.wake(std::thread::current());
        if let Some(lines) = &self.lines {
            lines.wake(std::thread::current());
        }
        loop {
            let stopping = self.stop.load(Ordering::Acquire);
            let began_us = self.clock.monotonic_us();
            let stepped = self.step();
            if let Err(error) = &stepped {
                self.count(error);
            }
            if stopping {
                return;
            }
            let took = self.clock.monotonic_us().saturating_sub(began_us);
            match stepped {
                // The log's own writes go on beside it.
                Ok(Stepped::Behind) => {
                    std::thread::park_timeout(Duration::from_micros(took / 2));
                }
                _ => self.rest(began_us),
            }
        }
    }

    /// Waits for the next time, or to be woken; lines of witnesses are added meanwhile, which leaves the checkpoint
    /// with them there until that time.
    fn rest(&self, began_us: u64) {
        loop {
            let took = self.clock.monotonic_us().saturating_sub(began_us);
            let left = self.every.saturating_sub(Duration::from_micros(took));
            std::thread::park_timeout(left);
            let added = self.lines.as_ref().map_or(Ok(false), |it| it.publish());
            match added {
                Ok(true) if !self.stop.load(Ordering::Acquire) => {}
                Ok(_) => return,
                Err(error) => return self.count(&error.into()),
            }
        }
    }

    fn count(&self, error: &StepError) {
        self.counters.tlog_failures.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%error, "the transparency log could not be published: it is tried again, its lag grows");
    }

    /// Publishes what is durable now. What has to be read back from the log for that is done one chunk at a time;
    /// when it is to stop, that is all: a long way behind, the rest is for the next start.
    pub(super) fn step(&mut self) -> Result<Stepped, StepError> {
        let seen_us = self.clock.monotonic_us();
        let durable = self.reader.durable().0;
        while self.publisher.next() < durable {
            let is_read = self.publish_some(durable)?;
            let signed = self.publisher.signed();
            self.counters.tlog_size.store(signed, Ordering::Release);
            if self.stop.load(Ordering::Acquire) {
                break;
            }
            if is_read && self.publisher.next() < durable {
                self.keep_seen(seen_us)?;
                return Ok(Stepped::Behind);
            }
        }
        self.counters.tlog_seen_us.store(seen_us, Ordering::Release);
        self.keep_seen(seen_us)?;
        Ok(Stepped::All)
    }

    /// Publishes a chunk of what comes next, and says whether it was read back from the log.
    fn publish_some(&mut self, durable: u64) -> Result<bool, StepError> {
        let next = self.publisher.next();
        let (first, mut some) = std::mem::take(&mut self.held);
        if first != next {
            some = Vec::new();
        }
        if some.is_empty() {
            some = self.commitments.take(next, CHUNK);
        }
        let is_read = some.is_empty();
        if is_read {
            let left = usize::try_from(durable - next).unwrap_or(CHUNK);
            let count = left.min(CHUNK);
            some = self.reader.commitments(RecordNumber(next), count)?;
        }
        if let Err(error) = self.publisher.publish(&some) {
            self.held = (next, some);
            return Err(error.into());
        }
        Ok(is_read)
    }

    fn keep_seen(&mut self, now_us: u64) -> Result<(), StorageError> {
        let at_once = self.stop.load(Ordering::Acquire);
        match &mut self.seen {
            Some(seen) => seen.keep(&self.publisher, now_us, at_once),
            None => Ok(()),
        }
    }
}

/// How far a step has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stepped {
    /// All that was durable when it began is published.
    All,
    /// There is more to be read back from the log.
    Behind,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::tlog::{Edge, leaf_hash, read_checkpoint};
    use crate::engine::ManualClock;
    use crate::log::storage::{Fault, Faulty};
    use crate::log::{Config, Entry, Memory};
    use crate::wire::{Header, HeaderFields, Timestamp};

    fn append(log: &mut Log, count: u64) {
        for number in log.next().0..log.next().0 + count {
            let header = Header::new(&HeaderFields {
                record: RecordNumber(number),
                ..HeaderFields::default()
            });
            log.append(&[Entry {
                header: &header,
                takes: &[],
                view: &[],
                private: b"event",
            }])
            .unwrap();
        }
    }

    fn follower(log: &Log, identity: ([u8; 16], u64), storage: Arc<dyn Storage>) -> Follower {
        let key = SigningKey::new("test", [2; 32]).unwrap();
        Follower {
            publisher: Publisher::open(storage, &key, identity, &log.reader()).unwrap(),
            commitments: Arc::new(Commitments::new(0)),
            reader: log.reader(),
            every: Duration::ZERO,
            lines: None,
            clock: Arc::new(ManualClock::at(Timestamp(0))),
            counters: Arc::default(),
            stop: Arc::default(),
            seen: None,
            held: (0, Vec::new()),
        }
    }

    #[test]
    fn what_is_read_back_from_the_log_is_published_a_chunk_at_a_time() {
        let (mut log, recovered) =
            Log::open(Arc::new(Memory::new()), Config::default(), [1; 32]).unwrap();
        append(&mut log, CHUNK as u64 + 10);
        let identity = (recovered.log, recovered.incarnation);
        let mut follower = follower(&log, identity, Arc::new(Memory::new()));
        assert_eq!(follower.step().unwrap(), Stepped::Behind);
        assert_eq!(follower.publisher.signed(), CHUNK as u64);
        assert_eq!(follower.step().unwrap(), Stepped::All);
        assert_eq!(follower.publisher.signed(), log.next().0);
    }

    #[test]
    fn what_could_not_be_published_is_not_read_from_the_log_again() {
        let disk = Faulty::new(1);
        let (mut log, recovered) =
            Log::open(Arc::new(disk.clone()), Config::default(), [1; 32]).unwrap();
        append(&mut log, 300);
        let tiles = Faulty::new(2);
        let identity = (recovered.log, recovered.incarnation);
        let mut follower = follower(&log, identity, Arc::new(tiles.clone()));
        tiles.plan(tiles.boundaries() + 2, Fault::NoSpace);
        assert!(matches!(follower.step(), Err(StepError::Storage(_))));
        // Whoever read it now would see that.
        for name in disk.names().unwrap() {
            disk.damage(&name, |bytes| bytes.fill(0xaa));
        }
        assert_eq!(follower.step().unwrap(), Stepped::All);
        assert_eq!(follower.publisher.signed(), 300);
    }

    #[test]
    fn what_the_queue_has_lost_is_read_from_the_log_and_the_lag_counts_from_the_last_look() {
        let (mut log, recovered) =
            Log::open(Arc::new(Memory::new()), Config::default(), [1; 32]).unwrap();
        let storage: Arc<dyn Storage> = Arc::new(Memory::new());
        let key = SigningKey::new("test", [2; 32]).unwrap();
        let identity = (recovered.log, recovered.incarnation);
        let publisher =
            Publisher::open(Arc::clone(&storage), &key, identity, &log.reader()).unwrap();
        append(&mut log, 3);
        let clock = Arc::new(ManualClock::at(Timestamp(0)));
        let mut follower = Follower {
            publisher,
            commitments: log.follow(5),
            reader: log.reader(),
            every: Duration::ZERO,
            lines: None,
            clock: clock.clone(),
            counters: Arc::default(),
            stop: Arc::default(),
            seen: None,
            held: Default::default(),
        };
        let mut naive = Edge::default();
        for more in [0, 2, 1, 300, 4, 7, 5] {
            append(&mut log, more);
            clock.advance(1_000);
            let durable = log.next().0;
            assert_eq!(
                follower.counters.tlog_lag_us(durable, &*clock) > 0,
                durable > naive.size()
            );
            follower.step().unwrap();
            let all = log
                .reader()
                .commitments(RecordNumber(naive.size()), 1_000)
                .unwrap();
            all.iter()
                .for_each(|it| naive.push(leaf_hash(it), |_, _| ()));
            let signed = read_checkpoint(&*storage, &key.verifying_key())
                .unwrap()
                .unwrap();
            assert_eq!(
                (signed.checkpoint.size, signed.checkpoint.root),
                (durable, naive.root())
            );
            assert_eq!(follower.counters.tlog_lag_us(durable, &*clock), 0);
        }
    }
}
