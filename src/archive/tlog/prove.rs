//! Proofs: that a record is in a tree, and that one tree goes on from another (RFC 6962, section 2.1;
//! the ways to check them are those of RFC 9162, sections 2.1.3.2 and 2.1.4.2).

use std::collections::HashMap;

use super::Hash;
use super::edge::perfect;
use super::empty_root;
use super::tile::{Part, TILE_WIDTH, Tile};
use crate::log::node_hash;

/// A tree that is read from tiles, each of them once.
struct Tree<F> {
    size: u64,
    read: F,
    tiles: HashMap<Tile, Vec<Hash>>,
}

impl<E, F: FnMut(Tile) -> Result<Vec<Hash>, E>> Tree<F> {
    /// The root over the leaves `from..to`, which lie in the tree.
    fn root(&mut self, from: u64, to: u64) -> Result<Hash, E> {
        let len = to - from;
        if len.is_power_of_two() && from.is_multiple_of(len) {
            return self.node(len.ilog2(), from / len);
        }
        let middle = from + split(len);
        let left = self.root(from, middle)?;
        Ok(node_hash(&left, &self.root(middle, to)?))
    }

    /// Node `number` of those `height` above the leaves.
    fn node(&mut self, height: u32, number: u64) -> Result<Hash, E> {
        let (level, nodes) = (height / 8, 1_u64 << (height % 8));
        let first = number * nodes;
        let tile = Tile::in_tree(Part::Hashes(level as u8), first / TILE_WIDTH, self.size);
        let tile = tile.expect("a node of the tree is in one of its tiles");
        let hashes = match self.tiles.entry(tile) {
            std::collections::hash_map::Entry::Occupied(hashes) => hashes.into_mut(),
            std::collections::hash_map::Entry::Vacant(slot) => slot.insert((self.read)(tile)?),
        };
        let from = (first % TILE_WIDTH) as usize;
        Ok(perfect(&hashes[from..from + nodes as usize]))
    }

    /// PATH of RFC 6962 for leaf `index`, within `from..to`.
    fn path(&mut self, index: u64, from: u64, to: u64, out: &mut Vec<Hash>) -> Result<(), E> {
        if to - from == 1 {
            return Ok(());
        }
        let middle = from + split(to - from);
        if index < middle {
            self.path(index, from, middle, out)?;
            out.push(self.root(middle, to)?);
        } else {
            self.path(index, middle, to, out)?;
            out.push(self.root(from, middle)?);
        }
        Ok(())
    }

    /// SUBPROOF of RFC 6962 for the tree of the first `old` leaves, within `from..to`; `whole` while
    /// its root is known.
    fn subproof(
        &mut self,
        old: u64,
        (from, to): (u64, u64),
        whole: bool,
        out: &mut Vec<Hash>,
    ) -> Result<(), E> {
        if old == to {
            if !whole {
                out.push(self.root(from, to)?);
            }
            return Ok(());
        }
        let middle = from + split(to - from);
        if old <= middle {
            self.subproof(old, (from, middle), whole, out)?;
            out.push(self.root(middle, to)?);
        } else {
            self.subproof(old, (middle, to), false, out)?;
            out.push(self.root(from, middle)?);
        }
        Ok(())
    }
}

/// The largest power of two below `len`.
fn split(len: u64) -> u64 {
    1 << (len - 1).ilog2()
}

/// The proof that leaf `index` is in the tree of `size` leaves, which has more than that; from the
/// leaf's sibling up. `read` gives tiles as wide as they say; nothing of what it gives is checked.
///
/// # Panics
/// When `index` is not below `size`.
pub fn inclusion<E>(
    index: u64,
    size: u64,
    read: impl FnMut(Tile) -> Result<Vec<Hash>, E>,
) -> Result<Vec<Hash>, E> {
    assert!(index < size, "leaf {index} of {size}");
    let tiles = HashMap::new();
    let mut out = Vec::new();
    Tree { size, read, tiles }.path(index, 0, size, &mut out)?;
    Ok(out)
}

/// The proof that the tree of `size` leaves goes on from that of its first `old`.
///
/// # Panics
/// When `old` is above `size`.
pub fn consistency<E>(
    old: u64,
    size: u64,
    read: impl FnMut(Tile) -> Result<Vec<Hash>, E>,
) -> Result<Vec<Hash>, E> {
    assert!(old <= size, "a tree of {size} leaves has no {old}");
    let tiles = HashMap::new();
    let mut out = Vec::new();
    if old > 0 {
        Tree { size, read, tiles }.subproof(old, (0, size), true, &mut out)?;
    }
    Ok(out)
}

/// A proof that does not prove.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the proof does not lead to the root")]
pub struct Mismatch;

/// Checks that `leaf` is number `index` of the tree of `size` leaves with this root.
pub fn verify_inclusion(
    index: u64,
    size: u64,
    leaf: Hash,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), Mismatch> {
    if index >= size {
        return Err(Mismatch);
    }
    let (mut number, mut last, mut hash) = (index, size - 1, leaf);
    for step in proof {
        if last == 0 {
            return Err(Mismatch);
        }
        if number % 2 == 1 || number == last {
            hash = node_hash(step, &hash);
            while number % 2 == 0 && number != 0 {
                (number, last) = (number >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, step);
        }
        (number, last) = (number >> 1, last >> 1);
    }
    if last == 0 && hash == *root {
        Ok(())
    } else {
        Err(Mismatch)
    }
}

/// Checks that the tree of `size` leaves with `root` goes on from that of `old` leaves with
/// `old_root`.
pub fn verify_consistency(
    (old, old_root): (u64, &Hash),
    (size, root): (u64, &Hash),
    proof: &[Hash],
) -> Result<(), Mismatch> {
    let check = |holds: bool| if holds { Ok(()) } else { Err(Mismatch) };
    if old == 0 {
        return check(proof.is_empty() && *old_root == empty_root());
    }
    if old >= size {
        return check(old == size && proof.is_empty() && old_root == root);
    }
    let mut steps = proof.iter();
    let (mut number, mut last) = (old - 1, size - 1);
    while number % 2 == 1 {
        (number, last) = (number >> 1, last >> 1);
    }
    let first = if old.is_power_of_two() {
        *old_root
    } else {
        *steps.next().ok_or(Mismatch)?
    };
    let (mut was, mut is) = (first, first);
    for step in steps {
        if last == 0 {
            return Err(Mismatch);
        }
        if number % 2 == 1 || number == last {
            (was, is) = (node_hash(step, &was), node_hash(step, &is));
            while number % 2 == 0 && number != 0 {
                (number, last) = (number >> 1, last >> 1);
            }
        } else {
            is = node_hash(&is, step);
        }
        (number, last) = (number >> 1, last >> 1);
    }
    check(last == 0 && was == *old_root && is == *root)
}
