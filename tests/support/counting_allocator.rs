//! An allocator that counts, per thread, and otherwise forwards to the system's.
//!
//! Sound because every call reaches `System` with the arguments it came with, and the count is a
//! thread-local of constant initialisation without a destructor, which allocates nothing itself.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
    static REQUESTED: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: as the module's head says.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get() - layout.size() as i64);
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: the caller keeps `realloc`'s contract.
        unsafe { System.realloc(block, layout, size) }
    }
}

fn count(new: usize, old: usize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    REQUESTED.set(REQUESTED.get() + new);
    BYTES.set(BYTES.get() + new as i64 - old as i64);
    PEAK.set(PEAK.get().max(BYTES.get()));
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// What `work` returns, and how many bytes it left allocated on this thread.
#[allow(dead_code)] // Each test that shares this module counts one or the other.
pub(crate) fn bytes_kept_by<T>(work: impl FnOnce() -> T) -> (T, i64) {
    let before = BYTES.get();
    let done = work();
    (done, BYTES.get() - before)
}

/// What `work` returns, and how many bytes it had allocated on this thread at most.
#[allow(dead_code)] // As above.
pub(crate) fn peak_of<T>(work: impl FnOnce() -> T) -> (T, i64) {
    let before = BYTES.get();
    PEAK.set(before);
    let done = work();
    (done, PEAK.get() - before)
}

/// What `work` returns, and all bytes it allocated on the way, freed again or not.
#[allow(dead_code)] // As above.
pub(crate) fn requested_by<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = REQUESTED.get();
    let done = work();
    (done, REQUESTED.get() - before)
}

/// How many allocations `work` makes on this thread.
#[allow(dead_code)] // As above.
pub(crate) fn allocations_of(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// How many allocations this thread has made.
#[allow(dead_code)] // As above.
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.get()
}
