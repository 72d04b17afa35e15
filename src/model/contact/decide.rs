//! Whether contacts may be added, tagged and change hands (SPEC D4).

use crate::model::command::{
    AddContactV1, ConfirmHandOverV1, ContactEntryV1, ContactV1, ContactsPageV1, DoneV1,
    HandOverContactV1, HandOverV1, ListContactsV1, NewPersonV2, OrgRole, PersonKind, Reply,
    TagContactV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::directory::profile::Entry;
use crate::model::directory::{PAGE_MAX, check_person};
use crate::model::event::{self, ContactHandedOverV1, Event};
use crate::model::limits::check_name;
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::PersonIndex;
use crate::wire::{PersonId, Timestamp};

const HOUR_US: i64 = 3_600_000_000;

pub(crate) fn decide_add_contact(
    request: &Request<'_>,
    add: &AddContactV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::AddContact, Subject::Person(add.employee))?;
    let employee = owner(request, add.employee)?;
    let tags = check_tags(request, &add.tags)?;
    let mut events = Vec::with_capacity(2);
    let contact = if add.contact == PersonId(0) {
        if add.kind == PersonKind::Employee {
            return Err(Refusal::Invalid {
                field: "kind",
                rule: "customer or partner",
            });
        }
        let person = new_contact(add);
        check_person(request.tenant, &person)?;
        Entry::from(&person).check_free(request.tenant, None)?;
        let first = PersonId(request.tenant.people.len() as u64 + 1);
        events.push(Event::PeopleAddedV2(event::PeopleAddedV2 {
            first,
            people: vec![person],
        }));
        first
    } else {
        // An employee could claim anybody's by counting ids: sharing asks the contact.
        request.permit(Operation::AddContact, Subject::Tenant)?;
        let index = contact(request, add.contact)?;
        if request.tenant.contacts.belongs_to(index, employee) {
            let contact = add.contact;
            return Ok(Decision::answered(Reply::ContactAdded(ContactV1 {
                contact,
            })));
        }
        add.contact
    };
    check_room(request, employee, tags.is_empty())?;

    events.push(Event::ContactAdded(event::ContactAddedV1 {
        employee: add.employee,
        contact,
        tags,
    }));
    Ok(Decision::new(
        events,
        Ok(Reply::ContactAdded(ContactV1 { contact })),
    ))
}

fn new_contact(add: &AddContactV1) -> NewPersonV2 {
    NewPersonV2 {
        name: add.name.clone(),
        external_id: add.external_id.clone(),
        kind: add.kind,
        role: OrgRole::Employee,
        employee_number: String::new(),
        mobile: add.mobile.clone(),
        email: String::new(),
        position: String::new(),
        departments: Vec::new(),
        invited: false,
    }
}

/// Whom a contact may belong to.
fn owner(request: &Request<'_>, person: PersonId) -> Result<PersonIndex, Refusal> {
    let index = request.tenant.active_employee(person)?;
    request.tenant.usable_person(person)?;
    request.tenant.check_deals_with_contacts(index)?;
    Ok(index)
}

fn contact(request: &Request<'_>, person: PersonId) -> Result<PersonIndex, Refusal> {
    let index = request.tenant.active_person(person)?;
    if request.tenant.is_employee(index) {
        return Err(Refusal::Invalid {
            field: "contact",
            rule: "a customer or partner",
        });
    }
    Ok(index)
}

/// The tags in order.
fn check_tags(request: &Request<'_>, tags: &[String]) -> Result<Vec<String>, Refusal> {
    let invalid = |rule| Refusal::Invalid {
        field: "tags",
        rule,
    };
    if tags.len() > request.limits.tags_per_contact_max as usize {
        return Err(invalid("no more than the limit of one contact"));
    }
    for tag in tags {
        check_name("tags", tag)?;
    }
    let mut tags = tags.to_vec();
    tags.sort_unstable();
    if tags.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(invalid("each tag once"));
    }
    Ok(tags)
}

/// Whether the employee may have one more.
fn check_room(
    request: &Request<'_>,
    employee: PersonIndex,
    is_untagged: bool,
) -> Result<(), Refusal> {
    let count = request.tenant.contacts.count(employee);
    let limits = request.limits;
    let refusal = |limit, untagged| Refusal::TooManyContacts {
        person: employee.id(),
        limit,
        untagged,
    };
    if count >= limits.contacts_per_employee_max as usize {
        return Err(refusal(limits.contacts_per_employee_max, false));
    }
    if is_untagged && count >= limits.untagged_contacts_max as usize {
        return Err(refusal(limits.untagged_contacts_max, true));
    }
    Ok(())
}

