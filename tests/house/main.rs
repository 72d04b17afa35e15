//! What the documents, the layers and the tables of requirements promise is so.
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod documents;
mod features;
mod layers;
mod vocabulary;
