//! Denied admin operations in the log: the first at once, repeats as one count a window (SPEC P3).

use std::sync::Arc;

use crate::town::Town;
use throng::engine::{Engine, ExecuteError, Options};
use throng::log::Memory;
use throng::model::Refusal;
use throng::model::command::{Actor, Command, GroupV1, TaggedCommand};
use throng::model::event::{DenialsCountedV1, Event, decode_all};
use throng::wire::{DeviceId, GroupId, PersonId, RecordNumber};

const WINDOW_US: u64 = 600_000_000;

/// A member tries to dissolve a group that is another's.
fn denied(town: &Town, group: GroupId, person: PersonId) {
    let actor = Actor::Person {
        person,
        device: DeviceId(1),
    };
    let command = Command {
        tenant: town.tenant,
        actor,
        second_factor: false,
        body: TaggedCommand::DissolveGroup(GroupV1 { group }).into(),
    };
    let answer = town.engine.execute(command).expect("there is room").wait();
    let refused = matches!(
        answer,
        Err(ExecuteError::Refused(Refusal::NotPermitted { .. }))
    );
    assert!(refused, "{answer:?}");
}

fn events(engine: &Engine) -> Vec<Event> {
    let (reader, end) = (engine.reader(), engine.durable());
    let records = (0..end.0).map(|record| {
        let read = reader
            .read(RecordNumber(record), 1)
            .expect("it is in the log");
        decode_all(&read[0].private).expect("events")
    });
    records.flatten().collect()
}

fn recorded(events: &[Event]) -> usize {
    let denied = events.iter();
    let denied = denied.filter(|event| matches!(event, Event::OperationDenied(_)));
    denied.count()
}

fn counted(events: &[Event]) -> Vec<DenialsCountedV1> {
    let counted = events.iter().filter_map(|event| match event {
        Event::DenialsCounted(counted) => Some(counted.clone()),
        _ => None,
    });
    counted.collect()
}

#[test]
fn the_first_denial_is_recorded_at_once_and_repeats_are_one_count_when_the_window_ends() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    for _ in 0..1_000 {
        denied(&town, group, town.people[1]);
    }
    let before = events(&town.engine);
    assert_eq!((recorded(&before), counted(&before).len()), (1, 0));

    town.clock.advance(WINDOW_US);
    // Whatever comes after the window's end lets the count go first, or right after it.
    town.say(group, town.people[0], 1, "later")
        .expect("a member may speak");
    town.say(group, town.people[0], 2, "again")
        .expect("a member may speak");
    let after = events(&town.engine);
    let [counted] = counted(&after).try_into().expect("one record");
    assert_eq!(counted.others, 0);
    let [count] = counted.counts.as_slice() else {
        panic!("{counted:?}");
    };
    assert_eq!((count.person, count.count), (town.people[1], 999));
}

#[test]
fn what_was_counted_is_logged_when_the_engine_closes_and_changes_nothing() {
    let storage = Arc::new(Memory::new());
    let town = Town::on(storage.clone(), Options::default(), 3);
    let group = town.group(3);
    for _ in 0..10 {
        denied(&town, group, town.people[2]);
    }
    let (_, hash) = town.engine.state_hash().expect("a hash");
    town.engine.clone().close().expect("a clean close");
    let engine = Engine::open_on(storage, Options::default(), town.clock.clone(), [9; 32])
        .expect("it opens again");
    let counted = counted(&events(&engine));
    assert_eq!(counted.len(), 1);
    assert_eq!(counted[0].counts[0].count, 9);
    assert_eq!(engine.state_hash().expect("a hash").1, hash);
}

#[test]
fn persons_beyond_what_is_told_apart_are_counted_together() {
    let town = Town::in_memory(400);
    let group = town.group(3);
    for person in &town.people[1..] {
        denied(&town, group, *person);
    }
    town.engine.clone().close().expect("a clean close");
    let events = events(&town.engine);
    let (recorded, counted) = (recorded(&events), counted(&events));
    let listed: u64 = counted[0].counts.iter().map(|count| count.count).sum();
    assert_eq!((recorded, listed, counted[0].others), (100, 200, 99));
}
