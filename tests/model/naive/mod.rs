//! The model against the rules written once more, over random histories of two tenants.
//!
//! Every answer, every place taken and all that can be read must agree; and the state must be the
//! same after a replay of the events as bytes, and after restarts from snapshots in mid-history.

#![allow(clippy::unwrap_used)] // A test's own model may panic.

mod state;

use proptest::prelude::*;
use state::{Caps, DAY_US, Expected, Tenant, digest};
use throng::model::command::{
    Actor, AddPeopleV1, Command, CommandBody, CreateGroupV1, CreateTenantV1, EnableGroupV1,
    GetMassSendV1, GroupKind, GroupRole, GroupV1, ListMembersV1, MassSendV1, MemberV1, MembersV1,
    NewPersonV1, OrgRole, PersonKind, PersonV1, Publish, QuotaPolicy, RenameGroupV1, Reply,
    SetQuotaV1, SetRoleV1, Succession, TaggedCommand as T,
};
use throng::model::event::{decode_all, encode_all};
use throng::model::{
    Applied, Context, Limits, Refusal, Stamp, State, apply, attach, decide, record_kind,
};
use throng::wire::{
    ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, RecordNumber, TenantId, Timestamp,
};

/// 2026-03-01T15:00:00Z: an hour before midnight in Shanghai.
const START: Timestamp = Timestamp(1_772_377_200_000_000);
const HOUR_US: i64 = 3_600_000_000;

fn limits() -> Limits {
    Limits {
        internal_members_max: 6,
        external_members_max: 5,
        external_members_max_unverified: 4,
        mass_sends_per_day_max: 2,
        groups_created_per_day_max: 2,
        ..Limits::default()
    }
}

fn caps() -> Caps {
    Caps {
        internal: 6,
        external: 5,
        external_unverified: 4,
        mass_sends_per_day: 2,
        groups_created_per_day: 2,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Actor, T),
    Publish(Actor, Publish),
    /// The next slice of a mass send, if there is one.
    Slice,
    /// Time passes.
    Wait(i64),
    /// A restart from a snapshot.
    Restart,
}

/// The model and the naive model, side by side.
struct Pair {
    state: State,
    naive: [Tenant; 2],
    now: Timestamp,
    next: RecordNumber,
    log: Vec<(Stamp, Vec<u8>, Applied)>,
}

impl Pair {
    fn new() -> Self {
        let lapses = START.plus_micros(30 * HOUR_US);
        let zones = [("Asia/Shanghai", 480), ("Asia/Kathmandu", 345)];
        let successions = [Succession::AdminFirst, Succession::JoinOrder];
        let mut pair = Self {
            state: State::new().with_limits(limits()),
            naive: zones.map(|(zone, minutes)| {
                let succession = successions[usize::from(zone == "Asia/Kathmandu")];
                Tenant::new(caps(), succession, lapses, minutes * 60_000_000)
            }),
            now: START,
            next: RecordNumber(0),
            log: Vec::new(),
        };
        for ((zone, _), succession) in zones.into_iter().zip(successions) {
            let create = CreateTenantV1 {
                name: zone.to_owned(),
                zone: zone.to_owned(),
                verified_until: lapses,
                succession,
            };
            let body = T::CreateTenant(create).into();
            let (outcome, _) = pair.execute(TenantId(0), Actor::Node, body, 0);
            outcome.expect("the tenant is in order");
        }
        pair
    }

    /// Eight people and three groups in each tenant.
    fn settle(&mut self) {
        let person = |kind, role| NewPersonV1 {
            name: "Person".to_owned(),
            external_id: String::new(),
            kind,
            role,
        };
        let mut people = vec![person(PersonKind::Employee, OrgRole::Employee); 5];
        people.push(person(PersonKind::Employee, OrgRole::SuperAdmin));
        people.push(person(PersonKind::Customer, OrgRole::Employee));
        people.push(person(PersonKind::Partner, OrgRole::Employee));
        let group = |kind, owner, members: [u64; 3]| {
            create(kind, PersonId(owner), members.map(PersonId).to_vec())
        };
        for tenant in 0..2 {
            for ask in [
                T::AddPeople(AddPeopleV1 {
                    people: people.clone(),
                }),
                group(GroupKind::Internal, 1, [2, 3, 4]),
                group(GroupKind::Internal, 2, [1, 4, 5]),
                group(GroupKind::External, 1, [7, 2, 8]),
                appoint(GroupId(1), PersonId(2)),
                appoint(GroupId(3), PersonId(2)),
            ] {
                self.step(tenant, &Step::Ask(Actor::Enterprise, ask));
            }
        }
    }

