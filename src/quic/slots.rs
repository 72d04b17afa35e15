//! Things by number, each where it was put until it is taken out.
//!
//! Connections are 6.6 KiB each, a size that an allocator rounds up by a twelfth. Many of them side by
//! side are rounded up once, and the rounding is memory that is never touched. A block is given back
//! when the last of its things has gone.

/// Things in one allocation.
const BLOCK: usize = 64;

/// Things by number.
pub(super) struct Slots<T> {
    blocks: Vec<Option<Block<T>>>,
}

struct Block<T> {
    /// As many as a block has.
    things: Box<[Option<T>]>,
    taken: usize,
}

impl<T> Block<T> {
    fn new() -> Self {
        let things = core::iter::repeat_with(|| None).take(BLOCK).collect();
        Self { things, taken: 0 }
    }
}

impl<T> Slots<T> {
    pub(super) fn new() -> Self {
        Self { blocks: Vec::new() }
    }

    /// One more than the highest number there may be.
    pub(super) fn end(&self) -> usize {
        BLOCK * self.blocks.len()
    }

    #[inline]
    pub(super) fn get(&self, number: usize) -> Option<&T> {
        let block = self.blocks.get(number / BLOCK)?.as_ref()?;
        block.things[number % BLOCK].as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        let block = self.blocks.get_mut(number / BLOCK)?.as_mut()?;
        block.things[number % BLOCK].as_mut()
    }

    /// Puts one in, in the place of one that was there.
    pub(super) fn insert(&mut self, number: usize, thing: T) {
        let at = number / BLOCK;
        if self.blocks.len() <= at {
            self.blocks.resize_with(at + 1, || None);
        }
        let block = self.blocks[at].get_or_insert_with(Block::new);
        let before = block.things[number % BLOCK].replace(thing);
        block.taken += usize::from(before.is_none());
    }

    pub(super) fn remove(&mut self, number: usize) {
        let Some(place) = self.blocks.get_mut(number / BLOCK) else {
            return;
        };
        if let Some(block) = place
            && block.things[number % BLOCK].take().is_some()
        {
            block.taken -= 1;
            if block.taken == 0 {
                *place = None;
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        let blocks = self.blocks.iter().flatten();
        blocks.flat_map(|block| block.things.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn slots_are_a_map_that_gives_empty_blocks_back(
            // A few places of each block, so that blocks become empty again and again.
            steps in proptest::collection::vec((any::<bool>(), 0..5_usize, 0..3_usize), 1..400),
        ) {
            let dropped = Rc::new(());
            let mut slots = Slots::new();
            let mut naive = BTreeMap::new();
            for (step, (is_insert, block, at)) in steps.into_iter().enumerate() {
                let number = BLOCK * block + [0, 7, BLOCK - 1][at];
                if is_insert {
                    slots.insert(number, (step, dropped.clone()));
                    naive.insert(number, step);
                } else {
                    slots.remove(number);
                    naive.remove(&number);
                }
                prop_assert_eq!(slots.get(number).map(|(step, _)| step), naive.get(&number));
                prop_assert_eq!(slots.get_mut(number).is_some(), naive.contains_key(&number));
            }
            prop_assert!(slots.iter().map(|(step, _)| step).eq(naive.values()));
            prop_assert!(naive.keys().all(|number| *number < slots.end()));
            prop_assert!(slots.get(slots.end()).is_none());
            // What was taken out is gone.
            prop_assert_eq!(Rc::strong_count(&dropped), 1 + naive.len());
            let blocks: std::collections::BTreeSet<_> = naive.keys().map(|number| number / BLOCK).collect();
            prop_assert_eq!(slots.blocks.iter().flatten().count(), blocks.len());
        }
    }
}
