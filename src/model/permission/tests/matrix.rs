//! Every operation by every role, in one's own subtree and out of it, against a table that was
//! written by hand from the specification.

use super::super::*;
use crate::model::state::GroupIndex;
use crate::model::town::{ALICE, BOB, CAROL, Town, by};
use crate::wire::{DepartmentId, GroupId};

const MATRIX: &str = include_str!("matrix.txt");

struct Row {
    operation: String,
    concerns: String,
    who: String,
}

fn rows() -> Vec<Row> {
    let lines = MATRIX.lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let read = |line: &str| {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        let [operation, concerns, who] = words.try_into().unwrap();
        Row {
            operation,
            concerns,
            who,
        }
    };
    lines.map(read).collect()
}

impl Row {
    fn operation(&self) -> Operation {
        let named = |rule: &&table::Rule| format!("{:?}", rule.operation) == self.operation;
        let rule = TABLE.iter().find(named);
        let unknown = || panic!("{} is no operation", self.operation);
        rule.map_or_else(unknown, |rule| rule.operation)
    }

    fn expects(&self, letter: char) -> Verdict {
        if self.who.contains(letter) {
            Verdict::Granted
        } else if self.who.contains(letter.to_ascii_lowercase()) {
            Verdict::NeedsApproval
        } else {
            Verdict::Refused
        }
    }

    /// Whether what `letter` may is only by a role in the enterprise (SPEC D9).
    fn is_by_role(&self, letter: char) -> bool {
        "SDFP".contains(letter)
            && self.expects(letter) != Verdict::Refused
            && self.expects('W') == Verdict::Refused
    }
}

/// Somebody who asks about something, by the letter of the matrix.
type Case = (char, Actor, Subject);

/// 总部 (run by nobody) over 研发 (run by D) over 平台, and 销售 (run by F) beside them.
struct Scene {
    town: Town,
    platform: DepartmentId,
    group: GroupId,
    viewed: GroupId,
    super_admin: PersonId,
    own: PersonId,
    other: PersonId,
    app: PersonId,
    outsider: PersonId,
    /// In the group, and not.
    customers: [PersonId; 2],
}

impl Scene {
    /// `is_bound`: the group is in D's subtree by its department, else by who created it.
    fn new(is_bound: bool) -> Self {
        let mut town = Town::with_employees(4);
        let customers = town.customers(2);
        let super_admin = town.super_admin();
        let own = town.with_role(OrgRole::DepartmentAdmin);
        let other = town.with_role(OrgRole::DepartmentAdmin);
        let app = town.with_role(OrgRole::AppAdmin);
        let head = town.lay_out_department(None, &[], &[]);
        let research = town.lay_out_department(Some(head), &[own], &[]);
        // Whoever a permission is about belongs to the platform.
        let concerned = [ALICE, customers[0]];
        let platform = town.lay_out_department(Some(research), &[], &concerned);
        town.lay_out_department(Some(head), &[other], &[]);
        let members = [BOB, CAROL, customers[0]];
        let group = town.external_group(ALICE, &members);
        let viewed = town.training_group(ALICE, &[BOB, CAROL]);
        town.appoint(group, BOB);
        if is_bound {
            town.bind(group, platform);
        } else {
            let tenant = &mut town.state.tenants[0];
            let creator = tenant.find_person(ALICE);
            let index = tenant.find_group(group).unwrap();
            tenant.group_mut(index).creator = creator;
        }
        Self {
            viewed,
            town,
            platform,
            group,
            super_admin,
            own,
            other,
            app,
            outsider: PersonId(4),
            customers: [customers[0], customers[1]],
        }
    }

    fn tenant(&self) -> &Tenant {
        &self.town.state.tenants[0]
    }

    fn index(&self, group: GroupId) -> GroupIndex {
        self.tenant().find_group(group).unwrap()
    }

