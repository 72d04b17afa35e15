//! Groups that follow their department (SPEC D8): who joins and who leaves them as people move.
//!
//! A group follows the department it is bound to with all below it. Who comes to be there joins,
//! who is there no more leaves; who is also there through another department, or was brought by
//! hand, stays. A change of people is never refused for want of a place: that is recorded instead.

use std::collections::BTreeMap;

use crate::model::decision::Request;
use crate::model::event::{DepartmentFollowedV1, Event, FollowRefusedV1, GroupStatus};
use crate::model::group::{self, Fate};
use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, GroupIndex, PersonIndex, Tenant};
use crate::wire::PersonId;

/// What one person's move changes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Follow {
    /// The groups that the person leaves, in order of index.
    pub(crate) leaves: Vec<GroupIndex>,
    /// The groups that the person joins where there is room, in order of index.
    pub(crate) joins: Vec<GroupIndex>,
}

/// What changes for `person`, or for someone who is still to be added, by going from the departments
/// `before` to those `after`.
pub(crate) fn follow(
    tenant: &Tenant,
    person: Option<PersonIndex>,
    before: &[DepartmentIndex],
    after: &[DepartmentIndex],
) -> Follow {
    let before = followed_by(tenant, above(tenant, before));
    let after = followed_by(tenant, above(tenant, after));
    between(tenant, person, &before, &after)
}

/// What changes for `person` as `top` with all below it goes under `parent`.
pub(super) fn follow_department(
    tenant: &Tenant,
    person: PersonIndex,
    top: DepartmentIndex,
    parent: Option<DepartmentIndex>,
) -> Follow {
    let departments = &tenant.departments;
    let own = &tenant.person(person).departments;
    let mut after = Vec::new();
    for department in own {
        let is_moved = departments.is_within(*department, top);
        let below = departments.upwards(*department);
        after.extend(below.take_while(|index| !is_moved || *index != top));
        if is_moved {
            after.push(top);
            after.extend(parent.into_iter().flat_map(|it| departments.upwards(it)));
        }
    }
    let before = followed_by(tenant, above(tenant, own));
    let after = followed_by(tenant, after);
    between(tenant, Some(person), &before, &after)
}

/// The departments and all above them; some perhaps more than once.
pub(super) fn above(tenant: &Tenant, departments: &[DepartmentIndex]) -> Vec<DepartmentIndex> {
    let all = departments.iter();
    all.flat_map(|department| tenant.departments.upwards(*department))
        .collect()
}

/// The groups that follow any of the departments, in order of index.
pub(super) fn followed_by(
    tenant: &Tenant,
    mut departments: Vec<DepartmentIndex>,
) -> Vec<GroupIndex> {
    departments.sort_unstable();
    departments.dedup();
    let groups = departments
        .into_iter()
        .flat_map(|department| &tenant.departments.get(department).groups);
    let following = groups.filter(|group| tenant.group(**group).follows_department);
    let mut following: Vec<_> = following.copied().collect();
    following.sort_unstable();
    following
}

fn between(
    tenant: &Tenant,
    person: Option<PersonIndex>,
    before: &[GroupIndex],
    after: &[GroupIndex],
) -> Follow {
    let is_in = |group: GroupIndex| {
        person.is_some_and(|person| tenant.person(person).membership(group).is_some())
    };
    let stays = |group| person.is_some_and(|person| tenant.departments.is_by_hand(group, person));
    let gone = before.iter().copied();
    let gone = gone.filter(|group| after.binary_search(group).is_err());
    let new = after.iter().copied();
    let new = new.filter(|group| before.binary_search(group).is_err());
    Follow {
        leaves: gone
            .filter(|group| is_in(*group) && !stays(*group))
            .collect(),
        joins: new.filter(|group| !is_in(*group)).collect(),
    }
}

/// What many people's moves in one record change: one place in each group, whoever comes and goes.
#[derive(Default)]
pub(crate) struct Following {
    groups: BTreeMap<GroupIndex, Change>,
    /// Memberships that begin or end.
    changes: usize,
}

/// Of one group.
#[derive(Default)]
struct Change {
    leaving: Vec<PersonIndex>,
    joining: Vec<PersonId>,
}

impl Following {
    /// Notes what changes for `person`; each person once.
    pub(crate) fn note(&mut self, person: PersonId, index: Option<PersonIndex>, follow: &Follow) {
        if let Some(index) = index {
            for group in &follow.leaves {
                self.groups.entry(*group).or_default().leaving.push(index);
            }
        }
        for group in &follow.joins {
            self.groups.entry(*group).or_default().joining.push(person);
        }
        self.changes += follow.leaves.len() + follow.joins.len();
    }

    /// The groups' part of the record, after the people's own.
    pub(crate) fn append_to(
        self,
        request: &Request<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), Refusal> {
        let limit = request.limits.follow_changes_max;
        check_at_once("memberships", self.changes, limit)?;
        for (group, change) in self.groups {
            change.append_to(request, group, events);
        }
        Ok(())
    }
}

impl Change {
    fn append_to(mut self, request: &Request<'_>, index: GroupIndex, events: &mut Vec<Event>) {
        let tenant = request.tenant;
        let group = tenant.group(index);
        if group.status != GroupStatus::Active {
            // Nobody enters a disabled group; who has to go still goes (SPEC G8).
            self.joining.clear();
        }
        let cap = group::cap(tenant, request.limits, group.kind, request.now);
        let room = (cap as usize + self.leaving.len()).saturating_sub(group.members.len());
        let left_out = self.joining.split_off(room.min(self.joining.len()));
        self.leaving.sort_unstable();
        if !(self.leaving.is_empty() && self.joining.is_empty()) {
            let fate = fate_of(tenant, index, &self);
            events.push(Event::DepartmentFollowed(DepartmentFollowedV1 {
                group: index.id(),
                left: self.leaving.iter().map(|person| person.id()).collect(),
                joined: self.joining,
                successor: fate.successor,
                status: fate.status,
            }));
        }
        let refused = left_out.into_iter().map(|person| FollowRefusedV1 {
            group: index.id(),
            person,
            cap,
        });
        events.extend(refused.map(Event::FollowRefused));
    }
}

/// As of anybody's leaving (SPEC M6), but that who joins in the same record succeeds where nobody
/// else would.
fn fate_of(tenant: &Tenant, group: GroupIndex, change: &Change) -> Fate {
    let group = tenant.group(group);
    let unchanged = Fate {
        successor: PersonId(0),
        status: group.status,
    };
    if change.leaving.is_empty() {
        return unchanged;
    }
    let fate = group::fate_without(tenant, group, &change.leaving);
    match change.joining.first() {
        Some(successor) if fate.status != group.status => Fate {
            successor: *successor,
            ..unchanged
        },
        _ => fate,
    }
}

/// Refuses what would hold the sequencer too long.
pub(super) fn check_at_once(what: &'static str, would: usize, limit: u32) -> Result<(), Refusal> {
    if would > limit as usize {
        return Err(Refusal::TooMuchAtOnce { what, limit });
    }
    Ok(())
}
