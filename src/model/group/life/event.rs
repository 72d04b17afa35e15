//! What happens in the life of a group.

use crate::model::body::body;
use crate::model::command::{JoinSource, SettingsChangeV1};
use crate::wire::{GroupId, PersonId, Sequence, Timestamp};

body! {
    /// People are members, and how they came.
    MembersJoinedV2 {
        /// Of which group.
        group: GroupId,
        /// Who.
        people: Vec<PersonId>,
        /// How.
        source: JoinSource,
        /// The campaign of the code; empty for none.
        label: String,
        /// The data-use notice that they were shown; 0 where none was due (SPEC G1).
        notice: u32,
    }
}
body! {
    /// People may become members by accepting. Takes no sequence: they are no members yet.
    MembersInvitedV1 {
        /// Of which group.
        group: GroupId,
        /// Who.
        people: Vec<PersonId>,
        /// Who invites.
        by: PersonId,
        /// Until when they may accept.
        expires: Timestamp,
    }
}
body! {
    /// Somebody does not want to be a member. Takes no sequence.
    InvitationDeclinedV1 {
        /// Of which group.
        group: GroupId,
        /// Who.
        person: PersonId,
    }
}
body! {
    /// A group has other settings.
    GroupConfiguredV1 {
        /// Which.
        group: GroupId,
        /// What changed.
        change: SettingsChangeV1,
    }
}
body! {
    /// A group has another announcement: its text is the record's view.
    AnnouncedV1 {
        /// Which.
        group: GroupId,
        /// How many bytes the announcement has; 0 for none any more.
        len: u32,
        /// Who announced; 0 for the enterprise's systems.
        by: PersonId,
    }
}
body! {
    /// A member is silent, or is not any more.
    MemberMutedV1 {
        /// In which group.
        group: GroupId,
        /// Who.
        person: PersonId,
        /// Until when; past for not any more.
        until: Timestamp,
    }
}
body! {
    /// Everybody but owner and admins is silent, or is not any more.
    AllMutedV1 {
        /// In which group.
        group: GroupId,
        /// Whether.
        on: bool,
    }
}
body! {
    /// Time must pass between two messages of a plain member.
    SlowModeSetV1 {
        /// In which group.
        group: GroupId,
        /// How much; 0 for none.
        seconds: u32,
    }
}
body! {
    /// A group is out of use (SPEC G8).
    GroupDisabledV1 {
        /// Which.
        group: GroupId,
        /// Its members, who do not see it any more.
        members: Vec<PersonId>,
    }
}
body! {
    /// A leaving disabled a group: no employee was left to own it, and super admins are told by this
    /// record and by the list of such groups (SPEC M6). Takes no sequence; the leaving has one.
    GroupOrphanedV1 {
        /// Which.
        group: GroupId,
        /// Who is still in it, and does not see it any more.
        members: Vec<PersonId>,
        /// The sequence of the leaving.
        at: Sequence,
    }
}
body! {
    /// A disabled group is in use again.
    GroupEnabledV1 {
        /// Which.
        group: GroupId,
        /// Who owns it from now on; 0 where that does not change.
        owner: PersonId,
        /// The new owner was no member, and is one now.
        joined: bool,
        /// The other members, who see it again; without those who have deleted it from their view.
        members: Vec<PersonId>,
    }
}
body! {
    /// A group is over.
    GroupDissolvedV2 {
        /// Which.
        group: GroupId,
        /// Who was in it.
        members: Vec<PersonId>,
        /// Super admins who inherit its history (SPEC G8).
        heirs: Vec<PersonId>,
    }
}
body! {
    /// A dissolved group's view is erased; its content goes when retention and holds end.
    GroupDeletedV1 {
        /// Which.
        group: GroupId,
    }
}
body! {
    /// A member has deleted a group from their own view.
    GroupHiddenV1 {
        /// Which.
        group: GroupId,
        /// Whose view.
        person: PersonId,
    }
}
body! {
    /// A member sees a group again that they had deleted from their view.
    GroupRestoredV1 {
        /// Which.
        group: GroupId,
        /// Whose view.
        person: PersonId,
        /// What sessions that came online without it are sent from: its next sequence.
        from: Sequence,
    }
}
body! {
    /// Whether new messages may disturb a member.
    DoNotDisturbSetV1 {
        /// In which group.
        group: GroupId,
        /// Whom.
        person: PersonId,
        /// Whether not.
        on: bool,
    }
}
body! {
    /// A member has other tags.
    MemberTaggedV1 {
        /// In which group.
        group: GroupId,
        /// Who.
        person: PersonId,
        /// All of them.
        tags: Vec<String>,
    }
}
