//! What holds for every value and for any bytes at all: what is encoded reads back the same from a
//! buffer however it is cut or shifted, and hostile bytes get a typed error, never a panic and never
//! memory beyond a small multiple of what was sent (invariant 8).
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod hostile;
mod round_trip;
mod samples;
