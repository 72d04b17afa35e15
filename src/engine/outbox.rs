//! What has been released to one port and not been taken yet.
//!
//! The log thread fills it in record order; the port empties it. Deliveries are bounded in bytes:
//! past the bound they are dropped and a marker says which records to read from the log instead, so
//! that a slow shard neither grows memory nor holds up the log (invariant 5). Answers are never
//! dropped; their number was bounded when their requests were admitted.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

use super::port::Item;
use crate::wire::RecordNumber;

/// An entry of an outbox, in record order.
pub(crate) enum Released {
    /// To be handed on.
    Item(Item),
    /// Projections of `from..=to` that did not fit; answers in between have kept their place.
    Lost {
        /// The first record.
        from: RecordNumber,
        /// The last record.
        to: RecordNumber,
    },
}

#[cfg(test)]
thread_local! {
    static LOCKS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// How often this thread has taken an outbox's lock: the only one on a shard's way.
#[cfg(all(test, feature = "server"))]
pub(crate) fn locks_taken() -> u64 {
    LOCKS.get()
}

/// One port's queue and its owner's wake-up.
pub(crate) struct Outbox {
    inner: Mutex<Inner>,
    wake: Box<dyn Fn() + Send + Sync>,
    bytes_max: usize,
}

#[derive(Default)]
struct Inner {
    released: VecDeque<Released>,
    fetched: Vec<Item>,
    bytes: usize,
    /// When the first of `released` was.
    released_at: Option<Instant>,
    /// The owner has been woken and has not looked yet.
    woken: bool,
    closed: bool,
    lost_records: u64,
}

impl Outbox {
    pub(crate) fn new(bytes_max: usize, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        Self {
            inner: Mutex::default(),
            wake,
            bytes_max,
        }
    }

    /// Adds what one batch released, in order, and wakes the owner once. `items` is left empty.
    pub(crate) fn release(&self, items: &mut Vec<(RecordNumber, Item)>) {
        let mut inner = self.lock();
        inner.released_at.get_or_insert_with(Instant::now);
        for (record, item) in items.drain(..) {
            let bytes = item.projection_bytes();
            if bytes > 0 && inner.bytes + bytes > self.bytes_max {
                inner.lost_records += 1;
                match inner.released.back_mut() {
                    Some(Released::Lost { to, .. }) => *to = record,
                    _ => inner.released.push_back(Released::Lost {
                        from: record,
                        to: record,
                    }),
                }
            } else if bytes > 0 && inner.overlaps_lost(record) {
                // The rest of a record whose first part was lost: it is read again as a whole.
            } else {
                inner.bytes += bytes;
                inner.released.push_back(Released::Item(item));
            }
        }
        self.wake_up(inner);
    }

    /// Adds what the reader pool fetched.
    pub(crate) fn fetched(&self, item: Item) {
        let mut inner = self.lock();
        inner.fetched.push(item);
        self.wake_up(inner);
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.closed = true;
        self.wake_up(inner);
    }

    /// Moves everything out; from here on the owner is woken again.
    pub(crate) fn take(&self, released: &mut VecDeque<Released>, fetched: &mut Vec<Item>) -> Taken {
        let mut inner = self.lock();
        inner.woken = false;
        inner.bytes = 0;
        released.append(&mut inner.released);
        fetched.append(&mut inner.fetched);
        Taken {
            closed: inner.closed,
            lost_records: inner.lost_records,
            released_at: inner.released_at.take(),
        }
    }

    fn wake_up(&self, mut inner: std::sync::MutexGuard<'_, Inner>) {
        let wake = !std::mem::replace(&mut inner.woken, true);
        drop(inner);
        if wake {
            (self.wake)();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        #[cfg(test)]
        LOCKS.set(LOCKS.get() + 1);
        self.inner.lock().expect("no holder of this lock can panic")
    }
}

impl Inner {
    fn overlaps_lost(&self, record: RecordNumber) -> bool {
        matches!(self.released.back(), Some(Released::Lost { to, .. }) if *to == record)
    }
}

/// What an emptied outbox said.
pub(crate) struct Taken {
    /// The engine has stopped: nothing more will come.
    pub(crate) closed: bool,
    /// Projections dropped so far, to be read from the log.
    pub(crate) lost_records: u64,
    /// When the first of what was taken was released.
    pub(crate) released_at: Option<Instant>,
}
