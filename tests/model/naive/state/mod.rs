//! The rules of SPEC once more, as plainly as they can be written: lists, scans and own arithmetic.
//!
//! Nothing here is fast, shared with the model, or clever; where the two differ, one of them is wrong.

mod groups;
mod life;
mod messages;

use throng::model::Refusal;
use throng::model::command::{
    Actor, AddPeopleV1, CreateGroupV1, DoneV1, GroupChangedV1, GroupKind, GroupRole, GroupStateV1,
    GroupsV1, MassSendAcceptedV1, MassSendProgressV1, MassSendV1, MemberStateV1, MemberV1,
    MembersPageV1, MembersV1, OrgRole, PeopleAddedV1, PersonKind, PolicyId, Publish, PublishedV1,
    QuotaPolicy, QuotaStateV1, QuotasV1, Reply, SetRoleV1, Succession, TaggedCommand as T,
};
use throng::wire::{
    AttachedGroup, GroupId, Kind, PersonId, RecordNumber, Sequence, Take, Timestamp,
};

pub(crate) const DAY_US: i64 = 86_400_000_000;
const POLICY: PolicyId = PolicyId::MASS_SENDS_PER_SENDER_AND_DAY;

pub(crate) struct Caps {
    pub(crate) internal: usize,
    pub(crate) external: usize,
    pub(crate) external_unverified: usize,
    pub(crate) mass_sends_per_day: u32,
    pub(crate) groups_created_per_day: u32,
}

struct Person {
    employee: bool,
    super_admin: bool,
    departed: bool,
}

/// What a group's order holds at one sequence.
#[derive(PartialEq)]
enum Entry {
    Message,
    Membership,
    Other,
}

#[derive(PartialEq, Clone, Copy)]
enum Status {
    Active,
    Disabled,
    Dissolved,
}

struct Group {
    kind: GroupKind,
    name: String,
    status: Status,
    owner: Option<PersonId>,
    /// In the order they were appointed.
    admins: Vec<PersonId>,
    /// In the order they joined, with the sequence of the join.
    members: Vec<(PersonId, Sequence)>,
    order: Vec<Entry>,
    /// Members who have deleted it from their view.
    hidden: Vec<PersonId>,
    deleted: bool,
}

struct Sent {
    sender: PersonId,
    group: GroupId,
    id: u128,
    digest: u64,
    groups: Vec<GroupId>,
    at: Timestamp,
    reply: Reply,
}

struct MassSend {
    record: RecordNumber,
    sender: PersonId,
    kind: Kind,
    groups: Vec<GroupId>,
    sent: u32,
    refused: u32,
}

pub(crate) struct Tenant {
    caps: Caps,
    succession: Succession,
    verified_until: Timestamp,
    /// East of UTC; the zones under test have had one offset since long ago.
    offset_us: i64,
    limit: u32,
    /// A limit that has been set, and from when it holds.
    next_limit: Option<(i64, u32)>,
    people: Vec<Person>,
    groups: Vec<Group>,
    sent: Vec<Sent>,
    charges: Vec<(PersonId, Timestamp)>,
    frozen: Vec<(PersonId, Timestamp)>,
    mass_sends: Vec<MassSend>,
    created: Vec<(PersonId, Timestamp)>,
    held_up: Vec<(PersonId, Timestamp)>,
}

/// What was expected: the answer, and the places taken.
pub(crate) struct Expected {
    pub(crate) outcome: Result<Reply, Refusal>,
    pub(crate) takes: Vec<Take>,
}

fn not_permitted<R>() -> Result<R, Refusal> {
    let operation = "";
    let needs = "";
    Err(Refusal::NotPermitted { operation, needs })
}

fn invalid<R>() -> Result<R, Refusal> {
    let field = "";
    let rule = "";
    Err(Refusal::Invalid { field, rule })
}

fn has_twice<V: PartialEq>(list: &[V]) -> bool {
    (1..list.len()).any(|at| list[..at].contains(&list[at]))
}

type Outcome = Result<Reply, Refusal>;

