//! Autumn: mass sends up to their limits and beyond, and two people who leave the company.

use std::time::{Duration, Instant};

use throng::engine::{Item, Ticket};
use throng::model::Refusal;
use throng::model::command::{
    DepartPersonV2, GetMassSendV1, GetQuotasV2, GroupRole, ListContactsV1, ListMassSendTargetsV1,
    ListOrphanedGroupsV1, MassSendTargetStateV1, MassSendV2, PolicyId, ReleaseFreezeV2, Reply,
    SetRoleV1, TaggedCommand as T, TargetOutcome,
};
use throng::model::event::{Event, LeaveCause};
use throng::wire::{DeviceId, GroupId, Kind, MembershipBody, PersonId, Priority, RecordNumber};

use crate::enterprise_year::company::{
    CHEN, Company, Groups, HUANG, SUN, Summer, WANG, ZHANG, ZHAO, ZHOU,
};
use crate::enterprise_year::world::{Person, TENANT, World, answered, at, refused, reply};

const PATIENCE: Duration = Duration::from_secs(20);
/// Mass sends of one sender in a day (SPEC Q2).
const A_DAY: usize = 500;

pub(crate) async fn send_to_many(
    world: &mut World,
    company: &Company,
    groups: &Groups,
    summer: &Summer,
) {
    send_until_frozen(world, company, groups).await;
    send_to_customers(world, company, summer).await;
}

/// Q1, Q2: 500 in a day pass; the 501st freezes until somebody releases it, whatever day it is.
async fn send_until_frozen(world: &mut World, company: &Company, groups: &Groups) {
    world.until("2027-09-07T02:00:00Z");
    let huang = world.person(company.id(HUANG)).await;
    let sun = world.person(company.id(SUN)).await;
    let send = |world: &mut World| MassSendV2 {
        groups: vec![groups.sales],
        ..message(world, huang.person)
    };
    let head = world.group(groups.sales).head;
    let bulk = (0..A_DAY - 2).map(|_| {
        let send = send(world);
        world.engine.mass_send_v2(TENANT, send).unwrap()
    });
    let bulk: Vec<Ticket> = bulk.collect();
    for ticket in bulk {
        reply!(ticket.wait(), MassSendAccepted);
    }
    let mut last = None;
    for _ in 0..2 {
        let send = T::MassSendV2(send(world));
        last = Some(reply!(huang.ask(send).await, MassSendAccepted).mass_send);
    }
    went_out(world, last.unwrap());
    assert_eq!(world.group(groups.sales).head.0, head.0 + A_DAY as u64);
    assert_eq!(used(&huang).await, (A_DAY as u32, false));

    let since = world.engine.now();
    let policy = PolicyId::MASS_SENDS_PER_SENDER_AND_DAY;
    let one_too_many = Refusal::QuotaExceeded {
        policy,
        group: GroupId(0),
        person: huang.person,
        used: 500,
        limit: 500,
        // Midnight in Shanghai.
        retry_at: at("2027-09-07T16:00:00Z"),
        frozen: true,
    };
    refused(huang.ask(T::MassSendV2(send(world))).await, &one_too_many);
    let frozen = Refusal::Frozen {
        policy,
        group: GroupId(0),
        person: huang.person,
        since,
    };
    refused(huang.ask(T::MassSendV2(send(world))).await, &frozen);
    assert_eq!(used(&huang).await, (500, true));

    world.until("2027-09-08T02:00:00Z");
    refused(huang.ask(T::MassSendV2(send(world))).await, &frozen);
    assert_eq!(used(&huang).await, (0, true));
    let release = T::ReleaseFreezeV2(ReleaseFreezeV2 {
        policy,
        group: GroupId(0),
        person: huang.person,
    });
    let rule = Refusal::NotPermitted {
        operation: "releasing a freeze",
        needs: "the enterprise, a super admin or an admin of the person's subtree",
    };
    refused(huang.ask(release.clone()).await, &rule);
    reply!(sun.ask(release).await, Done);
    let again = reply!(
        huang.ask(T::MassSendV2(send(world))).await,
        MassSendAccepted
    );
    went_out(world, again.mass_send);
    assert_eq!(used(&huang).await, (1, false));
}

