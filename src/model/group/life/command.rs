//! What can be asked about the life of a group: its settings, its status, one's own view of it.

use crate::model::body::{body, code};
use crate::model::command::{GroupKind, GroupRole, PersonKind};
use crate::model::event::GroupStatus;
use crate::wire::{GroupId, PersonId, RecordNumber, Sequence, Timestamp};

code! {
    /// Who may bring people into a group (SPEC G7).
    InvitePolicy {
        /// Every employee in it.
        Everyone = 0,
        /// Its owner and admins.
        Admins = 1,
    }
}
code! {
    /// How much of what was said before their join newcomers may read (SPEC S12).
    NewcomerHistory {
        /// Nothing.
        Nothing = 0,
        /// Everything.
        All = 1,
    }
}
code! {
    /// How a member came into a group (SPEC G9).
    JoinSource {
        /// With the group.
        Created = 0,
        /// Added by somebody in it, or by the enterprise.
        Added = 1,
        /// By a join code; its campaign is the label.
        Code = 2,
        /// By a face-to-face code.
        FaceToFace = 3,
        /// With a department.
        Department = 4,
        /// In place of somebody who left (SPEC D7, M6).
        Succession = 5,
        /// By accepting an invitation (SPEC G7).
        Invitation = 6,
    }
}

body! {
    /// What changes of a group's settings: only what is given.
    ///
    /// The archive pull and retention of external groups are no settings: they cannot be switched off.
    SettingsChangeV1 {
        /// Who may bring people in.
        invite: Option<InvitePolicy>,
        /// Only managers of the enterprise rename it; on by default for groups bound to a department (SPEC P1).
        name_locked: Option<bool>,
        /// Plain members see only owner, admins and themselves in the list of members (SPEC G9).
        hide_contacts: Option<bool>,
        /// Whether people whom a person adds must agree, in a group that would be large (SPEC G7); off until it is set.
        confirm: Option<bool>,
        /// Above how many members a group is large; 40 until it is set.
        confirm_above: Option<u32>,
        /// What newcomers may read.
        history: Option<NewcomerHistory>,
        /// What clients show who joins, at most 1,024 characters; empty for nothing (SPEC G9).
        welcome: Option<String>,
        /// Whether receipts are kept (SPEC S6).
        receipts: Option<bool>,
    }
}
body! {
    /// Settings to change, all or none.
    ConfigureGroupV1 {
        /// Of which group.
        group: GroupId,
        /// What.
        change: SettingsChangeV1,
    }
}
body! {
    /// An announcement to put up.
    AnnounceV1 {
        /// In which group.
        group: GroupId,
        /// UTF-8, at most 4 KiB; empty takes down the one there is.
        text: String,
    }
}
body! {
    /// A member to silence, or to let speak again.
    MuteMemberV1 {
        /// In which group.
        group: GroupId,
        /// A plain member.
        person: PersonId,
        /// Until when; now or earlier lets them speak again.
        until: Timestamp,
    }
}
body! {
    /// Whether everybody but owner and admins is silent.
    MuteAllV1 {
        /// In which group.
        group: GroupId,
        /// Whether.
        on: bool,
    }
}
body! {
    /// The time that must pass between two messages of a plain member.
    SetSlowModeV1 {
        /// In which group.
        group: GroupId,
        /// At most 86,400; 0 for none.
        seconds: u32,
    }
}
body! {
    /// A disabled group to put in use again.
    EnableGroupV1 {
        /// Which.
        group: GroupId,
        /// Who owns it from now on, an employee who joins if need be; 0 leaves it with its owner. A group that was
        /// disabled for want of an employee has none, and needs one named (SPEC M6).
        owner: PersonId,
    }
}
body! {
    /// Whether new messages may disturb a member.
    SetDoNotDisturbV1 {
        /// In which group.
        group: GroupId,
        /// Whose device stays quiet.
        person: PersonId,
        /// Whether.
        on: bool,
    }
}
body! {
    /// What employees note of a member (SPEC G9).
    TagMemberV1 {
        /// In which group.
        group: GroupId,
        /// Of whom.
        person: PersonId,
        /// All their tags from now on: at most 16, each once, of 1 to 64 characters.
        tags: Vec<String>,
    }
}
body! {
    /// The answer to an invitation.
    AnswerInvitationV1 {
        /// To which group.
        group: GroupId,
        /// Who was invited.
        person: PersonId,
        /// Whether they join.
        accept: bool,
    }
}
body! {
    /// A page of groups to read.
    ListOrphanedGroupsV1 {
        /// Only groups with a greater id.
        after: GroupId,
        /// At most this many, up to 1,000.
        limit: u32,
    }
}

