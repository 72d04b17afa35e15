//! Attach, publish, join, leave, reconnect, slow sinks, small rings, little memory and a slow log in
//! any order, against a model that only knows who may read what: every session ends complete, in order, without
//! a duplicate and with nothing from outside its memberships.

use std::collections::{BTreeMap, BTreeSet};

use crate::shard_world::{Sent, World};
use proptest::collection::vec;
use proptest::prelude::*;
use throng::shard::Config;

const GROUPS: u64 = 3;
const PEOPLE: u64 = 3;
/// Two devices a person.
const DEVICES: u64 = 2 * PEOPLE;

#[derive(Debug, Clone)]
enum Step {
    Publish {
        group: u64,
        len: usize,
        urgent: bool,
    },
    ToggleMember {
        group: u64,
        person: u64,
    },
    Connect {
        device: u64,
        cursors: Cursors,
        live_only: bool,
    },
    Disconnect {
        device: u64,
    },
    Room {
        device: u64,
        room: Option<usize>,
    },
    Flush {
        strides: usize,
    },
    Answer {
        index: usize,
        count: usize,
    },
    FailFetch {
        index: usize,
    },
    RetryFetches,
    /// So much of the memory budget is in use elsewhere.
    Press {
        bytes: usize,
    },
    Ack {
        device: u64,
        group: u64,
        floor: u64,
    },
}

#[derive(Debug, Clone, Copy)]
enum Cursors {
    /// What the device has got so far.
    Kept,
    /// None: it begins at its joins.
    None,
    /// The same number for each group, whatever the truth.
    Claimed(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let group = 1..=GROUPS;
    let device = 0..DEVICES;
    let cursors = prop_oneof![
        4 => Just(Cursors::Kept),
        1 => Just(Cursors::None),
        1 => (0..60_u64).prop_map(Cursors::Claimed),
        1 => Just(Cursors::Claimed(u64::MAX)),
    ];
    let room = prop_oneof![2 => Just(None), 3 => (0..6_usize).prop_map(Some)];
    prop_oneof![
        8 => (group.clone(), prop_oneof![0..200_usize, 3_000..9_000_usize], prop::bool::weighted(0.2))
            .prop_map(|(group, len, urgent)| Step::Publish { group, len, urgent }),
        3 => (group.clone(), 0..PEOPLE)
            .prop_map(|(group, person)| Step::ToggleMember { group, person }),
        3 => (device.clone(), cursors, any::<bool>())
            .prop_map(|(device, cursors, live_only)| Step::Connect { device, cursors, live_only }),
        1 => device.clone().prop_map(|device| Step::Disconnect { device }),
        3 => (device.clone(), room).prop_map(|(device, room)| Step::Room { device, room }),
        4 => (1..4_usize).prop_map(|strides| Step::Flush { strides }),
        4 => (any::<usize>(), 1..5_usize).prop_map(|(index, count)| Step::Answer { index, count }),
        1 => any::<usize>().prop_map(|index| Step::FailFetch { index }),
        1 => Just(Step::RetryFetches),
        1 => (0..64 * 1024_usize).prop_map(|bytes| Step::Press { bytes }),
        1 => (device, group, 0..80_u64)
            .prop_map(|(device, group, floor)| Step::Ack { device, group, floor }),
    ]
}

/// What a session may read of a group: from each first sequence up to before the second, if any.
type Memberships = Vec<(u64, Option<u64>)>;

/// One attached session, as the model knows it.
#[derive(Debug, Default)]
struct Expected {
    person: u64,
    memberships: BTreeMap<u64, Memberships>,
    /// Where the client stands before anything comes.
    stands: BTreeMap<u64, u64>,
}

impl Expected {
    fn sequences(&self, group: u64, head: u64) -> Vec<u64> {
        let memberships = self.memberships.get(&group).into_iter().flatten();
        let sequences = memberships.flat_map(|(first, end)| *first..end.unwrap_or(head + 1));
        sequences.collect()
    }
}

struct Model {
    world: World,
    sessions: BTreeMap<u64, Expected>,
    /// Each device's own cursors, kept over reconnects.
    kept: BTreeMap<(u64, u64), u64>,
}

impl Model {
    fn new() -> Self {
        let config = Config {
            ring_bytes: 16 * 1024,
            write_bytes: 4 * 1024,
            catch_up_bytes: 4 * 1024,
            fetch_sequences: 4,
            fetch_bytes: 4 * 1024,
            fetches: 2,
            memory_bytes: 64 * 1024,
        };
        Self {
            world: World::new(config),
            sessions: BTreeMap::new(),
            kept: BTreeMap::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Publish {
                group,
                len,
                urgent: false,
            } => {
                self.world.publish(group, &vec![0x5a; len]);
            }
            Step::Publish {
                group,
                len,
                urgent: true,
            } => {
                self.world.publish_urgent(group, &vec![0x5a; len]);
            }
            Step::ToggleMember { group, person } => self.toggle(group, person),
            Step::Connect {
                device,
                cursors,
                live_only,
            } => {
                self.connect(device, cursors, live_only);
            }
            Step::Disconnect { device } => self.disconnect(device),
            Step::Room { device, room } => {
                if self.sessions.contains_key(&device) {
                    self.world.give_room(device, room);
                }
            }
            Step::Flush { strides } => {
                self.world.flush_strides(strides);
            }
            Step::Answer { index, count } => {
                if let Some(asked) = index.checked_rem(self.world.asked.len()) {
                    self.world.answer(asked, count);
                }
            }
            Step::FailFetch { index } => {
                if let Some(asked) = index.checked_rem(self.world.asked.len()) {
                    self.world.fail(asked);
                }
            }
            Step::RetryFetches => self.world.core.retry_fetches(),
            Step::Press { bytes } => self.world.core.set_elsewhere(bytes),
            Step::Ack {
                device,
                group,
                floor,
            } => self.ack(device, group, floor),
        }
    }

