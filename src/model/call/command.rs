//! What is asked of outward calls, and what the answers are.

use crate::model::body::{body, code};
use crate::wire::{GroupId, JoinCodeId, PersonId, RecordNumber, Timestamp};

code! {
    /// What the enterprise's system says to a call.
    CallVerdict {
        /// Yes: the joiner may join; the activation codes are on their way.
        Admitted = 0,
        /// No.
        Refused = 1,
        /// It could not be asked, or made no sense.
        Failed = 2,
    }
}
code! {
    /// What has become of a call.
    CallState {
        /// Not answered yet.
        Open = 0,
        /// Answered with yes; who wanted to join has joined.
        Admitted = 1,
        /// Answered with no.
        Refused = 2,
        /// The enterprise's system could not be asked, or made no sense.
        Failed = 3,
        /// Not answered in time.
        Expired = 4,
        /// Answered with yes, but by then a rule refused the join.
        NotJoined = 5,
    }
}

body! {
    /// Somebody wants to join by a code with a second verification (SPEC G5).
    VerifyJoinV1 {
        /// By which code.
        code: JoinCodeId,
        /// The group it led to when it was asked.
        group: GroupId,
        /// Who.
        person: PersonId,
        /// The code's campaign.
        label: String,
        /// What the joiner gave for the enterprise to check, opaque; at most 1 KiB.
        question: Vec<u8>,
    }
}
body! {
    /// A one-time code for one person.
    ActivationV1 {
        /// Whom it has to reach.
        person: PersonId,
        /// The code.
        code: String,
    }
}
body! {
    /// One-time codes have to reach newcomers (SPEC D3): those of one record, in one call.
    SendActivationsV1 {
        /// The codes.
        codes: Vec<ActivationV1>,
    }
}

/// What the enterprise's system is asked.
#[derive(
    Clone,
    PartialEq,
    Eq,
    Debug,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum CallV1 {
    /// May this person join?
    VerifyJoin(VerifyJoinV1),
    /// Send each code to its person.
    SendActivations(SendActivationsV1),
}

body! {
    /// The answer to a call.
    CloseCallV1 {
        /// Which: the record that opened it.
        call: RecordNumber,
        /// The answer.
        verdict: CallVerdict,
    }
}
body! {
    /// A call to look up.
    GetCallV1 {
        /// Which: the record that opened it.
        call: RecordNumber,
    }
}
body! {
    /// A page of open calls to read.
    ListCallsV1 {
        /// Only calls opened by later records.
        after: RecordNumber,
        /// At most this many, up to 100.
        limit: u32,
    }
}
body! {
    /// How a call stands.
    CallStateV1 {
        /// Which.
        call: RecordNumber,
        /// How it stands.
        state: CallState,
        /// The group that was joined; 0 where none was.
        group: GroupId,
        /// The code of the rule that refused the join (docs/wire.md); 0 for none.
        refusal: u16,
        /// When it is too late to answer.
        expires: Timestamp,
    }
}
body! {
    /// A call that waits for its answer.
    OpenCallV1 {
        /// Which.
        call: RecordNumber,
        /// When it is too late to answer.
        expires: Timestamp,
        /// What is asked.
        what: CallV1,
    }
}
body! {
    /// A page of open calls, in the order they were opened.
    CallsPageV1 {
        /// The calls.
        calls: Vec<OpenCallV1>,
        /// There are more after the last.
        more: bool,
    }
}
