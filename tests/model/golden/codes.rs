//! Join codes, face-to-face groups and outward calls.

use throng::model::command::*;
use throng::model::event::{self, Event};
use throng::wire::{GroupId, JoinCodeId, PersonId, RecordNumber, Sequence};

use crate::golden::Section;
use crate::golden::core::TIME;

pub(crate) const SECTION: Section = Section {
    golden: include_str!("model_codes.txt"),
    commands,
    replies,
    events,
};

const GROUP: GroupId = GroupId(0x1112_1314_1516_1718);
const CODE: JoinCodeId = JoinCodeId(0x2122_2324_2526_2728);
const CALL: RecordNumber = RecordNumber(0x3132);
const TEXT: &str = "0123-4567-89AB-CDEF";

fn live() -> LiveCodeV1 {
    LiveCodeV1 {
        threshold: 200,
        name_template: "家长群 {n}".to_owned(),
        admins: vec![PersonId(4), PersonId(5)],
    }
}

fn verify() -> VerifyJoinV1 {
    VerifyJoinV1 {
        code: CODE,
        group: GROUP,
        person: PersonId(6),
        label: "春招".to_owned(),
        question: b"which child".to_vec(),
    }
}

fn commands() -> Vec<TaggedCommand> {
    use TaggedCommand as T;
    let meeting = FaceToFaceV1 {
        meeting: CALL,
        person: PersonId(6),
    };
    vec![
        T::CreateJoinCode(CreateJoinCodeV1 {
            group: GROUP,
            validity: ValidityV1::Until(TIME),
            label: "春招".to_owned(),
            uses_max: 1_000,
            verification: true,
            live: Some(live()),
        }),
        T::RevokeJoinCode(JoinCodeV1 { code: CODE }),
        T::JoinByCode(JoinByCodeV1 {
            person: PersonId(6),
            code: TEXT.to_owned(),
            question: b"which child".to_vec(),
        }),
        T::CloseCall(CloseCallV1 {
            call: CALL,
            verdict: CallVerdict::Refused,
        }),
        T::OpenFaceToFace(OpenFaceToFaceV1 {
            person: PersonId(6),
            digits: "0258".to_owned(),
            location: "wx4g0ec1".to_owned(),
            name: "项目组".to_owned(),
            kind: GroupKind::External,
        }),
        T::JoinFaceToFace(JoinFaceToFaceV1 {
            person: PersonId(6),
            digits: "0258".to_owned(),
            location: "wx4g0ec1".to_owned(),
        }),
        T::StartFaceToFace(meeting.clone()),
        T::GetJoinCode(JoinCodeV1 { code: CODE }),
        T::ListJoinCodes(ListJoinCodesV1 {
            group: GROUP,
            after: CODE,
            limit: 100,
        }),
        T::GetCall(GetCallV1 { call: CALL }),
        T::ListCalls(ListCallsV1 {
            after: CALL,
            limit: 100,
        }),
        T::GetFaceToFace(meeting),
    ]
}

fn code_state() -> JoinCodeStateV1 {
    JoinCodeStateV1 {
        code: CODE,
        text: TEXT.to_owned(),
        group: GROUP,
        target: GroupId(9),
        creator: PersonId(4),
        valid_until: TIME,
        label: "春招".to_owned(),
        uses_max: 1_000,
        verification: true,
        live: Some(live()),
        groups: 2,
        revoked: true,
        joined: 201,
        last_join: TIME,
    }
}

fn replies() -> Vec<Reply> {
    vec![
        Reply::JoinCodeCreated(JoinCodeCreatedV1 {
            code: CODE,
            text: TEXT.to_owned(),
        }),
        Reply::JoinCode(code_state()),
        Reply::JoinCodes(JoinCodesPageV1 {
            codes: vec![code_state()],
            more: true,
        }),
        Reply::Joined(GroupChangedV1 {
            group: GROUP,
            sequence: Sequence(77),
        }),
        Reply::JoinPending(JoinPendingV1 {
            call: CALL,
            expires: TIME,
        }),
        Reply::Call(CallStateV1 {
            call: CALL,
            state: CallState::NotJoined,
            group: GROUP,
            refusal: 72,
            expires: TIME,
        }),
        Reply::Calls(CallsPageV1 {
            calls: vec![
                OpenCallV1 {
                    call: CALL,
                    expires: TIME,
                    what: CallV1::VerifyJoin(verify()),
                },
                OpenCallV1 {
                    call: CALL.next(),
                    expires: TIME,
                    what: CallV1::SendActivations(SendActivationsV1 {
                        codes: vec![ActivationV1 {
                            person: PersonId(6),
                            code: "123456".to_owned(),
                        }],
                    }),
                },
            ],
            more: true,
        }),
        Reply::FaceToFace(FaceToFaceStateV1 {
            meeting: CALL,
            expires: TIME,
            people: vec![PersonId(6), PersonId(7)],
            group: GROUP,
        }),
    ]
}

fn events() -> Vec<Event> {
    vec![
        Event::CallOpened(event::CallOpenedV1 {
            call: CALL,
            expires: TIME,
            what: CallV1::VerifyJoin(verify()),
        }),
        Event::CallClosed(event::CallClosedV1 {
            call: CALL,
            verdict: CallVerdict::Failed,
            group: GROUP,
            refusal: 72,
        }),
        Event::JoinCodeCreated(event::JoinCodeCreatedV1 {
            code: CODE,
            text: TEXT.to_owned(),
            group: GROUP,
            creator: PersonId(4),
            valid_until: TIME,
            label: "春招".to_owned(),
            uses_max: 1_000,
            verification: true,
            live: Some(live()),
        }),
        Event::JoinCodeRevoked(event::JoinCodeRevokedV1 { code: CODE }),
        Event::JoinCodeMoved(event::JoinCodeMovedV1 {
            code: CODE,
            group: GROUP,
        }),
        Event::JoinCodeUsed(event::JoinCodeUsedV1 {
            code: CODE,
            person: PersonId(6),
        }),
        Event::CodeGuessed(event::CodeGuessedV1 {
            person: PersonId(6),
        }),
        Event::FaceToFaceOpened(event::FaceToFaceOpenedV1 {
            meeting: CALL,
            person: PersonId(6),
            digits: 258,
            location: "wx4g0ec1".to_owned(),
            name: "项目组".to_owned(),
            kind: GroupKind::External,
            expires: TIME,
        }),
        Event::FaceToFaceJoined(event::FaceToFaceJoinedV1 {
            meeting: CALL,
            person: PersonId(7),
        }),
        Event::FaceToFaceStarted(event::FaceToFaceStartedV1 {
            meeting: CALL,
            group: GROUP,
        }),
    ]
}