    fn cases(&self, concerns: &str) -> Vec<Case> {
        let [inside, outside] = self.customers;
        let subject = match concerns {
            "tenant" => Subject::Tenant,
            "group" => Subject::Group(self.index(self.group)),
            "person" | "employee" => Subject::Person(ALICE),
            "customer" => Subject::Person(inside),
            "department" => {
                let index = self.tenant().departments.find(self.platform);
                Subject::Department(index.unwrap())
            }
            other => panic!("{other} is nothing to do something to"),
        };
        let mut cases = vec![
            ('N', Actor::Node, subject),
            ('E', Actor::Enterprise, subject),
            ('Y', Actor::System, subject),
            ('S', by(self.super_admin), subject),
            ('D', by(self.own), subject),
            ('P', by(self.app), subject),
            ('W', by(self.outsider), subject),
            ('C', by(outside), subject),
        ];
        // A department admin has no subtree that the tenant is in.
        let other = if concerns == "tenant" { 'D' } else { 'F' };
        cases.push((other, by(self.other), subject));
        match concerns {
            "group" => cases.extend([
                ('O', by(ALICE), subject),
                ('A', by(BOB), subject),
                ('M', by(CAROL), subject),
                ('K', by(inside), subject),
            ]),
            "person" => cases.extend([
                ('I', by(ALICE), subject),
                ('J', by(inside), Subject::Person(inside)),
            ]),
            "employee" => cases.push(('I', by(ALICE), subject)),
            "customer" => cases.push(('J', by(inside), subject)),
            _ => {}
        }
        cases
    }
}

#[test]
fn every_operation_is_in_the_matrix_once() {
    let mut named: Vec<_> = rows().iter().map(Row::operation).collect();
    named.sort_unstable();
    let all: Vec<_> = TABLE.iter().map(|rule| rule.operation).collect();
    assert_eq!(named, all);
}

#[test]
fn every_role_may_do_exactly_what_the_specification_says() {
    let mut wrong = Vec::new();
    for scene in [Scene::new(true), Scene::new(false)] {
        for row in rows() {
            for (letter, actor, subject) in scene.cases(&row.concerns) {
                let verdict = verdict(scene.tenant(), actor, true, row.operation(), subject);
                if verdict != Ok(row.expects(letter)) {
                    wrong.push(format!("{} {letter}: {verdict:?}", row.operation));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Viewers are no members: what they are is claimed apart, beside being an employee or a customer.
#[test]
fn a_viewer_may_do_exactly_what_the_specification_says() {
    let rows = rows();
    for row in rows.iter().filter(|row| row.concerns == "group") {
        for held in [EMPLOYEE, CONTACT] {
            let verdict = judge(held.or(VIEWER), true, row.operation());
            assert_eq!(verdict, row.expects('V'), "{}", row.operation);
        }
    }
}

#[test]
fn what_only_a_role_in_the_enterprise_allows_needs_the_second_factor_where_the_tenant_says_so() {
    let mut scene = Scene::new(true);
    scene.town.state.tenants[0].requires_second_factor = true;
    for row in rows() {
        for (letter, actor, subject) in scene.cases(&row.concerns) {
            let expected = if row.is_by_role(letter) {
                Verdict::NeedsSecondFactor
            } else {
                row.expects(letter)
            };
            let verdict = verdict(scene.tenant(), actor, false, row.operation(), subject);
            assert_eq!(verdict, Ok(expected), "{} {letter}", row.operation);
        }
    }
}

#[test]
fn a_group_of_another_subtree_is_out_of_a_department_admins_reach() {
    let scene = Scene::new(true);
    let (in_reach, out_of_reach) = (scene.index(scene.group), scene.index(scene.viewed));
    for row in rows().iter().filter(|row| row.concerns == "group") {
        let of = |group| {
            let actor = by(scene.own);
            verdict(
                scene.tenant(),
                actor,
                true,
                row.operation(),
                Subject::Group(group),
            )
        };
        assert_eq!(of(in_reach), Ok(row.expects('D')), "{}", row.operation);
        assert_eq!(of(out_of_reach), Ok(row.expects('F')), "{}", row.operation);
    }
}

#[test]
fn whose_account_is_frozen_may_do_nothing_whatever_the_role() {
    let mut scene = Scene::new(true);
    let actors = [
        scene.super_admin,
        scene.own,
        scene.app,
        ALICE,
        scene.customers[0],
    ];
    for person in actors {
        scene.town.set_frozen(person, true);
        for row in rows() {
            let subject = Subject::Person(person);
            let verdict = verdict(scene.tenant(), by(person), true, row.operation(), subject);
            assert_eq!(verdict, Err(Refusal::AccountFrozen { person }));
        }
    }
}

#[test]
fn every_operation_has_a_number_of_its_own_that_the_wire_document_names() {
    const DOCUMENT: &str = include_str!("../../../../docs/wire.md");
    let mut numbers = Vec::new();
    for rule in &TABLE {
        let number = number_of(rule.operation);
        assert!(!numbers.contains(&number), "{number} is there twice");
        numbers.push(number);
        let row = format!("\n| {number} | `{:?}` |", rule.operation);
        assert!(DOCUMENT.contains(&row), "docs/wire.md has no row:{row}");
    }
}
