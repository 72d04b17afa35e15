//! Attach, detach, publish, join, leave, slow gateways, small rings, a slow log, repeats and reconnects
//! in any order, against a model that only knows who may read what.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use throng::engine::Item;
use throng::model::{MembershipDelta, WatchWindow};
use throng::shard::Config;
use throng::wire::{
    AttachedGroup, Cursor, DeviceId, GroupId, Kind, PersonId, Priority, Sequence, Timestamp,
};

use crate::gateways::client::{Client, Who};
use crate::shard_world::{Stream, TENANT, World, delta};

const GROUPS: u64 = 3;
const PEOPLE: u64 = 4;
const GATEWAYS: u64 = 2;

#[derive(Debug, Clone)]
enum Step {
    Publish {
        group: u64,
        len: usize,
    },
    ToggleMember {
        group: u64,
        person: u64,
    },
    ToggleViewer {
        group: u64,
        person: u64,
    },
    SetWindow {
        group: u64,
        length: i64,
    },
    Repeat,
    Attach {
        gateway: u64,
        person: u64,
        cursor: Option<u64>,
        live_only: bool,
    },
    Detach {
        gateway: u64,
        index: usize,
    },
    End {
        person: u64,
        one_device: bool,
    },
    Reconnect {
        gateway: u64,
    },
    Room {
        gateway: u64,
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
}

fn step() -> impl Strategy<Value = Step> {
    let group = 1..=GROUPS;
    let gateway = 0..GATEWAYS;
    let cursor = prop::option::of(prop_oneof![6 => 0..40_u64, 1 => Just(u64::MAX)]);
    let room = prop_oneof![2 => Just(None), 3 => (0..6_usize).prop_map(Some)];
    let len = prop_oneof![0..200_usize, 3_000..9_000_usize];
    prop_oneof![
        8 => (group.clone(), len).prop_map(|(group, len)| Step::Publish { group, len }),
        3 => (group, 0..PEOPLE).prop_map(|(group, person)| Step::ToggleMember { group, person }),
        3 => (1..=GROUPS, 0..PEOPLE).prop_map(|(group, person)| Step::ToggleViewer { group, person }),
        2 => (1..=GROUPS, 0..40_i64).prop_map(|(group, length)| Step::SetWindow { group, length }),
        1 => Just(Step::Repeat),
        5 => (gateway.clone(), 0..PEOPLE, cursor, any::<bool>()).prop_map(
            |(gateway, person, cursor, live_only)| Step::Attach { gateway, person, cursor, live_only }
        ),
        2 => (gateway.clone(), any::<usize>())
            .prop_map(|(gateway, index)| Step::Detach { gateway, index }),
        1 => (0..PEOPLE, any::<bool>())
            .prop_map(|(person, one_device)| Step::End { person, one_device }),
        1 => gateway.clone().prop_map(|gateway| Step::Reconnect { gateway }),
        3 => (gateway, room).prop_map(|(gateway, room)| Step::Room { gateway, room }),
        4 => (1..4_usize).prop_map(|strides| Step::Flush { strides }),
        4 => (any::<usize>(), 1..5_usize).prop_map(|(index, count)| Step::Answer { index, count }),
        1 => any::<usize>().prop_map(|index| Step::FailFetch { index }),
        1 => Just(Step::RetryFetches),
    ]
}

/// What a device may read of a group: from each first sequence up to before the second, if any.
type Memberships = BTreeMap<u64, Vec<(u64, Option<u64>)>>;

struct Model {
    world: World,
    clients: Vec<Client>,
    /// Who is on which gateway, and what they may read.
    here: BTreeMap<(u64, Who), Memberships>,
    /// Who has a viewer's seat, by group and person.
    seats: BTreeSet<(u64, u64)>,
    /// When each group's window closes.
    windows: BTreeMap<u64, Timestamp>,
    /// Who reads as a viewer now, where and in which group.
    watching: BTreeSet<(u64, Who, u64)>,
    devices_ever: u32,
    /// What the latest record of a change of members showed.
    latest: Option<MembershipDelta>,
}

impl Model {
    fn new() -> Self {
        let mut world = World::new(Config {
            ring_bytes: 16 * 1024,
            write_bytes: 4 * 1024,
            fetch_sequences: 4,
            fetch_bytes: 4 * 1024,
            fetches: 2,
            ..Config::default()
        });
        for gateway in 0..GATEWAYS {
            world.core.open_gateway(gateway, TENANT);
            world.streams.of.insert(gateway, Stream::default());
        }
        Self {
            world,
            clients: (0..GATEWAYS).map(|_| Client::default()).collect(),
            here: BTreeMap::new(),
            seats: BTreeSet::new(),
            windows: BTreeMap::new(),
            watching: BTreeSet::new(),
            devices_ever: 0,
            latest: None,
        }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Publish { group, len } => {
                self.record(group, Kind::Text, len);
                self.release(group);
            }
            Step::ToggleMember { group, person } => self.toggle(group, person),
            Step::ToggleViewer { group, person } => self.toggle_viewer(group, person),
            Step::SetWindow { group, length } => self.set_window(group, length),
            Step::Repeat => {
                if let Some(delta) = self.latest {
                    self.world.core.on_item(&Item::Membership(delta));
                    self.release(delta.group.0);
                }
            }
            Step::Attach {
                gateway,
                person,
                cursor,
                live_only,
            } => {
                self.attach(gateway, person, cursor, live_only);
            }
            Step::Detach { gateway, index } => {
                let here = self.here.keys().filter(|(at, _)| *at == gateway);
                let here: Vec<Who> = here.map(|(_, who)| *who).collect();
                if let Some(at) = index.checked_rem(here.len()) {
                    self.detach(gateway, here[at]);
                }
            }
            Step::End { person, one_device } => self.end(person, one_device),
            Step::Reconnect { gateway } => self.reconnect(gateway),
            Step::Room { gateway, room } => self.world.give_room(gateway, room),
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
        }
    }