    fn toggle(&mut self, group: u64, person: u64) {
        let log = self.world.groups.entry(group).or_default();
        let joins = !log.members.contains_key(&person);
        let at = if joins {
            self.world.join(group, person)
        } else {
            self.world.leave(group, person)
        };
        for expected in self
            .sessions
            .values_mut()
            .filter(|expected| expected.person == person)
        {
            let memberships = expected.memberships.entry(group).or_default();
            if joins {
                memberships.push((at, None));
                expected.stands.entry(group).or_insert(at - 1);
            } else {
                let last = memberships.last_mut().expect("a member's session reads");
                last.1 = Some(at.max(last.0));
            }
        }
    }

    fn connect(&mut self, device: u64, cursors: Cursors, live_only: bool) {
        self.disconnect(device);
        let person = device / 2;
        let cursors: Vec<(u64, u64)> = match cursors {
            Cursors::None => Vec::new(),
            Cursors::Claimed(floor) => (0..=GROUPS + 1).map(|group| (group, floor)).collect(),
            Cursors::Kept => {
                let kept = self.kept.range((device, 0)..(device + 1, 0));
                kept.map(|((_, group), floor)| (*group, *floor)).collect()
            }
        };
        let mut expected = Expected {
            person,
            ..Expected::default()
        };
        for (&group, log) in &self.world.groups {
            let Some(&joined) = log.members.get(&person) else {
                continue;
            };
            let floor = cursors
                .iter()
                .find(|cursor| cursor.0 == group)
                .map(|cursor| cursor.1);
            let stands = match floor {
                Some(floor) => floor.min(log.head()),
                None if live_only => log.head(),
                None => joined - 1,
            };
            expected.stands.insert(group, stands);
            expected
                .memberships
                .insert(group, vec![(joined.max(stands + 1), None)]);
        }
        self.sessions.insert(device, expected);
        self.world.attach_with(device, person, &cursors, live_only);
    }

    /// What came so far is right as far as it goes, and the device keeps its cursors.
    fn disconnect(&mut self, device: u64) {
        let Some(expected) = self.sessions.remove(&device) else {
            return;
        };
        for (group, cursor) in self.check(device, &expected, false) {
            self.kept.insert((device, group), cursor);
        }
        self.world.detach(device);
    }

