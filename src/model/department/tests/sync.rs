use crate::model::command::{
    Actor, AddPeopleV1, Column, NewPersonV1, OrgRole, PersonKind, PersonRowV1, PersonStatus, Reply,
    RowOutcome, RowOutcomeV1, RowReason, SyncPeopleV1, TaggedCommand as T, UpdatePersonV1,
};
use crate::model::town::{ALICE, BOB, CAROL, NO_DEPARTMENT, Town, by, new_person};
use crate::model::{Limits, Refusal};
use crate::wire::{Kind, MovedBody, PersonId};

/// A row of a person known by external id.
fn row(external_id: &str, name: &str, departments: &[&str]) -> PersonRowV1 {
    PersonRowV1 {
        row: 0,
        external_id: external_id.to_owned(),
        name: name.to_owned(),
        employee_number: String::new(),
        mobile: String::new(),
        email: String::new(),
        position: String::new(),
        departments: departments.iter().map(|path| (*path).to_owned()).collect(),
    }
}

fn numbered(employee_number: &str, mobile: &str) -> PersonRowV1 {
    PersonRowV1 {
        employee_number: employee_number.to_owned(),
        mobile: mobile.to_owned(),
        ..row("", "王小明", &[])
    }
}

fn ask(
    town: &mut Town,
    rows: &[PersonRowV1],
    dry_run: bool,
    create_departments: bool,
) -> Vec<RowOutcomeV1> {
    let numbers = 1..;
    let rows = numbers.zip(rows).map(|(row, given)| PersonRowV1 {
        row,
        ..given.clone()
    });
    let sync = SyncPeopleV1 {
        rows: rows.collect(),
        dry_run,
        create_departments,
    };
    match town.ask(Actor::Enterprise, T::SyncPeople(sync)) {
        Ok(Reply::PeopleSynced(synced)) => synced.outcomes,
        other => panic!("{other:?}"),
    }
}

/// Every sync of these tests: a dry run first, which answers the same and changes nothing.
fn sync(town: &mut Town, rows: &[PersonRowV1]) -> Vec<RowOutcomeV1> {
    let before = town.state.hash();
    let dry = ask(town, rows, true, true);
    assert!(town.last.is_none(), "a dry run makes no record");
    assert_eq!(town.state.hash(), before);
    let outcomes = ask(town, rows, false, true);
    assert_eq!(outcomes, dry);
    outcomes
}

fn results(outcomes: &[RowOutcomeV1]) -> Vec<RowOutcome> {
    outcomes.iter().map(|it| it.outcome).collect()
}

#[track_caller]
fn assert_fault(outcomes: &[RowOutcomeV1], at: usize, column: Column, reason: RowReason) {
    let outcome = &outcomes[at];
    assert_eq!((outcome.column, outcome.reason), (column, reason));
    assert_eq!(
        (outcome.outcome, outcome.person),
        (RowOutcome::Refused, PersonId(0))
    );
}

