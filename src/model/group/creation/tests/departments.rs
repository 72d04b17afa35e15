//! Groups of departments (SPEC G3, D8), and policies that name departments (SPEC G4).

use crate::model::Refusal;
use crate::model::State;
use crate::model::command::{
    Actor, Binding, Creators, GroupKind, NewGroupV1, Platform, RegisterDeviceV1, SetContactScopeV1,
    SetCreationPolicyV1, SetSelectableV1, TaggedCommand as T,
};
use crate::model::town::{
    ALICE, BOB, CAROL, DAVE, DEVICE, ERIN, NO_DEPARTMENT, Town, by, creation_policy, new_group,
};
use crate::wire::{DepartmentId, GroupId, PersonId, Timestamp};

/// Research with Platform below it, and Sales; Alice and Bob research, Carol is of Platform, Dave
/// sells and Erin is nowhere.
fn town() -> (Town, [DepartmentId; 3]) {
    let mut town = Town::with_employees(5);
    let research = town.department("Research", NO_DEPARTMENT);
    let platform = town.department("Platform", research);
    let sales = town.department("Sales", NO_DEPARTMENT);
    town.place(ALICE, &[research]);
    town.place(BOB, &[research]);
    town.place(CAROL, &[platform]);
    town.place(DAVE, &[sales]);
    (town, [research, platform, sales])
}

fn bound(owner: PersonId, department: DepartmentId) -> NewGroupV1 {
    NewGroupV1 {
        binding: Binding::Department,
        department,
        team: String::new(),
        ..new_group(GroupKind::Internal, owner, &[])
    }
}

#[test]
fn a_departments_group_has_everyone_in_it_and_below() {
    let (mut town, [research, ..]) = town();
    let group = town.create_v2(by(ALICE), bound(ALICE, research)).unwrap();
    assert_eq!(town.people_in(group), [ALICE, BOB, CAROL]);
    let origin = town.origin(group);
    assert_eq!(
        (origin.binding, origin.department, origin.follows_department),
        (Binding::Department, research, false)
    );
    town.place(ERIN, &[research]);
    assert_eq!(
        town.people_in(group).len(),
        3,
        "it follows only if asked to"
    );
}

