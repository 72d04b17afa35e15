//! Everything at once on a disk that loses its power: an engine with encryption, transparency log, snapshots,
//! retention, holds, erasure, removal of files, exports and a master key that changes, stepped by a seed.
//!
//! Whatever was acknowledged is there afterwards, but what was rightfully taken away; nothing is there twice;
//! no checkpoint that anybody saw is contradicted; nothing that is gone comes back; the state is the one there was.

mod checks;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::crashes::{self, Folder, Work};
use crate::town::{NOON, employee, tenant};
use throng::archive;
use throng::archive::tlog::SigningKey;
use throng::engine::{ExecuteError, ManualClock, Message, Options, Stepped, Ticket, Transparency};
use throng::log::storage::{Faulty, Random};
use throng::log::{Encryption, MasterKey, Record, Storage, rewrap};
use throng::model::Refusal;
use throng::model::command::{
    Actor, AddPeopleV1, Command, CreateGroupV1, DecideApprovalV1, GroupKind, OrgRole, Reply,
    TaggedCommand as T,
};
use throng::wire::{ClientMessageId, DeviceId, GroupId, HoldId, PersonId, RecordNumber, TenantId};

const DAY_US: i64 = 86_400_000_000;
const STEPS: u64 = 44;
const ACME: TenantId = TenantId(1);
const GROUPS: [GroupId; 2] = [GroupId(1), GroupId(2)];
const ADMINS: [PersonId; 2] = [PersonId(1), PersonId(2)];
const SPEAKER: PersonId = PersonId(3);
const MANIFEST: &str = "/manifest.json";

/// Group and UTC day: what content is kept and erased by.
type Unit = (GroupId, i32);

/// A message, by its place the one with this client's id.
struct Said {
    group: GroupId,
    day: i32,
    text: String,
    /// Where it was acknowledged to be.
    told: Option<RecordNumber>,
}

/// What is asked and not answered yet.
enum Asked {
    Message(usize),
    Hold(GroupId, i32),
    Export,
    Other,
}

/// What the world has been told.
struct Model {
    clock: Arc<ManualClock>,
    is_sealed: bool,
    /// The master key, and the one it is being exchanged for.
    master: u8,
    next_master: Option<u8>,
    said: Vec<Said>,
    asked: Vec<(Ticket, Asked)>,
    /// Of each record that was durable: its commitment, tenant and day.
    leaves: Vec<([u8; 32], TenantId, i32)>,
    /// States that were decided, by the first record that is not in them.
    hashes: BTreeMap<u64, [u8; 32]>,
    checkpoints: Vec<Vec<u8>>,
    published: u64,
    /// Days are kept by a hold that was acknowledged.
    held: BTreeMap<HoldId, Unit>,
    /// What is gone by a durable record, and what was ever decided to be.
    gone: BTreeSet<Unit>,
    decided_gone: BTreeSet<Unit>,
    /// Manifests of exports that were recorded to be complete.
    exported: BTreeMap<String, Vec<u8>>,
}

fn master(number: u8) -> MasterKey {
    MasterKey::new([number; 32])
}

fn log(disk: &Faulty) -> Folder {
    Folder::of(disk, "log/")
}

fn tiles(disk: &Faulty) -> Folder {
    Folder::of(disk, "tlog/")
}

fn key() -> SigningKey {
    SigningKey::new("everything.example", [9; 32]).unwrap()
}