pub(crate) fn decide_tag_contact(
    request: &Request<'_>,
    tag: &TagContactV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::TagContact, Subject::Person(tag.employee))?;
    let employee = request.tenant.active_employee(tag.employee)?;
    let contacts = &request.tenant.contacts;
    let known = request.tenant.find_person(tag.contact);
    let known = known.and_then(|contact| contacts.find(employee, contact));
    let known = known.ok_or(Refusal::NotTheirContact {
        contact: tag.contact,
        person: tag.employee,
    })?;
    let tags = check_tags(request, &tag.tags)?;
    let limit = request.limits.untagged_contacts_max;
    let loses_tags = tags.is_empty() && !known.tags.is_empty();
    if loses_tags && contacts.count(employee) > limit as usize {
        return Err(Refusal::TooManyContacts {
            person: tag.employee,
            limit,
            untagged: true,
        });
    }

    let event = Event::ContactTagged(event::ContactTaggedV1 {
        employee: tag.employee,
        contact: tag.contact,
        tags,
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

pub(crate) fn decide_hand_over(
    request: &Request<'_>,
    hand: &HandOverContactV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::HandOverContact, Subject::Person(hand.from))?;
    let tenant = request.tenant;
    let from = tenant.find_person(hand.from);
    let from = from.ok_or(Refusal::NoSuchPerson { person: hand.from })?;
    let to = owner(request, hand.to)?;
    if from == to {
        return Err(Refusal::Invalid {
            field: "to",
            rule: "another employee",
        });
    }
    let is_leaver = tenant.person(from).has_departed();
    let all_of_a_leaver = is_leaver && hand.contact == PersonId(0);
    let known = tenant.find_person(hand.contact);
    let known = known.and_then(|contact| tenant.contacts.find(from, contact));
    if known.is_none() && !(all_of_a_leaver && tenant.contacts.count(from) > 0) {
        return Err(Refusal::NotTheirContact {
            contact: hand.contact,
            person: hand.from,
        });
    }
    if is_leaver {
        let event = handed_over(hand.contact, hand.from, hand.to, false, false);
        return Ok(Decision::accepted(event, done_at(Timestamp(0))));
    }
    if let Some(entry) = known.filter(|entry| !tenant.contacts.belongs_to(entry.contact, to)) {
        check_room(request, to, entry.tags.is_empty())?;
    }

    let lifetime = i64::from(request.limits.hand_over_hours) * HOUR_US;
    let expires = request.now.plus_micros(lifetime);
    let event = Event::HandOverRequested(event::HandOverRequestedV1 {
        contact: hand.contact,
        from: hand.from,
        to: hand.to,
        share: hand.share,
        expires,
    });
    Ok(Decision::accepted(event, done_at(expires)))
}

fn done_at(confirm_before: Timestamp) -> Reply {
    Reply::HandOver(HandOverV1 { confirm_before })
}

fn handed_over(
    contact: PersonId,
    from: PersonId,
    to: PersonId,
    share: bool,
    confirmed: bool,
) -> Event {
    Event::ContactHandedOver(ContactHandedOverV1 {
        contact,
        from,
        to,
        share,
        confirmed,
    })
}

/// What has changed since it was asked for counts: it is as if it were asked for now.
pub(crate) fn decide_confirm_hand_over(
    request: &Request<'_>,
    confirm: &ConfirmHandOverV1,
) -> Result<Decision, Refusal> {
    let contact = confirm.contact;
    request.permit(Operation::ConfirmHandOver, Subject::Person(contact))?;
    let tenant = request.tenant;
    let index = tenant.usable_person(contact)?;
    let from = tenant.find_person(confirm.from);
    let waits = from.and_then(|from| {
        let hand_over = tenant.contacts.hand_over_of(from, index)?;
        let waits = hand_over.to.id() == confirm.to && request.now < hand_over.expires;
        let entry = tenant.contacts.find(from, index)?;
        waits.then_some((hand_over, entry))
    });
    let (hand_over, entry) = waits.ok_or(Refusal::NoSuchHandOver { contact })?;
    let to = owner(request, confirm.to)?;
    if !tenant.contacts.belongs_to(index, to) {
        check_room(request, to, entry.tags.is_empty())?;
    }

    let event = handed_over(contact, confirm.from, confirm.to, hand_over.share, true);
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

pub(crate) fn list_contacts(
    request: &Request<'_>,
    list: &ListContactsV1,
) -> Result<Reply, Refusal> {
    let person = list.employee;
    request.permit(Operation::ReadPerson, Subject::Person(person))?;
    let tenant = request.tenant;
    let employee = tenant.find_person(person);
    let employee = employee.ok_or(Refusal::NoSuchPerson { person })?;
    let page = PAGE_MAX.min(list.limit as usize);
    let is_after = |contact: PersonIndex| contact.id() > list.after;
    let (entries, more) = tenant.contacts.page(employee, is_after, page);
    let contacts = entries.into_iter().map(|entry| {
        let person = tenant.person(entry.contact);
        let profile = person.profile.as_deref();
        ContactEntryV1 {
            contact: entry.contact.id(),
            name: person.name.to_string(),
            kind: person.kind,
            status: person.status,
            mobile: profile.map_or_else(String::new, |profile| profile.mobile.to_string()),
            tags: entry.tags.iter().map(ToString::to_string).collect(),
        }
    });
    let count = tenant.contacts.count(employee);
    Ok(Reply::Contacts(ContactsPageV1 {
        contacts: contacts.collect(),
        count: u32::try_from(count).unwrap_or(u32::MAX),
        more,
    }))
}
