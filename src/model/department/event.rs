//! What happened to departments, to who is in them, and to the groups that follow them.

use crate::model::body::body;
use crate::model::command::VisibilityV1;
use crate::model::event::GroupStatus;
use crate::wire::{DepartmentId, GroupId, PersonId};

body! {
    /// A department exists.
    DepartmentCreatedV1 {
        /// Its id.
        department: DepartmentId,
        /// What it is below; 0 for a root.
        parent: DepartmentId,
        /// Its name.
        name: String,
    }
}
body! {
    /// A department has another name.
    DepartmentRenamedV1 {
        /// Which.
        department: DepartmentId,
        /// Its name.
        name: String,
    }
}
body! {
    /// A department is elsewhere in the tree, with all below it.
    DepartmentMovedV1 {
        /// Which.
        department: DepartmentId,
        /// What it is below; 0 for a root.
        parent: DepartmentId,
    }
}
body! {
    /// An empty department is gone.
    DepartmentRemovedV1 {
        /// Which.
        department: DepartmentId,
    }
}
body! {
    /// Others see a department.
    VisibilitySetV1 {
        /// Which.
        department: DepartmentId,
        /// Who.
        to: VisibilityV1,
    }
}
body! {
    /// A person is in other departments.
    PersonMovedV1 {
        /// Who.
        person: PersonId,
        /// All their departments, in order of id.
        departments: Vec<DepartmentId>,
    }
}
body! {
    /// A group began to follow a department; its members of before are in it by hand, as far as
    /// they are not in the department.
    GroupBoundV1 {
        /// Which group.
        group: GroupId,
        /// Which department.
        department: DepartmentId,
    }
}
body! {
    /// A group followed its department: one place in its order, however many came and went.
    DepartmentFollowedV1 {
        /// Which group.
        group: GroupId,
        /// Who joined, in the order that breaks ties of succession.
        joined: Vec<PersonId>,
        /// Who left.
        left: Vec<PersonId>,
        /// Who owns it now; 0 where the owner did not change, or there is none.
        successor: PersonId,
        /// What the group is from now on.
        status: GroupStatus,
    }
}
body! {
    /// A group had no place for someone of its department (SPEC D8); takes no sequence.
    FollowRefusedV1 {
        /// Which group.
        group: GroupId,
        /// Who.
        person: PersonId,
        /// How many it may have.
        cap: u32,
    }
}
