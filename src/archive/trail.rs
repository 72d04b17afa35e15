//! The audit trail by actor, subject, kind and time (SPEC A1): pages of records, the latest first.
//!
//! There is no index of it: a page looks through a bounded part of the log, backwards, and says where the
//! next one goes on; so it may have nothing and go on all the same. Memory is bounded by the page. Keeps
//! invariants 2 and 9: nothing is shown that is not durable, nor of another tenant.

mod named;

use std::collections::VecDeque;
use std::ops::ControlFlow;

use self::named::{is_newcomer, may_name, names_group, names_person};
use crate::log::{ReadError, Reader, StorageError, Stored, Unreadable};
use crate::model::command::{AuditEntryV1, AuditGrantedV1, AuditPageV1, CallV1};
use crate::model::event::{self, Event, WatchHashV1, encode_all};
use crate::wire::{GroupId, PersonId, RecordNumber};

/// Records read in order at a time, before those that come before them.
const WINDOW: u64 = 256;
/// What an entry takes in a page beside its events.
const ENTRY_LEN: usize = 64;

/// A page of what was granted. Looks through about `pass_bytes` of the log, and at most one segment more where an
/// index is not in memory; what it shows takes about `page_bytes` at most. A disk that fails fails the page.
pub(crate) fn page(
    reader: &Reader,
    granted: &AuditGrantedV1,
    pass_bytes: u64,
    page_bytes: usize,
) -> Result<AuditPageV1, StorageError> {
    let first = reader.first();
    let mut page = Page {
        granted,
        entries: Vec::new(),
        room: page_bytes,
        is_full: false,
        passed: 0,
        is_over: false,
    };
    // What the query's own record says was decided with it.
    let mut end = granted.query.0;
    if granted.asked.before.0 != 0 {
        end = end.min(granted.asked.before.0);
    }
    let mut damaged = false;
    let mut window = WINDOW;
    while end > first.0 && page.has_room() && page.passed < pass_bytes && !page.is_over && !damaged
    {
        let begin = end.saturating_sub(window).max(first.0);
        match page.look(reader, (begin, end), pass_bytes)? {
            Looked::Through => {
                end = page.end_before(begin);
                window = (window * 2).min(WINDOW);
            }
            Looked::TooLong => window = (window / 4).max(1),
            Looked::Damaged(record) => {
                end = page.end_before(record);
                // Full before the damage: that comes with the next page.
                damaged = page.has_room();
            }
        }
    }
    // What is damaged is told before the end is.
    let over = end == 0 || !damaged && (end <= first.0 || page.is_over && page.has_room());
    Ok(AuditPageV1 {
        query: granted.query,
        entries: page.entries,
        before: RecordNumber(if over { 0 } else { end }),
        first,
        damaged,
    })
}

enum Looked {
    Through,
    /// The records are long: fewer are to be looked at.
    TooLong,
    /// What comes after this record was looked through.
    Damaged(u64),
}

struct Page<'a> {
    granted: &'a AuditGrantedV1,
    /// The latest first.
    entries: Vec<AuditEntryV1>,
    /// Bytes left.
    room: usize,
    /// One more was found than there was room for.
    is_full: bool,
    /// Bytes of the log looked at.
    passed: u64,
    /// All before is older than what was asked for.
    is_over: bool,
}

impl Page<'_> {
    fn has_room(&self) -> bool {
        !self.is_full && self.entries.len() < self.granted.asked.entries as usize
    }

    /// Where the next page goes on, when everything from `begin` on was looked through.
    fn end_before(&self, begin: u64) -> u64 {
        match self.entries.last() {
            Some(last) if !self.has_room() => last.record.0,
            _ => begin,
        }
    }

    /// Takes the latest of what is in `begin..end`, as much as there is room for.
    fn look(
        &mut self,
        reader: &Reader,
        (begin, end): (u64, u64),
        pass_bytes: u64,
    ) -> Result<Looked, StorageError> {
        let wanted = self.granted.asked.entries as usize - self.entries.len();
        // In the log's order; the oldest goes where there are more than wanted.
        let mut found = VecDeque::new();
        let (mut bytes, mut is_over, mut was_more) = (0, false, false);
        let granted = self.granted;
        let passed = reader.pass(
            (RecordNumber(begin), RecordNumber(end)),
            pass_bytes,
            None,
            &mut |stored| {
                bytes += stored.len() as u64;
                is_over |= is_too_old(granted, stored);
                if let Some(entry) = entry_of(granted, stored)? {
                    found.push_back(entry);
                    if found.len() > wanted {
                        found.pop_front();
                        was_more = true;
                    }
                }
                Ok(ControlFlow::Continue(()))
            },
        );
        self.passed += passed.indexed;
        if let Some(error) = passed.failed {
            let damage = passed.next.0;
            tracing::error!(record = damage, %error, "a record of the audit trail cannot be read");
            if let ReadError::Storage(error) = error {
                return Err(error);
            }
            // What comes after it first.
            if damage + 1 < end {
                return Ok(match self.look(reader, (damage + 1, end), pass_bytes)? {
                    Looked::Through => Looked::Damaged(damage),
                    looked => looked,
                });
            }
            return Ok(Looked::Damaged(damage));
        }
        // Not counted: what is looked at again is not looked through, and every page gets on.
        if passed.next.0 < end && end - begin > 1 {
            return Ok(Looked::TooLong);
        }
        self.passed += bytes;
        self.is_over |= is_over && !was_more;
        while let Some(entry) = found.pop_back() {
            let len = entry.events.len() + ENTRY_LEN;
            if len > self.room && !self.entries.is_empty() {
                self.is_full = true;
                break;
            }
            self.room = self.room.saturating_sub(len);
            self.entries.push(entry);
        }
        Ok(Looked::Through)
    }
}

