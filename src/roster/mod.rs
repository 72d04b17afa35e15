//! Files of people, groups and history, in and out (SPEC D6, D10, G3).
//!
//! Reading turns a file into commands of bounded size, which the caller carries out wherever the model
//! is, and says of every row what became of it. Nothing here decides: what a row may do to an enterprise
//! is the model's. Keeps invariant 8 for files: no bytes panic, none make memory grow past its bound, and a
//! bad row never loses the good ones.

mod cell;
mod columns;
mod encoding;
mod error;
mod export;
pub mod groups;
pub mod history;
mod index;
mod people;
mod person;
mod phone;
mod report;
mod source;
mod table;

pub use cell::Separators;
pub use columns::{ColumnMap, ColumnMapError, Field};

pub use encoding::Encoding;
pub use error::{FileError, ImportError};
pub use export::{export, template};
pub use index::Index;
pub use people::{Directory, Options, import};
pub use person::Person;
pub use phone::{Region, UnknownRegion};
pub use report::{Problem, Reason, Report};
pub use source::{Limits, Progress};
