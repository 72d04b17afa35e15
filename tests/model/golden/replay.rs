//! A log with an event of every kind there is: whoever reads it gets the same state.

use std::sync::Arc;

use throng::engine::{Engine, ManualClock, Options};
use throng::log::storage::Memory;
use throng::log::{Config, Entry, Log};
use throng::model::command::{Actor, Command, CommandBody};
use throng::model::event::{self, Event};
use throng::model::{Context, Stamp, State, apply, decide, record_kind};
use throng::wire::{
    ClientMessageId, DeviceId, GroupId, Header, HeaderFields, Kind, PersonId, Priority,
    RecordNumber, Sequence, Take, TenantId,
};

use crate::golden::SECTIONS;
use crate::golden::core::{ID, TIME};
use crate::golden::state::core_events;

/// A record's header as the engine fills it: of one group where it takes one place.
fn header(stamp: &Stamp, takes: &[Take]) -> Header {
    let none = Take {
        group: GroupId(0),
        sequence: Sequence(0),
        membership_sequence: Sequence(0),
        message_ordinal: 0,
    };
    let take = if let [take] = takes { *take } else { none };
    Header::new(&HeaderFields {
        kind: stamp.kind,
        priority: stamp.priority,
        tenant: stamp.tenant,
        group: take.group,
        sequence: take.sequence,
        sender: stamp.sender,
        device: stamp.device,
        timestamp: stamp.timestamp,
        record: stamp.record,
        membership_sequence: take.membership_sequence,
        message_ordinal: take.message_ordinal,
        client_message_id: stamp.client_message_id,
        body_len: 0,
    })
}

/// Each event in a record of its own, those of the first enterprise in front.
fn records() -> Vec<Event> {
    let mut events = core_events();
    events.extend(SECTIONS.iter().flat_map(|section| (section.events)()));
    events
}

const STAMP: Stamp = Stamp {
    record: RecordNumber(0),
    timestamp: TIME,
    tenant: TenantId(1),
    sender: PersonId(1),
    device: DeviceId(7),
    client_message_id: ClientMessageId(0),
    kind: Kind::Text,
    priority: Priority::Normal,
};

/// Does what the records left to be done, or the engine would as it opens; how many records there are.
fn work_off(
    state: &mut State,
    mut write: impl FnMut(&mut State, Stamp, &[Event]) -> RecordNumber,
) -> RecordNumber {
    let mut records = write(state, STAMP, &[]);
    while let Some(slice) = state.next_slice() {
        let command = Command {
            tenant: slice.tenant,
            actor: Actor::System,
            second_factor: false,
            body: CommandBody::Continue,
        };
        let context = Context {
            now: TIME,
            record: records,
            body_digest: 0,
            random: 7,
        };
        let decision = decide(state, &command, context);
        let stamp = Stamp {
            sender: slice.sender,
            device: slice.device,
            client_message_id: slice.client_message_id,
            priority: slice.priority,
            ..STAMP
        };
        records = write(state, stamp, &decision.events);
    }
    records
}

fn entropy() -> [u8; 32] {
    [7; 32]
}

#[test]
fn a_log_with_every_kind_of_event_is_replayed_to_the_state_it_made() {
    let events = records();
    let written: Vec<u16> = events.iter().map(Event::tag).collect();
    for tag in Event::TAGS {
        assert!(written.contains(tag), "no event {tag:#05x} is in the log");
    }
    let disk = Arc::new(Memory::default());
    let (mut log, _) = Log::open(disk.clone(), Config::default(), entropy()).unwrap();
    let mut state = State::new();
    let mut next = RecordNumber(0);
    let mut write = |state: &mut State, stamp: Stamp, events: &[Event]| {
        let stamp = Stamp {
            record: next,
            kind: record_kind(events, Kind::Text),
            ..stamp
        };
        next = next.next();
        let takes = apply(state, &stamp, events).takes;
        let mut private = Vec::new();
        event::encode_all(events, &mut private);
        let several = if takes.len() > 1 { &takes[..] } else { &[] };
        log.append(&[Entry {
            header: &header(&stamp, &takes),
            takes: several,
            view: &[],
            private: &private,
        }])
        .unwrap();
        next
    };
    for event in &events {
        let sent_by = matches!(event, Event::Published(_) | Event::MassSendAccepted(_));
        let stamp = Stamp {
            client_message_id: if sent_by { ID } else { ClientMessageId(0) },
            ..STAMP
        };
        write(&mut state, stamp, std::slice::from_ref(event));
    }
    let records = work_off(&mut state, write);
    log.close().unwrap();
    let from_a_snapshot = State::from_snapshot(&state.to_snapshot()).unwrap();
    assert_eq!(from_a_snapshot.hash(), state.hash(), "from a snapshot");
    for life in ["first", "second"] {
        let clock = Arc::new(ManualClock::at(TIME));
        let engine =
            Engine::open_on(disk.clone(), Options::default(), clock, entropy()).expect(life);
        let (next, hash) = engine.state_hash().unwrap();
        assert_eq!(next, records, "{life}");
        assert_eq!(hash, state.hash(), "{life}");
        engine.close().unwrap();
    }
}
