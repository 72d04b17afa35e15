//! The bodies of events about external contacts.

use crate::model::body::body;
use crate::wire::{PersonId, Timestamp};

body! {
    /// A contact belongs to an employee.
    ContactAddedV1 {
        /// Whose.
        employee: PersonId,
        /// Who.
        contact: PersonId,
        /// What the employee calls them, in order.
        tags: Vec<String>,
    }
}
body! {
    /// An employee calls a contact otherwise.
    ContactTaggedV1 {
        /// Whose.
        employee: PersonId,
        /// Who.
        contact: PersonId,
        /// All tags, in order.
        tags: Vec<String>,
    }
}
body! {
    /// A hand-over waits for the contact to confirm it; an earlier one from the same employee is void.
    HandOverRequestedV1 {
        /// Who.
        contact: PersonId,
        /// Whose they are.
        from: PersonId,
        /// Whose they are to be.
        to: PersonId,
        /// They stay the first one's, too.
        share: bool,
        /// It can be confirmed before then.
        expires: Timestamp,
    }
}
body! {
    /// A contact changed hands.
    ContactHandedOverV1 {
        /// Who; 0 for all that a leaver has left behind.
        contact: PersonId,
        /// Whose they were.
        from: PersonId,
        /// Whose they are.
        to: PersonId,
        /// They stay the first one's, too.
        share: bool,
        /// The contact agreed (SPEC D4); a leaver's contacts are not asked.
        confirmed: bool,
    }
}
