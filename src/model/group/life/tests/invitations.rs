use super::not_permitted;
use crate::model::command::{Actor, InvitePolicy, JoinSource, SettingsChangeV1};
use crate::model::town::life::NO_CHANGE;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, ERIN, Town, by};
use crate::model::{Limits, Refusal};
use crate::wire::{GroupId, PersonId, Sequence};

const ASK_FIRST: SettingsChangeV1 = SettingsChangeV1 {
    confirm: Some(true),
    ..NO_CHANGE
};

/// A group of 40 that Alice owns and in which people are asked first; persons 41 to 60 are not in it.
fn large_group() -> (Town, GroupId) {
    let mut town = Town::with_employees(60);
    let others: Vec<_> = (2..=40).map(PersonId).collect();
    let group = town.internal_group(ALICE, &others);
    town.configure(by(ALICE), group, ASK_FIRST).unwrap();
    (town, group)
}

const NEWCOMER: PersonId = PersonId(41);

#[test]
fn whom_a_person_adds_to_more_than_40_has_to_agree_first() {
    let (mut town, group) = large_group();
    let before = town.look_at(group);
    let invited = town.invite_to(by(BOB), group, &[NEWCOMER]).unwrap();
    assert_eq!((invited.group, invited.people), (group, vec![NEWCOMER]));
    assert_eq!(town.look_at(group), before, "no sequence, no member");
    assert!(town.groups_of(NEWCOMER).is_empty());
    let open = town.invitations(NEWCOMER);
    assert_eq!((open[0].group, open[0].by), (group, BOB));

    let joined = town.accept(NEWCOMER, group).unwrap();
    assert_eq!(joined, before.head.next());
    assert_eq!(town.groups_of(NEWCOMER), [group]);
    assert!(town.invitations(NEWCOMER).is_empty(), "it is used up");
    let members = town.members_as(by(ALICE), group).unwrap();
    assert_eq!(members.last().unwrap().source, JoinSource::Invitation);
}

#[test]
fn up_to_40_and_where_the_policy_does_not_say_so_people_just_join() {
    let mut town = Town::with_employees(60);
    let others: Vec<_> = (2..=39).map(PersonId).collect();
    let group = town.internal_group(ALICE, &others);
    town.configure(by(ALICE), group, ASK_FIRST).unwrap();
    town.add(by(BOB), group, &[PersonId(40)]).unwrap();
    town.invite_to(by(BOB), group, &[NEWCOMER]).unwrap();
    let off = SettingsChangeV1 {
        confirm: Some(false),
        ..NO_CHANGE
    };
    town.configure(by(ALICE), group, off).unwrap();
    town.add(by(BOB), group, &[NEWCOMER]).unwrap();
    assert!(town.invitations(NEWCOMER).is_empty(), "already in");

    let plain = town.internal_group(ALICE, &others);
    let two = [PersonId(40), NEWCOMER];
    town.add(by(BOB), plain, &two).unwrap();
}

#[test]
fn the_size_counts_everybody_who_would_be_in_and_is_the_groups_own() {
    let (mut town, group) = large_group();
    let size = |above| SettingsChangeV1 {
        confirm_above: Some(above),
        ..NO_CHANGE
    };
    town.configure(by(ALICE), group, size(42)).unwrap();
    let three: Vec<_> = (41..=43).map(PersonId).collect();
    town.invite_to(by(BOB), group, &three).unwrap();
    town.add(by(BOB), group, &three[..2]).unwrap();
}

#[test]
fn the_enterprise_adds_directly() {
    let (mut town, group) = large_group();
    town.invite_to(by(BOB), group, &[NEWCOMER]).unwrap();
    town.add(Actor::Enterprise, group, &[NEWCOMER]).unwrap();
    let refused = Refusal::NoInvitation {
        person: NEWCOMER,
        group,
    };
    assert_eq!(town.accept(NEWCOMER, group), Err(refused), "it is gone");
}

#[test]
fn only_who_is_invited_answers_and_once() {
    let (mut town, group) = large_group();
    let none = |person| Err(Refusal::NoInvitation { person, group });
    assert_eq!(town.accept(NEWCOMER, group), none(NEWCOMER));
    town.invite_to(by(BOB), group, &[NEWCOMER]).unwrap();
    let other = PersonId(42);
    assert_eq!(town.accept(other, group), none(other));
    town.decline(NEWCOMER, group).unwrap();
    assert_eq!(town.accept(NEWCOMER, group), none(NEWCOMER));
    let unknown = GroupId(9);
    let refused = town.accept(NEWCOMER, unknown);
    assert_eq!(refused, Err(Refusal::NoSuchGroup { group: unknown }));
}

#[test]
fn nobody_answers_for_another_but_the_enterprise() {
    use crate::model::command::{AnswerInvitationV1, TaggedCommand as T};
    let (mut town, group) = large_group();
    town.invite_to(by(BOB), group, &[NEWCOMER]).unwrap();
    let answer = T::AnswerInvitation(AnswerInvitationV1 {
        group,
        person: NEWCOMER,
        accept: true,
    });
    for other in [ALICE, BOB, PersonId(50)] {
        assert!(not_permitted(town.ask(by(other), answer.clone())));
    }
    town.ask(Actor::Enterprise, answer).unwrap();
    assert_eq!(town.groups_of(NEWCOMER), [group]);
}