    /// A record of a group, a moment after the one before; it may be the end of its viewers.
    fn record(&mut self, group: u64, kind: Kind, len: usize) -> u64 {
        self.world.now = self.world.now.plus_micros(1);
        let body = vec![0x5a; len];
        let at = self.world.record(group, kind, Priority::Normal, &body);
        if !self.is_open(group) {
            self.end_viewers(group, at);
        }
        at
    }

    fn is_open(&self, group: u64) -> bool {
        let closes = self.windows.get(&group);
        closes.is_some_and(|closes| self.world.now < *closes)
    }

    fn end_viewers(&mut self, group: u64, at: u64) {
        let watching = std::mem::take(&mut self.watching);
        let (ended, watching) = watching.into_iter().partition(|it| it.2 == group);
        self.watching = watching;
        let ended: BTreeSet<_> = ended;
        for (gateway, who, _) in ended {
            let here = self
                .here
                .get_mut(&(gateway, who))
                .expect("who watches is here");
            let stretches = here.get_mut(&group).expect("who watches reads");
            stretches.last_mut().expect("from somewhere on").1 = Some(at);
        }
    }

    fn is_online(&self, group: u64) -> bool {
        let members = &self.world.groups[&group].members;
        let mut here = self.here.keys();
        here.any(|(_, (person, _))| {
            members.contains_key(person) || self.seats.contains(&(group, *person))
        })
    }

    /// The latest envelope of a group comes to the shard, if a member or viewer is here.
    fn release(&mut self, group: u64) {
        if self.is_online(group) {
            self.world.deliver(group);
        }
    }

