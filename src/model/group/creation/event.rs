//! What happened when groups were made. An event states what came of a command: members found, seats
//! given, passwords hashed.

use crate::model::body::body;
use crate::model::command::{Creators, GroupKind, NewGroupV1};
use crate::wire::{
    ClientMessageId, DepartmentId, GroupId, MatrixId, PersonId, RecordNumber, Sequence, Timestamp,
};

body! {
    /// A group exists.
    GroupCreatedV2 {
        /// Its id.
        group: GroupId,
        /// What it is.
        kind: GroupKind,
        /// Its name.
        name: String,
        /// Who owns it.
        owner: PersonId,
        /// Which of the others administer it, in the order of their appointment.
        admins: Vec<PersonId>,
        /// The others, in the order that breaks ties of succession.
        members: Vec<PersonId>,
        /// Who had it made; 0 for the enterprise's systems.
        creator: PersonId,
        /// The department it belongs to; 0 for none.
        department: DepartmentId,
        /// The project team it belongs to; empty for none.
        team: String,
        /// It follows its department (SPEC D8).
        follows_department: bool,
        /// Its owner and admins do not rename it (SPEC P1).
        name_locked: bool,
        /// The data-use notice that everyone in it was shown; 0 where none is due (SPEC G1).
        notice: u32,
        /// Of a training group: who may watch it.
        watch: Option<WatchHashV1>,
        /// The day on which it counts for its creator begins here; 0 where it does not count.
        day_starts: Timestamp,
        /// And ends before this (SPEC G4, Q5).
        day_ends: Timestamp,
    }
}
body! {
    /// Who may watch a training group. The password itself is in no record.
    WatchHashV1 {
        /// What the password was hashed with.
        salt: u128,
        /// SHA-256 of salt, little endian, and password.
        hash: [u8; 32],
        /// Viewers are let in from then on.
        opens: Timestamp,
        /// And until before then.
        closes: Timestamp,
    }
}
body! {
    /// Groups will be created, one record each.
    BatchAcceptedV1 {
        /// The enterprise's own name for the call.
        client_message_id: ClientMessageId,
        /// By which a retry with other groups is told.
        digest: u64,
        /// The groups as they were asked for.
        groups: Vec<NewGroupV1>,
    }
}
body! {
    /// One group of a batch exists.
    BatchGroupCreatedV1 {
        /// The batch's record.
        batch: RecordNumber,
        /// Which of its groups, from 0.
        item: u32,
        /// What was created.
        created: GroupCreatedV2,
    }
}
body! {
    /// One group of a batch was refused.
    BatchGroupRefusedV1 {
        /// The batch's record.
        batch: RecordNumber,
        /// Which of its groups, from 0.
        item: u32,
        /// The code of the refusal.
        code: u16,
        /// The refusal for people.
        text: String,
    }
}
body! {
    /// The enterprise has another policy of who creates groups.
    CreationPolicySetV1 {
        /// Who.
        who: Creators,
        /// With `Departments`: which.
        departments: Vec<DepartmentId>,
        /// With `People`: who.
        people: Vec<PersonId>,
        /// Mobile devices create no groups.
        bar_mobile: bool,
        /// Internal groups need belong to nothing.
        binding_off: bool,
    }
}
body! {
    /// Who may be selected for new groups.
    ScopeSetV1 {
        /// By whom; 0 for every creator.
        person: PersonId,
        /// Everyone in these departments, sub-departments included.
        departments: Vec<DepartmentId>,
        /// And these people. With nothing named, everyone.
        people: Vec<PersonId>,
    }
}
body! {
    /// A person's creating is held up, or goes on (SPEC G4).
    RiskControlSetV1 {
        /// Whose.
        person: PersonId,
        /// It is held up until an admin releases it.
        tripped: bool,
    }
}
body! {
    /// A group follows its department no longer.
    FollowingEndedV1 {
        /// Which.
        group: GroupId,
    }
}
body! {
    /// Another data-use notice holds for those who join from now on.
    DataUseNoticeSetV1 {
        /// By which joins name it.
        version: u32,
        /// The text.
        text: String,
    }
}
body! {
    /// Whether the enterprise's own archive pull carries a group.
    ArchivePullSetV1 {
        /// Which group.
        group: GroupId,
        /// It does.
        pulled: bool,
    }
}
body! {
    /// A training group has another watch password and window.
    WatchSetV1 {
        /// Which group.
        group: GroupId,
        /// What holds from now on.
        watch: WatchHashV1,
    }
}
body! {
    /// Somebody watches a training group. Takes no sequence.
    ViewerJoinedV1 {
        /// Which group.
        group: GroupId,
        /// Who.
        viewer: PersonId,
        /// Their seat, from 0.
        seat: u32,
    }
}
body! {
    /// Somebody watches a training group, and from where and until when (SPEC L1). Takes no sequence.
    ViewerJoinedV2 {
        /// Which group.
        group: GroupId,
        /// Who.
        viewer: PersonId,
        /// Their seat, from 0.
        seat: u32,
        /// The first sequence they read.
        first: Sequence,
        /// When the window closes, as it is set now.
        closes: Timestamp,
    }
}
body! {
    /// Somebody watches a training group no longer. Takes no sequence.
    ViewerLeftV1 {
        /// Which group.
        group: GroupId,
        /// Who.
        viewer: PersonId,
    }
}
body! {
    /// Somebody guessed at a watch password.
    WatchPasswordWrongV1 {
        /// Of which group.
        group: GroupId,
        /// Who.
        viewer: PersonId,
    }
}
body! {
    /// A set of groups.
    MatrixSetV1 {
        /// Which.
        matrix: MatrixId,
        /// Its name.
        name: String,
        /// Its groups; none where the set is removed.
        groups: Vec<GroupId>,
    }
}
