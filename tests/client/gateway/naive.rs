//! A server by the letter of docs/wire.md, in any interleaving of its two streams and the gateway's
//! requests: every reader is given every message of their memberships once and nothing else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use throng::client::GroupCursor;
use throng::wire::{GroupId, Reader, ReaderChange};

use super::scene::{Call, Scene, begin, change, envelope};

const GROUPS: u64 = 2;
const PEOPLE: u64 = 3;
const DEVICES: u32 = 2;

#[derive(Clone, Copy, Debug)]
enum Step {
    Publish { group: u64, urgent: bool },
    Join { group: u64, person: u64 },
    Leave { group: u64, person: u64 },
    Attach { person: u64, device: u32 },
    Detach { person: u64, device: u32 },
    ServerReads,
    Live { group: u64 },
    CatchUp { group: u64 },
    ClientReads { envelopes: usize },
    ClientReadsUrgent,
}

fn step() -> impl Strategy<Value = Step> {
    let (group, person, device) = (1..=GROUPS, 1..=PEOPLE, 1..=DEVICES);
    prop_oneof![
        6 => (group.clone(), any::<bool>()).prop_map(|(group, urgent)| Step::Publish { group, urgent }),
        2 => (group.clone(), person.clone()).prop_map(|(group, person)| Step::Join { group, person }),
        1 => (group.clone(), person.clone()).prop_map(|(group, person)| Step::Leave { group, person }),
        2 => (person.clone(), device.clone()).prop_map(|(person, device)| Step::Attach { person, device }),
        1 => (person, device).prop_map(|(person, device)| Step::Detach { person, device }),
        3 => Just(Step::ServerReads),
        6 => group.clone().prop_map(|group| Step::Live { group }),
        4 => group.prop_map(|group| Step::CatchUp { group }),
        4 => (1..6usize).prop_map(|envelopes| Step::ClientReads { envelopes }),
        2 => Just(Step::ClientReadsUrgent),
    ]
}

/// What a server has written and the gateway has not read.
#[derive(Debug)]
enum Written {
    Message(u64, u64),
    Readers(u64, u64, Reader),
}

#[derive(Debug)]
enum Asked {
    Attach(u64, u32, BTreeMap<u64, u64>),
    Detach(u64, u32),
}

#[derive(Debug, Default)]
struct ServerGroup {
    head: u64,
    changed_at: u64,
    joined_at: BTreeMap<u64, u64>,
    /// Everyone's memberships, begin and end.
    memberships: Vec<(u64, u64, Option<u64>)>,
    live: Option<u64>,
    catch_up: Option<u64>,
}

/// From each first sequence on, up to before the second, if any.
type Stretches = Vec<(u64, Option<u64>)>;

#[derive(Default)]
struct World {
    groups: BTreeMap<u64, ServerGroup>,
    attached: BTreeSet<(u64, u32)>,
    normal: VecDeque<Written>,
    urgent: VecDeque<(u64, u64, u64)>,
    asked: VecDeque<Asked>,
    scene: Scene,
    here: BTreeSet<(u64, u32)>,
    kept: BTreeMap<(u64, u32), Vec<GroupCursor>>,
    /// From where each attached device was to be given each group.
    due: BTreeMap<(u64, u32, u64), Stretches>,
}

impl World {
    fn new() -> Self {
        let mut world = Self::default();
        for group in 1..=GROUPS {
            world.groups.insert(group, ServerGroup::default());
        }
        world
    }

