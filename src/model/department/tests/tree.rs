use crate::model::command::{
    Actor, DepartmentV1, FollowDepartmentV1, RenameDepartmentV1, Reply, TaggedCommand as T,
};
use crate::model::town::{ALICE, BOB, CAROL, NO_DEPARTMENT, Town, at, by};
use crate::model::{Limits, Refusal};
use crate::wire::{DepartmentId, PersonId, TenantId};

fn rename(town: &mut Town, department: DepartmentId, name: &str) -> Result<Reply, Refusal> {
    let name = name.to_owned();
    let rename = RenameDepartmentV1 { department, name };
    town.ask(Actor::Enterprise, T::RenameDepartment(rename))
}

fn path(town: &mut Town, department: DepartmentId) -> String {
    let get = T::GetDepartment(DepartmentV1 { department });
    match town.ask(Actor::Enterprise, get) {
        Ok(Reply::Department(detail)) => detail.path,
        other => panic!("{other:?}"),
    }
}

fn taken(department: DepartmentId) -> Refusal {
    Refusal::DepartmentNameTaken { department }
}

#[test]
fn a_department_has_a_path_from_its_root() {
    let mut town = Town::with_employees(0);
    let head = town.department("总部", NO_DEPARTMENT);
    let research = town.department("研发", head);
    let platform = town.department("平台", research);
    assert_eq!(path(&mut town, platform), "总部/研发/平台");
    rename(&mut town, research, "工程").unwrap();
    assert_eq!(path(&mut town, platform), "总部/工程/平台");
    town.move_department(Actor::Enterprise, platform, head)
        .unwrap();
    assert_eq!(path(&mut town, platform), "总部/平台");
}

#[test]
fn siblings_have_different_names_and_others_may_share_one() {
    let mut town = Town::with_employees(0);
    let head = town.department("Head", NO_DEPARTMENT);
    let sales = town.department("Sales", head);
    let north = town.department("North", sales);
    let service = town.department("Service", head);
    let other_north = town.department("North", service);
    let refused = town.create_department(Actor::Enterprise, "Sales", head);
    assert_eq!(refused, Err(taken(sales)));
    assert_eq!(rename(&mut town, service, "Sales"), Err(taken(sales)));
    let refused = town.move_department(Actor::Enterprise, other_north, sales);
    assert_eq!(refused, Err(taken(north)));
    let refused = town.create_department(Actor::Enterprise, "Head", NO_DEPARTMENT);
    assert_eq!(refused, Err(taken(head)));
    rename(&mut town, sales, "Sales").expect("its own name is no other's");
    assert!(town.last.is_none(), "nothing changed");
    rename(&mut town, sales, "Trade").unwrap();
    town.create_department(Actor::Enterprise, "Sales", head)
        .expect("the name is free again");
}

#[test]
fn a_department_is_never_below_itself() {
    let mut town = Town::with_employees(0);
    let top = town.department("Top", NO_DEPARTMENT);
    let middle = town.department("Middle", top);
    let low = town.department("Low", middle);
    for parent in [top, middle, low] {
        let refused = town.move_department(Actor::Enterprise, top, parent);
        let department = top;
        assert_eq!(
            refused,
            Err(Refusal::DepartmentCycle { department, parent })
        );
    }
    town.move_department(Actor::Enterprise, low, NO_DEPARTMENT)
        .unwrap();
    town.move_department(Actor::Enterprise, top, low)
        .expect("what was below is now above");
    assert_eq!(path(&mut town, middle), "Low/Top/Middle");
}

#[test]
fn only_an_empty_department_is_removed_and_the_refusal_says_what_is_in_it() {
    let mut town = Town::with_employees(4);
    let top = town.department("Top", NO_DEPARTMENT);
    let below = town.department("Below", top);
    town.place(ALICE, &[top]);
    let group = town.internal_group(BOB, &[CAROL, PersonId(4)]);
    town.follow(group, top);
    let refused = |people, departments, groups| {
        Err(Refusal::DepartmentNotEmpty {
            department: top,
            people,
            departments,
            groups,
        })
    };
    assert_eq!(town.remove_department(top), refused(1, 1, 1));
    town.place(ALICE, &[]);
    assert_eq!(town.remove_department(top), refused(0, 1, 1));
    town.remove_department(below).unwrap();
    assert_eq!(town.remove_department(top), refused(0, 0, 1));
    town.dissolve(Actor::Enterprise, group).unwrap();
    town.remove_department(top).unwrap();
    let gone = Refusal::NoSuchDepartment { department: top };
    assert_eq!(town.remove_department(top), Err(gone.clone()));
    let refused = town.move_person(Actor::Enterprise, ALICE, &[top]);
    assert_eq!(refused, Err(gone), "nobody enters what is removed");
    let again = town.department("Top", NO_DEPARTMENT);
    assert_ne!(again, top, "its name is free, its id is not");
}

