//! The bodies of the directory's commands, queries and replies.

use crate::model::body::{body, code};
use crate::model::command::{OrgRole, PersonKind, PersonStatus};
use crate::wire::{DepartmentId, DeviceId, PersonId, Timestamp};

code! {
    /// What a device is.
    Platform {
        /// Not said.
        Unknown = 0,
        /// A telephone or tablet.
        Mobile = 1,
        /// A computer's own application.
        Desktop = 2,
        /// A browser.
        Web = 3,
    }
}

body! {
    /// Until when the enterprise is verified (SPEC D1).
    VerifyTenantV1 {
        /// Until then; a time that has passed ends it.
        verified_until: Timestamp,
    }
}
body! {
    /// One person to add, with what the directory shows of them (SPEC D3).
    NewPersonV2 {
        /// The real name, 1 to 64 characters.
        name: String,
        /// The backend's own id, at most 64 bytes and unique in the tenant; empty for none.
        external_id: String,
        /// What the person is to the enterprise.
        kind: PersonKind,
        /// The role in the whole enterprise; department admins are appointed with `SetOrgRole`.
        role: OrgRole,
        /// At most 64 characters, unique in the tenant; empty for none.
        employee_number: String,
        /// E.164, such as +8613800138000, unique in the tenant; empty for none.
        mobile: String,
        /// At most 254 bytes; empty for none.
        email: String,
        /// At most 64 characters; empty for none.
        position: String,
        /// Where an employee works, each once.
        departments: Vec<DepartmentId>,
        /// An employee who activates the account with a one-time code before dealing with external contacts.
        invited: bool,
    }
}
body! {
    /// People to add, all or none; at most 500 a command.
    AddPeopleV2 {
        /// Who.
        people: Vec<NewPersonV2>,
    }
}
body! {
    /// What a person's entry says from now on: all of it, what is left empty is emptied.
    UpdatePersonV1 {
        /// Whose.
        person: PersonId,
        /// The real name, 1 to 64 characters.
        name: String,
        /// The backend's own id, at most 64 bytes and unique in the tenant; empty for none.
        external_id: String,
        /// At most 64 characters, unique in the tenant; empty for none.
        employee_number: String,
        /// E.164, unique in the tenant; empty for none.
        mobile: String,
        /// At most 254 bytes; empty for none.
        email: String,
        /// At most 64 characters; empty for none.
        position: String,
    }
}
body! {
    /// A one-time code to activate an account with (SPEC D3).
    ActivatePersonV1 {
        /// Whose account.
        person: PersonId,
        /// The code they were sent.
        code: String,
    }
}
body! {
    /// A role in the enterprise to give (SPEC D5).
    SetOrgRoleV1 {
        /// To whom; an employee.
        person: PersonId,
        /// Which.
        role: OrgRole,
        /// What a department admin runs, sub-departments included; empty for every other role.
        departments: Vec<DepartmentId>,
    }
}
body! {
    /// A person to leave the company (SPEC D7).
    DepartPersonV2 {
        /// Who.
        person: PersonId,
        /// The colleague to be put in their place for groups they own and for their contacts; 0
        /// leaves the groups to the tenant's succession and the contacts to be handed over later.
        successor: PersonId,
    }
}
body! {
    /// A device that a person uses (SPEC D9).
    RegisterDeviceV1 {
        /// Whose.
        person: PersonId,
        /// Which; of a person who asks, the one they ask from.
        device: DeviceId,
        /// What it is.
        platform: Platform,
    }
}
body! {
    /// One device of a person.
    DeviceOfPersonV1 {
        /// Whose.
        person: PersonId,
        /// Which.
        device: DeviceId,
    }
}
body! {
    /// The enterprise's rules of access (SPEC D9): all of them.
    SetTenantPolicyV1 {
        /// Admin operations need a second-factor claim.
        requires_second_factor: bool,
        /// Networks people may connect from, as addresses or in CIDR notation; empty for any.
        ip_allow_list: Vec<String>,
    }
}
body! {
    /// A page of the directory to read.
    ListPeopleV1 {
        /// Only people with a greater id.
        after: PersonId,
        /// At most this many, up to 1,000.
        limit: u32,
    }
}
body! {
    /// The enterprise's rules, to be read.
    GetTenantPolicyV1 {}
}

body! {
    /// One person as the directory shows them to who asks.
    PersonEntryV1 {
        /// Who.
        person: PersonId,
        /// The real name.
        name: String,
        /// The backend's own id; empty for none.
        external_id: String,
        /// Empty for none.
        employee_number: String,
        /// E.164; empty for none, and for whoever does not see it.
        mobile: String,
        /// Empty for none.
        email: String,
        /// Empty for none.
        position: String,
        /// Where they work, each as its path from a root: "总部/研发/平台".
        departments: Vec<String>,
        /// What the person is to the enterprise.
        kind: PersonKind,
        /// The role in the whole enterprise.
        role: OrgRole,
        /// Where they are in their life with the enterprise.
        status: PersonStatus,
    }
}
body! {
    /// A page of people, by id.
    PeoplePageV1 {
        /// The people.
        people: Vec<PersonEntryV1>,
        /// There may be more after the last.
        more: bool,
    }
}
body! {
    /// One device as its person sees it.
    DeviceStateV1 {
        /// Which.
        device: DeviceId,
        /// What it is.
        platform: Platform,
        /// When it was first seen.
        first_seen: Timestamp,
        /// It is locked out.
        revoked: bool,
    }
}
body! {
    /// A person's devices, in the order they were first seen.
    DevicesV1 {
        /// The devices.
        devices: Vec<DeviceStateV1>,
    }
}
body! {
    /// The enterprise's rules of access.
    TenantPolicyV1 {
        /// Until when it is verified.
        verified_until: Timestamp,
        /// Admin operations need a second-factor claim.
        requires_second_factor: bool,
        /// Networks people may connect from, in CIDR notation and in order; empty for any.
        ip_allow_list: Vec<String>,
    }
}
