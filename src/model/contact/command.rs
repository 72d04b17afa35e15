//! The bodies of commands, queries and replies about external contacts.

use crate::model::body::body;
use crate::model::command::{PersonKind, PersonStatus};
use crate::wire::{PersonId, Timestamp};

body! {
    /// An external contact who belongs to an employee from now on (SPEC D4).
    AddContactV1 {
        /// Whose.
        employee: PersonId,
        /// A contact the enterprise has already, which only its systems may say; 0 for a new one.
        contact: PersonId,
        /// Of a new one: customer or partner.
        kind: PersonKind,
        /// Of a new one: the name, 1 to 64 characters.
        name: String,
        /// Of a new one: the backend's own id, at most 64 bytes and unique in the tenant; empty for none.
        external_id: String,
        /// Of a new one: E.164, unique in the tenant; empty for none.
        mobile: String,
        /// What the employee calls them, each once and 1 to 64 characters.
        tags: Vec<String>,
    }
}
body! {
    /// An employee's tags for a contact: all of them.
    TagContactV1 {
        /// Whose.
        employee: PersonId,
        /// Which.
        contact: PersonId,
        /// Each once and 1 to 64 characters; empty for none.
        tags: Vec<String>,
    }
}
body! {
    /// A contact for another employee.
    HandOverContactV1 {
        /// Which; 0 for all that a leaver has left behind.
        contact: PersonId,
        /// Whose they are; a leaver's are handed over at once, without being asked.
        from: PersonId,
        /// Whose they are to be.
        to: PersonId,
        /// They stay the first one's, too, unless that is a leaver.
        share: bool,
    }
}
body! {
    /// The contact agrees to be handed over or shared.
    ConfirmHandOverV1 {
        /// Who.
        contact: PersonId,
        /// By whom.
        from: PersonId,
        /// To whom.
        to: PersonId,
    }
}
body! {
    /// A page of an employee's contacts to read.
    ListContactsV1 {
        /// Whose.
        employee: PersonId,
        /// Only contacts with a greater id.
        after: PersonId,
        /// At most this many, up to 1,000.
        limit: u32,
    }
}

body! {
    /// A contact.
    ContactV1 {
        /// Who.
        contact: PersonId,
    }
}
body! {
    /// How a hand-over stands.
    HandOverV1 {
        /// The contact has to confirm before this; 0 where it is done.
        confirm_before: Timestamp,
    }
}
body! {
    /// One of an employee's contacts.
    ContactEntryV1 {
        /// Who.
        contact: PersonId,
        /// Their name.
        name: String,
        /// Customer or partner.
        kind: PersonKind,
        /// Where they are in their life with the enterprise.
        status: PersonStatus,
        /// E.164; empty for none.
        mobile: String,
        /// What the employee calls them.
        tags: Vec<String>,
    }
}
body! {
    /// A page of contacts, by id.
    ContactsPageV1 {
        /// The contacts.
        contacts: Vec<ContactEntryV1>,
        /// How many the employee has, as the limit counts them.
        count: u32,
        /// There are more after the last.
        more: bool,
    }
}
