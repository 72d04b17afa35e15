//! The state stays small: everything an enterprise is, per membership, counted by the allocator.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

mod counting_allocator;

use counting_allocator::bytes_kept_by;
use throng::model::command::{
    Actor, AddPeopleV1, Command, CreateGroupV1, CreateTenantV1, GroupKind, NewPersonV1, OrgRole,
    PersonKind, Reply, Succession, TaggedCommand as T,
};
use throng::model::{Context, Stamp, State, apply, decide, record_kind};
use throng::wire::{
    ClientMessageId, DeviceId, Kind, PersonId, Priority, RecordNumber, TenantId, Timestamp,
};

/// What one membership may cost, people, groups and names included.
const BYTES_PER_MEMBERSHIP_MAX: f64 = 40.0;
const PEOPLE: u64 = 20_000;
const GROUPS: u64 = 200;
const MEMBERS: u64 = 2_000;

struct Enterprise {
    state: State,
    record: RecordNumber,
}

impl Enterprise {
    fn run(&mut self, tenant: TenantId, actor: Actor, command: T) -> Reply {
        let now = Timestamp(1_772_377_200_000_000);
        let command = Command {
            tenant,
            actor,
            second_factor: false,
            body: command.into(),
        };
        let context = Context {
            now,
            record: self.record,
            body_digest: 0,
            random: 7,
        };
        let decision = decide(&self.state, &command, context);
        let stamp = Stamp {
            record: self.record,
            timestamp: now,
            tenant,
            sender: PersonId(0),
            device: DeviceId(0),
            client_message_id: ClientMessageId(0),
            kind: record_kind(&decision.events, Kind::Text),
            priority: Priority::Normal,
        };
        apply(&mut self.state, &stamp, &decision.events);
        self.record = self.record.next();
        decision.outcome.unwrap()
    }
}

/// 20,000 people with names and ids of the backend's own, each in 20 of 200 full groups.
fn enterprise() -> Enterprise {
    let mut enterprise = Enterprise {
        state: State::new(),
        record: RecordNumber(0),
    };
    let create = CreateTenantV1 {
        name: "Town".to_owned(),
        zone: "Asia/Shanghai".to_owned(),
        verified_until: Timestamp(0),
        succession: Succession::AdminFirst,
    };
    enterprise.run(TenantId(0), Actor::Node, T::CreateTenant(create));
    for first in (0..PEOPLE).step_by(2_000) {
        let people = (first..first + 2_000).map(|number| NewPersonV1 {
            name: format!("员工 {number}"),
            external_id: format!("E{number:06}"),
            kind: PersonKind::Employee,
            role: OrgRole::Employee,
        });
        let add = AddPeopleV1 {
            people: people.collect(),
        };
        enterprise.run(TenantId(1), Actor::Enterprise, T::AddPeople(add));
    }
    for group in 0..GROUPS {
        let person =
            |number: u64| PersonId((group * 97 + number * (PEOPLE / MEMBERS)) % PEOPLE + 1);
        let create = CreateGroupV1 {
            kind: GroupKind::Internal,
            name: format!("项目组 {group}"),
            owner: person(0),
            members: (1..MEMBERS).map(person).collect(),
        };
        enterprise.run(TenantId(1), Actor::Enterprise, T::CreateGroup(create));
    }
    enterprise
}

#[test]
fn a_membership_costs_at_most_40_bytes_all_told() {
    let (enterprise, bytes) = bytes_kept_by(enterprise);
    let per_membership = bytes as f64 / (GROUPS * MEMBERS) as f64;
    println!("{per_membership:.1} bytes a membership");
    assert!(
        per_membership <= BYTES_PER_MEMBERSHIP_MAX,
        "{per_membership:.1} bytes a membership"
    );
    drop(enterprise);
}
