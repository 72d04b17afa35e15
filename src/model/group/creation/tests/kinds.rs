//! What each kind of group always is (SPEC G1).

use crate::model::command::{
    Actor, Binding, GroupKind, GroupV1, NewGroupV1, OfTheEnterpriseV1, Reply, SetArchivePullV1,
    SetDataUseNoticeV1, TaggedCommand as T,
};
use crate::model::event::Event;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, by, creation_policy, new_group};
use crate::model::{Refusal, State, command::Creators};
use crate::wire::{GroupId, Kind, PersonId, Timestamp};

fn pull(town: &mut Town, actor: Actor, group: GroupId, pulled: bool) -> Result<Reply, Refusal> {
    town.ask(actor, T::SetArchivePull(SetArchivePullV1 { group, pulled }))
}

#[test]
fn an_internal_group_belongs_to_a_department_or_a_team_unless_the_policy_is_off() {
    let mut town = Town::with_employees(3);
    let unbound = NewGroupV1 {
        binding: Binding::None,
        team: String::new(),
        ..new_group(GroupKind::Internal, ALICE, &[BOB, CAROL])
    };
    let refused = town.create_v2(by(ALICE), unbound.clone());
    assert!(matches!(
        refused,
        Err(Refusal::Invalid {
            field: "binding",
            ..
        })
    ));
    let mut policy = creation_policy(Creators::Everyone);
    policy.binding_off = true;
    town.set_creation_policy(policy);
    let group = town.create_v2(by(ALICE), unbound).unwrap();
    assert_eq!(town.origin(group).binding, Binding::None);
}

#[test]
fn a_group_of_an_older_client_belongs_to_a_team_of_its_own_name() {
    let mut town = Town::with_employees(3);
    let group = town
        .create(by(ALICE), GroupKind::Internal, ALICE, &[BOB, CAROL])
        .unwrap();
    let origin = town.origin(group);
    assert_eq!(
        (origin.binding, origin.team.as_str(), origin.creator),
        (Binding::Team, "Group", ALICE)
    );
}

#[test]
fn where_a_group_comes_from_survives_a_restart_and_a_replay() {
    let mut town = Town::with_employees(3);
    let group = town
        .create_v2(
            by(ALICE),
            new_group(GroupKind::Internal, ALICE, &[BOB, CAROL]),
        )
        .unwrap();
    let origin = town.origin(group);
    assert_eq!((origin.creator, origin.team.as_str()), (ALICE, "Apollo"));
    for state in [
        State::from_snapshot(&town.state.to_snapshot()).unwrap(),
        town.replayed(),
    ] {
        assert_eq!(state.hash(), town.state.hash());
        town.state = state;
        assert_eq!(town.origin(group), origin);
    }
}

#[test]
fn an_external_group_has_500_places_and_200_when_the_tenant_is_not_verified() {
    let mut town = Town::with_employees(1);
    let customers = town.customers(500);
    let kind = GroupKind::External;
    let full = |cap| {
        let group = GroupId(0);
        Err(Refusal::GroupFull { group, cap })
    };
    let new = |people: &[PersonId]| new_group(kind, ALICE, people);
    assert_eq!(
        town.create_v2(Actor::Enterprise, new(&customers)),
        full(500)
    );
    town.create_v2(Actor::Enterprise, new(&customers[1..]))
        .unwrap();
    town.tenant = town.create_tenant("UTC", Timestamp(0));
    let admin = town.super_admin();
    let customers = town.customers(200);
    let new = |people: &[PersonId]| new_group(kind, admin, people);
    assert_eq!(town.create_v2(by(admin), new(&customers)), full(200));
    town.create_v2(by(admin), new(&customers[1..])).unwrap();
}

#[test]
fn the_archive_of_external_contacts_cannot_be_switched_off() {
    let mut town = Town::with_employees(3);
    let customer = town.customers(1)[0];
    let external = town.external_group(ALICE, &[BOB, customer]);
    let direct = town.direct(by(ALICE), ALICE, customer).unwrap();
    for group in [external, direct] {
        assert_eq!(
            pull(&mut town, Actor::Enterprise, group, false),
            Err(Refusal::ArchiveRequired { group })
        );
        let origin = town.origin(group);
        assert!(origin.pulled && origin.archive_required);
        pull(&mut town, Actor::Enterprise, group, true).unwrap();
    }
    let internal = town.internal_group(ALICE, &[BOB, CAROL]);
    let colleagues = town.direct(by(ALICE), ALICE, BOB).unwrap();
    for group in [internal, colleagues] {
        assert!(matches!(
            pull(&mut town, by(ALICE), group, false),
            Err(Refusal::NotPermitted { .. })
        ));
        pull(&mut town, Actor::Enterprise, group, false).unwrap();
        town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
        let origin = town.origin(group);
        assert!(!origin.pulled && !origin.archive_required);
    }
}

#[test]
fn a_customer_invites_nobody_and_a_colleague_does() {
    let mut town = Town::with_employees(4);
    let customers = town.customers(2);
    let group = town.external_group(ALICE, &[BOB, customers[0]]);
    assert!(matches!(
        town.add(by(customers[0]), group, &customers[1..]),
        Err(Refusal::NotPermitted { .. })
    ));
    town.add(by(BOB), group, &customers[1..]).unwrap();
    assert!(matches!(
        town.add(by(DAVE), group, &[CAROL]),
        Err(Refusal::NotPermitted { .. })
    ));
}

