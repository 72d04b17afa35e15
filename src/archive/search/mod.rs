//! Search in the archive by person, group, time and words (SPEC A, S12): an index beside the log.
//!
//! The index says at which records to look, and nothing else: every hit is read from the log and checked
//! there, so an index is never evidence, and one that is damaged, foreign or lost is made again from the log.
//! It is sealed as the log is ([`crate::log::Chunked`]), the tenant is the first part of every key of it
//! (invariant 9), and its bytes cannot panic (invariant 8).
//!
//! `words` is what a text comes to when it is compared, `said` what a record says; `part` is the index of a
//! range of records, kept by tantivy in a `folder`; `index` has the parts, in one thread that writes; any number
//! of threads [`Search`].

mod error;
mod folder;
mod index;
mod manifest;
mod part;
mod query;
mod said;
mod words;

pub use error::IndexError;
pub use index::{Index, MEMORY_MIN};
pub use query::{Cursor, HITS_MAX, Hit, Page, Query, QueryRefused, Search};
pub use words::{WORDS_LEN_MAX, matches};
