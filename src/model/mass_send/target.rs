//! One target of a mass send, and what became of it: 16 bytes, kept for as long as progress is.

use crate::model::command::PolicyId;
use crate::wire::{GroupId, PersonId, Sequence};

/// Whom a mass send goes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum To {
    Group(GroupId),
    Customer(PersonId),
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Pending,
    /// The message is there.
    Sent {
        group: GroupId,
        sequence: Sequence,
    },
    Refused {
        code: u16,
        /// The quota policy that refused, or 0.
        policy: PolicyId,
    },
    Cancelled,
    /// It was tried before results were kept.
    Untold,
}

const CUSTOMER: u32 = 1 << 31;
const TAG_SHIFT: u32 = 61;
const SENT: u64 = 1;
const REFUSED: u64 = 2;
const CANCELLED: u64 = 3;
const UNTOLD: u64 = 4;

/// A target and its outcome, packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    /// The id, with a bit that tells customers from groups.
    to: u32,
    /// Where it was sent.
    group: u32,
    /// A tag of 3 bits, and the sequence or the code and the policy.
    what: u64,
}

const _: () = assert!(size_of::<Target>() == 16);

impl Target {
    /// None where no tenant could have such an id.
    pub(crate) fn new(to: To) -> Option<Self> {
        let id = match to {
            To::Group(group) => group.0,
            To::Customer(person) => person.0,
        };
        let id = u32::try_from(id).ok().filter(|id| id & CUSTOMER == 0)?;
        Some(Self {
            to: match to {
                To::Group(_) => id,
                To::Customer(_) => id | CUSTOMER,
            },
            group: 0,
            what: 0,
        })
    }

    pub(crate) fn to(self) -> To {
        let id = u64::from(self.to & !CUSTOMER);
        if self.to & CUSTOMER == 0 {
            To::Group(GroupId(id))
        } else {
            To::Customer(PersonId(id))
        }
    }

    pub(crate) fn outcome(self) -> Outcome {
        let what = self.what & ((1 << TAG_SHIFT) - 1);
        match self.what >> TAG_SHIFT {
            SENT => Outcome::Sent {
                group: GroupId(self.group.into()),
                sequence: Sequence(what),
            },
            REFUSED => Outcome::Refused {
                code: (what >> 16) as u16,
                policy: PolicyId(what as u16),
            },
            CANCELLED => Outcome::Cancelled,
            UNTOLD => Outcome::Untold,
            _ => Outcome::Pending,
        }
    }

    pub(crate) fn with(self, outcome: Outcome) -> Self {
        let (group, tag, what) = match outcome {
            Outcome::Pending => (0, 0, 0),
            Outcome::Sent { group, sequence } => {
                let group = u32::try_from(group.0).unwrap_or(0);
                (group, SENT, sequence.0 & ((1 << TAG_SHIFT) - 1))
            }
            Outcome::Refused { code, policy } => {
                let what = u64::from(code) << 16 | u64::from(policy.0);
                (0, REFUSED, what)
            }
            Outcome::Cancelled => (0, CANCELLED, 0),
            Outcome::Untold => (0, UNTOLD, 0),
        };
        Self {
            group,
            what: tag << TAG_SHIFT | what,
            ..self
        }
    }

    /// As a snapshot has it.
    pub(super) fn packed(self) -> (u32, u32, u64) {
        (self.to, self.group, self.what)
    }

    /// None where it was not packed here.
    pub(super) fn unpacked(to: u32, group: u32, what: u64) -> Option<Self> {
        let target = Self { to, group, what };
        (target.with(target.outcome()) == target).then_some(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_and_outcome_comes_back_as_it_was_packed() {
        let outcomes = [
            Outcome::Pending,
            Outcome::Sent {
                group: GroupId(u32::MAX.into()),
                sequence: Sequence((1 << TAG_SHIFT) - 1),
            },
            Outcome::Refused {
                code: u16::MAX,
                policy: PolicyId(16),
            },
            Outcome::Cancelled,
            Outcome::Untold,
        ];
        for to in [To::Group(GroupId(7)), To::Customer(PersonId(0x7fff_ffff))] {
            for outcome in outcomes {
                let target = Target::new(to).unwrap().with(outcome);
                assert_eq!((target.to(), target.outcome()), (to, outcome));
                let (id, group, what) = target.packed();
                assert_eq!(Target::unpacked(id, group, what), Some(target));
            }
        }
    }

    #[test]
    fn ids_that_no_tenant_has_are_no_targets() {
        assert_eq!(Target::new(To::Group(GroupId(1 << 31))), None);
        assert_eq!(Target::new(To::Customer(PersonId(u64::MAX))), None);
        assert_eq!(Target::unpacked(1, 1, 0), None);
        assert_eq!(Target::unpacked(1, 0, 7 << TAG_SHIFT), None);
    }
}
