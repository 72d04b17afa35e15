//! Codes and calls in the words of a test.

use crate::model::Refusal;
use crate::model::command::{
    Actor, CallState, CallStateV1, CallVerdict, CloseCallV1, CreateJoinCodeV1, FaceToFaceStateV1,
    FaceToFaceV1, GetCallV1, GroupKind, JoinByCodeV1, JoinCodeCreatedV1, JoinCodeStateV1,
    JoinCodeV1, JoinFaceToFaceV1, LiveCodeV1, OpenFaceToFaceV1, Reply, TaggedCommand as T,
    ValidityV1,
};
use crate::wire::{GroupId, JoinCodeId, PersonId, RecordNumber};

use super::{Town, by};

/// A permanent code for anybody, without label, live part or verification.
pub(crate) fn plain_code(group: GroupId) -> CreateJoinCodeV1 {
    CreateJoinCodeV1 {
        group,
        validity: ValidityV1::Permanent,
        label: String::new(),
        uses_max: 0,
        verification: false,
        live: None,
    }
}

pub(crate) fn live_code(
    group: GroupId,
    threshold: u32,
    name_template: &str,
    admins: &[PersonId],
) -> CreateJoinCodeV1 {
    CreateJoinCodeV1 {
        live: Some(LiveCodeV1 {
            threshold,
            name_template: name_template.to_owned(),
            admins: admins.to_vec(),
        }),
        ..plain_code(group)
    }
}

pub(crate) fn verified_code(group: GroupId) -> CreateJoinCodeV1 {
    CreateJoinCodeV1 {
        verification: true,
        ..plain_code(group)
    }
}

/// What comes of a join by code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Came {
    Into(GroupId),
    Pending(RecordNumber),
}

impl Town {
    pub(crate) fn try_code(
        &mut self,
        actor: Actor,
        create: CreateJoinCodeV1,
    ) -> Result<JoinCodeCreatedV1, Refusal> {
        match self.ask(actor, T::CreateJoinCode(create))? {
            Reply::JoinCodeCreated(created) => Ok(created),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn code(&mut self, create: CreateJoinCodeV1) -> JoinCodeCreatedV1 {
        self.try_code(Actor::Enterprise, create).unwrap()
    }

    pub(crate) fn revoke(&mut self, code: JoinCodeId) {
        let revoke = T::RevokeJoinCode(JoinCodeV1 { code });
        self.ask(Actor::Enterprise, revoke).unwrap();
    }

    pub(crate) fn join_by(&mut self, person: PersonId, code: &str) -> Result<Came, Refusal> {
        self.join_as(by(person), person, code)
    }

    pub(crate) fn join_as(
        &mut self,
        actor: Actor,
        person: PersonId,
        code: &str,
    ) -> Result<Came, Refusal> {
        let join = JoinByCodeV1 {
            person,
            code: code.to_owned(),
            question: b"which child".to_vec(),
        };
        match self.ask(actor, T::JoinByCode(join))? {
            Reply::Joined(joined) => Ok(Came::Into(joined.group)),
            Reply::JoinPending(pending) => Ok(Came::Pending(pending.call)),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn code_state(&mut self, code: JoinCodeId) -> JoinCodeStateV1 {
        match self.ask(Actor::Enterprise, T::GetJoinCode(JoinCodeV1 { code })) {
            Ok(Reply::JoinCode(state)) => state,
            other => panic!("{other:?}"),
        }
    }

    /// Opens the call that a verified code asks.
    pub(crate) fn pending(&mut self, person: PersonId, code: &str) -> RecordNumber {
        match self.join_by(person, code) {
            Ok(Came::Pending(call)) => call,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn answer(
        &mut self,
        call: RecordNumber,
        verdict: CallVerdict,
    ) -> Result<CallStateV1, Refusal> {
        call_of(self.ask(Actor::System, T::CloseCall(CloseCallV1 { call, verdict })))
    }

    pub(crate) fn call_state(&mut self, call: RecordNumber) -> CallState {
        let state = self.ask(Actor::Enterprise, T::GetCall(GetCallV1 { call }));
        call_of(state).unwrap().state
    }

    pub(crate) fn open_face_to_face(
        &mut self,
        person: PersonId,
        digits: &str,
        location: &str,
    ) -> Result<FaceToFaceStateV1, Refusal> {
        let open = OpenFaceToFaceV1 {
            person,
            digits: digits.to_owned(),
            location: location.to_owned(),
            name: "Here".to_owned(),
            kind: GroupKind::Internal,
        };
        meeting_of(self.ask(by(person), T::OpenFaceToFace(open)))
    }

    pub(crate) fn come(
        &mut self,
        person: PersonId,
        digits: &str,
        location: &str,
    ) -> Result<FaceToFaceStateV1, Refusal> {
        let join = JoinFaceToFaceV1 {
            person,
            digits: digits.to_owned(),
            location: location.to_owned(),
        };
        meeting_of(self.ask(by(person), T::JoinFaceToFace(join)))
    }

    pub(crate) fn start(
        &mut self,
        person: PersonId,
        meeting: RecordNumber,
    ) -> Result<FaceToFaceStateV1, Refusal> {
        let start = T::StartFaceToFace(FaceToFaceV1 { meeting, person });
        meeting_of(self.ask(by(person), start))
    }
}

fn call_of(reply: Result<Reply, Refusal>) -> Result<CallStateV1, Refusal> {
    match reply? {
        Reply::Call(state) => Ok(state),
        other => panic!("{other:?}"),
    }
}

fn meeting_of(reply: Result<Reply, Refusal>) -> Result<FaceToFaceStateV1, Refusal> {
    match reply? {
        Reply::FaceToFace(state) => Ok(state),
        other => panic!("{other:?}"),
    }
}
