//! Contacts as a snapshot has them.

use crate::model::body::body;
use crate::model::state::{PersonIndex, Tenant};
use crate::wire::{PersonId, Timestamp};

use super::{Book, Contacts, Entry, HandOver};

body! {
    /// Whose contacts are whose, in order of employee.
    ContactsStateV1 {
        books: Vec<BooksOfV1>,
        hand_overs: Vec<HandOverStateV1>,
    }
}
body! {
    /// One employee's books; newcomers enter the first.
    BooksOfV1 {
        employee: PersonId,
        books: Vec<BookV1>,
    }
}
body! {
    /// Contacts in order.
    BookV1 {
        entries: Vec<EntryV1>,
    }
}
body! {
    /// One contact of one employee.
    EntryV1 {
        contact: PersonId,
        tags: Vec<String>,
    }
}
body! {
    /// What waits for a contact to confirm it, in order of `from` and contact.
    HandOverStateV1 {
        from: PersonId,
        contact: PersonId,
        to: PersonId,
        share: bool,
        expires: Timestamp,
    }
}

pub(crate) fn write(tenant: &Tenant) -> ContactsStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let Contacts { books, hand_overs } = &tenant.contacts;
    let mut employees: Vec<_> = books.iter().collect();
    employees.sort_unstable_by_key(|(employee, _)| **employee);
    let books = employees.into_iter().map(|(employee, books)| BooksOfV1 {
        employee: employee.id(),
        books: books.iter().map(write_book).collect(),
    });
    let hand_overs = hand_overs.iter().flat_map(|(from, waiting)| {
        let waiting = waiting.iter();
        waiting.map(|(contact, hand_over)| write_hand_over(*from, *contact, *hand_over))
    });
    ContactsStateV1 {
        books: books.collect(),
        hand_overs: hand_overs.collect(),
    }
}

fn write_book(book: &Book) -> BookV1 {
    let entries = book.entries.iter().map(|Entry { contact, tags }| EntryV1 {
        contact: contact.id(),
        tags: tags.iter().map(ToString::to_string).collect(),
    });
    BookV1 {
        entries: entries.collect(),
    }
}

fn write_hand_over(
    from: PersonIndex,
    contact: PersonIndex,
    hand_over: HandOver,
) -> HandOverStateV1 {
    let HandOver { to, share, expires } = hand_over;
    HandOverStateV1 {
        from: from.id(),
        contact: contact.id(),
        to: to.id(),
        share,
        expires,
    }
}

/// After the people.
pub(crate) fn read(tenant: &mut Tenant, state: ContactsStateV1) -> Result<(), &'static str> {
    for books in state.books {
        let employee = tenant.find_person(books.employee);
        let employee = employee.ok_or("whose contacts are")?;
        let books = books.books.into_iter().map(|book| read_book(tenant, book));
        let books = books.collect::<Result<Vec<_>, _>>()?;
        if books.is_empty() || tenant.contacts.books.insert(employee, books).is_some() {
            return Err("an employee's contacts");
        }
    }
    for state in state.hand_overs {
        let find = |person| tenant.find_person(person).ok_or("who is handed over");
        let (from, contact, to) = (find(state.from)?, find(state.contact)?, find(state.to)?);
        let hand_over = HandOver {
            to,
            share: state.share,
            expires: state.expires,
        };
        let waiting = tenant.contacts.hand_overs.entry(from).or_default();
        if waiting.insert(contact, hand_over).is_some() {
            return Err("a hand-over a second time");
        }
    }
    Ok(())
}

fn read_book(tenant: &Tenant, state: BookV1) -> Result<Book, &'static str> {
    let mut book = Book::default();
    for entry in state.entries {
        let contact = tenant.find_person(entry.contact).ok_or("a contact")?;
        let last = book.entries.last();
        if last.is_some_and(|last: &Entry| last.contact >= contact) {
            return Err("the order of contacts");
        }
        let tags = entry.tags.into_iter().map(String::into_boxed_str);
        book.entries.push(Entry {
            contact,
            tags: tags.collect(),
        });
    }
    if book.entries.is_empty() {
        return Err("contacts of which there are none");
    }
    Ok(book)
}
