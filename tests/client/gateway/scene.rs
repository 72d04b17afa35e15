//! A table, and everything its readers were called with.

use throng::client::GroupCursor;
use throng::client::gateway::{Delivery, ReaderKey, Readers, Table, TableError, TableLimits};
use throng::wire::{
    DeviceId, Envelope, GroupId, HeaderFields, Kind, PersonId, Priority, Reader, ReaderChange,
    ReadersBody, Sequence, SkipBody,
};

pub(crate) const GROUP: GroupId = GroupId(21);

/// What a reader was called with; sequences are of one group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    Message(u64),
    Began(u64),
    Skip(u64, u64),
    Ended(u64),
    Gone,
}

/// Every call, with whom it was for.
#[derive(Debug, Default)]
pub(crate) struct Calls(pub(crate) Vec<(u64, GroupId, Call)>);

impl Readers for Calls {
    fn deliver(&mut self, reader: ReaderKey, delivery: &Delivery<'_>) {
        let header = delivery.header();
        let sequence = header.sequence().0;
        assert_eq!(delivery.body(), body(sequence));
        let call = Call::Message(sequence);
        self.0.push((reader.0, header.group(), call));
    }

    fn began(&mut self, reader: ReaderKey, group: GroupId, at: Sequence) {
        self.0.push((reader.0, group, Call::Began(at.0)));
    }

    fn skip(&mut self, reader: ReaderKey, group: GroupId, skip: SkipBody) {
        self.0
            .push((reader.0, group, Call::Skip(skip.from.0, skip.to.0)));
    }

    fn ended(&mut self, reader: ReaderKey, group: GroupId, at: Sequence) {
        self.0.push((reader.0, group, Call::Ended(at.0)));
    }

    fn gone(&mut self, reader: ReaderKey) {
        self.0.push((reader.0, GroupId(0), Call::Gone));
    }
}

impl Calls {
    /// The sequences of `group` that `reader` was given, as they came.
    pub(crate) fn given(&self, reader: u64, group: GroupId) -> Vec<u64> {
        let calls = self.0.iter();
        let calls = calls.filter(|(who, at, _)| (*who, *at) == (reader, group));
        let given = calls.filter_map(|(_, _, call)| match call {
            Call::Message(sequence) => Some(*sequence),
            _ => None,
        });
        given.collect()
    }

    /// Everything `reader` was called with.
    pub(crate) fn of(&self, reader: u64) -> Vec<Call> {
        let calls = self.0.iter().filter(|(who, _, _)| *who == reader);
        calls.map(|(_, _, call)| *call).collect()
    }
}

fn body(sequence: u64) -> Vec<u8> {
    format!("message {sequence}").into_bytes()
}

pub(crate) fn envelope(group: GroupId, sequence: u64, joined: u64) -> Envelope {
    let fields = HeaderFields {
        kind: Kind::Text,
        priority: Priority::Urgent,
        group,
        sequence: Sequence(sequence),
        membership_sequence: Sequence(joined),
        ..HeaderFields::default()
    };
    Envelope::new(&fields, &body(sequence)).expect("the scene keeps to the rules")
}

pub(crate) fn change(person: u64, device: u32, change: ReaderChange, at: u64) -> Reader {
    Reader {
        person: PersonId(person),
        device: DeviceId(device),
        change,
        viewer: false,
        at: Sequence(at),
    }
}

pub(crate) fn begin(person: u64, at: u64) -> Reader {
    change(person, 1, ReaderChange::Begin, at)
}

pub(crate) fn end(person: u64, at: u64) -> Reader {
    change(person, 0, ReaderChange::End, at)
}

/// A table and its readers. A reader's key is 10 × the person and the device.
#[derive(Default)]
pub(crate) struct Scene {
    pub(crate) table: Table,
    pub(crate) calls: Calls,
}

impl Scene {
    pub(crate) fn with_limits(limits: TableLimits) -> Self {
        Self {
            table: Table::new(limits),
            calls: Calls::default(),
        }
    }

    /// People attached on device 1 without cursors.
    pub(crate) fn of(people: impl IntoIterator<Item = u64>) -> Self {
        let mut scene = Self::default();
        for person in people {
            scene.attach(person, 1, &[]);
        }
        scene
    }

    pub(crate) fn attach(&mut self, person: u64, device: u32, cursors: &[GroupCursor]) {
        let key = ReaderKey(10 * person + u64::from(device));
        self.table
            .attach(PersonId(person), DeviceId(device), key, cursors.to_vec())
            .expect("the scene keeps to the rules");
    }

    pub(crate) fn detach(&mut self, person: u64, device: u32) -> Option<Vec<GroupCursor>> {
        self.table.detach(PersonId(person), DeviceId(device))
    }

    pub(crate) fn change_in(
        &mut self,
        group: GroupId,
        live_next: u64,
        changes: &[Reader],
    ) -> Result<(), TableError> {
        let fields = HeaderFields {
            kind: Kind::Readers,
            group,
            membership_sequence: Sequence(live_next),
            ..HeaderFields::default()
        };
        let body = ReadersBody {
            readers: changes.to_vec(),
        };
        let envelope =
            Envelope::new(&fields, &body.encode()).expect("the scene keeps to the rules");
        self.table
            .on_readers(envelope.header(), &body, &mut self.calls)
    }

    pub(crate) fn change(&mut self, live_next: u64, changes: &[Reader]) {
        self.change_in(GROUP, live_next, changes)
            .expect("the scene keeps to the rules");
    }

    /// The server has let a person go on device 1.
    pub(crate) fn gone(&mut self, person: u64) {
        let gone = change(person, 1, ReaderChange::Gone, 0);
        self.change_in(GroupId(0), 0, &[gone])
            .expect("the scene keeps to the rules");
    }

    pub(crate) fn message_in(&mut self, group: GroupId, sequence: u64) -> Result<(), TableError> {
        let envelope = envelope(group, sequence, 0);
        self.table
            .on_message(envelope.header(), envelope.body(), &mut self.calls)
    }

    pub(crate) fn messages(&mut self, sequences: impl IntoIterator<Item = u64>) {
        for sequence in sequences {
            self.message_in(GROUP, sequence)
                .expect("the scene keeps to the rules");
        }
    }

    /// An urgent message on the urgent stream; the group's membership changed last at `joined`.
    pub(crate) fn urgent(&mut self, sequence: u64, joined: u64) {
        let envelope = envelope(GROUP, sequence, joined);
        self.table
            .on_urgent(envelope.header(), envelope.body(), &mut self.calls)
            .expect("the scene keeps to the rules");
    }

    pub(crate) fn given(&self, reader: u64) -> Vec<u64> {
        self.calls.given(reader, GROUP)
    }

    /// What is acknowledged now: person, group and floor, sorted.
    pub(crate) fn acks(&mut self) -> Vec<(u64, u64, u64)> {
        let mut items = Vec::new();
        self.table.take_acks(usize::MAX, &mut items);
        let items = items.iter();
        let items = items.map(|item| (item.person().0, item.group().0, item.floor().0));
        let mut items: Vec<_> = items.collect();
        items.sort_unstable();
        items
    }
}

pub(crate) fn cursor(floor: u64, early: &[(u64, u64)]) -> GroupCursor {
    let early = early.iter();
    GroupCursor {
        group: GROUP,
        floor: Sequence(floor),
        early: early
            .map(|(from, to)| (Sequence(*from), Sequence(*to)))
            .collect(),
    }
}
