//! Whatever is in a log or a snapshot, the model does not panic, and what it makes of it is a state.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

mod life;

use proptest::prelude::*;
use throng::model::command::{
    Actor, Binding, Command, CommandBody, GroupKind, GroupRole, GroupV1, JoinSource, ListMembersV1,
    MassSendV1, MembersV1, NewGroupV1, NewPersonV1, OrgRole, PersonKind, PersonV1, Publish,
    QuotaPolicy, Succession, TaggedCommand,
};
use throng::model::event::{
    ArchivePullSetV1, BatchAcceptedV1, BatchGroupCreatedV1, BatchGroupRefusedV1, Event, FeatureV1,
    GroupCreatedV1, GroupCreatedV2, GroupDissolvedV1, GroupRenamedV1, GroupStatus, LeaveCause,
    LeftGroupV1, MassSendAcceptedV1, MassSendTargetV1, MatrixSetV1, MembersJoinedV1,
    MembersJoinedV2, MembersLeftV1, OwnershipTransferredV1, PeopleAddedV1, PersonDepartedV1,
    PublishedV1, QuotaSetV1, RiskControlSetV1, RoleChangedV1, ScopeSetV1, TenantCreatedV1,
    ViewerJoinedV1, ViewerJoinedV2, ViewerLeftV1, WatchHashV1, WatchPasswordWrongV1, WatchSetV1,
    decode_all, encode_all,
};
use throng::model::{Context, Stamp, State, apply, attach, decide, project, record_kind};
use throng::wire::{
    ClientMessageId, DepartmentId, DeviceId, Envelope, GroupId, HeaderFields, Kind, MatrixId,
    PersonId, Priority, RecordNumber, Sequence, Take, TenantId, Timestamp,
};

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0..6_u64, 1 => Just(u64::from(u32::MAX)), 1 => Just(u64::MAX)]
}

fn person() -> impl Strategy<Value = PersonId> {
    number().prop_map(PersonId)
}

fn group() -> impl Strategy<Value = GroupId> {
    number().prop_map(GroupId)
}

fn people() -> impl Strategy<Value = Vec<PersonId>> {
    prop::collection::vec(person(), 0..5)
}

fn time() -> impl Strategy<Value = Timestamp> {
    let sane = 1_772_377_200_000_000..1_772_377_200_000_100_i64;
    prop_oneof![8 => sane, 1 => Just(i64::MIN), 1 => Just(i64::MAX)].prop_map(Timestamp)
}

fn status() -> impl Strategy<Value = GroupStatus> {
    prop_oneof![
        Just(GroupStatus::Active),
        Just(GroupStatus::Disabled),
        Just(GroupStatus::Dissolved),
    ]
}

fn new_person() -> impl Strategy<Value = NewPersonV1> {
    let kind = prop_oneof![Just(PersonKind::Employee), Just(PersonKind::Customer)];
    (kind, "[ab]{0,1}").prop_map(|(kind, external_id)| NewPersonV1 {
        name: String::new(),
        external_id,
        kind,
        role: OrgRole::SuperAdmin,
    })
}

fn of_people() -> impl Strategy<Value = Event> {
    let tenant = number().prop_map(|n| TenantId(n as u32));
    let zone = prop_oneof![Just("UTC"), Just("nowhere"), Just("Asia/Shanghai")];
    let left = (group(), person(), status()).prop_map(|(group, successor, status)| LeftGroupV1 {
        group,
        successor,
        status,
    });
    prop_oneof![
        (tenant, zone, time()).prop_map(|(tenant, zone, verified_until)| {
            Event::TenantCreated(TenantCreatedV1 {
                tenant,
                name: String::new(),
                zone: zone.to_owned(),
                verified_until,
                succession: Succession::AdminFirst,
            })
        }),
        (person(), prop::collection::vec(new_person(), 0..3))
            .prop_map(|(first, people)| { Event::PeopleAdded(PeopleAddedV1 { first, people }) }),
        (person(), prop::collection::vec(left, 0..3)).prop_map(|(person, groups)| {
            Event::PersonDeparted(PersonDepartedV1 { person, groups })
        }),
        (person(), any::<bool>()).prop_map(|(person, freeze)| {
            let policy = QuotaPolicy::MassSendsPerSenderPerDay;
            let feature = FeatureV1 { person, policy };
            if freeze {
                Event::FeatureFrozen(feature)
            } else {
                Event::FreezeReleased(feature)
            }
        }),
        any::<u32>().prop_map(|limit| {
            let policy = QuotaPolicy::MassSendsPerSenderPerDay;
            Event::QuotaSet(QuotaSetV1 { policy, limit })
        }),
    ]
}

