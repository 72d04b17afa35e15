//! The path of a command: decided, durable, released, and found again after a restart.

use std::sync::Arc;
use std::sync::mpsc;

use crate::town::Town;
use throng::engine::{Engine, ExecuteError, Fetch, Item, Options, Port};
use throng::log::Memory;
use throng::model::Refusal;
use throng::model::command::{GetMassSendV1, GroupV1, PersonV1, Reply, TaggedCommand};
use throng::wire::{ClientMessageId, DeviceId, Envelope, GroupId, PersonId, Sequence};

/// A port whose owner can wait for it.
struct Waiting {
    port: Port,
    woken: mpsc::Receiver<()>,
    items: Vec<Item>,
}

impl Waiting {
    fn of(engine: &Engine) -> Self {
        let (wake, woken) = mpsc::channel();
        Self {
            port: engine.port(move || wake.send(()).unwrap_or_default()),
            woken,
            items: Vec::new(),
        }
    }

    /// Items up to and including the first that `last` accepts.
    fn until(&mut self, last: impl Fn(&Item) -> bool) -> Vec<Item> {
        loop {
            self.port.poll(&mut self.items);
            if let Some(at) = self.items.iter().position(&last) {
                let rest = self.items.split_off(at + 1);
                return std::mem::replace(&mut self.items, rest);
            }
            self.woken.recv().expect("the engine wakes whoever waits");
        }
    }

    fn attach(&mut self, town: &Town, session: u64, person: PersonId) -> Vec<Item> {
        self.port
            .attach(session, town.tenant, person, DeviceId(1))
            .expect("there is room");
        self.until(|item| matches!(item, Item::Attached { session: s, .. } if *s == session))
    }
}

fn sequences(items: &[Item], group: GroupId) -> Vec<u64> {
    let delivered = items.iter().filter_map(|item| match item {
        Item::Deliver(envelope) if envelope.header().group() == group => {
            Some(envelope.header().sequence().0)
        }
        _ => None,
    });
    delivered.collect()
}

fn delivers(sequence: Sequence) -> impl Fn(&Item) -> bool {
    move |item| matches!(item, Item::Deliver(envelope) if envelope.header().sequence() == sequence)
}

fn options_with(change: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::default();
    change(&mut options);
    options
}

#[test]
fn a_publish_is_answered_once_it_is_durable() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let published = town
        .say(group, town.people[1], 1, "hello")
        .expect("a member may speak");
    assert!(town.engine.durable() > published.record);
    let record = &town
        .engine
        .reader()
        .read(published.record, 1)
        .expect("it is in the log")[0];
    assert_eq!(record.envelope.body(), b"hello");
    assert_eq!(record.envelope.header().sequence(), published.sequence);
}

#[test]
fn a_ticket_can_be_awaited_without_a_runtime_of_ours() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let message = throng::engine::Message::text(group, town.people[0], ClientMessageId(9), "hi");
    let ticket = town
        .engine
        .publish(town.tenant, &message)
        .expect("there is room");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    assert!(matches!(
        runtime.block_on(ticket.into_future()),
        Ok(Reply::Published(_))
    ));
}

#[test]
fn a_refusal_names_its_rule_and_uses_no_sequence() {
    let town = Town::in_memory(4);
    let group = town.group(3);
    let before = town
        .say(group, town.people[0], 1, "one")
        .expect("the owner speaks")
        .sequence;
    let stranger = town.people[3];
    let refused = town
        .say(group, stranger, 2, "let me in")
        .expect_err("not a member");
    assert_eq!(
        refused,
        ExecuteError::Refused(Refusal::NotAMember {
            person: stranger,
            group
        })
    );
    assert_eq!(
        town.say(group, town.people[0], 3, "two")
            .expect("the owner speaks")
            .sequence,
        before.next()
    );
}

#[test]
fn reopening_gives_the_same_state_and_a_retry_its_first_result() {
    let storage = Arc::new(Memory::new());
    let town = Town::on(storage.clone(), Options::default(), 3);
    let group = town.group(3);
    let first = town
        .say(group, town.people[0], 77, "once")
        .expect("the owner speaks");
    let hash = town.engine.state_hash();
    town.engine.clone().close().expect("a clean close");
    assert_eq!(
        town.say(group, town.people[0], 78, "late"),
        Err(ExecuteError::Stopped)
    );

    let engine = Engine::open_on(storage, Options::default(), town.clock.clone(), [9; 32])
        .expect("it opens again");
    let town = town.reopened(engine);
    assert_eq!(town.engine.state_hash(), hash);
    let again = town
        .say(group, town.people[0], 77, "once")
        .expect("a retry");
    assert!(again.duplicate);
    assert_eq!(
        (again.sequence, again.record),
        (first.sequence, first.record)
    );
    assert_eq!(
        town.say(group, town.people[0], 77, "other words"),
        Err(ExecuteError::Refused(Refusal::IdempotencyMismatch))
    );
}