    /// The model's answer, and the places its record took.
    fn execute(
        &mut self,
        tenant: TenantId,
        actor: Actor,
        body: CommandBody,
        body_digest: u64,
    ) -> (Result<Reply, Refusal>, Vec<throng::wire::Take>) {
        let (sender, client_message_id, message) = match &body {
            CommandBody::Publish(p) => (p.sender, p.client_message_id, p.kind),
            CommandBody::Continue => {
                let slice = self.state.next_slice().expect("something is left");
                (slice.sender, slice.client_message_id, slice.kind)
            }
            _ => (PersonId(0), ClientMessageId(0), Kind::Text),
        };
        let command = Command {
            tenant,
            actor,
            second_factor: false,
            body,
        };
        let context = Context {
            now: self.now,
            record: self.next,
            body_digest,
            random: 7,
        };
        let decision = decide(&self.state, &command, context);
        if decision.events.is_empty() {
            return (decision.outcome, Vec::new());
        }
        let stamp = Stamp {
            record: self.next,
            timestamp: self.now,
            tenant,
            sender,
            device: DeviceId(0),
            client_message_id,
            kind: record_kind(&decision.events, message),
            priority: Priority::Normal,
        };
        let applied = apply(&mut self.state, &stamp, &decision.events);
        let mut events = Vec::new();
        encode_all(&decision.events, &mut events);
        self.log.push((stamp, events, applied.clone()));
        self.next = self.next.next();
        (decision.outcome, applied.takes)
    }

    fn step(&mut self, tenant: usize, step: &Step) {
        let id = TenantId(tenant as u32 + 1);
        match step {
            Step::Ask(actor, command) => {
                let expected = self.naive[tenant].execute(*actor, command, self.now, self.next);
                let body_digest = match command {
                    T::MassSend(send) => digest(send),
                    _ => 0,
                };
                let got = self.execute(id, *actor, command.clone().into(), body_digest);
                agree(&got, &expected, step);
            }
            Step::Publish(actor, publish) => {
                let expected = self.naive[tenant].publish(*actor, publish, self.now, self.next);
                let got = self.execute(id, *actor, CommandBody::Publish(*publish), 0);
                agree(&got, &expected, step);
            }
            Step::Slice => {
                let more = self.naive.iter().any(Tenant::has_more_to_send);
                assert_eq!(self.state.has_continuation(), more);
                let Some(slice) = self.state.next_slice() else {
                    return;
                };
                let tenant = slice.tenant.0 as usize - 1;
                let expected = self.naive[tenant].slice(self.now, self.next);
                let got = self.execute(slice.tenant, Actor::System, CommandBody::Continue, 0);
                agree(&got, &expected, step);
            }
            Step::Wait(micros) => self.now = self.now.plus_micros(*micros),
            Step::Restart => self.restart(),
        }
    }

    fn restart(&mut self) {
        let bytes = self.state.to_snapshot();
        let restarted = State::from_snapshot(&bytes).expect("our own snapshot");
        assert_eq!(restarted.hash(), self.state.hash());
        self.state = restarted.with_limits(limits());
    }

    fn replay(&self) {
        let mut state = State::new();
        for (stamp, events, applied) in &self.log {
            let events = decode_all(events).expect("our own events");
            assert_eq!(apply(&mut state, stamp, &events), *applied);
        }
        assert_eq!(
            state.hash(),
            self.state.hash(),
            "replay gives the same state"
        );
    }

    /// All that can be asked about either tenant.
    fn read_everything(&mut self) {
        for tenant in 0..2 {
            for n in 0..12 {
                let (group, person) = (GroupId(n), PersonId(n));
                let after = PersonId(0);
                let limit = 1_000;
                for query in [
                    T::GetGroup(GroupV1 { group }),
                    T::ListMembers(ListMembersV1 {
                        group,
                        after,
                        limit,
                    }),
                    T::GetQuotas(PersonV1 { person }),
                    T::ListGroups(PersonV1 { person }),
                ] {
                    self.step(tenant, &Step::Ask(Actor::Enterprise, query));
                }
                let attached = attach(&self.state, TenantId(tenant as u32 + 1), person);
                assert_eq!(attached, self.naive[tenant].attach(person));
            }
        }
    }
}

