//! Nothing of one tenant shows in an answer to another (SPEC D1).

use crate::model::command::{
    ActivatePersonV1, Actor, AddContactV1, AddPeopleV2, ConfirmHandOverV1, DepartPersonV2,
    DeviceOfPersonV1, GetTenantPolicyV1, HandOverContactV1, ListContactsV1, ListPeopleV1,
    NewPersonV2, OrgRole, PersonKind, PersonV1, Platform, RegisterDeviceV1, SetOrgRoleV1,
    SetTenantPolicyV1, TagContactV1, TaggedCommand as T, UpdatePersonV1,
};
use crate::model::town::{ALICE, BOB, CAROL, Town, directory::employee};
use crate::wire::{DepartmentId, DeviceId, PersonId, Timestamp};

const DEVICE: DeviceId = DeviceId(11);

fn wang() -> NewPersonV2 {
    NewPersonV2 {
        external_id: "wang".to_owned(),
        employee_number: "007".to_owned(),
        mobile: "+8613800138000".to_owned(),
        ..employee("王小明")
    }
}

/// Everything the directory can be asked about `person`, who is handed to `other`.
fn questions(person: PersonId, other: PersonId) -> Vec<T> {
    let device = DEVICE;
    let after = PersonId(0);
    let limit = 10;
    let new = wang();
    vec![
        T::FreezePerson(PersonV1 { person }),
        T::ThawPerson(PersonV1 { person }),
        T::InviteAgain(PersonV1 { person }),
        T::GetPerson(PersonV1 { person }),
        T::ListDevices(PersonV1 { person }),
        T::ListPeople(ListPeopleV1 { after, limit }),
        T::GetTenantPolicy(GetTenantPolicyV1 {}),
        T::ActivatePerson(ActivatePersonV1 {
            person,
            code: "12345678".to_owned(),
        }),
        T::SetOrgRole(SetOrgRoleV1 {
            person,
            role: OrgRole::DepartmentAdmin,
            departments: vec![DepartmentId(1)],
        }),
        T::RegisterDevice(RegisterDeviceV1 {
            person,
            device,
            platform: Platform::Web,
        }),
        T::RevokeDevice(DeviceOfPersonV1 { person, device }),
        T::TagContact(TagContactV1 {
            employee: person,
            contact: other,
            tags: Vec::new(),
        }),
        T::AddContact(AddContactV1 {
            employee: person,
            contact: other,
            kind: PersonKind::Customer,
            name: "客户".to_owned(),
            external_id: String::new(),
            mobile: String::new(),
            tags: Vec::new(),
        }),
        T::HandOverContact(HandOverContactV1 {
            contact: other,
            from: person,
            to: BOB,
            share: false,
        }),
        T::ConfirmHandOver(ConfirmHandOverV1 {
            contact: other,
            from: person,
            to: BOB,
        }),
        T::ListContacts(ListContactsV1 {
            employee: person,
            after,
            limit,
        }),
        T::DepartPersonV2(DepartPersonV2 {
            person,
            successor: other,
        }),
        T::SetTenantPolicy(SetTenantPolicyV1 {
            requires_second_factor: false,
            ip_allow_list: Vec::new(),
        }),
        T::UpdatePerson(UpdatePersonV1 {
            person,
            name: new.name.clone(),
            external_id: new.external_id.clone(),
            employee_number: new.employee_number.clone(),
            mobile: new.mobile.clone(),
            email: new.email.clone(),
            position: new.position.clone(),
        }),
        T::AddPeopleV2(AddPeopleV2 { people: vec![new] }),
    ]
}

/// What a second tenant of one employee is answered.
fn answers(mut town: Town, people: &[PersonId]) -> Vec<String> {
    town.tenant = town.create_tenant("UTC", Timestamp(0));
    town.employees(1);
    let mut answers = Vec::new();
    for person in people {
        for other in people {
            for question in questions(*person, *other) {
                answers.push(format!("{:?}", town.ask(Actor::Enterprise, question)));
            }
        }
    }
    answers
}

#[test]
fn what_another_tenant_has_changes_no_answer() {
    let alone = Town::with_employees(0);
    let mut beside = Town::with_employees(3);
    beside.department("总部", DepartmentId(0));
    let customer = beside.customers(1)[0];
    let named = beside.hire(vec![wang()]).unwrap()[0];
    let (invited, _) = beside.invite("Li");
    let device = T::RegisterDevice(RegisterDeviceV1 {
        person: BOB,
        device: DEVICE,
        platform: Platform::Web,
    });
    beside.ask(Actor::Enterprise, device).unwrap();
    beside.freeze(CAROL);
    beside.depart(named).unwrap();
    let people = [ALICE, BOB, CAROL, customer, named, invited, PersonId(99)];
    assert_eq!(answers(beside, &people), answers(alone, &people));
}
