//! One large enterprise without an engine: commands go through decide and apply.

#![allow(dead_code)] // Each test that shares this module uses its own part.

use throng::model::command::{
    Actor, AddPeopleV1, Command, CreateGroupV1, CreateTenantV1, GroupKind, NewPersonV1, OrgRole,
    PersonKind, Reply, Succession, TaggedCommand as T,
};
use throng::model::{Context, Decision, Refusal, Stamp, State, apply, decide, record_kind};
use throng::wire::{
    ClientMessageId, DeviceId, Kind, PersonId, Priority, RecordNumber, TenantId, Timestamp,
};

pub(crate) const TENANT: TenantId = TenantId(1);
pub(crate) const NOW: Timestamp = Timestamp(1_772_377_200_000_000);

pub(crate) struct Enterprise {
    pub(crate) state: State,
    pub(crate) record: RecordNumber,
    pub(crate) now: Timestamp,
}

impl Enterprise {
    /// Nobody yet; verified for ten years.
    pub(crate) fn new() -> Self {
        let mut enterprise = Self {
            state: State::new(),
            record: RecordNumber(0),
            now: NOW,
        };
        let create = CreateTenantV1 {
            name: "Town".to_owned(),
            zone: "Asia/Shanghai".to_owned(),
            verified_until: NOW.plus_micros(10 * 365 * 86_400_000_000),
            succession: Succession::AdminFirst,
        };
        enterprise
            .ask_in(TenantId(0), Actor::Node, T::CreateTenant(create))
            .unwrap();
        enterprise
    }

    /// The same once more.
    pub(crate) fn restored(snapshot: &[u8], record: RecordNumber) -> Self {
        Self {
            state: State::from_snapshot(snapshot).unwrap(),
            record,
            now: NOW,
        }
    }

    pub(crate) fn ask(&mut self, command: T) -> Result<Reply, Refusal> {
        self.ask_in(TENANT, Actor::Enterprise, command)
    }

    fn ask_in(&mut self, tenant: TenantId, actor: Actor, command: T) -> Result<Reply, Refusal> {
        let command = Command {
            tenant,
            actor,
            second_factor: false,
            body: command.into(),
        };
        self.run(&command).outcome
    }

    /// Decides and applies.
    pub(crate) fn run(&mut self, command: &Command) -> Decision {
        let context = Context {
            now: self.now,
            record: self.record,
            body_digest: 0,
            random: u128::from(self.record.0) << 64 | 7,
        };
        let decision = decide(&self.state, command, context);
        if decision.events.is_empty() {
            return decision;
        }
        let stamp = Stamp {
            record: self.record,
            timestamp: self.now,
            tenant: command.tenant,
            sender: PersonId(0),
            device: DeviceId(0),
            client_message_id: ClientMessageId(0),
            kind: record_kind(&decision.events, Kind::Text),
            priority: Priority::Normal,
        };
        apply(&mut self.state, &stamp, &decision.events);
        self.record = self.record.next();
        decision
    }

    /// `count` employees with names and ids of the backend's own.
    pub(crate) fn employees(&mut self, count: u64) {
        for first in (0..count).step_by(2_000) {
            let people = (first..count.min(first + 2_000)).map(|number| NewPersonV1 {
                name: format!("员工 {number}"),
                external_id: format!("E{number:06}"),
                kind: PersonKind::Employee,
                role: OrgRole::Employee,
            });
            let people = people.collect();
            self.ask(T::AddPeople(AddPeopleV1 { people })).unwrap();
        }
    }

    /// An internal group; the first of `people` owns it.
    pub(crate) fn group(&mut self, mut people: impl Iterator<Item = PersonId>) {
        let create = CreateGroupV1 {
            kind: GroupKind::Internal,
            name: "项目组".to_owned(),
            owner: people.next().unwrap(),
            members: people.collect(),
        };
        self.ask(T::CreateGroup(create)).unwrap();
    }
}