impl Model {
    /// The engine, by the master key that opens it.
    fn open(&self, disk: &Faulty, seed: u64) -> Option<(Stepped, u8)> {
        let mut random = Random::new(seed);
        let entropy = std::array::from_fn(|_| random.number() as u8);
        let masters = self.next_master.into_iter().chain([self.master]);
        let opened = masters.map(|number| {
            let mut options = Options::default();
            options.log = options.log.with_segment_bytes(4 * 1024);
            options.log.check_threads = 1;
            options.log.encryption = self.is_sealed.then(|| Encryption::new(master(number)));
            options.transparency = Some(Transparency::new(Arc::new(tiles(disk)), key()));
            options.exports = Some(Arc::new(Folder::of(disk, "exports/")));
            let storage = Arc::new(log(disk));
            let stepped = Stepped::open_on(storage, options, self.clock.clone(), entropy);
            stepped.map(|stepped| (stepped, number))
        });
        let mut why = Vec::new();
        for opened in opened {
            match opened {
                Ok(opened) => return Some(opened),
                Err(error) => why.push(error.to_string()),
            }
        }
        // Only without power: the disk says nothing then.
        assert!(disk.is_dead(), "it does not open: {why:?}");
        None
    }

    fn today(&self) -> i32 {
        use throng::engine::Clock;
        self.clock.wall().utc_day()
    }

    fn units(&self) -> BTreeSet<Unit> {
        self.said
            .iter()
            .map(|said| (said.group, said.day))
            .collect()
    }

    fn gone_by(&self, stepped: &Stepped) -> BTreeSet<Unit> {
        let (gone, units) = (stepped.gone(), self.units().into_iter());
        units
            .filter(|(group, day)| gone.has(ACME, *group, *day))
            .collect()
    }

    fn ask(&mut self, stepped: &Stepped, actor: Actor, body: T, what: Asked) {
        let (tenant, second_factor) = (ACME, false);
        let tenant = if matches!(body, T::CreateTenant(_)) {
            TenantId(0)
        } else {
            tenant
        };
        let command = Command {
            tenant,
            actor,
            second_factor,
            body: body.into(),
        };
        let ticket = stepped.engine().execute(command).expect("there is room");
        self.asked.push((ticket, what));
    }

    fn say(&mut self, stepped: &Stepped, number: usize) {
        let said = &self.said[number];
        let id = ClientMessageId(number as u128 + 1);
        let message = Message::text(said.group, SPEAKER, id, &said.text);
        let ticket = stepped.engine().try_publish(ACME, &message);
        self.asked
            .push((ticket.expect("there is room"), Asked::Message(number)));
    }

    /// Decides and writes what was asked, and takes the answers; whether the power is there still.
    fn flush(&mut self, disk: &Faulty, stepped: &mut Stepped) -> bool {
        stepped.decide();
        let (next, hash) = stepped.state_hash();
        self.hashes.insert(next.0, hash);
        let gone = self.gone_by(stepped);
        for (group, day) in gone.difference(&self.gone) {
            let held = self.held.values().any(|held| *held == (*group, *day));
            assert!(!held, "day {day} of {group:?} is held");
        }
        self.decided_gone.extend(&gone);
        if stepped.write().is_err() {
            return false;
        }
        self.gone = gone;
        for (ticket, what) in std::mem::take(&mut self.asked) {
            match (ticket.wait(), what) {
                (Ok(Reply::Published(at)), Asked::Message(number)) => {
                    let told = self.said[number].told.replace(at.record);
                    assert!(
                        told.is_none_or(|told| told == at.record),
                        "it is there twice"
                    );
                }
                (Ok(Reply::HoldPlaced(placed)), Asked::Hold(group, day)) => {
                    self.held.insert(placed.hold, (group, day));
                }
                (Ok(Reply::ApprovalPending(pending)), _) => {
                    let approve = DecideApprovalV1 {
                        approval: pending.approval,
                        approve: true,
                        reason: String::new(),
                    };
                    self.ask(
                        stepped,
                        person(ADMINS[1]),
                        T::DecideApproval(approve),
                        Asked::Other,
                    );
                }
                (Ok(_), Asked::Export) => self.note_exports(disk),
                (Err(ExecuteError::Stopped), _) => panic!("it was written and not answered"),
                // More than two segments in one batch.
                (Err(ExecuteError::Refused(Refusal::DiskFull)), _) => {}
                (answer, Asked::Message(_)) => panic!("{answer:?}"),
                _ => {}
            }
        }
        self.note_leaves(stepped)
    }

