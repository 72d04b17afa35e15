//! Join codes and calls against the rules written once more, and against events that fit nothing.

#![allow(clippy::unwrap_used)] // A test's own model may panic.

use std::collections::BTreeSet;

use proptest::prelude::*;
use throng::model::command::*;
use throng::model::event::{self, Event};
use throng::model::{Context, Limits, Refusal, Stamp, State, apply, decide, record_kind};
use throng::wire::{
    ClientMessageId, DeviceId, GroupId, JoinCodeId, Kind, PersonId, Priority, RecordNumber,
    TenantId, Timestamp,
};

const START: Timestamp = Timestamp(1_772_377_200_000_000);
const SECOND_US: i64 = 1_000_000;
const MINUTE_US: i64 = 60 * SECOND_US;
const PEOPLE: u64 = 14;
const CAP: usize = 6;
const THRESHOLD: usize = 5;
const USES_MAX: u32 = 4;
const GUESSES_MAX: usize = 2;
const ADMINS: [PersonId; 2] = [PersonId(2), PersonId(3)];

fn limits() -> Limits {
    Limits {
        internal_members_max: CAP as u32,
        wrong_codes_per_minute_max: GUESSES_MAX as u32,
        ..Limits::default()
    }
}

/// Which code somebody tries; each leads from a group of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Limited = 0,
    Live = 1,
    Verified = 2,
    Wrong = 3,
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

/// What is answered, as far as the rules say it.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Told {
    Joined(GroupId),
    Pending(RecordNumber),
    Answered(CallState),
    Done,
    Refused(u16),
}

struct Call {
    record: RecordNumber,
    person: PersonId,
    expires: i64,
    answered: bool,
}

/// The rules once more: slow, and nothing but lists.
struct Naive {
    groups: Vec<BTreeSet<PersonId>>,
    /// What each code has led to, as places in `groups`.
    led_to: [Vec<usize>; 3],
    revoked: [bool; 3],
    joined: [u32; 3],
    guesses: Vec<(i64, PersonId)>,
    calls: Vec<Call>,
}

impl Naive {
    fn new() -> Self {
        let first: BTreeSet<_> = (1..=3).map(PersonId).collect();
        Self {
            groups: vec![first; 3],
            led_to: [vec![0], vec![1], vec![2]],
            revoked: [false; 3],
            joined: [0; 3],
            guesses: Vec::new(),
            calls: Vec::new(),
        }
    }

    fn join(&mut self, person: PersonId, way: Way, now: i64, record: RecordNumber) -> Told {
        let counts = |(at, who): &&(i64, PersonId)| *who == person && now - at < MINUTE_US;
        if self.guesses.iter().filter(counts).count() >= GUESSES_MAX {
            return refused(&Refusal::TooManyGuesses {
                retry_at: Timestamp(0),
            });
        }
        if way == Way::Wrong {
            self.guesses.push((now, person));
            return refused(&Refusal::NoSuchJoinCode);
        }
        if let Err(told) = self.check(person, way) {
            return told;
        }
        if way != Way::Verified {
            return Told::Joined(self.enter(person, way));
        }
        let mut waiting = self.calls.iter();
        let waiting = waiting.rfind(|call| call.person == person && !call.answered);
        if let Some(call) = waiting.filter(|call| now < call.expires) {
            return Told::Pending(call.record);
        }
        self.calls.push(Call {
            record,
            person,
            expires: now + MINUTE_US,
            answered: false,
        });
        Told::Pending(record)
    }

    fn check(&self, person: PersonId, way: Way) -> Result<(), Told> {
        let led_to = &self.led_to[way as usize];
        let last = &self.groups[*led_to.last().unwrap()];
        let group = GroupId(0);
        if self.revoked[way as usize] {
            Err(refused(&Refusal::JoinCodeRevoked))
        } else if way == Way::Limited && self.joined[0] >= USES_MAX {
            Err(refused(&Refusal::JoinCodeUsedUp { uses_max: 0 }))
        } else if led_to.iter().any(|at| self.groups[*at].contains(&person)) {
            Err(refused(&Refusal::AlreadyAMember { person, group }))
        } else if way != Way::Live && last.len() >= CAP {
            Err(refused(&Refusal::GroupFull { group, cap: 0 }))
        } else {
            Ok(())
        }
    }

    fn enter(&mut self, person: PersonId, way: Way) -> GroupId {
        let led_to = &mut self.led_to[way as usize];
        let mut last = *led_to.last().unwrap();
        if way == Way::Live && self.groups[last].len() >= THRESHOLD {
            let turn = (led_to.len() - 1) % ADMINS.len();
            last = self.groups.len();
            self.groups.push(BTreeSet::from([ADMINS[turn]]));
            led_to.push(last);
        }
        self.groups[last].insert(person);
        self.joined[way as usize] += 1;
        GroupId(last as u64 + 1)
    }

