//! A whole state, in every version of its snapshot.

use throng::model::command::*;
use throng::model::event::{self, Event};
use throng::model::{Context, Decision, Stamp, State, apply, decide};
use throng::wire::{DeviceId, GroupId, Kind, PersonId, Priority, RecordNumber, TenantId};

use crate::golden::core::{ID, POLICY, TIME, events, new_person};

pub(crate) const GOLDEN: &str = include_str!("model_state.txt");

/// A state with something in each table of the first version.
pub(crate) fn first() -> State {
    applied(&core_events())
}

/// A state of all that the golden events before custody make of it.
pub(crate) fn second() -> State {
    let custody = crate::golden::custody::events();
    let mut events = core_events();
    let sections = crate::golden::SECTIONS.iter();
    events.extend(sections.flat_map(|section| (section.events)()));
    let pulls = crate::golden::pull::events();
    events.retain(|event| !custody.contains(event) && !pulls.contains(event));
    applied(&events)
}

/// A state of all that the golden events before pulls make of it.
pub(crate) fn third() -> State {
    let pulls = crate::golden::pull::events();
    let mut events = core_events();
    let sections = crate::golden::SECTIONS.iter();
    events.extend(sections.flat_map(|section| (section.events)()));
    events.retain(|event| !pulls.contains(event));
    applied(&events)
}

/// A state of all that the golden events make of it; those that do not fit change nothing.
pub(crate) fn latest() -> State {
    let mut events = core_events();
    events.extend(
        crate::golden::SECTIONS
            .iter()
            .flat_map(|section| (section.events)()),
    );
    applied(&events)
}

pub(crate) fn core_events() -> Vec<Event> {
    let created = event::GroupCreatedV1 {
        group: GroupId(1),
        kind: GroupKind::Internal,
        name: "项目组".to_owned(),
        owner: PersonId(1),
        members: vec![PersonId(2)],
    };
    let published = event::PublishedV1 {
        group: GroupId(1),
        body_digest: 9,
    };
    let accepted = event::MassSendAcceptedV1 {
        sender: PersonId(1),
        device: DeviceId(7),
        groups: vec![GroupId(1)],
        kind: Kind::Text as u8,
        priority: Priority::Normal as u8,
        client_message_id: ID,
        body_digest: 9,
        window_starts: TIME,
        window_ends: TIME.plus_micros(86_400_000_000),
    };
    let mut people = vec![new_person(); 2];
    people[1].external_id.clear();
    vec![
        events()[0].clone(),
        Event::PeopleAdded(event::PeopleAddedV1 {
            first: PersonId(1),
            people,
        }),
        Event::GroupCreated(created),
        Event::Published(published),
        Event::MassSendAccepted(accepted),
        Event::FeatureFrozen(event::FeatureV1 {
            person: PersonId(1),
            policy: POLICY,
        }),
    ]
}

fn applied(events: &[Event]) -> State {
    let mut state = State::new();
    let stamp = Stamp {
        record: RecordNumber(12),
        timestamp: TIME,
        tenant: TenantId(1),
        sender: PersonId(1),
        device: DeviceId(7),
        client_message_id: ID,
        kind: Kind::Text,
        priority: Priority::Normal,
    };
    apply(&mut state, &stamp, events);
    state
}

/// What a state of any version can tell.
pub(crate) fn told_by(state: &State) -> Vec<Decision> {
    let group = GroupId(1);
    let questions = [
        TaggedCommand::GetGroup(GroupV1 { group }),
        TaggedCommand::ListMembers(ListMembersV1 {
            group,
            after: PersonId(0),
            limit: 10,
        }),
        TaggedCommand::GetQuotas(PersonV1 {
            person: PersonId(1),
        }),
        TaggedCommand::GetMassSend(GetMassSendV1 {
            mass_send: RecordNumber(12),
        }),
    ];
    let context = Context {
        now: TIME,
        record: RecordNumber(13),
        body_digest: 0,
        random: 0,
    };
    let answer = |question| {
        let command = Command {
            tenant: TenantId(1),
            actor: Actor::Enterprise,
            second_factor: false,
            body: question,
        };
        decide(state, &command, context)
    };
    questions.map(|it| answer(it.into())).to_vec()
}