#[test]
fn an_invitation_holds_for_7_days_to_the_microsecond() {
    let (mut town, group) = large_group();
    let expires = town.invite_to(by(BOB), group, &[NEWCOMER]).unwrap().expires;
    assert_eq!(expires.micros_since(town.now), 7 * 86_400_000_000);
    town.now = expires.plus_micros(-1);
    assert_eq!(town.invitations(NEWCOMER).len(), 1);
    town.now = expires;
    assert!(town.invitations(NEWCOMER).is_empty());
    let gone = town.accept(NEWCOMER, group);
    assert!(matches!(gone, Err(Refusal::NoInvitation { .. })));
    town.invite_to(by(BOB), group, &[NEWCOMER]).unwrap();
    town.now = expires.plus_micros(1);
    town.accept(NEWCOMER, group).unwrap();
}

#[test]
fn the_cap_holds_when_an_invitation_is_accepted() {
    let (town, group) = large_group();
    let mut town = town.limited(Limits {
        internal_members_max: 41,
        ..Limits::default()
    });
    let two = [NEWCOMER, PersonId(42)];
    town.invite_to(by(BOB), group, &two).unwrap();
    town.accept(two[1], group).unwrap();
    let full = Refusal::GroupFull { group, cap: 41 };
    assert_eq!(town.accept(two[0], group), Err(full.clone()));
    let refused = town.invite_to(by(BOB), group, &[PersonId(43)]);
    assert_eq!(refused, Err(full), "a full group invites nobody");
    town.leave(two[1], group).unwrap();
    town.accept(two[0], group).unwrap();
}

#[test]
fn open_invitations_are_bounded_and_expired_ones_do_not_count() {
    let (town, group) = large_group();
    let limit = 2;
    let mut town = town.limited(Limits {
        invitations_per_group_max: limit,
        ..Limits::default()
    });
    let two = [NEWCOMER, PersonId(42)];
    let expires = town.invite_to(by(BOB), group, &two).unwrap().expires;
    town.invite_to(by(BOB), group, &two)
        .expect("the same once more");
    let third = [PersonId(43)];
    let refused = Refusal::TooManyInvitations { group, limit };
    assert_eq!(town.invite_to(by(BOB), group, &third), Err(refused));
    town.now = expires;
    town.invite_to(by(BOB), group, &third).unwrap();
    let settings = town.state.tenants[0].groups[0].settings();
    assert_eq!(settings.invited.len(), 1, "what expired is freed");
}

#[test]
fn where_admins_invite_plain_employees_do_not() {
    let mut town = Town::with_employees(6);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.appoint(group, BOB);
    let admins = SettingsChangeV1 {
        invite: Some(InvitePolicy::Admins),
        ..NO_CHANGE
    };
    town.add(by(CAROL), group, &[DAVE]).unwrap();
    town.configure(by(BOB), group, admins).unwrap();
    assert!(not_permitted(town.add(by(CAROL), group, &[ERIN])));
    town.add(by(BOB), group, &[ERIN]).unwrap();
    town.add(Actor::Enterprise, group, &[PersonId(6)]).unwrap();
}

#[test]
fn customers_invite_nobody() {
    let mut town = Town::with_employees(3);
    let customers = town.customers(2);
    let group = town.external_group(ALICE, &[BOB, customers[0]]);
    for person in [customers[1], CAROL] {
        assert!(not_permitted(town.add(by(customers[0]), group, &[person])));
    }
    town.add(by(BOB), group, &[customers[1]]).unwrap();
}

#[test]
fn a_customer_who_is_invited_answers_for_themselves() {
    let mut town = Town::with_employees(40);
    let customer = town.customers(1)[0];
    let others: Vec<_> = (2..=40).map(PersonId).collect();
    let group = town.external_group(ALICE, &others);
    town.configure(by(ALICE), group, ASK_FIRST).unwrap();
    town.invite_to(by(BOB), group, &[customer]).unwrap();
    town.accept(customer, group).unwrap();
}

#[test]
fn invitations_end_with_the_group_and_with_who_was_invited() {
    let (mut town, group) = large_group();
    let two = [NEWCOMER, PersonId(42)];
    town.invite_to(by(BOB), group, &two).unwrap();
    town.depart(two[1]).unwrap();
    let settings = town.state.tenants[0].groups[0].settings();
    assert_eq!(settings.invited.len(), 1);
    town.dissolve(Actor::Enterprise, group).unwrap();
    assert!(town.invitations(NEWCOMER).is_empty());
    let refused = town.accept(NEWCOMER, group);
    assert!(matches!(refused, Err(Refusal::NoInvitation { .. })));
}

#[test]
fn a_disabled_group_lets_nobody_accept() {
    let (mut town, group) = large_group();
    town.invite_to(by(BOB), group, &[NEWCOMER]).unwrap();
    town.disable(Actor::Enterprise, group).unwrap();
    assert!(town.invitations(NEWCOMER).is_empty());
    let refused = town.accept(NEWCOMER, group);
    assert_eq!(refused, Err(Refusal::GroupDisabled { group }));
    town.enable(Actor::Enterprise, group, PersonId(0)).unwrap();
    assert!(town.accept(NEWCOMER, group).unwrap() > Sequence(3));
}
