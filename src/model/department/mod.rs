//! Departments (SPEC D2, D8): a tree, who is where in it, who sees and who runs which part, and
//! which groups follow it.
//!
//! Siblings have different names, so that a path from a root names one department; they are kept in
//! order of name, and each department lists the groups bound to it: neither a path nor a move is
//! looked up by a walk over all departments, people or groups.

mod apply;
pub(crate) mod command;
mod decide;
pub(crate) mod event;
mod follow;
mod moving;
mod query;
pub(crate) mod snapshot;
mod sync;
#[cfg(test)]
mod tests;
mod visibility;

pub(crate) use apply::{
    bind, create, enter, group_ended, joined_by_hand, left_group, move_below, place, remove,
    remove_person, rename, set_visibility, start_following,
};
pub(crate) use decide::{
    decide_create, decide_follow, decide_move, decide_remove, decide_rename, decide_set_visibility,
};
pub(crate) use follow::{Follow, Following, follow};
pub(crate) use moving::decide_move_person;
pub(crate) use query::{get, list};
pub(crate) use sync::decide_sync;
pub(crate) use visibility::{Sight, Visibility, is_visible};

use std::collections::BTreeMap;

use crate::model::refusal::Refusal;
use crate::model::state::{DepartmentIndex, GroupIndex, PersonIndex, insert_snug};
use crate::wire::DepartmentId;

/// What separates the names of a path.
pub(crate) const PATH_SEPARATOR: char = '/';

/// One department; kept after it is removed.
pub(crate) struct Department {
    pub(crate) name: Box<str>,
    /// None for a root.
    pub(crate) parent: Option<DepartmentIndex>,
    pub(crate) removed: bool,
    /// In order of index: those in it themselves, not those below.
    pub(crate) people: Vec<PersonIndex>,
    /// Department admins of this subtree, in order of index.
    pub(crate) admins: Vec<PersonIndex>,
    pub(crate) visibility: Visibility,
    /// Right below it, in order of name.
    children: Vec<DepartmentIndex>,
    /// Bound to it and not dissolved, whether they follow it or not; in order of index.
    groups: Vec<GroupIndex>,
}

impl Department {
    pub(crate) fn new(name: &str, parent: Option<DepartmentIndex>) -> Self {
        Self {
            name: name.into(),
            parent,
            removed: false,
            people: Vec::new(),
            admins: Vec::new(),
            visibility: Visibility::Everyone,
            children: Vec::new(),
            groups: Vec::new(),
        }
    }
}

/// A tenant's departments.
#[derive(Default)]
pub(crate) struct Departments {
    /// By id, from 1.
    pub(crate) list: Vec<Department>,
    /// In order of name.
    roots: Vec<DepartmentIndex>,
    /// How many are not removed.
    standing: usize,
    /// Who is in a following group by more than their departments, and so stays when they move.
    /// Few are; each list is in order of index, and none is empty.
    by_hand: BTreeMap<GroupIndex, Vec<PersonIndex>>,
}

impl Departments {
    /// The department, removed or not.
    pub(crate) fn find(&self, id: DepartmentId) -> Option<DepartmentIndex> {
        DepartmentIndex::within(id, self.list.len())
    }

    /// The department, which has not been removed.
    pub(crate) fn known(&self, id: DepartmentId) -> Result<DepartmentIndex, Refusal> {
        let department = id;
        self.standing(id)
            .ok_or(Refusal::NoSuchDepartment { department })
    }

    fn standing(&self, id: DepartmentId) -> Option<DepartmentIndex> {
        self.find(id).filter(|index| !self.get(*index).removed)
    }

    pub(crate) fn get(&self, index: DepartmentIndex) -> &Department {
        &self.list[index.of()]
    }

    pub(crate) fn get_mut(&mut self, index: DepartmentIndex) -> &mut Department {
        &mut self.list[index.of()]
    }

    /// The department and all above it, up to its root. Ends even where damage made a cycle.
    pub(crate) fn upwards(
        &self,
        from: DepartmentIndex,
    ) -> impl Iterator<Item = DepartmentIndex> + '_ {
        let above = core::iter::successors(Some(from), |index| self.get(*index).parent);
        above.take(self.list.len())
    }

    /// Whether `department` is `top` or below it.
    pub(crate) fn is_within(&self, department: DepartmentIndex, top: DepartmentIndex) -> bool {
        self.upwards(department).any(|index| index == top)
    }

    /// Whether `person` runs `department`: is an admin of it or of one above.
    pub(crate) fn is_run_by(&self, department: DepartmentIndex, person: PersonIndex) -> bool {
        self.upwards(department)
            .any(|index| self.get(index).admins.binary_search(&person).is_ok())
    }

    /// The names from the root down: `总部/研发/平台`.
    pub(crate) fn path(&self, department: DepartmentIndex) -> String {
        let mut names: Vec<_> = self
            .upwards(department)
            .map(|index| &*self.get(index).name)
            .collect();
        names.reverse();
        names.join("/")
    }

    /// Right below `parent`, or the roots; in order of name.
    pub(crate) fn below(&self, parent: Option<DepartmentIndex>) -> &[DepartmentIndex] {
        match parent {
            Some(parent) => &self.get(parent).children,
            None => &self.roots,
        }
    }

    /// The one called `name` right below `parent`, or among the roots.
    pub(crate) fn child(
        &self,
        parent: Option<DepartmentIndex>,
        name: &str,
    ) -> Option<DepartmentIndex> {
        let at = self.search(parent, name).ok()?;
        Some(self.below(parent)[at])
    }

    /// The department and all below it, each before what is below it.
    pub(crate) fn subtree(
        &self,
        top: DepartmentIndex,
    ) -> impl Iterator<Item = DepartmentIndex> + '_ {
        let mut ahead = vec![top];
        core::iter::from_fn(move || {
            let next = ahead.pop()?;
            ahead.extend(self.below(Some(next)).iter().rev());
            Some(next)
        })
    }

    /// How many are not removed.
    pub(crate) fn count(&self) -> usize {
        self.standing
    }

    /// Whether `person` is in the following `group` by more than their departments.
    fn is_by_hand(&self, group: GroupIndex, person: PersonIndex) -> bool {
        let people = self.by_hand.get(&group);
        people.is_some_and(|people| people.binary_search(&person).is_ok())
    }

    fn search(&self, parent: Option<DepartmentIndex>, name: &str) -> Result<usize, usize> {
        self.below(parent)
            .binary_search_by(|child| (*self.get(*child).name).cmp(name))
    }

    /// Puts `department` among those below its parent; whether its name was free there.
    fn attach(&mut self, department: DepartmentIndex) -> bool {
        let Department { name, parent, .. } = self.get(department);
        let parent = *parent;
        let Err(at) = self.search(parent, name) else {
            return false;
        };
        insert_snug(self.below_mut(parent), at, department);
        true
    }

    fn detach(&mut self, department: DepartmentIndex) {
        let parent = self.get(department).parent;
        self.below_mut(parent).retain(|child| *child != department);
    }

    fn below_mut(&mut self, parent: Option<DepartmentIndex>) -> &mut Vec<DepartmentIndex> {
        match parent {
            Some(parent) => &mut self.get_mut(parent).children,
            None => &mut self.roots,
        }
    }
}
