use crate::model::command::{
    Actor, ChangeMatrixV1, ListMatricesV1, MatrixV1, NewMatrixV1, Reply, TaggedCommand as T,
};
use crate::model::group::matrix;
use crate::model::town::{ALICE, BOB, CAROL, Town, by};
use crate::model::{Limits, Refusal, State};
use crate::wire::{GroupId, MatrixId, PersonId, Timestamp};

fn town() -> (Town, GroupId) {
    let mut town = Town::with_employees(10);
    let members: Vec<_> = (2..=10).map(PersonId).collect();
    let group = town.internal_group(ALICE, &members);
    (town, group)
}

fn create(
    town: &mut Town,
    actor: Actor,
    name: &str,
    groups: &[GroupId],
) -> Result<MatrixId, Refusal> {
    let (name, groups) = (name.to_owned(), groups.to_vec());
    match town.ask(actor, T::CreateMatrix(NewMatrixV1 { name, groups }))? {
        Reply::MatrixSet(set) => Ok(set.matrix),
        other => panic!("{other:?}"),
    }
}

fn change(town: &mut Town, matrix: MatrixId, groups: &[GroupId]) -> Result<Reply, Refusal> {
    let (name, groups) = ("Renamed".to_owned(), groups.to_vec());
    let change = ChangeMatrixV1 {
        matrix,
        name,
        groups,
    };
    town.ask(Actor::Enterprise, T::ChangeMatrix(change))
}

fn addressed(town: &Town, matrix: MatrixId) -> Result<Vec<GroupId>, Refusal> {
    let tenant = town.state.tenant(town.tenant).unwrap();
    matrix::groups(tenant, matrix)
}

#[test]
fn a_set_of_groups_is_addressed_as_one_without_those_that_are_over() {
    let (mut town, core) = town();
    let parts = town.split(by(ALICE), core, 3).unwrap();
    let all = [core, parts[0], parts[1]];
    let matrix = create(&mut town, Actor::Enterprise, "All", &all).unwrap();
    assert_eq!(addressed(&town, matrix), Ok(all.to_vec()));
    town.dissolve(by(ALICE), parts[0]).unwrap();
    assert_eq!(addressed(&town, matrix), Ok(vec![core, parts[1]]));
    change(&mut town, matrix, &[parts[1], core]).unwrap();
    town.state = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(addressed(&town, matrix), Ok(vec![parts[1], core]));
    assert_eq!(town.replayed().hash(), town.state.hash());
}

#[test]
fn a_removed_set_is_gone_and_its_number_is_not_given_again() {
    let (mut town, core) = town();
    let first = create(&mut town, Actor::Enterprise, "One", &[core]).unwrap();
    let remove = T::RemoveMatrix(MatrixV1 { matrix: first });
    town.ask(Actor::Enterprise, remove.clone()).unwrap();
    let gone = Refusal::NoSuchMatrix { matrix: first };
    assert_eq!(town.ask(Actor::Enterprise, remove), Err(gone.clone()));
    assert_eq!(change(&mut town, first, &[core]), Err(gone.clone()));
    assert_eq!(addressed(&town, first), Err(gone));
    let second = create(&mut town, Actor::Enterprise, "Two", &[core]).unwrap();
    assert_ne!(first, second);
    assert_eq!(town.look_at(core).members, 10, "the groups stay");
}

#[test]
fn what_is_in_a_set_exists_is_not_over_and_is_there_once() {
    let (mut town, core) = town();
    let other = town.internal_group(ALICE, &[BOB, CAROL]);
    town.dissolve(by(ALICE), other).unwrap();
    let never = GroupId(99);
    let cases = [
        (never, Refusal::NoSuchGroup { group: never }),
        (other, Refusal::GroupDissolved { group: other }),
    ];
    for (group, refusal) in cases {
        let refused = create(&mut town, Actor::Enterprise, "Set", &[core, group]);
        assert_eq!(refused, Err(refusal));
    }
    for groups in [&[][..], &[core, core]] {
        let refused = create(&mut town, Actor::Enterprise, "Set", groups);
        assert!(matches!(
            refused,
            Err(Refusal::Invalid {
                field: "groups",
                ..
            })
        ));
    }
    assert!(create(&mut town, Actor::Enterprise, "", &[core]).is_err());
    assert!(matches!(
        create(&mut town, by(ALICE), "Set", &[core]),
        Err(Refusal::NotPermitted { .. })
    ));
}

#[test]
fn a_tenant_has_so_many_sets_and_reads_its_own_page_by_page() {
    let limits = Limits {
        matrices_max: 12,
        ..Limits::default()
    };
    let (town, core) = town();
    let mut town = town.limited(limits);
    for _ in 0..12 {
        create(&mut town, Actor::Enterprise, "Set", &[core]).unwrap();
    }
    assert!(create(&mut town, Actor::Enterprise, "Set", &[core]).is_err());
    let mut page = |after| {
        let list = ListMatricesV1 { after, limit: 100 };
        match town.ask(Actor::Enterprise, T::ListMatrices(list)) {
            Ok(Reply::Matrices(page)) => page,
            other => panic!("{other:?}"),
        }
    };
    let first = page(MatrixId(0));
    assert_eq!((first.matrices.len(), first.more), (10, true));
    let second = page(MatrixId(10));
    assert_eq!((second.matrices.len(), second.more), (2, false));
    assert_eq!(second.matrices[0].groups, [core]);
    town.tenant = town.create_tenant("UTC", Timestamp(0));
    let matrix = MatrixId(1);
    assert_eq!(
        addressed(&town, matrix),
        Err(Refusal::NoSuchMatrix { matrix })
    );
}
