//! The embedding API: one method for each thing a backend does every day.
//!
//! Each asks on behalf of the enterprise and blocks until the answer is durable; whoever wants to
//! wait otherwise, or ask as a person, uses [`Engine::execute`] and [`Engine::try_publish`].

use std::time::Duration;

use super::{Engine, ExecuteError, Ticket};
use crate::model::command::{
    Actor, AddPeopleV1, Command, CommandBody, CreateGroupV1, CreateTenantV1, MassSendV1,
    MassSendV2, NewPersonV1, Publish, Reply, TaggedCommand,
};
use crate::wire::{ClientMessageId, DeviceId, Draft, GroupId, Kind, PersonId, Priority, TenantId};

/// How long [`Engine::publish`] waits for room at the door.
pub const ROOM_WAIT_MAX: Duration = Duration::from_secs(1);

/// A message to publish, as an embedder says it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Where to.
    pub group: GroupId,
    /// Who says it.
    pub sender: PersonId,
    /// From which device; 0 for none.
    pub device: DeviceId,
    /// What it is.
    pub kind: Kind,
    /// How soon it must be seen.
    pub priority: Priority,
    /// The sender's name for it, by which a retry is recognised; 0 for none.
    pub client_message_id: ClientMessageId,
    /// The message, at most 64 KiB.
    pub body: &'a [u8],
}

impl<'a> Message<'a> {
    /// A plain text.
    #[must_use]
    pub fn text(
        group: GroupId,
        sender: PersonId,
        client_message_id: ClientMessageId,
        text: &'a str,
    ) -> Self {
        Self {
            group,
            sender,
            device: DeviceId(0),
            kind: Kind::Text,
            priority: Priority::Normal,
            client_message_id,
            body: text.as_bytes(),
        }
    }
}

impl Engine {
    /// Publishes a message; the ticket is answered when it is durable.
    ///
    /// Waits for room at the door, for up to [`ROOM_WAIT_MAX`]; after that, [`ExecuteError::Busy`].
    /// Who must not block uses [`Engine::try_publish`].
    pub fn publish(&self, tenant: TenantId, message: &Message<'_>) -> Result<Ticket, ExecuteError> {
        let mut waited = Duration::ZERO;
        loop {
            match self.try_publish(tenant, message) {
                Err(ExecuteError::Busy(busy)) if waited < ROOM_WAIT_MAX => {
                    let pause = Duration::from_micros(busy.retry_after_us);
                    std::thread::sleep(pause);
                    waited += pause;
                }
                done => return done,
            }
        }
    }

    /// Publishes a message, or says [`ExecuteError::Busy`] at once. Never blocks.
    pub fn try_publish(
        &self,
        tenant: TenantId,
        message: &Message<'_>,
    ) -> Result<Ticket, ExecuteError> {
        let draft = Draft::new(message.body)?;
        let publish = Publish {
            group: message.group,
            sender: message.sender,
            device: message.device,
            kind: message.kind,
            priority: message.priority,
            client_message_id: message.client_message_id,
            body_digest: self.body_digest(message.kind, message.priority, message.body),
        };
        let actor = Actor::Person {
            person: message.sender,
            device: message.device,
        };
        let command = Command {
            tenant,
            actor,
            second_factor: false,
            body: CommandBody::Publish(publish),
        };
        Ok(self.submit(command, Some(draft))?)
    }

    /// Sends one message to many groups, charged once (SPEC Q4); the ticket is answered when the
    /// charge is durable.
    pub fn mass_send(&self, tenant: TenantId, send: MassSendV1) -> Result<Ticket, ExecuteError> {
        let draft = Draft::new(&send.body)?;
        let command = Command {
            tenant,
            actor: Actor::Enterprise,
            second_factor: false,
            body: TaggedCommand::MassSend(send).into(),
        };
        Ok(self.submit(command, Some(draft))?)
    }

    /// Sends one message to groups, sets of groups and customers, charged once (SPEC Q4); the ticket
    /// is answered when the charge is durable.
    pub fn mass_send_v2(&self, tenant: TenantId, send: MassSendV2) -> Result<Ticket, ExecuteError> {
        let draft = Draft::new(&send.body)?;
        let command = Command {
            tenant,
            actor: Actor::Enterprise,
            second_factor: false,
            body: TaggedCommand::MassSendV2(send).into(),
        };
        Ok(self.submit(command, Some(draft))?)
    }

    /// Asks on behalf of the enterprise and waits.
    pub fn call(&self, tenant: TenantId, command: TaggedCommand) -> Result<Reply, ExecuteError> {
        self.execute(Command {
            tenant,
            actor: Actor::Enterprise,
            second_factor: false,
            body: command.into(),
        })?
        .wait()
    }

    /// A new enterprise.
    pub fn create_tenant(&self, tenant: CreateTenantV1) -> Result<TenantId, ExecuteError> {
        let body = TaggedCommand::CreateTenant(tenant).into();
        match self
            .execute(Command {
                tenant: TenantId(0),
                actor: Actor::Node,
                second_factor: false,
                body,
            })?
            .wait()?
        {
            Reply::TenantCreated(created) => Ok(created.tenant),
            other => unreachable!("creating a tenant is answered by its id, not {other:?}"),
        }
    }

    /// People of a tenant; their ids in the order given.
    pub fn add_people(
        &self,
        tenant: TenantId,
        people: Vec<NewPersonV1>,
    ) -> Result<Vec<PersonId>, ExecuteError> {
        match self.call(tenant, TaggedCommand::AddPeople(AddPeopleV1 { people }))? {
            Reply::PeopleAdded(added) => Ok(added.people),
            other => unreachable!("adding people is answered by their ids, not {other:?}"),
        }
    }

    /// A new group.
    pub fn create_group(
        &self,
        tenant: TenantId,
        group: CreateGroupV1,
    ) -> Result<GroupId, ExecuteError> {
        match self.call(tenant, TaggedCommand::CreateGroup(group))? {
            Reply::GroupCreated(created) => Ok(created.group),
            other => unreachable!("creating a group is answered by its id, not {other:?}"),
        }
    }
}
