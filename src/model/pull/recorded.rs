//! Pulls that are on record lately: a record each, however many pages they take.
//!
//! One record covers all pages of the same pull from its first record on, for as long as it says, so that a
//! puller that comes back every minute costs a record a day. What reads further back, or for something
//! else, is on record by itself: nothing is pulled that no record covers (SPEC A1).

use sha2::{Digest, Sha256};

use super::event::ArchivePulledV1;
use crate::model::state::Tenant;
use crate::wire::tagged;
use crate::wire::{RecordNumber, Timestamp};

/// Pulls of a tenant that are remembered, 48 bytes each; of more the oldest is recorded again.
const PULLS_MAX: usize = 256;

/// What a tenant pulls lately, in the order it was recorded.
#[derive(Default)]
pub(crate) struct Pulls {
    pub(super) recorded: Vec<Recorded>,
}

/// A pull that is in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Recorded {
    /// SHA-256 of what is asked for, wherever it begins.
    pub(super) asked: [u8; 32],
    pub(super) from: RecordNumber,
    pub(super) until: Timestamp,
}

fn asked(pulled: &ArchivePulledV1) -> [u8; 32] {
    let anywhere = ArchivePulledV1 {
        from: RecordNumber(0),
        covers_until: Timestamp(0),
        ..pulled.clone()
    };
    Sha256::digest(tagged::encode(&anywhere)).into()
}

impl Pulls {
    /// Whether no record covers a pull.
    pub(super) fn is_news(&self, pulled: &ArchivePulledV1, now: Timestamp) -> bool {
        let asked = asked(pulled);
        let covers = |it: &Recorded| it.asked == asked && it.from <= pulled.from && now < it.until;
        !self.recorded.iter().any(covers)
    }
}

/// A pull is on record.
pub(crate) fn note(tenant: &mut Tenant, pulled: &ArchivePulledV1, at: Timestamp) {
    let recorded = &mut tenant.pulls.recorded;
    let asked = asked(pulled);
    recorded.retain(|it| at < it.until && !(it.asked == asked && it.from >= pulled.from));
    let too_many = (recorded.len() + 1).saturating_sub(PULLS_MAX);
    recorded.drain(..too_many);
    recorded.push(Recorded {
        asked,
        from: pulled.from,
        until: pulled.covers_until,
    });
}