fn of_groups() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![Just(GroupKind::Internal), Just(GroupKind::External)];
    let role = prop_oneof![
        Just(GroupRole::Owner),
        Just(GroupRole::Admin),
        Just(GroupRole::Member)
    ];
    prop_oneof![
        (group(), kind, person(), people()).prop_map(|(group, kind, owner, members)| {
            Event::GroupCreated(GroupCreatedV1 {
                group,
                kind,
                name: String::new(),
                owner,
                members,
            })
        }),
        (group(), people())
            .prop_map(|(group, people)| Event::MembersJoined(MembersJoinedV1 { group, people })),
        (group(), people(), person(), status()).prop_map(|(group, people, successor, status)| {
            Event::MembersLeft(MembersLeftV1 {
                group,
                people,
                cause: LeaveCause::Removed,
                successor,
                status,
            })
        }),
        (group(), people()).prop_map(|(group, members)| Event::GroupDissolved(GroupDissolvedV1 {
            group,
            members
        })),
        (group(), person(), role).prop_map(|(group, person, role)| {
            Event::RoleChanged(RoleChangedV1 {
                group,
                person,
                role,
            })
        }),
        (group(), person(), person()).prop_map(|(group, from, to)| {
            Event::OwnershipTransferred(OwnershipTransferredV1 { group, from, to })
        }),
        (group(), ".{0,3}")
            .prop_map(|(group, name)| Event::GroupRenamed(GroupRenamedV1 { group, name })),
    ]
}

fn of_messages() -> impl Strategy<Value = Event> {
    let accepted = (
        person(),
        prop::collection::vec(group(), 0..4),
        any::<u8>(),
        time(),
        time(),
    );
    let target = (0..40_u64, group(), any::<bool>());
    prop_oneof![
        group().prop_map(|group| {
            let body_digest = 0;
            Event::Published(PublishedV1 { group, body_digest })
        }),
        accepted.prop_map(|(sender, groups, kind, window_starts, window_ends)| {
            Event::MassSendAccepted(MassSendAcceptedV1 {
                sender,
                device: DeviceId(0),
                groups,
                kind: kind % 16,
                priority: kind % 4,
                client_message_id: ClientMessageId(kind.into()),
                body_digest: 0,
                window_starts,
                window_ends,
            })
        }),
        target.prop_map(|(record, group, delivered)| {
            let mass_send = RecordNumber(record);
            let target = MassSendTargetV1 { mass_send, group };
            if delivered {
                Event::MassSendDelivered(target)
            } else {
                Event::MassSendTargetRefused(target)
            }
        }),
    ]
}

