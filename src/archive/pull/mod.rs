//! Pages of records for the enterprise that owns them (SPEC A6).
//!
//! A page is what one look at the log brings: a bounded number of records, of bytes, and of bytes
//! that were looked through, so that no pull holds up another however little of the log is its own.
//! Only records of the tenant that was granted, and before the position it was granted at, are ever
//! in it (invariants 2 and 9).

mod page;
mod sealing;

pub(crate) use page::Pages;
pub use sealing::{Opening, PullKey, SealBroken, Sealing};
