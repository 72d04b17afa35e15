//! Who sees which department (可见范围, SPEC D2).
//!
//! Each department may hide itself, and with it what is below it. One always sees the departments
//! one is in, those above them, and those one runs; a super admin sees all, and an external contact
//! none.

use rustc_hash::FxHashMap;

use crate::model::command::{OrgRole, VisibilityV1};
use crate::model::state::{DepartmentIndex, PersonIndex, Tenant};

use super::follow::above;

/// Who sees a department besides those who always do. Lists are in order of index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Visibility {
    Everyone,
    ItsMembers,
    Departments(Box<[DepartmentIndex]>),
    People(Box<[PersonIndex]>),
}

impl Visibility {
    /// As it travels.
    pub(super) fn to_v1(&self) -> VisibilityV1 {
        match self {
            Self::Everyone => VisibilityV1::Everyone,
            Self::ItsMembers => VisibilityV1::ItsMembers,
            Self::Departments(list) => {
                VisibilityV1::Departments(list.iter().map(|index| index.id()).collect())
            }
            Self::People(list) => {
                VisibilityV1::People(list.iter().map(|index| index.id()).collect())
            }
        }
    }
}

/// Whether `viewer` sees `department`.
pub(crate) fn is_visible(
    tenant: &Tenant,
    department: DepartmentIndex,
    viewer: PersonIndex,
) -> bool {
    Sight::of(tenant, viewer).sees(department)
}

/// What one viewer sees; remembers, so that a page of departments costs each of them once.
pub(crate) struct Sight<'a> {
    tenant: &'a Tenant,
    viewer: PersonIndex,
    /// The viewer's departments and all above them, in order of index.
    own: Vec<DepartmentIndex>,
    /// Whether a department and all above it let themselves be seen.
    shown: FxHashMap<DepartmentIndex, bool>,
}

impl<'a> Sight<'a> {
    pub(crate) fn of(tenant: &'a Tenant, viewer: PersonIndex) -> Self {
        let mut own = above(tenant, &tenant.person(viewer).departments);
        own.sort_unstable();
        own.dedup();
        Self {
            tenant,
            viewer,
            own,
            shown: FxHashMap::default(),
        }
    }

    pub(crate) fn sees(&mut self, department: DepartmentIndex) -> bool {
        if !self.tenant.is_employee(self.viewer) {
            return false;
        }
        match self.tenant.person(self.viewer).role {
            OrgRole::SuperAdmin => true,
            OrgRole::DepartmentAdmin if self.runs(department) => true,
            _ => self.is_shown(department),
        }
    }

    fn runs(&self, department: DepartmentIndex) -> bool {
        self.tenant.departments.is_run_by(department, self.viewer)
    }

    fn is_shown(&mut self, department: DepartmentIndex) -> bool {
        let departments = &self.tenant.departments;
        let mut undecided = Vec::new();
        let mut shown = true;
        for index in departments.upwards(department) {
            if let Some(known) = self.shown.get(&index) {
                shown = *known;
                break;
            }
            undecided.push(index);
        }
        for index in undecided.into_iter().rev() {
            shown = self.is_own(index) || (shown && self.admitted_by(index));
            self.shown.insert(index, shown);
        }
        shown
    }

    fn is_own(&self, department: DepartmentIndex) -> bool {
        self.own.binary_search(&department).is_ok()
    }

    fn admitted_by(&self, department: DepartmentIndex) -> bool {
        match &self.tenant.departments.get(department).visibility {
            Visibility::Everyone => true,
            Visibility::ItsMembers => false,
            Visibility::Departments(list) => {
                let mut own = self.own.iter();
                own.any(|index| list.binary_search(index).is_ok())
            }
            Visibility::People(list) => list.binary_search(&self.viewer).is_ok(),
        }
    }
}
