//! TEMPORARY: the engine's, the shard's and the authenticator's types, as far as the QUIC server
//! consumes them, with fakes behind them that are just enough to run it. Dropped at merge.
#![allow(missing_docs, clippy::unwrap_used, clippy::needless_pass_by_value)]

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::model::Refusal;
use crate::model::command::{
    Actor, Command, CommandBody, GroupChangedV1, PeopleAddedV1, PublishedV1, Reply, TaggedCommand,
    TenantCreatedV1,
};
use crate::wire::{
    AttachedGroup, Cursor, DeviceId, Draft, Envelope, GroupId, HeaderFields, Kind, PersonId,
    Priority, RecordNumber, Sequence, TenantId, Timestamp,
};

pub mod auth {
    use crate::wire::{DeviceId, PersonId, Role, TenantId, Timestamp};

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Identity {
        pub role: Role,
        pub tenant: TenantId,
        pub person: PersonId,
        pub device: DeviceId,
        pub expires: Timestamp,
    }

    #[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
    #[error("the token or certificate is not one of ours")]
    pub struct AuthError;

    pub fn identity_of_certificate(_: &[u8]) -> Result<Identity, AuthError> {
        Err(AuthError)
    }
}

#[derive(Debug, Clone)]
pub enum Item {
    Deliver(Envelope),
    Membership(MembershipDelta),
    Answer {
        request: u64,
        result: Result<Reply, Refusal>,
    },
    Attached {
        session: u64,
        position: RecordNumber,
        result: Result<AttachedPerson, Refusal>,
    },
    Fetched {
        fetch: Fetch,
        result: Result<Vec<Envelope>, FetchError>,
    },
}

#[derive(Debug, Clone, Copy)]
pub struct MembershipDelta;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch {
    pub tenant: TenantId,
    pub group: GroupId,
    pub from: Sequence,
    pub to: Sequence,
}

#[derive(Debug, Clone)]
pub struct AttachedPerson {
    pub tenant: TenantId,
    pub person: PersonId,
    pub device: DeviceId,
    pub groups: Vec<AttachedGroup>,
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("the range could not be read")]
pub struct FetchError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    pub retry_after_us: u64,
}

#[derive(Default)]
struct Group {
    members: BTreeSet<PersonId>,
    head: u64,
}

#[derive(Default)]
struct World {
    ports: Vec<Arc<PortQueue>>,
    groups: HashMap<(TenantId, GroupId), Group>,
    next: u64,
}

struct PortQueue {
    items: Mutex<Vec<Item>>,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl PortQueue {
    fn push(&self, item: Item) {
        let mut items = self.items.lock().unwrap();
        items.push(item);
        if items.len() == 1 {
            (self.wake)();
        }
    }
}

#[derive(Clone, Default)]
pub struct Engine {
    world: Arc<Mutex<World>>,
}

pub struct Port {
    world: Arc<Mutex<World>>,
    queue: Arc<PortQueue>,
}

impl Engine {
    pub fn incarnation(&self) -> u64 {
        1
    }

    pub fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp(i64::try_from(since.as_micros()).unwrap())
    }

    pub fn body_digest(&self, kind: Kind, priority: Priority, body: &[u8]) -> u64 {
        u64::from(crc32c::crc32c(body)) << 16 | (kind as u64) << 8 | priority as u64
    }

    pub fn port(&self, wake: impl Fn() + Send + Sync + 'static) -> Port {
        let queue = Arc::new(PortQueue {
            items: Mutex::default(),
            wake: Box::new(wake),
        });
        self.world.lock().unwrap().ports.push(queue.clone());
        Port {
            world: self.world.clone(),
            queue,
        }
    }
}

impl Port {
    pub fn submit(&self, request: u64, command: Command, draft: Option<Draft>) -> Result<(), Busy> {
        let mut world = self.world.lock().unwrap();
        let result = decide(&mut world, command, draft);
        self.queue.push(Item::Answer { request, result });
        Ok(())
    }

    pub fn attach(
        &self,
        session: u64,
        tenant: TenantId,
        person: PersonId,
        device: DeviceId,
    ) -> Result<(), Busy> {
        let world = self.world.lock().unwrap();
        let groups = world.groups.iter();
        let groups =
            groups.filter(|(key, group)| key.0 == tenant && group.members.contains(&person));
        let groups = groups.map(|((_, group), state)| {
            AttachedGroup::new(*group, Sequence(1), Sequence(state.head), Sequence(0))
        });
        let groups = groups.collect();
        self.queue.push(Item::Attached {
            session,
            position: RecordNumber(world.next),
            result: Ok(AttachedPerson {
                tenant,
                person,
                device,
                groups,
            }),
        });
        Ok(())
    }

    pub fn detach(&self, _: u64) {}

