//! What is asked of join codes and face-to-face groups, and what the answers are.

use crate::model::body::body;
use crate::model::command::GroupKind;
use crate::wire::{GroupId, JoinCodeId, PersonId, RecordNumber, Timestamp};

/// How long a join code holds (SPEC G5).
#[derive(
    Clone,
    Copy,
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
pub enum ValidityV1 {
    /// Until it is revoked.
    Permanent,
    /// For 72 hours.
    Hours72,
    /// Until then.
    Until(Timestamp),
}

body! {
    /// How a live code moves on (SPEC G5).
    LiveCodeV1 {
        /// Members at which the next group is made; 0 for the node's default.
        threshold: u32,
        /// The groups' name, with `{n}` where their number goes; without it, the number follows.
        name_template: String,
        /// Who own the groups to come, in turn; at most 100.
        admins: Vec<PersonId>,
    }
}
body! {
    /// A join code to make (SPEC G5).
    CreateJoinCodeV1 {
        /// Where it leads; a live code's first group.
        group: GroupId,
        /// How long it holds.
        validity: ValidityV1,
        /// The campaign, by which those who join are counted; at most 64 characters.
        label: String,
        /// How many may join by it; 0 for any number.
        uses_max: u32,
        /// The enterprise's system is asked about everybody who wants to join.
        verification: bool,
        /// Whether and how its target moves.
        live: Option<LiveCodeV1>,
    }
}
body! {
    /// A join code.
    JoinCodeV1 {
        /// Which.
        code: JoinCodeId,
    }
}
body! {
    /// Somebody wants to join by a code.
    JoinByCodeV1 {
        /// Who: the person who asks, or whom the enterprise names.
        person: PersonId,
        /// The code as it was read or typed; case and dashes do not matter.
        code: String,
        /// For a code with verification: what the enterprise checks the person by, opaque, at most
        /// 1 KiB.
        question: Vec<u8>,
    }
}
body! {
    /// A page of join codes to read.
    ListJoinCodesV1 {
        /// Of which group.
        group: GroupId,
        /// Only codes with a greater id.
        after: JoinCodeId,
        /// At most this many, up to 100.
        limit: u32,
    }
}

body! {
    /// The new join code.
    JoinCodeCreatedV1 {
        /// Its id, by which it is run.
        code: JoinCodeId,
        /// Its text, by which people join.
        text: String,
    }
}
body! {
    /// A join code and what came of it.
    JoinCodeStateV1 {
        /// Its id.
        code: JoinCodeId,
        /// Its text.
        text: String,
        /// The group that runs it.
        group: GroupId,
        /// The group it leads to now.
        target: GroupId,
        /// Who made it; 0 for the enterprise's systems.
        creator: PersonId,
        /// When its time is over; the end of time for a permanent one.
        valid_until: Timestamp,
        /// Its campaign.
        label: String,
        /// How many may join by it; 0 for any number.
        uses_max: u32,
        /// Whether the enterprise's system is asked.
        verification: bool,
        /// Whether and how its target moves.
        live: Option<LiveCodeV1>,
        /// How many groups it has led to.
        groups: u32,
        /// Whether it was revoked.
        revoked: bool,
        /// How many have joined by it.
        joined: u32,
        /// When the last of them did; 0 where nobody has.
        last_join: Timestamp,
    }
}
body! {
    /// A page of join codes, by id.
    JoinCodesPageV1 {
        /// The codes.
        codes: Vec<JoinCodeStateV1>,
        /// There are more after the last.
        more: bool,
    }
}
body! {
    /// A join that waits for the enterprise's system.
    JoinPendingV1 {
        /// The call, by which one asks how it stands.
        call: RecordNumber,
        /// When it is too late to be answered.
        expires: Timestamp,
    }
}

body! {
    /// A face-to-face group to open (SPEC G6). Where one is open with these digits in this place,
    /// the person comes to that one, and the rest is not looked at.
    OpenFaceToFaceV1 {
        /// Who: the person who asks, or whom the enterprise names.
        person: PersonId,
        /// Four digits.
        digits: String,
        /// The place, as the backend names it; opaque, 1 to 128 bytes.
        location: String,
        /// The group's name, 1 to 64 characters.
        name: String,
        /// What the group will be: internal, or external for customers and partners to come.
        kind: GroupKind,
    }
}
body! {
    /// Somebody comes to a face-to-face group.
    JoinFaceToFaceV1 {
        /// Who: the person who asks, or whom the enterprise names.
        person: PersonId,
        /// The digits, as told.
        digits: String,
        /// The place, as the backend names it.
        location: String,
    }
}
body! {
    /// A face-to-face group, for somebody in it.
    FaceToFaceV1 {
        /// Which: the record that opened it.
        meeting: RecordNumber,
        /// Who asks: the person, or whom the enterprise names.
        person: PersonId,
    }
}
body! {
    /// A face-to-face group.
    FaceToFaceStateV1 {
        /// Its name: the record that opened it.
        meeting: RecordNumber,
        /// Until when its digits hold.
        expires: Timestamp,
        /// Who opened it, then who came, in order; once it is started, who had come by then.
        people: Vec<PersonId>,
        /// The group that was made of them; 0 while it is not started.
        group: GroupId,
    }
}
