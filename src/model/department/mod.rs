//! Departments (SPEC D2): a tree of any depth, and who runs which part of it (SPEC D5).

pub(crate) mod snapshot;

use crate::model::state::{DepartmentIndex, PersonIndex};
use crate::wire::DepartmentId;

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
}

/// A tenant's departments.
#[derive(Default)]
pub(crate) struct Departments {
    /// By id, from 1.
    pub(crate) list: Vec<Department>,
}

impl Departments {
    pub(crate) fn find(&self, id: DepartmentId) -> Option<DepartmentIndex> {
        DepartmentIndex::within(id, self.list.len())
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
}
