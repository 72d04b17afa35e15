//! Groups disabled, enabled, hidden and restored while people are online, on a whole engine.

use std::time::Duration;

use crate::town::{Town, employee};
use throng::engine::ExecuteError;
use throng::model::command::{
    CreateGroupV1, DeleteMessageV1, EnableGroupV1, GroupKind, GroupV1, MemberV1, NewPersonV1,
    PersonKind, Reply, TaggedCommand as T,
};
use throng::shard::Local;
use throng::shard::local::{Config, Session};
use throng::wire::{DeviceId, Envelope, GroupId, Kind, PersonId, RemovalBody, Sequence, SkipBody};

const PHONE: DeviceId = DeviceId(1);
const NOBODY: PersonId = PersonId(0);

fn local(town: &Town) -> Local {
    Local::start(&town.engine, Config::default()).expect("threads to be had")
}

fn attach(local: &Local, town: &Town, person: PersonId) -> Session {
    let session = local.attach_live(town.tenant, person, PHONE, &[]);
    session.expect("online")
}

fn next(session: &mut Session) -> Envelope {
    let envelope = session.recv_timeout(Duration::from_secs(30));
    envelope.expect("open").expect("something comes")
}

#[track_caller]
fn assert_text(session: &mut Session, text: &str) {
    assert_eq!(next(session).body(), text.as_bytes());
}

#[track_caller]
fn assert_skip(session: &mut Session, from: u64, to: u64) {
    let skip = SkipBody::read(next(session).body()).expect("a skip");
    assert_eq!((skip.from.0, skip.to.0), (from, to));
}

/// The sequence it took; 0 for none.
fn call(town: &Town, command: T) -> Sequence {
    match town.call(command).expect("permitted") {
        Reply::GroupChanged(changed) => changed.sequence,
        _ => Sequence(0),
    }
}

fn disable(town: &Town, group: GroupId) -> Sequence {
    call(town, T::DisableGroup(GroupV1 { group }))
}

fn enable(town: &Town, group: GroupId, owner: PersonId) -> Sequence {
    call(town, T::EnableGroup(EnableGroupV1 { group, owner }))
}

fn say(town: &Town, group: GroupId, person: PersonId, text: &str) {
    let id = text.bytes().fold(1, |id, byte| id * 31 + u128::from(byte));
    town.say(group, person, id, text).expect("published");
}

#[test]
fn who_is_online_loses_a_disabled_group_and_has_it_again_once_it_is_enabled() {
    let town = Town::in_memory(4);
    let group = town.group(4);
    let local = local(&town);
    let mut session = attach(&local, &town, town.people[1]);
    say(&town, group, town.people[0], "before");
    let disabled = disable(&town, group);
    let left = town.leave(group, town.people[3]);
    assert!(left.is_ok(), "leavers are removed");
    let enabled = enable(&town, group, NOBODY);
    say(&town, group, town.people[0], "after");
    assert_eq!((disabled, enabled), (Sequence(3), Sequence(5)));
    assert_text(&mut session, "before");
    assert_skip(&mut session, 3, 3);
    assert_skip(&mut session, 4, 4);
    assert_eq!(next(&mut session).header().kind(), Kind::Enabled);
    assert_text(&mut session, "after");
}

#[test]
fn who_came_online_meanwhile_has_the_group_from_its_enabling_on() {
    let town = Town::in_memory(3);
    let (group, other) = (town.group(3), town.group(3));
    let local = local(&town);
    disable(&town, group);
    let mut session = attach(&local, &town, town.people[1]);
    say(&town, other, town.people[0], "elsewhere");
    assert_text(&mut session, "elsewhere");
    enable(&town, group, NOBODY);
    say(&town, group, town.people[0], "here");
    let envelope = next(&mut session);
    let header = envelope.header();
    assert_eq!((header.kind(), header.group()), (Kind::Enabled, group));
    assert_text(&mut session, "here");
}

#[test]
fn who_came_online_without_a_hidden_group_has_it_once_they_restore_it() {
    let town = Town::in_memory(3);
    let (group, other) = (town.group(3), town.group(3));
    let local = local(&town);
    let person = town.people[1];
    call(&town, T::HideGroup(MemberV1 { group, person }));
    let mut session = attach(&local, &town, person);
    say(&town, group, town.people[0], "unseen");
    say(&town, other, town.people[0], "elsewhere");
    assert_text(&mut session, "elsewhere");
    call(&town, T::RestoreGroup(MemberV1 { group, person }));
    say(&town, group, town.people[0], "seen");
    assert_text(&mut session, "seen");
}

#[test]
fn removing_a_member_who_had_hidden_the_group_takes_nothing_from_the_others() {
    let town = Town::in_memory(4);
    let group = town.group(4);
    // Sessions of both on one thread, whose count of members would be wrong.
    let local = local(&town);
    let (person, other) = (town.people[1], town.people[2]);
    call(&town, T::HideGroup(MemberV1 { group, person }));
    let _hidden = attach(&local, &town, person);
    let mut session = attach(&local, &town, other);
    town.remove(group, person).expect("removed");
    assert_eq!(next(&mut session).header().kind(), Kind::Left);
    say(&town, group, town.people[0], "to whoever is left");
    assert_text(&mut session, "to whoever is left");
}

#[test]
fn going_offline_while_a_group_is_disabled_takes_nothing_from_the_others() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let local = local(&town);
    let gone = attach(&local, &town, town.people[1]);
    let mut session = attach(&local, &town, town.people[2]);
    disable(&town, group);
    assert_skip(&mut session, 2, 2);
    drop(gone);
    enable(&town, group, NOBODY);
    say(&town, group, town.people[0], "after");
    assert_eq!(next(&mut session).header().kind(), Kind::Enabled);
    assert_text(&mut session, "after");
}

#[test]
fn customers_lose_a_group_whose_last_employee_leaves_until_another_owns_it() {
    let town = Town::in_memory(2);
    let customer = NewPersonV1 {
        kind: PersonKind::Customer,
        ..employee(3)
    };
    let other = NewPersonV1 {
        kind: PersonKind::Customer,
        ..employee(4)
    };
    let added = town.engine.add_people(town.tenant, vec![customer, other]);
    let customers = added.expect("added");
    let create = CreateGroupV1 {
        kind: GroupKind::External,
        name: "Deal".to_owned(),
        owner: town.people[0],
        members: customers.clone(),
    };
    let group = town.engine.create_group(town.tenant, create);
    let group = group.expect("a group");
    let local = local(&town);
    let mut session = attach(&local, &town, customers[0]);
    town.leave(group, town.people[0]).expect("left");
    assert_skip(&mut session, 2, 2);
    let refused = town.say(group, customers[0], 1, "hello?");
    assert!(matches!(refused, Err(ExecuteError::Refused(_))));
    let enabled = enable(&town, group, town.people[1]);
    say(&town, group, town.people[1], "hello");
    let envelope = next(&mut session);
    assert_eq!(envelope.header().sequence(), enabled);
    assert_text(&mut session, "hello");
}

#[test]
fn everybody_online_learns_in_order_that_a_message_was_deleted() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let local = local(&town);
    let mut session = attach(&local, &town, town.people[1]);
    say(&town, group, town.people[0], "a slip");
    let sequence = next(&mut session).header().sequence();
    call(&town, T::DeleteMessage(DeleteMessageV1 { group, sequence }));
    let envelope = next(&mut session);
    assert_eq!(envelope.header().kind(), Kind::Recall);
    let removal = RemovalBody::read(envelope.body());
    assert_eq!(removal, Ok(RemovalBody { sequence, by: 2 }));
}
