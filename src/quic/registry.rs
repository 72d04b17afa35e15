//! Who is connected, for operators to list; never touched on the delivery path.

use core::net::SocketAddr;

use dashmap::DashMap;

use super::auth::Identity;
use crate::wire::Timestamp;

/// An authenticated connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionEntry {
    /// Who speaks.
    pub identity: Identity,
    /// Since when.
    pub since: Timestamp,
    /// From which address, at that time.
    pub remote: SocketAddr,
    /// On which shard.
    pub shard: u16,
}

/// Every authenticated connection by its number, which no other connection of the server's life has.
pub type Registry = DashMap<u64, SessionEntry>;
