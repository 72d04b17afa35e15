mod hand_over;
mod naive;

use crate::model::Refusal;
use crate::model::command::{
    Actor, AddContactV1, ConfirmHandOverV1, ContactEntryV1, ContactsPageV1, HandOverContactV1,
    ListContactsV1, OrgRole, PersonKind, Reply, TagContactV1, TaggedCommand as T,
};
use crate::model::event::Event;
use crate::model::limits::Limits;
use crate::model::town::{ALICE, BOB, CAROL, Town, by};
use crate::wire::{PersonId, Timestamp};

fn new_contact(employee: PersonId, tags: &[&str]) -> AddContactV1 {
    AddContactV1 {
        employee,
        contact: PersonId(0),
        kind: PersonKind::Customer,
        name: "客户".to_owned(),
        external_id: String::new(),
        mobile: String::new(),
        tags: texts(tags),
    }
}

fn texts(tags: &[&str]) -> Vec<String> {
    tags.iter().map(ToString::to_string).collect()
}

fn add(town: &mut Town, actor: Actor, add: AddContactV1) -> Result<PersonId, Refusal> {
    match town.ask(actor, T::AddContact(add))? {
        Reply::ContactAdded(added) => Ok(added.contact),
        other => panic!("{other:?}"),
    }
}

fn link(
    town: &mut Town,
    actor: Actor,
    employee: PersonId,
    contact: PersonId,
) -> Result<PersonId, Refusal> {
    let known = AddContactV1 {
        contact,
        ..new_contact(employee, &[])
    };
    add(town, actor, known)
}

fn tag(
    town: &mut Town,
    actor: Actor,
    employee: PersonId,
    contact: PersonId,
    tags: &[&str],
) -> Result<Reply, Refusal> {
    let tags = texts(tags);
    let tag = TagContactV1 {
        employee,
        contact,
        tags,
    };
    town.ask(actor, T::TagContact(tag))
}

fn page(town: &mut Town, employee: PersonId, after: PersonId, limit: u32) -> ContactsPageV1 {
    let list = ListContactsV1 {
        employee,
        after,
        limit,
    };
    match town.ask(Actor::Enterprise, T::ListContacts(list)) {
        Ok(Reply::Contacts(page)) => page,
        other => panic!("{other:?}"),
    }
}

fn contacts(town: &mut Town, employee: PersonId) -> Vec<PersonId> {
    let page = page(town, employee, PersonId(0), 1_000);
    assert_eq!(page.count as usize, page.contacts.len());
    page.contacts.iter().map(|entry| entry.contact).collect()
}

/// Alice's contact to Bob, for good or for both.
fn hand(contact: PersonId, share: bool) -> HandOverContactV1 {
    HandOverContactV1 {
        contact,
        from: ALICE,
        to: BOB,
        share,
    }
}

/// When the contact has to confirm it by; 0 where it is done.
fn hand_over(town: &mut Town, actor: Actor, hand: HandOverContactV1) -> Result<Timestamp, Refusal> {
    match town.ask(actor, T::HandOverContact(hand))? {
        Reply::HandOver(hand_over) => Ok(hand_over.confirm_before),
        other => panic!("{other:?}"),
    }
}

fn confirm(town: &mut Town, actor: Actor, contact: PersonId) -> Result<Reply, Refusal> {
    let confirm = ConfirmHandOverV1 {
        contact,
        from: ALICE,
        to: BOB,
    };
    town.ask(actor, T::ConfirmHandOver(confirm))
}

fn limited(contacts: u32, untagged: u32) -> Limits {
    Limits {
        contacts_per_employee_max: contacts,
        untagged_contacts_max: untagged,
        ..Limits::default()
    }
}

