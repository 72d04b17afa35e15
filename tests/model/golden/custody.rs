//! Custody of the archive: retention, holds, erasure, searches and exports that are complete.

use throng::model::command::*;
use throng::model::event::{self, Event};
use throng::wire::{
    ExportId, GroupId, HoldId, PersonId, RecordNumber, Sequence, TenantId, Timestamp,
};

use crate::golden::Section;
use crate::golden::core::TIME;

pub(crate) const SECTION: Section = Section {
    golden: include_str!("model_custody.txt"),
    commands,
    replies,
    events,
};

const HOLD: HoldId = HoldId(12);

fn reason() -> String {
    "案件 17".to_owned()
}

fn commands() -> Vec<TaggedCommand> {
    use TaggedCommand as T;
    vec![
        T::SetRetention(SetRetentionV1 {
            class: ContentClass::External,
            days: 180,
            reason: reason(),
        }),
        T::PlaceHold(PlaceHoldV1 {
            groups: vec![GroupId(7), GroupId(8)],
            first_day: 20_000,
            last_day: 20_364,
            reason: reason(),
        }),
        T::ReleaseHold(ReleaseHoldV1 {
            hold: HOLD,
            reason: reason(),
        }),
        T::EraseContent(EraseContentV1 {
            group: GroupId(7),
            first_day: 19_000,
            last_day: 19_001,
            reason: reason(),
        }),
        T::ExpireContent(ExpireContentV1 {}),
        T::FinishExport(FinishExportV1 {
            export: ExportId(2),
            records: 1_000,
            manifest: [0x5a; 32],
        }),
        T::SearchArchive(SearchArchiveV1 {
            words: "合同".to_owned(),
            group: GroupId(7),
            person: PersonId(4),
            from: Timestamp(0),
            until: TIME,
            after: 0x0807_0605_0403_0201,
            hits: 50,
        }),
        T::GetRetention(GetRetentionV1 {}),
        T::ListHolds(ListHoldsV1 {
            after: HOLD,
            limit: 100,
        }),
    ]
}

fn replies() -> Vec<Reply> {
    vec![
        Reply::HoldPlaced(HoldPlacedV1 { hold: HOLD }),
        Reply::SearchGranted(Box::new(SearchGrantedV1 {
            tenant: TenantId(3),
            search: RecordNumber(42),
            asked: SearchArchiveV1 {
                words: "合同".to_owned(),
                group: GroupId(7),
                person: PersonId(4),
                from: Timestamp(0),
                until: TIME,
                after: 9,
                hits: 50,
            },
        })),
        Reply::ArchiveFound(Box::new(ArchiveFoundV1 {
            search: RecordNumber(42),
            hits: vec![FoundV1 {
                record: RecordNumber(17),
                item: 3,
                cursor: (17 << 12) | 3,
                group: GroupId(7),
                sequence: Sequence(5),
                sender: PersonId(4),
                imported_from: "老王".to_owned(),
                sent_at: TIME,
                kind: 1,
                body: "合同已签".as_bytes().to_vec(),
                deleted: RecordNumber(18),
            }],
            cursor: (17 << 12) | 3,
            searched: RecordNumber(40),
        })),
        Reply::Retention(RetentionV1 {
            classes: vec![ClassRetentionV1 {
                class: ContentClass::Direct,
                days: 30,
                expired_through: 20_000,
            }],
        }),
        Reply::Holds(HoldsPageV1 {
            holds: vec![HoldStateV1 {
                hold: HOLD,
                groups: vec![GroupId(7)],
                first_day: 20_000,
                last_day: 20_364,
                by: PersonId(4),
                placed_at: TIME,
                reason: reason(),
                released: false,
            }],
            more: true,
        }),
    ]
}

/// Of the first of everything, so that a state can be made of them.
pub(crate) fn events() -> Vec<Event> {
    vec![
        Event::RetentionSet(event::RetentionSetV1 {
            class: ContentClass::Internal,
            days: 3_000,
            reason: reason(),
        }),
        Event::HoldPlaced(event::HoldPlacedV1 {
            hold: HOLD,
            groups: vec![GroupId(1)],
            first_day: 19_600,
            last_day: 19_700,
            reason: reason(),
        }),
        Event::HoldReleased(event::HoldReleasedV1 {
            hold: HoldId(11),
            reason: reason(),
        }),
        Event::ContentErased(event::ContentErasedV1 {
            group: GroupId(1),
            first_day: 19_000,
            last_day: 19_001,
            reason: reason(),
        }),
        Event::ContentExpired(event::ContentExpiredV1 {
            classes: vec![event::ExpiredClassV1 {
                class: ContentClass::Internal,
                through_day: 19_650,
            }],
        }),
        Event::ExportFinished(event::ExportFinishedV1 {
            export: ExportId(1),
            records: 1_000,
            manifest: [0x5a; 32],
        }),
        Event::ArchiveSearched(event::ArchiveSearchedV1 {
            words: "合同".to_owned(),
            group: GroupId(1),
            person: PersonId(1),
            from: Timestamp(0),
            until: TIME,
            after: 0,
        }),
    ]
}
