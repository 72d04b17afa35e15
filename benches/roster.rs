//! What 500 rows of a roster cost the sequencer: `cargo bench --bench roster`.
//!
//! 100,000 people in 1,111 departments on four levels, with a group that follows each of the lower
//! 1,100 (of 100 or 1,000 people). One record of any size must stay within 2 ms (docs/architecture.md), and an import of all
//! of them within 10 s.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use throng::model::command::{
    Actor, Command, CreateGroupV1, CreateTenantV1, FollowDepartmentV1, GroupKind, PersonRowV1,
    Reply, Succession, SyncPeopleV1, TaggedCommand as T,
};
use throng::model::{Context, Decision, Stamp, State, apply, decide, record_kind};
use throng::wire::{
    ClientMessageId, DepartmentId, DeviceId, GroupId, Kind, PersonId, Priority, RecordNumber,
    TenantId, Timestamp,
};

const PEOPLE: u64 = 100_000;
const ROWS: u64 = 500;
const START: Timestamp = Timestamp(1_772_377_200_000_000);

/// A state and what the sequencer counts.
struct Bench {
    state: State,
    record: RecordNumber,
}

/// `n` stands for a person; `shift` moves everybody on by so many departments.
fn row(n: u64, shift: u64) -> PersonRowV1 {
    let team = (n / 100 + shift) % 1_000;
    let path = [team / 100, team / 10 % 10, team % 10];
    PersonRowV1 {
        row: 0,
        external_id: format!("user-{n:06}@example"),
        name: format!("员工{n}"),
        employee_number: format!("E{:06}", n * 7_919 % 1_000_000),
        mobile: format!("+86138{:08}", n * 104_729 % 100_000_000),
        email: format!("user{n}@example.com"),
        position: "工程师".to_owned(),
        departments: vec![format!("总部/{}/{}/{}", path[0], path[1], path[2])],
    }
}

fn slice(from: u64, shift: u64) -> T {
    T::SyncPeople(SyncPeopleV1 {
        rows: (from..from + ROWS).map(|n| row(n, shift)).collect(),
        dry_run: false,
        create_departments: true,
    })
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self {
            state: State::new(),
            record: RecordNumber(0),
        };
        bench.run(T::CreateTenant(CreateTenantV1 {
            name: "Bench".to_owned(),
            zone: "Asia/Shanghai".to_owned(),
            verified_until: Timestamp(i64::MAX),
            succession: Succession::AdminFirst,
        }));
        // One row a department, with everything above it.
        for from in (0..PEOPLE).step_by(100 * ROWS as usize) {
            let rows = (0..ROWS).map(|n| row(from + n * 100, 0));
            bench.run(T::SyncPeople(SyncPeopleV1 {
                rows: rows.collect(),
                dry_run: false,
                create_departments: true,
            }));
        }
        bench
    }

    /// A group for each team, and for each department right above teams.
    fn with_groups() -> Self {
        let mut bench = Self::new();
        let mut made = 0;
        // The root, then each division with the 110 departments below it.
        let lower = (2..=1_111).filter(|id| (id - 2) % 111 != 0);
        for department in lower.map(DepartmentId) {
            bench.run(T::CreateGroup(CreateGroupV1 {
                kind: GroupKind::Internal,
                name: "Group".to_owned(),
                owner: PersonId(1),
                members: vec![PersonId(2), PersonId(3)],
            }));
            made += 1;
            let group = GroupId(made);
            bench.run(T::FollowDepartment(FollowDepartmentV1 {
                group,
                department,
            }));
        }
        bench
    }

    fn import(&mut self) {
        for from in (0..PEOPLE).step_by(ROWS as usize) {
            self.run(slice(from, 0));
        }
    }

    fn decide(&self, command: &Command) -> Decision {
        let context = Context {
            now: START,
            record: self.record,
            body_digest: 0,
            random: 7,
        };
        decide(&self.state, command, context)
    }

    fn run(&mut self, command: T) {
        let command = of_tenant(command);
        let decision = self.decide(&command);
        let refused = match decision.outcome.as_ref() {
            Ok(Reply::PeopleSynced(synced)) => synced.outcomes.iter().any(|it| it.person.0 == 0),
            outcome => outcome.is_err(),
        };
        assert!(!refused, "the bench asks what it may");
        self.apply(&decision);
    }

    fn apply(&mut self, decision: &Decision) {
        let stamp = Stamp {
            record: self.record,
            timestamp: START,
            tenant: TenantId(1),
            sender: PersonId(0),
            device: DeviceId(0),
            client_message_id: ClientMessageId(0),
            kind: record_kind(&decision.events, Kind::Text),
            priority: Priority::Normal,
        };
        black_box(apply(&mut self.state, &stamp, &decision.events));
        self.record = self.record.next();
    }
}

fn of_tenant(command: T) -> Command {
    let (tenant, actor) = match command {
        T::CreateTenant(_) => (TenantId(0), Actor::Node),
        _ => (TenantId(1), Actor::Enterprise),
    };
    Command {
        tenant,
        actor,
        second_factor: false,
        body: command.into(),
    }
}

fn importing(criterion: &mut Criterion) {
    criterion.bench_function("roster: 100,000 people, 200 slices", |b| {
        b.iter_batched(
            Bench::with_groups,
            |mut bench| {
                bench.import();
                bench
            },
            BatchSize::PerIteration,
        );
    });
}

/// Everybody is there: rows that change nothing, and rows that move everyone to another department.
fn synchronising(criterion: &mut Criterion) {
    let mut bench = Bench::with_groups();
    bench.import();
    let same = of_tenant(slice(50_000, 0));
    criterion.bench_function("roster: 500 rows that change nothing", |b| {
        b.iter(|| bench.decide(black_box(&same)));
    });
    let mut shift = 0;
    criterion.bench_function("roster: 500 rows that move people", |b| {
        b.iter_batched(
            || {
                shift += 500;
                of_tenant(slice(50_000, shift))
            },
            |command| {
                let decision = bench.decide(&command);
                bench.apply(&decision);
            },
            BatchSize::PerIteration,
        );
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).without_plots();
    targets = importing, synchronising
}
criterion_main!(benches);
