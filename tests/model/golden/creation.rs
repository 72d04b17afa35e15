//! Making groups: policies, batches, training groups, splits and sets.

use throng::model::command::*;
use throng::model::event::{self, Event};
use throng::wire::{DepartmentId, GroupId, MatrixId, PersonId, RecordNumber, Sequence};

use crate::golden::Section;
use crate::golden::core::{ID, TIME};

pub(crate) const SECTION: Section = Section {
    golden: include_str!("model_creation.txt"),
    commands,
    replies,
    events,
};

const GROUP: GroupId = GroupId(0x1112_1314_1516_1718);
const MATRIX: MatrixId = MatrixId(0x4142);
const BATCH: RecordNumber = RecordNumber(12);

fn new_group() -> NewGroupV1 {
    NewGroupV1 {
        kind: GroupKind::Internal,
        name: "项目组".to_owned(),
        owner: PersonId(4),
        members: vec![PersonId(5), PersonId(6)],
        departments: vec![DepartmentId(7)],
        binding: Binding::Department,
        department: DepartmentId(8),
        team: "阿波罗".to_owned(),
        follows_department: true,
    }
}

fn watch() -> WatchV1 {
    WatchV1 {
        password: "芝麻开门".to_owned(),
        opens: TIME,
        closes: TIME.plus_micros(3_600_000_000),
    }
}

fn watch_hash() -> event::WatchHashV1 {
    event::WatchHashV1 {
        salt: ID.0,
        hash: [0xab; 32],
        opens: TIME,
        closes: TIME.plus_micros(3_600_000_000),
    }
}

fn policy() -> SetCreationPolicyV1 {
    SetCreationPolicyV1 {
        who: Creators::Departments,
        departments: vec![DepartmentId(7)],
        people: vec![PersonId(5)],
        bar_mobile: true,
        binding_off: true,
    }
}

fn selectable() -> SetSelectableV1 {
    SetSelectableV1 {
        departments: vec![DepartmentId(7)],
        people: vec![PersonId(5)],
    }
}

fn commands() -> Vec<TaggedCommand> {
    use TaggedCommand as T;
    let (group, viewer) = (GROUP, PersonId(9));
    let name = "全部门店".to_owned();
    let groups = vec![GROUP, GroupId(2)];
    vec![
        T::CreateGroupV2(new_group()),
        T::CreateTrainingGroup(CreateTrainingGroupV1 {
            group: new_group(),
            watch: watch(),
        }),
        T::CreateGroups(CreateGroupsV1 {
            client_message_id: ID,
            groups: vec![new_group()],
        }),
        T::SetCreationPolicy(policy()),
        T::SetSelectable(selectable()),
        T::SetContactScope(SetContactScopeV1 {
            person: PersonId(4),
            departments: vec![DepartmentId(7)],
            people: vec![PersonId(5)],
        }),
        T::ReleaseRiskControl(PersonV1 {
            person: PersonId(4),
        }),
        T::SetDataUseNotice(SetDataUseNoticeV1 {
            text: "聊天内容依法存档".to_owned(),
        }),
        T::SetArchivePull(SetArchivePullV1 {
            group,
            pulled: true,
        }),
        T::ConfigureWatch(ConfigureWatchV1 {
            group,
            watch: watch(),
        }),
        T::JoinAsViewer(JoinAsViewerV1 {
            group,
            viewer,
            password: "芝麻开门".to_owned(),
        }),
        T::LeaveAsViewer(LeaveAsViewerV1 { group, viewer }),
        T::SplitGroup(SplitGroupV1 { group, parts: 3 }),
        T::CreateMatrix(NewMatrixV1 {
            name: name.clone(),
            groups: groups.clone(),
        }),
        T::ChangeMatrix(ChangeMatrixV1 {
            matrix: MATRIX,
            name,
            groups,
        }),
        T::RemoveMatrix(MatrixV1 { matrix: MATRIX }),
        T::GetBatch(BatchV1 { batch: BATCH }),
        T::GetGroupOrigin(GroupV1 { group }),
        T::GetAudience(GroupV1 { group }),
        T::ListViewers(ListViewersV1 { group, room: 3 }),
        T::GetDataUseNotice(OfTheEnterpriseV1 {}),
        T::GetCreationPolicy(OfTheEnterpriseV1 {}),
        T::ListMatrices(ListMatricesV1 {
            after: MATRIX,
            limit: 10,
        }),
    ]
}

