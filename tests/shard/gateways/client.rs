//! A gateway's client that does as docs/wire.md says, one reader at a time and nothing clever.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use throng::wire::{Envelope, Header, Kind, ReaderChange, ReadersBody};

/// Somebody's device.
pub(crate) type Who = (u64, u32);

/// Where a reader is: what comes next, and the stretches it reads.
#[derive(Debug, Default)]
struct Reader {
    next: u64,
    /// Its last stretch is a viewer's.
    viewer: bool,
    /// From the first to before the second; the last may have no end yet.
    stretches: VecDeque<(u64, Option<u64>)>,
}

impl Reader {
    /// Moves past stretches that are over; whether there is another.
    fn settle(&mut self) -> bool {
        while let Some((from, end)) = self.stretches.front().copied() {
            self.next = self.next.max(from);
            if end.is_none_or(|end| self.next < end) {
                return true;
            }
            self.stretches.pop_front();
        }
        false
    }
}

#[derive(Debug, Default)]
struct Table {
    live_next: u64,
    readers: BTreeMap<Who, Reader>,
}

#[derive(Debug, Default)]
pub(crate) struct Client {
    groups: BTreeMap<u64, Table>,
    /// What each device that is here has been given, by group.
    pub(crate) given: BTreeMap<Who, BTreeMap<u64, Vec<u64>>>,
    /// How often each was detached and the server has not said so yet.
    leaving: BTreeMap<Who, usize>,
    /// Who was told to be gone.
    pub(crate) gone: Vec<Who>,
    /// Envelopes of groups, by group and sequence, and how often each came.
    pub(crate) crossed: BTreeMap<(u64, u64), usize>,
    /// Changes read.
    pub(crate) changes: usize,
    read: usize,
}

impl Client {
    pub(crate) fn attach(&mut self, who: Who) {
        self.given.insert(who, BTreeMap::new());
    }

    /// Forgets somebody at once; until the server has too, what it says is of then.
    pub(crate) fn detach(&mut self, who: Who) -> BTreeMap<u64, Vec<u64>> {
        if self.given.contains_key(&who) {
            *self.leaving.entry(who).or_default() += 1;
        }
        self.forget(who)
    }

    fn forget(&mut self, who: Who) -> BTreeMap<u64, Vec<u64>> {
        for table in self.groups.values_mut() {
            table.readers.remove(&who);
        }
        self.forget_unread();
        self.given.remove(&who).unwrap_or_default()
    }

    /// Reads what has come since.
    pub(crate) fn read(&mut self, chunks: &[Bytes]) {
        for chunk in &chunks[self.read..] {
            let envelope = Envelope::read(chunk).expect("only whole envelopes are sent");
            self.read_one(envelope.header(), envelope.body());
        }
        self.read = chunks.len();
    }

    /// Reads one envelope.
    pub(crate) fn read_one(&mut self, header: &Header, body: &[u8]) {
        let group = header.group().0;
        match header.kind() {
            Kind::Readers => {
                assert_eq!((header.sequence().0, header.record().0), (0, 0));
                let body = ReadersBody::read(body).expect("readers");
                assert!(!body.readers.is_empty());
                self.change(group, header.membership_sequence().0, &body);
            }
            Kind::Skip => panic!("a gateway makes its people's skips itself"),
            _ => self.take(group, header.sequence().0),
        }
    }

    fn change(&mut self, group: u64, live_next: u64, body: &ReadersBody) {
        for reader in &body.readers {
            self.changes += 1;
            let who = (reader.person.0, reader.device.0);
            if reader.change == ReaderChange::Gone {
                assert_eq!((group, live_next), (0, 0));
                if let Some(count) = self.leaving.get_mut(&who).filter(|count| **count > 0) {
                    *count -= 1;
                    continue;
                }
                self.gone.push(who);
                self.forget(who);
                continue;
            }
            if reader.change == ReaderChange::ViewersEnd {
                assert_eq!((who, reader.viewer), ((0, 0), true));
                let table = self.groups.get_mut(&group);
                for watching in table
                    .into_iter()
                    .flat_map(|table| table.readers.values_mut())
                {
                    if let Some((_, end @ None)) = watching.stretches.back_mut()
                        && watching.viewer
                    {
                        *end = Some(reader.at.0);
                    }
                }
                self.forget_unread();
                continue;
            }
            let is_leaving = self.leaving.get(&who).is_some_and(|count| *count > 0);
            if is_leaving || !self.given.contains_key(&who) {
                continue;
            }
            let table = self.groups.entry(group).or_insert(Table {
                live_next,
                readers: BTreeMap::new(),
            });
            assert_eq!(table.live_next, live_next, "of group {group}");
            let at = reader.at.0;
            let known = table.readers.entry(who).or_default();
            if reader.change == ReaderChange::Begin {
                known.viewer = reader.viewer;
            } else {
                assert_eq!(
                    known.viewer, reader.viewer,
                    "{who:?} reads as what they are"
                );
            }
            let stretches = &mut known.stretches;
            match (reader.change, stretches.back_mut()) {
                (ReaderChange::Begin, Some((_, None))) => panic!("{who:?} reads {group} already"),
                (ReaderChange::Begin, _) => stretches.push_back((at, None)),
                (_, Some((from, end @ None))) => {
                    assert!(at >= *from);
                    *end = Some(at);
                }
                _ => panic!("{who:?} does not read {group}"),
            }
            self.forget_unread();
        }
    }

    fn take(&mut self, group: u64, sequence: u64) {
        *self.crossed.entry((group, sequence)).or_default() += 1;
        let Some(table) = self.groups.get_mut(&group) else {
            return;
        };
        assert!(sequence <= table.live_next, "what is live has no gap");
        table.live_next = table.live_next.max(sequence + 1);
        for (who, reader) in &mut table.readers {
            if reader.settle() && reader.next == sequence {
                reader.next += 1;
                let given = self.given.entry(*who).or_default();
                given.entry(group).or_default().push(sequence);
            }
        }
        self.forget_unread();
    }

    /// Forgets whoever reads no more, and groups without a reader.
    fn forget_unread(&mut self) {
        self.groups.retain(|_, table| {
            table.readers.retain(|_, reader| reader.settle());
            !table.readers.is_empty()
        });
    }
}
