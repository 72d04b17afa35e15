//! The server endpoint on the shard loop, and authentication.

pub mod standin;
pub use standin::auth;
