//! One enterprise to test rules in: commands go through decide and apply as the sequencer has it.

mod approvals;
pub(crate) mod codes;
mod creation;
mod departments;
pub(crate) mod directory;
pub(crate) mod life;
pub(crate) mod mass_sends;
pub(crate) mod quotas;

pub(crate) use creation::{creation_policy, new_group, watch};
pub(crate) use departments::NO_DEPARTMENT;

use crate::model::command::{
    Actor, AddPeopleV1, Command, CommandBody, CreateGroupV1, CreateTenantV1, GetMassSendV1,
    GroupKind, GroupRole, GroupStateV1, GroupV1, ListMembersV1, MassSendProgressV1, MassSendV1,
    MemberStateV1, MembersV1, NewPersonV1, OrgRole, PersonKind, PersonV1, Publish, QuotaStateV1,
    Reply, SetRoleV1, Succession, TaggedCommand as T,
};
use crate::model::event::{Event, content_of};
use crate::model::{
    Applied, Context, Decision, Limits, Projection, Refusal, Stamp, State, apply, decide, project,
    record_kind, recount,
};
use crate::wire::{
    ClientMessageId, DeviceId, Envelope, GroupId, HeaderFields, Kind, PersonId, Priority,
    RecordNumber, Sequence, TenantId, Timestamp,
};

/// The first employees of a [`Town`].
pub(crate) const ALICE: PersonId = PersonId(1);
pub(crate) const BOB: PersonId = PersonId(2);
pub(crate) const CAROL: PersonId = PersonId(3);
pub(crate) const DAVE: PersonId = PersonId(4);
pub(crate) const ERIN: PersonId = PersonId(5);

pub(crate) const DEVICE: DeviceId = DeviceId(7);

pub(crate) struct Town {
    pub(crate) state: State,
    pub(crate) tenant: TenantId,
    pub(crate) now: Timestamp,
    pub(crate) next: RecordNumber,
    /// The latest record and what it did.
    pub(crate) last: Option<Record>,
    /// Every record.
    pub(crate) log: Vec<Record>,
}

#[derive(Clone)]
pub(crate) struct Record {
    pub(crate) stamp: Stamp,
    pub(crate) events: Vec<Event>,
    /// What the decision says the view is; a draft's body is not kept.
    pub(crate) view: Vec<u8>,
    pub(crate) applied: Applied,
}

pub(crate) fn at(text: &str) -> Timestamp {
    let at: jiff::Timestamp = text.parse().unwrap();
    Timestamp(at.as_microsecond())
}

pub(crate) fn by(person: PersonId) -> Actor {
    Actor::Person {
        person,
        device: DEVICE,
    }
}

impl Town {
    /// An enterprise in Shanghai, verified for good, on the morning of 1 March 2026.
    pub(crate) fn with_employees(count: usize) -> Self {
        let mut town = Self {
            state: State::new(),
            tenant: TenantId(1),
            now: at("2026-03-01T09:00:00+08:00"),
            next: RecordNumber(0),
            last: None,
            log: Vec::new(),
        };
        town.create_tenant("Asia/Shanghai", at("2036-01-01T00:00:00Z"));
        town.employees(count);
        town
    }

