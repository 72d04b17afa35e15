//! The bodies of the directory's events.

use crate::model::body::body;
use crate::model::command::{NewPersonV2, OrgRole, PersonStatus, Platform};
use crate::model::event::GroupStatus;
use crate::wire::{DepartmentId, DeviceId, GroupId, PersonId, Timestamp};

body! {
    /// The enterprise is verified until another time.
    TenantVerifiedV1 {
        /// Until then.
        verified_until: Timestamp,
    }
}
body! {
    /// People exist, with their entries and departments; their ids follow one another.
    PeopleAddedV2 {
        /// The id of the first.
        first: PersonId,
        /// Who they are.
        people: Vec<NewPersonV2>,
    }
}
body! {
    /// A person's whole entry, as it is from now on.
    ProfileSetV1 {
        /// Whose.
        person: PersonId,
        /// The real name.
        name: String,
        /// The backend's own id; empty for none.
        external_id: String,
        /// Empty for none.
        employee_number: String,
        /// E.164; empty for none.
        mobile: String,
        /// Empty for none.
        email: String,
        /// Empty for none.
        position: String,
    }
}
body! {
    /// An account asks for nothing any more.
    PersonFrozenV1 {
        /// Whose.
        person: PersonId,
    }
}
body! {
    /// A frozen account is what it was before.
    PersonThawedV1 {
        /// Whose.
        person: PersonId,
        /// Invited or active.
        status: PersonStatus,
    }
}
body! {
    /// One-time codes to activate accounts with; earlier ones of the same people are void.
    ActivationsIssuedV1 {
        /// One each.
        codes: Vec<ActivationCodeV1>,
        /// They work until then.
        expires: Timestamp,
    }
}
body! {
    /// One person's one-time code.
    ActivationCodeV1 {
        /// Whose.
        person: PersonId,
        /// The code.
        code: String,
    }
}
body! {
    /// A wrong code was tried. Never coalesced: the count is a limit.
    ActivationFailedV1 {
        /// Whose account.
        person: PersonId,
        /// The code is void.
        exhausted: bool,
    }
}
body! {
    /// An account is in use.
    PersonActivatedV1 {
        /// Whose.
        person: PersonId,
    }
}
body! {
    /// A role in the enterprise.
    OrgRoleSetV1 {
        /// Whose.
        person: PersonId,
        /// Which.
        role: OrgRole,
        /// What they run, where the role is department admin.
        departments: Vec<DepartmentId>,
    }
}
body! {
    /// A person left the company, with what became of all that was theirs.
    PersonDepartedV2 {
        /// Who.
        person: PersonId,
        /// Whose their contacts are from now on; 0 where they wait to be handed over.
        contacts_to: PersonId,
        /// What became of each of their groups.
        groups: Vec<LeftGroupV2>,
    }
}
body! {
    /// A group that someone left with the company.
    LeftGroupV2 {
        /// Which.
        group: GroupId,
        /// Who owns it now; 0 where the owner did not change, or there is none.
        successor: PersonId,
        /// Who owns it now was no member, and is from the same sequence on.
        joined: bool,
        /// What it is from now on.
        status: GroupStatus,
    }
}
body! {
    /// A person uses a device that was not known, or not as this.
    DeviceRegisteredV1 {
        /// Whose.
        person: PersonId,
        /// Which.
        device: DeviceId,
        /// What it is.
        platform: Platform,
        /// The device that is forgotten to make room; 0 for none.
        forgotten: DeviceId,
    }
}
body! {
    /// A device is locked out.
    DeviceRevokedV1 {
        /// Whose.
        person: PersonId,
        /// Which.
        device: DeviceId,
    }
}
body! {
    /// The enterprise's rules of access, all of them.
    TenantPolicySetV1 {
        /// Admin operations need a second-factor claim.
        requires_second_factor: bool,
        /// Networks people may connect from, in CIDR notation and in order; empty for any.
        ip_allow_list: Vec<String>,
    }
}
