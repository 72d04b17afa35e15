//! The bodies of commands, queries and replies about making groups.

use crate::model::body::{body, code};
use crate::model::command::GroupKind;
use crate::wire::{
    ClientMessageId, DepartmentId, GroupId, MatrixId, PersonId, RecordNumber, Timestamp,
};

code! {
    /// What a group belongs to (SPEC G1).
    Binding {
        /// Nothing; for an internal group only where the enterprise's policy allows it.
        None = 0,
        /// A department.
        Department = 1,
        /// A project team.
        Team = 2,
    }
}
code! {
    /// Who may create groups (SPEC G4).
    Creators {
        /// Every employee.
        Everyone = 0,
        /// Those in the departments named, sub-departments included.
        Departments = 1,
        /// The people named.
        People = 2,
        /// Every employee, once somebody else has approved.
        WithApproval = 3,
        /// Nobody: the security lock.
        Nobody = 4,
    }
}

body! {
    /// A group to create.
    NewGroupV1 {
        /// What it is; a training group is created with its watch password.
        kind: GroupKind,
        /// Its name, 1 to 64 characters; of a direct group it may be empty.
        name: String,
        /// Who owns it; the person who asks, or whom the enterprise names.
        owner: PersonId,
        /// The others, in the order that breaks ties of succession.
        members: Vec<PersonId>,
        /// Departments of which everyone is a member too, sub-departments included.
        departments: Vec<DepartmentId>,
        /// What it belongs to.
        binding: Binding,
        /// Which department it belongs to; then everyone in it is a member. Else 0.
        department: DepartmentId,
        /// Which project team it belongs to, 1 to 64 characters; else empty.
        team: String,
        /// Who joins or leaves its department later joins or leaves the group (SPEC D8).
        follows_department: bool,
    }
}
body! {
    /// Who may watch a training group, and when (SPEC G1).
    WatchV1 {
        /// What viewers have to know, 1 to 64 characters.
        password: String,
        /// Viewers are let in from then on.
        opens: Timestamp,
        /// And until before then.
        closes: Timestamp,
    }
}
body! {
    /// A training group to create.
    CreateTrainingGroupV1 {
        /// Those who may speak, and the rest.
        group: NewGroupV1,
        /// Those who watch.
        watch: WatchV1,
    }
}
body! {
    /// Another watch password and window.
    ConfigureWatchV1 {
        /// Of which training group.
        group: GroupId,
        /// What holds from now on; who watches already may go on.
        watch: WatchV1,
    }
}
body! {
    /// Groups to create, each succeeding or failing by itself.
    CreateGroupsV1 {
        /// The enterprise's own name for the call, by which a retry is recognised; not 0.
        client_message_id: ClientMessageId,
        /// The groups, at most 500; no training groups among them.
        groups: Vec<NewGroupV1>,
    }
}
body! {
    /// A call of `CreateGroups`.
    BatchV1 {
        /// Its record's number.
        batch: RecordNumber,
    }
}
body! {
    /// Who may create groups. What is left empty names nobody.
    SetCreationPolicyV1 {
        /// Who.
        who: Creators,
        /// With `Departments`: which.
        departments: Vec<DepartmentId>,
        /// With `People`: who.
        people: Vec<PersonId>,
        /// Mobile devices create no groups, whoever asks.
        bar_mobile: bool,
        /// Internal groups need belong to nothing.
        binding_off: bool,
    }
}
body! {
    /// People who may be selected for new groups; with nothing named, everyone.
    SetSelectableV1 {
        /// Everyone in these departments, sub-departments included.
        departments: Vec<DepartmentId>,
        /// And these people.
        people: Vec<PersonId>,
    }
}
body! {
    /// People whom one creator may select; with nothing named, everyone who may be selected at all.
    SetContactScopeV1 {
        /// The creator.
        person: PersonId,
        /// Everyone in these departments, sub-departments included.
        departments: Vec<DepartmentId>,
        /// And these people.
        people: Vec<PersonId>,
    }
}
body! {
    /// What those who join an external group are told about the use of their data.
    SetDataUseNoticeV1 {
        /// The text, 1 to 4,000 characters.
        text: String,
    }
}
body! {
    /// Whether the enterprise's own archive pull carries a group.
    SetArchivePullV1 {
        /// Which group.
        group: GroupId,
        /// It does; cannot be switched off for an external group.
        pulled: bool,
    }
}
body! {
    /// Somebody to let in as a viewer.
    JoinAsViewerV1 {
        /// Which training group.
        group: GroupId,
        /// Who: the person who asks, or whom the enterprise names.
        viewer: PersonId,
        /// The watch password.
        password: String,
    }
}
body! {
    /// A viewer who goes.
    LeaveAsViewerV1 {
        /// Which training group.
        group: GroupId,
        /// Who: the person who asks, or whom the enterprise names.
        viewer: PersonId,
    }
}
body! {
    /// A group to split into a core and sub-groups.
    SplitGroupV1 {
        /// Which becomes the core.
        group: GroupId,
        /// How many groups there are afterwards, the core included; 2 to 20.
        parts: u32,
    }
}
body! {
    /// Groups to address as one (SPEC G10).
    NewMatrixV1 {
        /// The set's name, 1 to 64 characters.
        name: String,
        /// The groups, each once.
        groups: Vec<GroupId>,
    }
}
body! {
    /// Other groups, or another name, for a set.
    ChangeMatrixV1 {
        /// Which set.
        matrix: MatrixId,
        /// Its name from now on.
        name: String,
        /// Its groups from now on.
        groups: Vec<GroupId>,
    }
}
body! {
    /// A set of groups.
    MatrixV1 {
        /// Which.
        matrix: MatrixId,
    }
}
body! {
    /// A question about the whole enterprise.
    OfTheEnterpriseV1 {}
}
body! {
    /// A page of sets to read.
    ListMatricesV1 {
        /// Only sets with a greater id.
        after: MatrixId,
        /// At most this many, up to 10.
        limit: u32,
    }
}
body! {
    /// One room's viewers to read.
    ListViewersV1 {
        /// Which training group.
        group: GroupId,
        /// Which of its rooms, from 0.
        room: u32,
    }
}

