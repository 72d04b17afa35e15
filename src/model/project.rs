//! What each group sees of a record: one pure projection, live and in catch-up.
//!
//! It reads the record alone and no state, so that a shard fed from memory and one fed from the log
//! show the same. An envelope names its own group and no other (SPEC D1): a leaver of 200 groups is
//! 200 envelopes, each of one group.

use crate::model::command::GroupRole;
use crate::model::custody::changes_what_is_gone;
use crate::model::event::{DepartmentFollowedV1, Event, GroupCreatedV2, GroupStatus, LeaveCause};
use crate::wire::{
    ClientMessageId, DeviceId, Envelope, GroupId, HeaderFields, Kind, MembershipBody, MovedBody,
    PersonId, Priority, RemovalBody, Sequence, Take, TenantId, Timestamp,
};

/// What a record changes for those who watch: deltas come before the envelopes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Projection {
    /// Who may read from, or until, where.
    pub deltas: Vec<MembershipDelta>,
    /// What each group sees.
    pub envelopes: Vec<Envelope>,
    /// Who left the company, or is out because the account is frozen: their sessions end
    /// (SPEC D7, D3).
    pub departed: Vec<PersonId>,
    /// Devices that are locked out: their sessions end (SPEC D9).
    pub revoked: Vec<(PersonId, DeviceId)>,
    /// Until when viewers read; after the deltas.
    pub windows: Vec<WatchWindow>,
    /// Some of what was said before this is gone: whoever holds any of it drops it, and reads from the log
    /// what is left (SPEC A4, A5).
    pub forget_before: Option<Timestamp>,
}

/// Until when viewers of a training group read it live (SPEC L1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WatchWindow {
    /// The enterprise.
    pub tenant: TenantId,
    /// The group.
    pub group: GroupId,
    /// Else those who watch read no more from here on.
    pub is_open: bool,
    /// What is decided then or later is not for viewers.
    pub closes: Timestamp,
}

/// One person's membership begins or ends, or their sight of a group.
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
    /// Only what they see changes: they stay a member who is shown the group no more, or again (SPEC G8).
    pub view_only: bool,
    /// A viewer of a training group, no member (SPEC L1). That takes no sequence: who leaves may have
    /// read all there is.
    pub viewer: bool,
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
    let reaches_a_customer = |event: &Event| matches!(event, Event::MassSendReached(_));
    if events.iter().any(reaches_a_customer) {
        // The group that the same record may make for it is seen by its own envelope.
        return message;
    }
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
        Event::Announced(_) => Kind::Announced,
        Event::PersonDeparted(departed) => match departed.groups.as_slice() {
            [left] => kind_left(left.status),
            _ => Kind::Administrative,
        },
        Event::PersonDepartedV2(departed) => match departed.groups.as_slice() {
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
            if let Some(take) = take_of(group) {
                projection.envelopes.extend(published(record, &take));
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
        } else if let Event::PersonDepartedV2(departed) = event {
            projection.departed.push(departed.person);
            for left in &departed.groups {
                if let Some(take) = take_of(left.group) {
                    let people = [departed.person];
                    let mut change =
                        Change::left(left.group, &people, LeaveCause::Departed, left.status);
                    if left.joined {
                        change.joined = vec![left.successor];
                    }
                    projection.add(record, &take, &change);
                }
            }
        } else if let Event::PersonFrozen(frozen) = event {
            projection.departed.push(frozen.person);
        } else if let Event::DeviceRevoked(revoked) = event {
            projection.revoked.push((revoked.person, revoked.device));
        } else if let Event::GroupOrphaned(orphaned) = event {
            let group = (record.header().tenant(), orphaned.group);
            projection.show(group, false, orphaned.at, &orphaned.members);
        } else if let Event::GroupRestored(restored) = event {
            let group = (record.header().tenant(), restored.group);
            projection.show(group, true, restored.from, &[restored.person]);
        } else if let Event::ViewerJoinedV2(joined) = event {
            projection.watch(record, (joined.group, joined.viewer), Some(joined.first));
            projection.set_window(record, joined.group, joined.closes, true);
        } else if let Event::ViewerLeft(left) = event {
            projection.watch(record, (left.group, left.viewer), None);
        } else if changes_what_is_gone(std::slice::from_ref(event)) {
            // Nothing of the same UTC day ever is.
            let now = record.header().timestamp();
            projection.forget_before = Some(now.utc_day_starts());
        } else if let Event::WatchSet(set) = event {
            let (watch, now) = (&set.watch, record.header().timestamp());
            let is_open = watch.opens <= now && now < watch.closes;
            projection.set_window(record, set.group, watch.closes, is_open);
        } else if let Some(change) = change_of(event)
            && let Some(take) = take_of(change.group)
        {
            projection.add(record, &take, &change);
        }
    }
    projection
}