#[test]
fn a_group_that_was_asked_to_follows_its_department() {
    let (mut town, [research, platform, sales]) = town();
    let new = NewGroupV1 {
        follows_department: true,
        members: vec![DAVE],
        ..bound(ALICE, research)
    };
    let group = town.create_v2(by(ALICE), new).unwrap();
    assert_eq!(town.people_in(group), [ALICE, BOB, CAROL, DAVE]);
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    town.place(ERIN, &[platform]);
    town.place(BOB, &[sales]);
    town.place(DAVE, &[research]);
    town.place(DAVE, &[sales]);
    assert_eq!(
        town.people_in(group),
        [ALICE, CAROL, DAVE, ERIN],
        "who was named is in it by hand and stays"
    );
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn several_departments_and_people_make_one_group_in_one_call() {
    let (mut town, [research, platform, sales]) = town();
    let new = NewGroupV1 {
        departments: vec![platform, sales, research, sales],
        ..new_group(GroupKind::Internal, ALICE, &[ERIN, BOB])
    };
    let group = town.create_v2(by(ALICE), new).unwrap();
    assert_eq!(town.people_in(group), [ALICE, BOB, CAROL, DAVE, ERIN]);
}

#[test]
fn a_group_of_departments_needs_no_two_others() {
    let (mut town, [_, _, sales]) = town();
    let group = town.create_v2(by(DAVE), bound(DAVE, sales)).unwrap();
    assert_eq!(town.people_in(group), [DAVE]);
}

#[test]
fn a_department_of_2001_is_more_than_a_group_holds() {
    let mut town = Town::with_employees(1);
    let people = town.employees(2_000);
    let all = town.department("All", NO_DEPARTMENT);
    for person in &people[1..] {
        town.place(*person, &[all]);
    }
    let group = town.create_v2(by(ALICE), bound(ALICE, all)).unwrap();
    assert_eq!(town.look_at(group).members, 2_000);
    town.place(people[0], &[all]);
    let (group, cap) = (GroupId(0), 2_000);
    assert_eq!(
        town.create_v2(by(ALICE), bound(ALICE, all)),
        Err(Refusal::GroupFull { group, cap })
    );
}

#[test]
fn who_has_left_the_company_comes_with_no_department() {
    let (mut town, [research, ..]) = town();
    town.depart(BOB).unwrap();
    let group = town.create_v2(by(ALICE), bound(ALICE, research)).unwrap();
    assert_eq!(town.people_in(group), [ALICE, CAROL]);
}

#[test]
fn a_department_that_is_not_there_has_no_group() {
    let (mut town, [research, platform, sales]) = town();
    town.place(DAVE, &[research]);
    town.remove_department(sales).unwrap();
    let other = town.create_tenant("UTC", Timestamp(0));
    for department in [sales, DepartmentId(99), DepartmentId(0)] {
        assert_eq!(
            town.create_v2(by(ALICE), bound(ALICE, department)),
            Err(Refusal::NoSuchDepartment { department })
        );
        let new = NewGroupV1 {
            departments: vec![department],
            ..new_group(GroupKind::Internal, ALICE, &[BOB])
        };
        assert_eq!(
            town.create_v2(by(ALICE), new),
            Err(Refusal::NoSuchDepartment { department })
        );
    }
    town.tenant = other;
    town.employees(1);
    let department = platform;
    assert_eq!(
        town.create_v2(by(ALICE), bound(ALICE, department)),
        Err(Refusal::NoSuchDepartment { department })
    );
}

#[test]
fn only_what_belongs_to_a_department_follows_one() {
    let (mut town, [research, ..]) = town();
    let new = NewGroupV1 {
        follows_department: true,
        departments: vec![research],
        ..new_group(GroupKind::Internal, ALICE, &[BOB, CAROL])
    };
    assert!(matches!(
        town.create_v2(by(ALICE), new),
        Err(Refusal::Invalid {
            field: "follows_department",
            ..
        })
    ));
}

#[test]
fn splitting_a_group_that_follows_ends_its_following_and_keeps_its_department() {
    let (mut town, [research, platform, _]) = town();
    let new = NewGroupV1 {
        follows_department: true,
        ..bound(ALICE, research)
    };
    let core = town.create_v2(by(ALICE), new).unwrap();
    let parts = town.split(by(ALICE), core, 2).unwrap();
    for group in [core, parts[0]] {
        let origin = town.origin(group);
        assert_eq!(
            (origin.department, origin.follows_department),
            (research, false)
        );
    }
    town.place(ERIN, &[platform]);
    assert_eq!(town.people_in(core), [ALICE, BOB]);
    let again = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(again.hash(), town.state.hash());
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn a_department_admin_runs_what_is_bound_to_their_subtree_or_made_by_someone_in_it() {
    let (mut town, [research, platform, sales]) = town();
    let of_platform = town.create_v2(by(ALICE), bound(ALICE, platform)).unwrap();
    let by_carol = new_group(GroupKind::Internal, CAROL, &[DAVE, ERIN]);
    let by_carol = town.create_v2(by(CAROL), by_carol).unwrap();
    let by_dave = new_group(GroupKind::Internal, DAVE, &[CAROL, ERIN]);
    let by_dave = town.create_v2(by(DAVE), by_dave).unwrap();
    town.appoint_admin(BOB, research);
    for group in [of_platform, by_carol] {
        town.dissolve(by(BOB), group).unwrap();
    }
    assert!(matches!(
        town.dissolve(by(BOB), by_dave),
        Err(Refusal::NotPermitted { .. })
    ));
    town.appoint_admin(ERIN, sales);
    town.dissolve(by(ERIN), by_dave).unwrap();
}

#[test]
fn only_those_in_the_departments_listed_create() {
    let (mut town, [research, ..]) = town();
    town.set_creation_policy(SetCreationPolicyV1 {
        departments: vec![research],
        ..creation_policy(Creators::Departments)
    });
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    let of = |owner| new_group(GroupKind::Internal, owner, &[ALICE, BOB]);
    town.create_v2(by(CAROL), of(CAROL))
        .expect("a sub-department is included");
    for person in [DAVE, ERIN] {
        assert_eq!(
            town.create_v2(by(person), of(person)),
            Err(Refusal::NotACreator { person })
        );
    }
}

#[test]
fn scopes_name_departments_and_what_is_below_them() {
    let (mut town, [research, platform, _]) = town();
    let set = SetSelectableV1 {
        departments: vec![research],
        people: vec![DAVE],
    };
    town.ask(Actor::Enterprise, T::SetSelectable(set)).unwrap();
    let of = |others: &[PersonId]| new_group(GroupKind::Internal, ALICE, others);
    town.create_v2(by(ALICE), of(&[CAROL, DAVE])).unwrap();
    assert_eq!(
        town.create_v2(by(ALICE), of(&[BOB, ERIN])),
        Err(Refusal::NotSelectable { person: ERIN })
    );
    let narrower = SetContactScopeV1 {
        person: ALICE,
        departments: vec![platform],
        people: Vec::new(),
    };
    town.ask(Actor::Enterprise, T::SetContactScope(narrower))
        .unwrap();
    assert_eq!(
        town.create_v2(by(ALICE), bound(ALICE, research)),
        Err(Refusal::NotSelectable { person: BOB }),
        "a department is selected person by person"
    );
}

#[test]
fn the_lock_on_mobile_devices_bars_those_only() {
    let (mut town, _) = town();
    let mut policy = creation_policy(Creators::Everyone);
    policy.bar_mobile = true;
    town.set_creation_policy(policy);
    let new = || new_group(GroupKind::Internal, ALICE, &[BOB, CAROL]);
    town.create_v2(by(ALICE), new())
        .expect("an unknown device is no mobile one");
    let mut register = |platform| {
        let register = RegisterDeviceV1 {
            person: ALICE,
            device: DEVICE,
            platform,
        };
        town.ask(by(ALICE), T::RegisterDevice(register)).unwrap();
        town.create_v2(by(ALICE), new())
    };
    let locked = Err(Refusal::CreationLocked { mobile: true });
    assert_eq!(register(Platform::Mobile), locked);
    register(Platform::Desktop).unwrap();
    register(Platform::Web).unwrap();
    assert_eq!(register(Platform::Mobile), locked);
    town.create_v2(Actor::Enterprise, new()).unwrap();
}
