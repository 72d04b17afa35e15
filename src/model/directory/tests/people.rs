use crate::model::Refusal;
use crate::model::command::{
    Actor, ListPeopleV1, NewPersonV2, OrgRole, PeoplePageV1, PersonEntryV1, PersonKind,
    PersonStatus, Reply, TaggedCommand as T, UpdatePersonV1, VisibilityV1,
};
use crate::model::directory::profile::{find_by_employee_number, find_by_mobile};
use crate::model::limits::Limits;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, by, directory::employee};
use crate::wire::{DepartmentId, PersonId, Timestamp};

const MOBILE: &str = "+8613800138000";

fn wang() -> NewPersonV2 {
    NewPersonV2 {
        external_id: "wang".to_owned(),
        employee_number: "007".to_owned(),
        mobile: MOBILE.to_owned(),
        email: "wang@example.com".to_owned(),
        position: "工程师".to_owned(),
        ..employee("王小明")
    }
}

fn update(person: PersonId, new: NewPersonV2) -> T {
    T::UpdatePerson(UpdatePersonV1 {
        person,
        name: new.name,
        external_id: new.external_id,
        employee_number: new.employee_number,
        mobile: new.mobile,
        email: new.email,
        position: new.position,
    })
}

fn list(town: &mut Town, actor: Actor, after: PersonId, limit: u32) -> PeoplePageV1 {
    match town.ask(actor, T::ListPeople(ListPeopleV1 { after, limit })) {
        Ok(Reply::People(page)) => page,
        other => panic!("{other:?}"),
    }
}

fn ids(people: &[PersonEntryV1]) -> Vec<PersonId> {
    people.iter().map(|entry| entry.person).collect()
}

#[test]
fn a_persons_entry_is_read_as_it_was_written() {
    let mut town = Town::with_employees(0);
    let person = town.hire(vec![wang()]).unwrap()[0];
    let entry = town.entry(Actor::Enterprise, person).unwrap();
    let written = PersonEntryV1 {
        person,
        name: "王小明".to_owned(),
        external_id: "wang".to_owned(),
        employee_number: "007".to_owned(),
        mobile: MOBILE.to_owned(),
        email: "wang@example.com".to_owned(),
        position: "工程师".to_owned(),
        departments: Vec::new(),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
        status: PersonStatus::Active,
    };
    assert_eq!(entry, written);
    town.assert_kept();
}

#[test]
fn backends_find_their_own_ids_whichever_command_gave_them() {
    let mut town = Town::with_employees(0);
    let people = vec![super::with_external_id("wang")];
    super::add(&mut town, people).unwrap();
    let entry = town.entry(Actor::Enterprise, ALICE).unwrap();
    assert_eq!(entry.external_id, "wang");
    assert_eq!(town.hire(vec![wang()]), Err(Refusal::DuplicateExternalId));
    town.assert_kept();
}

#[test]
fn employee_number_and_mobile_are_unique_in_a_tenant() {
    let mut town = Town::with_employees(0);
    town.hire(vec![wang()]).unwrap();
    let same_number = NewPersonV2 {
        employee_number: "007".to_owned(),
        ..employee("Li")
    };
    let same_mobile = NewPersonV2 {
        mobile: MOBILE.to_owned(),
        ..employee("Li")
    };
    let number_in_use = Err(Refusal::AlreadyInUse {
        field: "employee_number",
    });
    let mobile_in_use = Err(Refusal::AlreadyInUse { field: "mobile" });
    assert_eq!(town.hire(vec![same_number.clone()]), number_in_use);
    assert_eq!(town.hire(vec![same_mobile.clone()]), mobile_in_use);
    let other = town.create_tenant("UTC", Timestamp(0));
    town.tenant = other;
    assert_eq!(
        town.hire(vec![same_number.clone(), same_number.clone()]),
        number_in_use,
        "within one command, too"
    );
    assert_eq!(
        town.hire(vec![same_mobile.clone(), same_mobile.clone()]),
        mobile_in_use
    );
    town.hire(vec![same_number, same_mobile])
        .expect("another tenant's are its own");
}