impl Tenant {
    pub(crate) fn new(
        caps: Caps,
        succession: Succession,
        verified_until: Timestamp,
        offset_us: i64,
    ) -> Self {
        let limit = caps.mass_sends_per_day;
        Self {
            caps,
            succession,
            verified_until,
            offset_us,
            limit,
            next_limit: None,
            people: Vec::new(),
            groups: Vec::new(),
            sent: Vec::new(),
            charges: Vec::new(),
            frozen: Vec::new(),
            mass_sends: Vec::new(),
            created: Vec::new(),
            held_up: Vec::new(),
        }
    }

    pub(crate) fn execute(
        &mut self,
        actor: Actor,
        command: &T,
        now: Timestamp,
        record: RecordNumber,
    ) -> Expected {
        let mut takes = Vec::new();
        let outcome = self.outcome(actor, command, now, record, &mut takes);
        Expected { outcome, takes }
    }

    fn outcome(
        &mut self,
        actor: Actor,
        command: &T,
        now: Timestamp,
        record: RecordNumber,
        takes: &mut Vec<Take>,
    ) -> Outcome {
        match command {
            T::AddPeople(add) => self.add_people(actor, add),
            T::DepartPerson(who) => self.depart(actor, who.person, takes),
            T::CreateGroup(create) => self.create(actor, create, now, takes),
            T::AddMembers(add) => self.add_members(actor, add, now, takes),
            T::LeaveGroup(of) => self.leave(actor, of.group, takes),
            T::RemoveMembers(remove) => self.remove(actor, remove, takes),
            T::DissolveGroup(of) => self.dissolve(actor, of.group, takes),
            T::SetRole(set) => self.set_role(actor, set, takes),
            T::TransferOwnership(to) => self.transfer(actor, to.group, to.person, takes),
            T::RenameGroup(rename) => self.rename(actor, rename.group, &rename.name, takes),
            T::DisableGroup(of) => self.disable(actor, of.group, takes),
            T::EnableGroup(of) => self.enable(actor, of.group, of.owner, now, takes),
            T::DeleteGroup(of) => self.delete(actor, of.group),
            T::HideGroup(of) => self.set_hidden(actor, of, true),
            T::RestoreGroup(of) => self.set_hidden(actor, of, false),
            T::MassSend(send) => self.mass_send(actor, send, now, record),
            T::ReleaseRiskControl(who) => {
                self.manager(actor)?;
                self.active(who.person)?;
                self.held_up.retain(|(person, _)| *person != who.person);
                Ok(Reply::Done(DoneV1 {}))
            }
            T::ReleaseFreeze(who) => {
                self.manager(actor)?;
                self.active(who.person)?;
                self.frozen.retain(|(person, _)| *person != who.person);
                Ok(Reply::Done(DoneV1 {}))
            }
            T::SetQuota(set) => {
                self.manager(actor)?;
                self.set_limit(actor, set.limit, now)
            }
            T::GetGroup(of) => self.get_group(actor, of.group, now),
            T::ListMembers(list) => self.list_members(actor, list.group),
            T::GetQuotas(who) => {
                self.oneself_or_manager(actor, who.person)?;
                self.active(who.person)?;
                Ok(self.quotas(who.person, now))
            }
            T::GetMassSend(get) => self.progress(actor, get.mass_send),
            T::ListGroups(who) => {
                self.oneself_or_manager(actor, who.person)?;
                self.active(who.person)?;
                let groups = self.groups_seen_by(who.person);
                Ok(Reply::Groups(GroupsV1 { groups }))
            }
            other => panic!("not in these histories: {other:?}"),
        }
    }

    fn active(&self, person: PersonId) -> Result<&Person, Refusal> {
        let at = (person.0 as usize).wrapping_sub(1);
        match self.people.get(at) {
            None => Err(Refusal::NoSuchPerson { person }),
            Some(known) if known.departed => Err(Refusal::Departed { person }),
            Some(known) => Ok(known),
        }
    }

