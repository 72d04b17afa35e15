//! The door while the disk takes its time: who finds room, and who is told to come again.

mod town;

use std::io::IoSlice;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use throng::engine::{Message, Options};
use throng::log::storage::File;
use throng::log::{Memory, Storage, StorageError};
use throng::model::command::MassSendV1;
use throng::wire::{ClientMessageId, GroupId, Kind, Priority};
use town::Town;

/// Whether syncs wait.
#[derive(Clone, Debug, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn set(&self, shut: bool) {
        *self.0.0.lock().expect("nobody panics with it") = shut;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let shut = self.0.0.lock().expect("nobody panics with it");
        let open = self.0.1.wait_while(shut, |shut| *shut);
        drop(open.expect("nobody panics with it"));
    }
}

/// A disk in memory whose syncs wait at a gate.
#[derive(Debug)]
struct Gated<T>(T, Gate);

impl Storage for Gated<Memory> {
    fn names(&self) -> Result<Vec<String>, StorageError> {
        self.0.names()
    }

    fn open(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        Ok(Arc::new(Gated(self.0.open(name)?, self.1.clone())))
    }

    fn create(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        Ok(Arc::new(Gated(self.0.create(name)?, self.1.clone())))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.0.remove(name)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.0.sync()
    }
}

impl File for Gated<Arc<dyn File>> {
    fn len(&self) -> Result<u64, StorageError> {
        self.0.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, StorageError> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> Result<(), StorageError> {
        self.0.write_at(slices, offset)
    }

    fn allocate(&self, len: u64) -> Result<(), StorageError> {
        self.0.allocate(len)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.1.pass();
        self.0.sync()
    }
}

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