#[test]
fn what_is_no_entry_is_refused_by_its_field() {
    let mut town = Town::with_employees(0);
    let mut refused = |person: NewPersonV2| match town.hire(vec![person]) {
        Err(Refusal::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let base = || employee("Li");
    let with_mobile = |mobile: &str| NewPersonV2 {
        mobile: mobile.to_owned(),
        ..base()
    };
    assert_eq!(refused(employee("")), "name");
    assert_eq!(refused(with_mobile("13800138000")), "mobile");
    assert_eq!(refused(with_mobile("+86 13800138000")), "mobile");
    for email in ["wang", "@example.com", "wang@", "a b@example.com", "a@b@c"] {
        let email = email.to_owned();
        assert_eq!(refused(NewPersonV2 { email, ..base() }), "email");
    }
    let employee_number = "9".repeat(65);
    assert_eq!(
        refused(NewPersonV2 {
            employee_number,
            ..base()
        }),
        "employee_number"
    );
    let position = "工".repeat(65);
    assert_eq!(refused(NewPersonV2 { position, ..base() }), "position");
    let external_id = "x".repeat(65);
    assert_eq!(
        refused(NewPersonV2 {
            external_id,
            ..base()
        }),
        "external_id"
    );
    let role = OrgRole::DepartmentAdmin;
    assert_eq!(refused(NewPersonV2 { role, ..base() }), "role");
    let customer = NewPersonV2 {
        kind: PersonKind::Customer,
        ..base()
    };
    let role = OrgRole::AppAdmin;
    assert_eq!(
        refused(NewPersonV2 {
            role,
            ..customer.clone()
        }),
        "role"
    );
    let invited = true;
    assert_eq!(
        refused(NewPersonV2 {
            invited,
            ..customer
        }),
        "kind"
    );
}

#[test]
fn people_with_entries_are_added_all_or_none_and_no_more_than_the_limit() {
    let mut town = Town::with_employees(0);
    let nameless = employee("");
    assert!(town.hire(vec![wang(), nameless]).is_err());
    assert!(town.hire(vec![]).is_err());
    assert!(town.hire(vec![employee("Li"); 501]).is_err());
    town.hire(vec![wang()])
        .expect("nothing was kept of the refused list");
    town.hire(vec![employee("Li"); 500]).unwrap();
}

#[test]
fn people_enter_their_departments_which_must_be_there() {
    let mut town = Town::with_employees(0);
    let head = town.department("总部", DepartmentId(0));
    let platform = town.department("平台", head);
    let works = |departments: &[DepartmentId]| NewPersonV2 {
        departments: departments.to_vec(),
        ..employee("Li")
    };
    let nowhere = DepartmentId(3);
    assert_eq!(
        town.hire(vec![works(&[nowhere])]),
        Err(Refusal::NoSuchDepartment {
            department: nowhere
        })
    );
    assert!(town.hire(vec![works(&[head, head])]).is_err());
    let person = town.hire(vec![works(&[platform, head])]).unwrap()[0];
    let entry = town.entry(Actor::Enterprise, person).unwrap();
    assert_eq!(entry.departments, ["总部", "总部/平台"]);
    let tenant = town.tenant();
    let index = tenant.find_person(person).unwrap();
    for department in &tenant.departments.list {
        assert_eq!(department.people, [index]);
    }
}

#[test]
fn an_entry_is_written_anew_and_what_it_gives_up_is_free() {
    let mut town = Town::with_employees(0);
    let people = town.hire(vec![wang(), employee("Li")]).unwrap();
    let taken = update(people[1], wang());
    assert_eq!(
        town.ask(Actor::Enterprise, taken.clone()),
        Err(Refusal::DuplicateExternalId)
    );
    town.ask(Actor::Enterprise, update(people[0], wang()))
        .expect("one's own are not taken");
    let renamed = employee("王大明");
    town.ask(Actor::Enterprise, update(people[0], renamed))
        .unwrap();
    let entry = town.entry(Actor::Enterprise, people[0]).unwrap();
    assert_eq!((&*entry.name, &*entry.mobile), ("王大明", ""));
    town.ask(Actor::Enterprise, taken).unwrap();
    let tenant = town.tenant();
    let holder = tenant.find_person(people[1]);
    assert_eq!(find_by_mobile(tenant, MOBILE), holder);
    assert_eq!(find_by_employee_number(tenant, "007"), holder);
    town.assert_kept();
}

#[test]
fn nobody_writes_their_own_entry_but_an_admin_of_their_department_does() {
    let mut town = Town::with_employees(3);
    let department = town.department("总部", DepartmentId(0));
    let works = NewPersonV2 {
        departments: vec![department],
        ..employee("Li")
    };
    let person = town.hire(vec![works]).unwrap()[0];
    let new = || update(person, employee("New"));
    let not_permitted = |result| matches!(result, Err(Refusal::NotPermitted { .. }));
    assert!(not_permitted(town.ask(by(person), new())));
    assert!(not_permitted(town.ask(by(ALICE), new())));
    let role = OrgRole::DepartmentAdmin;
    town.set_org_role(Actor::Enterprise, ALICE, role, &[department])
        .unwrap();
    town.ask(by(ALICE), new()).unwrap();
    let elsewhere = update(BOB, employee("New"));
    assert!(not_permitted(town.ask(by(ALICE), elsewhere)));
}

#[test]
fn a_leavers_number_finds_the_leaver_until_somebody_is_given_it_anew() {
    let mut town = Town::with_employees(0);
    let leaver = town.hire(vec![wang()]).unwrap()[0];
    town.depart(leaver).unwrap();
    let index = town.tenant().find_person(leaver);
    assert_eq!(find_by_employee_number(town.tenant(), "007"), index);
    assert_eq!(
        town.hire(vec![wang()]),
        Err(Refusal::DuplicateExternalId),
        "backends' ids are never given again"
    );
    let again = NewPersonV2 {
        external_id: String::new(),
        ..wang()
    };
    let new = town.hire(vec![again]).unwrap()[0];
    let index = town.tenant().find_person(new);
    assert_eq!(find_by_employee_number(town.tenant(), "007"), index);
    assert_eq!(find_by_mobile(town.tenant(), MOBILE), index);
    town.assert_kept();
}

/// A department that shows itself to its members only, beside one that shows itself to everybody.
struct Floors {
    head: DepartmentId,
    lab: DepartmentId,
    sales: DepartmentId,
}

fn floors(town: &mut Town) -> Floors {
    let head = town.department("总部", DepartmentId(0));
    let lab = town.department("研发", head);
    let sales = town.department("销售", head);
    town.show_department(lab, VisibilityV1::ItsMembers);
    Floors { head, lab, sales }
}

fn works(town: &mut Town, departments: &[DepartmentId], mobile: &str) -> PersonId {
    let person = NewPersonV2 {
        departments: departments.to_vec(),
        mobile: mobile.to_owned(),
        ..employee("Li")
    };
    town.hire(vec![person]).unwrap()[0]
}

#[test]
fn whoever_is_only_in_departments_hidden_from_one_is_not_there() {
    let mut town = Town::with_employees(2);
    let Floors { head, lab, sales } = floors(&mut town);
    let hidden = works(&mut town, &[lab], "");
    let colleague = works(&mut town, &[lab], "");
    let both = works(&mut town, &[lab, sales], "");
    let seller = works(&mut town, &[sales], "");
    let admin = town.super_admin();
    let role = OrgRole::DepartmentAdmin;
    town.set_org_role(Actor::Enterprise, BOB, role, &[head])
        .unwrap();
    for reader in [hidden, colleague, both, BOB, admin] {
        let page = list(&mut town, by(reader), PersonId(0), 100);
        assert_eq!(page.people.len(), 7, "{reader}");
        assert_eq!(town.entry(by(reader), hidden).unwrap().person, hidden);
    }
    for reader in [ALICE, seller] {
        let page = list(&mut town, by(reader), PersonId(0), 100);
        assert_eq!(ids(&page.people), [ALICE, BOB, both, seller, admin]);
        let shown = page.people.iter().find(|entry| entry.person == both);
        assert_eq!(shown.unwrap().departments, ["总部/销售"]);
        let first = list(&mut town, by(reader), PersonId(0), 4);
        let rest = list(&mut town, by(reader), seller, 4);
        assert_eq!((first.people.len(), first.more), (4, true));
        assert_eq!((ids(&rest.people), rest.more), (vec![admin], false));
        let person = hidden;
        assert_eq!(
            town.entry(by(reader), person),
            Err(Refusal::NoSuchPerson { person })
        );
        let entry = town.entry(by(reader), both).unwrap();
        assert_eq!(entry.departments, ["总部/销售"]);
    }
}

#[test]
fn a_mobile_is_shown_to_those_who_see_a_department_of_its_owner() {
    let mut town = Town::with_employees(4);
    let Floors { head, lab, sales } = floors(&mut town);
    let wang = works(&mut town, &[lab], MOBILE);
    let seller = works(&mut town, &[sales], "+8613800138001");
    let nowhere = works(&mut town, &[], "+8613800138002");
    let colleague = works(&mut town, &[lab], "");
    let elsewhere = works(&mut town, &[sales], "");
    let admin = town.super_admin();
    let role = OrgRole::DepartmentAdmin;
    town.set_org_role(Actor::Enterprise, BOB, role, &[head])
        .unwrap();
    let mut mobile = |actor, of| town.entry(actor, of).unwrap().mobile;
    for reader in [wang, colleague, BOB, admin] {
        assert_eq!(mobile(by(reader), wang), MOBILE, "{reader}");
    }
    for reader in [ALICE, wang, elsewhere] {
        assert_eq!(mobile(by(reader), seller), "+8613800138001", "{reader}");
        assert_eq!(mobile(by(reader), nowhere), "", "{reader}");
    }
    assert_eq!(mobile(by(nowhere), nowhere), "+8613800138002");
    assert_eq!(mobile(Actor::Enterprise, wang), MOBILE);
}

#[test]
fn the_directory_is_listed_in_pages() {
    let mut town = Town::with_employees(5);
    let page = list(&mut town, Actor::Enterprise, PersonId(0), 2);
    assert_eq!((ids(&page.people), page.more), (vec![ALICE, BOB], true));
    let page = list(&mut town, by(ALICE), BOB, 3);
    let rest = vec![CAROL, DAVE, PersonId(5)];
    assert_eq!((ids(&page.people), page.more), (rest, false));
    let page = list(&mut town, Actor::Enterprise, PersonId(u64::MAX), 2);
    assert!(page.people.is_empty() && !page.more);
    town.employees(1_001);
    let page = list(&mut town, by(ALICE), PersonId(0), u32::MAX);
    assert_eq!((page.people.len(), page.more), (1_000, true));
}

#[test]
fn employees_are_listed_the_colleagues_there_are_and_contacts_nobody() {
    let mut town = Town::with_employees(3);
    let customer = town.customers(1)[0];
    town.depart(BOB).unwrap();
    let everybody = list(&mut town, Actor::Enterprise, PersonId(0), 100);
    assert_eq!(ids(&everybody.people), [ALICE, BOB, CAROL, customer]);
    let colleagues = list(&mut town, by(ALICE), PersonId(0), 100);
    assert_eq!(ids(&colleagues.people), [ALICE, CAROL]);
    for hidden in [BOB, customer] {
        let refused = town.entry(by(ALICE), hidden);
        assert_eq!(refused, Err(Refusal::NoSuchPerson { person: hidden }));
    }
    let read = ListPeopleV1 {
        after: PersonId(0),
        limit: 1,
    };
    let refused = town.ask(by(customer), T::ListPeople(read));
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    town.entry(by(customer), customer)
        .expect("one's own entry is one's own");
}

#[test]
fn a_limit_of_new_people_is_the_nodes() {
    let limits = Limits {
        new_people_max: 1,
        ..Limits::default()
    };
    let mut town = Town::with_employees(0).limited(limits);
    assert!(town.hire(vec![employee("Li"); 2]).is_err());
    town.hire(vec![employee("Li")]).unwrap();
}
