//! Winter: a group that ends, one that rests, and a restart that changes nothing.

use throng::client::Cursors;
use throng::model::command::{
    EnableGroupV1, GetQuotasV2, GroupV1, MassSendV2, PersonV1, Reply, TaggedCommand as T,
};
use throng::model::{QuotaCount, Refusal, recount};
use throng::wire::{Envelope, GroupId, Kind, PersonId, RecordNumber, Sequence};

use crate::enterprise_year::autumn::{message, went_out};
use crate::enterprise_year::company::{
    CHEN, Company, Groups, LI, MA, Summer, WANG, WU, YANG, ZHAO, ZHOU,
};
use crate::enterprise_year::world::{TENANT, World, refused, reply};

pub(crate) async fn close_groups(
    world: &mut World,
    company: &Company,
    groups: &Groups,
    summer: &Summer,
) {
    world.until("2027-12-01T02:00:00Z");
    dissolve(world, company, summer.project).await;
    disable_and_enable(world, company, groups.sales).await;
}

/// G8: a dissolved group has no members and no messages to come, and all its records.
async fn dissolve(world: &mut World, company: &Company, group: GroupId) {
    let chen = world.person(company.id(CHEN)).await;
    let yang = world.person(company.id(YANG)).await;
    let texts = ["样机到了", "测试通过", "发布成功"];
    for text in texts {
        chen.say(group, world.fresh(), text).await.unwrap();
    }
    let mut reading = yang.attach().await;
    reply!(
        chen.ask(T::DissolveGroup(GroupV1 { group })).await,
        GroupChanged
    );
    reading.until(group, Kind::Dissolved).await;
    let state = world.group(group);
    assert!(state.dissolved);
    assert_eq!((state.members, state.owner), (0, PersonId(0)));
    assert_eq!(world.members(group), []);
    assert!(!world.groups_of(yang.person).contains(&group));
    let late = yang.say(group, world.fresh(), "还在吗").await;
    refused(late, &Refusal::GroupDissolved { group });

    let (first, last) = (Sequence(1), state.head);
    let reader = world.engine.reader();
    let records = reader.read_group(TENANT, group, first, last, 1 << 20);
    let records = records.unwrap();
    let header = |at: usize| records[at].envelope.header();
    assert_eq!(records.len() as u64, last.0);
    assert_eq!(header(0).kind(), Kind::GroupCreated);
    assert_eq!(header(records.len() - 1).kind(), Kind::Dissolved);
    let said = records.iter().map(|record| &record.envelope);
    let said = said.filter(|envelope| envelope.header().kind() == Kind::Text);
    let said: Vec<_> = said.map(Envelope::body).collect();
    assert_eq!(said, texts.map(str::as_bytes));
}

/// G8: a disabled group is nowhere to be seen, and comes back to those who were reading it.
async fn disable_and_enable(world: &mut World, company: &Company, group: GroupId) {
    let ma = world.person(company.id(MA)).await;
    let wu = world.person(company.id(WU)).await;
    let li = world.person(company.id(LI)).await;
    let mut reading = li.attach().await;
    wu.say(group, world.fresh(), "月底盘点").await.unwrap();
    while reading.until(group, Kind::Text).await.body() != "月底盘点".as_bytes() {}

    reply!(
        ma.ask(T::DisableGroup(GroupV1 { group })).await,
        GroupChanged
    );
    let disabled = Refusal::GroupDisabled { group };
    refused(wu.say(group, world.fresh(), "有人吗").await, &disabled);
    refused(wu.ask(T::GetGroup(GroupV1 { group })).await, &disabled);
    assert!(!world.groups_of(wu.person).contains(&group));
    // Still members, of whom a new session is shown nothing.
    assert!(world.members(group).contains(&wu.person));
    let (attached, _) = wu.client.attach(Cursors::default(), false).await.unwrap();
    assert!(attached.groups.iter().all(|shown| shown.group() != group));

    let owner = PersonId(0);
    let enable = T::EnableGroup(EnableGroupV1 { group, owner });
    reply!(ma.ask(enable).await, GroupChanged);
    reading.until(group, Kind::Enabled).await;
    let back = wu.say(group, world.fresh(), "又见面了").await.unwrap();
    let read = reading.until(group, Kind::Text).await;
    assert_eq!(read.header().sequence(), back.sequence);
    assert!(world.groups_of(wu.person).contains(&group));
}

/// A1, A8, Q3: a restart on a sound archive finds the same state, and the log's charges are its counts.
pub(crate) async fn restart(mut world: World, company: &Company, groups: &Groups, summer: &Summer) {
    world.until("2027-12-20T02:00:00Z");
    let zhou = world.person(company.id(ZHOU)).await;
    // Whose customers they are since Zhao left.
    for customers in [&summer.customers[..3], &summer.customers[1..2]] {
        let send = MassSendV2 {
            groups: vec![groups.sales],
            customers: customers.to_vec(),
            ..message(&mut world, zhou.person)
        };
        let sent = reply!(zhou.ask(T::MassSendV2(send)).await, MassSendAccepted);
        went_out(&world, sent.mass_send);
    }
    drop(zhou);
    let before = world.engine.state_hash().unwrap();
    let (mut world, archive) = world.restart();
    assert!(archive.is_sound(), "{archive:?}");
    assert_eq!(archive.torn, None);
    assert_eq!(archive.records, before.0.0);
    assert_eq!(world.engine.state_hash().unwrap(), before);

    let records = world.records(RecordNumber(0));
    let now = world.engine.now();
    let by_record = records.iter().map(|(stamp, events)| (stamp, &events[..]));
    let recounted = recount(by_record, now);
    assert!(recounted.len() >= 4, "{recounted:?}");
    assert_eq!(recounted, counts(&world, company, summer));

    // And the year goes on: who was there is, and who has left is not.
    let zhou = world.person(company.id(ZHOU)).await;
    let mut reading = world.person(company.id(LI)).await.attach().await;
    let greeting = "新年快乐";
    zhou.say(groups.sales, world.fresh(), greeting)
        .await
        .unwrap();
    while reading.until(groups.sales, Kind::Text).await.body() != greeting.as_bytes() {}
    for leaver in [ZHAO, WANG] {
        let person = company.id(leaver);
        let groups = world.ask(T::ListGroups(PersonV1 { person }));
        assert_eq!(groups, Err(Refusal::Departed { person }));
    }
}

/// What the state says is used, of everybody who has not left.
fn counts(world: &World, company: &Company, summer: &Summer) -> Vec<QuotaCount> {
    let group = GroupId(0);
    let people = company
        .everybody()
        .into_iter()
        .chain(summer.customers.iter().copied());
    let mut counts = Vec::new();
    for person in people {
        match world.ask(T::GetQuotasV2(GetQuotasV2 { group, person })) {
            Ok(Reply::QuotasV2(quotas)) => {
                let used = quotas.quotas.iter().filter(|balance| balance.used > 0);
                counts.extend(used.map(|balance| QuotaCount {
                    tenant: TENANT,
                    policy: balance.policy,
                    group,
                    person,
                    used: u64::from(balance.used),
                }));
            }
            Err(Refusal::Departed { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    counts.sort_unstable();
    counts
}
