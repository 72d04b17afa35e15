//! The Merkle tree of a segment's leaves (RFC 6962, section 2.1), grown one leaf at a time.
//!
//! Only the roots of the perfect subtrees so far are kept: 32 bytes per bit of the number of leaves.

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

/// SHA-256(0x00 ‖ commitment), a leaf of RFC 6962.
pub(crate) fn leaf(commitment: &[u8; 32]) -> [u8; 32] {
    Sha256::new()
        .chain_update([0])
        .chain_update(commitment)
        .finalize()
        .into()
}

/// SHA-256(0x01 ‖ left ‖ right), a node of RFC 6962.
pub(crate) fn parent(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
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
                parent(&naive(&leaves[..split]), &naive(&leaves[split..]))
            }
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
