//! The door while the disk takes its time: who finds room, and who is told to come again.

use std::sync::Arc;
use std::thread;

use crate::gated::{Gate, Gated};
use crate::town::Town;
use throng::engine::{Message, Options};
use throng::log::Memory;
use throng::model::command::MassSendV1;
use throng::wire::{ClientMessageId, GroupId, Kind, Priority};

#[test]
fn a_mass_send_to_many_groups_leaves_the_door_open_for_others() {
    let gate = Gate::default();
    let mut options = Options::default();
    options.admission_bytes = 400_000;
    let disk = Arc::new(Gated(Memory::new(), gate.clone()));
    let town = Town::on(disk, options, 3);
    let groups: Vec<GroupId> = (0..100).map(|_| town.group(3)).collect();

    gate.set(true);
    let decided = town.engine.stats().decided;
    let send = MassSendV1 {
        sender: town.people[0],
        groups: groups.clone(),
        kind: Kind::Text as u8,
        priority: Priority::Normal as u8,
        client_message_id: ClientMessageId(5),
        body: vec![b'x'; 20_000],
    };
    let accepted = town.engine.mass_send(town.tenant, send).expect("room");
    // The mass send and three of its targets are on their way and stay there.
    while town.engine.stats().decided < decided + 4 {
        thread::yield_now();
    }
    // These fit beside the mass send itself, and beside none of its targets.
    let body = "y".repeat(60_000);
    let tickets: Vec<_> = (1..=6)
        .map(|id| {
            let message = Message::text(groups[0], town.people[1], ClientMessageId(id), &body);
            let ticket = town.engine.try_publish(town.tenant, &message);
            ticket.map_err(|error| {
                gate.set(false);
                format!("message {id}: {error}")
            })
        })
        .collect();
    gate.set(false);
    for ticket in tickets {
        let answer = ticket.expect("the door is not busy").wait();
        assert!(answer.is_ok(), "{answer:?}");
    }
    assert!(accepted.wait().is_ok());
}
