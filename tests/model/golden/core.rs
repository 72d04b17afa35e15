//! What there was first: tenants, people, groups, publishing, mass sends.

use throng::model::command::*;
use throng::model::event::{self, Event, GroupStatus, LeaveCause};
use throng::wire::{
    ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, RecordNumber, Sequence, TenantId,
    Timestamp,
};

use crate::golden::Section;

pub(crate) const SECTION: Section = Section {
    golden: include_str!("model_core.txt"),
    commands,
    replies,
    events,
};

pub(crate) const TIME: Timestamp = Timestamp(1_772_377_200_000_000);
pub(crate) const POLICY: QuotaPolicy = QuotaPolicy::MassSendsPerSenderPerDay;
pub(crate) const ID: ClientMessageId = ClientMessageId(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

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

pub(crate) fn new_person() -> NewPersonV1 {
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

pub(crate) fn events() -> Vec<Event> {
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
