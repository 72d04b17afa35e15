//! Asking the processor to bring memory into its cache before it is needed.
//!
//! With thousands of connections the state of the next one is never in the cache, and the walk over
//! them waits for memory more than it computes. The one unsafe call here is sound: a prefetch reads
//! nothing, writes nothing and faults on no address; it is given addresses inside a live reference all
//! the same. Elsewhere than on x86-64, and under Miri, it is nothing.
#![allow(unsafe_code)]

/// Bytes of a cache line.
const LINE: usize = 64;

/// Starts bringing all of `value` into the cache.
#[inline]
pub(super) fn prefetch<T>(value: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let begin = core::ptr::from_ref(value).cast::<i8>();
        for offset in (0..size_of::<T>()).step_by(LINE) {
            // SAFETY: a prefetch has no effect that the program could observe, and the address is
            // inside `value`.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(begin.wrapping_add(offset)) };
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = (value, LINE);
}
