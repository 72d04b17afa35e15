//! People and groups, plainly.

use super::*;

impl Tenant {
    pub(super) fn add_people(&mut self, actor: Actor, add: &AddPeopleV1) -> Outcome {
        self.manager(actor)?;
        let new = add.people.iter().filter(|p| p.role == OrgRole::SuperAdmin);
        if new.clone().any(|p| p.kind != PersonKind::Employee) {
            return invalid();
        }
        let new = new.count();
        let known = self.people.iter().filter(|p| p.super_admin && !p.departed);
        if new > 0 && known.count() + new > 3 {
            return Err(Refusal::TooManySuperAdmins { limit: 3 });
        }
        if new > 0 && matches!(actor, Actor::Person { .. }) {
            let operation = "appointing a super admin";
            return Err(Refusal::NeedsApproval { operation });
        }
        let mut people = Vec::new();
        for person in &add.people {
            self.people.push(Person {
                employee: person.kind == PersonKind::Employee,
                super_admin: person.role == OrgRole::SuperAdmin,
                departed: false,
            });
            people.push(PersonId(self.people.len() as u64));
        }
        Ok(Reply::PeopleAdded(PeopleAddedV1 { people }))
    }

    pub(super) fn depart(
        &mut self,
        actor: Actor,
        person: PersonId,
        takes: &mut Vec<Take>,
    ) -> Outcome {
        self.manager(actor)?;
        self.active(person)?;
        let by_themself = matches!(actor, Actor::Person { person: by, .. } if by == person);
        let is_left = |other: &&Person| other.super_admin && !other.departed;
        if by_themself && self.people.iter().filter(is_left).count() == 1 {
            return Err(Refusal::LastSuperAdmin { person });
        }
        for group in self.groups_of(person) {
            takes.push(self.take_out(group, &[person]));
        }
        self.people[person.0 as usize - 1].departed = true;
        Ok(Reply::Done(DoneV1 {}))
    }

    pub(crate) fn groups_of(&self, person: PersonId) -> Vec<GroupId> {
        let ids = (1..=self.groups.len() as u64).map(GroupId);
        ids.filter(|id| self.groups[id.0 as usize - 1].role(person).is_some())
            .collect()
    }

    pub(super) fn cap(&self, kind: GroupKind, now: Timestamp) -> usize {
        match kind {
            GroupKind::Internal => self.caps.internal,
            GroupKind::External if now < self.verified_until => self.caps.external,
            GroupKind::External => self.caps.external_unverified,
            GroupKind::Training | GroupKind::Direct => unreachable!("the runs make none"),
        }
    }

    pub(super) fn create(
        &mut self,
        actor: Actor,
        create: &CreateGroupV1,
        now: Timestamp,
        takes: &mut Vec<Take>,
    ) -> Outcome {
        if let Some(person) = self.actor(actor)? {
            let may = match create.kind {
                GroupKind::Internal => self.is_employee(person),
                GroupKind::External => self.is_super_admin(person),
                GroupKind::Training | GroupKind::Direct => unreachable!("the runs make none"),
            };
            if !may || person != create.owner {
                return not_permitted();
            }
            let held_up = self.held_up.iter().find(|(who, _)| *who == person);
            if let Some((person, since)) = held_up.copied() {
                return Err(Refusal::RiskControl { person, since });
            }
        } else if actor == Actor::Enterprise && now >= self.verified_until {
            return Err(Refusal::NotVerified);
        }
        let have = create.members.len() as u32;
        if have < 2 {
            return Err(Refusal::TooFewMembers { need: 2, have });
        }
        self.admissible(create.kind, &create.members)?;
        self.active(create.owner)?;
        if !self.is_employee(create.owner) {
            let person = create.owner;
            return Err(Refusal::NotAnEmployee { person });
        }
        let mut everyone = vec![create.owner];
        everyone.extend(&create.members);
        if has_twice(&everyone) {
            return invalid();
        }
        let cap = self.cap(create.kind, now);
        if everyone.len() > cap {
            return Err(Refusal::GroupFull {
                group: GroupId(0),
                cap: cap as u32,
            });
        }
        if let Some(person) = self.actor(actor)? {
            let (starts, ends) = self.window(now);
            let today = |(who, at): &&(PersonId, Timestamp)| {
                *who == person && starts <= at.0 && at.0 < ends
            };
            let today = self.created.iter().filter(today).count() as u32;
            if today >= self.caps.groups_created_per_day {
                self.held_up.push((person, now));
                let since = now;
                return Err(Refusal::RiskControl { person, since });
            }
            self.created.push((person, now));
        }
        self.groups.push(Group {
            kind: create.kind,
            name: create.name.clone(),
            status: Status::Active,
            owner: Some(create.owner),
            admins: Vec::new(),
            members: everyone.into_iter().map(|p| (p, Sequence(1))).collect(),
            order: vec![Entry::Membership],
            hidden: Vec::new(),
            deleted: false,
        });
        let group = GroupId(self.groups.len() as u64);
        takes.push(self.group(group)?.take(group));
        let sequence = Sequence(1);
        Ok(Reply::GroupCreated(GroupChangedV1 { group, sequence }))
    }

