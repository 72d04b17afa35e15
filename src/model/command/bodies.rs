//! The bodies of commands, queries and replies, and the codes in them. What an aggregate has added
//! since is in that aggregate's own `command` module.

use crate::model::body::{body, code};
use crate::wire::{
    ClientMessageId, GroupId, PersonId, RecordNumber, Sequence, TenantId, Timestamp,
};

code! {
    /// What a person is to the enterprise (SPEC D4, D5).
    PersonKind {
        /// An employee.
        Employee = 0,
        /// An external contact who buys.
        Customer = 1,
        /// An external contact who works along.
        Partner = 2,
    }
}
code! {
    /// Where a person is in their life with the enterprise (SPEC D3).
    PersonStatus {
        /// Known, but has not activated the account: deals with no external contact.
        Invited = 0,
        /// In use.
        Active = 1,
        /// Asks for nothing until an admin thaws the account.
        Frozen = 2,
        /// Has left the company.
        Departed = 3,
    }
}
code! {
    /// An employee's role in the whole enterprise (SPEC D5).
    OrgRole {
        /// No rights beyond one's own groups.
        Employee = 0,
        /// All rights; at most 3 a tenant.
        SuperAdmin = 1,
        /// Runs the departments given to them, sub-departments included.
        DepartmentAdmin = 2,
        /// Runs bots, webhooks and API clients, and nothing else.
        AppAdmin = 3,
    }
}
code! {
    /// What a group is (SPEC G1).
    GroupKind {
        /// Employees only, up to 2,000.
        Internal = 0,
        /// Employees with customers or partners, up to 500 (200 when the tenant is not verified).
        External = 1,
        /// Employees who may speak, up to 2,000, and viewers apart.
        Training = 2,
        /// Two people.
        Direct = 3,
    }
}
code! {
    /// A member's role in a group (SPEC M1).
    GroupRole {
        /// Speaks, leaves.
        Member = 0,
        /// Renames, invites, removes anyone but the owner.
        Admin = 1,
        /// Everything.
        Owner = 2,
    }
}
code! {
    /// Who owns a group when its owner goes (SPEC M6).
    Succession {
        /// The longest-serving admin, else the longest-serving member.
        AdminFirst = 0,
        /// The longest-serving member.
        JoinOrder = 1,
    }
}
code! {
    /// A quota policy (SPEC Q1, Q2).
    QuotaPolicy {
        /// Mass sends of one sender in a calendar day of the tenant's zone; over it the sender is frozen.
        MassSendsPerSenderPerDay = 1,
    }
}

body! {
    /// A new enterprise.
    CreateTenantV1 {
        /// Its name, 1 to 64 characters.
        name: String,
        /// Its time zone by IANA name, in which calendar quotas count (SPEC Q1).
        zone: String,
        /// Verified until then (SPEC D1); 0 is not verified.
        verified_until: Timestamp,
        /// Who owns a group when its owner goes.
        succession: Succession,
    }
}
body! {
    /// One person to add.
    NewPersonV1 {
        /// The real name, 1 to 64 characters.
        name: String,
        /// The backend's own id, at most 64 bytes and unique in the tenant; empty for none.
        external_id: String,
        /// What the person is to the enterprise.
        kind: PersonKind,
        /// The role in the whole enterprise.
        role: OrgRole,
    }
}
body! {
    /// People to add, all or none; at most 2,000 a command.
    AddPeopleV1 {
        /// Who.
        people: Vec<NewPersonV1>,
    }
}
body! {
    /// A person.
    PersonV1 {
        /// Who.
        person: PersonId,
    }
}
body! {
    /// A group.
    GroupV1 {
        /// Which.
        group: GroupId,
    }
}
body! {
    /// A group to create.
    CreateGroupV1 {
        /// What it is.
        kind: GroupKind,
        /// Its name, 1 to 64 characters.
        name: String,
        /// Who owns it; the person who asks, or whom the enterprise names.
        owner: PersonId,
        /// The others, at least 2 (SPEC G3), in the order that breaks ties of succession.
        members: Vec<PersonId>,
    }
}
body! {
    /// People of a group; at most 2,000.
    MembersV1 {
        /// Which group.
        group: GroupId,
        /// Who.
        people: Vec<PersonId>,
    }
}
body! {
    /// One person of a group.
    MemberV1 {
        /// Which group.
        group: GroupId,
        /// Who.
        person: PersonId,
    }
}
body! {
    /// A role to give.
    SetRoleV1 {
        /// Which group.
        group: GroupId,
        /// To whom.
        person: PersonId,
        /// Which: admin or member.
        role: GroupRole,
    }
}
body! {
    /// A name to give.
    RenameGroupV1 {
        /// Which group.
        group: GroupId,
        /// The name, 1 to 64 characters.
        name: String,
    }
}
body! {
    /// One message to many groups.
    MassSendV1 {
        /// Who sends: the person who asks, or whom a gateway carries.
        sender: PersonId,
        /// The groups, at most 10,000, each once.
        groups: Vec<GroupId>,
        /// What the message is: the number of a message kind.
        kind: u8,
        /// How soon it must be seen: the number of a priority.
        priority: u8,
        /// The sender's name for it, by which a retry is recognised.
        client_message_id: ClientMessageId,
        /// The message, at most 64 KiB.
        body: Vec<u8>,
    }
}
body! {
    /// A limit to set.
    SetQuotaV1 {
        /// Which policy.
        policy: QuotaPolicy,
        /// The limit.
        limit: u32,
    }
}
body! {
    /// A page of members to read.
    ListMembersV1 {
        /// Which group.
        group: GroupId,
        /// Only people with a greater id.
        after: PersonId,
        /// At most this many, up to 1,000.
        limit: u32,
    }
}
body! {
    /// A mass send to look up.
    GetMassSendV1 {
        /// Its parent record's number.
        mass_send: RecordNumber,
    }
}

