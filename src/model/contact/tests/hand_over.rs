//! Contacts who change hands: by choice once they confirm, a leaver's at once.

use super::*;

#[test]
fn a_hand_over_by_choice_waits_for_the_contact() {
    let mut town = Town::with_employees(2);
    let contact = add(&mut town, by(ALICE), new_contact(ALICE, &["VIP"])).unwrap();
    let nothing = Err(Refusal::NoSuchHandOver { contact });
    assert_eq!(confirm(&mut town, by(contact), contact), nothing);
    let by_the_receiver = hand_over(&mut town, by(BOB), hand(contact, false));
    assert!(matches!(by_the_receiver, Err(Refusal::NotPermitted { .. })));
    hand_over(&mut town, by(ALICE), hand(contact, false)).unwrap();
    assert_eq!(contacts(&mut town, ALICE), [contact], "not yet");
    town.assert_kept();
    for other in [ALICE, BOB] {
        let refused = confirm(&mut town, by(other), contact);
        assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    }
    confirm(&mut town, by(contact), contact).unwrap();
    let record = town.last.clone().unwrap();
    assert!(matches!(
        record.events[..],
        [Event::ContactHandedOver(ref handed)] if handed.confirmed
    ));
    assert!(contacts(&mut town, ALICE).is_empty());
    let moved = page(&mut town, BOB, PersonId(0), 9).contacts;
    assert_eq!(
        (moved[0].contact, &*moved[0].tags),
        (contact, &texts(&["VIP"])[..])
    );
    assert_eq!(confirm(&mut town, by(contact), contact), nothing, "once");
    town.assert_kept();
}

#[test]
fn a_contact_that_is_shared_belongs_to_both() {
    let mut town = Town::with_employees(2);
    let contact = add(&mut town, by(ALICE), new_contact(ALICE, &[])).unwrap();
    hand_over(&mut town, by(ALICE), hand(contact, true)).unwrap();
    confirm(&mut town, Actor::Enterprise, contact).unwrap();
    assert_eq!(contacts(&mut town, ALICE), [contact]);
    assert_eq!(contacts(&mut town, BOB), [contact]);
}

#[test]
fn a_hand_over_expires_and_another_takes_its_place() {
    let mut town = Town::with_employees(3);
    let contact = add(&mut town, by(ALICE), new_contact(ALICE, &[])).unwrap();
    let expires = hand_over(&mut town, by(ALICE), hand(contact, false)).unwrap();
    assert_eq!(expires, crate::model::town::at("2026-03-08T09:00:00+08:00"));
    town.now = expires;
    let nothing = Err(Refusal::NoSuchHandOver { contact });
    assert_eq!(confirm(&mut town, by(contact), contact), nothing);
    hand_over(&mut town, by(ALICE), hand(contact, false)).unwrap();
    let to_carol = HandOverContactV1 {
        to: CAROL,
        ..hand(contact, false)
    };
    hand_over(&mut town, by(ALICE), to_carol).unwrap();
    let to_bob = confirm(&mut town, by(contact), contact);
    assert_eq!(to_bob, nothing, "it is Carol who waits now");
}

#[test]
fn what_has_changed_before_the_contact_confirms_counts() {
    let mut town = Town::with_employees(3).limited(limited(1, 1));
    let contact = add(&mut town, by(ALICE), new_contact(ALICE, &[])).unwrap();
    hand_over(&mut town, by(ALICE), hand(contact, false)).unwrap();
    add(&mut town, by(BOB), new_contact(BOB, &[])).unwrap();
    let full = Refusal::TooManyContacts {
        person: BOB,
        limit: 1,
        untagged: false,
    };
    assert_eq!(confirm(&mut town, by(contact), contact), Err(full.clone()));
    let asked_again = hand_over(&mut town, by(ALICE), hand(contact, false));
    assert_eq!(asked_again, Err(full));
    town.depart(BOB).unwrap();
    let departed = Err(Refusal::Departed { person: BOB });
    assert_eq!(confirm(&mut town, by(contact), contact), departed);
    town.depart(ALICE).unwrap();
    let nothing = Err(Refusal::NoSuchHandOver { contact });
    assert_eq!(confirm(&mut town, by(contact), contact), nothing);
    town.assert_kept();
}

#[test]
fn a_hand_over_needs_a_contact_of_the_one_and_another_employee() {
    let mut town = Town::with_employees(2);
    let contact = add(&mut town, by(ALICE), new_contact(ALICE, &[])).unwrap();
    let to_herself = HandOverContactV1 {
        to: ALICE,
        ..hand(contact, false)
    };
    let refused = hand_over(&mut town, by(ALICE), to_herself);
    assert!(matches!(refused, Err(Refusal::Invalid { field: "to", .. })));
    for contact in [PersonId(0), BOB, PersonId(99)] {
        let refused = hand_over(&mut town, by(ALICE), hand(contact, false));
        let person = ALICE;
        assert_eq!(refused, Err(Refusal::NotTheirContact { contact, person }));
    }
    town.freeze(BOB);
    let refused = hand_over(&mut town, by(ALICE), hand(contact, false));
    assert_eq!(refused, Err(Refusal::AccountFrozen { person: BOB }));
}