/// The same answer (a refusal's words apart) and the same places.
fn agree(
    got: &(Result<Reply, Refusal>, Vec<throng::wire::Take>),
    expected: &Expected,
    step: &Step,
) {
    match (&got.0, &expected.outcome) {
        (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{step:?}"),
        (Err(got), Err(expected)) => {
            let (mut got, mut expected) = (got.to_wire(), expected.to_wire());
            if got.code == expected.code {
                got.text.clear();
                expected.text.clear();
            }
            assert_eq!(got, expected, "{step:?}");
        }
        // It waits for somebody else, and the runs let it wait.
        (Ok(Reply::ApprovalPending(_)), Err(Refusal::NeedsApproval { .. })) => {}
        (got, expected) => panic!("got {got:?}, expected {expected:?} of {step:?}"),
    }
    assert_eq!(got.1, expected.takes, "{step:?}");
}

fn person() -> impl Strategy<Value = PersonId> {
    prop_oneof![20 => 1..9_u64, 1 => Just(0), 1 => Just(60)].prop_map(PersonId)
}

fn group() -> impl Strategy<Value = GroupId> {
    prop_oneof![20 => 1..5_u64, 1 => Just(0), 1 => Just(60)].prop_map(GroupId)
}

/// Mostly people who are there, each once.
fn people(count: core::ops::Range<usize>) -> impl Strategy<Value = Vec<PersonId>> {
    let there: Vec<_> = (1..9).map(PersonId).collect();
    prop_oneof![
        9 => prop::sample::subsequence(there, count.clone()).prop_shuffle(),
        1 => prop::collection::vec(person(), count),
    ]
}

fn actor() -> impl Strategy<Value = Actor> {
    let device = DeviceId(3);
    prop_oneof![
        3 => Just(Actor::Enterprise),
        1 => Just(Actor::Node),
        6 => person().prop_map(move |person| Actor::Person { person, device }),
    ]
}

fn new_people() -> impl Strategy<Value = T> {
    let kind = prop_oneof![
        5 => Just(PersonKind::Employee),
        1 => Just(PersonKind::Customer),
        1 => Just(PersonKind::Partner),
    ];
    let role = prop_oneof![3 => Just(OrgRole::Employee), 1 => Just(OrgRole::SuperAdmin)];
    let person = (kind, role).prop_map(|(kind, role)| NewPersonV1 {
        name: "Person".to_owned(),
        external_id: String::new(),
        kind,
        role,
    });
    prop::collection::vec(person, 1..3).prop_map(|people| T::AddPeople(AddPeopleV1 { people }))
}

fn new_group() -> impl Strategy<Value = T> {
    let kind = prop_oneof![Just(GroupKind::Internal), Just(GroupKind::External)];
    (kind, person(), people(1..7)).prop_map(|(kind, owner, mut members)| {
        // One in eight lists keeps its owner in it, and is refused.
        if owner != PersonId(8) {
            members.retain(|member| *member != owner);
        }
        create(kind, owner, members)
    })
}

fn create(kind: GroupKind, owner: PersonId, members: Vec<PersonId>) -> T {
    T::CreateGroup(CreateGroupV1 {
        kind,
        name: "Group".to_owned(),
        owner,
        members,
    })
}

fn appoint(group: GroupId, person: PersonId) -> T {
    let role = GroupRole::Admin;
    T::SetRole(SetRoleV1 {
        group,
        person,
        role,
    })
}

fn change() -> impl Strategy<Value = T> {
    let role = prop_oneof![
        4 => Just(GroupRole::Admin),
        2 => Just(GroupRole::Member),
        1 => Just(GroupRole::Owner),
    ];
    prop_oneof![
        6 => (group(), people(0..4)).prop_map(|(group, people)| T::AddMembers(MembersV1 { group, people })),
        3 => group().prop_map(|group| T::LeaveGroup(GroupV1 { group })),
        3 => (group(), people(0..4)).prop_map(|(group, people)| T::RemoveMembers(MembersV1 { group, people })),
        1 => group().prop_map(|group| T::DissolveGroup(GroupV1 { group })),
        4 => (group(), person(), role).prop_map(|(group, person, role)| T::SetRole(SetRoleV1 { group, person, role })),
        2 => (group(), person()).prop_map(|(group, person)| T::TransferOwnership(MemberV1 { group, person })),
        1 => (group(), "[群a]{0,2}").prop_map(|(group, name)| T::RenameGroup(RenameGroupV1 { group, name })),
        1 => (1..30_u64).prop_map(|n| T::DepartPerson(PersonV1 { person: PersonId(n) })),
    ]
}

fn status() -> impl Strategy<Value = T> {
    let owner = prop_oneof![2 => Just(PersonId(0)), 3 => person()];
    prop_oneof![
        2 => group().prop_map(|group| T::DisableGroup(GroupV1 { group })),
        6 => (group(), owner).prop_map(|(group, owner)| T::EnableGroup(EnableGroupV1 { group, owner })),
        1 => group().prop_map(|group| T::DeleteGroup(GroupV1 { group })),
        1 => group().prop_map(|group| T::GetGroup(GroupV1 { group })),
        1 => person().prop_map(|person| T::ListGroups(PersonV1 { person })),
    ]
}

fn own_view() -> impl Strategy<Value = (PersonId, T)> {
    (group(), person(), any::<bool>()).prop_map(|(group, person, hide)| {
        let of = MemberV1 { group, person };
        let ask = if hide {
            T::HideGroup(of)
        } else {
            T::RestoreGroup(of)
        };
        (person, ask)
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![8 => Just(Kind::Text), 1 => Just(Kind::Opaque), 1 => Just(Kind::Joined)]
}

fn mass_send() -> impl Strategy<Value = T> {
    let there: Vec<_> = (1..5).map(GroupId).collect();
    let groups = prop_oneof![
        9 => prop::sample::subsequence(there, 1..4).prop_shuffle(),
        1 => prop::collection::vec(group(), 0..4),
    ];
    let id = prop_oneof![1 => 1..3_u128, 2 => Just(0)];
    (person(), groups, kind(), id, 0..2_u8).prop_map(|(sender, groups, kind, id, body)| {
        T::MassSend(MassSendV1 {
            sender,
            groups,
            kind: kind as u8,
            priority: 0,
            client_message_id: ClientMessageId(id),
            body: vec![body],
        })
    })
}

fn quota_command() -> impl Strategy<Value = T> {
    let policy = QuotaPolicy::MassSendsPerSenderPerDay;
    prop_oneof![
        4 => person().prop_map(|person| T::ReleaseFreeze(PersonV1 { person })),
        4 => person().prop_map(|person| T::ReleaseRiskControl(PersonV1 { person })),
        1 => (0..5_u32).prop_map(move |limit| T::SetQuota(SetQuotaV1 { policy, limit })),
        1 => person().prop_map(|person| T::GetQuotas(PersonV1 { person })),
        2 => (10..80_u64).prop_map(|n| T::GetMassSend(GetMassSendV1 { mass_send: RecordNumber(n) })),
    ]
}

fn publish() -> impl Strategy<Value = Publish> {
    (person(), group(), kind(), 0..4_u128, 0..2_u64).prop_map(
        |(sender, group, kind, id, digest)| Publish {
            group,
            sender,
            device: DeviceId(3),
            kind,
            priority: Priority::Normal,
            client_message_id: ClientMessageId(id),
            body_digest: digest,
        },
    )
}

/// Half of what people do they do as themselves, so that most of it gets through.
fn acting_for_oneself(actor: Actor, person: PersonId, oneself: bool) -> Actor {
    match actor {
        Actor::Person { device, .. } if oneself => Actor::Person { person, device },
        actor => actor,
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (actor(), new_people()).prop_map(|(actor, ask)| Step::Ask(actor, ask)),
        4 => (actor(), new_group(), any::<bool>()).prop_map(|(actor, ask, oneself)| {
            let T::CreateGroup(create) = &ask else { unreachable!() };
            Step::Ask(acting_for_oneself(actor, create.owner, oneself), ask)
        }),
        3 => (actor(), status()).prop_map(|(actor, ask)| Step::Ask(actor, ask)),
        2 => (actor(), own_view(), any::<bool>()).prop_map(|(actor, (person, ask), oneself)| {
            Step::Ask(acting_for_oneself(actor, person, oneself), ask)
        }),
        16 => (actor(), change()).prop_map(|(actor, ask)| Step::Ask(actor, ask)),
        12 => (actor(), publish(), any::<bool>()).prop_map(|(actor, publish, oneself)| {
            Step::Publish(acting_for_oneself(actor, publish.sender, oneself), publish)
        }),
        12 => (actor(), mass_send(), any::<bool>()).prop_map(|(actor, ask, oneself)| {
            let T::MassSend(send) = &ask else { unreachable!() };
            Step::Ask(acting_for_oneself(actor, send.sender, oneself), ask)
        }),
        4 => (actor(), quota_command()).prop_map(|(actor, ask)| Step::Ask(actor, ask)),
        8 => Just(Step::Slice),
        3 => prop_oneof![2 => 1..DAY_US, 6 => 1..HOUR_US, 1 => Just(DAY_US), 1 => Just(1)].prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_gives_the_answers_of_the_rules(
        steps in prop::collection::vec((0..2_usize, step()), 1..160)
    ) {
        let mut pair = Pair::new();
        pair.settle();
        for (tenant, step) in &steps {
            pair.step(*tenant, step);
        }
        pair.read_everything();
        pair.restart();
        pair.replay();
    }
}