#[test]
fn who_joins_an_external_group_is_shown_the_notice_of_that_day() {
    let mut town = Town::with_employees(3);
    let customers = town.customers(2);
    let group = town.external_group(ALICE, &[BOB, customers[0]]);
    assert!(
        matches!(&town.last.as_ref().unwrap().events[..], [Event::GroupCreatedV2(created)] if created.notice == 1)
    );
    let set = |text: &str| {
        let text = text.to_owned();
        T::SetDataUseNotice(SetDataUseNoticeV1 { text })
    };
    assert!(town.ask(Actor::Enterprise, set("")).is_err());
    assert!(
        town.ask(Actor::Enterprise, set(&"字".repeat(4_001)))
            .is_err()
    );
    assert!(town.ask(by(ALICE), set("ours")).is_err());
    town.ask(Actor::Enterprise, set("ours")).unwrap();
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    let read = T::GetDataUseNotice(OfTheEnterpriseV1 {});
    let Ok(Reply::DataUseNotice(notice)) = town.ask(by(customers[1]), read) else {
        panic!("who is about to join may read it");
    };
    assert_eq!((notice.version, notice.text.as_str()), (2, "ours"));
    town.add(by(ALICE), group, &customers[1..]).unwrap();
    let record = town.last.clone().unwrap();
    assert!(
        matches!(&record.events[..], [Event::MembersJoinedV2(joined)] if joined.notice == 2 && joined.people == customers[1..])
    );
    let shown = record.project();
    assert_eq!(shown.envelopes[0].header().kind(), Kind::Joined);
    assert!(shown.deltas[0].joined);
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn no_notice_is_due_in_an_internal_group() {
    let mut town = Town::with_employees(4);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    assert!(
        matches!(&town.last.as_ref().unwrap().events[..], [Event::GroupCreatedV2(created)] if created.notice == 0)
    );
    town.add(by(ALICE), group, &[DAVE]).unwrap();
    assert!(matches!(
        &town.last.as_ref().unwrap().events[..],
        [Event::MembersJoined(_)]
    ));
}

#[test]
fn two_people_have_one_direct_group_whoever_asks_first() {
    let mut town = Town::with_employees(3);
    let group = town.direct(by(ALICE), ALICE, BOB).unwrap();
    let records = town.log.len();
    assert_eq!(town.direct(by(BOB), BOB, ALICE), Ok(group));
    assert_eq!(town.direct(Actor::Enterprise, ALICE, BOB), Ok(group));
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(town.direct(by(ALICE), ALICE, BOB), Ok(group));
    assert_eq!(town.log.len(), records);
    assert_ne!(town.direct(by(ALICE), ALICE, CAROL), Ok(group));
    town.say(BOB, group).unwrap();
    assert!(town.say(CAROL, group).is_err());
}

#[test]
fn a_direct_group_is_of_two_people_and_stays_so() {
    let mut town = Town::with_employees(3);
    let alone = new_group(GroupKind::Direct, ALICE, &[]);
    assert_eq!(
        town.create_v2(by(ALICE), alone),
        Err(Refusal::TooFewMembers { need: 1, have: 0 })
    );
    let three = new_group(GroupKind::Direct, ALICE, &[BOB, CAROL]);
    let (group, cap) = (GroupId(0), 2);
    assert_eq!(
        town.create_v2(by(ALICE), three),
        Err(Refusal::GroupFull { group, cap })
    );
    let oneself = new_group(GroupKind::Direct, ALICE, &[ALICE]);
    assert!(town.create_v2(by(ALICE), oneself).is_err());
    let group = town.direct(by(ALICE), ALICE, BOB).unwrap();
    for refused in [
        town.add(by(ALICE), group, &[CAROL]),
        town.leave(BOB, group),
        town.remove(by(ALICE), group, &[BOB]),
    ] {
        assert!(matches!(
            refused,
            Err(Refusal::Invalid { field: "group", .. })
        ));
    }
    town.depart(BOB).unwrap();
    assert!(town.add(by(ALICE), group, &[CAROL]).is_err());
}

#[test]
fn a_dissolved_direct_group_makes_room_for_another() {
    let mut town = Town::with_employees(2);
    let first = town.direct(by(ALICE), ALICE, BOB).unwrap();
    town.dissolve(by(ALICE), first).unwrap();
    let second = town.direct(by(BOB), BOB, ALICE).unwrap();
    assert_ne!(first, second);
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(town.direct(by(ALICE), ALICE, BOB), Ok(second));
}

#[test]
fn a_direct_group_of_another_tenant_is_not_there() {
    let mut town = Town::with_employees(2);
    let group = town.direct(by(ALICE), ALICE, BOB).unwrap();
    town.tenant = town.create_tenant("UTC", Timestamp(0));
    town.employees(2);
    let get = T::GetGroupOrigin(GroupV1 { group });
    assert_eq!(
        town.ask(Actor::Enterprise, get),
        Err(Refusal::NoSuchGroup { group })
    );
    assert_eq!(
        pull(&mut town, Actor::Enterprise, group, false),
        Err(Refusal::NoSuchGroup { group })
    );
    town.direct(by(ALICE), ALICE, BOB).unwrap();
    assert_eq!(town.last.as_ref().unwrap().applied.takes.len(), 1);
}