    pub(super) fn admissible(&self, kind: GroupKind, people: &[PersonId]) -> Result<(), Refusal> {
        for person in people {
            self.active(*person)?;
            if kind == GroupKind::Internal && !self.is_employee(*person) {
                return Err(Refusal::NotAnEmployee { person: *person });
            }
        }
        Ok(())
    }

    pub(super) fn add_members(
        &mut self,
        actor: Actor,
        add: &MembersV1,
        now: Timestamp,
        takes: &mut Vec<Take>,
    ) -> Outcome {
        match self.role(actor, add.group)? {
            Some(None) => return not_permitted(),
            Some(Some(_)) => {
                let person = self.actor(actor)?.unwrap();
                if !self.is_employee(person) {
                    return not_permitted();
                }
            }
            None => {}
        }
        self.in_use(add.group)?;
        if add.people.is_empty() {
            return invalid();
        }
        let group = self.group(add.group)?;
        self.admissible(group.kind, &add.people)?;
        for person in &add.people {
            if group.role(*person).is_some() {
                let (person, group) = (*person, add.group);
                return Err(Refusal::AlreadyAMember { person, group });
            }
        }
        if has_twice(&add.people) {
            return invalid();
        }
        let cap = self.cap(group.kind, now);
        if group.members.len() + add.people.len() > cap {
            return Err(Refusal::GroupFull {
                group: add.group,
                cap: cap as u32,
            });
        }
        let group = self.group_mut(add.group);
        let sequence = Sequence(group.order.len() as u64 + 1);
        let joined = add.people.iter().map(|person| (*person, sequence));
        group.members.extend(joined);
        Ok(self.changed(add.group, Entry::Membership, takes))
    }

    pub(super) fn leave(&mut self, actor: Actor, group: GroupId, takes: &mut Vec<Take>) -> Outcome {
        self.group(group)?;
        let Some(person) = self.actor(actor)? else {
            return not_permitted();
        };
        self.left(group, &[person], takes)
    }

    pub(super) fn remove(
        &mut self,
        actor: Actor,
        remove: &MembersV1,
        takes: &mut Vec<Take>,
    ) -> Outcome {
        let role = self.role(actor, remove.group)?;
        if matches!(role, Some(None | Some(GroupRole::Member))) {
            return not_permitted();
        }
        let owner = self.group(remove.group)?.owner;
        if role.is_some() && owner.is_some_and(|owner| remove.people.contains(&owner)) {
            return not_permitted();
        }
        if remove.people.is_empty() {
            return invalid();
        }
        self.left(remove.group, &remove.people, takes)
    }

    pub(super) fn left(
        &mut self,
        group: GroupId,
        people: &[PersonId],
        takes: &mut Vec<Take>,
    ) -> Outcome {
        if self.group(group)?.status == Status::Dissolved {
            return Err(Refusal::GroupDissolved { group });
        }
        for person in people {
            self.member(group, *person)?;
        }
        if has_twice(people) {
            return invalid();
        }
        let take = self.take_out(group, people);
        takes.push(take);
        let sequence = take.sequence;
        Ok(Reply::GroupChanged(GroupChangedV1 { group, sequence }))
    }

