//! What each group sees of a record: one pure projection, live and in catch-up.
//!
//! It reads the record alone and no state, so that a shard fed from memory and one fed from the log
//! show the same. An envelope names its own group and no other (SPEC D1): a leaver of 200 groups is
//! 200 envelopes, each of one group.

use crate::model::command::GroupRole;
use crate::model::event::{Event, GroupStatus, LeaveCause};
use crate::wire::{
    ClientMessageId, Envelope, GroupId, HeaderFields, Kind, MembershipBody, PersonId, Priority,
    Sequence, Take, TenantId,
};

/// What a record changes for those who watch: deltas come before the envelopes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Projection {
    /// Who may read from, or until, where.
    pub deltas: Vec<MembershipDelta>,
    /// What each group sees.
    pub envelopes: Vec<Envelope>,
    /// Who left the company: their sessions end (SPEC D7).
    pub departed: Vec<PersonId>,
}

/// One person's membership begins or ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MembershipDelta {
    /// The enterprise.
    pub tenant: TenantId,
    /// The group.
    pub group: GroupId,
    /// Who.
    pub person: PersonId,
    /// Joined: may read from `at` on. Else left: may read up to before `at`.
    pub joined: bool,
    /// From which sequence that holds. Who leaves does not see their leaving; everybody sees the
    /// group's end, so a dissolved group's members may read one further.
    pub at: Sequence,
}

/// The kind that the header of a record with these events has; `message` is the kind of what is
/// published, where something is.
///
/// A record of one group has that group's kind of change; one of many groups or none, a mass
/// send's parent among them, is administrative.
#[must_use]
pub fn record_kind(events: &[Event], message: Kind) -> Kind {
    let mut kinds = events.iter().filter_map(|event| kind_of(event, message));
    match (kinds.next(), kinds.next()) {
        (Some(kind), None) => kind,
        _ => Kind::Administrative,
    }
}

/// Of an event that groups see.
fn kind_of(event: &Event, message: Kind) -> Option<Kind> {
    Some(match event {
        Event::Published(_) | Event::MassSendDelivered(_) => message,
        Event::PersonDeparted(departed) => match departed.groups.as_slice() {
            [left] => kind_left(left.status),
            _ => Kind::Administrative,
        },
        event => change_of(event)?.kind,
    })
}

/// What each group sees of `record` (its header, and its view as body), which took `takes`.
#[must_use]
pub fn project(record: &Envelope, takes: &[Take], events: &[Event]) -> Projection {
    let mut projection = Projection::default();
    let mut takes = takes.iter();
    // Takes are in the order of the events; an event that took no place has none.
    let mut take_of = |group| {
        let mut ahead = takes.clone();
        let take = ahead.find(|take| take.group == group)?;
        takes = ahead;
        Some(*take)
    };
    for event in events {
        if let Some(group) = published_in(event) {
            if take_of(group).is_some() {
                projection.envelopes.push(record.clone());
            }
        } else if let Event::PersonDeparted(departed) = event {
            projection.departed.push(departed.person);
            for left in &departed.groups {
                if let Some(take) = take_of(left.group) {
                    let people = [departed.person];
                    let change =
                        Change::left(left.group, &people, LeaveCause::Departed, left.status);
                    projection.add(record, &take, &change);
                }
            }
        } else if let Some(change) = change_of(event)
            && let Some(take) = take_of(change.group)
        {
            projection.add(record, &take, &change);
        }
    }
    projection
}

fn published_in(event: &Event) -> Option<GroupId> {
    match event {
        Event::Published(published) => Some(published.group),
        Event::MassSendDelivered(target) => Some(target.group),
        _ => None,
    }
}

/// What one group sees of one change.
struct Change<'a> {
    group: GroupId,
    kind: Kind,
    body: Vec<u8>,
    joined: Vec<PersonId>,
    left: &'a [PersonId],
}

impl<'a> Change<'a> {
    fn of_members(group: GroupId, kind: Kind, detail: u8, people: Vec<PersonId>) -> Self {
        Self {
            group,
            kind,
            body: MembershipBody { detail, people }.encode(),
            joined: Vec::new(),
            left: &[],
        }
    }

    fn joined(group: GroupId, kind: Kind, people: Vec<PersonId>) -> Self {
        Self {
            joined: people.clone(),
            ..Self::of_members(group, kind, 0, people)
        }
    }

    fn left(group: GroupId, left: &'a [PersonId], cause: LeaveCause, status: GroupStatus) -> Self {
        let kind = kind_left(status);
        Self {
            left,
            ..Self::of_members(group, kind, cause as u8, left.to_vec())
        }
    }
}

fn kind_left(status: GroupStatus) -> Kind {
    match status {
        GroupStatus::Active | GroupStatus::Disabled => Kind::Left,
        GroupStatus::Dissolved => Kind::Dissolved,
    }
}

fn change_of(event: &Event) -> Option<Change<'_>> {
    Some(match event {
        Event::GroupCreated(created) => {
            let mut people = vec![created.owner];
            people.extend(&created.members);
            Change::joined(created.group, Kind::GroupCreated, people)
        }
        Event::MembersJoined(joined) => {
            Change::joined(joined.group, Kind::Joined, joined.people.clone())
        }
        Event::MembersLeft(left) => Change::left(left.group, &left.people, left.cause, left.status),
        Event::GroupDissolved(dissolved) => Change {
            left: &dissolved.members,
            ..Change::of_members(dissolved.group, Kind::Dissolved, 0, Vec::new())
        },
        Event::RoleChanged(changed) => {
            let people = vec![changed.person];
            Change::of_members(changed.group, Kind::RoleChanged, changed.role as u8, people)
        }
        Event::OwnershipTransferred(transferred) => {
            let role = GroupRole::Owner as u8;
            let people = vec![transferred.to];
            Change::of_members(transferred.group, Kind::RoleChanged, role, people)
        }
        Event::GroupRenamed(renamed) => Change {
            body: renamed.name.clone().into_bytes(),
            ..Change::of_members(renamed.group, Kind::Described, 0, Vec::new())
        },
        _ => return None,
    })
}

impl Projection {
    fn add(&mut self, record: &Envelope, take: &Take, change: &Change<'_>) {
        let header = record.header();
        let delta = |person: &PersonId, joined, at| MembershipDelta {
            tenant: header.tenant(),
            group: take.group,
            person: *person,
            joined,
            at,
        };
        let joined = change.joined.iter();
        self.deltas
            .extend(joined.map(|person| delta(person, true, take.sequence)));
        let until = match change.kind {
            Kind::Dissolved => Sequence(take.sequence.0.saturating_add(1)),
            _ => take.sequence,
        };
        let left = change.left.iter();
        self.deltas
            .extend(left.map(|person| delta(person, false, until)));

        let fields = HeaderFields {
            kind: change.kind,
            priority: Priority::Normal,
            group: take.group,
            sequence: take.sequence,
            membership_sequence: take.membership_sequence,
            message_ordinal: take.message_ordinal,
            client_message_id: ClientMessageId(0),
            ..header.fields()
        };
        // A body over the limit cannot be decided; from a corrupt log it is left out.
        self.envelopes.extend(Envelope::new(&fields, &change.body));
    }
}
