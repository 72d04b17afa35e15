//! What a decision costs the sequencer: `cargo bench --bench decide`.
//!
//! Publishing must stay around a microsecond, and one record of any size within 2 ms (docs/architecture.md).

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use throng::model::command::{
    Actor, AddPeopleV1, Command, CommandBody, CreateGroupV1, CreateTenantV1, DepartPersonV2,
    GroupKind, MassSendV1, NewPersonV1, OrgRole, PersonKind, PersonV1, Publish, Succession,
    TaggedCommand,
};
use throng::model::{Context, Decision, Stamp, State, apply, decide, record_kind};
use throng::wire::{
    ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, RecordNumber, TenantId, Timestamp,
};

const MEMBERS: u64 = 2_000;
const START: Timestamp = Timestamp(1_772_377_200_000_000);

/// A state and what the sequencer counts.
struct Bench {
    state: State,
    record: RecordNumber,
    now: Timestamp,
}

impl Bench {
    /// `groups` groups of the same 2,000 people.
    fn with_groups(groups: u64) -> Self {
        let mut bench = Self {
            state: State::new(),
            record: RecordNumber(0),
            now: START,
        };
        bench.run(TaggedCommand::CreateTenant(CreateTenantV1 {
            name: "Bench".to_owned(),
            zone: "Asia/Shanghai".to_owned(),
            verified_until: Timestamp(i64::MAX),
            succession: Succession::AdminFirst,
        }));
        let person = NewPersonV1 {
            name: "Person".to_owned(),
            external_id: String::new(),
            kind: PersonKind::Employee,
            role: OrgRole::Employee,
        };
        bench.run(TaggedCommand::AddPeople(AddPeopleV1 {
            people: vec![person.clone(); 2_000],
        }));
        // And one who is in none of them.
        bench.run(TaggedCommand::AddPeople(AddPeopleV1 {
            people: vec![person],
        }));
        for _ in 0..groups {
            bench.run(TaggedCommand::CreateGroup(CreateGroupV1 {
                kind: GroupKind::Internal,
                name: "Group".to_owned(),
                owner: PersonId(1),
                members: (2..=MEMBERS).map(PersonId).collect(),
            }));
        }
        bench
    }

    fn context(&self) -> Context {
        Context {
            now: self.now,
            record: self.record,
            body_digest: 1,
            random: 7,
        }
    }

    fn run(&mut self, command: TaggedCommand) {
        let command = of_tenant(command);
        let decision = decide(&self.state, &command, self.context());
        decision
            .outcome
            .as_ref()
            .expect("the bench asks what it may");
        self.apply(&decision, PersonId(0), ClientMessageId(0));
    }

    fn apply(&mut self, decision: &Decision, sender: PersonId, id: ClientMessageId) {
        let stamp = Stamp {
            record: self.record,
            timestamp: self.now,
            tenant: TenantId(1),
            sender,
            device: DeviceId(0),
            client_message_id: id,
            kind: record_kind(&decision.events, Kind::Text),
            priority: Priority::Normal,
        };
        black_box(apply(&mut self.state, &stamp, &decision.events));
        self.record = self.record.next();
        self.now = self.now.plus_micros(1);
    }
}

fn of_tenant(command: TaggedCommand) -> Command {
    let tenant = match command {
        TaggedCommand::CreateTenant(_) => TenantId(0),
        _ => TenantId(1),
    };
    let actor = match command {
        TaggedCommand::CreateTenant(_) => Actor::Node,
        _ => Actor::Enterprise,
    };
    Command {
        tenant,
        actor,
        second_factor: false,
        body: command.into(),
    }
}

fn publish(sender: PersonId, group: u64, id: u128) -> Command {
    Command {
        tenant: TenantId(1),
        actor: Actor::Person {
            person: sender,
            device: DeviceId(1),
        },
        second_factor: false,
        body: CommandBody::Publish(Publish {
            group: GroupId(group),
            sender,
            device: DeviceId(1),
            kind: Kind::Text,
            priority: Priority::Normal,
            client_message_id: ClientMessageId(id),
            body_digest: 1,
        }),
    }
}

/// The sender is in 200 groups and has a full memory of retries: the worst a publish can meet.
fn publishing(criterion: &mut Criterion) {
    let mut bench = Bench::with_groups(200);
    let mut id = 0_u128;
    let mut one = |bench: &mut Bench| {
        id += 1;
        let sender = PersonId(7);
        let command = publish(sender, 100, id << 64 | id);
        let decision = decide(&bench.state, &command, bench.context());
        assert_eq!(decision.events.len(), 1, "a message, and no retry");
        bench.apply(&decision, sender, ClientMessageId(id << 64 | id));
    };
    for _ in 0..1_024 {
        one(&mut bench);
    }
    criterion.bench_function("publish: decide and apply, 2,000 members", |b| {
        b.iter(|| one(&mut bench));
    });
    let command = publish(PersonId(7), 100, u128::MAX);
    criterion.bench_function("publish: decide, 2,000 members", |b| {
        b.iter(|| decide(&bench.state, black_box(&command), bench.context()));
    });
}

fn mass_sending(criterion: &mut Criterion) {
    let bench = Bench::with_groups(200);
    let command = of_tenant(TaggedCommand::MassSend(MassSendV1 {
        sender: PersonId(7),
        groups: (1..=200).map(GroupId).collect(),
        kind: Kind::Text as u8,
        priority: Priority::Normal as u8,
        client_message_id: ClientMessageId(1),
        body: vec![b'x'; 256],
    }));
    criterion.bench_function("mass send: decide, 200 groups", |b| {
        b.iter(|| decide(&bench.state, black_box(&command), bench.context()));
    });
}

/// The owner of all 200 groups leaves: 200 successions, 200 sequences, one record.
fn leaving(criterion: &mut Criterion) {
    let snapshot = Bench::with_groups(200).state.to_snapshot();
    let by_succession = TaggedCommand::DepartPerson(PersonV1 {
        person: PersonId(1),
    });
    let to_a_newcomer = TaggedCommand::DepartPersonV2(DepartPersonV2 {
        person: PersonId(1),
        successor: PersonId(MEMBERS + 1),
    });
    let restored = || Bench {
        state: State::from_snapshot(&snapshot).expect("our own snapshot"),
        record: RecordNumber(1_000),
        now: START,
    };
    let mut leave = |name: &str, command: TaggedCommand| {
        let command = of_tenant(command);
        criterion.bench_function(name, |b| {
            b.iter_batched(
                restored,
                |mut bench| {
                    let decision = decide(&bench.state, &command, bench.context());
                    assert_eq!(decision.events.len(), 1, "the leaver leaves");
                    bench.apply(&decision, PersonId(0), ClientMessageId(0));
                    bench
                },
                BatchSize::PerIteration,
            );
        });
    };
    leave(
        "leaver of 200 groups of 2,000: decide and apply",
        by_succession,
    );
    leave(
        "leaver of 200 groups of 2,000, a newcomer in their place: decide and apply",
        to_a_newcomer,
    );
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).without_plots();
    targets = publishing, mass_sending, leaving
}
criterion_main!(benches);
