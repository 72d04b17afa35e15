//! Whatever events a log holds, they make a state that a snapshot keeps, and no question panics,
//! nor does one about what a damaged snapshot says.

use proptest::prelude::*;

use crate::model::command::{
    ActivatePersonV1, Actor, AddContactV1, Command, ConfirmHandOverV1, DepartPersonV2,
    DeviceOfPersonV1, HandOverContactV1, ListContactsV1, ListPeopleV1, OrgRole, PersonKind,
    PersonStatus, PersonV1, Platform, RegisterDeviceV1, SetOrgRoleV1, TaggedCommand as T,
};
use crate::model::event::{self, Event, GroupStatus};
use crate::model::town::{ALICE, BOB, CAROL, Town, directory::employee};
use crate::model::{Context, Stamp, State, admission, apply, decide, project, record_kind};
use crate::wire::{
    ClientMessageId, DepartmentId, DeviceId, Envelope, GroupId, HeaderFields, Kind, PersonId,
    Priority, RecordNumber, Timestamp,
};

fn person() -> impl Strategy<Value = PersonId> {
    prop_oneof![20 => 0..8_u64, 1 => Just(u64::MAX)].prop_map(PersonId)
}

fn device() -> impl Strategy<Value = DeviceId> {
    (0..4_u32).prop_map(DeviceId)
}

fn status() -> impl Strategy<Value = PersonStatus> {
    prop_oneof![
        Just(PersonStatus::Invited),
        Just(PersonStatus::Active),
        Just(PersonStatus::Frozen),
        Just(PersonStatus::Departed),
    ]
}

fn role() -> impl Strategy<Value = OrgRole> {
    prop_oneof![
        Just(OrgRole::Employee),
        Just(OrgRole::SuperAdmin),
        Just(OrgRole::DepartmentAdmin)
    ]
}

fn departments() -> impl Strategy<Value = Vec<DepartmentId>> {
    prop::collection::vec((0..4_u64).prop_map(DepartmentId), 0..3)
}

fn text() -> impl Strategy<Value = String> {
    "[ab]{0,1}"
}

fn left() -> impl Strategy<Value = event::LeftGroupV2> {
    let status = prop_oneof![
        Just(GroupStatus::Active),
        Just(GroupStatus::Disabled),
        Just(GroupStatus::Dissolved)
    ];
    (0..4_u64, person(), any::<bool>(), status).prop_map(|(group, successor, joined, status)| {
        event::LeftGroupV2 {
            group: GroupId(group),
            successor,
            joined,
            status,
        }
    })
}

fn of_people() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![Just(PersonKind::Employee), Just(PersonKind::Customer)];
    let added = (person(), kind, text(), text(), departments(), any::<bool>());
    let added = added.prop_map(|(first, kind, id, mobile, departments, invited)| {
        let new = crate::model::command::NewPersonV2 {
            kind,
            external_id: id,
            mobile,
            departments,
            invited,
            ..employee("Li")
        };
        let people = vec![new; 2];
        Event::PeopleAddedV2(event::PeopleAddedV2 { first, people })
    });
    let set = (person(), text(), text(), text());
    let set = set.prop_map(|(person, external_id, employee_number, mobile)| {
        Event::ProfileSet(event::ProfileSetV1 {
            person,
            name: "Li".to_owned(),
            external_id,
            employee_number,
            mobile,
            email: String::new(),
            position: String::new(),
        })
    });
    let role = (person(), role(), departments()).prop_map(|(person, role, departments)| {
        Event::OrgRoleSet(event::OrgRoleSetV1 {
            person,
            role,
            departments,
        })
    });
    let departed = (person(), person(), prop::collection::vec(left(), 0..3));
    let departed = departed.prop_map(|(person, contacts_to, groups)| {
        Event::PersonDepartedV2(event::PersonDepartedV2 {
            person,
            contacts_to,
            groups,
        })
    });
    prop_oneof![added, set, role, departed]
}

fn of_accounts() -> impl Strategy<Value = Event> {
    prop_oneof![
        person().prop_map(|person| Event::PersonFrozen(event::PersonFrozenV1 { person })),
        (person(), status()).prop_map(|(person, status)| {
            Event::PersonThawed(event::PersonThawedV1 { person, status })
        }),
        prop::collection::vec(person(), 0..3).prop_map(|people| {
            let code = String::new();
            let code = |person| event::ActivationCodeV1 {
                person,
                code: code.clone(),
            };
            let codes = people.into_iter().map(code).collect();
            let expires = Timestamp(i64::MAX);
            Event::ActivationsIssued(event::ActivationsIssuedV1 { codes, expires })
        }),
        (person(), any::<bool>()).prop_map(|(person, exhausted)| {
            Event::ActivationFailed(event::ActivationFailedV1 { person, exhausted })
        }),
        person().prop_map(|person| Event::PersonActivated(event::PersonActivatedV1 { person })),
        (person(), device(), device()).prop_map(|(person, device, forgotten)| {
            Event::DeviceRegistered(event::DeviceRegisteredV1 {
                person,
                device,
                platform: Platform::Web,
                forgotten,
            })
        }),
        (person(), device()).prop_map(|(person, device)| {
            Event::DeviceRevoked(event::DeviceRevokedV1 { person, device })
        }),
        prop::collection::vec("(10\\.0\\.0\\.0/(8|99))|::1|x", 0..3).prop_map(|ip_allow_list| {
            Event::TenantPolicySet(event::TenantPolicySetV1 {
                requires_second_factor: false,
                ip_allow_list,
            })
        }),
    ]
}

