//! Join codes and calls against the rules written once more, and against events that fit nothing.

#![allow(clippy::unwrap_used)] // A test's own model may panic.

mod naive;
mod strange;

use std::collections::BTreeSet;

use naive::{ADMINS, CAP, GUESSES_MAX, Naive, THRESHOLD, Told, USES_MAX, Way, refused};
use proptest::prelude::*;
use strange::{strange, time};
use throng::model::command::*;
use throng::model::event::Event;
use throng::model::{Context, Limits, Refusal, Stamp, State, apply, decide, record_kind};
use throng::wire::{
    ClientMessageId, DeviceId, GroupId, JoinCodeId, Kind, PersonId, Priority, RecordNumber,
    TenantId, Timestamp,
};

pub(crate) const START: Timestamp = Timestamp(1_772_377_200_000_000);
const SECOND_US: i64 = 1_000_000;
const PEOPLE: u64 = 14;

fn limits() -> Limits {
    Limits {
        internal_members_max: CAP as u32,
        wrong_codes_per_minute_max: GUESSES_MAX as u32,
        ..Limits::default()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Join(PersonId, Way),
    Answer(usize, CallVerdict),
    Revoke(Way),
    Wait(i64),
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let person = (4..=PEOPLE).prop_map(PersonId);
    let way = prop_oneof![
        3 => Just(Way::Limited),
        6 => Just(Way::Live),
        4 => Just(Way::Verified),
        3 => Just(Way::Wrong)
    ];
    let known = prop_oneof![Just(Way::Limited), Just(Way::Live), Just(Way::Verified)];
    let verdict = prop_oneof![
        3 => Just(CallVerdict::Admitted),
        1 => Just(CallVerdict::Refused),
        1 => Just(CallVerdict::Failed)
    ];
    let step = prop_oneof![
        12 => (person, way).prop_map(|(person, way)| Step::Join(person, way)),
        6 => (0..8_usize, verdict).prop_map(|(call, verdict)| Step::Answer(call, verdict)),
        1 => known.prop_map(Step::Revoke),
        4 => (0..40 * SECOND_US).prop_map(Step::Wait),
        1 => Just(Step::Restart)
    ];
    prop::collection::vec(step, 0..80)
}

struct World {
    state: State,
    now: Timestamp,
    next: RecordNumber,
    texts: Vec<String>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            state: State::new().with_limits(limits()),
            now: START,
            next: RecordNumber(0),
            texts: Vec::new(),
        };
        let create = CreateTenantV1 {
            name: "Tenant".to_owned(),
            zone: "UTC".to_owned(),
            verified_until: Timestamp(i64::MAX),
            succession: Succession::AdminFirst,
        };
        world
            .ask(Actor::Node, TaggedCommand::CreateTenant(create))
            .unwrap();
        let person = NewPersonV1 {
            name: "Person".to_owned(),
            external_id: String::new(),
            kind: PersonKind::Employee,
            role: OrgRole::Employee,
        };
        let people = vec![person; PEOPLE as usize];
        let add = TaggedCommand::AddPeople(AddPeopleV1 { people });
        world.ask(Actor::Enterprise, add).unwrap();
        for group in 1..=3 {
            let create = CreateGroupV1 {
                kind: GroupKind::Internal,
                name: "Group".to_owned(),
                owner: PersonId(1),
                members: vec![PersonId(2), PersonId(3)],
            };
            world
                .ask(Actor::Enterprise, TaggedCommand::CreateGroup(create))
                .unwrap();
            world.make_code(group);
        }
        world
    }

    fn make_code(&mut self, group: u64) {
        let create = CreateJoinCodeV1 {
            group: GroupId(group),
            validity: ValidityV1::Permanent,
            label: String::new(),
            uses_max: if group == 1 { USES_MAX } else { 0 },
            verification: group == 3,
            live: (group == 2).then(|| LiveCodeV1 {
                threshold: THRESHOLD as u32,
                name_template: "Group {n}".to_owned(),
                admins: ADMINS.to_vec(),
            }),
        };
        match self.ask(Actor::Enterprise, TaggedCommand::CreateJoinCode(create)) {
            Ok(Reply::JoinCodeCreated(created)) => self.texts.push(created.text),
            other => panic!("{other:?}"),
        }
    }

    fn ask(&mut self, actor: Actor, command: TaggedCommand) -> Result<Reply, Refusal> {
        let command = Command {
            tenant: TenantId(1),
            actor,
            second_factor: false,
            body: command.into(),
        };
        let context = Context {
            now: self.now,
            record: self.next,
            body_digest: 0,
            random: u128::from(self.next.0).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
        };
        let decision = decide(&self.state, &command, context);
        if !decision.events.is_empty() {
            let stamp = stamp(self.next, self.now, &decision.events);
            apply(&mut self.state, &stamp, &decision.events);
            self.next = self.next.next();
        }
        decision.outcome
    }

    fn tell(&mut self, actor: Actor, command: TaggedCommand) -> Told {
        match self.ask(actor, command) {
            Ok(Reply::Joined(joined)) => Told::Joined(joined.group),
            Ok(Reply::JoinPending(pending)) => Told::Pending(pending.call),
            Ok(Reply::Call(call)) => Told::Answered(call.state),
            Ok(Reply::Done(_)) => Told::Done,
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => refused(&refusal),
        }
    }

    fn members(&mut self, group: GroupId) -> BTreeSet<PersonId> {
        let list = ListMembersV1 {
            group,
            after: PersonId(0),
            limit: 100,
        };
        match self.ask(Actor::Enterprise, TaggedCommand::ListMembers(list)) {
            Ok(Reply::Members(page)) => page.members.iter().map(|member| member.person).collect(),
            other => panic!("{other:?}"),
        }
    }
}

