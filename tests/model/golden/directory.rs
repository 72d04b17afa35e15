//! The directory: verification, entries, accounts, roles, leaving, devices, contacts.

use throng::model::command::*;
use throng::model::event::{self, Event, GroupStatus};
use throng::wire::{DepartmentId, DeviceId, GroupId, PersonId, Timestamp};

use crate::golden::Section;
use crate::golden::core::TIME;

pub(crate) const SECTION: Section = Section {
    golden: include_str!("model_directory.txt"),
    commands,
    replies,
    events,
};

const PERSON: PersonId = PersonId(0x0102_0304_0506_0708);
const DEVICE: DeviceId = DeviceId(0x2122_2324);

fn new_person() -> NewPersonV2 {
    NewPersonV2 {
        name: "王小明".to_owned(),
        external_id: "wang.xiaoming@example".to_owned(),
        kind: PersonKind::Employee,
        role: OrgRole::AppAdmin,
        employee_number: "007".to_owned(),
        mobile: "+8613800138000".to_owned(),
        email: "wang@example.com".to_owned(),
        position: "工程师".to_owned(),
        departments: vec![DepartmentId(2), DepartmentId(5)],
        invited: true,
    }
}

fn networks() -> Vec<String> {
    vec!["10.0.0.0/8".to_owned(), "2001:db8::/32".to_owned()]
}

fn tags() -> Vec<String> {
    vec!["VIP".to_owned(), "上海".to_owned()]
}

fn commands() -> Vec<TaggedCommand> {
    use TaggedCommand as T;
    let person = PersonV1 { person: PERSON };
    let new = new_person();
    vec![
        T::VerifyTenant(VerifyTenantV1 {
            verified_until: TIME,
        }),
        T::AddPeopleV2(AddPeopleV2 {
            people: vec![new.clone(); 2],
        }),
        T::UpdatePerson(UpdatePersonV1 {
            person: PERSON,
            name: new.name,
            external_id: new.external_id,
            employee_number: new.employee_number,
            mobile: new.mobile,
            email: new.email,
            position: new.position,
        }),
        T::FreezePerson(person.clone()),
        T::ThawPerson(person.clone()),
        T::InviteAgain(person.clone()),
        T::ActivatePerson(ActivatePersonV1 {
            person: PERSON,
            code: "01234567".to_owned(),
        }),
        T::SetOrgRole(SetOrgRoleV1 {
            person: PERSON,
            role: OrgRole::DepartmentAdmin,
            departments: vec![DepartmentId(2)],
        }),
        T::DepartPersonV2(DepartPersonV2 {
            person: PERSON,
            successor: PersonId(5),
        }),
        T::RegisterDevice(RegisterDeviceV1 {
            person: PERSON,
            device: DEVICE,
            platform: Platform::Desktop,
        }),
        T::RevokeDevice(DeviceOfPersonV1 {
            person: PERSON,
            device: DEVICE,
        }),
        T::SetTenantPolicy(SetTenantPolicyV1 {
            requires_second_factor: true,
            ip_allow_list: networks(),
        }),
        T::AddContact(AddContactV1 {
            employee: PERSON,
            contact: PersonId(0),
            kind: PersonKind::Partner,
            name: "客户".to_owned(),
            external_id: "k1".to_owned(),
            mobile: "+8613800138001".to_owned(),
            tags: tags(),
        }),
        T::TagContact(TagContactV1 {
            employee: PERSON,
            contact: PersonId(9),
            tags: tags(),
        }),
        T::HandOverContact(HandOverContactV1 {
            contact: PersonId(9),
            from: PERSON,
            to: PersonId(5),
            share: true,
        }),
        T::ConfirmHandOver(ConfirmHandOverV1 {
            contact: PersonId(9),
            from: PERSON,
            to: PersonId(5),
        }),
        T::ListPeople(ListPeopleV1 {
            after: PERSON,
            limit: 100,
        }),
        T::GetPerson(person.clone()),
        T::ListDevices(person),
        T::GetTenantPolicy(GetTenantPolicyV1 {}),
        T::ListContacts(ListContactsV1 {
            employee: PERSON,
            after: PersonId(9),
            limit: 100,
        }),
    ]
}

