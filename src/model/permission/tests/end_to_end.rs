//! The rows of SPEC P1 as commands, and other tenants as what does not exist.

use super::super::*;
use crate::model::command::{
    ApprovalIdV1, CreateGroupV1, DecideApprovalV1, ExportScopeV1, GroupKind, GroupV1,
    ImportHistoryV1, ListMembersV1, MemberV1, MembersV1, PersonV1, RenameGroupV1, Reply,
    RequestExportV1, SetRoleV1, TaggedCommand as T,
};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, at, by};
use crate::wire::{ApprovalId, GroupId, TenantId};

/// What a command comes to: done `+`, waits for approval `a`, not permitted `-`.
fn outcome(decided: &Result<Reply, Refusal>) -> char {
    match decided {
        Ok(Reply::ApprovalPending(_)) => 'a',
        Ok(_) => '+',
        Err(Refusal::NotPermitted { .. }) => '-',
        Err(other) => panic!("{other}"),
    }
}

fn rename(group: GroupId) -> T {
    let name = "New".to_owned();
    T::RenameGroup(RenameGroupV1 { group, name })
}

fn create(kind: GroupKind, owner: PersonId) -> T {
    T::CreateGroup(CreateGroupV1 {
        kind,
        name: "Group".to_owned(),
        owner,
        members: [BOB, CAROL, DAVE]
            .into_iter()
            .filter(|it| *it != owner)
            .collect(),
    })
}

fn export() -> T {
    T::RequestExport(RequestExportV1 {
        scope: ExportScopeV1 {
            groups: Vec::new(),
            from: at("2026-01-01T00:00:00Z"),
            until: at("2026-03-01T00:00:00Z"),
        },
    })
}

/// The columns: super admin, department admin in the subtree, one out of it, app admin, the group's
/// owner, its admin, a member, an employee outside, a customer in it; the enterprise's systems.
const ACTORS: usize = 10;

/// The name of a group that is bound to a department is locked unless it was unlocked.
fn outcomes(is_locked: bool, command: impl Fn(GroupId, Actor) -> T) -> String {
    let mut said = String::new();
    for column in 0..ACTORS {
        // Each in a town of its own: what one may do changes what the next one finds.
        let mut town = Town::with_employees(5);
        let customer = town.customers(1)[0];
        let admin = town.super_admin();
        town.super_admin();
        let own = town.with_role(OrgRole::DepartmentAdmin);
        let other = town.with_role(OrgRole::DepartmentAdmin);
        let app = town.with_role(OrgRole::AppAdmin);
        let research = town.lay_out_department(None, &[own], &[]);
        town.lay_out_department(None, &[other], &[]);
        let group = town.external_group(ALICE, &[BOB, CAROL, customer]);
        town.bind(group, research);
        if !is_locked {
            town.unlock_name(group);
        }
        town.appoint(group, BOB);
        let actors: [Actor; ACTORS] = [
            by(admin),
            by(own),
            by(other),
            by(app),
            by(ALICE),
            by(BOB),
            by(CAROL),
            by(PersonId(5)),
            by(customer),
            Actor::Enterprise,
        ];
        let actor = actors[column];
        said.push(outcome(&town.ask(actor, command(group, actor))));
    }
    said
}

fn oneself(actor: Actor) -> PersonId {
    match actor {
        Actor::Person { person, .. } => person,
        _ => ALICE,
    }
}

#[test]
fn the_rows_of_p1_hold_from_command_to_answer() {
    type Asks = fn(GroupId, Actor) -> T;
    let rows: [(&str, &str, Asks); 6] = [
        ("create internal group", "++++++++-+", |_, actor| {
            create(GroupKind::Internal, oneself(actor))
        }),
        ("create external group", "+aa------+", |_, actor| {
            create(GroupKind::External, oneself(actor))
        }),
        ("rename", "++--++---+", |group, _| rename(group)),
        ("rename, locked", "++-------+", |group, _| rename(group)),
        ("dissolve", "++--+----+", |group, _| {
            T::DissolveGroup(GroupV1 { group })
        }),
        ("export", "a---------", |_, _| export()),
    ];
    for (name, expected, command) in rows {
        let is_locked = name.ends_with("locked");
        assert_eq!(outcomes(is_locked, command), expected, "{name}");
    }
}

/// Everything that names something by an id, where the id is `n`.
fn naming(n: u64) -> Vec<T> {
    let group = GroupId(n);
    let person = PersonId(n);
    let people = vec![person];
    let approval = ApprovalId(n);
    vec![
        rename(group),
        T::DissolveGroup(GroupV1 { group }),
        T::LeaveGroup(GroupV1 { group }),
        T::AddMembers(MembersV1 {
            group,
            people: people.clone(),
        }),
        T::RemoveMembers(MembersV1 { group, people }),
        T::SetRole(SetRoleV1 {
            group,
            person,
            role: crate::model::command::GroupRole::Admin,
        }),
        T::TransferOwnership(MemberV1 { group, person }),
        T::GetGroup(GroupV1 { group }),
        T::ListMembers(ListMembersV1 {
            group,
            after: PersonId(0),
            limit: 9,
        }),
        T::ImportHistory(ImportHistoryV1 {
            import: 1,
            chunk: 1,
            group,
            messages: Vec::new(),
        }),
        T::DepartPerson(PersonV1 { person }),
        T::GetQuotas(PersonV1 { person }),
        T::ListGroups(PersonV1 { person }),
        T::ReleaseFreeze(PersonV1 { person }),
        T::GetApproval(ApprovalIdV1 { approval }),
        T::WithdrawApproval(ApprovalIdV1 { approval }),
        T::DecideApproval(DecideApprovalV1 {
            approval,
            approve: true,
            reason: String::new(),
        }),
    ]
}

#[test]
fn what_is_another_tenants_cannot_be_told_from_what_does_not_exist() {
    // The first tenant has people, groups and approvals up to number 9; the second has fewer.
    let mut town = Town::with_employees(9);
    let admin = town.super_admin();
    town.super_admin();
    for _ in 0..9 {
        town.internal_group(ALICE, &[BOB, CAROL]);
    }
    for limit in 1..=9 {
        let mut export = export();
        if let T::RequestExport(export) = &mut export {
            export.scope.until = export.scope.until.plus_micros(limit);
        }
        town.request(by(admin), export).unwrap();
    }
    town.tenant = town.create_tenant("UTC", at("2036-01-01T00:00:00Z"));
    assert_eq!(town.tenant, TenantId(2));
    let employee = town.employees(1)[0];
    let other = [OrgRole::DepartmentAdmin, OrgRole::AppAdmin];
    let other = other.map(|role| town.with_role(role));
    let admin = town.super_admin();
    let actors = [employee, other[0], other[1], admin].map(by);
    for actor in actors.into_iter().chain([Actor::Enterprise]) {
        for (there, nowhere) in naming(9).into_iter().zip(naming(9_000)) {
            let asked = format!("{actor:?} {there:?}");
            let of = |refused: Result<Reply, Refusal>| {
                let refused = refused.unwrap_err();
                (refused.code(), refused.to_string().replace("9000", "9"))
            };
            let there = of(town.ask(actor, there));
            assert_eq!(there, of(town.ask(actor, nowhere)), "{asked}");
            if actor == Actor::Enterprise || actor == by(admin) {
                let is_missing = [2, 3, 85].contains(&there.0);
                assert!(is_missing, "{asked}: {there:?}");
            }
        }
    }
}
