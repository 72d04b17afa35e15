//! The server endpoint on the shard loop, and authentication.

pub mod auth;
pub mod tls;
