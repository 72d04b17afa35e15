//! The formats: golden bytes, and what holds for every value and any bytes.
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

#[path = "../support/counting_allocator.rs"]
mod counting_allocator;
mod golden;
mod properties;