    fn note_exports(&mut self, disk: &Faulty) {
        for name in disk.names().unwrap_or_default() {
            if name.ends_with(MANIFEST) {
                let bytes = disk.contents(&name).expect("a listed file");
                self.exported.entry(name).or_insert(bytes);
            }
        }
    }

    fn note_leaves(&mut self, stepped: &Stepped) -> bool {
        let (reader, from) = (stepped.engine().reader(), self.leaves.len() as u64);
        let left = reader.durable().0.saturating_sub(from);
        if left == 0 {
            return true;
        }
        let from = RecordNumber(from.max(reader.first().0));
        let (Ok(leaves), Ok(records)) = (
            reader.commitments(from, left as usize),
            read_from(&reader, from),
        ) else {
            return false;
        };
        for (leaf, record) in leaves.into_iter().zip(records) {
            let header = record.envelope.header();
            self.leaves
                .push((leaf, header.tenant(), header.timestamp().utc_day()));
        }
        true
    }

    fn look_at_checkpoint(&mut self, disk: &Faulty) {
        if let Some(note) = disk.contents("tlog/checkpoint")
            && self.checkpoints.last() != Some(&note)
        {
            self.checkpoints.push(note);
        }
    }

    fn settle_in(&mut self, stepped: &Stepped) {
        let people = (1..=4).map(|number| {
            let mut person = employee(number);
            if number <= ADMINS.len() {
                person.role = OrgRole::SuperAdmin;
            }
            person
        });
        let people = AddPeopleV1 {
            people: people.collect(),
        };
        let group = CreateGroupV1 {
            kind: GroupKind::Internal,
            name: "Team".into(),
            owner: SPEAKER,
            members: vec![PersonId(1), PersonId(4)],
        };
        self.ask(
            stepped,
            Actor::Node,
            T::CreateTenant(tenant("Acme")),
            Asked::Other,
        );
        self.ask(
            stepped,
            Actor::Enterprise,
            T::AddPeople(people),
            Asked::Other,
        );
        for _ in GROUPS {
            self.ask(
                stepped,
                Actor::Enterprise,
                T::CreateGroup(group.clone()),
                Asked::Other,
            );
        }
    }

    fn live(&mut self, disk: &Faulty, seed: u64) -> Option<()> {
        let mut random = Random::new(seed ^ 0xabcd);
        let mut stepped = self.open(disk, seed)?.0;
        if stepped.engine().durable() == RecordNumber(0) {
            self.settle_in(&stepped);
        }
        let mut goes_on = self.flush(disk, &mut stepped);
        for _ in 0..STEPS {
            goes_on = goes_on && self.step(disk, &mut stepped, &mut random);
        }
        if !goes_on || !self.flush(disk, &mut stepped) || random.below(2) == 0 {
            return None;
        }
        stepped.close().ok()?;
        let next = self.master + 1;
        if self.is_sealed && random.below(2) == 0 {
            self.next_master = Some(next);
            rewrap(&log(disk), &master(self.master), &master(next), [next; 32]).ok()?;
            (self.master, self.next_master) = (next, None);
        }
        Some(())
    }
}

fn person(person: PersonId) -> Actor {
    let device = DeviceId(1);
    Actor::Person { person, device }
}

fn read_from(
    reader: &throng::log::Reader,
    from: RecordNumber,
) -> Result<Vec<Record>, throng::log::ReadError> {
    let (mut records, mut next) = (Vec::new(), from);
    while next < reader.durable() {
        records.extend(reader.read(next, 1 << 20)?);
        next = RecordNumber(from.0 + records.len() as u64);
    }
    Ok(records)
}

impl Work for Model {
    const SEEDS: u64 = 3_000;
    const EXHAUSTIVE_SEEDS: u64 = 2;
    const BOUNDARIES: u64 = 240;