fn entry() -> PersonEntryV1 {
    let new = new_person();
    PersonEntryV1 {
        person: PERSON,
        name: new.name,
        external_id: new.external_id,
        employee_number: new.employee_number,
        mobile: new.mobile,
        email: new.email,
        position: new.position,
        departments: vec!["总部/研发/平台".to_owned()],
        kind: PersonKind::Employee,
        role: OrgRole::DepartmentAdmin,
        status: PersonStatus::Frozen,
    }
}

fn replies() -> Vec<Reply> {
    vec![
        Reply::People(PeoplePageV1 {
            people: vec![entry()],
            more: true,
        }),
        Reply::Person(entry()),
        Reply::Devices(DevicesV1 {
            devices: vec![DeviceStateV1 {
                device: DEVICE,
                platform: Platform::Mobile,
                first_seen: TIME,
                revoked: true,
            }],
        }),
        Reply::TenantPolicy(TenantPolicyV1 {
            verified_until: TIME,
            requires_second_factor: true,
            ip_allow_list: networks(),
        }),
        Reply::Contacts(ContactsPageV1 {
            contacts: vec![ContactEntryV1 {
                contact: PersonId(9),
                name: "客户".to_owned(),
                kind: PersonKind::Customer,
                status: PersonStatus::Active,
                mobile: "+8613800138001".to_owned(),
                tags: tags(),
            }],
            count: 3,
            more: true,
        }),
        Reply::ContactAdded(ContactV1 {
            contact: PersonId(9),
        }),
        Reply::HandOver(HandOverV1 {
            confirm_before: TIME,
        }),
    ]
}

fn events() -> Vec<Event> {
    let new = new_person();
    vec![
        Event::TenantVerified(event::TenantVerifiedV1 {
            verified_until: TIME,
        }),
        Event::PeopleAddedV2(event::PeopleAddedV2 {
            first: PERSON,
            people: vec![new.clone(); 2],
        }),
        Event::ProfileSet(event::ProfileSetV1 {
            person: PERSON,
            name: new.name,
            external_id: new.external_id,
            employee_number: new.employee_number,
            mobile: new.mobile,
            email: new.email,
            position: new.position,
        }),
        Event::PersonFrozen(event::PersonFrozenV1 { person: PERSON }),
        Event::PersonThawed(event::PersonThawedV1 {
            person: PERSON,
            status: PersonStatus::Active,
        }),
        Event::ActivationsIssued(event::ActivationsIssuedV1 {
            codes: vec![event::ActivationCodeV1 {
                person: PERSON,
                code: "01234567".to_owned(),
            }],
            expires: TIME,
        }),
        Event::ActivationFailed(event::ActivationFailedV1 {
            person: PERSON,
            exhausted: true,
        }),
        Event::PersonActivated(event::PersonActivatedV1 { person: PERSON }),
        Event::OrgRoleSet(event::OrgRoleSetV1 {
            person: PERSON,
            role: OrgRole::DepartmentAdmin,
            departments: vec![DepartmentId(2)],
        }),
        Event::PersonDepartedV2(event::PersonDepartedV2 {
            person: PERSON,
            contacts_to: PersonId(5),
            groups: vec![event::LeftGroupV2 {
                group: GroupId(0x1112_1314_1516_1718),
                successor: PersonId(5),
                joined: true,
                status: GroupStatus::Disabled,
            }],
        }),
        Event::DeviceRegistered(event::DeviceRegisteredV1 {
            person: PERSON,
            device: DEVICE,
            platform: Platform::Web,
            forgotten: DeviceId(3),
        }),
        Event::DeviceRevoked(event::DeviceRevokedV1 {
            person: PERSON,
            device: DEVICE,
        }),
        Event::TenantPolicySet(event::TenantPolicySetV1 {
            requires_second_factor: true,
            ip_allow_list: networks(),
        }),
        Event::ContactAdded(event::ContactAddedV1 {
            employee: PERSON,
            contact: PersonId(9),
            tags: tags(),
        }),
        Event::ContactTagged(event::ContactTaggedV1 {
            employee: PERSON,
            contact: PersonId(9),
            tags: tags(),
        }),
        Event::HandOverRequested(event::HandOverRequestedV1 {
            contact: PersonId(9),
            from: PERSON,
            to: PersonId(5),
            share: true,
            expires: Timestamp(TIME.0 + 1),
        }),
        Event::ContactHandedOver(event::ContactHandedOverV1 {
            contact: PersonId(9),
            from: PERSON,
            to: PersonId(5),
            share: true,
            confirmed: true,
        }),
    ]
}
