//! Summer: customers by a live code, what they may not do, and the security lock.

use throng::model::Refusal;
use throng::model::command::{
    AddContactV1, Binding, CreateJoinCodeV1, Creators, GroupKind, JoinByCodeV1, LiveCodeV1,
    MembersV1, NewGroupV1, PersonKind, Reply, SetCreationPolicyV1, TaggedCommand as T, ValidityV1,
};
use throng::wire::{DepartmentId, GroupId, Kind, PersonId};

use crate::enterprise_year::company::{
    CHEN, Company, Groups, HUANG, LIU, SUN, Summer, YANG, ZHAO, ZHOU,
};
use crate::enterprise_year::world::{World, refused, reply};

/// Members at which the live code moves on.
const THRESHOLD: u32 = 5;

pub(crate) async fn win_customers(world: &mut World, company: &Company, groups: &Groups) -> Summer {
    world.until("2027-06-01T02:00:00Z");
    let customers = add_contacts(world, company).await;
    let target = join_by_live_code(world, company, groups, &customers).await;

    // G1, M1: a customer brings nobody along.
    let customer = world.person(customers[0]).await;
    let invite = MembersV1 {
        group: groups.external,
        people: vec![customers[6]],
    };
    let rule = Refusal::NotPermitted {
        operation: "adding members",
        needs: "the enterprise or an employee in the group",
    };
    refused(customer.ask(T::AddMembers(invite)).await, &rule);
    assert!(!world.members(groups.external).contains(&customers[6]));
    assert!(world.members(target).contains(&customers[6]));

    let project = lock_and_unlock(world, company).await;
    Summer { customers, project }
}

/// D4: each belongs to the employee who won them.
async fn add_contacts(world: &World, company: &Company) -> Vec<PersonId> {
    let zhao = world.person(company.id(ZHAO)).await;
    let mut customers = Vec::new();
    for number in 1..=7 {
        let add = AddContactV1 {
            employee: zhao.person,
            contact: PersonId(0),
            kind: PersonKind::Customer,
            name: format!("客户{number}"),
            external_id: format!("customer-{number}"),
            mobile: format!("+861390013900{number}"),
            tags: vec!["展会".to_owned()],
        };
        let added = reply!(zhao.ask(T::AddContact(add)).await, ContactAdded);
        customers.push(added.contact);
    }
    customers
}

/// G5: at the threshold there is a next group, numbered and owned in turn. Where the code leads in
/// the end is the answer.
async fn join_by_live_code(
    world: &mut World,
    company: &Company,
    groups: &Groups,
    customers: &[PersonId],
) -> GroupId {
    let [zhao, huang, zhou] = [ZHAO, HUANG, ZHOU].map(|name| company.id(name));
    let create = CreateJoinCodeV1 {
        group: groups.external,
        validity: ValidityV1::Permanent,
        label: "夏季展会".to_owned(),
        uses_max: 0,
        verification: false,
        live: Some(LiveCodeV1 {
            threshold: THRESHOLD,
            name_template: "客户群 {n}".to_owned(),
            admins: vec![huang, zhou],
        }),
    };
    let zhao = world.person(zhao).await;
    let code = reply!(zhao.ask(T::CreateJoinCode(create)).await, JoinCodeCreated);
    let mut joined = Vec::new();
    for person in customers.iter().copied() {
        let customer = world.person(person).await;
        let join = JoinByCodeV1 {
            person,
            code: code.text.to_lowercase(),
            question: Vec::new(),
        };
        joined.push(reply!(customer.ask(T::JoinByCode(join)).await, Joined).group);
    }
    let (second, third) = (joined[2], joined[6]);
    let first = groups.external;
    assert_eq!(
        joined,
        [first, first, second, second, second, second, third]
    );
    for (group, name, owner, members) in [
        (first, "客户群 1", zhao.person, 5),
        (second, "客户群 2", huang, 5),
        (third, "客户群 3", zhou, 2),
    ] {
        let state = world.group(group);
        assert_eq!((&*state.name, state.owner), (name, owner));
        assert_eq!((state.kind, state.members), (GroupKind::External, members));
    }

    // A customer reads what is said after they joined.
    let mut reading = world.person(customers[0]).await.attach().await;
    let hello = "欢迎各位";
    zhao.say(first, world.fresh(), hello).await.unwrap();
    assert_eq!(
        reading.until(first, Kind::Text).await.body(),
        hello.as_bytes()
    );
    assert_eq!(reading.seen[&first][0].header().kind(), Kind::Joined);
    third
}

/// G4: nobody is nobody, until it is lifted.
async fn lock_and_unlock(world: &World, company: &Company) -> GroupId {
    let [sun, chen] = [SUN, CHEN].map(|name| company.id(name));
    let (sun, chen) = (world.person(sun).await, world.person(chen).await);
    let create = T::CreateGroupV2(NewGroupV1 {
        kind: GroupKind::Internal,
        name: "新品发布".to_owned(),
        owner: chen.person,
        members: company.ids(&[YANG, LIU]),
        departments: Vec::new(),
        binding: Binding::Team,
        department: DepartmentId(0),
        team: "新品".to_owned(),
        follows_department: false,
    });
    reply!(sun.ask(creators(Creators::Nobody)).await, Done);
    let locked = Refusal::CreationLocked { mobile: false };
    refused(chen.ask(create.clone()).await, &locked);
    reply!(sun.ask(creators(Creators::Everyone)).await, Done);
    reply!(chen.ask(create).await, GroupCreated).group
}

fn creators(who: Creators) -> T {
    T::SetCreationPolicy(SetCreationPolicyV1 {
        who,
        departments: Vec::new(),
        people: Vec::new(),
        bar_mobile: false,
        binding_off: false,
    })
}
