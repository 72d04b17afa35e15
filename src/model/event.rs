//! What happened: the events a record carries, the only thing state is made of (invariant 1).
//!
//! An event states results, never intentions: ids given, windows computed, successors chosen. So
//! replaying a log needs no rule, no clock and no time zone, and rules may change without changing
//! the past. Tags and shapes are forever; a new shape is a new tag (docs/wire.md).

use crate::model::body::{body, code};
use crate::model::command::{GroupKind, GroupRole, NewPersonV1, QuotaPolicy, Succession};
use crate::wire::tagged::{TaggedError, tagged_enum};
use crate::wire::{
    ClientMessageId, DeviceId, GroupId, PersonId, RecordNumber, TenantId, Timestamp,
};

tagged_enum! {
    /// One thing that happened in a tenant; the record's header says when and by whom.
    pub enum Event {
        /// A tenant exists.
        TenantCreated(TenantCreatedV1) = 0x001,
        /// People exist.
        PeopleAdded(PeopleAddedV1) = 0x002,
        /// A person left the company and every group (SPEC M5, M6, D7).
        PersonDeparted(PersonDepartedV1) = 0x003,
        /// A group exists, with its first members.
        GroupCreated(GroupCreatedV1) = 0x010,
        /// People are members.
        MembersJoined(MembersJoinedV1) = 0x011,
        /// People are no members any more.
        MembersLeft(MembersLeftV1) = 0x012,
        /// A group is over; its records stay.
        GroupDissolved(GroupDissolvedV1) = 0x013,
        /// A member is an admin, or is none any more.
        RoleChanged(RoleChangedV1) = 0x014,
        /// An admin is the owner, and the owner an admin.
        OwnershipTransferred(OwnershipTransferredV1) = 0x015,
        /// A group has another name.
        GroupRenamed(GroupRenamedV1) = 0x016,
        /// A message took its place in its group.
        Published(PublishedV1) = 0x020,
        /// A mass send was charged and will go out.
        MassSendAccepted(MassSendAcceptedV1) = 0x030,
        /// A mass send reached one of its groups.
        MassSendDelivered(MassSendTargetV1) = 0x031,
        /// One of a mass send's groups could not have it any more; nothing is refunded (SPEC Q4).
        MassSendTargetRefused(MassSendTargetV1) = 0x032,
        /// A person's feature is frozen until it is released (SPEC Q2).
        FeatureFrozen(FeatureV1) = 0x040,
        /// A freeze is lifted; the count stays.
        FreezeReleased(FeatureV1) = 0x041,
        /// The tenant has another limit for a policy.
        QuotaSet(QuotaSetV1) = 0x042,
        /// An operator accepted the loss of damaged records. Of no tenant; changes nothing.
        LogRepaired(LogRepairedV1) = 0x050,
    }
}

code! {
    /// Whether a group is in use (SPEC G8).
    GroupStatus {
        /// In use.
        Active = 0,
        /// Nothing but leaving and dissolving is possible.
        Disabled = 1,
        /// Over: its members are gone, its records stay.
        Dissolved = 2,
    }
}
code! {
    /// Why a member is none any more; the `detail` of a `Left` envelope.
    LeaveCause {
        /// By themselves.
        Left = 0,
        /// By someone else.
        Removed = 1,
        /// With the company.
        Departed = 2,
    }
}

