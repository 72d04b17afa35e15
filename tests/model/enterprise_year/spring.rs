//! Spring: groups that follow departments, someone who moves, and a group that waits for approval.

use throng::model::Refusal;
use throng::model::command::{
    ApprovalStatus, Binding, DecideApprovalV1, GroupKind, GroupV1, MovePersonV1, NewGroupV1, Reply,
    TaggedCommand as T,
};
use throng::model::event::Event;
use throng::wire::{ApprovalId, DepartmentId, GroupId, Kind, Sequence};

use crate::enterprise_year::company::{
    CHEN, Company, DEVELOPMENT, Groups, HUANG, LI, LIU, SALES, SUN, WANG, WU, YANG, ZHANG, ZHAO,
    ZHOU,
};
use crate::enterprise_year::world::{World, answered, refused, reply};

pub(crate) async fn bind_groups(world: &mut World, company: &Company) -> Groups {
    world.until("2027-03-01T02:00:00Z");
    // G3, D8: a department's group is of everyone below it, too.
    let development = department_group(world, company, DEVELOPMENT, WANG);
    let sales = department_group(world, company, SALES, ZHAO);
    let developers = company.ids(&[WANG, LI, ZHANG, LIU, CHEN, YANG]);
    assert_eq!(world.members(development), developers);
    assert_eq!(world.members(sales), company.ids(&[ZHAO, HUANG, ZHOU, WU]));

    move_li(world, company, development, sales).await;
    let external = found_external(world, company).await;
    Groups {
        development,
        sales,
        external,
    }
}

fn department_group(world: &World, company: &Company, path: &str, owner: &str) -> GroupId {
    let create = NewGroupV1 {
        kind: GroupKind::Internal,
        name: path.to_owned(),
        owner: company.id(owner),
        members: Vec::new(),
        departments: Vec::new(),
        binding: Binding::Department,
        department: company.department(path),
        team: String::new(),
        follows_department: true,
    };
    reply!(world.ask(T::CreateGroupV2(create)), GroupCreated).group
}

/// D8, M5: who moves is in the new group, and out of the old one from the next sequence on.
async fn move_li(world: &mut World, company: &Company, development: GroupId, sales: GroupId) {
    let [li, wang, zhao] = [LI, WANG, ZHAO].map(|name| company.id(name));
    let (li, wang, zhao) = (
        world.person(li).await,
        world.person(wang).await,
        world.person(zhao).await,
    );
    let mut reading = li.attach().await;
    let before = wang
        .say(development, world.fresh(), "周会十点")
        .await
        .unwrap();
    let read = reading.until(development, Kind::Text).await;
    assert_eq!(read.body(), "周会十点".as_bytes());

    let first = world.engine.durable();
    let moved = MovePersonV1 {
        person: li.person,
        departments: vec![company.department(SALES)],
    };
    let operator = world.operator().await;
    let moved = operator.command(T::MovePerson(moved)).await;
    reply!(answered(moved), Done);
    // One record says where she is and what became of both groups.
    let records = world.records(first);
    let [(_, events)] = &records[..] else {
        panic!("{records:?}");
    };
    let followed = events.iter().filter_map(|event| match event {
        Event::DepartmentFollowed(followed) => Some(followed.group),
        _ => None,
    });
    assert_eq!(followed.collect::<Vec<_>>(), [development, sales]);

    let after = wang
        .say(development, world.fresh(), "新架构")
        .await
        .unwrap();
    assert_eq!(after.sequence, Sequence(before.sequence.0 + 2));
    zhao.say(sales, world.fresh(), "欢迎李娜").await.unwrap();
    assert_eq!(
        reading.until(sales, Kind::Text).await.body(),
        "欢迎李娜".as_bytes()
    );
    let last = reading.seen[&development].last().unwrap();
    assert_eq!(last.header().sequence(), before.sequence);
    assert_eq!(reading.seen[&sales][0].header().kind(), Kind::Joined);
    let rule = Refusal::NotAMember {
        person: li.person,
        group: development,
    };
    refused(li.say(development, world.fresh(), "再见").await, &rule);

    // A new connection catches up to the same: nothing of what was said without her.
    let mut again = world.person(li.person).await.attach().await;
    again.until(sales, Kind::Text).await;
    assert!(!again.seen.contains_key(&development));
    assert!(!world.members(development).contains(&li.person));
    assert!(world.members(sales).contains(&li.person));
}

/// P1, P2, G4: a department admin's external group waits until somebody else approves.
async fn found_external(world: &World, company: &Company) -> GroupId {
    let [zhao, huang, zhou, sun] = [ZHAO, HUANG, ZHOU, SUN].map(|name| company.id(name));
    let asking = world.person(zhao).await;
    let create = NewGroupV1 {
        kind: GroupKind::External,
        name: "客户群 1".to_owned(),
        owner: zhao,
        members: vec![huang, zhou],
        departments: Vec::new(),
        binding: Binding::None,
        department: DepartmentId(0),
        team: String::new(),
        follows_department: false,
    };
    // Whoever runs no department does not even wait.
    let plain = NewGroupV1 {
        owner: huang,
        members: vec![zhao, zhou],
        ..create.clone()
    };
    let rule = Refusal::NotPermitted {
        operation: "creating an external group",
        needs: "the enterprise, a super admin or, with approval, a department admin",
    };
    let huang = world.person(huang).await;
    refused(huang.ask(T::CreateGroupV2(plain)).await, &rule);
    let create = T::CreateGroupV2(create);
    let pending = reply!(asking.ask(create.clone()).await, ApprovalPending);
    let once_more = reply!(asking.ask(create).await, ApprovalPending);
    assert_eq!(once_more.approval, pending.approval);
    assert!(once_more.duplicate);

    let approval = pending.approval;
    let own = asking.ask(decided(approval)).await;
    refused(own, &Refusal::OwnApproval { approval });
    let sun = world.person(sun).await;
    let decided = reply!(sun.ask(decided(approval)).await, ApprovalDecided);
    assert_eq!(decided.status, ApprovalStatus::Approved);
    let created = Reply::decode(decided.reply_tag, &decided.reply);
    let group = reply!(created, GroupCreated).group;

    let state = world.group(group);
    assert_eq!((state.kind, state.owner), (GroupKind::External, zhao));
    let origin = reply!(
        sun.ask(T::GetGroupOrigin(GroupV1 { group })).await,
        GroupOrigin
    );
    assert_eq!(origin.creator, zhao);
    // G1: a group with external contacts is archived by force.
    assert!(origin.archive_required);
    group
}

fn decided(approval: ApprovalId) -> T {
    T::DecideApproval(DecideApprovalV1 {
        approval,
        approve: true,
        reason: "重点客户".to_owned(),
    })
}