    fn toggle_viewer(&mut self, group: u64, person: u64) {
        let log = self.world.groups.entry(group).or_default();
        if log.members.contains_key(&person) {
            return;
        }
        let first = log.head() + 1;
        let joins = !self.seats.contains(&(group, person));
        if joins && !self.is_open(group) {
            return;
        }
        let here = self.here.iter_mut().filter(|((_, who), _)| who.0 == person);
        for (&(gateway, who), memberships) in here {
            let stretches = memberships.entry(group).or_default();
            if joins {
                self.watching.insert((gateway, who, group));
                stretches.push((first, None));
            } else if self.watching.remove(&(gateway, who, group)) {
                stretches.last_mut().expect("a viewer reads").1 = Some(first);
            }
        }
        let delta = MembershipDelta {
            viewer: true,
            ..delta(group, person, joins, if joins { first } else { 0 })
        };
        if self.here.keys().any(|(_, who)| who.0 == person) {
            self.world.core.on_item(&Item::Membership(delta));
        }
        if joins {
            self.seats.insert((group, person));
            self.tell_window(group);
        } else {
            self.seats.remove(&(group, person));
        }
    }

    fn set_window(&mut self, group: u64, length: i64) {
        let closes = self.world.now.plus_micros(length);
        self.windows.insert(group, closes);
        if !self.is_open(group) {
            let next = self.world.groups[&group].head() + 1;
            self.end_viewers(group, next);
        }
        self.tell_window(group);
    }

    fn tell_window(&mut self, group: u64) {
        if self.is_online(group) {
            let window = WatchWindow {
                tenant: TENANT,
                group: GroupId(group),
                is_open: self.is_open(group),
                closes: self.windows[&group],
            };
            self.world.core.on_item(&Item::Window(window));
        }
    }

    fn toggle(&mut self, group: u64, person: u64) {
        let log = self.world.groups.entry(group).or_default();
        let joins = log.members.remove(&person).is_none();
        let kind = if joins { Kind::Joined } else { Kind::Left };
        let at = self.record(group, kind, 0);
        if joins {
            self.seats.remove(&(group, person));
            let log = self.world.groups.entry(group).or_default();
            log.members.insert(person, at);
        }
        for ((gateway, who), memberships) in &mut self.here {
            if who.0 != person {
                continue;
            }
            let memberships = memberships.entry(group).or_default();
            match memberships.last_mut() {
                // Who watched goes on reading.
                _ if self.watching.remove(&(*gateway, *who, group)) => {}
                _ if joins => memberships.push((at, None)),
                Some((_, end)) => *end = Some(at),
                None => unreachable!("a member reads the group wherever they are"),
            }
        }
        let delta = delta(group, person, joins, at);
        self.latest = Some(delta);
        if self.here.keys().any(|(_, who)| who.0 == person) {
            self.world.core.on_item(&Item::Membership(delta));
        }
        self.release(group);
    }

    fn attach(&mut self, gateway: u64, person: u64, cursor: Option<u64>, live_only: bool) {
        self.latest = None;
        self.devices_ever += 1;
        let who = (person, self.devices_ever);
        let mut attached = self.world.attached(person);
        attached.device = DeviceId(who.1);
        for group in 1..=GROUPS {
            if self.seats.contains(&(group, person)) && self.is_open(group) {
                let head = Sequence(self.world.groups[&group].head());
                let id = GroupId(group);
                attached
                    .groups
                    .push(AttachedGroup::new(id, head.next(), head, head));
                attached.watched.push((id, self.windows[&group]));
                self.watching.insert((gateway, who, group));
            }
        }
        let mut memberships = Memberships::new();
        for group in &attached.groups {
            let (first, head) = (group.first().0, group.head().0);
            let from = match cursor {
                Some(floor) => first.max(floor.min(head) + 1),
                None if live_only => head + 1,
                None => first,
            };
            memberships.insert(group.group().0, vec![(from, None)]);
        }
        let cursors = cursor.into_iter().flat_map(|floor| {
            (1..=GROUPS).map(move |group| Cursor::new(GroupId(group), Sequence(floor)))
        });
        let cursors: Vec<_> = cursors.collect();
        self.here.insert((gateway, who), memberships);
        self.client(gateway).attach(who);
        let core = &mut self.world.core;
        core.attach_through(gateway, &attached, &cursors, live_only);
    }