body! {
    /// A tenant exists.
    TenantCreatedV1 {
        /// Its id.
        tenant: TenantId,
        /// Its name.
        name: String,
        /// Its time zone by IANA name.
        zone: String,
        /// Verified until then.
        verified_until: Timestamp,
        /// Who owns a group when its owner goes.
        succession: Succession,
    }
}
body! {
    /// People exist; their ids follow one another.
    PeopleAddedV1 {
        /// The id of the first.
        first: PersonId,
        /// Who they are.
        people: Vec<NewPersonV1>,
    }
}
body! {
    /// A person left the company.
    PersonDepartedV1 {
        /// Who.
        person: PersonId,
        /// What became of each of their groups.
        groups: Vec<LeftGroupV1>,
    }
}
body! {
    /// A group that someone left with the company.
    LeftGroupV1 {
        /// Which.
        group: GroupId,
        /// Who owns it now; 0 where the owner did not change, or there is none.
        successor: PersonId,
        /// What it is from now on.
        status: GroupStatus,
    }
}
body! {
    /// A group exists.
    GroupCreatedV1 {
        /// Its id.
        group: GroupId,
        /// What it is.
        kind: GroupKind,
        /// Its name.
        name: String,
        /// Who owns it.
        owner: PersonId,
        /// The others, in the order that breaks ties of succession.
        members: Vec<PersonId>,
    }
}
body! {
    /// People are members.
    MembersJoinedV1 {
        /// Of which group.
        group: GroupId,
        /// Who.
        people: Vec<PersonId>,
    }
}
body! {
    /// People are no members any more.
    MembersLeftV1 {
        /// Of which group.
        group: GroupId,
        /// Who.
        people: Vec<PersonId>,
        /// Why.
        cause: LeaveCause,
        /// Who owns it now; 0 where the owner did not change, or there is none.
        successor: PersonId,
        /// What the group is from now on.
        status: GroupStatus,
    }
}
body! {
    /// A group is over.
    GroupDissolvedV1 {
        /// Which.
        group: GroupId,
        /// Who was in it.
        members: Vec<PersonId>,
    }
}
body! {
    /// A member's role.
    RoleChangedV1 {
        /// In which group.
        group: GroupId,
        /// Whose.
        person: PersonId,
        /// Which.
        role: GroupRole,
    }
}
body! {
    /// A group changed hands.
    OwnershipTransferredV1 {
        /// Which.
        group: GroupId,
        /// Who owned it, and is an admin now.
        from: PersonId,
        /// Who owns it.
        to: PersonId,
    }
}
body! {
    /// A group has another name.
    GroupRenamedV1 {
        /// Which.
        group: GroupId,
        /// Its name.
        name: String,
    }
}
body! {
    /// A message took its place. Sender, client message id and kind are in the record's header.
    PublishedV1 {
        /// Where.
        group: GroupId,
        /// By which a retry with another body is told (SPEC S3).
        body_digest: u64,
    }
}
body! {
    /// A mass send was charged.
    MassSendAcceptedV1 {
        /// Who is charged.
        sender: PersonId,
        /// From which device.
        device: DeviceId,
        /// The groups it goes to, in this order.
        groups: Vec<GroupId>,
        /// The number of a message kind.
        kind: u8,
        /// The number of a priority.
        priority: u8,
        /// The sender's name for it.
        client_message_id: ClientMessageId,
        /// By which a retry with another body or other groups is told.
        body_digest: u64,
        /// The window it is charged to begins here (SPEC Q5).
        window_starts: Timestamp,
        /// And ends before this.
        window_ends: Timestamp,
    }
}
body! {
    /// One group of a mass send.
    MassSendTargetV1 {
        /// The parent record's number.
        mass_send: RecordNumber,
        /// Which group.
        group: GroupId,
    }
}
body! {
    /// What a quota policy guards, of one person.
    FeatureV1 {
        /// Whose.
        person: PersonId,
        /// By which policy.
        policy: QuotaPolicy,
    }
}
body! {
    /// The tenant has another limit.
    QuotaSetV1 {
        /// For which policy.
        policy: QuotaPolicy,
        /// The limit.
        limit: u32,
    }
}
body! {
    /// Records were lost to damage and an operator accepted it.
    LogRepairedV1 {
        /// The first record that was lost; its number and those after it are given anew.
        at: RecordNumber,
    }
}

/// Why bytes are not a list of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
    /// The bytes end before the event at `offset` does.
    #[error("the event at byte {offset} takes {need} bytes, {have} are there")]
    Truncated {
        /// Where the event begins.
        offset: usize,
        /// Bytes it takes.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// Bits that must be zero are not.
    #[error("the event at byte {offset} has reserved bits set")]
    Reserved {
        /// Where the event begins.
        offset: usize,
    },
    /// The event's body is none.
    #[error("the event at byte {offset} cannot be read")]
    Event {
        /// Where the event begins.
        offset: usize,
        /// Why.
        #[source]
        why: TaggedError,
    },
}

/// Bytes before each event's body: tag (u16), zero (u16), body length (u32), little endian.
const EVENT_PREFIX_LEN: usize = 8;