body! {
    /// A batch that is being worked off.
    BatchAcceptedV1 {
        /// Its record's number, by which its results are asked for.
        batch: RecordNumber,
        /// How many groups it has.
        groups: u32,
        /// The first result of an earlier attempt, once more.
        duplicate: bool,
    }
}
body! {
    /// What became of one group of a batch.
    BatchItemV1 {
        /// The group; 0 where it was refused, or its turn has not come.
        group: GroupId,
        /// The code of the refusal; 0 where there is none.
        code: u16,
        /// The refusal for people; empty where there is none.
        text: String,
    }
}
body! {
    /// How far a batch has got.
    BatchStateV1 {
        /// How many of its groups have had their turn, from the first on.
        done: u32,
        /// One entry a group, in the order given.
        items: Vec<BatchItemV1>,
    }
}
body! {
    /// Where a group comes from.
    GroupOriginV1 {
        /// Which group.
        group: GroupId,
        /// Who had it made; 0 for the enterprise's systems.
        creator: PersonId,
        /// What it belongs to.
        binding: Binding,
        /// Which department it belongs to; else 0.
        department: DepartmentId,
        /// Which project team it belongs to; else empty.
        team: String,
        /// It follows its department (SPEC D8).
        follows_department: bool,
        /// The enterprise's own archive pull carries it.
        pulled: bool,
        /// Neither the pull nor retention can be switched off (SPEC G1).
        archive_required: bool,
    }
}
body! {
    /// A training group's audience.
    AudienceV1 {
        /// Which group.
        group: GroupId,
        /// Viewers are let in from then on.
        opens: Timestamp,
        /// And until before then.
        closes: Timestamp,
        /// How many watch.
        viewers: u32,
        /// How many rooms they are in.
        rooms: u32,
    }
}
body! {
    /// A viewer's seat.
    WatchingV1 {
        /// In which training group.
        group: GroupId,
        /// In which of its rooms, from 0.
        room: u32,
    }
}
body! {
    /// The viewers of a room.
    ViewersV1 {
        /// Who, in the order of their seats.
        viewers: Vec<PersonId>,
    }
}
body! {
    /// What those who join an external group are told.
    DataUseNoticeV1 {
        /// By which joins name it; every other text has a greater one.
        version: u32,
        /// The text.
        text: String,
    }
}
body! {
    /// The groups that one became.
    GroupSplitV1 {
        /// The new ones, in the order in which their members had joined.
        groups: Vec<GroupId>,
    }
}
body! {
    /// One set of groups.
    MatrixEntryV1 {
        /// Which.
        matrix: MatrixId,
        /// Its name.
        name: String,
        /// Its groups, without those that are dissolved.
        groups: Vec<GroupId>,
    }
}
body! {
    /// Sets of groups, by id.
    MatricesV1 {
        /// The sets.
        matrices: Vec<MatrixEntryV1>,
        /// There are more after the last.
        more: bool,
    }
}
body! {
    /// Who may create groups, and whom they may select.
    CreationPolicyV1 {
        /// Who may create.
        policy: SetCreationPolicyV1,
        /// Who may be selected.
        selectable: SetSelectableV1,
    }
}