body! {
    /// Nothing more to say.
    DoneV1 {}
}
body! {
    /// The new tenant.
    TenantCreatedV1 {
        /// Its id.
        tenant: TenantId,
    }
}
body! {
    /// The new people.
    PeopleAddedV1 {
        /// Their ids, in the order given.
        people: Vec<PersonId>,
    }
}
body! {
    /// A change took a sequence.
    GroupChangedV1 {
        /// In which group.
        group: GroupId,
        /// Which sequence.
        sequence: Sequence,
    }
}
body! {
    /// Where a message went.
    PublishedV1 {
        /// The group.
        group: GroupId,
        /// Its place in the group.
        sequence: Sequence,
        /// Its record.
        record: RecordNumber,
        /// When it was decided.
        timestamp: Timestamp,
        /// The first result of an earlier attempt, once more; nothing was charged (SPEC Q3).
        duplicate: bool,
    }
}
body! {
    /// A mass send that will go out.
    MassSendAcceptedV1 {
        /// Its parent record's number.
        mass_send: RecordNumber,
        /// How many groups it goes to.
        targets: u32,
        /// The first result of an earlier attempt, once more; nothing was charged (SPEC Q3).
        duplicate: bool,
    }
}
body! {
    /// A group's state.
    GroupStateV1 {
        /// Which.
        group: GroupId,
        /// What it is.
        kind: GroupKind,
        /// Its name.
        name: String,
        /// Who owns it; 0 when it is dissolved, or disabled for want of an employee (SPEC M6).
        owner: PersonId,
        /// How many members it has.
        members: u32,
        /// How many it may have.
        cap: u32,
        /// Its last sequence.
        head: Sequence,
        /// It is dissolved: members gone, records stay.
        dissolved: bool,
    }
}
body! {
    /// One member.
    MemberStateV1 {
        /// Who.
        person: PersonId,
        /// In which role.
        role: GroupRole,
        /// The sequence of their join: what they may read from.
        joined: Sequence,
    }
}
body! {
    /// A page of members, by person id.
    MembersPageV1 {
        /// The members.
        members: Vec<MemberStateV1>,
        /// There are more after the last.
        more: bool,
    }
}
body! {
    /// One quota of one person.
    QuotaStateV1 {
        /// Which policy.
        policy: QuotaPolicy,
        /// How much is used in the current window.
        used: u32,
        /// The limit.
        limit: u32,
        /// When the window ends.
        window_ends: Timestamp,
        /// The feature is frozen until an admin releases it.
        frozen: bool,
    }
}
body! {
    /// What is left of a person's quotas.
    QuotasV1 {
        /// One entry a policy.
        quotas: Vec<QuotaStateV1>,
    }
}
body! {
    /// How far a mass send has got.
    MassSendProgressV1 {
        /// How many groups it goes to.
        targets: u32,
        /// How many have it.
        sent: u32,
        /// How many refused it: dissolved meanwhile, or the sender no longer in it.
        refused: u32,
    }
}
body! {
    /// A person's groups.
    GroupsV1 {
        /// Which, by id; at most 1,000.
        groups: Vec<GroupId>,
    }
}
