//! States of a group and one's own view of it, plainly.

use super::*;

impl Tenant {
    /// Groups in use that the person has not deleted from their view.
    pub(super) fn groups_seen_by(&self, person: PersonId) -> Vec<GroupId> {
        let mut seen = self.groups_of(person);
        seen.retain(|id| {
            let group = &self.groups[id.0 as usize - 1];
            group.status == Status::Active && !group.hidden.contains(&person)
        });
        seen
    }

    pub(super) fn disable(
        &mut self,
        actor: Actor,
        group: GroupId,
        takes: &mut Vec<Take>,
    ) -> Outcome {
        self.group(group)?;
        self.manager(actor)?;
        self.in_use(group)?;
        self.group_mut(group).status = Status::Disabled;
        Ok(self.changed(group, Entry::Other, takes))
    }

    pub(super) fn enable(
        &mut self,
        actor: Actor,
        id: GroupId,
        owner: PersonId,
        now: Timestamp,
        takes: &mut Vec<Take>,
    ) -> Outcome {
        self.group(id)?;
        self.manager(actor)?;
        let group = self.group(id)?;
        match group.status {
            Status::Active => return invalid(),
            Status::Dissolved => return Err(Refusal::GroupDissolved { group: id }),
            Status::Disabled => {}
        }
        let mut entry = Entry::Other;
        if owner == PersonId(0) {
            if group.owner.is_none() {
                return invalid();
            }
        } else {
            self.active(owner)?;
            if !self.is_employee(owner) {
                return Err(Refusal::NotAnEmployee { person: owner });
            }
            if group.role(owner).is_none() {
                let cap = self.cap(group.kind, now);
                if group.members.len() >= cap {
                    let cap = cap as u32;
                    return Err(Refusal::GroupFull { group: id, cap });
                }
                entry = Entry::Membership;
            }
        }
        let group = self.group_mut(id);
        group.status = Status::Active;
        if entry == Entry::Membership {
            let joined = Sequence(group.order.len() as u64 + 1);
            group.members.push((owner, joined));
        }
        if owner != PersonId(0) && group.owner != Some(owner) {
            group.admins.retain(|admin| *admin != owner);
            group.admins.extend(group.owner);
            group.owner = Some(owner);
        }
        Ok(self.changed(id, entry, takes))
    }

    pub(super) fn delete(&mut self, actor: Actor, group: GroupId) -> Outcome {
        self.group(group)?;
        self.manager(actor)?;
        if self.group(group)?.status != Status::Dissolved {
            return invalid();
        }
        self.group_mut(group).deleted = true;
        Ok(Reply::Done(DoneV1 {}))
    }

    pub(super) fn set_hidden(&mut self, actor: Actor, of: &MemberV1, hidden: bool) -> Outcome {
        self.oneself_or_backend(actor, of.person)?;
        self.in_use(of.group)?;
        self.member(of.group, of.person)?;
        let group = self.group_mut(of.group);
        group.hidden.retain(|who| *who != of.person);
        if hidden {
            group.hidden.push(of.person);
        }
        Ok(Reply::Done(DoneV1 {}))
    }

    /// A disabled group is read about by nobody who could not enable it.
    pub(super) fn shown(&self, actor: Actor, group: &Group, id: GroupId) -> Result<(), Refusal> {
        if group.status == Status::Disabled && self.manager(actor).is_err() {
            return Err(Refusal::GroupDisabled { group: id });
        }
        Ok(())
    }
}
