//! State as bytes: what a replay starts from instead of the first record.
//!
//! A tag and a canonical rkyv body, checked before it is used: damaged bytes are an error, never a
//! panic (invariant 8). Memberships are written once, in their groups, and found again from there.

mod v1;
mod v2;
mod v3;
mod v4;

use crate::model::pull;
use crate::model::state::{State, Tenant};
use crate::wire::tagged::{self, TaggedError};
use crate::wire::{ALIGNMENT, Sequence, TenantId, Timestamp};

use self::v1::StateV1;
use self::v2::StateV2;
use self::v3::StateV3;
use self::v4::StateV4;

const STATE_V1: u16 = 1;
const STATE_V2: u16 = 2;
const STATE_V3: u16 = 3;
const STATE_V4: u16 = 4;
/// No group gets so far; beyond it, counting on would overflow.
pub(crate) const HEAD_MAX: Sequence = Sequence(u64::MAX / 2);

/// Why bytes are not a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Fewer bytes than the tag in front takes.
    #[error("a snapshot takes at least {ALIGNMENT} bytes, {have} are there")]
    Truncated {
        /// Bytes there are.
        have: usize,
    },
    /// A tag of another build, or a body that is not what it says.
    #[error(transparent)]
    Body(#[from] TaggedError),
    /// What is named in one place is missing in another.
    #[error("tenant {tenant}: {what} does not fit the rest of the snapshot")]
    Inconsistent {
        /// In which tenant; 0 for what is of none.
        tenant: TenantId,
        /// What.
        what: &'static str,
    },
}

impl State {
    /// The state as bytes; canonical, so equal states give equal bytes.
    #[must_use]
    pub fn to_snapshot(&self) -> Vec<u8> {
        let (clock, tenants) = (self.clock, self.tenants.iter());
        let work = self.work.iter().copied().collect();
        // States without what is new are what they were.
        let has_pulls = |tenant| !pull::snapshot::write(tenant, clock).recorded.is_empty();
        let (version, body) = if self.tenants.iter().any(has_pulls) {
            let tenants = tenants
                .map(|tenant| v4::write_tenant(tenant, clock))
                .collect();
            let state = StateV4 {
                clock,
                tenants,
                work,
            };
            (STATE_V4, tagged::encode(&state))
        } else {
            let tenants = tenants
                .map(|tenant| v3::write_tenant(tenant, clock))
                .collect();
            let state = StateV3 {
                clock,
                tenants,
                work,
            };
            (STATE_V3, tagged::encode(&state))
        };
        let mut bytes = Vec::with_capacity(ALIGNMENT + body.len());
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.resize(ALIGNMENT, 0);
        bytes.extend_from_slice(&body);
        bytes
    }

    /// The state that [`State::to_snapshot`] wrote, under default limits.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let Some((head, body)) = bytes.split_at_checked(ALIGNMENT) else {
            let have = bytes.len();
            return Err(SnapshotError::Truncated { have });
        };
        let found = u16::from_le_bytes([head[0], head[1]]);
        if head[2..].iter().any(|byte| *byte != 0) {
            return Err(TaggedError::Invalid { tag: found }.into());
        }
        match found {
            STATE_V1 => {
                let v1: StateV1 = tagged::decode(found, body)?;
                let tenants = v1.tenants.into_iter();
                let tenants = tenants.map(|tenant| v1::read_tenant(tenant, v1.clock));
                Self::assembled(v1.clock, tenants, v1.sending)
            }
            STATE_V2 => {
                let v2: StateV2 = tagged::decode(found, body)?;
                let tenants = v2.tenants.into_iter().map(v2::read_tenant);
                Self::assembled(v2.clock, tenants, v2.work)
            }
            STATE_V3 => {
                let v3: StateV3 = tagged::decode(found, body)?;
                let tenants = v3.tenants.into_iter().map(v3::read_tenant);
                Self::assembled(v3.clock, tenants, v3.work)
            }
            STATE_V4 => {
                let v4: StateV4 = tagged::decode(found, body)?;
                let tenants = v4.tenants.into_iter().map(v4::read_tenant);
                Self::assembled(v4.clock, tenants, v4.work)
            }
            _ => Err(TaggedError::Tag { found }.into()),
        }
    }

    fn assembled(
        clock: Timestamp,
        tenants: impl Iterator<Item = Result<Tenant, &'static str>>,
        work: Vec<TenantId>,
    ) -> Result<Self, SnapshotError> {
        let mut state = Self::new();
        state.clock = clock;
        for (tenant, read) in (1..).map(TenantId).zip(tenants) {
            let inconsistent = |what| SnapshotError::Inconsistent { tenant, what };
            state.tenants.push(read.map_err(inconsistent)?);
        }
        state.work = work.into();
        state.check_work()?;
        Ok(state)
    }

    /// The tenants in turn are exactly those with work left.
    fn check_work(&self) -> Result<(), SnapshotError> {
        let inconsistent = |tenant| SnapshotError::Inconsistent {
            tenant,
            what: "the turn of what is left to be done",
        };
        let mut in_turn: Vec<_> = self.work.iter().copied().collect();
        in_turn.sort_unstable();
        let ids = (1..).map(TenantId).zip(&self.tenants);
        let pending = ids.filter(|(_, tenant)| tenant.work().is_some());
        let pending: Vec<_> = pending.map(|(id, _)| id).collect();
        if in_turn == pending {
            return Ok(());
        }
        Err(inconsistent(TenantId(0)))
    }
}
