//! Two enterprises whose records lie among each other, what may happen in them, and what a naive reader
//! finds of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use throng::engine::Options;
use throng::log::{Memory, Record};
use throng::model::command::{
    GetMassSendV1, ImportHistoryV1, ImportedMessageV1, PersonV1, PullRecordsV1, Reply,
    SetArchivePullV1, TaggedCommand as T,
};
use throng::model::event::{Event, decode_all};
use throng::wire::{GroupId, Kind, PersonId, RecordNumber, TenantId, Timestamp};

use crate::town::{NOON, Town};

/// What a record is about, naively.
fn groups_of(record: &Record) -> Vec<GroupId> {
    let events = decode_all(&record.private).unwrap();
    let imported = events.iter().filter_map(|event| match event {
        Event::HistoryImported(imported) => Some(imported.group),
        _ => None,
    });
    let taken = record.takes.iter().map(|take| take.group);
    taken.chain(imported).collect()
}

pub(crate) fn is_expected(
    record: &Record,
    tenant: TenantId,
    pull: &PullRecordsV1,
    off: &[GroupId],
) -> bool {
    let header = record.envelope.header();
    let groups = groups_of(record);
    header.tenant() == tenant
        && (pull.from..=pull.to).contains(&header.record())
        && (pull.since..pull.until).contains(&header.timestamp())
        && (pull.people.is_empty() || pull.people.contains(&header.sender()))
        && (pull.groups.is_empty() || groups.iter().any(|group| pull.groups.contains(group)))
        && (groups.is_empty() || groups.iter().any(|group| !off.contains(group)))
}

/// Something happens.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Say {
        ours: bool,
        group: usize,
        person: usize,
        len: usize,
    },
    MassSend {
        person: usize,
    },
    Import {
        group: usize,
    },
    SwitchOff {
        group: usize,
    },
    Depart {
        person: usize,
    },
    Wait,
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    let say = (any::<bool>(), 0..4usize, 0..6usize, 0..9_000usize);
    let say = say.prop_map(|(ours, group, person, len)| Act::Say {
        ours,
        group,
        person,
        len,
    });
    prop_oneof![
        12 => say,
        2 => (0..6usize).prop_map(|person| Act::MassSend { person }),
        2 => (0..4usize).prop_map(|group| Act::Import { group }),
        1 => (0..4usize).prop_map(|group| Act::SwitchOff { group }),
        1 => (4..6usize).prop_map(|person| Act::Depart { person }),
        3 => Just(Act::Wait),
    ]
}

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    from: u64,
    len: Option<u64>,
    groups: Vec<usize>,
    people: Vec<usize>,
    since: u32,
    until: Option<u32>,
    records: u32,
    bytes: u32,
}

pub(crate) fn asked() -> impl Strategy<Value = Asked> {
    (
        0..80u64,
        prop::option::of(0..60u64),
        prop::collection::vec(0..4usize, 0..3),
        prop::collection::vec(0..6usize, 0..3),
        0..8u32,
        prop::option::of(1..12u32),
        prop_oneof![1..4u32, Just(1_000)],
        prop_oneof![Just(4_096u32), Just(20_000), Just(262_144)],
    )
        .prop_map(
            |(from, len, groups, people, since, until, records, bytes)| Asked {
                from,
                len,
                groups,
                people,
                since,
                until,
                records,
                bytes,
            },
        )
}

/// Two enterprises on one engine, whose records lie among each other in small segments.
pub(crate) struct World {
    pub(crate) ours: Town,
    theirs: Town,
    groups: [Vec<GroupId>; 2],
    pub(crate) off: BTreeSet<GroupId>,
    said: u128,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut options = Options::default();
        options.log.record_bytes_max = 128 * 1024;
        options.log.segment_bytes = 512 * 1024;
        let ours = Town::on(Arc::new(Memory::new()), options, 6);
        let theirs = ours.neighbour(6);
        let groups = |town: &Town| (0..4).map(|_| town.group(6)).collect::<Vec<_>>();
        let groups = [groups(&ours), groups(&theirs)];
        Self {
            ours,
            theirs,
            groups,
            off: BTreeSet::new(),
            said: 0,
        }
    }

    pub(crate) fn play(&mut self, act: &Act) {
        self.said += 1;
        let ours = &self.groups[0];
        // What a rule refuses changes nothing.
        match *act {
            Act::Say {
                ours: true,
                group,
                person,
                len,
            } => {
                let text = "字".repeat(len / 3);
                let _ = self
                    .ours
                    .say(ours[group], self.ours.people[person], self.said, &text);
            }
            Act::Say { group, person, .. } => {
                let group = self.groups[1][group];
                let _ = self
                    .theirs
                    .say(group, self.theirs.people[person], self.said, "theirs");
            }
            Act::MassSend { person } => {
                let sender = self.ours.people[person];
                if let Ok(reply) = self.ours.mass_send(sender, ours, self.said, "to all") {
                    self.wait_for(&reply);
                }
            }
            Act::Import { group } => {
                let import = ImportHistoryV1 {
                    import: self.said as u64,
                    chunk: 1,
                    group: ours[group],
                    messages: vec![ImportedMessageV1 {
                        sender: PersonId(0),
                        sender_name: "Somebody".to_owned(),
                        sent_at: Timestamp(NOON.0 - 1),
                        offset_s: 0,
                        kind: Kind::Text as u8,
                        body: b"long ago".to_vec(),
                    }],
                };
                self.ours.call(T::ImportHistory(import)).unwrap();
            }
            Act::SwitchOff { group } => {
                let group = ours[group];
                let pulled = !self.off.insert(group);
                if pulled {
                    self.off.remove(&group);
                }
                let set = SetArchivePullV1 { group, pulled };
                self.ours.call(T::SetArchivePull(set)).unwrap();
            }
            Act::Depart { person } => {
                let person = self.ours.people[person];
                let _ = self.ours.call(T::DepartPerson(PersonV1 { person }));
            }
            Act::Wait => self.ours.clock.advance(1_000_000),
        }
    }

    /// Until a mass send has reached all it will reach.
    fn wait_for(&self, reply: &Reply) {
        let Reply::MassSendAccepted(accepted) = reply else {
            panic!("{reply:?}");
        };
        let mass_send = accepted.mass_send;
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let get = T::GetMassSend(GetMassSendV1 { mass_send });
            match self.ours.call(get).unwrap() {
                Reply::MassSendProgress(it) if it.sent + it.refused == it.targets => return,
                Reply::MassSendProgress(_) => assert!(Instant::now() < deadline),
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn pull(&self, asked: &Asked) -> PullRecordsV1 {
        let groups = asked.groups.iter().map(|group| self.groups[0][*group]);
        let time = |seconds: u32| Timestamp(NOON.0 + i64::from(seconds) * 1_000_000);
        let since = time(asked.since);
        PullRecordsV1 {
            from: RecordNumber(asked.from),
            to: RecordNumber(asked.len.map_or(u64::MAX, |len| asked.from + len)),
            groups: groups.filter(|group| !self.off.contains(group)).collect(),
            people: asked
                .people
                .iter()
                .map(|it| self.ours.people[*it])
                .collect(),
            since,
            until: asked
                .until
                .map_or(Timestamp(i64::MAX), |until| time(asked.since + until)),
            records: asked.records,
            bytes: asked.bytes,
            public_key: Vec::new(),
        }
    }
}