    pub(crate) fn create_tenant(&mut self, zone: &str, verified_until: Timestamp) -> TenantId {
        let create = CreateTenantV1 {
            name: "Town".to_owned(),
            zone: zone.to_owned(),
            verified_until,
            succession: Succession::AdminFirst,
        };
        match self.ask(Actor::Node, T::CreateTenant(create)) {
            Ok(Reply::TenantCreated(created)) => created.tenant,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn limited(mut self, limits: Limits) -> Self {
        self.state = core::mem::take(&mut self.state).with_limits(limits);
        self
    }

    pub(crate) fn clock(&mut self, text: &str) {
        self.now = at(text);
    }

    pub(crate) fn employees(&mut self, count: usize) -> Vec<PersonId> {
        self.people(PersonKind::Employee, count)
    }

    pub(crate) fn customers(&mut self, count: usize) -> Vec<PersonId> {
        self.people(PersonKind::Customer, count)
    }

    fn people(&mut self, kind: PersonKind, count: usize) -> Vec<PersonId> {
        let person = new_person(kind, OrgRole::Employee);
        let add = AddPeopleV1 {
            people: vec![person; count],
        };
        self.added(add)
    }

    pub(crate) fn super_admin(&mut self) -> PersonId {
        let people = vec![new_person(PersonKind::Employee, OrgRole::SuperAdmin)];
        self.added(AddPeopleV1 { people })[0]
    }

    fn added(&mut self, add: AddPeopleV1) -> Vec<PersonId> {
        if add.people.is_empty() {
            return Vec::new();
        }
        match self.ask(Actor::Enterprise, T::AddPeople(add)) {
            Ok(Reply::PeopleAdded(added)) => added.people,
            other => panic!("{other:?}"),
        }
    }

    /// Decides, and applies what came of it.
    pub(crate) fn execute(&mut self, actor: Actor, body: CommandBody, digest: u64) -> Decision {
        let slice = self.state.next_slice();
        let (sender, device, client_message_id, kind) = match (&body, actor) {
            (CommandBody::Publish(p), _) => (p.sender, p.device, p.client_message_id, p.kind),
            (CommandBody::Continue, _) => slice.map_or_else(
                || (PersonId(0), DeviceId(0), ClientMessageId(0), Kind::Text),
                |slice| {
                    (
                        slice.sender,
                        slice.device,
                        slice.client_message_id,
                        slice.kind,
                    )
                },
            ),
            (_, Actor::Person { person, device }) => {
                (person, device, ClientMessageId(0), Kind::Text)
            }
            _ => (PersonId(0), DeviceId(0), ClientMessageId(0), Kind::Text),
        };
        let tenant = match (&body, slice) {
            (CommandBody::Continue, Some(slice)) => slice.tenant,
            _ => self.tenant,
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
            body_digest: digest,
            random: 0x5eed_0000_0000_0000_0000_0000_0000_0000 + u128::from(self.next.0),
        };
        let decision = decide(&self.state, &command, context);
        assert_eq!(decision, decide(&self.state, &command, context), "pure");
        self.last = None;
        if decision.events.is_empty() {
            return decision;
        }
        let stamp = Stamp {
            record: self.next,
            timestamp: self.now.max(self.state.clock),
            tenant,
            sender,
            device,
            client_message_id,
            kind: record_kind(&decision.events, kind),
            priority: Priority::Normal,
        };
        let applied = apply(&mut self.state, &stamp, &decision.events);
        let record = Record {
            stamp,
            events: decision.events.clone(),
            view: decision.view.to_vec(),
            applied,
        };
        self.log.push(record.clone());
        self.last = Some(record);
        self.next = self.next.next();
        decision
    }

    pub(crate) fn ask(&mut self, actor: Actor, command: T) -> Result<Reply, Refusal> {
        self.execute(actor, command.into(), 0).outcome
    }

    pub(crate) fn create(
        &mut self,
        actor: Actor,
        kind: GroupKind,
        owner: PersonId,
        members: &[PersonId],
    ) -> Result<GroupId, Refusal> {
        let create = CreateGroupV1 {
            kind,
            name: "Group".to_owned(),
            owner,
            members: members.to_vec(),
        };
        match self.ask(actor, T::CreateGroup(create))? {
            Reply::GroupCreated(created) => Ok(created.group),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn internal_group(&mut self, owner: PersonId, members: &[PersonId]) -> GroupId {
        let created = self.create(Actor::Enterprise, GroupKind::Internal, owner, members);
        created.unwrap()
    }

    pub(crate) fn external_group(&mut self, owner: PersonId, members: &[PersonId]) -> GroupId {
        let created = self.create(Actor::Enterprise, GroupKind::External, owner, members);
        created.unwrap()
    }

    /// Makes a member an admin.
    pub(crate) fn appoint(&mut self, group: GroupId, person: PersonId) {
        let role = GroupRole::Admin;
        let set = SetRoleV1 {
            group,
            person,
            role,
        };
        changed(self.ask(Actor::Enterprise, T::SetRole(set))).unwrap();
    }

    pub(crate) fn add(
        &mut self,
        actor: Actor,
        group: GroupId,
        people: &[PersonId],
    ) -> Result<Sequence, Refusal> {
        let people = people.to_vec();
        changed(self.ask(actor, T::AddMembers(MembersV1 { group, people })))
    }

    pub(crate) fn remove(
        &mut self,
        actor: Actor,
        group: GroupId,
        people: &[PersonId],
    ) -> Result<Sequence, Refusal> {
        let people = people.to_vec();
        changed(self.ask(actor, T::RemoveMembers(MembersV1 { group, people })))
    }

    pub(crate) fn leave(&mut self, person: PersonId, group: GroupId) -> Result<Sequence, Refusal> {
        changed(self.ask(by(person), T::LeaveGroup(GroupV1 { group })))
    }

    pub(crate) fn dissolve(&mut self, actor: Actor, group: GroupId) -> Result<Sequence, Refusal> {
        changed(self.ask(actor, T::DissolveGroup(GroupV1 { group })))
    }

    pub(crate) fn depart(&mut self, person: PersonId) -> Result<Reply, Refusal> {
        self.ask(Actor::Enterprise, T::DepartPerson(PersonV1 { person }))
    }

    pub(crate) fn say(&mut self, sender: PersonId, group: GroupId) -> Result<Sequence, Refusal> {
        let published = self.publish(by(sender), message(sender, group, 0, 0))?;
        Ok(published.sequence)
    }

    pub(crate) fn publish(
        &mut self,
        actor: Actor,
        publish: Publish,
    ) -> Result<crate::model::command::PublishedV1, Refusal> {
        match self
            .execute(actor, CommandBody::Publish(publish), 0)
            .outcome?
        {
            Reply::Published(published) => Ok(published),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn mass_send(
        &mut self,
        sender: PersonId,
        groups: &[GroupId],
        client_message_id: u128,
    ) -> Result<RecordNumber, Refusal> {
        let send = mass_send(sender, groups, client_message_id);
        match self
            .execute(by(sender), T::MassSend(send).into(), 1)
            .outcome?
        {
            Reply::MassSendAccepted(accepted) => Ok(accepted.mass_send),
            other => panic!("{other:?}"),
        }
    }

    /// One slice, as the sequencer takes it.
    pub(crate) fn slice(&mut self) -> Reply {
        let decision = self.execute(Actor::System, CommandBody::Continue, 0);
        decision.outcome.unwrap()
    }

    pub(crate) fn send_all(&mut self) {
        while self.state.has_continuation() {
            self.slice();
        }
    }

    pub(crate) fn progress(&mut self, mass_send: RecordNumber) -> MassSendProgressV1 {
        let get = GetMassSendV1 { mass_send };
        match self.ask(Actor::Enterprise, T::GetMassSend(get)) {
            Ok(Reply::MassSendProgress(progress)) => progress,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn quota(&mut self, person: PersonId) -> QuotaStateV1 {
        match self.ask(Actor::Enterprise, T::GetQuotas(PersonV1 { person })) {
            Ok(Reply::Quotas(quotas)) => quotas.quotas[0].clone(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn look_at(&mut self, group: GroupId) -> GroupStateV1 {
        match self.ask(Actor::Enterprise, T::GetGroup(GroupV1 { group })) {
            Ok(Reply::Group(state)) => state,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn members(&mut self, group: GroupId) -> Vec<MemberStateV1> {
        let list = ListMembersV1 {
            group,
            after: PersonId(0),
            limit: 1_000,
        };
        match self.ask(Actor::Enterprise, T::ListMembers(list)) {
            Ok(Reply::Members(page)) => page.members,
            other => panic!("{other:?}"),
        }
    }

    /// What the latest record shows to groups.
    pub(crate) fn projection(&self) -> Projection {
        let record = self.last.as_ref().expect("a record was made");
        record.project()
    }

    /// What the log charged, found again from its events and held to the state's own count.
    pub(crate) fn check_counts(&self) {
        let records = self.log.iter();
        let records = records.map(|record| (&record.stamp, record.events.as_slice()));
        let now = self.now.max(self.state.clock);
        assert_eq!(recount(records, now), self.state.quota_counts(now));
    }

    /// The log once more, from the first record.
    pub(crate) fn replayed(&self) -> State {
        let mut state = State::new();
        for record in &self.log {
            assert_eq!(
                apply(&mut state, &record.stamp, &record.events),
                record.applied
            );
        }
        state
    }
}

impl Record {
    /// The record as the log and the shards have it.
    pub(crate) fn project(&self) -> Projection {
        let mut fields = HeaderFields {
            kind: self.stamp.kind,
            tenant: self.stamp.tenant,
            sender: self.stamp.sender,
            device: self.stamp.device,
            timestamp: self.stamp.timestamp,
            record: self.stamp.record,
            client_message_id: self.stamp.client_message_id,
            ..HeaderFields::default()
        };
        if let [take] = self.applied.takes.as_slice() {
            fields.group = take.group;
            fields.sequence = take.sequence;
            fields.membership_sequence = take.membership_sequence;
            fields.message_ordinal = take.message_ordinal;
        } else if let (Some(group), []) = (content_of(&self.events), &*self.applied.takes) {
            fields.group = group;
        }
        let view = if self.stamp.kind.is_message() {
            b"text"
        } else {
            self.view.as_slice()
        };
        let envelope = Envelope::new(&fields, view).unwrap();
        project(&envelope, &self.applied.takes, &self.events)
    }
}

pub(crate) fn new_person(kind: PersonKind, role: OrgRole) -> NewPersonV1 {
    NewPersonV1 {
        name: "Person".to_owned(),
        external_id: String::new(),
        kind,
        role,
    }
}

pub(crate) fn message(
    sender: PersonId,
    group: GroupId,
    client_message_id: u128,
    body_digest: u64,
) -> Publish {
    Publish {
        group,
        sender,
        device: DEVICE,
        kind: Kind::Text,
        priority: Priority::Normal,
        client_message_id: ClientMessageId(client_message_id),
        body_digest,
    }
}

pub(crate) fn mass_send(
    sender: PersonId,
    groups: &[GroupId],
    client_message_id: u128,
) -> MassSendV1 {
    MassSendV1 {
        sender,
        groups: groups.to_vec(),
        kind: Kind::Text as u8,
        priority: Priority::Normal as u8,
        client_message_id: ClientMessageId(client_message_id),
        body: b"to all".to_vec(),
    }
}

fn changed(reply: Result<Reply, Refusal>) -> Result<Sequence, Refusal> {
    match reply? {
        Reply::GroupChanged(changed) => Ok(changed.sequence),
        other => panic!("{other:?}"),
    }
}