#[test]
fn rows_make_people_departments_and_the_groups_that_follow() {
    let mut town = Town::with_employees(3);
    let head = town.department("总部", NO_DEPARTMENT);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.follow(group, head);
    let records = town.log.len();
    let outcomes = sync(
        &mut town,
        &[
            row("x1", "王小明", &["总部/研发/平台"]),
            row("x2", "李雷", &["总部/研发", "总部"]),
            row("x3", "韩梅梅", &["分部"]),
        ],
    );
    assert_eq!(results(&outcomes), [RowOutcome::Created; 3]);
    assert_eq!(town.log.len(), records + 1, "one record for all");
    let people: Vec<_> = outcomes.iter().map(|it| it.person).collect();
    assert_eq!(people, [4, 5, 6].map(PersonId));
    assert_eq!(
        town.people_in(group),
        [ALICE, BOB, CAROL, PersonId(4), PersonId(5)]
    );
    let takes = &town.log.last().unwrap().applied.takes;
    assert_eq!(takes.len(), 1, "one place for all newcomers");
    let tenant = town.state.tenant(town.tenant).unwrap();
    assert_eq!(tenant.people[3].status, PersonStatus::Invited);
    let places = |at: usize| -> Vec<_> {
        let departments = tenant.people[at].departments.iter();
        departments.map(|it| tenant.departments.path(*it)).collect()
    };
    assert_eq!(places(3), ["总部/研发/平台"]);
    assert_eq!(places(4), ["总部", "总部/研发"]);
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn the_same_rows_again_change_nothing() {
    let mut town = Town::with_employees(0);
    let mut rows = vec![
        row("x1", "王小明", &["总部/研发", "总部"]),
        row("x2", "李雷", &["总部"]),
        numbered("E3", "+8613800138003"),
    ];
    rows[0].email = "wang@example.com".to_owned();
    rows[1].position = "工程师".to_owned();
    rows[1].employee_number = "E2".to_owned();
    assert_eq!(results(&sync(&mut town, &rows)), [RowOutcome::Created; 3]);
    for _ in 0..2 {
        let outcomes = sync(&mut town, &rows);
        assert_eq!(results(&outcomes), [RowOutcome::Unchanged; 3]);
        assert!(town.last.is_none(), "no event at all");
    }
}

#[test]
fn a_changed_row_changes_what_it_says_and_an_empty_column_says_nothing() {
    let mut town = Town::with_employees(0);
    let mut first = row("x1", "王小明", &["总部"]);
    first.mobile = "+8613800138000".to_owned();
    first.email = "wang@example.com".to_owned();
    sync(&mut town, &[first]);
    let mut second = row("x1", "王大明", &[]);
    second.position = "经理".to_owned();
    let outcomes = sync(&mut town, &[second]);
    assert_eq!(results(&outcomes), [RowOutcome::Updated]);
    let tenant = town.state.tenant(town.tenant).unwrap();
    let person = &tenant.people[0];
    let profile = person.profile.as_deref().unwrap();
    assert_eq!(&*person.name, "王大明");
    assert_eq!(&*profile.position, "经理");
    assert_eq!(&*profile.mobile, "+8613800138000");
    assert_eq!(&*profile.email, "wang@example.com");
    assert_eq!(person.departments.len(), 1);
}

#[test]
fn a_row_finds_its_person_by_external_id_then_number_then_mobile() {
    let mut town = Town::with_employees(0);
    let mut all = numbered("E1", "+8613800138001");
    all.external_id = "x1".to_owned();
    sync(&mut town, &[all]);
    let by_number = numbered("E1", "+8613800138002");
    let by_mobile = PersonRowV1 {
        position: "工程师".to_owned(),
        ..numbered("", "+8613800138002")
    };
    let mut by_id = row("x1", "王小明", &[]);
    by_id.employee_number = "E9".to_owned();
    for found in [by_number, by_mobile, by_id] {
        let outcomes = sync(&mut town, &[found]);
        assert_eq!(results(&outcomes), [RowOutcome::Updated]);
        assert_eq!(outcomes[0].person, PersonId(1));
    }
    let tenant = town.state.tenant(town.tenant).unwrap();
    let profile = tenant.people[0].profile.as_deref().unwrap();
    assert_eq!(&*profile.external_id, "x1");
    assert_eq!(&*profile.employee_number, "E9");
    assert_eq!(&*profile.mobile, "+8613800138002");
    let mut given = numbered("E9", "");
    given.external_id = "x2".to_owned();
    let outcomes = sync(&mut town, &[given]);
    assert_fault(
        &outcomes,
        0,
        Column::EmployeeNumber,
        RowReason::DuplicateInTenant,
    );
}

#[test]
fn what_another_person_or_an_earlier_row_has_is_refused_and_the_good_rows_stay() {
    let mut town = Town::with_employees(0);
    sync(
        &mut town,
        &[
            numbered("E1", "+8613800138001"),
            numbered("E2", "+8613800138002"),
        ],
    );
    let mut with_id = row("x1", "韩梅梅", &[]);
    with_id.mobile = "+8613800138003".to_owned();
    let outcomes = sync(
        &mut town,
        &[
            numbered("E1", "+8613800138002"),
            with_id.clone(),
            with_id,
            numbered("E4", "+8613800138003"),
            numbered("E2", ""),
            numbered("", "+8613800138002"),
            numbered("E5", ""),
        ],
    );
    let duplicate = RowReason::DuplicateInTenant;
    assert_fault(&outcomes, 0, Column::Mobile, duplicate);
    assert_fault(&outcomes, 2, Column::ExternalId, duplicate);
    assert_fault(&outcomes, 3, Column::Mobile, duplicate);
    assert_fault(&outcomes, 5, Column::Mobile, duplicate);
    let kept = [1, 4, 6].map(|at| outcomes[at].outcome);
    let expected = [
        RowOutcome::Created,
        RowOutcome::Unchanged,
        RowOutcome::Created,
    ];
    assert_eq!(kept, expected);
    let rows: Vec<_> = outcomes.iter().map(|it| it.row).collect();
    assert_eq!(rows, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_contact_is_nobody_a_row_could_be_about() {
    let mut town = Town::with_employees(0);
    let customer = NewPersonV1 {
        external_id: "c1".to_owned(),
        ..new_person(PersonKind::Customer, OrgRole::Employee)
    };
    let people = vec![customer];
    let add = T::AddPeople(AddPeopleV1 { people });
    town.ask(Actor::Enterprise, add).unwrap();
    let outcomes = sync(&mut town, &[row("c1", "Somebody", &[])]);
    assert_fault(
        &outcomes,
        0,
        Column::ExternalId,
        RowReason::DuplicateInTenant,
    );
}

#[test]
fn who_has_left_is_not_hired_again_but_their_number_passes_on() {
    let mut town = Town::with_employees(0);
    let mut leaver = numbered("E1", "+8613800138001");
    leaver.external_id = "x1".to_owned();
    sync(&mut town, std::slice::from_ref(&leaver));
    town.depart(PersonId(1)).unwrap();
    for (row, column) in [
        (leaver, Column::ExternalId),
        (numbered("E1", "+8613800138001"), Column::EmployeeNumber),
        (numbered("", "+8613800138001"), Column::Mobile),
    ] {
        assert_fault(&sync(&mut town, &[row]), 0, column, RowReason::Departed);
    }
    let newcomer = numbered("E2", "+8613800138001");
    let outcomes = sync(&mut town, std::slice::from_ref(&newcomer));
    assert_eq!(results(&outcomes), [RowOutcome::Created]);
    let outcomes = sync(&mut town, &[newcomer]);
    assert_eq!(results(&outcomes), [RowOutcome::Unchanged]);
}

#[test]
fn a_row_that_is_wrong_names_the_first_column_that_is() {
    let mut town = Town::with_employees(0);
    town.department("总部", NO_DEPARTMENT);
    let right = numbered("E1", "+8613800138001");
    let long = "字".repeat(65);
    let with = |change: fn(&mut PersonRowV1, &str)| {
        let mut row = right.clone();
        change(&mut row, &long);
        row
    };
    let rows = [
        with(|row, long| row.external_id = long.to_owned()),
        with(|row, _| row.name.clear()),
        with(|row, long| row.name = long.to_owned()),
        with(|row, long| row.employee_number = long.to_owned()),
        with(|row, _| row.mobile = "13800138001".to_owned()),
        with(|row, _| row.email = "nobody".to_owned()),
        with(|row, _| row.email = format!("{}@example.com", "a".repeat(250))),
        with(|row, long| row.position = long.to_owned()),
        with(|row, _| row.departments = vec!["总部//研发".to_owned()]),
        with(|row, _| row.departments = vec![String::new()]),
        with(|row, long| row.departments = vec![format!("总部/{long}")]),
        with(|row, _| row.departments = vec!["总部".to_owned(), "/".to_owned()]),
        with(|row, _| row.departments = vec!["总部".to_owned(); 21]),
        with(|row, _| row.departments = vec!["a/".repeat(100) + "b"]),
    ];
    let outcomes = sync(&mut town, &rows);
    assert!(town.last.is_none(), "nothing of any of them was done");
    let (long, wrong) = (RowReason::TooLong, RowReason::InvalidValue);
    for (at, column, reason) in [
        (0, Column::ExternalId, long),
        (1, Column::Name, wrong),
        (2, Column::Name, long),
        (3, Column::EmployeeNumber, long),
        (4, Column::Mobile, wrong),
        (5, Column::Email, wrong),
        (6, Column::Email, long),
        (7, Column::Position, long),
        (8, Column::Department, wrong),
        (9, Column::Department, wrong),
        (10, Column::Department, long),
        (11, Column::Department, wrong),
        (12, Column::Department, long),
        (13, Column::Department, long),
    ] {
        assert_fault(&outcomes, at, column, reason);
    }
}

#[test]
fn an_unknown_department_is_refused_unless_it_may_be_made() {
    let mut town = Town::with_employees(0);
    town.department("总部", NO_DEPARTMENT);
    let rows = [
        row("x1", "王小明", &["总部", "总部/研发"]),
        row("x2", "李雷", &["总部"]),
        row("x3", "韩梅梅", &["研发"]),
    ];
    let outcomes = ask(&mut town, &rows, false, false);
    for at in [0, 2] {
        let reason = RowReason::UnknownDepartment;
        assert_fault(&outcomes, at, Column::Department, reason);
    }
    assert_eq!(outcomes[1].outcome, RowOutcome::Created);
    assert_eq!(town.departments_seen(Actor::Enterprise).len(), 1);
    let bad = row("x4", "王小明", &["新部", "新部//x"]);
    ask(&mut town, &[bad], false, true);
    let made = town.departments_seen(Actor::Enterprise).len();
    assert_eq!(made, 1, "a refused row makes none");
    sync(&mut town, &rows);
    assert_eq!(town.departments_seen(Actor::Enterprise).len(), 3);
}

#[test]
fn a_row_that_moves_someone_moves_them_in_the_groups_too() {
    let mut town = Town::with_employees(3);
    let head = town.department("a", NO_DEPARTMENT);
    let other = town.department("b", NO_DEPARTMENT);
    let groups = [head, other].map(|department| {
        let group = town.internal_group(ALICE, &[BOB, CAROL]);
        town.follow(group, department);
        group
    });
    sync(&mut town, &[row("x1", "X", &["a"]), row("x2", "Y", &["b"])]);
    let (x, y) = (PersonId(4), PersonId(5));
    assert_eq!(town.people_in(groups[0]), [ALICE, BOB, CAROL, x]);
    let heads = groups.map(|group| town.look_at(group).head.0);
    sync(&mut town, &[row("x1", "X", &["b"]), row("x2", "Y", &["a"])]);
    assert_eq!(town.people_in(groups[0]), [ALICE, BOB, CAROL, y]);
    assert_eq!(town.people_in(groups[1]), [ALICE, BOB, CAROL, x]);
    let after = groups.map(|group| town.look_at(group).head.0);
    assert_eq!(
        after,
        heads.map(|head| head + 1),
        "one place, though one came and one went"
    );
    let shown = town.log.last().unwrap().project();
    let envelope = &shown.envelopes[0];
    assert_eq!(envelope.header().kind(), Kind::Moved);
    let body = MovedBody::read(envelope.body()).unwrap();
    assert_eq!((body.joined.people, body.left.people), (vec![y], vec![x]));
    assert_eq!(shown.deltas.len(), 4);
}

#[test]
fn a_group_whose_people_all_change_in_one_record_lives_on_with_the_new_ones() {
    let mut town = Town::with_employees(3);
    let head = town.department("a", NO_DEPARTMENT);
    for person in [ALICE, BOB, CAROL] {
        town.place(person, &[head]);
    }
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.follow(group, head);
    let ids = ["x1", "x2", "x3"];
    for (person, id) in [ALICE, BOB, CAROL].into_iter().zip(ids) {
        let known = UpdatePersonV1 {
            person,
            name: "P".to_owned(),
            external_id: id.to_owned(),
            employee_number: String::new(),
            mobile: String::new(),
            email: String::new(),
            position: String::new(),
        };
        town.ask(Actor::Enterprise, T::UpdatePerson(known)).unwrap();
    }
    let mut rows: Vec<_> = ids.iter().map(|id| row(id, "P", &["b"])).collect();
    rows.push(row("x4", "New", &["a"]));
    sync(&mut town, &rows);
    assert_eq!(town.people_in(group), [PersonId(4)]);
    assert_eq!(town.look_at(group).owner, PersonId(4));
    assert!(!town.look_at(group).dissolved);
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn a_full_group_keeps_every_row() {
    let limits = Limits {
        internal_members_max: 4,
        ..Limits::default()
    };
    let mut town = Town::with_employees(3).limited(limits);
    let head = town.department("a", NO_DEPARTMENT);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.follow(group, head);
    let rows: Vec<_> = (0..3).map(|n| row(&format!("x{n}"), "P", &["a"])).collect();
    let outcomes = sync(&mut town, &rows);
    assert_eq!(results(&outcomes), [RowOutcome::Created; 3]);
    assert_eq!(town.people_in(group).len(), 4);
    let tenant = town.state.tenant(town.tenant).unwrap();
    assert_eq!(tenant.departments.list[0].people.len(), 3);
}

#[test]
fn a_command_takes_1_to_500_rows_of_the_enterprise_or_a_super_admin() {
    let mut town = Town::with_employees(1);
    let rows: Vec<_> = (0..501)
        .map(|n| row(&format!("x{n}"), "P", &["a/b"]))
        .collect();
    let command = |rows: &[PersonRowV1]| {
        T::SyncPeople(SyncPeopleV1 {
            rows: rows.to_vec(),
            dry_run: false,
            create_departments: true,
        })
    };
    for rows in [&rows[..0], &rows] {
        let refused = town.ask(Actor::Enterprise, command(rows));
        assert!(matches!(
            refused,
            Err(Refusal::Invalid { field: "rows", .. })
        ));
    }
    let refused = town.ask(by(ALICE), command(&rows[..1]));
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    let admin = town.super_admin();
    town.ask(by(admin), command(&rows[..1])).unwrap();
    let outcomes = sync(&mut town, &rows[..500]);
    assert_eq!(results(&outcomes[..1]), [RowOutcome::Unchanged]);
    assert_eq!(results(&outcomes[1..]), [RowOutcome::Created; 499]);
}

#[test]
fn what_would_hold_the_sequencer_too_long_is_refused_whole() {
    let limits = Limits {
        follow_changes_max: 2,
        sync_departments_max: 2,
        departments_max: 3,
        ..Limits::default()
    };
    let mut town = Town::with_employees(3).limited(limits);
    let head = town.department("a", NO_DEPARTMENT);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.follow(group, head);
    let refused = |town: &mut Town, rows: Vec<PersonRowV1>| {
        let sync = SyncPeopleV1 {
            rows,
            dry_run: false,
            create_departments: true,
        };
        town.ask(Actor::Enterprise, T::SyncPeople(sync))
    };
    let newcomers = (0..3).map(|n| row(&format!("x{n}"), "P", &["a"]));
    let what = "memberships";
    let too_much = |what| Err(Refusal::TooMuchAtOnce { what, limit: 2 });
    assert_eq!(refused(&mut town, newcomers.collect()), too_much(what));
    let deep = vec![row("x1", "P", &["b/c/d"])];
    assert_eq!(refused(&mut town, deep), too_much("new departments"));
    town.department("b", NO_DEPARTMENT);
    let what = "departments in a tenant";
    let wide = vec![row("x1", "P", &["c/d"])];
    let limit = Refusal::DepartmentLimit { what, limit: 3 };
    assert_eq!(refused(&mut town, wide), Err(limit));
    assert_eq!(town.people_in(group), [ALICE, BOB, CAROL]);
}

#[test]
fn another_tenants_people_are_nobody_here() {
    let mut town = Town::with_employees(0);
    sync(&mut town, &[numbered("E1", "+8613800138001")]);
    let ours = town.tenant;
    let verified = town.now;
    town.tenant = town.create_tenant("Asia/Tokyo", verified);
    let outcomes = sync(&mut town, &[numbered("E1", "+8613800138001")]);
    assert_eq!(results(&outcomes), [RowOutcome::Created]);
    town.tenant = ours;
    let outcomes = sync(&mut town, &[numbered("E1", "+8613800138001")]);
    assert_eq!(results(&outcomes), [RowOutcome::Unchanged]);
}
