//! What a record says of groups: the sequences it takes.

use super::{GroupId, Header, Sequence};

/// One place a record takes in one group's order.
///
/// A record of one group has it in its header; one of many groups (a leaver's) lists them. Sequences
/// begin at 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Take {
    /// The group.
    pub group: GroupId,
    /// The sequence taken.
    pub sequence: Sequence,
    /// The group's latest membership change at or before `sequence`.
    pub membership_sequence: Sequence,
    /// How many messages the group has up to and including `sequence`.
    pub message_ordinal: u64,
}

impl Take {
    /// The one take a header states; none where it names no group, or no sequence: what it holds belongs
    /// to the group then, and takes no place in it.
    #[must_use]
    pub fn of_header(header: &Header) -> Option<Self> {
        let has_place = header.group() != GroupId(0) && header.sequence() != Sequence(0);
        has_place.then(|| Self {
            group: header.group(),
            sequence: header.sequence(),
            membership_sequence: header.membership_sequence(),
            message_ordinal: header.message_ordinal(),
        })
    }
}
