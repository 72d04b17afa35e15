//! What happens to join codes and face-to-face groups.

use crate::model::body::body;
use crate::model::command::{GroupKind, LiveCodeV1};
use crate::wire::{GroupId, JoinCodeId, PersonId, RecordNumber, Timestamp};

body! {
    /// A join code exists.
    JoinCodeCreatedV1 {
        /// Its id.
        code: JoinCodeId,
        /// Its text.
        text: String,
        /// Where it leads.
        group: GroupId,
        /// Who made it; 0 for the enterprise's systems.
        creator: PersonId,
        /// When its time is over.
        valid_until: Timestamp,
        /// Its campaign.
        label: String,
        /// How many may join by it; 0 for any number.
        uses_max: u32,
        /// Whether the enterprise's system is asked.
        verification: bool,
        /// Whether and how its target moves.
        live: Option<LiveCodeV1>,
    }
}
body! {
    /// A join code is over.
    JoinCodeRevokedV1 {
        /// Which.
        code: JoinCodeId,
    }
}
body! {
    /// A live code leads to the next group.
    JoinCodeMovedV1 {
        /// Which.
        code: JoinCodeId,
        /// Where it leads from now on.
        group: GroupId,
    }
}
body! {
    /// Somebody joined by a code.
    JoinCodeUsedV1 {
        /// Which.
        code: JoinCodeId,
        /// Who.
        person: PersonId,
    }
}
body! {
    /// Somebody tried a code that there is not: a join code, or face-to-face digits.
    CodeGuessedV1 {
        /// Who.
        person: PersonId,
    }
}
body! {
    /// A face-to-face group is open.
    FaceToFaceOpenedV1 {
        /// Named by: the record of this event.
        meeting: RecordNumber,
        /// Who opened it.
        person: PersonId,
        /// Its digits, as a number.
        digits: u16,
        /// Its place.
        location: String,
        /// The name of the group to be.
        name: String,
        /// What the group will be.
        kind: GroupKind,
        /// Until when its digits hold.
        expires: Timestamp,
    }
}
body! {
    /// One more came to a face-to-face group.
    FaceToFaceJoinedV1 {
        /// Which.
        meeting: RecordNumber,
        /// Who.
        person: PersonId,
    }
}
body! {
    /// A face-to-face group was made of those who came.
    FaceToFaceStartedV1 {
        /// Which.
        meeting: RecordNumber,
        /// The group.
        group: GroupId,
    }
}
