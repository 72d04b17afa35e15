//! An approved command on its way to disk and to members: one record of the approver's (SPEC P2).

use std::sync::Arc;
use std::sync::mpsc;

use crate::town::Town;
use throng::engine::{Engine, ExecuteError, Fetch, Item, Options};
use throng::log::Memory;
use throng::model::command::{
    Actor, AddPeopleV1, ApprovalPendingV1, ApprovalStatus, Command, CreateGroupV1,
    DecideApprovalV1, GroupKind, NewPersonV1, OrgRole, PersonKind, Reply, TaggedCommand,
};
use throng::wire::{DeviceId, Envelope, GroupId, Kind, PersonId, Sequence};

fn admin(town: &Town, role: OrgRole) -> PersonId {
    let people = vec![NewPersonV1 {
        name: "Admin".into(),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role,
    }];
    match town.call(TaggedCommand::AddPeople(AddPeopleV1 { people })) {
        Ok(Reply::PeopleAdded(added)) => added.people[0],
        other => panic!("{other:?}"),
    }
}

fn ask(town: &Town, person: PersonId, body: TaggedCommand) -> Result<Reply, ExecuteError> {
    let device = DeviceId(1);
    let command = Command {
        tenant: town.tenant,
        actor: Actor::Person { person, device },
        second_factor: false,
        body: body.into(),
    };
    town.engine.execute(command)?.wait()
}

/// A department admin asks for an external group of the town's people.
fn request(town: &Town, person: PersonId) -> ApprovalPendingV1 {
    let create = CreateGroupV1 {
        kind: GroupKind::External,
        name: "客户群".into(),
        owner: person,
        members: town.people.clone(),
    };
    match ask(town, person, TaggedCommand::CreateGroup(create)) {
        Ok(Reply::ApprovalPending(pending)) => pending,
        other => panic!("{other:?}"),
    }
}

fn approve(town: &Town, person: PersonId, pending: &ApprovalPendingV1) -> Reply {
    let decide = DecideApprovalV1 {
        approval: pending.approval,
        approve: true,
        reason: String::new(),
    };
    match ask(town, person, TaggedCommand::DecideApproval(decide)) {
        Ok(Reply::ApprovalDecided(decided)) => {
            assert_eq!(decided.status, ApprovalStatus::Approved);
            Reply::decode(decided.reply_tag, &decided.reply).expect("the command's own reply")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_is_put_into_an_approved_group_sees_it_at_once_and_finds_it_in_the_log() {
    let town = Town::in_memory(3);
    let asks = admin(&town, OrgRole::DepartmentAdmin);
    let approves = admin(&town, OrgRole::SuperAdmin);
    let (wake, woken) = mpsc::channel();
    let mut port = town.engine.port(move || wake.send(()).unwrap_or_default());
    port.attach(1, town.tenant, town.people[0], DeviceId(1))
        .expect("there is room");
    let mut items = Vec::new();
    let mut wait_for = |port: &mut throng::engine::Port, last: &dyn Fn(&Item) -> bool| {
        while !items.iter().any(last) {
            port.poll(&mut items);
            if !items.iter().any(last) {
                woken.recv().expect("the engine wakes whoever waits");
            }
        }
        std::mem::take(&mut items)
    };
    wait_for(&mut port, &|item| matches!(item, Item::Attached { .. }));

    let pending = request(&town, asks);
    let group = GroupId(1);
    let Reply::GroupCreated(created) = approve(&town, approves, &pending) else {
        panic!("a group is created");
    };
    assert_eq!((created.group, created.sequence), (group, Sequence(1)));
    let seen = wait_for(&mut port, &|item| matches!(item, Item::Deliver(_)));
    let is_expected = |envelope: &Envelope| {
        let header = envelope.header();
        header.kind() == Kind::GroupCreated
            && header.group() == group
            && header.sequence() == Sequence(1)
            && header.sender() == approves
    };
    assert!(
        seen.iter()
            .any(|item| matches!(item, Item::Membership(delta) if delta.joined))
    );
    assert!(
        seen.iter()
            .any(|item| matches!(item, Item::Deliver(it) if is_expected(it)))
    );

    let fetch = Fetch {
        tenant: town.tenant,
        group,
        from: Sequence(1),
        to: Sequence(1),
    };
    port.fetch(fetch).expect("there is room");
    let fetched = wait_for(&mut port, &|item| matches!(item, Item::Fetched { .. }));
    let found = fetched.iter().any(|item| {
        matches!(item, Item::Fetched { result: Ok(found), .. } if found.iter().any(is_expected))
    });
    assert!(found, "{fetched:?}");
}

#[test]
fn a_request_waits_through_a_restart() {
    let storage = Arc::new(Memory::new());
    let town = Town::on(storage.clone(), Options::default(), 3);
    let asks = admin(&town, OrgRole::DepartmentAdmin);
    let approves = admin(&town, OrgRole::SuperAdmin);
    let pending = request(&town, asks);
    town.engine.clone().close().expect("a clean close");
    let engine = Engine::open_on(storage, Options::default(), town.clock.clone(), [9; 32])
        .expect("it opens again");
    let town = town.reopened(engine);
    let again = request(&town, asks);
    assert_eq!((again.approval, again.duplicate), (pending.approval, true));
    assert!(matches!(
        approve(&town, approves, &pending),
        Reply::GroupCreated(_)
    ));
}