#[test]
fn a_snapshot_and_the_records_after_it_give_the_same_state() {
    let storage = Arc::new(Memory::new());
    let town = Town::on(
        storage.clone(),
        options_with(|options| options.snapshot_every_records = 4),
        3,
    );
    let group = town.group(3);
    for id in 1..20 {
        town.say(group, town.people[0], id, "tick")
            .expect("the owner speaks");
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while town.engine.stats().snapshot.0 < 4 {
        assert!(
            std::time::Instant::now() < deadline,
            "no snapshot was made: {:?}",
            town.engine.stats()
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    town.say(group, town.people[0], 99, "after")
        .expect("the owner speaks");
    let hash = town.engine.state_hash();
    town.engine.clone().close().expect("a clean close");
    let engine = Engine::open_on(storage, Options::default(), town.clock.clone(), [9; 32])
        .expect("it opens again");
    assert!(
        engine.stats().snapshot.0 >= 4,
        "it started from the snapshot"
    );
    assert_eq!(engine.state_hash(), hash);
}

#[test]
fn an_attached_person_gets_every_sequence_after_the_heads_of_the_answer() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let mut port = Waiting::of(&town.engine);
    let attached = port.attach(&town, 5, town.people[2]);
    let Some(Item::Attached {
        result: Ok(person), ..
    }) = attached.last()
    else {
        panic!("{attached:?}")
    };
    assert_eq!(person.groups.len(), 1);
    let head = person.groups[0].head();
    for id in 1..=10 {
        town.say(group, town.people[0], id, "x").expect("sent");
    }
    let items = port.until(delivers(Sequence(head.0 + 10)));
    assert_eq!(
        sequences(&items, group),
        (head.0 + 1..=head.0 + 10).collect::<Vec<_>>()
    );
}

#[test]
fn nobody_online_is_told_nothing() {
    let town = Town::in_memory(4);
    let (quiet, busy) = (town.group(4), town.group(3));
    let mut port = Waiting::of(&town.engine);
    port.attach(&town, 1, town.people[3]);
    town.say(busy, town.people[0], 1, "not for people[3]")
        .expect("sent");
    let here = town
        .say(quiet, town.people[0], 2, "for people[3]")
        .expect("sent");
    let items = port.until(delivers(here.sequence));
    assert!(sequences(&items, busy).is_empty());
}

#[test]
fn joining_and_leaving_while_online_is_told_before_the_envelope_of_the_same_record() {
    let town = Town::in_memory(5);
    let group = town.group(3);
    let late = town.people[4];
    let mut port = Waiting::of(&town.engine);
    port.attach(&town, 1, late);
    port.attach(&town, 2, town.people[0]);
    town.add(group, late).expect("the enterprise adds");
    town.leave(group, late).expect("a member leaves");
    let end = town
        .say(group, town.people[0], 3, "gone?")
        .expect("sent")
        .sequence;
    let items = port.until(delivers(end));
    let story: Vec<(bool, u64)> = items
        .iter()
        .filter_map(|item| match item {
            Item::Membership(delta) if delta.person == late => Some((delta.joined, delta.at.0)),
            _ => None,
        })
        .collect();
    assert_eq!(story, [(true, end.0 - 2), (false, end.0 - 1)]);
    let joined = items
        .iter()
        .position(|item| matches!(item, Item::Membership(delta) if delta.joined));
    let shown = items.iter().position(delivers(Sequence(end.0 - 2)));
    assert!(
        joined < shown,
        "the newcomer's port knows before the envelope comes"
    );
}

#[test]
fn those_who_are_online_are_shown_the_end_of_a_group() {
    let town = Town::in_memory(4);
    let (ends, other) = (town.group(3), town.group(4));
    let mut port = Waiting::of(&town.engine);
    for (session, person) in (1..).zip(&town.people[1..3]) {
        port.attach(&town, session, *person);
    }
    let dissolve = TaggedCommand::DissolveGroup(GroupV1 { group: ends });
    let Ok(Reply::GroupChanged(dissolved)) = town.call(dissolve) else {
        panic!("the enterprise dissolves");
    };
    let after = town.say(other, town.people[0], 1, "still here");
    let items = port.until(delivers(after.expect("sent").sequence));
    assert_eq!(sequences(&items, ends), [dissolved.sequence.0]);
    // They were members up to it: both are told so before it comes.
    let told = items.iter().filter_map(|item| match item {
        Item::Membership(delta) if delta.group == ends => Some((delta.joined, delta.at.0)),
        _ => None,
    });
    let next = dissolved.sequence.0 + 1;
    assert_eq!(told.collect::<Vec<_>>(), [(false, next), (false, next)]);
}

#[test]
fn a_port_that_was_too_slow_reads_what_it_missed_from_the_log_in_the_same_order() {
    let options = options_with(|options| options.outbox_bytes = 600);
    let town = Town::on(Arc::new(Memory::new()), options, 4);
    let group = town.group(3);
    let mut port = Waiting::of(&town.engine);
    port.attach(&town, 1, town.people[1]);
    for id in 1..=200 {
        town.say(group, town.people[0], id, "flood").expect("sent");
    }
    town.add(group, town.people[3]).expect("added");
    port.port
        .attach(9, town.tenant, town.people[3], DeviceId(1))
        .expect("room");
    for id in 201..=400 {
        town.say(group, town.people[0], id, "flood").expect("sent");
    }
    // The group was created at 1; 200 messages, one join, 200 messages.
    let items = port.until(delivers(Sequence(402)));
    assert_eq!(sequences(&items, group), (2..=402).collect::<Vec<_>>());
    assert!(
        port.port.lost_records() > 0,
        "the outbox was too small for all of it"
    );
    let attached = items
        .iter()
        .position(|item| matches!(item, Item::Attached { session: 9, .. }));
    let Some(Item::Attached {
        result: Ok(person), ..
    }) = attached.map(|at| &items[at])
    else {
        panic!()
    };
    assert_eq!(person.groups[0].head(), Sequence(202));
    assert_eq!(
        sequences(&items[..attached.expect("found")], group).last(),
        Some(&202),
        "in order with the answer"
    );
}

#[test]
fn sequences_can_be_fetched_from_the_log() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    for id in 1..=5 {
        town.say(group, town.people[0], id, &format!("message {id}"))
            .expect("sent");
    }
    let mut port = Waiting::of(&town.engine);
    let fetch = Fetch {
        tenant: town.tenant,
        group,
        from: Sequence(1),
        to: Sequence(4),
    };
    port.port.fetch(fetch).expect("room");
    let items = port.until(|item| matches!(item, Item::Fetched { .. }));
    let Some(Item::Fetched {
        result: Ok(envelopes),
        ..
    }) = items.last()
    else {
        panic!("{items:?}")
    };
    let bodies: Vec<&[u8]> = envelopes.iter().skip(1).map(Envelope::body).collect();
    assert_eq!(bodies, [&b"message 1"[..], b"message 2", b"message 3"]);
    port.port
        .fetch(Fetch {
            from: Sequence(50),
            to: Sequence(60),
            ..fetch
        })
        .expect("room");
    let items = port.until(|item| matches!(item, Item::Fetched { .. }));
    assert!(matches!(
        items.last(),
        Some(Item::Fetched { result: Err(_), .. })
    ));
}

#[test]
fn a_full_door_answers_busy_and_takes_the_request_later() {
    let options = options_with(|options| options.admission_bytes = 2_000);
    let town = Town::on(Arc::new(Memory::new()), options, 3);
    let group = town.group(3);
    let long = "x".repeat(1_900);
    let message = throng::engine::Message::text(group, town.people[0], ClientMessageId(1), &long);
    let answer = town.engine.try_publish(town.tenant, &message).map(drop);
    assert!(matches!(answer, Err(ExecuteError::Busy(_))), "{answer:?}");
    assert!(town.engine.stats().busy > 0);
    town.say(group, town.people[0], 2, "short")
        .expect("there is room for a short one");
}

#[test]
fn a_mass_send_reaches_every_group_and_charges_once() {
    let town = Town::in_memory(3);
    let groups: Vec<GroupId> = (0..40).map(|_| town.group(3)).collect();
    let Ok(Reply::MassSendAccepted(accepted)) = town.mass_send(town.people[0], &groups, 5, "news")
    else {
        panic!("accepted")
    };
    assert_eq!(accepted.targets, 40);
    wait_for_mass_send(&town, &accepted, 40);
    let Ok(Reply::Quotas(quotas)) = town.call(TaggedCommand::GetQuotas(PersonV1 {
        person: town.people[0],
    })) else {
        panic!("quotas")
    };
    assert_eq!(quotas.quotas[0].used, 1);
    let head = town
        .say(groups[7], town.people[0], 6, "after")
        .expect("sent");
    assert_eq!(head.sequence, Sequence(3), "created, the mass send, this");
}

#[test]
fn a_mass_send_stopped_in_the_middle_goes_on_after_a_restart() {
    let storage = Arc::new(Memory::new());
    let town = Town::on(storage.clone(), Options::default(), 3);
    let groups: Vec<GroupId> = (0..60).map(|_| town.group(3)).collect();
    let Ok(Reply::MassSendAccepted(accepted)) = town.mass_send(town.people[0], &groups, 5, "news")
    else {
        panic!("accepted")
    };
    // Closing stops after what was admitted, wherever the slices are.
    town.engine.clone().close().expect("a clean close");
    let engine = Engine::open_on(storage, Options::default(), town.clock.clone(), [9; 32])
        .expect("it opens again");
    let town = town.reopened(engine);
    wait_for_mass_send(&town, &accepted, 60);
    for group in groups {
        let next = town
            .say(group, town.people[1], u128::from(group.0) + 100, "next")
            .expect("sent");
        assert_eq!(next.sequence, Sequence(3), "each group has it once");
    }
}

fn wait_for_mass_send(
    town: &Town,
    accepted: &throng::model::command::MassSendAcceptedV1,
    targets: u32,
) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let query = GetMassSendV1 {
            mass_send: accepted.mass_send,
        };
        let Ok(Reply::MassSendProgress(progress)) = town.call(TaggedCommand::GetMassSend(query))
        else {
            panic!("progress can be queried")
        };
        if progress.sent == targets {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "{progress:?}");
        std::thread::yield_now();
    }
}