/// Appends the bytes of `events`: what a record's private part holds.
pub fn encode_all(events: &[Event], out: &mut Vec<u8>) {
    for event in events {
        let body = event.encode();
        let body_len = u32::try_from(body.len()).expect("events are bounded by their commands");
        out.extend_from_slice(&event.tag().to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&body_len.to_le_bytes());
        out.extend_from_slice(&body);
    }
}

/// Reads what [`encode_all`] wrote, checking everything first (invariant 8).
pub fn decode_all(bytes: &[u8]) -> Result<Vec<Event>, EventsError> {
    let mut events = Vec::new();
    let mut offset = 0;
    while offset < bytes.len() {
        let rest = &bytes[offset..];
        let truncated = |need| EventsError::Truncated {
            offset,
            need,
            have: rest.len(),
        };
        let Some((prefix, rest_of)) = rest.split_first_chunk::<EVENT_PREFIX_LEN>() else {
            return Err(truncated(EVENT_PREFIX_LEN));
        };
        let [tag_0, tag_1, zero_0, zero_1, len @ ..] = *prefix;
        if [zero_0, zero_1] != [0; 2] {
            return Err(EventsError::Reserved { offset });
        }
        let body_len = u32::from_le_bytes(len) as usize;
        let need = EVENT_PREFIX_LEN.saturating_add(body_len);
        let body = rest_of.get(..body_len).ok_or_else(|| truncated(need))?;
        let tag = u16::from_le_bytes([tag_0, tag_1]);
        let event = Event::decode(tag, body).map_err(|why| EventsError::Event { offset, why })?;
        events.push(event);
        offset += need;
    }
    Ok(events)
}

/// Whether a record with these events has a message as its view.
#[must_use]
pub fn carries_message(events: &[Event]) -> bool {
    events.iter().any(|event| {
        matches!(
            event,
            Event::Published(_) | Event::MassSendAccepted(_) | Event::MassSendDelivered(_)
        )
    })
}

/// Whether a record with these events is the parent of a mass send, whose message its targets need.
#[must_use]
pub fn starts_mass_send(events: &[Event]) -> bool {
    events
        .iter()
        .any(|event| matches!(event, Event::MassSendAccepted(_)))
}

/// At most how many places in groups these events take when they are applied.
#[must_use]
pub fn takes_max(events: &[Event]) -> usize {
    events
        .iter()
        .map(|event| match event {
            Event::PersonDeparted(departed) => departed.groups.len(),
            _ => 1,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published() -> Event {
        Event::Published(PublishedV1 {
            group: GroupId(7),
            body_digest: 9,
        })
    }

    #[test]
    fn a_list_of_events_comes_back_as_it_went() {
        let events = vec![
            published(),
            Event::GroupRenamed(GroupRenamedV1 {
                group: GroupId(1),
                name: "项目组".to_owned(),
            }),
            published(),
        ];
        let mut bytes = vec![0xaa];
        encode_all(&events, &mut bytes);
        assert_eq!(decode_all(&bytes[1..]), Ok(events));
        assert_eq!(decode_all(&[]), Ok(vec![]));
    }

    #[test]
    fn every_cut_of_the_bytes_is_refused_or_a_shorter_list() {
        let mut bytes = Vec::new();
        encode_all(&[published(), published()], &mut bytes);
        let half = bytes.len() / 2;
        for cut in 1..bytes.len() {
            match decode_all(&bytes[..cut]) {
                Ok(events) => assert!(cut == half && events.len() == 1),
                Err(error) => assert!(matches!(error, EventsError::Truncated { .. }), "{error}"),
            }
        }
    }

    #[test]
    fn an_unknown_tag_and_a_reserved_bit_are_named() {
        let mut bytes = Vec::new();
        encode_all(&[published()], &mut bytes);
        let mut unknown = bytes.clone();
        unknown[..2].copy_from_slice(&[0xff, 0x7f]);
        assert_eq!(
            decode_all(&unknown),
            Err(EventsError::Event {
                offset: 0,
                why: TaggedError::Tag { found: 0x7fff }
            })
        );
        bytes[2] = 1;
        assert_eq!(decode_all(&bytes), Err(EventsError::Reserved { offset: 0 }));
    }
}