fn of_contacts() -> impl Strategy<Value = Event> {
    let tags = || prop::collection::vec(text(), 0..3);
    let hand = || (person(), person(), person(), any::<bool>());
    prop_oneof![
        (person(), person(), tags()).prop_map(|(employee, contact, tags)| {
            Event::ContactAdded(event::ContactAddedV1 {
                employee,
                contact,
                tags,
            })
        }),
        (person(), person(), tags()).prop_map(|(employee, contact, tags)| {
            Event::ContactTagged(event::ContactTaggedV1 {
                employee,
                contact,
                tags,
            })
        }),
        hand().prop_map(|(contact, from, to, share)| {
            Event::HandOverRequested(event::HandOverRequestedV1 {
                contact,
                from,
                to,
                share,
                expires: Timestamp(i64::MAX),
            })
        }),
        hand().prop_map(|(contact, from, to, share)| {
            Event::ContactHandedOver(event::ContactHandedOverV1 {
                contact,
                from,
                to,
                share,
                confirmed: share,
            })
        }),
    ]
}

/// Questions that walk what events can have made.
fn ask_about(town: &Town, state: &State) {
    let at = town.now;
    for n in 0..8 {
        let (person, to) = (PersonId(n), ALICE);
        let device = DeviceId(1);
        let after = PersonId(0);
        let limit = 10;
        let contact = AddContactV1 {
            employee: ALICE,
            contact: person,
            kind: PersonKind::Customer,
            name: "Li".to_owned(),
            external_id: String::new(),
            mobile: String::new(),
            tags: Vec::new(),
        };
        let commands = [
            T::GetPerson(PersonV1 { person }),
            T::ListDevices(PersonV1 { person }),
            T::FreezePerson(PersonV1 { person }),
            T::ThawPerson(PersonV1 { person }),
            T::InviteAgain(PersonV1 { person }),
            T::DepartPerson(PersonV1 { person }),
            T::ListPeople(ListPeopleV1 { after, limit }),
            T::ListContacts(ListContactsV1 {
                employee: person,
                after,
                limit,
            }),
            T::ActivatePerson(ActivatePersonV1 {
                person,
                code: String::new(),
            }),
            T::SetOrgRole(SetOrgRoleV1 {
                person,
                role: OrgRole::DepartmentAdmin,
                departments: vec![DepartmentId(1)],
            }),
            T::DepartPersonV2(DepartPersonV2 {
                person,
                successor: BOB,
            }),
            T::RegisterDevice(RegisterDeviceV1 {
                person,
                device,
                platform: Platform::Web,
            }),
            T::RevokeDevice(DeviceOfPersonV1 { person, device }),
            T::AddContact(contact),
            T::HandOverContact(HandOverContactV1 {
                contact: PersonId(7 - n),
                from: person,
                to,
                share: false,
            }),
            T::ConfirmHandOver(ConfirmHandOverV1 {
                contact: PersonId(7 - n),
                from: person,
                to,
            }),
        ];
        for command in commands {
            for actor in [Actor::Enterprise, Actor::Person { person, device }] {
                let command = Command {
                    tenant: town.tenant,
                    actor,
                    second_factor: true,
                    body: command.clone().into(),
                };
                let context = Context {
                    now: at,
                    record: RecordNumber(99),
                    body_digest: 0,
                    random: 7,
                };
                let decision = decide(state, &command, context);
                assert_eq!(decision, decide(state, &command, context));
            }
        }
        let _ = admission(state, town.tenant, person, device, [10, 0, 0, 1].into());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_events_of_the_directory_make_a_state_that_a_snapshot_keeps(
        events in prop::collection::vec(prop_oneof![of_people(), of_accounts(), of_contacts()], 0..60),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 1..4),
    ) {
        let mut town = Town::with_employees(4);
        town.department("总部", DepartmentId(0));
        town.department("研发", DepartmentId(1));
        for _ in 0..3 {
            town.internal_group(ALICE, &[BOB, CAROL]);
        }
        for event in events {
            let events = [event];
            let stamp = Stamp {
                record: RecordNumber(50),
                timestamp: town.now,
                tenant: town.tenant,
                sender: PersonId(0),
                device: DeviceId(0),
                client_message_id: ClientMessageId(0),
                kind: record_kind(&events, Kind::Text),
                priority: Priority::Normal,
            };
            let applied = apply(&mut town.state, &stamp, &events);
            prop_assert!(applied.takes.len() <= event::takes_max(&events));
            let envelope = Envelope::new(&HeaderFields::default(), b"").unwrap();
            let projection = project(&envelope, &applied.takes, &events);
            prop_assert_eq!(projection.envelopes.len(), applied.takes.len());
        }
        let restored = State::from_snapshot(&town.state.to_snapshot()).unwrap();
        prop_assert_eq!(restored.hash(), town.state.hash());
        ask_about(&town, &restored);

        let mut damaged = town.state.to_snapshot();
        for (at, bit) in flips {
            let at = at.index(damaged.len());
            damaged[at] ^= 1 << bit;
        }
        if let Ok(state) = State::from_snapshot(&damaged) {
            ask_about(&town, &state);
            let _ = state.hash();
        }
    }
}