    fn new(seed: u64) -> Self {
        Self {
            clock: Arc::new(ManualClock::at(NOON)),
            is_sealed: !seed.is_multiple_of(3),
            master: 1,
            next_master: None,
            said: Vec::new(),
            asked: Vec::new(),
            leaves: Vec::new(),
            hashes: BTreeMap::new(),
            checkpoints: Vec::new(),
            published: 0,
            held: BTreeMap::new(),
            gone: BTreeSet::new(),
            decided_gone: BTreeSet::new(),
            exported: BTreeMap::new(),
        }
    }

    fn work(&mut self, disk: &Faulty, seed: u64) {
        self.live(disk, seed);
        self.asked.clear();
        self.look_at_checkpoint(disk);
    }

    fn recover(&self, disk: &Faulty, seed: u64) {
        drop(self.open(disk, seed));
    }

    fn check(&mut self, disk: &Faulty, seed: u64) {
        let mut random = Random::new(seed ^ 0xc4ec);
        self.check_keys(disk, &mut random);
        let opened = self.open(disk, seed);
        let (mut stepped, master) = opened.expect("a crash never keeps it closed");
        (self.master, self.next_master) = (master, None);
        let newly_gone = self.gone_by(&stepped);
        self.check_records(&stepped);
        // What was decided behind its end is as if it had never been.
        let end = stepped.engine().durable().0;
        self.hashes.retain(|next, _| *next <= end);
        self.gone = newly_gone;
        assert!(self.note_leaves(&stepped));
        self.check_tree(disk, &mut random);
        let report = archive::verify(&log(disk), 1, &|_| {}).expect("it can be read");
        assert!(report.is_sound(), "{report:?}");
        for (name, manifest) in &self.exported {
            assert_eq!(disk.contents(name).as_ref(), Some(manifest), "{name}");
        }
        // Who was not answered asks again, and is not recorded twice.
        if stepped.engine().durable() > RecordNumber(0) {
            for number in 0..self.said.len() {
                if self.said[number].told.is_none() && self.said[number].day == self.today() {
                    self.say(&stepped, number);
                }
            }
        }
        assert!(self.flush(disk, &mut stepped), "the disk is fine");
        self.check_records(&stepped);
    }

    /// What a crash left undone is done in the end.
    fn settle(&mut self, disk: &Faulty, seed: u64) {
        let mut stepped = self.open(disk, seed).expect("it opens again").0;
        for _ in 0..3 {
            stepped.take_from_disk();
            stepped.idle().expect("the disk is fine");
            assert!(stepped.publish());
            stepped.snapshot();
        }
        assert!(!stepped.engine().stats().custody_is_pending);
        drop(stepped);
        self.check(disk, seed);
        self.check_bytes(disk);
    }
}

#[test]
fn a_crash_of_everything_at_a_boundary_of_any_seed_breaks_no_promise() {
    crashes::at_a_boundary_of_each_seed::<Model>();
}

#[test]
fn a_crash_of_everything_at_every_boundary_of_some_seeds_breaks_no_promise() {
    crashes::at_every_boundary_of_some_seeds::<Model>();
}

#[test]
fn a_run_of_everything_does_all_of_it() {
    let mut done = [0; 6];
    for seed in 0..60 {
        let (disk, mut model) = (Faulty::new(seed), Model::new(seed));
        model.work(&disk, seed);
        let names = disk.names().expect("names");
        let has = |end: &str| names.iter().any(|name| name.ends_with(end));
        let did = [
            has(".base"),
            has(".snapshot"),
            has(MANIFEST),
            model.master > 1,
            !model.gone.is_empty(),
            model.published > 0,
        ];
        for (all, one) in done.iter_mut().zip(did) {
            *all += u64::from(one);
        }
    }
    println!(
        "of 60 runs removed files, took snapshots, exported, changed the key, lost content, published: {done:?}"
    );
    assert!(done.iter().all(|done| *done > 2), "{done:?}");
}
