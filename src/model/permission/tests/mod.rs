mod end_to_end;
mod matrix;

use super::*;
use crate::model::town::{ALICE, BOB, Town, by};

#[test]
fn the_table_is_in_the_order_of_the_operations() {
    for (index, rule) in TABLE.iter().enumerate() {
        assert_eq!(rule.operation as usize, index, "{}", rule.name);
    }
}

fn check(
    tenant: &Tenant,
    actor: Actor,
    operation: Operation,
    subject: Subject,
) -> Result<(), Refusal> {
    match verdict(tenant, actor, false, operation, subject)? {
        Verdict::Granted => Ok(()),
        _ => Err(not_permitted(operation)),
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
