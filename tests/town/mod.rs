//! A small enterprise to test with, in the words of the domain.
#![allow(dead_code)] // Each test file uses its part.

use std::sync::Arc;

use throng::engine::{Engine, ExecuteError, ManualClock, Message, Options};
use throng::log::Storage;
use throng::model::command::{
    Actor, Command, CreateGroupV1, CreateTenantV1, GroupKind, GroupV1, MassSendV1, MembersV1,
    NewPersonV1, OrgRole, PersonKind, PublishedV1, Reply, Succession, TaggedCommand,
};
use throng::wire::{
    ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, TenantId, Timestamp,
};

/// Noon of a working day, in microseconds.
pub(crate) const NOON: Timestamp = Timestamp(1_772_424_000_000_000);

/// An engine with one tenant and some employees, person ids from 1.
pub(crate) struct Town {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tenant: TenantId,
    pub(crate) people: Vec<PersonId>,
}

impl Town {
    pub(crate) fn in_memory(people: usize) -> Self {
        let clock = Arc::new(ManualClock::at(NOON));
        let engine = Engine::in_memory(clock.clone(), 7);
        Self::settle(engine, clock, people)
    }

    pub(crate) fn on(storage: Arc<dyn Storage>, options: Options, people: usize) -> Self {
        let clock = Arc::new(ManualClock::at(NOON));
        let engine =
            Engine::open_on(storage, options, clock.clone(), [7; 32]).expect("an empty log opens");
        Self::settle(engine, clock, people)
    }

    fn settle(engine: Engine, clock: Arc<ManualClock>, people: usize) -> Self {
        let tenant = engine.create_tenant(tenant("Acme")).expect("a tenant");
        let people = engine
            .add_people(tenant, (1..=people).map(employee).collect())
            .expect("people");
        Self {
            engine,
            clock,
            tenant,
            people,
        }
    }

    /// The same town on another engine that was opened on its log.
    pub(crate) fn reopened(&self, engine: Engine) -> Self {
        Self {
            engine,
            clock: self.clock.clone(),
            tenant: self.tenant,
            people: self.people.clone(),
        }
    }

    /// A group of the first `members` people, owned by the first.
    pub(crate) fn group(&self, members: usize) -> GroupId {
        let name = "Team".into();
        let (owner, members) = (self.people[0], self.people[1..members].to_vec());
        self.engine
            .create_group(
                self.tenant,
                CreateGroupV1 {
                    kind: GroupKind::Internal,
                    name,
                    owner,
                    members,
                },
            )
            .expect("a group")
    }

    pub(crate) fn say(
        &self,
        group: GroupId,
        sender: PersonId,
        id: u128,
        text: &str,
    ) -> Result<PublishedV1, ExecuteError> {
        let ticket = self.engine.publish(
            self.tenant,
            &Message::text(group, sender, ClientMessageId(id), text),
        )?;
        match ticket.wait()? {
            Reply::Published(published) => Ok(published),
            other => panic!("a publish is answered by where it went, not {other:?}"),
        }
    }

    pub(crate) fn call(&self, command: TaggedCommand) -> Result<Reply, ExecuteError> {
        self.engine.call(self.tenant, command)
    }

    pub(crate) fn add(&self, group: GroupId, person: PersonId) -> Result<Reply, ExecuteError> {
        self.call(TaggedCommand::AddMembers(MembersV1 {
            group,
            people: vec![person],
        }))
    }

    pub(crate) fn remove(&self, group: GroupId, person: PersonId) -> Result<Reply, ExecuteError> {
        self.call(TaggedCommand::RemoveMembers(MembersV1 {
            group,
            people: vec![person],
        }))
    }

    pub(crate) fn leave(&self, group: GroupId, person: PersonId) -> Result<Reply, ExecuteError> {
        let actor = Actor::Person {
            person,
            device: DeviceId(1),
        };
        let body = TaggedCommand::LeaveGroup(GroupV1 { group }).into();
        self.engine
            .execute(Command {
                tenant: self.tenant,
                actor,
                second_factor: false,
                body,
            })?
            .wait()
    }

    pub(crate) fn mass_send(
        &self,
        sender: PersonId,
        groups: &[GroupId],
        id: u128,
        text: &str,
    ) -> Result<Reply, ExecuteError> {
        self.engine
            .mass_send(
                self.tenant,
                MassSendV1 {
                    sender,
                    groups: groups.to_vec(),
                    kind: Kind::Text as u8,
                    priority: Priority::Normal as u8,
                    client_message_id: ClientMessageId(id),
                    body: text.as_bytes().to_vec(),
                },
            )?
            .wait()
    }
}

pub(crate) fn tenant(name: &str) -> CreateTenantV1 {
    CreateTenantV1 {
        name: name.into(),
        zone: "Asia/Shanghai".into(),
        verified_until: Timestamp(i64::MAX),
        succession: Succession::AdminFirst,
    }
}

pub(crate) fn employee(number: usize) -> NewPersonV1 {
    NewPersonV1 {
        name: format!("Person {number}"),
        external_id: format!("e{number}"),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
    }
}
