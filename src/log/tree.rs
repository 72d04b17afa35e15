//! The Merkle tree of a segment's leaves (RFC 6962, section 2.1), grown one leaf at a time.
//!
//! Only the roots of the perfect subtrees so far are kept: 32 bytes per bit of the number of leaves.

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

/// A tree of leaf hashes.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tree {
    leaves: u64,
    /// One root per bit set in `leaves`, the largest subtree first.
    subtrees: Vec<[u8; 32]>,
}

impl Tree {
    /// Leaves so far.
    pub(crate) fn leaves(&self) -> u64 {
        self.leaves
    }

    /// Adds a leaf hash.
    pub(crate) fn push(&mut self, leaf: [u8; 32]) {
        let mut node = leaf;
        for _ in 0..self.leaves.trailing_ones() {
            let left = self.subtrees.pop();
            node = parent(&left.expect("one subtree per bit set"), &node);
        }
        self.subtrees.push(node);
        self.leaves += 1;
    }

    /// The root; SHA-256 of nothing for an empty tree.
    pub(crate) fn root(&self) -> [u8; 32] {
        let mut subtrees = self.subtrees.iter().rev();
        let Some(smallest) = subtrees.next() else {
            return Sha256::digest([]).into();
        };
        subtrees.fold(*smallest, |right, left| parent(left, &right))
    }
}

/// The value that SHA-256 begins with (FIPS 180-4, section 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// SHA-256 of the first `len` bytes of `blocks`, behind which there is room for its padding. Each record costs
/// four of these, and the crate's streams as much again around them as in them.
fn hash<const BLOCKS: usize>(mut blocks: [[u8; 64]; BLOCKS], len: usize) -> [u8; 32] {
    let bytes = blocks.as_flattened_mut();
    bytes[len] = 0x80;
    let (_, bits) = bytes.split_at_mut(BLOCKS * 64 - 8);
    bits.copy_from_slice(&(8 * len as u64).to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, &blocks);
    let mut hash = [0; 32];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    hash
}

/// SHA-256(0x00 ‖ commitment), a leaf of RFC 6962.
pub(crate) fn leaf(commitment: &[u8; 32]) -> [u8; 32] {
    let mut blocks = [[0; 64]; 1];
    blocks.as_flattened_mut()[1..33].copy_from_slice(commitment);
    hash(blocks, 33)
}

/// SHA-256(0x01 ‖ left ‖ right), a node of RFC 6962.
pub(crate) fn parent(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut blocks = [[0; 64]; 2];
    let bytes = blocks.as_flattened_mut();
    bytes[0] = 1;
    bytes[1..33].copy_from_slice(left);
    bytes[33..65].copy_from_slice(right);
    hash(blocks, 65)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962, word for word.
    fn naive(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(split);
                let pair = [&[1][..], &naive(left), &naive(right)].concat();
                Sha256::digest(pair).into()
            }
        }
    }

    #[test]
    fn leaves_and_nodes_are_those_of_rfc_6962() {
        for byte in 0..=u8::MAX {
            let one: [u8; 32] = Sha256::digest([byte]).into();
            let two: [u8; 32] = Sha256::digest(one).into();
            assert_eq!(
                leaf(&one)[..],
                Sha256::digest([&[0][..], &one].concat())[..]
            );
            let pair = [&[1][..], &one, &two].concat();
            assert_eq!(parent(&one, &two)[..], Sha256::digest(pair)[..]);
        }
    }

    #[test]
    fn growing_leaf_by_leaf_gives_the_root_of_rfc_6962() {
        let leaves: Vec<[u8; 32]> = (0..70).map(|n: u8| Sha256::digest([n]).into()).collect();
        let mut tree = Tree::default();
        for count in 0..leaves.len() {
            assert_eq!(tree.root(), naive(&leaves[..count]), "of {count} leaves");
            tree.push(leaves[count]);
        }
    }
}