fn stamp(record: RecordNumber, timestamp: Timestamp, events: &[Event]) -> Stamp {
    Stamp {
        record,
        timestamp,
        tenant: TenantId(1),
        sender: PersonId(0),
        device: DeviceId(0),
        client_message_id: ClientMessageId(0),
        kind: record_kind(events, Kind::Text),
        priority: Priority::Normal,
    }
}

fn play(steps: &[Step]) {
    let (mut world, mut naive) = (World::new(), Naive::new());
    for step in steps {
        let now = world.now.0;
        match step {
            Step::Join(person, way) => {
                let texts = &world.texts;
                let code = texts.get(*way as usize).cloned().unwrap_or_default();
                let join = JoinByCodeV1 {
                    person: *person,
                    code,
                    question: Vec::new(),
                };
                let actor = Actor::Person {
                    person: *person,
                    device: DeviceId(1),
                };
                let expected = naive.join(*person, *way, now, world.next);
                let told = world.tell(actor, TaggedCommand::JoinByCode(join));
                assert_eq!(told, expected, "{step:?}");
            }
            Step::Answer(at, verdict) => {
                if let Some((call, expected)) = naive.answer(*at, *verdict, now) {
                    let verdict = *verdict;
                    let close = TaggedCommand::CloseCall(CloseCallV1 { call, verdict });
                    assert_eq!(world.tell(Actor::System, close), expected, "{step:?}");
                }
            }
            Step::Revoke(way) => {
                naive.revoked[*way as usize] = true;
                let code = JoinCodeId(*way as u64 + 1);
                let revoke = TaggedCommand::RevokeJoinCode(JoinCodeV1 { code });
                assert_eq!(world.tell(Actor::Enterprise, revoke), Told::Done);
            }
            Step::Wait(us) => world.now = world.now.plus_micros(*us),
            Step::Restart => {
                let bytes = world.state.to_snapshot();
                let state = State::from_snapshot(&bytes).unwrap();
                assert_eq!(state.to_snapshot(), bytes);
                world.state = state.with_limits(limits());
            }
        }
    }
    for (group, members) in (1..).map(GroupId).zip(&naive.groups) {
        assert_eq!(&world.members(group), members, "group {group}");
        assert!(members.len() <= CAP);
    }
    for (code, joined) in (1..).map(JoinCodeId).zip(naive.joined) {
        let get = TaggedCommand::GetJoinCode(JoinCodeV1 { code });
        let state = world.ask(Actor::Enterprise, get);
        assert!(matches!(state, Ok(Reply::JoinCode(state)) if state.joined == joined));
    }
    let open = naive.calls.iter();
    let open = open.filter(|call| !call.answered && world.now.0 < call.expires);
    // What the state calls open is as of its last record.
    assert!(world.state.open_calls().count() >= open.count());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_of_codes_gives_the_answers_of_the_rules(steps in steps()) {
        play(&steps);
    }

    #[test]
    fn any_events_of_codes_make_a_state_that_a_snapshot_keeps(
        records in prop::collection::vec((0..40_u64, time(), prop::collection::vec(strange(), 0..4)), 0..40)
    ) {
        let mut world = World::new();
        for (record, timestamp, events) in &records {
            apply(&mut world.state, &stamp(RecordNumber(*record), *timestamp, events), events);
        }
        let bytes = world.state.to_snapshot();
        let read = State::from_snapshot(&bytes).unwrap();
        prop_assert_eq!(read.to_snapshot(), bytes);
        prop_assert_eq!(read.open_calls().collect::<Vec<_>>(), world.state.open_calls().collect::<Vec<_>>());
        for n in 0..8 {
            let (person, code) = (PersonId(n), world.texts[n as usize % 3].clone());
            let join = JoinByCodeV1 { person, code, question: Vec::new() };
            let _ = world.ask(Actor::Enterprise, TaggedCommand::JoinByCode(join));
            let verdict = CallVerdict::Admitted;
            let call = RecordNumber(n);
            let _ = world.ask(Actor::System, TaggedCommand::CloseCall(CloseCallV1 { call, verdict }));
            let meeting = RecordNumber(n);
            let _ = world.ask(Actor::Enterprise, TaggedCommand::StartFaceToFace(FaceToFaceV1 { meeting, person }));
        }
    }
}