#[test]
fn an_employee_adds_contacts_of_their_own_and_nobody_elses() {
    let mut town = Town::with_employees(2);
    let tags = ["VIP", "上海"];
    let contact = add(&mut town, by(ALICE), new_contact(ALICE, &tags)).unwrap();
    let entry = ContactEntryV1 {
        contact,
        name: "客户".to_owned(),
        kind: PersonKind::Customer,
        status: crate::model::command::PersonStatus::Active,
        mobile: String::new(),
        tags: texts(&tags),
    };
    assert_eq!(page(&mut town, ALICE, PersonId(0), 9).contacts, [entry]);
    let for_another = add(&mut town, by(BOB), new_contact(ALICE, &[]));
    assert!(matches!(for_another, Err(Refusal::NotPermitted { .. })));
    let claimed = link(&mut town, by(BOB), BOB, contact);
    assert!(
        matches!(claimed, Err(Refusal::NotPermitted { .. })),
        "nobody claims contacts by counting ids"
    );
    let read = ListContactsV1 {
        employee: ALICE,
        after: PersonId(0),
        limit: 9,
    };
    let read = town.ask(by(BOB), T::ListContacts(read));
    assert!(matches!(read, Err(Refusal::NotPermitted { .. })));
    town.assert_kept();
}

#[test]
fn a_contact_belongs_to_several_employees_where_the_enterprise_says_so() {
    let mut town = Town::with_employees(2);
    let contact = add(&mut town, by(ALICE), new_contact(ALICE, &["VIP"])).unwrap();
    assert_eq!(
        link(&mut town, Actor::Enterprise, BOB, contact),
        Ok(contact)
    );
    assert_eq!(contacts(&mut town, BOB), [contact]);
    let records = town.log.len();
    link(&mut town, Actor::Enterprise, BOB, contact).unwrap();
    assert_eq!(town.log.len(), records, "once is enough");
    tag(&mut town, by(BOB), BOB, contact, &["新"]).unwrap();
    let tags = |town: &mut Town, employee| {
        page(town, employee, PersonId(0), 9).contacts[0]
            .tags
            .clone()
    };
    assert_eq!(
        tags(&mut town, ALICE),
        ["VIP"],
        "each has tags of their own"
    );
    assert_eq!(tags(&mut town, BOB), ["新"]);
    town.assert_kept();
}

#[test]
fn a_contact_is_a_customer_or_partner_and_its_owner_an_activated_employee() {
    let mut town = Town::with_employees(2);
    let customer = town.customers(1)[0];
    let employee = AddContactV1 {
        kind: PersonKind::Employee,
        ..new_contact(ALICE, &[])
    };
    let refused = add(&mut town, by(ALICE), employee);
    assert!(matches!(
        refused,
        Err(Refusal::Invalid { field: "kind", .. })
    ));
    let colleague = link(&mut town, Actor::Enterprise, ALICE, BOB);
    assert!(matches!(
        colleague,
        Err(Refusal::Invalid {
            field: "contact",
            ..
        })
    ));
    let by_a_customer = link(&mut town, Actor::Enterprise, customer, customer);
    let not_an_employee = Refusal::NotAnEmployee { person: customer };
    assert_eq!(by_a_customer, Err(not_an_employee));
    let (person, code) = town.invite("Li");
    let not_yet = add(&mut town, by(person), new_contact(person, &[]));
    assert_eq!(not_yet, Err(Refusal::NotActivated { person }));
    town.activate(by(person), person, &code).unwrap();
    add(&mut town, by(person), new_contact(person, &[])).unwrap();
}

#[test]
fn a_contact_whose_mobile_is_known_is_not_added_twice() {
    let mut town = Town::with_employees(2);
    let with_mobile = AddContactV1 {
        mobile: "+8613800138000".to_owned(),
        ..new_contact(ALICE, &[])
    };
    add(&mut town, by(ALICE), with_mobile.clone()).unwrap();
    let field = "mobile";
    let again = add(&mut town, by(ALICE), with_mobile);
    assert_eq!(again, Err(Refusal::AlreadyInUse { field }));
}

#[test]
fn the_one_contact_too_many_is_refused() {
    let mut town = Town::with_employees(2).limited(limited(3, 3));
    for _ in 0..3 {
        add(&mut town, by(ALICE), new_contact(ALICE, &["VIP"])).unwrap();
    }
    let records = town.log.len();
    assert_eq!(
        add(&mut town, by(ALICE), new_contact(ALICE, &["VIP"])),
        Err(Refusal::TooManyContacts {
            person: ALICE,
            limit: 3,
            untagged: false
        })
    );
    assert_eq!(town.log.len(), records);
    add(&mut town, by(BOB), new_contact(BOB, &[])).expect("a limit of each");
}

