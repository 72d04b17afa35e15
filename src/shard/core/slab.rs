//! Dense storage under small typed keys, so that walking members is walking memory.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// Names an entry of a [`Slab`] until it is removed; then the key may name another.
pub(super) struct Key<T>(u32, PhantomData<fn() -> T>);

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Key<T> {}

impl<T> PartialOrd for Key<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Key<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Entries side by side, vacant ones reused first.
#[derive(Debug)]
pub(super) struct Slab<T> {
    entries: Vec<Option<T>>,
    vacant: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            vacant: Vec::new(),
        }
    }
}

const VACANT: &str = "a key is dropped everywhere before its entry is removed";

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, entry: T) -> Key<T> {
        let index = self.vacant.pop().unwrap_or_else(|| {
            self.entries.push(None);
            u32::try_from(self.entries.len() - 1).expect("four billion entries do not fit memory")
        });
        self.entries[index as usize] = Some(entry);
        Key(index, PhantomData)
    }

    pub(super) fn remove(&mut self, key: Key<T>) -> T {
        let entry = self.entries[key.0 as usize].take().expect(VACANT);
        self.vacant.push(key.0);
        entry
    }

    /// The entry, for keys kept where they may outlive it.
    pub(super) fn get(&self, key: Key<T>) -> Option<&T> {
        self.entries.get(key.0 as usize)?.as_ref()
    }

    /// The entry at this place, for walks that go on another time; places are `0..places()`.
    pub(super) fn at(&self, place: usize) -> Option<Key<T>> {
        self.entries.get(place)?.as_ref()?;
        let index = u32::try_from(place).ok()?;
        Some(Key(index, PhantomData))
    }

    /// Places there are, vacant ones included.
    pub(super) fn places(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.vacant.len()
    }
}

impl<T> Index<Key<T>> for Slab<T> {
    type Output = T;

    fn index(&self, key: Key<T>) -> &T {
        self.entries[key.0 as usize].as_ref().expect(VACANT)
    }
}

impl<T> IndexMut<Key<T>> for Slab<T> {
    fn index_mut(&mut self, key: Key<T>) -> &mut T {
        self.entries[key.0 as usize].as_mut().expect(VACANT)
    }
}
