//! Commands and replies: rkyv bodies, one line for each tag there ever was.

use throng::model::command::*;
use throng::wire::{
    ClientMessageId, GroupId, PersonId, RecordNumber, Sequence, TenantId, Timestamp,
};

use super::{assert_golden, golden};

const GROUP: GroupId = GroupId(0x0102_0304);
const PERSON: PersonId = PersonId(0x0506_0708);

fn members() -> MembersV1 {
    MembersV1 {
        group: GROUP,
        people: vec![PERSON, PersonId(2)],
    }
}

fn commands() -> Vec<TaggedCommand> {
    let group = GroupV1 { group: GROUP };
    let person = PersonV1 { person: PERSON };
    vec![
        TaggedCommand::CreateTenant(CreateTenantV1 {
            name: "青禾科技有限公司".to_owned(),
            zone: "Asia/Shanghai".to_owned(),
            verified_until: Timestamp(5),
            succession: Succession::JoinOrder,
        }),
        TaggedCommand::AddPeople(AddPeopleV1 {
            people: vec![NewPersonV1 {
                name: "李雷".to_owned(),
                external_id: "e-000000001".to_owned(),
                kind: PersonKind::Partner,
                role: OrgRole::SuperAdmin,
            }],
        }),
        TaggedCommand::DepartPerson(person.clone()),
        TaggedCommand::CreateGroup(CreateGroupV1 {
            kind: GroupKind::External,
            name: "Launch".to_owned(),
            owner: PERSON,
            members: vec![PersonId(2), PersonId(3)],
        }),
        TaggedCommand::AddMembers(members()),
        TaggedCommand::LeaveGroup(group.clone()),
        TaggedCommand::RemoveMembers(members()),
        TaggedCommand::DissolveGroup(group.clone()),
        TaggedCommand::SetRole(SetRoleV1 {
            group: GROUP,
            person: PERSON,
            role: GroupRole::Admin,
        }),
        TaggedCommand::TransferOwnership(MemberV1 {
            group: GROUP,
            person: PERSON,
        }),
        TaggedCommand::RenameGroup(RenameGroupV1 {
            group: GROUP,
            name: "发布群".to_owned(),
        }),
        TaggedCommand::MassSend(MassSendV1 {
            sender: PERSON,
            groups: vec![GROUP, GroupId(9)],
            kind: 1,
            priority: 2,
            client_message_id: ClientMessageId(0x0F0E_0D0C),
            body: b"good morning, everybody".to_vec(),
        }),
        TaggedCommand::ReleaseFreeze(person.clone()),
        TaggedCommand::SetQuota(SetQuotaV1 {
            policy: QuotaPolicy::MassSendsPerSenderPerDay,
            limit: 500,
        }),
        TaggedCommand::GetGroup(group),
        TaggedCommand::ListMembers(ListMembersV1 {
            group: GROUP,
            after: PERSON,
            limit: 1_000,
        }),
        TaggedCommand::GetQuotas(person.clone()),
        TaggedCommand::GetMassSend(GetMassSendV1 {
            mass_send: RecordNumber(77),
        }),
        TaggedCommand::ListGroups(person),
    ]
}

fn replies() -> Vec<Reply> {
    let changed = GroupChangedV1 {
        group: GROUP,
        sequence: Sequence(4),
    };
    vec![
        Reply::Done(DoneV1 {}),
        Reply::TenantCreated(TenantCreatedV1 {
            tenant: TenantId(3),
        }),
        Reply::PeopleAdded(PeopleAddedV1 {
            people: vec![PERSON, PersonId(2)],
        }),
        Reply::GroupCreated(changed.clone()),
        Reply::GroupChanged(changed),
        Reply::Published(PublishedV1 {
            group: GROUP,
            sequence: Sequence(4),
            record: RecordNumber(77),
            timestamp: Timestamp(6),
            duplicate: true,
        }),
        Reply::MassSendAccepted(MassSendAcceptedV1 {
            mass_send: RecordNumber(77),
            targets: 5,
            duplicate: true,
        }),
        Reply::Group(GroupStateV1 {
            group: GROUP,
            kind: GroupKind::External,
            name: "Launch".to_owned(),
            owner: PERSON,
            members: 3,
            cap: 500,
            head: Sequence(4),
            dissolved: true,
        }),
        Reply::Members(MembersPageV1 {
            members: vec![MemberStateV1 {
                person: PERSON,
                role: GroupRole::Owner,
                joined: Sequence(1),
            }],
            more: true,
        }),
        Reply::Quotas(QuotasV1 {
            quotas: vec![QuotaStateV1 {
                policy: QuotaPolicy::MassSendsPerSenderPerDay,
                used: 500,
                limit: 500,
                window_ends: Timestamp(6),
                frozen: true,
            }],
        }),
        Reply::MassSendProgress(MassSendProgressV1 {
            targets: 5,
            sent: 3,
            refused: 2,
        }),
        Reply::Groups(GroupsV1 {
            groups: vec![GROUP, GroupId(9)],
        }),
    ]
}

#[test]
fn the_first_commands() {
    let commands = commands();
    for command in commands {
        let name = format!("command-{:#05x}", command.tag());
        assert_golden(&name, &command.encode());
        assert_eq!(
            TaggedCommand::decode(command.tag(), &golden(&name)),
            Ok(command)
        );
    }
}

#[test]
fn the_first_replies() {
    let replies = replies();
    for reply in replies {
        let name = format!("reply-{:#05x}", reply.tag());
        assert_golden(&name, &reply.encode());
        assert_eq!(Reply::decode(reply.tag(), &golden(&name)), Ok(reply));
    }
}
