//! The pull of the archive.

use throng::model::command::*;
use throng::model::event::{ArchivePulledV1, Event};
use throng::wire::{GroupId, PersonId, RecordNumber, TenantId, Timestamp};

use super::Section;

pub(super) const SECTION: Section = Section {
    golden: include_str!("model_pull.txt"),
    commands,
    replies,
    events,
};

fn pull() -> PullRecordsV1 {
    PullRecordsV1 {
        from: RecordNumber(0x0807_0605_0403_0201),
        to: RecordNumber(0x1817_1615_1413_1211),
        groups: vec![GroupId(0x2827_2625_2423_2221), GroupId(2)],
        people: vec![PersonId(0x3837_3635_3433_3231)],
        since: Timestamp(0x4847_4645_4443_4241),
        until: Timestamp(0x5857_5655_5453_5251),
        records: 0x6463_6261,
        bytes: 0x7473_7271,
        public_key: (0..32).collect(),
    }
}

fn commands() -> Vec<TaggedCommand> {
    vec![TaggedCommand::PullRecords(pull())]
}

pub(super) fn events() -> Vec<Event> {
    vec![Event::ArchivePulled(ArchivePulledV1 {
        from: RecordNumber(0x0807_0605_0403_0201),
        to: RecordNumber(0x1817_1615_1413_1211),
        groups: vec![GroupId(0x2827_2625_2423_2221), GroupId(2)],
        people: vec![PersonId(0x3837_3635_3433_3231)],
        since: Timestamp(0x4847_4645_4443_4241),
        until: Timestamp(0x5857_5655_5453_5251),
        public_key: (0..32).collect(),
        covers_until: Timestamp(0x6867_6665_6463_6261),
    })]
}

fn replies() -> Vec<Reply> {
    vec![Reply::PullGranted(Box::new(PullGrantedV1 {
        tenant: TenantId(0x0403_0201),
        position: RecordNumber(0x1817_1615_1413_1211),
        pull: pull(),
        without: vec![GroupId(0x2827_2625_2423_2221)],
    }))]
}
