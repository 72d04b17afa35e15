//! Recent pulls as a snapshot has them.

use super::recorded::{Pulls, Recorded};
use crate::model::body::body;
use crate::model::state::Tenant;
use crate::wire::{RecordNumber, Timestamp};

body! {
    /// What is pulled lately, in the order it was recorded.
    PullsStateV1 {
        recorded: Vec<PulledStateV1>,
    }
}
body! {
    /// One pull.
    PulledStateV1 {
        asked: Vec<u8>,
        from: RecordNumber,
        until: Timestamp,
    }
}

/// Those that cover something after `clock`.
pub(crate) fn write(tenant: &Tenant, clock: Timestamp) -> PullsStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let Pulls { recorded } = &tenant.pulls;
    let recorded = recorded.iter().filter(|it| clock < it.until).map(|it| {
        let Recorded { asked, from, until } = *it;
        PulledStateV1 {
            asked: asked.to_vec(),
            from,
            until,
        }
    });
    PullsStateV1 {
        recorded: recorded.collect(),
    }
}

pub(crate) fn read(tenant: &mut Tenant, state: PullsStateV1) -> Result<(), &'static str> {
    for pulled in state.recorded {
        tenant.pulls.recorded.push(Recorded {
            asked: pulled
                .asked
                .try_into()
                .map_err(|_| "the digest of a pull")?,
            from: pulled.from,
            until: pulled.until,
        });
    }
    Ok(())
}
