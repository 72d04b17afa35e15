//! The numbers everything is named by.
//!
//! Tenant, person and group ids are assigned by the sequencer; person and group ids are counted per
//! tenant, so that they say nothing of other tenants, and mean nothing without their tenant (invariant 9).

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default,
            rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// One enterprise.
    TenantId(u32)
}
id! {
    /// A person of a tenant, employee or external contact. 0 is nobody: the enterprise's own system.
    PersonId(u64)
}
id! {
    /// A group of a tenant. 0 is no group.
    GroupId(u64)
}
id! {
    /// A department of a tenant. 0 is no department.
    DepartmentId(u64)
}
id! {
    /// A join code of a tenant (SPEC G5). 0 is no code.
    JoinCodeId(u64)
}
id! {
    /// A set of groups of a tenant that is addressed as one. 0 is no set.
    MatrixId(u64)
}
id! {
    /// A request for approval, counted per tenant. 0 is none.
    ApprovalId(u64)
}
id! {
    /// An export that was granted, counted per tenant. 0 is none.
    ExportId(u64)
}
id! {
    /// A legal hold, by the number of the record that placed it.
    HoldId(u64)
}
id! {
    /// One of a person's devices, numbered by whoever issues their tokens. 0 is no device.
    DeviceId(u32)
}
id! {
    /// An entry's number in the log: from 0, without gaps.
    RecordNumber(u64)
}
id! {
    /// A place in a group's one gap-free order: from 1; 0 is before the first (SPEC S3).
    Sequence(u64)
}
id! {
    /// The sender's own name for a message, by which a retry is recognised (SPEC S3).
    ClientMessageId(u128)
}

impl RecordNumber {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Sequence {
    /// The sequence after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Microseconds since 1970-01-01T00:00:00Z, as every header and record has them.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

const DAY_US: i64 = 86_400_000_000;

impl Timestamp {
    /// Microseconds from `earlier` to this; negative when `earlier` is later.
    #[must_use]
    pub fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time moved forward by `micros`.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The UTC day, counted from 1970-01-01.
    #[must_use]
    pub fn utc_day(self) -> i32 {
        // 2^63 µs are 107 million days.
        self.0.div_euclid(DAY_US) as i32
    }

    /// When that day began.
    #[must_use]
    pub fn utc_day_starts(self) -> Self {
        Self(self.0.saturating_sub(self.0.rem_euclid(DAY_US)))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, or the bare number where no calendar reaches.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => at.fmt(f),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

/// The number a retry is recognised by, from its 16 bytes.
impl From<[u8; 16]> for ClientMessageId {
    fn from(bytes: [u8; 16]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }
}
