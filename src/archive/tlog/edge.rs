//! The right edge of the tree: all that is needed to go on growing it.
//!
//! Per level the hashes of the tile that is not full yet, at most 255 of them, so 8 KiB a level and
//! eight levels for any log there can be.

use super::Hash;
use super::empty_root;
use super::tile::{TILE_WIDTH, Tile};
use crate::log::node_hash;

/// The tiles at the right of a tree that are not full.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Edge {
    size: u64,
    /// Level by level, lowest first.
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// The edge of a tree of `size` leaves whose partial tiles, the lowest level first, are `levels`;
    /// `None` where they are not as many or as wide as the size asks for.
    #[must_use]
    pub fn of(size: u64, levels: Vec<Vec<Hash>>) -> Option<Self> {
        let edge = Self { size, levels };
        let fits = |(level, hashes): (usize, &Vec<Hash>)| {
            hashes.len() as u64 == (size >> (8 * level)) % TILE_WIDTH
        };
        let all = edge.levels.len() == levels_of(size);
        (all && edge.levels.iter().enumerate().all(fits)).then_some(edge)
    }

    /// Leaves so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the tile of `level` that is not full; none where the last one is.
    #[must_use]
    pub fn hashes(&self, level: usize) -> &[Hash] {
        self.levels.get(level).map_or(&[], Vec::as_slice)
    }

    /// Adds a leaf. Each tile that is full with it is handed to `full`, the lowest level first.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(Tile, &[Hash])) {
        let mut hash = leaf;
        let before = self.size;
        self.size += 1;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[level];
            hashes.push(hash);
            if (hashes.len() as u64) < TILE_WIDTH {
                return;
            }
            let tile = Tile::full(level as u8, before >> (8 * (level + 1)));
            full(tile, hashes);
            hash = perfect(hashes);
            hashes.clear();
        }
    }

    /// The root of RFC 6962, section 2.1.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut subtrees = Vec::new();
        for hashes in self.levels.iter().rev() {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let largest = 1 << rest.len().ilog2();
                let (subtree, after) = rest.split_at(largest);
                subtrees.push(perfect(subtree));
                rest = after;
            }
        }
        let right_to_left = subtrees.into_iter().rev();
        let root = right_to_left.reduce(|right, left| node_hash(&left, &right));
        root.unwrap_or_else(empty_root)
    }
}

/// Levels that a tree of `size` leaves has.
fn levels_of(size: u64) -> usize {
    (u64::BITS - size.leading_zeros()).div_ceil(8) as usize
}

/// The root of a perfect subtree over these nodes, a power of two of them.
pub(super) fn perfect(nodes: &[Hash]) -> Hash {
    match nodes {
        [only] => *only,
        _ => {
            let (left, right) = nodes.split_at(nodes.len() / 2);
            node_hash(&perfect(left), &perfect(right))
        }
    }
}
