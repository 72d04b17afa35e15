//! A small enterprise to test with, in the words of the domain.
#![allow(dead_code)] // Each test file uses its part.

use std::sync::Arc;
use std::time::{Duration, Instant};

use throng::engine::{Engine, ExecuteError, Fetch, Item, ManualClock, Message, Options};
use throng::log::Storage;
use throng::log::storage::Faulty;
use throng::model::command::{
    Actor, Command, CreateGroupV1, CreateTenantV1, GroupKind, GroupV1, MassSendV1, MembersV1,
    NewPersonV1, OrgRole, PersonKind, PublishedV1, Reply, Succession, TaggedCommand,
};
use throng::wire::{
    ClientMessageId, DeviceId, Envelope, GroupId, Kind, PersonId, Priority, Sequence, TenantId,
    Timestamp,
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

    /// Another tenant on the same engine.
    pub(crate) fn neighbour(&self, people: usize) -> Self {
        Self::settle(self.engine.clone(), self.clock.clone(), people)
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

    /// What members are sent of a group's first sequences.
    pub(crate) fn fetched(&self, group: GroupId, to: u64) -> Vec<Envelope> {
        let mut port = self.engine.port(|| {});
        let fetch = Fetch {
            tenant: self.tenant,
            group,
            from: Sequence(1),
            to: Sequence(to),
        };
        port.fetch(fetch).expect("room");
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut items = Vec::new();
        loop {
            port.poll(&mut items);
            for item in items.drain(..) {
                if let Item::Fetched { result, .. } = item {
                    return result.expect("erased is not missing");
                }
            }
            assert!(Instant::now() < deadline, "nothing was fetched");
            std::thread::yield_now();
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

/// Whether some file of a disk holds these bytes.
pub(crate) fn is_on(disk: &Faulty, needle: &[u8]) -> bool {
    let names = disk.names().expect("names");
    names.iter().any(|name| {
        let bytes = disk.contents(name).expect("a listed file");
        bytes.windows(needle.len()).any(|window| window == needle)
    })
}
