//! External contacts (SPEC D4): which customers and partners belong to which employee, and how.
//!
//! Contacts are people of the tenant. An employee's are kept in books, in order of the contact: a
//! leaver's books pass to the heir whole, so that 50,000 contacts change hands in one record.

mod apply;
pub(crate) mod command;
mod decide;
pub(crate) mod event;
pub(crate) mod snapshot;
#[cfg(test)]
mod tests;

pub(crate) use apply::{add, hand_over, request_hand_over, tag};
pub(crate) use decide::{
    decide_add_contact, decide_confirm_hand_over, decide_hand_over, decide_tag_contact,
    list_contacts,
};

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::model::state::PersonIndex;
use crate::wire::Timestamp;

/// Who belongs to whom in one tenant.
#[derive(Default)]
pub(crate) struct Contacts {
    /// By employee; a leaver's until they are handed over. No book is empty, no two of one
    /// employee have the same contact, and newcomers enter the first.
    books: FxHashMap<PersonIndex, Vec<Book>>,
    /// By whose the contact is, and who. Expired ones stay until another takes their place.
    hand_overs: BTreeMap<PersonIndex, BTreeMap<PersonIndex, HandOver>>,
}

/// Contacts of one employee, in order of index.
#[derive(Default)]
struct Book {
    entries: Vec<Entry>,
}

/// One contact of one employee.
pub(crate) struct Entry {
    pub(crate) contact: PersonIndex,
    /// In order, each once.
    pub(crate) tags: Box<[Box<str>]>,
}

/// What waits for a contact to confirm it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct HandOver {
    pub(crate) to: PersonIndex,
    /// They stay the first one's, too.
    pub(crate) share: bool,
    pub(crate) expires: Timestamp,
}

impl Contacts {
    /// How many contacts an employee has.
    pub(crate) fn count(&self, employee: PersonIndex) -> usize {
        self.books_of(employee)
            .iter()
            .map(|book| book.entries.len())
            .sum()
    }

    pub(crate) fn find(&self, employee: PersonIndex, contact: PersonIndex) -> Option<&Entry> {
        let mut books = self.books_of(employee).iter();
        books.find_map(|book| Some(&book.entries[book.search(contact).ok()?]))
    }

    pub(crate) fn belongs_to(&self, contact: PersonIndex, employee: PersonIndex) -> bool {
        self.find(employee, contact).is_some()
    }

    /// The first `page` contacts of an employee from `start` on in order of index, and whether there are more.
    pub(crate) fn page(
        &self,
        employee: PersonIndex,
        mut start: impl FnMut(PersonIndex) -> bool,
        page: usize,
    ) -> (Vec<&Entry>, bool) {
        let mut entries = Vec::new();
        for book in self.books_of(employee) {
            let from = book.entries.partition_point(|entry| !start(entry.contact));
            entries.extend(book.entries[from..].iter().take(page + 1));
        }
        entries.sort_unstable_by_key(|entry| entry.contact);
        let more = entries.len() > page;
        entries.truncate(page);
        (entries, more)
    }

    pub(crate) fn hand_over_of(
        &self,
        from: PersonIndex,
        contact: PersonIndex,
    ) -> Option<&HandOver> {
        self.hand_overs.get(&from)?.get(&contact)
    }

    /// All of a leaver's contacts are the heir's, who keeps their own entry of those they have.
    pub(crate) fn inherit(&mut self, leaver: PersonIndex, heir: PersonIndex) {
        if leaver == heir {
            return;
        }
        let Some(left) = self.books.remove(&leaver) else {
            return;
        };
        let books = self.books.entry(heir).or_default();
        for mut book in left {
            for own in books.iter() {
                book.drop_those_in(own);
            }
            if !book.entries.is_empty() {
                books.push(book);
            }
        }
        if books.is_empty() {
            self.books.remove(&heir);
        }
    }

    /// Nothing of a leaver's waits to be confirmed any more.
    pub(crate) fn forget_hand_overs(&mut self, leaver: PersonIndex) {
        self.hand_overs.remove(&leaver);
    }

    fn forget_hand_over(&mut self, from: PersonIndex, contact: PersonIndex) {
        if let Some(hand_overs) = self.hand_overs.get_mut(&from) {
            hand_overs.remove(&contact);
            if hand_overs.is_empty() {
                self.hand_overs.remove(&from);
            }
        }
    }

    fn books_of(&self, employee: PersonIndex) -> &[Book] {
        self.books.get(&employee).map_or(&[], Vec::as_slice)
    }

    fn find_mut(&mut self, employee: PersonIndex, contact: PersonIndex) -> Option<&mut Entry> {
        let mut books = self.books.get_mut(&employee)?.iter_mut();
        books.find_map(|book| {
            let at = book.search(contact).ok()?;
            Some(&mut book.entries[at])
        })
    }

    /// A contact who does not belong to the employee yet.
    fn insert(&mut self, employee: PersonIndex, entry: Entry) {
        let books = self.books.entry(employee).or_default();
        if books.is_empty() {
            books.push(Book::default());
        }
        let book = &mut books[0];
        if let Err(at) = book.search(entry.contact) {
            crate::model::state::insert_snug(&mut book.entries, at, entry);
        }
    }

    fn remove(&mut self, employee: PersonIndex, contact: PersonIndex) -> Option<Entry> {
        let books = self.books.get_mut(&employee)?;
        let mut found = books.iter().enumerate();
        let (book, at) =
            found.find_map(|(number, book)| Some((number, book.search(contact).ok()?)))?;
        let entry = books[book].entries.remove(at);
        if books[book].entries.is_empty() {
            books.remove(book);
        }
        if books.is_empty() {
            self.books.remove(&employee);
        }
        Some(entry)
    }
}

impl Book {
    fn search(&self, contact: PersonIndex) -> Result<usize, usize> {
        self.entries
            .binary_search_by_key(&contact, |entry| entry.contact)
    }

    /// Both are in order: one walk along each.
    fn drop_those_in(&mut self, other: &Self) {
        let mut others = other.entries.iter().peekable();
        self.entries.retain(|entry| {
            while others
                .next_if(|other| other.contact < entry.contact)
                .is_some()
            {}
            others
                .peek()
                .is_none_or(|other| other.contact != entry.contact)
        });
    }
}