/// Where the record's view is shown as it is.
fn published_in(event: &Event) -> Option<GroupId> {
    match event {
        Event::Published(published) => Some(published.group),
        Event::MassSendDelivered(target) => Some(target.group),
        Event::MassSendReached(reached) => Some(reached.group),
        Event::Announced(announced) => Some(announced.group),
        _ => None,
    }
}

/// The record as its group sees it: itself, but where it takes more places than its view's.
fn published(record: &Envelope, take: &Take) -> Option<Envelope> {
    let header = record.header();
    if header.group() == take.group {
        return Some(record.clone());
    }
    let fields = HeaderFields {
        group: take.group,
        sequence: take.sequence,
        membership_sequence: take.membership_sequence,
        message_ordinal: take.message_ordinal,
        ..header.fields()
    };
    Envelope::new(&fields, record.body()).ok()
}

/// What one group sees of one change.
struct Change<'a> {
    group: GroupId,
    kind: Kind,
    body: Vec<u8>,
    joined: Vec<PersonId>,
    left: &'a [PersonId],
    /// Members who see the group again from here on.
    sees: &'a [PersonId],
    /// Members who do not see it from here on.
    unsees: &'a [PersonId],
}

impl<'a> Change<'a> {
    fn of_members(group: GroupId, kind: Kind, detail: u8, people: Vec<PersonId>) -> Self {
        Self {
            group,
            kind,
            body: MembershipBody { detail, people }.encode(),
            joined: Vec::new(),
            left: &[],
            sees: &[],
            unsees: &[],
        }
    }

    /// What is about nobody in particular.
    fn of_group(group: GroupId, kind: Kind, body: Vec<u8>) -> Self {
        Self {
            body,
            ..Self::of_members(group, kind, 0, Vec::new())
        }
    }

    fn joined(group: GroupId, kind: Kind, people: Vec<PersonId>) -> Self {
        Self {
            joined: people.clone(),
            ..Self::of_members(group, kind, 0, people)
        }
    }

    fn created(created: &GroupCreatedV2) -> Self {
        let mut people = vec![created.owner];
        people.extend(&created.members);
        Self::joined(created.group, Kind::GroupCreated, people)
    }

    fn left(group: GroupId, left: &'a [PersonId], cause: LeaveCause, status: GroupStatus) -> Self {
        let kind = kind_left(status);
        Self {
            left,
            ..Self::of_members(group, kind, cause as u8, left.to_vec())
        }
    }