fn replies() -> Vec<Reply> {
    vec![
        Reply::Batch(BatchStateV1 {
            done: 1,
            items: vec![BatchItemV1 {
                group: GROUP,
                code: 9,
                text: "no".to_owned(),
            }],
        }),
        Reply::GroupOrigin(GroupOriginV1 {
            group: GROUP,
            creator: PersonId(4),
            binding: Binding::Team,
            department: DepartmentId(8),
            team: "阿波罗".to_owned(),
            follows_department: true,
            pulled: true,
            archive_required: true,
        }),
        Reply::Audience(AudienceV1 {
            group: GROUP,
            opens: TIME,
            closes: TIME.plus_micros(3_600_000_000),
            viewers: 2_001,
            rooms: 2,
        }),
        Reply::Viewers(ViewersV1 {
            viewers: vec![PersonId(9)],
        }),
        Reply::DataUseNotice(DataUseNoticeV1 {
            version: 2,
            text: "聊天内容依法存档".to_owned(),
        }),
        Reply::CreationPolicy(CreationPolicyV1 {
            policy: policy(),
            selectable: selectable(),
        }),
        Reply::Matrices(MatricesV1 {
            matrices: vec![MatrixEntryV1 {
                matrix: MATRIX,
                name: "全部门店".to_owned(),
                groups: vec![GROUP],
            }],
            more: true,
        }),
        Reply::BatchAccepted(BatchAcceptedV1 {
            batch: BATCH,
            groups: 500,
            duplicate: true,
        }),
        Reply::Watching(WatchingV1 {
            group: GROUP,
            room: 1,
        }),
        Reply::GroupSplit(GroupSplitV1 {
            groups: vec![GROUP, GroupId(2)],
        }),
        Reply::MatrixSet(MatrixV1 { matrix: MATRIX }),
    ]
}

fn created() -> event::GroupCreatedV2 {
    event::GroupCreatedV2 {
        group: GROUP,
        kind: GroupKind::Training,
        name: "培训".to_owned(),
        owner: PersonId(4),
        admins: vec![PersonId(5)],
        members: vec![PersonId(5), PersonId(6)],
        creator: PersonId(4),
        department: DepartmentId(8),
        team: "阿波罗".to_owned(),
        follows_department: true,
        name_locked: true,
        notice: 2,
        watch: Some(watch_hash()),
        day_starts: TIME,
        day_ends: TIME.plus_micros(86_400_000_000),
    }
}

fn events() -> Vec<Event> {
    let (group, viewer) = (GROUP, PersonId(9));
    vec![
        Event::GroupCreatedV2(created()),
        Event::BatchAccepted(event::BatchAcceptedV1 {
            client_message_id: ID,
            digest: 0x2122_2324_2526_2728,
            groups: vec![new_group()],
        }),
        Event::BatchGroupCreated(event::BatchGroupCreatedV1 {
            batch: BATCH,
            item: 3,
            created: created(),
        }),
        Event::BatchGroupRefused(event::BatchGroupRefusedV1 {
            batch: BATCH,
            item: 4,
            code: 9,
            text: "no".to_owned(),
        }),
        Event::CreationPolicySet(event::CreationPolicySetV1 {
            who: Creators::Departments,
            departments: vec![DepartmentId(7)],
            people: vec![PersonId(5)],
            bar_mobile: true,
            binding_off: true,
        }),
        Event::ScopeSet(event::ScopeSetV1 {
            person: PersonId(4),
            departments: vec![DepartmentId(7)],
            people: vec![PersonId(5)],
        }),
        Event::RiskControlSet(event::RiskControlSetV1 {
            person: PersonId(4),
            tripped: true,
        }),
        Event::FollowingEnded(event::FollowingEndedV1 { group }),
        Event::DataUseNoticeSet(event::DataUseNoticeSetV1 {
            version: 2,
            text: "聊天内容依法存档".to_owned(),
        }),
        Event::ArchivePullSet(event::ArchivePullSetV1 {
            group,
            pulled: true,
        }),
        Event::WatchSet(event::WatchSetV1 {
            group,
            watch: watch_hash(),
        }),
        Event::ViewerJoined(event::ViewerJoinedV1 {
            group,
            viewer,
            seat: 2_000,
        }),
        Event::ViewerJoinedV2(event::ViewerJoinedV2 {
            group,
            viewer,
            seat: 2_000,
            first: Sequence(41),
            closes: TIME,
        }),
        Event::ViewerLeft(event::ViewerLeftV1 { group, viewer }),
        Event::WatchPasswordWrong(event::WatchPasswordWrongV1 { group, viewer }),
        Event::MatrixSet(event::MatrixSetV1 {
            matrix: MATRIX,
            name: "全部门店".to_owned(),
            groups: vec![GROUP],
        }),
    ]
}
