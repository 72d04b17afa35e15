use crate::model::Refusal;
use crate::model::command::{Actor, DepartPersonV2, OrgRole, PersonV1, TaggedCommand as T};
use crate::model::town::{ALICE, BOB, CAROL, Town, by};
use crate::wire::DepartmentId;

#[test]
fn a_fourth_super_admin_is_not_appointed() {
    let mut town = Town::with_employees(4);
    let role = OrgRole::SuperAdmin;
    for person in [ALICE, BOB, CAROL] {
        town.set_org_role(Actor::Enterprise, person, role, &[])
            .unwrap();
    }
    let fourth = crate::model::town::DAVE;
    assert_eq!(
        town.set_org_role(Actor::Enterprise, fourth, role, &[]),
        Err(Refusal::TooManySuperAdmins { limit: 3 })
    );
    town.set_org_role(Actor::Enterprise, ALICE, role, &[])
        .expect("one of the three stays one");
    town.set_org_role(by(ALICE), CAROL, OrgRole::AppAdmin, &[])
        .unwrap();
    town.set_org_role(by(ALICE), fourth, role, &[]).unwrap();
    town.assert_kept();
}

#[test]
fn only_the_enterprise_and_super_admins_give_roles_and_only_to_employees() {
    let mut town = Town::with_employees(2);
    let customer = town.customers(1)[0];
    let role = OrgRole::AppAdmin;
    let refused = town.set_org_role(by(ALICE), ALICE, OrgRole::SuperAdmin, &[]);
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    town.set_org_role(Actor::Enterprise, ALICE, role, &[])
        .unwrap();
    let refused = town.set_org_role(by(ALICE), BOB, role, &[]);
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    let refused = town.set_org_role(Actor::Enterprise, customer, role, &[]);
    assert_eq!(refused, Err(Refusal::NotAnEmployee { person: customer }));
    town.depart(BOB).unwrap();
    let refused = town.set_org_role(Actor::Enterprise, BOB, role, &[]);
    assert_eq!(refused, Err(Refusal::Departed { person: BOB }));
}

#[test]
fn a_department_admin_runs_the_departments_given_and_no_more_when_they_are_none() {
    let mut town = Town::with_employees(1);
    let head = town.department("总部", DepartmentId(0));
    let lab = town.department("研发", head);
    let role = OrgRole::DepartmentAdmin;
    let mut set = |role, departments: &[DepartmentId]| {
        town.set_org_role(Actor::Enterprise, ALICE, role, departments)?;
        let tenant = town.tenant();
        let index = tenant.find_person(ALICE).unwrap();
        let runs = |id| {
            let department = tenant.departments.find(id).unwrap();
            tenant.departments.is_run_by(department, index)
        };
        Ok((runs(head), runs(lab)))
    };
    assert!(set(role, &[]).is_err(), "of what?");
    assert!(set(OrgRole::AppAdmin, &[lab]).is_err());
    let department = DepartmentId(9);
    assert_eq!(
        set(role, &[department]),
        Err(Refusal::NoSuchDepartment { department })
    );
    assert_eq!(set(role, &[lab]), Ok((false, true)));
    assert_eq!(set(role, &[head]), Ok((true, true)), "sub-departments too");
    assert_eq!(set(role, &[lab, head]), Ok((true, true)));
    assert_eq!(set(OrgRole::Employee, &[]), Ok((false, false)));
}

#[test]
fn the_last_super_admin_does_not_go_by_their_own_hand() {
    let mut town = Town::with_employees(1);
    let admin = town.super_admin();
    let last = Err(Refusal::LastSuperAdmin { person: admin });
    let depart = DepartPersonV2 {
        person: admin,
        successor: ALICE,
    };
    let commands = [
        T::FreezePerson(PersonV1 { person: admin }),
        T::DepartPerson(PersonV1 { person: admin }),
        T::DepartPersonV2(depart),
    ];
    for command in commands {
        assert_eq!(town.ask(by(admin), command), last);
    }
    let step_down = town.set_org_role(by(admin), admin, OrgRole::Employee, &[]);
    assert_eq!(step_down, last);
    let other = town.super_admin();
    town.freeze(other);
    let step_down = town.set_org_role(by(admin), admin, OrgRole::Employee, &[]);
    assert_eq!(step_down, last, "who is frozen gives nobody a role");
    town.thaw(other);
    town.set_org_role(by(admin), admin, OrgRole::Employee, &[])
        .unwrap();
    town.set_org_role(Actor::Enterprise, other, OrgRole::Employee, &[])
        .expect("the enterprise's systems can appoint the next one");
}

#[test]
fn no_department_admin_touches_a_super_admin_of_the_department() {
    let mut town = Town::with_employees(1);
    let department = town.department("总部", DepartmentId(0));
    let works = crate::model::command::NewPersonV2 {
        departments: vec![department],
        ..crate::model::town::directory::employee("Li")
    };
    let person = town.hire(vec![works]).unwrap()[0];
    town.set_org_role(
        Actor::Enterprise,
        ALICE,
        OrgRole::DepartmentAdmin,
        &[department],
    )
    .unwrap();
    let freeze = || T::FreezePerson(PersonV1 { person });
    town.ask(by(ALICE), freeze()).unwrap();
    town.thaw(person);
    town.set_org_role(Actor::Enterprise, person, OrgRole::SuperAdmin, &[])
        .unwrap();
    let refused = town.ask(by(ALICE), freeze());
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
}