/// Q2, Q4: a customer has four mass sends in a month; the fifth passes them by, and nobody else.
async fn send_to_customers(world: &mut World, company: &Company, summer: &Summer) {
    world.until("2027-10-04T02:00:00Z");
    let zhao = world.person(company.id(ZHAO)).await;
    let [first, second] = [summer.customers[0], summer.customers[1]];
    let mut reading = world.person(first).await.attach().await;
    let to = |world: &mut World, customers: &[PersonId]| MassSendV2 {
        customers: customers.to_vec(),
        ..message(world, zhao.person)
    };
    for _ in 0..4 {
        let send = to(world, &[first]);
        let sent = world.engine.mass_send_v2(TENANT, send).unwrap().wait();
        let sent = reply!(sent, MassSendAccepted).mass_send;
        assert_eq!(went_out(world, sent)[0].outcome, TargetOutcome::Sent);
    }
    let fifth = T::MassSendV2(to(world, &[first, second]));
    let fifth = reply!(zhao.ask(fifth).await, MassSendAccepted).mass_send;
    let [passed_by, reached] = &went_out(world, fifth)[..] else {
        panic!("two targets");
    };
    assert_eq!((passed_by.customer, reached.customer), (first, second));
    assert_eq!(passed_by.outcome, TargetOutcome::Refused);
    let policy = PolicyId::MASS_SENDS_PER_CUSTOMER_AND_MONTH;
    assert_eq!((passed_by.policy, passed_by.sent_in), (policy, GroupId(0)));
    assert_eq!(reached.outcome, TargetOutcome::Sent);

    // November has begun in Shanghai, where it is the first.
    world.until("2027-10-31T16:00:00Z");
    let sixth = T::MassSendV2(to(world, &[first]));
    let sixth = reply!(zhao.ask(sixth).await, MassSendAccepted).mass_send;
    let targets = went_out(world, sixth);
    assert_eq!(targets[0].outcome, TargetOutcome::Sent);
    // The customer's own session has read four and one, in a direct group with the sender.
    let direct = targets[0].sent_in;
    for sequence in 2..=6 {
        let read = reading.until(direct, Kind::Text).await;
        assert_eq!(read.header().sequence().0, sequence);
    }
    assert_eq!(world.members(direct), [zhao.person, first]);
}

pub(crate) async fn part(world: &mut World, company: &Company, groups: &Groups, summer: &Summer) {
    world.until("2027-11-08T02:00:00Z");
    zhao_leaves(world, company, groups, summer).await;
    wang_leaves(world, company, groups).await;
}

/// D7: one record, and the leaver is nowhere any more; a colleague is in their place.
async fn zhao_leaves(world: &mut World, company: &Company, groups: &Groups, summer: &Summer) {
    let [zhao, zhou, huang] = [ZHAO, ZHOU, HUANG].map(|name| company.id(name));
    let theirs = world.groups_of(zhao);
    assert!(theirs.contains(&groups.sales) && theirs.contains(&groups.external));
    let session = world.person(zhao).await;
    let mut reading = session.attach().await;
    reading.until(groups.external, Kind::Text).await;
    let sun = world.person(company.id(SUN)).await;
    let mut colleague = world.person(huang).await.attach().await;
    // Whatever a new connection records is recorded.
    colleague.until(groups.external, Kind::Text).await;

    let before = world.engine.durable();
    let depart = T::DepartPersonV2(DepartPersonV2 {
        person: zhao,
        successor: zhou,
    });
    reply!(sun.ask(depart).await, Done);
    let records = world.records(before);
    let [(_, events)] = &records[..] else {
        panic!("{records:?}");
    };
    let Some(Event::PersonDepartedV2(departed)) = events.first() else {
        panic!("{events:?}");
    };
    assert_eq!((departed.person, departed.contacts_to), (zhao, zhou));
    let mut left: Vec<_> = departed.groups.iter().map(|left| left.group).collect();
    left.sort_unstable();
    assert_eq!(left, theirs);

    // Gone from every group at once, and the colleague owns what was theirs.
    let orphans = T::ListOrphanedGroups(ListOrphanedGroupsV1 {
        after: GroupId(0),
        limit: 100,
    });
    let orphans = reply!(sun.ask(orphans).await, Groups).groups;
    for group in theirs {
        assert!(!world.members(group).contains(&zhao));
        let owner = world.group(group).owner;
        if group == groups.sales || group == groups.external {
            assert_eq!(owner, zhou);
        } else {
            // A conversation of two has nobody to take it over (M6).
            assert!(orphans.contains(&group) && owner == PersonId(0));
        }
    }
    let session = world.person(zhou).await;
    let list = T::ListContacts(ListContactsV1 {
        employee: zhou,
        after: PersonId(0),
        limit: 100,
    });
    let contacts = reply!(session.ask(list).await, Contacts).contacts;
    let contacts: Vec<_> = contacts.into_iter().map(|entry| entry.contact).collect();
    assert_eq!(contacts, summer.customers);

    // Their connection is closed, no new one is let in, and nothing is read from anywhere.
    reading.until_the_end().await;
    let refused = world.try_person(zhao, DeviceId(2)).await.err().unwrap();
    let rule = Refusal::Departed { person: zhao };
    assert!(refused.contains(&rule.to_string()), "{refused}");
    assert_eq!(attach_through_a_port(world, zhao), Some(rule));
    while colleague.until(groups.external, Kind::Left).await.body() != gone(zhao) {}
}