    fn reads(&self, group: u64) -> bool {
        let joined = &self.groups[&group].joined_at;
        let mut attached = self.attached.iter();
        attached.any(|(person, _)| joined.contains_key(person))
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish { group, urgent } => self.publish(group, urgent),
            Step::Join { group, person } => self.join(group, person),
            Step::Leave { group, person } => self.leave(group, person),
            Step::Attach { person, device } => {
                if self.here.insert((person, device)) {
                    let cursors = self.kept.remove(&(person, device)).unwrap_or_default();
                    self.scene.attach(person, device, &cursors);
                    let floors = cursors.iter().map(|kept| (kept.group.0, kept.floor.0));
                    let attach = Asked::Attach(person, device, floors.collect());
                    self.asked.push_back(attach);
                }
            }
            Step::Detach { person, device } => {
                if self.here.remove(&(person, device)) {
                    let cursors = self.scene.detach(person, device).expect("is here");
                    self.kept.insert((person, device), cursors);
                    self.asked.push_back(Asked::Detach(person, device));
                }
            }
            Step::ServerReads => match self.asked.pop_front() {
                Some(Asked::Attach(person, device, floors)) => {
                    self.server_attaches(person, device, &floors);
                }
                Some(Asked::Detach(person, device)) => self.server_detaches(person, device),
                None => {}
            },
            Step::Live { group } => self.live(group),
            Step::CatchUp { group } => self.catch_up(group),
            Step::ClientReads { envelopes } => {
                for written in self.normal.drain(..envelopes.min(self.normal.len())) {
                    match written {
                        Written::Message(group, sequence) => {
                            self.scene
                                .message_in(GroupId(group), sequence)
                                .expect("the scene keeps to the rules");
                        }
                        Written::Readers(group, live_next, reader) => {
                            let group = GroupId(group);
                            self.scene
                                .change_in(group, live_next, &[reader])
                                .expect("the scene keeps to the rules");
                        }
                    }
                }
            }
            Step::ClientReadsUrgent => {
                if let Some((group, sequence, changed_at)) = self.urgent.pop_front() {
                    let message = envelope(GroupId(group), sequence, changed_at);
                    let (table, calls) = (&mut self.scene.table, &mut self.scene.calls);
                    table
                        .on_urgent(message.header(), message.body(), calls)
                        .expect("the scene keeps to the rules");
                }
            }
        }
    }

    fn publish(&mut self, group: u64, urgent: bool) {
        let state = self.groups.get_mut(&group).expect("a group of the scene");
        state.head += 1;
        if urgent && state.live.is_some() {
            let urgent = (group, state.head, state.changed_at);
            self.urgent.push_back(urgent);
        }
    }

    fn join(&mut self, group: u64, person: u64) {
        let state = self.groups.get_mut(&group).expect("a group of the scene");
        if state.joined_at.contains_key(&person) {
            return;
        }
        state.head += 1;
        let at = state.head;
        state.changed_at = at;
        state.joined_at.insert(person, at);
        state.memberships.push((person, at, None));
        let devices = self.attached.iter().filter(|(who, _)| *who == person);
        let devices: Vec<_> = devices.map(|(_, device)| *device).collect();
        if devices.is_empty() {
            return;
        }
        let live = *state.live.get_or_insert(at);
        for device in devices {
            let due = self.due.entry((person, device, group)).or_default();
            due.push((at, None));
            let reader = change(person, device, ReaderChange::Begin, at);
            self.normal.push_back(Written::Readers(group, live, reader));
        }
    }

    fn leave(&mut self, group: u64, person: u64) {
        let state = self.groups.get_mut(&group).expect("a group of the scene");
        if state.joined_at.remove(&person).is_none() {
            return;
        }
        state.head += 1;
        let at = state.head;
        state.changed_at = at;
        for membership in &mut state.memberships {
            if membership.0 == person {
                membership.2.get_or_insert(at);
            }
        }
        for (_, due) in self
            .due
            .iter_mut()
            .filter(|(key, _)| key.0 == person && key.2 == group)
        {
            for span in due {
                span.1.get_or_insert(at);
            }
        }
        let devices = self.attached.iter().filter(|(who, _)| *who == person);
        for (live, (_, device)) in state.live.into_iter().cycle().zip(devices) {
            let end = change(person, *device, ReaderChange::End, at);
            self.normal.push_back(Written::Readers(group, live, end));
        }
        self.stop_if_unread(group);
    }

    /// Reads a group no more that nobody here is a member of; first of all what those who left are
    /// still to be given.
    fn stop_if_unread(&mut self, group: u64) {
        if self.reads(group) {
            return;
        }
        let due = self.due.iter().filter(|(key, _)| key.2 == group);
        let due = due.filter(|(key, _)| self.attached.contains(&(key.0, key.1)));
        let last = due.filter_map(|(_, spans)| spans.last()?.1).max();
        if let Some(last) = last {
            while self.groups[&group].live.is_some_and(|live| live < last) {
                self.live(group);
            }
            while self.groups[&group].catch_up.is_some() {
                self.catch_up(group);
            }
        }
        let state = self.groups.get_mut(&group).expect("a group of the scene");
        (state.live, state.catch_up) = (None, None);
    }

    fn server_attaches(&mut self, person: u64, device: u32, floors: &BTreeMap<u64, u64>) {
        self.attached.insert((person, device));
        self.due.retain(|key, _| (key.0, key.1) != (person, device));
        for (group, state) in &mut self.groups {
            let Some(join) = state.joined_at.get(&person) else {
                continue;
            };
            let at = floors
                .get(group)
                .map_or(*join, |floor| (floor + 1).max(*join));
            let live = *state.live.get_or_insert(state.head + 1);
            if at < live {
                state.catch_up = Some(state.catch_up.map_or(at, |from| from.min(at)));
            }
            self.due.insert((person, device, *group), vec![(at, None)]);
            let mut reader = begin(person, at);
            reader.device.0 = device;
            self.normal
                .push_back(Written::Readers(*group, live, reader));
        }
    }

    fn server_detaches(&mut self, person: u64, device: u32) {
        self.attached.remove(&(person, device));
        let gone = change(person, device, ReaderChange::Gone, 0);
        self.normal.push_back(Written::Readers(0, 0, gone));
        for group in 1..=GROUPS {
            self.stop_if_unread(group);
        }
    }

    fn live(&mut self, group: u64) {
        let state = self.groups.get_mut(&group).expect("a group of the scene");
        if let Some(live) = state.live.filter(|live| *live <= state.head) {
            state.live = Some(live + 1);
            self.normal.push_back(Written::Message(group, live));
        }
    }

    fn catch_up(&mut self, group: u64) {
        let state = self.groups.get_mut(&group).expect("a group of the scene");
        if let Some(next) = state.catch_up {
            state.catch_up = Some(next + 1).filter(|next| Some(*next) < state.live);
            self.normal.push_back(Written::Message(group, next));
        }
    }

    /// Everything is written and read.
    fn settle(&mut self) {
        while !self.asked.is_empty() {
            self.step(Step::ServerReads);
        }
        for group in 1..=GROUPS {
            let head = self.groups[&group].head;
            while self.groups[&group].live.is_some_and(|live| live <= head) {
                self.live(group);
            }
            while self.groups[&group].catch_up.is_some() {
                self.catch_up(group);
            }
        }
        let envelopes = self.normal.len();
        self.step(Step::ClientReads { envelopes });
        while !self.urgent.is_empty() {
            self.step(Step::ClientReadsUrgent);
        }
    }

    fn check(&self) {
        for person in 1..=PEOPLE {
            for device in 1..=DEVICES {
                for group in 1..=GROUPS {
                    self.check_reader(person, device, group);
                }
            }
        }
    }

    fn check_reader(&self, person: u64, device: u32, group: u64) {
        let key = 10 * person + u64::from(device);
        let calls = self.scene.calls.0.iter();
        let calls = calls.filter(|call| call.0 == key && call.1 == GroupId(group));
        let state = &self.groups[&group];
        let mut given = BTreeSet::new();
        for (_, _, call) in calls {
            if let Call::Message(sequence) = call {
                assert!(given.insert(*sequence), "{key} was given {sequence} twice");
                let mut memberships = state.memberships.iter();
                let member = memberships.any(|(who, begin, end)| {
                    *who == person && begin <= sequence && end.is_none_or(|end| *sequence < end)
                });
                assert!(member, "{key} was given {sequence} and was no member");
            }
        }
        if !self.here.contains(&(person, device)) {
            return;
        }
        let due = self.due.get(&(person, device, group));
        for (begin, end) in due.into_iter().flatten() {
            for sequence in *begin..end.unwrap_or(state.head + 1) {
                let had = given.contains(&sequence);
                assert!(had, "{key} was not given {sequence} of group {group}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everyone_is_given_their_memberships_once_and_nothing_else(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.settle();
        world.check();
    }
}