#[test]
fn past_as_many_as_need_no_tag_an_untagged_contact_is_refused() {
    let mut town = Town::with_employees(1).limited(limited(50, 2));
    let untagged = Refusal::TooManyContacts {
        person: ALICE,
        limit: 2,
        untagged: true,
    };
    let first = add(&mut town, by(ALICE), new_contact(ALICE, &["VIP"])).unwrap();
    add(&mut town, by(ALICE), new_contact(ALICE, &[])).unwrap();
    tag(&mut town, by(ALICE), ALICE, first, &[]).unwrap();
    tag(&mut town, by(ALICE), ALICE, first, &["VIP"]).unwrap();
    let third = add(&mut town, by(ALICE), new_contact(ALICE, &[]));
    assert_eq!(third, Err(untagged.clone()));
    let third = add(&mut town, by(ALICE), new_contact(ALICE, &["VIP"])).unwrap();
    for contact in [first, third] {
        let untag = tag(&mut town, by(ALICE), ALICE, contact, &[]);
        assert_eq!(untag, Err(untagged.clone()), "nor by taking the tag away");
    }
}

#[test]
fn tags_are_names_each_once_and_bounded() {
    let mut town = Town::with_employees(1);
    let contact = add(&mut town, by(ALICE), new_contact(ALICE, &[])).unwrap();
    let mut refused = |tags: &[&str]| {
        let refused = tag(&mut town, by(ALICE), ALICE, contact, tags);
        matches!(refused, Err(Refusal::Invalid { field: "tags", .. }))
    };
    let long = "签".repeat(65);
    let many: Vec<_> = (0..33).map(|n| n.to_string()).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert!(refused(&["VIP", "VIP"]) && refused(&[""]) && refused(&[&long]) && refused(&many));
    tag(&mut town, by(ALICE), ALICE, contact, &many[1..]).unwrap();
    let mut sorted = texts(&many[1..]);
    sorted.sort_unstable();
    let kept = &page(&mut town, ALICE, PersonId(0), 1).contacts[0].tags;
    assert_eq!(kept, &sorted);
}

#[test]
fn only_ones_own_contacts_are_tagged() {
    let mut town = Town::with_employees(2);
    let contact = add(&mut town, by(ALICE), new_contact(ALICE, &[])).unwrap();
    for contact in [contact, ALICE, PersonId(99)] {
        let refused = tag(&mut town, by(BOB), BOB, contact, &["VIP"]);
        let person = BOB;
        assert_eq!(refused, Err(Refusal::NotTheirContact { contact, person }));
    }
}

#[test]
fn contacts_are_listed_in_pages() {
    let mut town = Town::with_employees(1);
    let mut add = || add(&mut town, by(ALICE), new_contact(ALICE, &[])).unwrap();
    let all: Vec<_> = (0..5).map(|_| add()).collect();
    let first = page(&mut town, ALICE, PersonId(0), 2);
    assert_eq!(
        (first.contacts.len(), first.more, first.count),
        (2, true, 5)
    );
    let second = page(&mut town, ALICE, first.contacts[1].contact, 3);
    assert_eq!((second.contacts.len(), second.more), (3, false));
    assert_eq!(second.contacts[2].contact, all[4]);
}

#[test]
fn contacts_of_another_tenant_are_not_there() {
    let mut town = Town::with_employees(2);
    let contact = add(&mut town, by(ALICE), new_contact(ALICE, &[])).unwrap();
    town.tenant = town.create_tenant("UTC", Timestamp(0));
    town.employees(2);
    let no_such_person = Refusal::NoSuchPerson { person: contact };
    assert_eq!(
        link(&mut town, Actor::Enterprise, ALICE, contact),
        Err(no_such_person.clone())
    );
    let confirmed = confirm(&mut town, Actor::Enterprise, contact);
    assert_eq!(confirmed, Err(no_such_person));
    let handed = hand_over(&mut town, Actor::Enterprise, hand(contact, false));
    let person = ALICE;
    let not_theirs = Refusal::NotTheirContact { contact, person };
    assert_eq!(handed, Err(not_theirs.clone()));
    let tagged = tag(&mut town, Actor::Enterprise, ALICE, contact, &[]);
    assert_eq!(tagged, Err(not_theirs));
    assert!(contacts(&mut town, ALICE).is_empty());
}
