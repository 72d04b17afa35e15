//! All the model knows: tenants, each with its own people, groups, counts and memory of retries.
//!
//! Ids are counted per tenant from 1, so every table is a vector and every look-up an index; nothing
//! can be found but under its tenant (invariant 9). A membership costs 20 bytes: 4 in its group, in
//! join order, and 16 in its person, in group order.

use std::collections::{BTreeMap, VecDeque};

use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;

use crate::model::approval::Approvals;
use crate::model::audit::Denials;
use crate::model::call::Calls;
use crate::model::code::Codes;
use crate::model::command::{OrgRole, PersonKind, PersonStatus, Succession};
use crate::model::contact::Contacts;
use crate::model::custody::Custody;
use crate::model::department::Departments;
use crate::model::directory::{Activation, AllowList, Devices, Holders, Person};
use crate::model::group::creation::Creation;
use crate::model::group::{Group, Life};
use crate::model::history::Imports;
use crate::model::limits::Limits;
use crate::model::mass_send::MassSends;
use crate::model::message::Remembered;
use crate::model::pull::Pulls;
use crate::model::quota::Quotas;
use crate::model::refusal::Refusal;
use crate::wire::{DepartmentId, DeviceId, GroupId, JoinCodeId, PersonId, TenantId, Timestamp};

