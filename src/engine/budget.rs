//! Admission: how many bytes of commands may be on their way at once.
//!
//! A command takes its share before it enters a ring and gives it back when its effects are
//! released, so that the rings behind the door can never be full (invariant 5): whoever is refused
//! is refused here, at once, and nobody ever blocks.

#[cfg(not(all(test, feature = "loom")))]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

#[cfg(all(test, feature = "loom"))]
use loom::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Every command takes at least this much, so that a budget also bounds how many there are.
pub(crate) const COMMAND_BYTES_MIN: u64 = 512;

/// A bound on bytes on their way.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    free: Arc<AtomicU64>,
}

/// A share of a budget; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    free: Arc<AtomicU64>,
    bytes: u64,
}

impl Budget {
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            free: Arc::new(AtomicU64::new(bytes)),
        }
    }

    /// A share of `bytes`, or nothing when that much is not free.
    pub(crate) fn take(&self, bytes: u64) -> Option<Permit> {
        let bytes = bytes.max(COMMAND_BYTES_MIN);
        let mut free = self.free.load(Ordering::Relaxed);
        loop {
            let rest = free.checked_sub(bytes)?;
            // Acquire pairs with the release of a permit: what its holder did is done.
            match self
                .free
                .compare_exchange_weak(free, rest, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => {
                    return Some(Permit {
                        free: Arc::clone(&self.free),
                        bytes,
                    });
                }
                Err(now) => free = now,
            }
        }
    }

    /// Bytes nobody holds.
    pub(crate) fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.free.fetch_add(self.bytes, Ordering::Release);
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn a_budget_refuses_what_is_not_free_and_gets_back_what_is_dropped() {
        let budget = Budget::new(1_000);
        let first = budget.take(700).expect("700 of 1,000 are free");
        assert!(budget.take(600).is_none());
        drop(first);
        assert!(budget.take(600).is_some());
        assert_eq!(budget.free(), 1_000);
    }
}

#[cfg(all(test, feature = "loom"))]
mod loom_tests {
    use super::*;

    #[test]
    fn loom_a_budget_is_never_overdrawn_and_always_comes_back() {
        loom::model(|| {
            let budget = Budget::new(COMMAND_BYTES_MIN);
            let other = budget.clone();
            let thread = loom::thread::spawn(move || other.take(1).map(drop).is_some());
            let held = budget.take(1);
            if let Some(held) = held {
                assert!(budget.take(1).is_none(), "two permits of a budget for one");
                drop(held);
            }
            let _ = thread.join();
            assert_eq!(budget.free(), COMMAND_BYTES_MIN);
        });
    }
}