    fn ack(&mut self, device: u64, group: u64, floor: u64) {
        let Some(expected) = self.sessions.get(&device) else {
            return;
        };
        self.world.core.ack(
            device,
            throng::wire::GroupId(group),
            throng::wire::Sequence(floor),
        );
        let mut acked = Vec::new();
        self.world.core.take_acks(&mut acked);
        let cursors = self.check(device, expected, false);
        for acked in acked {
            let cursor = cursors.get(&acked.group.0).copied().unwrap_or(0);
            assert!(
                acked.floor.0 <= cursor.min(floor),
                "never beyond what was sent"
            );
        }
    }

    /// Walks what a session was sent as its client would; returns its cursors.
    fn check(&self, device: u64, expected: &Expected, complete: bool) -> BTreeMap<u64, u64> {
        let mut cursors = expected.stands.clone();
        let mut got: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let mut early = BTreeSet::new();
        for urgent in self.world.urgent(device) {
            let Sent::Message { group, sequence } = *urgent else {
                panic!("only messages are urgent");
            };
            assert!(
                early.insert((group, sequence)),
                "{urgent:?} comes early once"
            );
            let readable = expected.sequences(group, self.world.groups[&group].head());
            assert!(
                readable.contains(&sequence),
                "{urgent:?} is not theirs to read"
            );
        }
        let pass_early = |group: u64, cursor: &mut u64, got: &mut BTreeMap<u64, Vec<u64>>| {
            while early.contains(&(group, *cursor + 1)) {
                *cursor += 1;
                got.entry(group).or_default().push(*cursor);
            }
        };
        for sent in self.world.sent(device) {
            let (group, from, to) = match *sent {
                Sent::Message { group, sequence } => (group, sequence, sequence),
                Sent::Skip { group, from, to } => (group, from, to),
            };
            let cursor = cursors
                .get_mut(&group)
                .expect("nothing of a group never joined");
            if from > *cursor + 1 {
                pass_early(group, cursor, &mut got);
            }
            assert_eq!(
                from,
                *cursor + 1,
                "no gap and no duplicate: {sent:?} of device {device}"
            );
            assert!(to >= from);
            *cursor = to;
            match sent {
                Sent::Message { .. } => got.entry(group).or_default().push(to),
                Sent::Skip { .. } => {
                    let readable = expected.sequences(group, self.world.groups[&group].head());
                    assert!(
                        !readable
                            .iter()
                            .any(|sequence| (from..=to).contains(sequence))
                    );
                }
            }
        }
        for (group, cursor) in &mut cursors {
            pass_early(*group, cursor, &mut got);
        }
        for (&group, log) in &self.world.groups {
            let readable = expected.sequences(group, log.head());
            let got = got.remove(&group).unwrap_or_default();
            if complete {
                assert_eq!(got, readable, "device {device} has all of group {group}");
                let removed = expected.memberships.get(&group).and_then(|all| all.last());
                let end = match removed {
                    Some((_, Some(removed_at))) => *removed_at,
                    _ => log.head(),
                };
                if let Some(cursor) = cursors.get(&group) {
                    assert_eq!(*cursor, end, "device {device} stands at the end of {group}");
                }
            } else {
                assert!(
                    readable.starts_with(&got),
                    "{got:?} is not the start of {readable:?}"
                );
            }
        }
        assert!(got.is_empty());
        cursors
    }

    fn finish(mut self) {
        for device in 0..DEVICES {
            if self.sessions.contains_key(&device) {
                self.world.give_room(device, None);
            }
        }
        self.world.settle();
        for (device, expected) in &self.sessions {
            self.check(*device, expected, true);
        }
        let devices: Vec<_> = self.sessions.keys().copied().collect();
        for device in devices {
            self.world.detach(device);
        }
        assert_eq!(
            (self.world.core.sessions(), self.world.core.groups()),
            (0, 0)
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_session_gets_exactly_what_its_memberships_allow_in_order(
        steps in vec(step(), 1..160),
    ) {
        let mut model = Model::new();
        for group in 1..=GROUPS {
            for person in 0..PEOPLE {
                model.toggle(group, person);
            }
        }
        for step in &steps {
            model.take(step);
        }
        model.finish();
    }
}
