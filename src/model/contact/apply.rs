//! Whose contacts are whose after an event. An event that does not fit changes nothing.

use crate::model::event::{
    ContactAddedV1, ContactHandedOverV1, ContactTaggedV1, HandOverRequestedV1,
};
use crate::model::state::Tenant;
use crate::wire::PersonId;

use super::{Entry, HandOver};

fn tags(tags: &[String]) -> Box<[Box<str>]> {
    tags.iter().map(|tag| tag.as_str().into()).collect()
}

pub(crate) fn add(tenant: &mut Tenant, added: &ContactAddedV1) {
    let employee = tenant.find_person(added.employee);
    let Some((employee, contact)) = employee.zip(tenant.find_person(added.contact)) else {
        return;
    };
    if !tenant.contacts.belongs_to(contact, employee) {
        let tags = tags(&added.tags);
        tenant.contacts.insert(employee, Entry { contact, tags });
    }
}

pub(crate) fn tag(tenant: &mut Tenant, tagged: &ContactTaggedV1) {
    let employee = tenant.find_person(tagged.employee);
    let Some((employee, contact)) = employee.zip(tenant.find_person(tagged.contact)) else {
        return;
    };
    if let Some(entry) = tenant.contacts.find_mut(employee, contact) {
        entry.tags = tags(&tagged.tags);
    }
}

pub(crate) fn request_hand_over(tenant: &mut Tenant, requested: &HandOverRequestedV1) {
    let find = |person: PersonId| tenant.find_person(person);
    let (Some(contact), Some(from), Some(to)) = (
        find(requested.contact),
        find(requested.from),
        find(requested.to),
    ) else {
        return;
    };
    let hand_over = HandOver {
        to,
        share: requested.share,
        expires: requested.expires,
    };
    let hand_overs = &mut tenant.contacts.hand_overs;
    let hand_overs = hand_overs.entry(from).or_default();
    hand_overs.insert(contact, hand_over);
}

pub(crate) fn hand_over(tenant: &mut Tenant, handed: &ContactHandedOverV1) {
    let find = |person: PersonId| tenant.find_person(person);
    let Some((from, to)) = find(handed.from).zip(find(handed.to)) else {
        return;
    };
    let contact = find(handed.contact);
    let contacts = &mut tenant.contacts;
    let Some(contact) = contact else {
        if handed.contact == PersonId(0) {
            contacts.inherit(from, to);
        }
        return;
    };
    contacts.forget_hand_over(from, contact);
    let Some(entry) = contacts.find(from, contact) else {
        return;
    };
    let tags = entry.tags.clone();
    if from != to && !handed.share {
        contacts.remove(from, contact);
    }
    if !contacts.belongs_to(contact, to) {
        contacts.insert(to, Entry { contact, tags });
    }
}