body! {
    /// Whom a call to add members has invited instead: each joins by accepting (SPEC G7).
    InvitedV1 {
        /// To which group.
        group: GroupId,
        /// Who.
        people: Vec<PersonId>,
        /// Until when they may accept.
        expires: Timestamp,
    }
}
body! {
    /// What a group is set to, and what of it is one's own.
    GroupSettingsV1 {
        /// Which group.
        group: GroupId,
        /// What it is.
        kind: GroupKind,
        /// Whether it is in use.
        status: GroupStatus,
        /// It is deleted: only the enterprise and its super admins are told so much (SPEC G8).
        deleted: bool,
        /// Who owns it; 0 for nobody.
        owner: PersonId,
        /// Super admins who inherited the history of a group they dissolved (SPEC G8).
        heirs: Vec<PersonId>,
        /// Who may bring people in.
        invite: InvitePolicy,
        /// Only managers of the enterprise rename it.
        name_locked: bool,
        /// Plain members see only owner, admins and themselves.
        hide_contacts: bool,
        /// Whom a person adds must agree, in a group that would be large.
        confirm: bool,
        /// Above how many members a group is large.
        confirm_above: u32,
        /// What newcomers may read.
        history: NewcomerHistory,
        /// Whether receipts are kept.
        receipts: bool,
        /// What clients show who joins.
        welcome: String,
        /// The announcement; empty for none, and where its text is gone.
        announcement: String,
        /// There is one, and its text is gone: erased, expired, or lost with its record.
        announcement_gone: bool,
        /// The record whose view its text is; 0 for none.
        announced_in: RecordNumber,
        /// Who announced it; 0 for the enterprise's systems, or nobody.
        announced_by: PersonId,
        /// When.
        announced_at: Timestamp,
        /// Everybody but owner and admins is silent.
        all_muted: bool,
        /// Seconds between two messages of a plain member; 0 for none.
        slow_mode_seconds: u32,
        /// Until when the asker is silent; 0 for not at all.
        muted_until: Timestamp,
        /// The asker does not want to be disturbed.
        do_not_disturb: bool,
        /// The asker has deleted it from their view.
        hidden: bool,
    }
}
body! {
    /// One member, by the directory's name (SPEC M4).
    MemberStateV2 {
        /// Who.
        person: PersonId,
        /// Their name in the directory.
        name: String,
        /// What they are to the enterprise.
        kind: PersonKind,
        /// In which role.
        role: GroupRole,
        /// The sequence of their join.
        joined: Sequence,
        /// How they came in.
        source: JoinSource,
        /// The campaign of the code they came by; empty for none.
        label: String,
        /// Until when they are silent; 0 for not at all.
        muted_until: Timestamp,
        /// What employees have noted; shown to employees only.
        tags: Vec<String>,
        /// They do not want to be disturbed; shown to themselves only.
        do_not_disturb: bool,
    }
}
body! {
    /// A page of members, by person id.
    MembersPageV2 {
        /// The members.
        members: Vec<MemberStateV2>,
        /// There are more after the last.
        more: bool,
    }
}
body! {
    /// How many members came in one way.
    SourceCountV1 {
        /// Which way.
        source: JoinSource,
        /// The campaign, of a code.
        label: String,
        /// How many of those who are members now.
        members: u32,
    }
}
body! {
    /// What goes on in a group (SPEC G9).
    GroupStatisticsV1 {
        /// Which group.
        group: GroupId,
        /// How many members there are.
        members: u32,
        /// And how they came in.
        sources: Vec<SourceCountV1>,
        /// How many have joined since the day began in the tenant's zone; without a new group's first members.
        joined_today: u32,
        /// And gone.
        left_today: u32,
        /// How many have joined in the last 7 × 24 hours.
        joined_7_days: u32,
        /// And gone.
        left_7_days: u32,
        /// Messages since the day began.
        messages_today: u32,
        /// Members who wrote one of them to this group alone: mass sends do not count.
        active_senders_today: u32,
        /// Fewer were counted than there may be: too many messages were to be looked at.
        active_senders_incomplete: bool,
    }
}
body! {
    /// One invitation.
    InvitationV1 {
        /// To which group.
        group: GroupId,
        /// Its name.
        name: String,
        /// Who invites; 0 for somebody who is no person.
        by: PersonId,
        /// Until when it can be accepted.
        expires: Timestamp,
    }
}
body! {
    /// The invitations of a person.
    InvitationsV1 {
        /// Those that can still be accepted, by group; at most 1,000.
        list: Vec<InvitationV1>,
    }
}