#[test]
fn names_and_the_tree_have_bounds() {
    let limits = Limits {
        departments_max: 4,
        department_levels_max: 3,
        ..Limits::default()
    };
    let mut town = Town::with_employees(0).limited(limits);
    for name in ["", "a/b", "/", &"部".repeat(65)] {
        let refused = town.create_department(Actor::Enterprise, name, NO_DEPARTMENT);
        assert!(matches!(
            refused,
            Err(Refusal::Invalid { field: "name", .. })
        ));
    }
    let first = town.department(&"部".repeat(64), NO_DEPARTMENT);
    let second = town.department("b", first);
    let third = town.department("c", second);
    let what = "levels of departments";
    let too_deep = Refusal::DepartmentLimit { what, limit: 3 };
    let refused = town.create_department(Actor::Enterprise, "d", third);
    assert_eq!(refused, Err(too_deep.clone()));
    let root = town.department("e", NO_DEPARTMENT);
    let refused = town.move_department(Actor::Enterprise, first, root);
    assert_eq!(refused, Err(too_deep), "what is below counts");
    let what = "departments in a tenant";
    let full = Refusal::DepartmentLimit { what, limit: 4 };
    let refused = town.create_department(Actor::Enterprise, "f", NO_DEPARTMENT);
    assert_eq!(refused, Err(full));
    town.remove_department(root).unwrap();
    town.department("f", NO_DEPARTMENT);
}

#[test]
fn an_admin_of_a_subtree_changes_it_and_nothing_beside_or_above_it() {
    let mut town = Town::with_employees(3);
    let top = town.department("Top", NO_DEPARTMENT);
    let own = town.department("Own", top);
    let beside = town.department("Beside", top);
    town.appoint_admin(ALICE, own);
    let alice = by(ALICE);
    let one = town.create_department(alice, "One", own).unwrap();
    let two = town.create_department(alice, "Two", own).unwrap();
    town.move_department(alice, two, one).unwrap();
    let not_permitted = |refused: Result<(), Refusal>| {
        assert!(
            matches!(refused, Err(Refusal::NotPermitted { .. })),
            "{refused:?}"
        );
    };
    for parent in [NO_DEPARTMENT, top, beside] {
        not_permitted(town.create_department(alice, "New", parent).map(drop));
        not_permitted(town.move_department(alice, one, parent));
        not_permitted(town.move_department(alice, own, parent));
    }
    not_permitted(town.move_department(alice, beside, own));
    not_permitted(town.create_department(by(BOB), "New", own).map(drop));
}

#[test]
fn an_admin_of_a_subtree_moves_people_only_within_it() {
    let mut town = Town::with_employees(3);
    let own = town.department("Own", NO_DEPARTMENT);
    let below = town.department("Below", own);
    let other = town.department("Other", NO_DEPARTMENT);
    town.appoint_admin(ALICE, own);
    town.place(BOB, &[own, other]);
    let not_permitted = |refused: Result<(), Refusal>| {
        assert!(
            matches!(refused, Err(Refusal::NotPermitted { .. })),
            "{refused:?}"
        );
    };
    town.move_person(by(ALICE), BOB, &[below, other])
        .expect("the other department stays as it was");
    not_permitted(town.move_person(by(ALICE), BOB, &[below]));
    not_permitted(town.move_person(by(ALICE), CAROL, &[own]));
    town.place(BOB, &[below]);
    not_permitted(town.move_person(by(ALICE), BOB, &[other]));
    town.move_person(by(ALICE), BOB, &[]).unwrap();
}

