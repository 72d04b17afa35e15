//! The bodies of events. What an aggregate has added since is in that aggregate's own `event` module.

use crate::model::body::{body, code};
use crate::model::command::{GroupKind, GroupRole, NewPersonV1, QuotaPolicy, Succession};
use crate::wire::{
    ClientMessageId, DeviceId, GroupId, PersonId, RecordNumber, TenantId, Timestamp,
};

code! {
    /// Whether a group is in use (SPEC G8).
    GroupStatus {
        /// In use.
        Active = 0,
        /// Nothing but leaving and dissolving is possible.
        Disabled = 1,
        /// Over: its members are gone, its records stay.
        Dissolved = 2,
    }
}
code! {
    /// Why a member is none any more; the `detail` of a `Left` envelope.
    LeaveCause {
        /// By themselves.
        Left = 0,
        /// By someone else.
        Removed = 1,
        /// With the company.
        Departed = 2,
        /// With their move to other departments (SPEC D8).
        Moved = 3,
    }
}

body! {
    /// A tenant exists.
    TenantCreatedV1 {
        /// Its id.
        tenant: TenantId,
        /// Its name.
        name: String,
        /// Its time zone by IANA name.
        zone: String,
        /// Verified until then.
        verified_until: Timestamp,
        /// Who owns a group when its owner goes.
        succession: Succession,
    }
}
body! {
    /// People exist; their ids follow one another.
    PeopleAddedV1 {
        /// The id of the first.
        first: PersonId,
        /// Who they are.
        people: Vec<NewPersonV1>,
    }
}
body! {
    /// A person left the company.
    PersonDepartedV1 {
        /// Who.
        person: PersonId,
        /// What became of each of their groups.
        groups: Vec<LeftGroupV1>,
    }
}
body! {
    /// A group that someone left with the company.
    LeftGroupV1 {
        /// Which.
        group: GroupId,
        /// Who owns it now; 0 where the owner did not change, or there is none.
        successor: PersonId,
        /// What it is from now on.
        status: GroupStatus,
    }
}
body! {
    /// A group exists.
    GroupCreatedV1 {
        /// Its id.
        group: GroupId,
        /// What it is.
        kind: GroupKind,
        /// Its name.
        name: String,
        /// Who owns it.
        owner: PersonId,
        /// The others, in the order that breaks ties of succession.
        members: Vec<PersonId>,
    }
}
body! {
    /// People are members.
    MembersJoinedV1 {
        /// Of which group.
        group: GroupId,
        /// Who.
        people: Vec<PersonId>,
    }
}
body! {
    /// People are no members any more.
    MembersLeftV1 {
        /// Of which group.
        group: GroupId,
        /// Who.
        people: Vec<PersonId>,
        /// Why.
        cause: LeaveCause,
        /// Who owns it now; 0 where the owner did not change, or there is none.
        successor: PersonId,
        /// What the group is from now on.
        status: GroupStatus,
    }
}
body! {
    /// A group is over.
    GroupDissolvedV1 {
        /// Which.
        group: GroupId,
        /// Who was in it.
        members: Vec<PersonId>,
    }
}
body! {
    /// A member's role.
    RoleChangedV1 {
        /// In which group.
        group: GroupId,
        /// Whose.
        person: PersonId,
        /// Which.
        role: GroupRole,
    }
}
body! {
    /// A group changed hands.
    OwnershipTransferredV1 {
        /// Which.
        group: GroupId,
        /// Who owned it, and is an admin now.
        from: PersonId,
        /// Who owns it.
        to: PersonId,
    }
}
body! {
    /// A group has another name.
    GroupRenamedV1 {
        /// Which.
        group: GroupId,
        /// Its name.
        name: String,
    }
}
body! {
    /// A message took its place. Sender, client message id and kind are in the record's header.
    PublishedV1 {
        /// Where.
        group: GroupId,
        /// By which a retry with another body is told (SPEC S3).
        body_digest: u64,
    }
}
body! {
    /// A mass send was charged.
    MassSendAcceptedV1 {
        /// Who is charged.
        sender: PersonId,
        /// From which device.
        device: DeviceId,
        /// The groups it goes to, in this order.
        groups: Vec<GroupId>,
        /// The number of a message kind.
        kind: u8,
        /// The number of a priority.
        priority: u8,
        /// The sender's name for it.
        client_message_id: ClientMessageId,
        /// By which a retry with another body or other groups is told.
        body_digest: u64,
        /// The window it is charged to begins here (SPEC Q5).
        window_starts: Timestamp,
        /// And ends before this.
        window_ends: Timestamp,
    }
}
body! {
    /// One group of a mass send.
    MassSendTargetV1 {
        /// The parent record's number.
        mass_send: RecordNumber,
        /// Which group.
        group: GroupId,
    }
}
body! {
    /// What a quota policy guards, of one person.
    FeatureV1 {
        /// Whose.
        person: PersonId,
        /// By which policy.
        policy: QuotaPolicy,
    }
}
body! {
    /// The tenant has another limit.
    QuotaSetV1 {
        /// For which policy.
        policy: QuotaPolicy,
        /// The limit.
        limit: u32,
    }
}
body! {
    /// Records were lost to damage and an operator accepted it.
    LogRepairedV1 {
        /// The first record that was lost; its number and those after it are given anew.
        at: RecordNumber,
    }
}
