//! Encryption at rest (SPEC A4): what is sealed, under which key, and how a key is destroyed.
//!
//! A record is sealed once, in the writer's buffer, and opened when it is read back: wire and memory
//! keep plain envelopes. What members receive is sealed under the key of its group and UTC day, the
//! events under the tenant's; destroying the first erases the messages of a (group, day) and leaves
//! every record, leaf and proof in its place (docs/log.md). Data keys live in the `keyring` file,
//! wrapped under a master key that is kept elsewhere.
//!
//! Every open makes keys of its own, so that two copies of a log that go different ways never seal
//! two records under one key and nonce.

mod cipher;
mod found;
mod keyring;
mod live;
mod lost;
mod master;
mod places;
mod rewrap;
mod rewriting;
mod sealing;
#[cfg(test)]
mod tests;
mod vault;

use std::collections::BTreeMap;

pub use cipher::{Algorithm, UnknownAlgorithm};
pub(crate) use cipher::{Cipher, Part, cipher, nonce};
pub use found::KeyringError;
pub(crate) use found::{FoundKeyring, find};
pub use keyring::Erasure;
pub(crate) use keyring::Keyring;
pub(crate) use keyring::{Destroyed, Loaded, discard, no_space};
pub use lost::LostKey;
pub(crate) use lost::record_lost;
#[cfg(test)]
pub(crate) use master::Draws;
pub use master::{MasterKey, MasterKeyId, NoMasterKey};
pub use rewrap::rewrap;
pub(crate) use sealing::{Sealing, SnapshotKeys};
pub(crate) use vault::{Unsealed, Vault};

use crate::wire::TenantId;

/// How a log is encrypted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encryption {
    /// Wraps the data keys.
    pub master: MasterKey,
    /// The cipher of tenants that have no other.
    pub algorithm: Algorithm,
    /// Tenants with a cipher of their own; it holds for what is written from the next open on.
    pub tenants: BTreeMap<TenantId, Algorithm>,
}

impl Encryption {
    /// AES-256-GCM for everybody.
    #[must_use]
    pub fn new(master: MasterKey) -> Self {
        Self {
            master,
            algorithm: Algorithm::default(),
            tenants: BTreeMap::new(),
        }
    }

    fn algorithm_of(&self, tenant: TenantId) -> Algorithm {
        let own = self.tenants.get(&tenant).filter(|_| tenant != TenantId(0));
        own.copied().unwrap_or(self.algorithm)
    }
}
