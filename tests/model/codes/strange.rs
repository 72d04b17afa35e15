//! Events of codes and calls that fit nothing, or something else than they mean.

use proptest::prelude::*;
use throng::model::command::{CallV1, CallVerdict, GroupKind, LiveCodeV1, VerifyJoinV1};
use throng::model::event::{self, Event};
use throng::wire::{GroupId, JoinCodeId, PersonId, RecordNumber, Timestamp};

use crate::codes::START;
use crate::codes::naive::MINUTE_US;

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0..6_u64, 1 => Just(u64::from(u32::MAX)), 1 => Just(u64::MAX)]
}

pub(crate) fn time() -> impl Strategy<Value = Timestamp> {
    let sane = START.0..START.0 + 3 * MINUTE_US;
    prop_oneof![8 => sane, 1 => Just(i64::MIN), 1 => Just(i64::MAX)].prop_map(Timestamp)
}

fn verify() -> impl Strategy<Value = CallV1> {
    (number(), number(), number()).prop_map(|(code, group, person)| {
        CallV1::VerifyJoin(VerifyJoinV1 {
            code: JoinCodeId(code),
            group: GroupId(group),
            person: PersonId(person),
            label: String::new(),
            question: Vec::new(),
        })
    })
}

/// One of them.
pub(crate) fn strange() -> impl Strategy<Value = Event> {
    let verdict = prop_oneof![Just(CallVerdict::Admitted), Just(CallVerdict::Refused)];
    let text = prop_oneof![Just("0123-4567-89AB-CDEF".to_owned()), "[0-9A-Z]{0,17}"];
    prop_oneof![
        (0..40_u64, time(), verify()).prop_map(|(call, expires, what)| {
            let call = RecordNumber(call);
            Event::CallOpened(event::CallOpenedV1 {
                call,
                expires,
                what,
            })
        }),
        (0..40_u64, verdict, number(), any::<u16>()).prop_map(|(call, verdict, group, refusal)| {
            Event::CallClosed(event::CallClosedV1 {
                call: RecordNumber(call),
                verdict,
                group: GroupId(group),
                refusal,
            })
        }),
        (number(), text, number(), time(), any::<bool>()).prop_map(
            |(code, text, group, valid_until, live)| {
                Event::JoinCodeCreated(event::JoinCodeCreatedV1 {
                    code: JoinCodeId(code),
                    text,
                    group: GroupId(group),
                    creator: PersonId(group),
                    valid_until,
                    label: String::new(),
                    uses_max: 1,
                    verification: live,
                    live: live.then(|| LiveCodeV1 {
                        threshold: 0,
                        name_template: String::new(),
                        admins: vec![PersonId(code), PersonId(group)],
                    }),
                })
            }
        ),
        (number(), number()).prop_map(|(code, group)| {
            Event::JoinCodeMoved(event::JoinCodeMovedV1 {
                code: JoinCodeId(code),
                group: GroupId(group),
            })
        }),
        (number(), number()).prop_map(|(code, person)| {
            Event::JoinCodeUsed(event::JoinCodeUsedV1 {
                code: JoinCodeId(code),
                person: PersonId(person),
            })
        }),
        number().prop_map(|person| {
            let person = PersonId(person);
            Event::CodeGuessed(event::CodeGuessedV1 { person })
        }),
        (0..40_u64, number(), any::<u16>(), 0..200_usize, time()).prop_map(
            |(meeting, person, digits, len, expires)| {
                Event::FaceToFaceOpened(event::FaceToFaceOpenedV1 {
                    meeting: RecordNumber(meeting),
                    person: PersonId(person),
                    digits: digits % 12_000,
                    location: "x".repeat(len),
                    name: String::new(),
                    kind: GroupKind::Internal,
                    expires,
                })
            }
        ),
        (0..40_u64, number()).prop_map(|(meeting, person)| {
            Event::FaceToFaceJoined(event::FaceToFaceJoinedV1 {
                meeting: RecordNumber(meeting),
                person: PersonId(person),
            })
        }),
        (0..40_u64, number()).prop_map(|(meeting, group)| {
            Event::FaceToFaceStarted(event::FaceToFaceStartedV1 {
                meeting: RecordNumber(meeting),
                group: GroupId(group),
            })
        }),
    ]
}