    fn client(&mut self, gateway: u64) -> &mut Client {
        &mut self.clients[usize::try_from(gateway).expect("a few gateways")]
    }

    /// The client reads all there is to be read.
    fn read(&mut self, gateway: u64) {
        let chunks = std::mem::take(
            &mut self
                .world
                .streams
                .of
                .get_mut(&gateway)
                .expect("a stream")
                .chunks,
        );
        self.client(gateway).read(&chunks);
        self.world
            .streams
            .of
            .get_mut(&gateway)
            .expect("a stream")
            .chunks = chunks;
    }

    fn detach(&mut self, gateway: u64, who: Who) {
        self.read(gateway);
        self.check(gateway, who, false);
        self.client(gateway).detach(who);
        self.forget(gateway, who);
        let (person, device) = (PersonId(who.0), DeviceId(who.1));
        self.world.core.detach_through(gateway, person, device);
    }

    fn forget(&mut self, gateway: u64, who: Who) {
        self.here.remove(&(gateway, who));
        self.watching
            .retain(|watching| (watching.0, watching.1) != (gateway, who));
    }

    fn end(&mut self, person: u64, one_device: bool) {
        self.latest = None;
        let ending = self.here.keys().filter(|(_, who)| who.0 == person).copied();
        let mut ending: Vec<_> = ending.collect();
        ending.truncate(if one_device { 1 } else { usize::MAX });
        if ending.is_empty() {
            return;
        }
        for (gateway, who) in &ending {
            self.read(*gateway);
            self.check(*gateway, *who, false);
            self.forget(*gateway, *who);
        }
        let device = one_device.then(|| DeviceId(ending[0].1.1));
        let ended = Item::Ended {
            tenant: TENANT,
            person: PersonId(person),
            device,
        };
        self.world.core.on_item(&ended);
    }

    fn reconnect(&mut self, gateway: u64) {
        let here = self.here.keys().filter(|(at, _)| *at == gateway);
        for (_, who) in here.copied().collect::<Vec<_>>() {
            self.detach(gateway, who);
        }
        self.world.core.close_gateway(gateway);
        self.world.core.open_gateway(gateway, TENANT);
        self.world.streams.of.insert(gateway, Stream::default());
        *self.client(gateway) = Client::default();
    }

    fn check(&mut self, gateway: u64, who: Who, complete: bool) {
        let memberships = self.here[&(gateway, who)].clone();
        let given = self.client(gateway).given[&who].clone();
        for (group, log) in &self.world.groups {
            let stretches = memberships.get(group).into_iter().flatten();
            let readable = stretches.flat_map(|(from, end)| *from..end.unwrap_or(log.head() + 1));
            let readable: Vec<_> = readable.collect();
            let given = given.get(group).cloned().unwrap_or_default();
            if complete {
                assert_eq!(given, readable, "{who:?} has all of group {group}");
            } else {
                assert!(
                    readable.starts_with(&given),
                    "{given:?} is not the start of {readable:?}"
                );
            }
        }
    }

    fn finish(mut self) {
        for gateway in 0..GATEWAYS {
            self.world.give_room(gateway, None);
        }
        self.world.settle();
        for gateway in 0..GATEWAYS {
            self.read(gateway);
        }
        for (gateway, who) in self.here.keys().copied().collect::<Vec<_>>() {
            self.check(gateway, who, true);
            self.detach(gateway, who);
        }
        self.world.settle();
        assert_eq!(self.world.core.groups(), 0, "nobody reads anything");
        for gateway in 0..GATEWAYS {
            self.world.core.close_gateway(gateway);
        }
        assert_eq!(self.world.core.sessions(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everybody_on_a_gateway_gets_exactly_what_their_memberships_allow_in_order(
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