fn of_creation() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        Just(GroupKind::Internal),
        Just(GroupKind::External),
        Just(GroupKind::Training),
        Just(GroupKind::Direct),
    ];
    let hash = || {
        (time(), time()).prop_map(|(opens, closes)| WatchHashV1 {
            salt: 7,
            hash: [0; 32],
            opens,
            closes,
        })
    };
    let places = (number(), person(), prop::option::of(hash()), time(), time());
    let created = (group(), kind, person(), people(), places).prop_map(
        |(group, kind, owner, members, (department, creator, watch, day_starts, day_ends))| {
            GroupCreatedV2 {
                group,
                kind,
                name: String::new(),
                owner,
                admins: members.clone(),
                members,
                creator,
                department: DepartmentId(department),
                team: String::new(),
                follows_department: true,
                name_locked: false,
                notice: 0,
                watch,
                day_starts,
                day_ends,
            }
        },
    );
    let created = created.boxed();
    let item = (0..40_u64, 0..3_u32, prop::option::of(created.clone()));
    let watching = (group(), person(), 0..4_u32, 0..4_u8);
    prop_oneof![
        3 => created.prop_map(Event::GroupCreatedV2),
        1 => (group(), people()).prop_map(|(group, people)| {
            Event::MembersJoinedV2(MembersJoinedV2 {
                group,
                people,
                source: JoinSource::Added,
                label: String::new(),
                notice: 1,
            })
        }),
        1 => (0..3_usize).prop_map(|count| Event::BatchAccepted(BatchAcceptedV1 {
            client_message_id: ClientMessageId(1),
            digest: 0,
            groups: vec![NewGroupV1 {
                kind: GroupKind::Internal,
                name: "Group".to_owned(),
                owner: PersonId(1),
                members: vec![PersonId(2), PersonId(3)],
                departments: Vec::new(),
                binding: Binding::Team,
                department: DepartmentId(0),
                team: "Team".to_owned(),
                follows_department: false,
            }; count],
        })),
        2 => item.prop_map(|(batch, item, created)| {
            let batch = RecordNumber(batch);
            match created {
                Some(created) => {
                    Event::BatchGroupCreated(BatchGroupCreatedV1 { batch, item, created })
                }
                None => {
                    let text = String::new();
                    Event::BatchGroupRefused(BatchGroupRefusedV1 { batch, item, code: 1, text })
                }
            }
        }),
        3 => watching.prop_map(|(group, viewer, seat, what)| match what {
            0 => Event::ViewerLeft(ViewerLeftV1 { group, viewer }),
            1 => Event::WatchPasswordWrong(WatchPasswordWrongV1 { group, viewer }),
            2 => Event::ViewerJoined(ViewerJoinedV1 { group, viewer, seat }),
            _ => Event::ViewerJoinedV2(ViewerJoinedV2 { group, viewer, seat, first: Sequence(9), closes: Timestamp(9) }),
        }),
        1 => (group(), hash()).prop_map(|(group, watch)| Event::WatchSet(WatchSetV1 { group, watch })),
        1 => (person(), people(), number()).prop_map(|(person, people, department)| {
            let departments = vec![DepartmentId(department)];
            Event::ScopeSet(ScopeSetV1 { person, departments, people })
        }),
        1 => (person(), any::<bool>()).prop_map(|(person, tripped)| {
            Event::RiskControlSet(RiskControlSetV1 { person, tripped })
        }),
        1 => (group(), any::<bool>()).prop_map(|(group, pulled)| {
            Event::ArchivePullSet(ArchivePullSetV1 { group, pulled })
        }),
        1 => (number(), prop::collection::vec(group(), 0..3)).prop_map(|(matrix, groups)| {
            let (matrix, name) = (MatrixId(matrix), String::new());
            Event::MatrixSet(MatrixSetV1 { matrix, name, groups })
        }),
    ]
}

fn record() -> impl Strategy<Value = (Stamp, Vec<Event>)> {
    let event = prop_oneof![
        of_people(),
        of_groups(),
        of_creation(),
        life::events(),
        of_messages()
    ];
    let stamp = (0..3_u32, person(), time(), 0..40_u64, 0..3_u128);
    let stamp = stamp.prop_map(|(tenant, sender, timestamp, record, id)| Stamp {
        record: RecordNumber(record),
        timestamp,
        tenant: TenantId(tenant),
        sender,
        device: DeviceId(0),
        client_message_id: ClientMessageId(id),
        kind: Kind::Text,
        priority: Priority::Normal,
    });
    (stamp, prop::collection::vec(event, 0..4))
}

/// A tenant with people and groups for the events to meet.
fn settled() -> State {
    let mut state = State::new();
    let person = NewPersonV1 {
        name: "Person".to_owned(),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
    };
    let created = |group| {
        Event::GroupCreated(GroupCreatedV1 {
            group: GroupId(group),
            kind: GroupKind::Internal,
            name: "Group".to_owned(),
            owner: PersonId(1),
            members: vec![PersonId(2), PersonId(3)],
        })
    };
    let events = [
        Event::TenantCreated(TenantCreatedV1 {
            tenant: TenantId(1),
            name: "Tenant".to_owned(),
            zone: "UTC".to_owned(),
            verified_until: Timestamp(i64::MAX),
            succession: Succession::AdminFirst,
        }),
        Event::PeopleAdded(PeopleAddedV1 {
            first: PersonId(1),
            people: vec![person; 4],
        }),
        created(1),
        created(2),
    ];
    let stamp = Stamp {
        record: RecordNumber(0),
        timestamp: Timestamp(0),
        tenant: TenantId(1),
        sender: PersonId(0),
        device: DeviceId(0),
        client_message_id: ClientMessageId(0),
        kind: Kind::Administrative,
        priority: Priority::Normal,
    };
    apply(&mut state, &stamp, &events);
    state
}