macro_rules! index {
    ($(#[$doc:meta])* $name:ident of $id:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub(crate) struct $name(u32);

        impl $name {
            /// The index at which a vector of `len` keeps `id`; none where it is not there.
            pub(crate) fn within(id: $id, len: usize) -> Option<Self> {
                let index = u32::try_from(id.0.checked_sub(1)?).ok()?;
                ((index as usize) < len).then_some(Self(index))
            }

            /// The id of what is kept here.
            pub(crate) fn id(self) -> $id {
                $id(u64::from(self.0) + 1)
            }

            pub(crate) fn of(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index! {
    /// Where a tenant keeps a person.
    PersonIndex of PersonId
}
index! {
    /// Where a tenant keeps a department.
    DepartmentIndex of DepartmentId
}
index! {
    /// Where a tenant keeps a group.
    GroupIndex of GroupId
}

index! {
    /// Where a tenant keeps a join code.
    JoinCodeIndex of JoinCodeId
}

/// All tenants.
#[derive(Default)]
pub struct State {
    /// By id, from 1.
    pub(crate) tenants: Vec<Tenant>,
    /// The latest time applied: nothing is decided before it.
    pub(crate) clock: Timestamp,
    /// Tenants with work left; the first is next, then it queues again.
    pub(crate) work: VecDeque<TenantId>,
    /// Configuration, no state: neither hashed nor in snapshots.
    pub(crate) limits: Limits,
}

impl State {
    /// No tenants, default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same state under other limits; a snapshot does not hold them.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) fn tenant(&self, id: TenantId) -> Result<&Tenant, Refusal> {
        let index = (id.0 as usize).checked_sub(1);
        index
            .and_then(|index| self.tenants.get(index))
            .ok_or(Refusal::NoSuchTenant)
    }

    pub(crate) fn tenant_mut(&mut self, id: TenantId) -> Option<&mut Tenant> {
        self.tenants.get_mut((id.0 as usize).checked_sub(1)?)
    }
}

impl core::fmt::Debug for State {
    /// Sizes only: a state is gigabytes, and people's names are not for logs.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            tenants,
            clock,
            work,
            limits,
        } = self;
        f.debug_struct("State")
            .field("tenants", &tenants.len())
            .field("clock", clock)
            .field("work", &work.len())
            .field("limits", limits)
            .finish()
    }
}

/// One enterprise.
pub(crate) struct Tenant {
    pub(crate) name: Box<str>,
    pub(crate) zone_name: Box<str>,
    /// By `zone_name`.
    pub(crate) zone: TimeZone,
    pub(crate) verified_until: Timestamp,
    pub(crate) succession: Succession,
    /// Admin operations need a second-factor claim (SPEC D9).
    pub(crate) requires_second_factor: bool,
    pub(crate) people: Vec<Person>,
    pub(crate) external_ids: Holders,
    // Directory
    /// In order of index: everybody but contacts.
    pub(crate) employees: Vec<PersonIndex>,
    pub(crate) employee_numbers: Holders,
    pub(crate) mobiles: Holders,
    /// Of people who are invited, and have been sent a code.
    pub(crate) activations: BTreeMap<PersonIndex, Activation>,
    /// Of people who have been seen on one.
    pub(crate) devices: FxHashMap<PersonIndex, Devices>,
    pub(crate) ip_allow_list: AllowList,
    pub(crate) contacts: Contacts,
    pub(crate) departments: Departments,
    pub(crate) groups: Vec<Group>,
    pub(crate) life: Life,
    pub(crate) remembered: Remembered,
    pub(crate) quotas: Quotas,
    pub(crate) mass_sends: MassSends,
    // Making groups
    pub(crate) creation: Creation,
    // Approvals and the audit trail
    pub(crate) approvals: Approvals,
    pub(crate) denials: Denials,
    pub(crate) pulls: Pulls,
    // History from elsewhere
    pub(crate) imports: Imports,
    pub(crate) custody: Custody,
    pub(crate) codes: Codes,
    pub(crate) calls: Calls,
}

impl Tenant {
    pub(crate) fn new(
        name: &str,
        zone: &str,
        verified_until: Timestamp,
        succession: Succession,
    ) -> Self {
        Self {
            name: name.into(),
            zone_name: zone.into(),
            // `decide` has looked it up; a later tz database may have lost it.
            zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC),
            verified_until,
            succession,
            people: Vec::new(),
            external_ids: Holders::new(),
            employees: Vec::new(),
            employee_numbers: Holders::new(),
            mobiles: Holders::new(),
            activations: BTreeMap::new(),
            devices: FxHashMap::default(),
            ip_allow_list: AllowList::default(),
            contacts: Contacts::default(),
            departments: Departments::default(),
            requires_second_factor: false,
            groups: Vec::new(),
            life: Life::default(),
            remembered: Remembered::default(),
            quotas: Quotas::default(),
            mass_sends: MassSends::default(),
            creation: Creation::default(),
            approvals: Approvals::default(),
            denials: Denials::default(),
            pulls: Pulls::default(),
            imports: Imports::default(),
            custody: Custody::default(),
            codes: Codes::default(),
            calls: Calls::default(),
        }
    }

    /// A person more; none where ids have run out.
    pub(crate) fn push_person(&mut self, person: Person) -> Option<PersonIndex> {
        let id = PersonId(self.people.len() as u64 + 1);
        let index = PersonIndex::within(id, self.people.len() + 1)?;
        if person.kind == PersonKind::Employee {
            self.employees.push(index);
        }
        self.people.push(person);
        Some(index)
    }

    pub(crate) fn find_person(&self, id: PersonId) -> Option<PersonIndex> {
        PersonIndex::within(id, self.people.len())
    }

    pub(crate) fn find_group(&self, id: GroupId) -> Option<GroupIndex> {
        GroupIndex::within(id, self.groups.len())
    }

    pub(crate) fn person(&self, index: PersonIndex) -> &Person {
        &self.people[index.of()]
    }

    pub(crate) fn person_mut(&mut self, index: PersonIndex) -> &mut Person {
        &mut self.people[index.of()]
    }

    pub(crate) fn group(&self, index: GroupIndex) -> &Group {
        &self.groups[index.of()]
    }

    pub(crate) fn group_mut(&mut self, index: GroupIndex) -> &mut Group {
        &mut self.groups[index.of()]
    }

    /// The person, who must still be with the company.
    pub(crate) fn active_person(&self, id: PersonId) -> Result<PersonIndex, Refusal> {
        let index = self
            .find_person(id)
            .ok_or(Refusal::NoSuchPerson { person: id })?;
        if self.person(index).has_departed() {
            return Err(Refusal::Departed { person: id });
        }
        Ok(index)
    }

    /// The person, who must be with the company and not frozen: whoever asks.
    pub(crate) fn usable_person(&self, id: PersonId) -> Result<PersonIndex, Refusal> {
        let index = self.active_person(id)?;
        if self.person(index).status == PersonStatus::Frozen {
            return Err(Refusal::AccountFrozen { person: id });
        }
        Ok(index)
    }

    /// Whether the person may have to do with external contacts: whoever has activated the
    /// account, and contacts themselves (SPEC D3).
    pub(crate) fn deals_with_contacts(&self, index: PersonIndex) -> bool {
        self.person(index).activated
    }

    /// Refuses who may not have to do with external contacts.
    pub(crate) fn check_deals_with_contacts(&self, index: PersonIndex) -> Result<(), Refusal> {
        if self.deals_with_contacts(index) {
            return Ok(());
        }
        let person = index.id();
        Err(Refusal::NotActivated { person })
    }

    /// Refuses a device that is locked out. Asked on every request: almost nobody has one.
    pub(crate) fn check_device(&self, index: PersonIndex, device: DeviceId) -> Result<(), Refusal> {
        if !self.person(index).has_revoked_device {
            return Ok(());
        }
        let devices = self.devices.get(&index);
        if devices.is_some_and(|devices| devices.is_revoked(device)) {
            return Err(Refusal::DeviceRevoked { device });
        }
        Ok(())
    }

    /// The employee, who must still be with the company.
    pub(crate) fn active_employee(&self, id: PersonId) -> Result<PersonIndex, Refusal> {
        let index = self.active_person(id)?;
        if !self.is_employee(index) {
            return Err(Refusal::NotAnEmployee { person: id });
        }
        Ok(index)
    }

    /// The group, whatever its status; one whose view is erased is none (SPEC G8).
    pub(crate) fn known_group(&self, id: GroupId) -> Result<GroupIndex, Refusal> {
        self.find_group(id)
            .filter(|index| !self.group(*index).is_deleted())
            .ok_or(Refusal::NoSuchGroup { group: id })
    }

    pub(crate) fn is_employee(&self, index: PersonIndex) -> bool {
        self.person(index).kind == PersonKind::Employee
    }

    pub(crate) fn is_super_admin(&self, index: PersonIndex) -> bool {
        self.person(index).role == OrgRole::SuperAdmin
    }

    /// Refuses what only a verified tenant may (SPEC D1): groups its systems create,
    /// mass sends to customers, the archive pull.
    pub(crate) fn require_verified(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.is_verified(now) {
            return Ok(());
        }
        Err(Refusal::NotVerified)
    }

    pub(crate) fn is_verified(&self, now: Timestamp) -> bool {
        now < self.verified_until
    }
}

/// Inserts with a quarter of slack instead of a doubling: most of the state is such lists.
pub(crate) fn insert_snug<T>(list: &mut Vec<T>, at: usize, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 4 + 1);
    }
    list.insert(at, item);
}
