use crate::model::Refusal;
use crate::model::command::{Actor, GroupKind, GroupRole, TaggedCommand as T};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, ERIN, Town, by};
use crate::wire::{GroupId, Kind, PersonId, Timestamp};

fn people(town: &mut Town, group: GroupId) -> Vec<u64> {
    let members = town.members(group).into_iter();
    members.map(|member| member.person.0).collect()
}

/// A group of Alice, who owns it, Bob, who administers it, and Carol to Judy.
fn town() -> (Town, GroupId) {
    let mut town = Town::with_employees(10);
    let members: Vec<_> = (2..=10).map(PersonId).collect();
    let group = town.internal_group(ALICE, &members);
    town.appoint(group, BOB);
    (town, group)
}

#[test]
fn a_group_splits_into_a_core_and_sub_groups_with_the_same_admins_in_one_record() {
    let (mut town, core) = town();
    let records = town.log.len();
    let parts = town.split(by(ALICE), core, 3).unwrap();
    assert_eq!(parts, [GroupId(2), GroupId(3)]);
    assert_eq!(town.log.len(), records + 1);
    assert_eq!(people(&mut town, core), [1, 2, 3, 4, 5]);
    assert_eq!(people(&mut town, parts[0]), [1, 2, 6, 7, 8]);
    assert_eq!(people(&mut town, parts[1]), [1, 2, 9, 10]);
    for group in [core, parts[0], parts[1]] {
        let roles: Vec<_> = town.members(group).iter().map(|m| m.role).collect();
        assert_eq!(
            roles[..3],
            [GroupRole::Owner, GroupRole::Admin, GroupRole::Member]
        );
    }
    assert_eq!(town.look_at(parts[0]).name, "Group (2)");
    assert_eq!(town.look_at(parts[1]).name, "Group (3)");
    assert_eq!(town.origin(parts[1]).team, "Group", "bound as it was");
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn each_part_is_shown_its_own_people_and_the_core_those_who_left() {
    let (mut town, core) = town();
    let parts = town.split(by(ALICE), core, 2).unwrap();
    let record = town.last.clone().unwrap();
    assert_eq!(record.stamp.kind, Kind::Administrative);
    let shown = record.project();
    let kinds: Vec<_> = shown
        .envelopes
        .iter()
        .map(|envelope| (envelope.header().group(), envelope.header().kind()))
        .collect();
    assert_eq!(kinds, [(parts[0], Kind::GroupCreated), (core, Kind::Left)]);
    let left = shown.deltas.iter().filter(|delta| !delta.joined);
    assert_eq!(
        left.map(|delta| delta.person.0).collect::<Vec<_>>(),
        [7, 8, 9, 10]
    );
}

#[test]
fn nobody_is_lost_and_no_part_is_larger_than_the_cap_whatever_the_number_of_parts() {
    for parts in 2..=8 {
        let (mut town, core) = town();
        let mut groups = town.split(by(ALICE), core, parts).unwrap();
        groups.push(core);
        let mut all: Vec<_> = groups
            .iter()
            .flat_map(|group| people(&mut town, *group))
            .filter(|person| *person > 2)
            .collect();
        all.sort_unstable();
        assert_eq!(all, (3..=10).collect::<Vec<_>>(), "in {parts} parts");
    }
}

#[test]
fn a_group_is_split_by_who_runs_it_into_2_parts_or_more() {
    let (mut town, core) = town();
    assert!(matches!(
        town.split(by(BOB), core, 2),
        Err(Refusal::NotPermitted { .. })
    ));
    for parts in [0, 1, 9, 21] {
        assert!(matches!(
            town.split(by(ALICE), core, parts),
            Err(Refusal::Invalid { field: "parts", .. })
        ));
    }
    let direct = town.direct(by(ALICE), ALICE, BOB).unwrap();
    let training = town.training_group(ALICE, &[BOB, CAROL, DAVE, ERIN]);
    for group in [direct, training] {
        assert!(matches!(
            town.split(by(ALICE), group, 2),
            Err(Refusal::Invalid { field: "group", .. })
        ));
    }
    town.dissolve(by(ALICE), core).unwrap();
    assert_eq!(
        town.split(Actor::Enterprise, core, 2),
        Err(Refusal::GroupDissolved { group: core })
    );
    town.create_tenant("UTC", Timestamp(0));
    town.tenant = crate::wire::TenantId(2);
    assert_eq!(
        town.split(Actor::Enterprise, core, 2),
        Err(Refusal::NoSuchGroup { group: core })
    );
}

#[test]
fn a_long_name_keeps_its_number() {
    let mut town = Town::with_employees(6);
    let members: Vec<_> = (2..=6).map(PersonId).collect();
    let group = town.internal_group(ALICE, &members);
    let rename = crate::model::command::RenameGroupV1 {
        group,
        name: "群".repeat(64),
    };
    town.ask(by(ALICE), T::RenameGroup(rename)).unwrap();
    let parts = town.split(by(ALICE), group, 2).unwrap();
    assert_eq!(
        town.look_at(parts[0]).name,
        format!("{} (2)", "群".repeat(60))
    );
}

#[test]
fn a_full_group_of_2000_has_room_again_once_it_is_split() {
    let mut town = Town::with_employees(2_000);
    let late = town.employees(1);
    let members: Vec<_> = (2..=2_000).map(PersonId).collect();
    let group = town.internal_group(ALICE, &members);
    town.add(by(ALICE), group, &late).unwrap_err();
    town.split(by(ALICE), group, 4).unwrap();
    assert_eq!(town.look_at(group).members, 501);
    town.add(by(ALICE), group, &late).unwrap();
}

#[test]
fn an_external_group_splits_into_external_groups() {
    let mut town = Town::with_employees(2);
    let customers = town.customers(6);
    let group = town.external_group(ALICE, &customers);
    let parts = town.split(by(ALICE), group, 2).unwrap();
    assert_eq!(town.look_at(parts[0]).kind, GroupKind::External);
    assert!(town.origin(parts[0]).archive_required);
}