#[test]
fn a_leavers_contacts_pass_to_the_named_colleague_at_once() {
    let mut town = Town::with_employees(3).limited(limited(2, 1));
    let own = add(&mut town, by(BOB), new_contact(BOB, &["mine"])).unwrap();
    let shared = add(&mut town, by(ALICE), new_contact(ALICE, &["hers"])).unwrap();
    link(&mut town, Actor::Enterprise, BOB, shared).unwrap_err();
    tag(&mut town, by(BOB), BOB, own, &["mine"]).unwrap();
    let mut town = town.limited(limited(2, 2));
    link(&mut town, Actor::Enterprise, BOB, shared).unwrap();
    let hers = add(&mut town, by(ALICE), new_contact(ALICE, &[])).unwrap();
    let records = town.log.len();
    town.depart_to(ALICE, BOB).unwrap();
    assert_eq!(town.log.len(), records + 1);
    let all = [own, shared, hers];
    assert_eq!(
        contacts(&mut town, BOB),
        all,
        "each once, above the limit too"
    );
    assert!(contacts(&mut town, ALICE).is_empty());
    let tags = &page(&mut town, BOB, own, 1).contacts[0].tags;
    assert!(tags.is_empty(), "what Bob calls them, not Alice");
    let refused = add(&mut town, by(BOB), new_contact(BOB, &["VIP"]));
    assert!(matches!(refused, Err(Refusal::TooManyContacts { .. })));
    town.assert_kept();
    town.depart_to(BOB, CAROL).unwrap();
    assert_eq!(contacts(&mut town, CAROL), all, "through both hands");
    town.assert_kept();
}

#[test]
fn contacts_pass_to_nobody_who_has_not_activated() {
    let mut town = Town::with_employees(1);
    let (person, _) = town.invite("Li");
    add(&mut town, by(ALICE), new_contact(ALICE, &[])).unwrap();
    let refused = town.depart_to(ALICE, person);
    assert_eq!(refused, Err(Refusal::NotActivated { person }));
}

#[test]
fn contacts_of_who_left_without_a_colleague_wait_and_nobody_asks_them() {
    let mut town = Town::with_employees(4);
    let mut add = || add(&mut town, by(ALICE), new_contact(ALICE, &[])).unwrap();
    let all: Vec<_> = (0..3).map(|_| add()).collect();
    town.depart_to(ALICE, PersonId(0)).unwrap();
    assert_eq!(contacts(&mut town, ALICE), all);
    let by_a_colleague = hand_over(&mut town, by(BOB), hand(all[1], false));
    assert!(matches!(by_a_colleague, Err(Refusal::NotPermitted { .. })));
    let done = Ok(Timestamp(0));
    assert_eq!(
        hand_over(&mut town, Actor::Enterprise, hand(all[1], true)),
        done
    );
    assert_eq!(contacts(&mut town, BOB), [all[1]]);
    assert_eq!(
        contacts(&mut town, ALICE),
        [all[0], all[2]],
        "nothing is shared with who left"
    );
    let the_rest = HandOverContactV1 {
        to: CAROL,
        ..hand(PersonId(0), false)
    };
    assert_eq!(
        hand_over(&mut town, Actor::Enterprise, the_rest.clone()),
        done
    );
    assert_eq!(contacts(&mut town, CAROL), [all[0], all[2]]);
    let again = hand_over(&mut town, Actor::Enterprise, the_rest);
    assert!(matches!(again, Err(Refusal::NotTheirContact { .. })));
    town.assert_kept();
}

#[test]
fn an_admin_of_the_employees_department_hands_over_too() {
    let mut town = Town::with_employees(3);
    let department = town.department("销售", crate::wire::DepartmentId(0));
    let works = crate::model::command::NewPersonV2 {
        departments: vec![department],
        ..crate::model::town::directory::employee("Li")
    };
    let from = town.hire(vec![works]).unwrap()[0];
    let contact = add(&mut town, by(from), new_contact(from, &[])).unwrap();
    let role = OrgRole::DepartmentAdmin;
    town.set_org_role(Actor::Enterprise, CAROL, role, &[department])
        .unwrap();
    let hand = HandOverContactV1 {
        from,
        ..hand(contact, false)
    };
    hand_over(&mut town, by(CAROL), hand).unwrap();
}