    /// Out of the group, with succession; the place that takes.
    pub(super) fn take_out(&mut self, id: GroupId, people: &[PersonId]) -> Take {
        let employees: Vec<_> = (1..=self.people.len() as u64)
            .map(PersonId)
            .filter(|person| self.is_employee(*person))
            .collect();
        let succession = self.succession;
        let group = self.group_mut(id);
        group.members.retain(|(member, _)| !people.contains(member));
        group.admins.retain(|admin| !people.contains(admin));
        group.hidden.retain(|who| !people.contains(who));
        group.order.push(Entry::Membership);
        if group.members.is_empty() {
            group.end();
        } else if group.owner.is_some_and(|owner| people.contains(&owner)) {
            let mut line: Vec<PersonId> = Vec::new();
            if succession == Succession::AdminFirst {
                line.extend(&group.admins);
            }
            line.extend(group.members.iter().map(|(member, _)| *member));
            group.owner = line.into_iter().find(|person| employees.contains(person));
            match group.owner {
                Some(owner) => group.admins.retain(|admin| *admin != owner),
                None => group.status = Status::Disabled,
            }
        }
        group.take(id)
    }

    pub(super) fn dissolve(
        &mut self,
        actor: Actor,
        group: GroupId,
        takes: &mut Vec<Take>,
    ) -> Outcome {
        let role = self.role(actor, group)?;
        if role.is_some_and(|role| role != Some(GroupRole::Owner)) {
            self.manager(actor)?;
        }
        if self.group(group)?.status == Status::Dissolved {
            return Err(Refusal::GroupDissolved { group });
        }
        self.group_mut(group).end();
        Ok(self.changed(group, Entry::Membership, takes))
    }

    pub(super) fn owner_or_backend(&self, actor: Actor, group: GroupId) -> Result<(), Refusal> {
        match self.role(actor, group)? {
            None | Some(Some(GroupRole::Owner)) => self.in_use(group),
            Some(_) => not_permitted(),
        }
    }

    pub(super) fn set_role(
        &mut self,
        actor: Actor,
        set: &SetRoleV1,
        takes: &mut Vec<Take>,
    ) -> Outcome {
        self.owner_or_backend(actor, set.group)?;
        if set.role == GroupRole::Owner {
            return invalid();
        }
        self.member(set.group, set.person)?;
        if self.group(set.group)?.owner == Some(set.person) {
            return invalid();
        }
        if set.role == GroupRole::Admin && !self.is_employee(set.person) {
            return Err(Refusal::NotAnEmployee { person: set.person });
        }
        let group = self.group_mut(set.group);
        if set.role == GroupRole::Member {
            group.admins.retain(|admin| *admin != set.person);
        } else if !group.admins.contains(&set.person) {
            group.admins.push(set.person);
        }
        Ok(self.changed(set.group, Entry::Other, takes))
    }

    pub(super) fn transfer(
        &mut self,
        actor: Actor,
        id: GroupId,
        person: PersonId,
        takes: &mut Vec<Take>,
    ) -> Outcome {
        self.owner_or_backend(actor, id)?;
        self.member(id, person)?;
        let group = self.group_mut(id);
        if group.role(person) != Some(GroupRole::Admin) {
            return invalid();
        }
        group.admins.retain(|admin| *admin != person);
        group.admins.extend(group.owner);
        group.owner = Some(person);
        Ok(self.changed(id, Entry::Other, takes))
    }

    pub(super) fn rename(
        &mut self,
        actor: Actor,
        group: GroupId,
        name: &str,
        takes: &mut Vec<Take>,
    ) -> Outcome {
        let role = self.role(actor, group)?;
        if matches!(role, Some(None | Some(GroupRole::Member))) {
            self.manager(actor)?;
        }
        self.in_use(group)?;
        if name.is_empty() || name.chars().count() > 64 {
            return invalid();
        }
        name.clone_into(&mut self.group_mut(group).name);
        Ok(self.changed(group, Entry::Other, takes))
    }

    pub(super) fn changed(&mut self, id: GroupId, entry: Entry, takes: &mut Vec<Take>) -> Reply {
        let group = self.group_mut(id);
        group.order.push(entry);
        let take = group.take(id);
        takes.push(take);
        Reply::GroupChanged(GroupChangedV1 {
            group: id,
            sequence: take.sequence,
        })
    }
}
