//! Asking the processor to bring memory into its cache before it is needed.
//!
//! With thousands of connections the state of the next one is never in the cache, and the walk over
//! them waits for memory more than it computes. The one unsafe call here is sound whatever the address,
//! so also where nothing lies any more: a prefetch reads nothing, writes nothing and faults nowhere.
//! Elsewhere than on x86-64, and under Miri, it is nothing.
#![allow(unsafe_code)]

/// Bytes of a cache line.
const LINE: usize = 64;
/// Four keys of a line each, and their boxes side by side.
const LINES_MAX: usize = 8;

/// Starts bringing all of `value` into the cache.
#[inline]
pub(super) fn prefetch<T>(value: &T) {
    for line in lines_of(value) {
        prefetch_line(line);
    }
}

/// The addresses of the cache lines that `value` has bytes in.
#[inline]
fn lines_of<T: ?Sized>(value: &T) -> impl Iterator<Item = usize> {
    let begin = core::ptr::from_ref(value).addr();
    (begin - begin % LINE..begin + size_of_val(value)).step_by(LINE)
}

#[inline]
fn prefetch_line(address: usize) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch has no effect that the program could observe.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(core::ptr::without_provenance(address)) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Cache lines of what somebody else owns and gives no access to, in the half of a cache line. Once that
/// has moved they are of no use, and no harm.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Lines {
    /// Which of the 256 GiB around this one's own address; different ones, then zeros.
    lines: [u32; LINES_MAX],
}

impl Lines {
    /// Those of `value` too, as far as there is room.
    pub(super) fn add<T: ?Sized>(&mut self, value: &T) {
        for line in lines_of(value).map(number) {
            let mut places = self.lines.iter_mut();
            if let Some(place) = places.find(|place| **place == 0 || **place == line) {
                *place = line;
            }
        }
    }

    /// Starts bringing them into the cache.
    #[inline]
    pub(super) fn prefetch(&self) {
        let own = core::ptr::from_ref(self).addr() / LINE;
        let around = own - number(own * LINE) as usize;
        for &line in self.lines.iter().take_while(|line| **line != 0) {
            prefetch_line((around + line as usize) * LINE);
        }
    }
}

/// Which line of its 256 GiB an address is in.
#[inline]
fn number(address: usize) -> u32 {
    (address / LINE) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lines_are_those_of_every_byte_and_each_is_there_once(
            parts in proptest::collection::vec((0..600_usize, 1..200_usize), 0..6),
        ) {
            let memory = [0_u8; 800];
            let parts = parts.iter().map(|(from, len)| &memory[*from..*from + *len]);
            let mut lines = Lines::default();
            let mut naive = BTreeSet::new();
            for part in parts {
                lines.add(part);
                naive.extend(part.iter().map(|byte| number(core::ptr::from_ref(byte).addr())));
            }
            let known: Vec<_> = lines.lines.iter().copied().filter(|line| *line != 0).collect();
            prop_assert_eq!(known.len(), naive.len().min(LINES_MAX));
            prop_assert!(known.iter().all(|line| naive.contains(line)));
            prop_assert_eq!(known.iter().collect::<BTreeSet<_>>().len(), known.len());
            lines.prefetch();
        }
    }
}
