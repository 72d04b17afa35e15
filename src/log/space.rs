//! How much of the preallocated disk may still be promised.
//!
//! The sequencer reserves before it applies, the log thread accounts after it has written; they share
//! two counters that only compare. Both count bytes from the start of the process: what has been
//! reserved, and up to where reserving is safe.

#[cfg(not(all(test, feature = "loom")))]
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(all(test, feature = "loom"))]
use loom::sync::atomic::{AtomicU64, Ordering};

/// What a record is for, when space is short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Anything.
    Normal,
    /// Leaving, revoking and retention: may use the segment kept back for them.
    Essential,
}

/// The disk is full, or will be: nothing was reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{need} bytes of log are needed, {left} are left: free disk space, writing goes on by itself"
)]
pub struct NoSpace {
    /// Bytes asked for.
    pub need: u64,
    /// Bytes left for this class.
    pub left: u64,
}

/// The log's budget, shared by the sequencer and the log thread.
///
/// What has been reserved can always be appended: the bytes are allocated on disk already.
#[derive(Debug, Default)]
pub struct Space {
    reserved: AtomicU64,
    limit: AtomicU64,
    /// The last bytes below the limit that are kept for essential records.
    kept: AtomicU64,
}

impl Space {
    /// Reserves room for a record of `bytes` ([`super::entry_len`]). Every reservation is followed by
    /// the append of its record or by [`Space::release`].
    pub fn reserve(&self, bytes: u64, class: Class) -> Result<(), NoSpace> {
        let mut reserved = self.reserved.load(Ordering::Acquire);
        loop {
            let kept = match class {
                Class::Normal => self.kept.load(Ordering::Acquire),
                Class::Essential => 0,
            };
            let limit = self.limit.load(Ordering::Acquire);
            let left = limit.saturating_sub(kept).saturating_sub(reserved);
            if bytes > left {
                return Err(NoSpace { need: bytes, left });
            }
            let more = reserved + bytes;
            let order = (Ordering::AcqRel, Ordering::Acquire);
            match self
                .reserved
                .compare_exchange_weak(reserved, more, order.0, order.1)
            {
                Ok(_) => return Ok(()),
                Err(now) => reserved = now,
            }
        }
    }

    /// Gives back what was reserved for a record that will not be appended.
    pub fn release(&self, bytes: u64) {
        self.reserved.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Bytes that normal records may still reserve.
    #[must_use]
    pub fn left(&self) -> u64 {
        let kept = self.kept.load(Ordering::Acquire);
        let limit = self.limit.load(Ordering::Acquire);
        limit
            .saturating_sub(kept)
            .saturating_sub(self.reserved.load(Ordering::Acquire))
    }

    /// Says what the disk has: `appended` bytes of records so far, `room` for more, the last `kept`
    /// of it for essential records only. Called by the log thread alone.
    pub(crate) fn account(&self, appended: u64, room: u64, kept: u64) {
        // Records appended without a reservation count as reserved.
        self.reserved.fetch_max(appended, Ordering::AcqRel);
        self.kept.store(kept, Ordering::Release);
        self.limit.store(appended + room, Ordering::Release);
    }
}

#[cfg(all(test, feature = "loom"))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;

    #[test]
    fn loom_reservations_never_go_past_what_the_disk_has() {
        loom::model(|| {
            let space = Arc::new(Space::default());
            space.account(0, 2, 0);
            space.reserve(1, Class::Normal).expect("1 of 2");
            let sequencer = Arc::clone(&space);
            let thread = loom::thread::spawn(move || {
                let got = (0..3).filter(|_| sequencer.reserve(1, Class::Normal).is_ok());
                got.count() as u64
            });
            // Meanwhile the reserved byte is written, which makes no room, and then one more comes.
            space.account(1, 1, 0);
            space.account(1, 2, 0);
            let reserved = thread.join().expect("it does not panic");
            assert!((1..=2).contains(&reserved), "{reserved} of 1 or 2");
            assert_eq!(space.left(), 2 - reserved);
        });
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn essential_records_use_what_is_kept_from_normal_ones() {
        let space = Space::default();
        space.account(0, 100, 40);
        space.reserve(60, Class::Normal).expect("60 of 60");
        let refused = space.reserve(1, Class::Normal);
        assert_eq!(refused, Err(NoSpace { need: 1, left: 0 }));
        space.reserve(40, Class::Essential).expect("40 of 40");
        space.reserve(1, Class::Essential).unwrap_err();
    }

    #[test]
    fn what_is_released_can_be_reserved_again() {
        let space = Space::default();
        space.account(0, 100, 0);
        space.reserve(100, Class::Normal).expect("all");
        space.release(30);
        assert_eq!(space.left(), 30);
    }

    #[test]
    fn records_appended_without_a_reservation_use_up_room() {
        let space = Space::default();
        space.account(0, 100, 0);
        space.account(70, 30, 0);
        assert_eq!(space.left(), 30);
    }
}