    fn is_employee(&self, person: PersonId) -> bool {
        self.people[person.0 as usize - 1].employee
    }

    /// The person who acts; none where the enterprise does.
    fn actor(&self, actor: Actor) -> Result<Option<PersonId>, Refusal> {
        match actor {
            Actor::Node | Actor::Enterprise => Ok(None),
            Actor::Person { person, .. } => self.active(person).map(|_| Some(person)),
            Actor::System => not_permitted(),
        }
    }

    fn is_super_admin(&self, person: PersonId) -> bool {
        self.people[person.0 as usize - 1].super_admin
    }

    fn manager(&self, actor: Actor) -> Result<(), Refusal> {
        match self.actor(actor)? {
            Some(person) if !self.is_super_admin(person) => not_permitted(),
            _ => Ok(()),
        }
    }

    fn oneself_or_manager(&self, actor: Actor, concerned: PersonId) -> Result<(), Refusal> {
        match self.actor(actor)? {
            Some(person) if person != concerned && !self.is_super_admin(person) => not_permitted(),
            _ => Ok(()),
        }
    }

    fn oneself_or_backend(&self, actor: Actor, concerned: PersonId) -> Result<(), Refusal> {
        match self.actor(actor)? {
            Some(person) if person != concerned => not_permitted(),
            _ => Ok(()),
        }
    }

    fn group(&self, group: GroupId) -> Result<&Group, Refusal> {
        let at = (group.0 as usize).wrapping_sub(1);
        let known = self.groups.get(at).filter(|group| !group.deleted);
        known.ok_or(Refusal::NoSuchGroup { group })
    }

    fn group_mut(&mut self, group: GroupId) -> &mut Group {
        &mut self.groups[group.0 as usize - 1]
    }

    /// The actor's role in the group: `None` for the enterprise, `Some(None)` for an outsider.
    #[allow(clippy::option_option)] // Two questions, two answers.
    fn role(&self, actor: Actor, group: GroupId) -> Result<Option<Option<GroupRole>>, Refusal> {
        let group = self.group(group)?;
        let person = self.actor(actor)?;
        Ok(person.map(|person| group.role(person)))
    }

    fn in_use(&self, group: GroupId) -> Result<(), Refusal> {
        match self.group(group)?.status {
            Status::Active => Ok(()),
            Status::Disabled => Err(Refusal::GroupDisabled { group }),
            Status::Dissolved => Err(Refusal::GroupDissolved { group }),
        }
    }

    fn member(&self, group: GroupId, person: PersonId) -> Result<(), Refusal> {
        self.active(person)?;
        match self.group(group)?.role(person) {
            Some(_) => Ok(()),
            None => Err(Refusal::NotAMember { person, group }),
        }
    }
}

/// The test's own digest of a mass send's body: its first byte.
pub(crate) fn digest(send: &MassSendV1) -> u64 {
    send.body.first().copied().unwrap_or(0).into()
}

impl MassSend {
    fn goes_on(&self) -> bool {
        (self.sent + self.refused) < self.groups.len() as u32
    }
}

impl Group {
    fn role(&self, person: PersonId) -> Option<GroupRole> {
        self.members.iter().find(|(member, _)| *member == person)?;
        Some(if self.owner == Some(person) {
            GroupRole::Owner
        } else if self.admins.contains(&person) {
            GroupRole::Admin
        } else {
            GroupRole::Member
        })
    }

    fn end(&mut self) {
        self.status = Status::Dissolved;
        self.owner = None;
        self.admins.clear();
        self.members.clear();
        self.hidden.clear();
    }

    /// The last place of the order.
    fn take(&self, group: GroupId) -> Take {
        let last = self.order.iter().rposition(|e| *e == Entry::Membership);
        let messages = self.order.iter().filter(|e| **e == Entry::Message);
        Take {
            group,
            sequence: Sequence(self.order.len() as u64),
            membership_sequence: Sequence(last.map_or(0, |at| at as u64 + 1)),
            message_ordinal: messages.count() as u64,
        }
    }
}