    fn answer(
        &mut self,
        at: usize,
        verdict: CallVerdict,
        now: i64,
    ) -> Option<(RecordNumber, Told)> {
        let call = self.calls.get_mut(at)?;
        let (record, person) = (call.record, call.person);
        let named = record.0;
        let told = if call.answered {
            refused(&Refusal::CallAnswered { call: named })
        } else if now >= call.expires && verdict != CallVerdict::Failed {
            refused(&Refusal::CallExpired { call: named })
        } else {
            call.answered = true;
            Told::Answered(match verdict {
                CallVerdict::Refused => CallState::Refused,
                CallVerdict::Failed => CallState::Failed,
                CallVerdict::Admitted => match self.check(person, Way::Verified) {
                    Ok(()) => {
                        self.enter(person, Way::Verified);
                        CallState::Admitted
                    }
                    Err(_) => CallState::NotJoined,
                },
            })
        };
        Some((record, told))
    }
}

fn refused(refusal: &Refusal) -> Told {
    Told::Refused(refusal.code())
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

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0..6_u64, 1 => Just(u64::from(u32::MAX)), 1 => Just(u64::MAX)]
}

fn time() -> impl Strategy<Value = Timestamp> {
    let sane = START.0..START.0 + 3 * MINUTE_US;
    prop_oneof![8 => sane, 1 => Just(i64::MIN), 1 => Just(i64::MAX)].prop_map(Timestamp)
}

fn verify() -> impl Strategy<Value = CallV1> {
    (number(), number(), number()).prop_map(|(code, group, person)| {
        CallV1::VerifyJoin(VerifyJoinV1 {
            code: JoinCodeId(code),
            group: GroupId(group),
            person: PersonId(person),
            label: String::new(),
            question: Vec::new(),
        })
    })
}

/// Events that fit nothing, or something else than they mean.
fn strange() -> impl Strategy<Value = Event> {
    let verdict = prop_oneof![Just(CallVerdict::Admitted), Just(CallVerdict::Refused)];
    let text = prop_oneof![Just("0123-4567-89AB-CDEF".to_owned()), "[0-9A-Z]{0,17}"];
    prop_oneof![
        (0..40_u64, time(), verify()).prop_map(|(call, expires, what)| {
            let call = RecordNumber(call);
            Event::CallOpened(event::CallOpenedV1 {
                call,
                expires,
                what,
            })
        }),
        (0..40_u64, verdict, number(), any::<u16>()).prop_map(|(call, verdict, group, refusal)| {
            Event::CallClosed(event::CallClosedV1 {
                call: RecordNumber(call),
                verdict,
                group: GroupId(group),
                refusal,
            })
        }),
        (number(), text, number(), time(), any::<bool>()).prop_map(
            |(code, text, group, valid_until, live)| {
                Event::JoinCodeCreated(event::JoinCodeCreatedV1 {
                    code: JoinCodeId(code),
                    text,
                    group: GroupId(group),
                    creator: PersonId(group),
                    valid_until,
                    label: String::new(),
                    uses_max: 1,
                    verification: live,
                    live: live.then(|| LiveCodeV1 {
                        threshold: 0,
                        name_template: String::new(),
                        admins: vec![PersonId(code), PersonId(group)],
                    }),
                })
            }
        ),
        (number(), number()).prop_map(|(code, group)| {
            Event::JoinCodeMoved(event::JoinCodeMovedV1 {
                code: JoinCodeId(code),
                group: GroupId(group),
            })
        }),
        (number(), number()).prop_map(|(code, person)| {
            Event::JoinCodeUsed(event::JoinCodeUsedV1 {
                code: JoinCodeId(code),
                person: PersonId(person),
            })
        }),
        number().prop_map(|person| {
            let person = PersonId(person);
            Event::CodeGuessed(event::CodeGuessedV1 { person })
        }),
        (0..40_u64, number(), any::<u16>(), 0..200_usize, time()).prop_map(
            |(meeting, person, digits, len, expires)| {
                Event::FaceToFaceOpened(event::FaceToFaceOpenedV1 {
                    meeting: RecordNumber(meeting),
                    person: PersonId(person),
                    digits: digits % 12_000,
                    location: "x".repeat(len),
                    name: String::new(),
                    kind: GroupKind::Internal,
                    expires,
                })
            }
        ),
        (0..40_u64, number()).prop_map(|(meeting, person)| {
            Event::FaceToFaceJoined(event::FaceToFaceJoinedV1 {
                meeting: RecordNumber(meeting),
                person: PersonId(person),
            })
        }),
        (0..40_u64, number()).prop_map(|(meeting, group)| {
            Event::FaceToFaceStarted(event::FaceToFaceStartedV1 {
                meeting: RecordNumber(meeting),
                group: GroupId(group),
            })
        }),
    ]
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
