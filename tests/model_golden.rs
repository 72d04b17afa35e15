//! Bytes of today must be readable forever: one golden line a tag of every command, reply and event.
//!
//! A tag without a line, or a line whose bytes are written differently now, fails with the line it
//! should have. Only lines of new tags may be added to tests/golden/model_tags.txt.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::collections::BTreeMap;
use std::fmt::Write;

use throng::model::command::*;
use throng::model::event::{self, Event, GroupStatus, LeaveCause};
use throng::model::{Stamp, State, apply};
use throng::wire::{
    ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, RecordNumber, Sequence, TenantId,
    Timestamp,
};

const GOLDEN: &str = include_str!("golden/model_tags.txt");

const TIME: Timestamp = Timestamp(1_772_377_200_000_000);
const POLICY: QuotaPolicy = QuotaPolicy::MassSendsPerSenderPerDay;
const ID: ClientMessageId = ClientMessageId(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

fn person() -> PersonV1 {
    let person = PersonId(0x0102_0304_0506_0708);
    PersonV1 { person }
}

fn group() -> GroupV1 {
    let group = GroupId(0x1112_1314_1516_1718);
    GroupV1 { group }
}

fn members() -> MembersV1 {
    MembersV1 {
        group: group().group,
        people: vec![PersonId(5), PersonId(6)],
    }
}

fn new_person() -> NewPersonV1 {
    NewPersonV1 {
        name: "王小明".to_owned(),
        external_id: "wang.xiaoming@example".to_owned(),
        kind: PersonKind::Partner,
        role: OrgRole::SuperAdmin,
    }
}

fn changed() -> GroupChangedV1 {
    GroupChangedV1 {
        group: group().group,
        sequence: Sequence(77),
    }
}

fn commands() -> Vec<TaggedCommand> {
    use TaggedCommand as T;
    let group = group().group;
    vec![
        T::CreateTenant(CreateTenantV1 {
            name: "一家企业".to_owned(),
            zone: "Asia/Shanghai".to_owned(),
            verified_until: TIME,
            succession: Succession::JoinOrder,
        }),
        T::AddPeople(AddPeopleV1 {
            people: vec![new_person(); 2],
        }),
        T::DepartPerson(person()),
        T::CreateGroup(CreateGroupV1 {
            kind: GroupKind::External,
            name: "项目组".to_owned(),
            owner: PersonId(4),
            members: vec![PersonId(5), PersonId(6)],
        }),
        T::AddMembers(members()),
        T::LeaveGroup(GroupV1 { group }),
        T::RemoveMembers(members()),
        T::DissolveGroup(GroupV1 { group }),
        T::SetRole(SetRoleV1 {
            group,
            person: PersonId(5),
            role: GroupRole::Admin,
        }),
        T::TransferOwnership(MemberV1 {
            group,
            person: PersonId(5),
        }),
        T::RenameGroup(RenameGroupV1 {
            group,
            name: "新名字".to_owned(),
        }),
        T::MassSend(MassSendV1 {
            sender: PersonId(4),
            groups: vec![group, GroupId(2)],
            kind: Kind::Markdown as u8,
            priority: Priority::Urgent as u8,
            client_message_id: ID,
            body: "大家好".as_bytes().to_vec(),
        }),
        T::ReleaseFreeze(person()),
        T::SetQuota(SetQuotaV1 {
            policy: POLICY,
            limit: 500,
        }),
        T::GetGroup(GroupV1 { group }),
        T::ListMembers(ListMembersV1 {
            group,
            after: PersonId(9),
            limit: 100,
        }),
        T::GetQuotas(person()),
        T::GetMassSend(GetMassSendV1 {
            mass_send: RecordNumber(12),
        }),
        T::ListGroups(person()),
    ]
}

fn replies() -> Vec<Reply> {
    vec![
        Reply::Done(DoneV1 {}),
        Reply::TenantCreated(TenantCreatedV1 {
            tenant: TenantId(3),
        }),
        Reply::PeopleAdded(PeopleAddedV1 {
            people: vec![PersonId(1), PersonId(2)],
        }),
        Reply::GroupCreated(changed()),
        Reply::GroupChanged(changed()),
        Reply::Published(PublishedV1 {
            group: group().group,
            sequence: Sequence(78),
            record: RecordNumber(1_000),
            timestamp: TIME,
            duplicate: true,
        }),
        Reply::MassSendAccepted(MassSendAcceptedV1 {
            mass_send: RecordNumber(12),
            targets: 2,
            duplicate: false,
        }),
        Reply::Group(GroupStateV1 {
            group: group().group,
            kind: GroupKind::Internal,
            name: "项目组".to_owned(),
            owner: PersonId(4),
            members: 3,
            cap: 2_000,
            head: Sequence(78),
            dissolved: false,
        }),
        Reply::Members(MembersPageV1 {
            members: vec![MemberStateV1 {
                person: PersonId(4),
                role: GroupRole::Owner,
                joined: Sequence(1),
            }],
            more: true,
        }),
        Reply::Quotas(QuotasV1 {
            quotas: vec![QuotaStateV1 {
                policy: POLICY,
                used: 3,
                limit: 500,
                window_ends: TIME,
                frozen: true,
            }],
        }),
        Reply::MassSendProgress(MassSendProgressV1 {
            targets: 10,
            sent: 7,
            refused: 2,
        }),
        Reply::Groups(GroupsV1 {
            groups: vec![GroupId(1), GroupId(2)],
        }),
    ]
}

fn events() -> Vec<Event> {
    let group = group().group;
    let feature = event::FeatureV1 {
        person: PersonId(4),
        policy: POLICY,
    };
    let target = event::MassSendTargetV1 {
        mass_send: RecordNumber(12),
        group,
    };
    vec![
        Event::TenantCreated(event::TenantCreatedV1 {
            tenant: TenantId(1),
            name: "一家企业".to_owned(),
            zone: "Asia/Shanghai".to_owned(),
            verified_until: TIME,
            succession: Succession::AdminFirst,
        }),
        Event::PeopleAdded(event::PeopleAddedV1 {
            first: PersonId(1),
            people: vec![new_person(); 2],
        }),
        Event::PersonDeparted(event::PersonDepartedV1 {
            person: PersonId(4),
            groups: vec![event::LeftGroupV1 {
                group,
                successor: PersonId(5),
                status: GroupStatus::Active,
            }],
        }),
        Event::GroupCreated(event::GroupCreatedV1 {
            group,
            kind: GroupKind::External,
            name: "项目组".to_owned(),
            owner: PersonId(4),
            members: vec![PersonId(5), PersonId(6)],
        }),
        Event::MembersJoined(event::MembersJoinedV1 {
            group,
            people: vec![PersonId(7)],
        }),
        Event::MembersLeft(event::MembersLeftV1 {
            group,
            people: vec![PersonId(4)],
            cause: LeaveCause::Removed,
            successor: PersonId(5),
            status: GroupStatus::Disabled,
        }),
        Event::GroupDissolved(event::GroupDissolvedV1 {
            group,
            members: vec![PersonId(5), PersonId(6)],
        }),
        Event::RoleChanged(event::RoleChangedV1 {
            group,
            person: PersonId(5),
            role: GroupRole::Admin,
        }),
        Event::OwnershipTransferred(event::OwnershipTransferredV1 {
            group,
            from: PersonId(4),
            to: PersonId(5),
        }),
        Event::GroupRenamed(event::GroupRenamedV1 {
            group,
            name: "新名字".to_owned(),
        }),
        Event::Published(event::PublishedV1 {
            group,
            body_digest: 0x2122_2324_2526_2728,
        }),
        Event::MassSendAccepted(event::MassSendAcceptedV1 {
            sender: PersonId(4),
            device: DeviceId(7),
            groups: vec![group, GroupId(2)],
            kind: Kind::Markdown as u8,
            priority: Priority::Urgent as u8,
            client_message_id: ID,
            body_digest: 0x2122_2324_2526_2728,
            window_starts: TIME,
            window_ends: TIME.plus_micros(86_400_000_000),
        }),
        Event::MassSendDelivered(target.clone()),
        Event::MassSendTargetRefused(target),
        Event::FeatureFrozen(feature.clone()),
        Event::FreezeReleased(feature),
        Event::QuotaSet(event::QuotaSetV1 {
            policy: POLICY,
            limit: 500,
        }),
        Event::LogRepaired(event::LogRepairedV1 {
            at: RecordNumber(0x3132),
        }),
    ]
}

/// A state with something in each of its tables.
fn state() -> State {
    let mut state = State::new();
    let created = event::GroupCreatedV1 {
        group: GroupId(1),
        kind: GroupKind::Internal,
        name: "项目组".to_owned(),
        owner: PersonId(1),
        members: vec![PersonId(2)],
    };
    let published = event::PublishedV1 {
        group: GroupId(1),
        body_digest: 9,
    };
    let accepted = event::MassSendAcceptedV1 {
        sender: PersonId(1),
        device: DeviceId(7),
        groups: vec![GroupId(1)],
        kind: Kind::Text as u8,
        priority: Priority::Normal as u8,
        client_message_id: ID,
        body_digest: 9,
        window_starts: TIME,
        window_ends: TIME.plus_micros(86_400_000_000),
    };
    let mut people = vec![new_person(); 2];
    people[1].external_id.clear();
    let events = [
        events()[0].clone(),
        Event::PeopleAdded(event::PeopleAddedV1 {
            first: PersonId(1),
            people,
        }),
        Event::GroupCreated(created),
        Event::Published(published),
        Event::MassSendAccepted(accepted),
        Event::FeatureFrozen(event::FeatureV1 {
            person: PersonId(1),
            policy: POLICY,
        }),
    ];
    let stamp = Stamp {
        record: RecordNumber(12),
        timestamp: TIME,
        tenant: TenantId(1),
        sender: PersonId(1),
        device: DeviceId(7),
        client_message_id: ID,
        kind: Kind::Text,
        priority: Priority::Normal,
    };
    apply(&mut state, &stamp, &events);
    state
}

type Lines = BTreeMap<(String, u16), Vec<u8>>;

fn golden() -> Lines {
    let lines = GOLDEN.lines().filter(|line| !line.starts_with('#'));
    let read = |line: &str| {
        let mut words = line.split_whitespace();
        let kind = words.next().unwrap().to_owned();
        let tag = u16::from_str_radix(words.next().unwrap(), 16).unwrap();
        let hex = words.next().unwrap_or("");
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let bytes = (0..hex.len()).step_by(2).map(byte).collect();
        ((kind, tag), bytes)
    };
    lines.map(read).collect()
}

fn written() -> Lines {
    let mut lines = Lines::new();
    for command in commands() {
        let key = ("command".to_owned(), command.tag());
        lines.insert(key, command.encode().to_vec());
    }
    for reply in replies() {
        let key = ("reply".to_owned(), reply.tag());
        lines.insert(key, reply.encode().to_vec());
    }
    for event in events() {
        let key = ("event".to_owned(), event.tag());
        lines.insert(key, event.encode().to_vec());
    }
    lines.insert(("state".to_owned(), 1), state().to_snapshot());
    lines
}

#[test]
fn every_tag_is_written_as_it_always_was() {
    let golden = golden();
    let mut wrong = String::new();
    for (key, bytes) in &written() {
        if golden.get(key) != Some(bytes) {
            write!(wrong, "{} {:03x} ", key.0, key.1).unwrap();
            for byte in bytes {
                write!(wrong, "{byte:02x}").unwrap();
            }
            wrong.push('\n');
        }
    }
    assert!(
        wrong.is_empty(),
        "tests/golden/model_tags.txt differs:\n{wrong}"
    );
}

#[test]
fn every_tag_in_use_has_a_golden_line_and_no_other_has() {
    let mut tags: Vec<(String, u16)> = vec![("state".to_owned(), 1)];
    tags.extend(
        TaggedCommand::TAGS
            .iter()
            .map(|tag| ("command".to_owned(), *tag)),
    );
    tags.extend(Reply::TAGS.iter().map(|tag| ("reply".to_owned(), *tag)));
    tags.extend(Event::TAGS.iter().map(|tag| ("event".to_owned(), *tag)));
    tags.sort();
    let golden: Vec<_> = golden().into_keys().collect();
    assert_eq!(golden, tags);
}

#[test]
fn every_golden_line_is_read_as_what_was_written() {
    let golden = golden();
    let bytes = |kind: &str, tag| &golden[&(kind.to_owned(), tag)];
    for command in commands() {
        let read = TaggedCommand::decode(command.tag(), bytes("command", command.tag()));
        assert_eq!(read, Ok(command));
    }
    for reply in replies() {
        let read = Reply::decode(reply.tag(), bytes("reply", reply.tag()));
        assert_eq!(read, Ok(reply));
    }
    for event in events() {
        let read = Event::decode(event.tag(), bytes("event", event.tag()));
        assert_eq!(read, Ok(event));
    }
    let read = State::from_snapshot(bytes("state", 1)).unwrap();
    assert_eq!(read.hash(), state().hash());
}
