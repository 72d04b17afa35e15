//! The transparency log over the record log, in formats that tools from elsewhere read (SPEC A3).
//!
//! One tree over all records: record n is entry n, and the entry is the record's 32-byte commitment,
//! so that what is published reveals nothing of any tenant. Formats: C2SP tlog-tiles, tlog-checkpoint,
//! signed-note and tlog-proof over the tree of RFC 6962 (docs/archive.md, byte by byte). Keeps
//! invariant 3: record number, entry and Merkle leaf agree.
//!
//! `edge`, `prove`, `tile`, `note`, `checkpoint` and `proof` are pure; `publisher` follows a
//! log, `stored` reads what it has published, `take_up` compares
//! that with the log, `life` says where one tree ends and another begins, `seen` keeps
//! the last checkpoint elsewhere.

mod attested;
mod audit;
mod checkpoint;
mod cosignature;
mod cosigned;
mod edge;
mod findings;
mod life;
mod note;
mod proof;
mod prove;
mod publisher;
mod seen;
mod stamps;
mod stored;
mod take_up;
#[cfg(test)]
mod tests;
mod tile;
mod timestamp;

pub use attested::{Attested, AttestedError};
pub(crate) use audit::Auditing;
pub use audit::{audit, lookup, mend, prove};
pub use checkpoint::{Checkpoint, CheckpointError, Origin};
pub use cosignature::{Cosignature, WitnessKey};
pub use cosigned::{
    ANSWER_LEN_MAX, AddCheckpoint, Answer, COSIGNED, WitnessError, read_answer, read_cosigned,
};
pub(crate) use cosigned::{add_lines, keep_cosigned};
pub use edge::Edge;
pub use findings::{Audit, AuditError, Fault};
pub use note::{KeyError, NOTE_LEN_MAX, NoteError, SigningKey, VerifyingKey, sign, verify};
pub use proof::{Proof, ProofError};
pub use prove::{Mismatch, consistency, inclusion, verify_consistency, verify_inclusion};
pub use publisher::{OpenError, Publisher};
pub use seen::{Seen, SeenError};
pub use stamps::{NotAStamp, Stamp, StampFile, stamps};
pub(crate) use stored::read_commitments;
pub use stored::{
    CHECKPOINT, Signed, StoredError, read_checkpoint, read_hashes, read_note, read_signed,
    read_tile, signed_so_far, size_of,
};
pub use tile::{ENTRY_LEN, Part, TILE_WIDTH, Tile, decode_entries, encode_entries, tiles_of};
pub use timestamp::{NONCE_LEN, REPLY_LEN_MAX, TimestampError, TimestampRequest, Token};

use sha2::{Digest, Sha256};

/// A SHA-256 hash: of a leaf, a node, or the commitment that an entry is.
pub type Hash = [u8; 32];

/// The leaf of a record's commitment: SHA-256(0x00 ‖ commitment), RFC 6962, section 2.1.
#[must_use]
pub fn leaf_hash(commitment: &Hash) -> Hash {
    crate::log::leaf_hash(commitment)
}

/// The root of no leaves.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Bytes as the standard base64 of RFC 4648, section 4.
pub(crate) fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::prelude::BASE64_STANDARD.encode(bytes)
}

/// Reads what [`base64`] writes and nothing else.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    use ::base64::Engine;
    ::base64::prelude::BASE64_STANDARD.decode(text).ok()
}

fn hash_from_base64(text: &str) -> Option<Hash> {
    from_base64(text)?.try_into().ok()
}

/// An ASCII decimal without leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if canonical && digits {
        text.parse().ok()
    } else {
        None
    }
}