/// What an embedder that attaches somebody is answered, where it is refused.
fn attach_through_a_port(world: &World, person: PersonId) -> Option<Refusal> {
    let mut port = world.engine.port(|| {});
    port.attach(1, TENANT, person, DeviceId(1)).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut items = Vec::new();
    loop {
        assert!(Instant::now() < deadline, "no answer to the attach");
        port.poll(&mut items);
        for item in items.drain(..) {
            if let Item::Attached { result, .. } = item {
                return result.err();
            }
        }
        std::thread::yield_now();
    }
}

/// M6: without a named colleague the longest-serving admin succeeds, before longer-serving members.
async fn wang_leaves(world: &mut World, company: &Company, groups: &Groups) {
    let [wang, zhang, chen] = [WANG, ZHANG, CHEN].map(|name| company.id(name));
    let owner = world.person(wang).await;
    for person in [chen, zhang] {
        let appoint = T::SetRole(SetRoleV1 {
            group: groups.development,
            person,
            role: GroupRole::Admin,
        });
        reply!(owner.ask(appoint).await, GroupChanged);
    }
    let mut reading = world.person(zhang).await.attach().await;
    let operator = world.operator().await;
    let depart = T::DepartPersonV2(DepartPersonV2 {
        person: wang,
        successor: PersonId(0),
    });
    reply!(answered(operator.command(depart).await), Done);
    assert_eq!(world.group(groups.development).owner, chen);
    assert!(!world.members(groups.development).contains(&wang));
    // The first to be read of is Li, who moved.
    let left = gone(wang);
    while reading.until(groups.development, Kind::Left).await.body() != left {}
}

/// What a group is shown of somebody who has left the company.
fn gone(person: PersonId) -> Vec<u8> {
    MembershipBody {
        detail: LeaveCause::Departed as u8,
        people: vec![person],
    }
    .encode()
}

/// A message for many, to nobody yet.
pub(crate) fn message(world: &mut World, sender: PersonId) -> MassSendV2 {
    MassSendV2 {
        sender,
        groups: Vec::new(),
        matrices: Vec::new(),
        customers: Vec::new(),
        kind: Kind::Text as u8,
        priority: Priority::Normal as u8,
        client_message_id: world.fresh(),
        body: "通知".as_bytes().to_vec(),
    }
}

/// Waits until nothing of a mass send is left to be done; what became of its targets.
pub(crate) fn went_out(world: &World, mass_send: RecordNumber) -> Vec<MassSendTargetStateV1> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let get = T::GetMassSendV2(GetMassSendV1 { mass_send });
        let progress = reply!(world.ask(get), MassSendProgressV2);
        if progress.sent + progress.refused == progress.targets {
            break;
        }
        assert!(Instant::now() < deadline, "{progress:?}");
        std::thread::yield_now();
    }
    let list = T::ListMassSendTargets(ListMassSendTargetsV1 {
        mass_send,
        after: 0,
        limit: 1_000,
    });
    reply!(world.ask(list), MassSendTargets).targets
}

/// Q6: how much of today's mass sends is used, and whether the sender is frozen.
async fn used(sender: &Person) -> (u32, bool) {
    let get = T::GetQuotasV2(GetQuotasV2 {
        group: GroupId(0),
        person: sender.person,
    });
    let quotas = reply!(sender.ask(get).await, QuotasV2).quotas;
    let policy = PolicyId::MASS_SENDS_PER_SENDER_AND_DAY;
    let balance = quotas.iter().find(|balance| balance.policy == policy);
    let balance = balance.unwrap();
    (balance.used, balance.frozen_since.0 != 0)
}
