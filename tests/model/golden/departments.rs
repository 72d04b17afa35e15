//! Departments, rosters, and groups that follow departments.

use throng::model::command::*;
use throng::model::event::{self, Event, GroupStatus};
use throng::wire::{DepartmentId, GroupId, PersonId};

use crate::golden::Section;

pub(crate) const SECTION: Section = Section {
    golden: include_str!("model_departments.txt"),
    commands,
    replies,
    events,
};

const DEPARTMENT: DepartmentId = DepartmentId(0x0102_0304_0506_0708);
const PARENT: DepartmentId = DepartmentId(9);
const GROUP: GroupId = GroupId(0x1112_1314_1516_1718);

fn department() -> DepartmentV1 {
    let department = DEPARTMENT;
    DepartmentV1 { department }
}

fn row() -> PersonRowV1 {
    PersonRowV1 {
        row: 2,
        external_id: "wang.xiaoming@example".to_owned(),
        name: "王小明".to_owned(),
        employee_number: "E-0017".to_owned(),
        mobile: "+8613800138000".to_owned(),
        email: "wang@example.com".to_owned(),
        position: "工程师".to_owned(),
        departments: vec!["总部/研发/平台".to_owned(), "总部".to_owned()],
    }
}

fn commands() -> Vec<TaggedCommand> {
    use TaggedCommand as T;
    vec![
        T::CreateDepartment(CreateDepartmentV1 {
            name: "研发".to_owned(),
            parent: PARENT,
        }),
        T::RenameDepartment(RenameDepartmentV1 {
            department: DEPARTMENT,
            name: "工程".to_owned(),
        }),
        T::MoveDepartment(MoveDepartmentV1 {
            department: DEPARTMENT,
            parent: PARENT,
        }),
        T::RemoveDepartment(department()),
        T::SetVisibility(SetVisibilityV1 {
            department: DEPARTMENT,
            to: VisibilityV1::Departments(vec![PARENT, DEPARTMENT]),
        }),
        T::MovePerson(MovePersonV1 {
            person: PersonId(4),
            departments: vec![PARENT, DEPARTMENT],
        }),
        T::FollowDepartment(FollowDepartmentV1 {
            group: GROUP,
            department: DEPARTMENT,
        }),
        T::SyncPeople(SyncPeopleV1 {
            rows: vec![row(); 2],
            dry_run: true,
            create_departments: false,
        }),
        T::GetDepartment(department()),
        T::ListDepartments(ListDepartmentsV1 {
            after: PARENT,
            limit: 100,
        }),
    ]
}

fn state() -> DepartmentStateV1 {
    DepartmentStateV1 {
        department: DEPARTMENT,
        name: "研发".to_owned(),
        parent: PARENT,
        people: 3,
        departments: 2,
        restricted: true,
    }
}

fn replies() -> Vec<Reply> {
    vec![
        Reply::DepartmentCreated(DepartmentCreatedV1 {
            department: DEPARTMENT,
        }),
        Reply::PeopleSynced(PeopleSyncedV1 {
            outcomes: vec![
                RowOutcomeV1 {
                    row: 2,
                    person: PersonId(4),
                    outcome: RowOutcome::Updated,
                    column: Column::None,
                    reason: RowReason::None,
                },
                RowOutcomeV1 {
                    row: 3,
                    person: PersonId(0),
                    outcome: RowOutcome::Refused,
                    column: Column::ExternalId,
                    reason: RowReason::Departed,
                },
            ],
        }),
        Reply::Department(DepartmentDetailV1 {
            state: state(),
            path: "总部/研发".to_owned(),
            visibility: Some(VisibilityV1::ItsMembers),
            admins: vec![PersonId(4)],
        }),
        Reply::Departments(DepartmentsPageV1 {
            departments: vec![state(); 2],
            last: DEPARTMENT,
            more: true,
        }),
    ]
}

fn events() -> Vec<Event> {
    vec![
        Event::DepartmentCreated(event::DepartmentCreatedV1 {
            department: DEPARTMENT,
            parent: PARENT,
            name: "研发".to_owned(),
        }),
        Event::DepartmentRenamed(event::DepartmentRenamedV1 {
            department: DEPARTMENT,
            name: "工程".to_owned(),
        }),
        Event::DepartmentMoved(event::DepartmentMovedV1 {
            department: DEPARTMENT,
            parent: PARENT,
        }),
        Event::DepartmentRemoved(event::DepartmentRemovedV1 {
            department: DEPARTMENT,
        }),
        Event::VisibilitySet(event::VisibilitySetV1 {
            department: DEPARTMENT,
            to: VisibilityV1::People(vec![PersonId(4), PersonId(5)]),
        }),
        Event::PersonMoved(event::PersonMovedV1 {
            person: PersonId(4),
            departments: vec![PARENT, DEPARTMENT],
        }),
        Event::GroupBound(event::GroupBoundV1 {
            group: GROUP,
            department: DEPARTMENT,
        }),
        Event::DepartmentFollowed(event::DepartmentFollowedV1 {
            group: GROUP,
            joined: vec![PersonId(4), PersonId(5)],
            left: vec![PersonId(6)],
            successor: PersonId(4),
            status: GroupStatus::Active,
        }),
        Event::FollowRefused(event::FollowRefusedV1 {
            group: GROUP,
            person: PersonId(4),
            cap: 2_000,
        }),
    ]
}
