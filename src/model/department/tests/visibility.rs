use crate::model::command::{Actor, DepartmentV1, Reply, TaggedCommand as T, VisibilityV1};
use crate::model::department::is_visible;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, NO_DEPARTMENT, Town, by};
use crate::model::{Limits, Refusal};
use crate::wire::{DepartmentId, PersonId};

/// Head, with Open and Closed below it and Inner below Closed; Alice is in Inner, Bob in Open.
fn company() -> (Town, [DepartmentId; 4]) {
    let mut town = Town::with_employees(4);
    let head = town.department("Head", NO_DEPARTMENT);
    let open = town.department("Open", head);
    let closed = town.department("Closed", head);
    let inner = town.department("Inner", closed);
    town.place(ALICE, &[inner]);
    town.place(BOB, &[open]);
    (town, [head, open, closed, inner])
}

#[test]
fn everyone_sees_a_department_that_says_nothing_else() {
    let (mut town, all) = company();
    for person in [ALICE, BOB, CAROL] {
        assert_eq!(town.departments_seen(by(person)), all);
    }
}

#[test]
fn a_department_for_its_members_hides_all_below_it_from_others() {
    let (mut town, [head, open, closed, inner]) = company();
    town.show_department(closed, VisibilityV1::ItsMembers);
    assert_eq!(
        town.departments_seen(by(ALICE)),
        [head, open, closed, inner]
    );
    assert_eq!(town.departments_seen(by(BOB)), [head, open]);
    let get = T::GetDepartment(DepartmentV1 { department: inner });
    let hidden = Refusal::NoSuchDepartment { department: inner };
    assert_eq!(town.ask(by(BOB), get.clone()), Err(hidden));
    assert!(town.ask(by(ALICE), get).is_ok());
    town.show_department(closed, VisibilityV1::Everyone);
    assert_eq!(town.departments_seen(by(BOB)), [head, open, closed, inner]);
}

#[test]
fn one_sees_ones_own_departments_and_those_above_whatever_they_say() {
    let (mut town, all) = company();
    for department in all {
        town.show_department(department, VisibilityV1::People(vec![DAVE]));
    }
    let [head, open, closed, inner] = all;
    assert_eq!(town.departments_seen(by(ALICE)), [head, closed, inner]);
    assert_eq!(town.departments_seen(by(BOB)), [head, open]);
    assert!(town.departments_seen(by(CAROL)).is_empty());
    assert_eq!(town.departments_seen(by(DAVE)), all);
}

#[test]
fn a_department_can_be_shown_to_departments_and_what_is_below_them() {
    let (mut town, [head, open, closed, inner]) = company();
    town.show_department(closed, VisibilityV1::Departments(vec![open]));
    assert_eq!(town.departments_seen(by(BOB)), [head, open, closed, inner]);
    assert_eq!(town.departments_seen(by(CAROL)), [head, open]);
    let below = town.department("Below", open);
    town.place(CAROL, &[below]);
    assert!(town.departments_seen(by(CAROL)).contains(&inner));
}

#[test]
fn who_runs_a_department_the_enterprise_and_super_admins_see_it_and_contacts_see_none() {
    let (mut town, all) = company();
    town.show_department(all[2], VisibilityV1::ItsMembers);
    let admin = town.super_admin();
    town.appoint_admin(CAROL, all[2]);
    assert_eq!(town.departments_seen(by(admin)), all);
    assert_eq!(town.departments_seen(Actor::Enterprise), all);
    assert_eq!(town.departments_seen(by(CAROL)), all);
    let customer = town.customers(1)[0];
    let get = T::GetDepartment(DepartmentV1 { department: all[0] });
    let refused = town.ask(by(customer), get);
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    let tenant = town.state.tenant(town.tenant).unwrap();
    let viewer = tenant.find_person(customer).unwrap();
    let department = tenant.departments.find(all[0]).unwrap();
    assert!(!is_visible(tenant, department, viewer));
}

#[test]
fn only_who_may_change_a_department_reads_whom_it_is_shown_to() {
    let (mut town, [head, ..]) = company();
    let to = VisibilityV1::People(vec![BOB]);
    town.show_department(head, to.clone());
    let get = T::GetDepartment(DepartmentV1 { department: head });
    let mut visibility = |actor| match town.ask(actor, get.clone()) {
        Ok(Reply::Department(detail)) => (detail.state.restricted, detail.visibility),
        other => panic!("{other:?}"),
    };
    assert_eq!(visibility(Actor::Enterprise), (true, Some(to)));
    assert_eq!(visibility(by(BOB)), (true, None));
}

#[test]
fn whom_a_department_is_shown_to_is_checked() {
    let (mut town, [head, ..]) = company();
    let set = |to| {
        T::SetVisibility(crate::model::command::SetVisibilityV1 {
            department: head,
            to,
        })
    };
    let nobody = PersonId(99);
    let refused = town.ask(
        Actor::Enterprise,
        set(VisibilityV1::People(vec![BOB, nobody])),
    );
    assert_eq!(refused, Err(Refusal::NoSuchPerson { person: nobody }));
    let nowhere = DepartmentId(99);
    let to = VisibilityV1::Departments(vec![nowhere]);
    let refused = town.ask(Actor::Enterprise, set(to));
    let department = nowhere;
    assert_eq!(refused, Err(Refusal::NoSuchDepartment { department }));
    for to in [
        VisibilityV1::People(vec![]),
        VisibilityV1::People(vec![BOB; 1_001]),
        VisibilityV1::Departments(vec![head; 101]),
    ] {
        let refused = town.ask(Actor::Enterprise, set(to));
        assert!(matches!(refused, Err(Refusal::Invalid { .. })));
    }
    let refused = town.ask(by(BOB), set(VisibilityV1::ItsMembers));
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
}

#[test]
fn pages_of_departments_follow_one_another_over_what_is_hidden_and_removed() {
    let limits = Limits::default();
    let mut town = Town::with_employees(2).limited(limits);
    let all: Vec<_> = (0..12)
        .map(|n| town.department(&format!("{n}"), NO_DEPARTMENT))
        .collect();
    for hidden in &all[2..6] {
        town.show_department(*hidden, VisibilityV1::ItsMembers);
    }
    town.remove_department(all[7]).unwrap();
    let mut seen = Vec::new();
    let mut after = NO_DEPARTMENT;
    loop {
        let page = town.departments_page(by(ALICE), after, 3);
        assert!(page.departments.len() <= 3);
        seen.extend(page.departments.iter().map(|it| it.department));
        after = page.last;
        if !page.more {
            break;
        }
    }
    let expected: Vec<_> = [0, 1, 6, 8, 9, 10, 11].map(|at| all[at]).to_vec();
    assert_eq!(seen, expected);
    let beyond = town.departments_page(by(ALICE), DepartmentId(u64::MAX), 3);
    assert!(beyond.departments.is_empty() && !beyond.more);
}