    /// A kind of its own only where people come and go at once.
    fn followed(followed: &'a DepartmentFollowedV1) -> Self {
        let group = followed.group;
        let joined = followed.joined.clone();
        let cause = LeaveCause::Moved;
        match (joined.as_slice(), followed.left.as_slice()) {
            (_, []) => Self::joined(group, Kind::Joined, joined),
            ([], left) => Self::left(group, left, cause, followed.status),
            (_, left) => {
                let members = |detail, people| MembershipBody { detail, people };
                let body = MovedBody {
                    joined: members(0, joined.clone()),
                    left: members(cause as u8, left.to_vec()),
                };
                Self {
                    joined,
                    left,
                    ..Self::of_group(group, Kind::Moved, body.encode())
                }
            }
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
        Event::GroupCreatedV2(created) => Change::created(created),
        Event::BatchGroupCreated(item) => Change::created(&item.created),
        Event::MembersJoined(joined) => {
            Change::joined(joined.group, Kind::Joined, joined.people.clone())
        }
        Event::MembersJoinedV2(joined) => {
            Change::joined(joined.group, Kind::Joined, joined.people.clone())
        }
        Event::MembersLeft(left) => Change::left(left.group, &left.people, left.cause, left.status),
        Event::DepartmentFollowed(followed) => Change::followed(followed),
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
        Event::GroupRenamed(renamed) => {
            let name = renamed.name.clone().into_bytes();
            Change::of_group(renamed.group, Kind::Described, name)
        }
        Event::GroupDissolvedV2(dissolved) => Change {
            left: &dissolved.members,
            ..Change::of_members(dissolved.group, Kind::Dissolved, 0, Vec::new())
        },
        Event::GroupConfigured(configured) => configured_anew(configured.group),
        Event::MemberMuted(muted) => configured_anew(muted.group),
        Event::AllMuted(muted) => configured_anew(muted.group),
        Event::SlowModeSet(set) => configured_anew(set.group),
        Event::GroupDisabled(disabled) => Change {
            unsees: &disabled.members,
            ..Change::of_group(disabled.group, Kind::Disabled, Vec::new())
        },
        Event::GroupEnabled(enabled) => Change {
            joined: enabled
                .joined
                .then_some(enabled.owner)
                .into_iter()
                .collect(),
            sees: &enabled.members,
            ..Change::of_group(enabled.group, Kind::Enabled, Vec::new())
        },
        Event::MessageDeleted(deleted) => {
            let body = RemovalBody {
                sequence: deleted.sequence,
                by: deleted.by as u8,
            };
            Change::of_group(deleted.group, Kind::Recall, body.encode())
        }
        _ => return None,
    })
}

/// Clients ask for what the group is set to again.
fn configured_anew(group: GroupId) -> Change<'static> {
    Change::of_group(group, Kind::Configured, Vec::new())
}

impl Projection {
    /// Whose sessions end: on one device, or on all.
    pub fn ended(&self) -> impl Iterator<Item = (PersonId, Option<DeviceId>)> {
        let everywhere = self.departed.iter().map(|person| (*person, None));
        let revoked = self.revoked.iter();
        everywhere.chain(revoked.map(|(person, device)| (*person, Some(*device))))
    }

    /// Members see a group from a sequence on, or up to before it.
    fn show(&mut self, group: (TenantId, GroupId), again: bool, at: Sequence, people: &[PersonId]) {
        let delta = |person: &PersonId| MembershipDelta {
            tenant: group.0,
            group: group.1,
            person: *person,
            joined: again,
            view_only: true,
            viewer: false,
            at,
        };
        self.deltas.extend(people.iter().map(delta));
    }

    /// Somebody watches a group from `first` on, or no longer.
    fn watch(
        &mut self,
        record: &Envelope,
        (group, person): (GroupId, PersonId),
        first: Option<Sequence>,
    ) {
        self.deltas.push(MembershipDelta {
            tenant: record.header().tenant(),
            group,
            person,
            joined: first.is_some(),
            view_only: false,
            viewer: true,
            at: first.unwrap_or(Sequence(0)),
        });
    }

    fn set_window(&mut self, record: &Envelope, group: GroupId, closes: Timestamp, is_open: bool) {
        self.windows.push(WatchWindow {
            tenant: record.header().tenant(),
            group,
            is_open,
            closes,
        });
    }

    fn add(&mut self, record: &Envelope, take: &Take, change: &Change<'_>) {
        let header = record.header();
        let delta = |person: &PersonId, joined, at| MembershipDelta {
            tenant: header.tenant(),
            group: take.group,
            person: *person,
            joined,
            view_only: false,
            viewer: false,
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
        let group = (header.tenant(), take.group);
        self.show(group, true, take.sequence, change.sees);
        self.show(group, false, take.sequence, change.unsees);

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