/// The clock of records never goes back (invariant 7): all before it is too old as well.
fn is_too_old(granted: &AuditGrantedV1, stored: &Stored<'_>) -> bool {
    stored.header().timestamp() < granted.asked.from
}

/// The entry of a record that is asked for.
fn entry_of(
    granted: &AuditGrantedV1,
    stored: &Stored<'_>,
) -> Result<Option<AuditEntryV1>, Unreadable> {
    let (asked, header) = (&granted.asked, stored.header());
    let at = header.timestamp();
    let is_of = header.tenant() == granted.tenant
        && (asked.from..asked.until).contains(&at)
        && (asked.actor == PersonId(0) || asked.actor == header.sender());
    if !is_of {
        return Ok(None);
    }
    // What this build does not know is shown as it is: a trail leaves nothing out.
    let private = stored.private()?;
    let Ok(mut events) = event::decode_all(&private) else {
        let is_unfiltered = asked.kinds.is_empty() && asked.person == PersonId(0);
        return Ok(is_unfiltered.then(|| entry(stored, private.to_vec())));
    };
    events.retain(|event| match &*asked.kinds {
        [] => !is_of_a_message(event),
        kinds => kinds.contains(&event.tag()),
    });
    let concerns_group = |group: GroupId| {
        header.group() == group
            || stored.takes().any(|take| take.group == group)
            || may_name(&private, group.0) && events.iter().any(|event| names_group(event, group))
    };
    // To print an event and look through it takes a hundred times as long as to look for the number. A newcomer's is
    // not in it, but counted from the first one's.
    let concerns_person = |person: PersonId| match may_name(&private, person.0) {
        true => events.iter().any(|event| names_person(event, person)),
        false => events.iter().any(|event| is_newcomer(event, person)),
    };
    let is_wanted = !events.is_empty()
        && (asked.group == GroupId(0) || concerns_group(asked.group))
        && (asked.person == PersonId(0) || concerns_person(asked.person));
    Ok(is_wanted.then(|| {
        events.iter_mut().for_each(hide_secrets);
        let mut bytes = Vec::new();
        encode_all(&events, &mut bytes);
        entry(stored, bytes)
    }))
}

fn entry(stored: &Stored<'_>, events: Vec<u8>) -> AuditEntryV1 {
    let header = stored.header();
    let len = u32::try_from(events.len()).unwrap_or(u32::MAX);
    let is_short = events.len() <= AuditEntryV1::EVENTS_LEN_MAX;
    AuditEntryV1 {
        record: header.record(),
        at: header.timestamp(),
        actor: header.sender(),
        device: header.device(),
        group: header.group(),
        events_len: len,
        events: if is_short { events } else { Vec::new() },
    }
}

/// Messages and what they cost are no changes of state that anybody looks for here, unless asked for by kind.
fn is_of_a_message(event: &Event) -> bool {
    matches!(
        event,
        Event::Published(_)
            | Event::Charged(_)
            | Event::MassSendDelivered(_)
            | Event::MassSendReached(_)
    )
}

/// What whoever reads the trail could use as somebody else or try out in private: one-time codes and the call
/// that sends them, the digits and the place that let people into a group, the hash of a watch password.
fn hide_secrets(event: &mut Event) {
    match event {
        Event::ActivationsIssued(issued) => issued.codes.iter_mut().for_each(|it| it.code.clear()),
        Event::CallOpened(opened) => {
            if let CallV1::SendActivations(send) = &mut opened.what {
                send.codes.iter_mut().for_each(|it| it.code.clear());
            }
        }
        Event::FaceToFaceOpened(opened) => {
            opened.digits = 0;
            opened.location.clear();
        }
        Event::GroupCreatedV2(created) => created.watch.iter_mut().for_each(hide_hash),
        Event::BatchGroupCreated(created) => created.created.watch.iter_mut().for_each(hide_hash),
        Event::WatchSet(set) => hide_hash(&mut set.watch),
        _ => {}
    }
}

fn hide_hash(watch: &mut WatchHashV1) {
    (watch.salt, watch.hash) = (0, [0; 32]);
}