    pub fn fetch(&self, _: Fetch) -> Result<(), Busy> {
        Ok(())
    }

    pub fn poll(&mut self, out: &mut Vec<Item>) {
        out.append(&mut self.queue.items.lock().unwrap());
    }
}

fn decide(world: &mut World, command: Command, draft: Option<Draft>) -> Result<Reply, Refusal> {
    let tenant = command.tenant;
    let record = RecordNumber(world.next);
    match command.body {
        CommandBody::Publish(publish) => {
            let key = (tenant, publish.group);
            let missing = Refusal::NoSuchGroup {
                group: publish.group,
            };
            let group = world.groups.get_mut(&key).ok_or(missing)?;
            group.head += 1;
            world.next += 1;
            let sequence = Sequence(group.head);
            let envelope = draft.unwrap().seal(&HeaderFields {
                kind: publish.kind,
                priority: publish.priority,
                tenant,
                group: publish.group,
                sequence,
                sender: publish.sender,
                device: publish.device,
                record,
                client_message_id: publish.client_message_id,
                ..HeaderFields::default()
            });
            for port in &world.ports {
                port.push(Item::Deliver(envelope.clone()));
            }
            Ok(Reply::Published(PublishedV1 {
                group: publish.group,
                sequence,
                record,
                timestamp: Timestamp(0),
                duplicate: false,
            }))
        }
        CommandBody::Tagged(tagged) => match *tagged {
            TaggedCommand::CreateTenant(_) if command.actor == Actor::Node => {
                Ok(Reply::TenantCreated(TenantCreatedV1 { tenant }))
            }
            TaggedCommand::AddPeople(add) => Ok(Reply::PeopleAdded(PeopleAddedV1 {
                people: (1..=add.people.len() as u64).map(PersonId).collect(),
            })),
            TaggedCommand::CreateGroup(create) => {
                world.next += 1;
                let group = GroupId(world.next);
                let entry = world.groups.entry((tenant, group)).or_default();
                entry.members.extend(create.members);
                entry.members.insert(create.owner);
                Ok(Reply::GroupCreated(GroupChangedV1 {
                    group,
                    sequence: Sequence(0),
                }))
            }
            _ => Err(Refusal::NoSuchTenant),
        },
        CommandBody::Continue => Err(Refusal::NoSuchTenant),
    }
}

#[derive(Debug, Clone, Default)]
pub struct Config {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    Done,
    More,
}

pub trait Sink {
    fn write(&mut self, session: u64, chunks: &mut [Bytes]) -> usize;
}

#[derive(Default)]
pub struct Core {
    sessions: HashMap<u64, VecDeque<Bytes>>,
    groups: HashMap<(TenantId, GroupId), Vec<u64>>,
    dirty: VecDeque<u64>,
    scratch: Vec<Bytes>,
}

impl Core {
    pub fn new(_: Config) -> Self {
        Self::default()
    }

    pub fn attach(&mut self, session: u64, attached: &AttachedPerson, _: &[Cursor], _: bool) {
        self.sessions.insert(session, VecDeque::new());
        for group in &attached.groups {
            let sessions = self
                .groups
                .entry((attached.tenant, group.group()))
                .or_default();
            sessions.push(session);
        }
    }

    pub fn detach(&mut self, session: u64) {
        self.sessions.remove(&session);
        for sessions in self.groups.values_mut() {
            sessions.retain(|each| *each != session);
        }
    }

    pub fn on_item(&mut self, item: &Item) {
        let Item::Deliver(envelope) = item else {
            return;
        };
        let header = envelope.header();
        let sessions = self.groups.get(&(header.tenant(), header.group()));
        for session in sessions.into_iter().flatten() {
            let queue = self.sessions.get_mut(session).unwrap();
            if queue.is_empty() {
                self.dirty.push_back(*session);
            }
            queue.push_back(envelope.bytes().clone());
        }
    }

    pub fn writable(&mut self, session: u64) {
        if self
            .sessions
            .get(&session)
            .is_some_and(|queue| !queue.is_empty())
        {
            self.dirty.push_back(session);
        }
    }

    pub fn ack(&mut self, _: u64, _: GroupId, _: Sequence) {}

    pub fn flush(&mut self, sink: &mut impl Sink, mut budget: impl FnMut() -> bool) -> Flushed {
        while let Some(session) = self.dirty.pop_front() {
            if let Some(queue) = self.sessions.get_mut(&session) {
                self.scratch.extend(queue.drain(..));
                let taken = sink.write(session, &mut self.scratch);
                queue.extend(self.scratch.drain(..).skip(taken));
            }
            if !budget() {
                return Flushed::More;
            }
        }
        Flushed::Done
    }

    pub fn take_fetches(&mut self, _: &mut Vec<Fetch>) {}
}