#[test]
fn another_tenants_departments_do_not_exist() {
    let mut town = Town::with_employees(3);
    let head = town.department("Head", NO_DEPARTMENT);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let missing = town.create_tenant("Asia/Tokyo", at("2036-01-01T00:00:00Z"));
    town.tenant = missing;
    let refusal = Refusal::NoSuchDepartment { department: head };
    let department = head;
    let actor = Actor::Enterprise;
    let of = DepartmentV1 { department };
    assert_eq!(town.ask(actor, T::GetDepartment(of)), Err(refusal.clone()));
    assert_eq!(town.remove_department(head), Err(refusal.clone()));
    let refused = town.create_department(actor, "Below", head);
    assert_eq!(refused, Err(refusal.clone()));
    assert_eq!(rename(&mut town, head, "New"), Err(refusal));
    assert!(town.departments_seen(actor).is_empty());
    let refused = town.move_person(actor, ALICE, &[]);
    assert_eq!(refused, Err(Refusal::NoSuchPerson { person: ALICE }));
    let follow = FollowDepartmentV1 { group, department };
    let refused = town.ask(actor, T::FollowDepartment(follow));
    assert_eq!(refused, Err(Refusal::NoSuchGroup { group }));
    town.tenant = TenantId(1);
    assert_eq!(path(&mut town, head), "Head");
}

#[test]
fn only_employees_are_in_departments_and_in_each_once() {
    let limits = Limits {
        departments_per_person_max: 2,
        ..Limits::default()
    };
    let mut town = Town::with_employees(1).limited(limits);
    let customer = town.customers(1)[0];
    let names = ["a", "b", "c"];
    let all = names.map(|name| town.department(name, NO_DEPARTMENT));
    let refused = town.move_person(Actor::Enterprise, customer, &all[..1]);
    let person = customer;
    assert_eq!(refused, Err(Refusal::NotAnEmployee { person }));
    let refused = town.move_person(Actor::Enterprise, ALICE, &[all[0], all[0]]);
    assert!(matches!(refused, Err(Refusal::Invalid { .. })));
    let refused = town.move_person(Actor::Enterprise, ALICE, &all);
    let what = "departments of a person";
    assert_eq!(refused, Err(Refusal::DepartmentLimit { what, limit: 2 }));
    town.place(ALICE, &[all[1], all[0]]);
    town.place(ALICE, &[all[0], all[1]]);
    assert!(town.last.is_none(), "where they were already");
}

#[test]
fn who_leaves_the_company_is_in_no_department_and_runs_none() {
    let mut town = Town::with_employees(2);
    let head = town.department("Head", NO_DEPARTMENT);
    town.place(ALICE, &[head]);
    town.appoint_admin(ALICE, head);
    town.depart(ALICE).unwrap();
    town.remove_department(head)
        .expect("nobody is in it any more");
    let tenant = town.state.tenant(town.tenant).unwrap();
    assert!(tenant.people[0].departments.is_empty());
    assert!(tenant.departments.list[0].admins.is_empty());
}

#[test]
fn a_tree_is_the_same_after_a_snapshot_and_after_a_replay() {
    let mut town = Town::with_employees(5);
    let head = town.department("Head", NO_DEPARTMENT);
    let low = town.department("Low", head);
    let gone = town.department("Gone", head);
    town.remove_department(gone).unwrap();
    town.place(ALICE, &[low]);
    town.place(BOB, &[head, low]);
    let group = town.internal_group(CAROL, &[ALICE, PersonId(4)]);
    town.follow(group, head);
    town.move_department(Actor::Enterprise, low, NO_DEPARTMENT)
        .unwrap();
    assert_eq!(town.replayed().hash(), town.state.hash());
    let bytes = town.state.to_snapshot();
    let read = crate::model::State::from_snapshot(&bytes).unwrap();
    assert_eq!(read.hash(), town.state.hash());
    town.state = read;
    town.place(PersonId(5), &[head]);
    let people = town.people_in(group);
    assert!(people.contains(&PersonId(5)), "it follows on: {people:?}");
    assert!(!people.contains(&ALICE), "who was moved out: {people:?}");
    assert!(people.contains(&CAROL), "by hand: {people:?}");
}