/// Commands that walk most of what events can have made.
fn ask_about(state: &State, now: Timestamp) {
    let record = RecordNumber(99);
    let body_digest = 0;
    for n in 0..6 {
        let (group, person) = (GroupId(n), PersonId(n));
        let bodies: [CommandBody; 7] = [
            CommandBody::Publish(Publish {
                group,
                sender: person,
                device: DeviceId(0),
                kind: Kind::Text,
                priority: Priority::Normal,
                client_message_id: ClientMessageId(1),
                body_digest: 0,
            }),
            TaggedCommand::DepartPerson(PersonV1 { person }).into(),
            TaggedCommand::GetQuotas(PersonV1 { person }).into(),
            TaggedCommand::DissolveGroup(GroupV1 { group }).into(),
            TaggedCommand::RemoveMembers(MembersV1 {
                group,
                people: vec![person, PersonId(1)],
            })
            .into(),
            TaggedCommand::ListMembers(ListMembersV1 {
                group,
                after: PersonId(0),
                limit: 10,
            })
            .into(),
            TaggedCommand::MassSend(MassSendV1 {
                sender: person,
                groups: vec![group],
                kind: 1,
                priority: 0,
                client_message_id: ClientMessageId(1),
                body: Vec::new(),
            })
            .into(),
        ];
        for body in bodies {
            let command = Command {
                tenant: TenantId(1),
                actor: Actor::Enterprise,
                second_factor: false,
                body,
            };
            let context = Context {
                now,
                record,
                body_digest,
                random: 7,
            };
            let _ = decide(state, &command, context);
        }
        let _ = attach(state, TenantId(1), person);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_events_makes_a_state_that_a_snapshot_keeps(
        records in prop::collection::vec(record(), 0..40)
    ) {
        let mut state = settled();
        for (stamp, events) in &records {
            let applied = apply(&mut state, stamp, events);
            let fields = HeaderFields { tenant: stamp.tenant, ..HeaderFields::default() };
            let envelope = Envelope::new(&fields, b"").unwrap();
            let projection = project(&envelope, &applied.takes, events);
            prop_assert!(projection.envelopes.len() <= applied.takes.len());
            if events.len() == 1 {
                prop_assert_eq!(projection.envelopes.len(), applied.takes.len(), "one each");
            }
        }
        ask_about(&state, Timestamp(0));
        while let Some(slice) = state.next_slice() {
            let command = Command { tenant: slice.tenant, actor: Actor::System, second_factor: false, body: CommandBody::Continue };
            let context = Context { now: Timestamp(0), record: RecordNumber(99), body_digest: 0, random: 7 };
            let decision = decide(&state, &command, context);
            let stamp = Stamp {
                record: RecordNumber(99),
                timestamp: Timestamp(0),
                tenant: slice.tenant,
                sender: slice.sender,
                device: slice.device,
                client_message_id: slice.client_message_id,
                kind: record_kind(&decision.events, slice.kind),
                priority: slice.priority,
            };
            apply(&mut state, &stamp, &decision.events);
        }
        let again = State::from_snapshot(&state.to_snapshot()).unwrap();
        prop_assert_eq!(again.hash(), state.hash());
    }

    #[test]
    fn events_come_back_from_their_bytes_and_no_bytes_panic(
        (_, events) in record(), flip in any::<prop::sample::Index>(), bit in 0..8_u32
    ) {
        let mut bytes = Vec::new();
        encode_all(&events, &mut bytes);
        prop_assert_eq!(decode_all(&bytes).unwrap(), events);
        if !bytes.is_empty() {
            let at = flip.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let _ = decode_all(&bytes);
        }
    }

    #[test]
    fn random_bytes_are_no_events(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_all(&bytes);
    }

    #[test]
    fn a_damaged_snapshot_is_refused_or_another_state_and_never_a_panic(
        records in prop::collection::vec(record(), 0..20),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut state = settled();
        for (stamp, events) in &records {
            apply(&mut state, stamp, events);
        }
        let mut bytes = state.to_snapshot();
        let _ = State::from_snapshot(&bytes[..cut.index(bytes.len())]);
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Ok(state) = State::from_snapshot(&bytes) {
            ask_about(&state, Timestamp(0));
            let _ = state.hash();
        }
    }

    #[test]
    fn a_projection_of_takes_that_do_not_fit_is_no_panic(
        (stamp, events) in record(),
        takes in prop::collection::vec((group(), number()), 0..4),
    ) {
        let takes: Vec<_> = takes.into_iter().map(|(group, n)| Take {
            group,
            sequence: Sequence(n),
            membership_sequence: Sequence(n),
            message_ordinal: n,
        }).collect();
        let fields = HeaderFields { tenant: stamp.tenant, ..HeaderFields::default() };
        let envelope = Envelope::new(&fields, b"").unwrap();
        let projection = project(&envelope, &takes, &events);
        prop_assert!(projection.envelopes.len() <= takes.len());
    }
}
