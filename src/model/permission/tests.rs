use super::*;
use crate::model::command::{GroupRole, SetRoleV1, TaggedCommand};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, by};

#[test]
fn the_table_is_in_the_order_of_the_operations() {
    for (index, rule) in TABLE.iter().enumerate() {
        assert_eq!(rule.operation as usize, index, "{}", rule.name);
    }
}

/// The rules once more, by hand: one row an operation, one column a kind of actor.
///
/// N the node, E the enterprise, S Throng itself; then people, the group's owner `o`, its admin `a`,
/// its employee member `m`, its customer member `c`, an employee outside `x`, a customer outside
/// `k`, a super admin outside `s`.
#[rustfmt::skip]
const VERDICTS: &[(Operation, &str)] = &[
    (Operation::CreateTenant,          "N"),
    (Operation::AddPeople,             "NEs"),
    (Operation::DepartPerson,          "NEs"),
    (Operation::CreateInternalGroup,   "NEoamxs"),
    (Operation::CreateExternalGroup,   "NEs"),
    (Operation::CreateGroupForAnother, "NE"),
    (Operation::AddMembers,            "NEoam"),
    (Operation::LeaveGroup,            "oamcxks"),
    (Operation::RemoveMembers,         "NEoa"),
    (Operation::RemoveOwner,           "NE"),
    (Operation::DissolveGroup,         "NEos"),
    (Operation::RenameGroup,           "NEoas"),
    (Operation::SetRole,               "NEo"),
    (Operation::TransferOwnership,     "NEo"),
    (Operation::Publish,               "NE"),
    (Operation::PublishAsSystem,       "NE"),
    (Operation::MassSend,              "NE"),
    (Operation::ReleaseFreeze,         "NEs"),
    (Operation::SetQuota,              "NEs"),
    (Operation::ReadGroup,             "NEoamcs"),
    (Operation::ReadPerson,            "NEs"),
    (Operation::ReadMassSend,          "NEs"),
    (Operation::Continue,              "S"),
];

#[test]
fn every_actor_may_do_exactly_what_the_rules_say_in_a_group() {
    let mut town = Town::with_employees(4);
    let customers = town.customers(2);
    let admin = town.super_admin();
    let group = town.external_group(ALICE, &[BOB, CAROL, customers[0]]);
    let set = SetRoleV1 {
        group,
        person: BOB,
        role: GroupRole::Admin,
    };
    town.ask(by(ALICE), TaggedCommand::SetRole(set)).unwrap();
    let tenant = &town.state.tenants[0];
    let subject = Subject::Group(tenant.find_group(group).unwrap());
    let actors = [
        ('N', Actor::Node),
        ('E', Actor::Enterprise),
        ('S', Actor::System),
        ('o', by(ALICE)),
        ('a', by(BOB)),
        ('m', by(CAROL)),
        ('c', by(customers[0])),
        ('x', by(DAVE)),
        ('k', by(customers[1])),
        ('s', by(admin)),
    ];
    assert_eq!(VERDICTS.len(), TABLE.len());
    for (operation, permitted) in VERDICTS {
        for (letter, actor) in actors {
            let verdict = check(tenant, actor, *operation, subject);
            assert_eq!(
                verdict.is_ok(),
                permitted.contains(letter),
                "{operation:?} by {letter}"
            );
        }
    }
}

#[test]
fn what_is_ones_own_is_ones_own_only() {
    let town = Town::with_employees(2);
    let tenant = &town.state.tenants[0];
    for operation in [
        Operation::Publish,
        Operation::MassSend,
        Operation::ReadPerson,
        Operation::ReadMassSend,
    ] {
        let of = |subject| check(tenant, by(ALICE), operation, Subject::Person(subject));
        assert_eq!(of(ALICE), Ok(()), "{operation:?}");
        assert!(of(BOB).is_err(), "{operation:?}");
    }
    let refused = check(
        tenant,
        by(ALICE),
        Operation::DepartPerson,
        Subject::Person(ALICE),
    );
    assert!(refused.is_err(), "nobody ends their own employment");
}

#[test]
fn a_refusal_names_what_was_asked_and_who_may() {
    let town = Town::with_employees(1);
    let refusal = check(
        &town.state.tenants[0],
        by(ALICE),
        Operation::SetQuota,
        Subject::Tenant,
    );
    let text = refusal.unwrap_err().to_string();
    assert_eq!(
        text,
        "not permitted: setting a quota needs the enterprise or a super admin"
    );
}

#[test]
fn who_has_left_may_do_nothing() {
    let mut town = Town::with_employees(1);
    town.depart(ALICE).unwrap();
    for rule in &TABLE {
        let verdict = check(
            &town.state.tenants[0],
            by(ALICE),
            rule.operation,
            Subject::Person(ALICE),
        );
        assert_eq!(verdict, Err(Refusal::Departed { person: ALICE }));
    }
}
