mod naive;

use super::command::*;
use crate::model::command::{
    Actor, Command, CreateGroupV1, GroupKind, OrgRole, PersonV1, RenameGroupV1, Reply,
    TaggedCommand as T,
};
use crate::model::event::Event;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, at, by};
use crate::model::{Context, Limits, Refusal, State, apply, decide};
use crate::wire::{ApprovalId, GroupId, Kind, PersonId, Sequence};

const FIRST: ApprovalId = ApprovalId(1);

/// A town with a department admin and a super admin.
fn town() -> (Town, PersonId, PersonId) {
    let mut town = Town::with_employees(4);
    let admin = town.with_role(OrgRole::DepartmentAdmin);
    let super_admin = town.super_admin();
    (town, admin, super_admin)
}

fn external(owner: PersonId, members: &[PersonId]) -> T {
    T::CreateGroup(CreateGroupV1 {
        kind: GroupKind::External,
        name: "客户群".to_owned(),
        owner,
        members: members.to_vec(),
    })
}

fn export(groups: &[GroupId]) -> T {
    T::RequestExport(RequestExportV1 {
        scope: ExportScopeV1 {
            groups: groups.to_vec(),
            from: at("2026-01-01T00:00:00Z"),
            until: at("2026-03-01T00:00:00Z"),
        },
    })
}

fn withdraw(town: &mut Town, actor: Actor, approval: ApprovalId) -> Result<Reply, Refusal> {
    town.ask(actor, T::WithdrawApproval(ApprovalIdV1 { approval }))
}

fn list(town: &mut Town, actor: Actor, requester: PersonId) -> Result<Vec<ApprovalId>, Refusal> {
    let list = ListApprovalsV1 {
        requester,
        open_only: true,
        after: ApprovalId(0),
        limit: 100,
    };
    match town.ask(actor, T::ListApprovals(list))? {
        Reply::Approvals(page) => Ok(page.approvals.iter().map(|asked| asked.approval).collect()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_department_admins_external_group_waits_for_approval_and_is_then_created() {
    let (mut town, admin, super_admin) = town();
    let asked = town.ask(by(admin), external(admin, &[ALICE, BOB]));
    let pending = ApprovalPendingV1 {
        approval: FIRST,
        expires: at("2026-03-04T09:00:00+08:00"),
        duplicate: false,
    };
    assert_eq!(asked, Ok(Reply::ApprovalPending(pending)));
    assert!(
        town.state.tenants[0].groups.is_empty(),
        "nothing is created yet"
    );

    town.clock("2026-03-02T09:00:00+08:00");
    let decided = town.decide(by(super_admin), FIRST, true).unwrap();
    assert_eq!(
        (decided.status, decided.refusal),
        (ApprovalStatus::Approved, 0)
    );
    let reply = Reply::decode(decided.reply_tag, &decided.reply).unwrap();
    let Reply::GroupCreated(created) = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(created.sequence, Sequence(1));
    let group = town.look_at(created.group);
    assert_eq!((group.kind, group.owner), (GroupKind::External, admin));
    let state = town.approval(FIRST);
    assert_eq!(
        (
            state.status,
            state.requester,
            state.approver,
            state.reason.as_str()
        ),
        (ApprovalStatus::Approved, admin, super_admin, "因为")
    );
    assert_eq!(
        state.reply, decided.reply,
        "who asked can read what came of it"
    );
}

#[test]
fn what_is_approved_is_one_record_by_the_approver_that_its_group_sees_as_its_own() {
    let (mut town, admin, super_admin) = town();
    town.request(by(admin), external(admin, &[ALICE, BOB]))
        .unwrap();
    town.decide(by(super_admin), FIRST, true).unwrap();
    let record = town.last.clone().unwrap();
    assert!(
        matches!(&*record.events, [Event::ApprovalDecided(decided), Event::GroupCreatedV2(created)]
            if decided.approver == super_admin && created.owner == admin)
    );
    assert_eq!(record.stamp.sender, super_admin);
    assert_eq!(record.stamp.kind, Kind::GroupCreated);
    let shown = record.project();
    let [envelope] = shown.envelopes.as_slice() else {
        panic!("{shown:?}");
    };
    assert_eq!(envelope.header().kind(), Kind::GroupCreated);
    assert_eq!(envelope.header().sequence(), Sequence(1));
    let joined: Vec<_> = shown.deltas.iter().map(|delta| delta.person).collect();
    assert_eq!(joined, [admin, ALICE, BOB]);
}

#[test]
fn nobody_decides_what_they_asked_for_themselves() {
    let (mut town, _, super_admin) = town();
    town.super_admin();
    town.request(by(super_admin), export(&[])).unwrap();
    for approve in [true, false] {
        let own = Err(Refusal::OwnApproval { approval: FIRST });
        assert_eq!(town.decide(by(super_admin), FIRST, approve), own);
    }
    assert_eq!(town.approval(FIRST).status, ApprovalStatus::Open);
    let recorded = town.log.iter().flat_map(|record| &record.events);
    let recorded = recorded.filter(|event| matches!(event, Event::OperationDenied(_)));
    assert_eq!(
        recorded.count(),
        1,
        "a denied admin operation, however often (SPEC P3)"
    );
}

#[test]
fn an_export_is_granted_by_another_super_admin_and_by_nobody_else() {
    let (mut town, admin, first) = town();
    let second = town.super_admin();
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.request(by(first), export(&[group])).unwrap();
    for actor in [Actor::Enterprise, Actor::Node, by(admin), by(ALICE)] {
        let refused = town.decide(actor, FIRST, true);
        assert!(
            matches!(refused, Err(Refusal::NotPermitted { .. })),
            "{actor:?}"
        );
    }
    town.decide(by(second), FIRST, true).unwrap();
    let after = crate::wire::ExportId(0);
    let listed = town.ask(
        by(second),
        T::ListExports(ListExportsV1 { after, limit: 10 }),
    );
    let Ok(Reply::Exports(page)) = listed else {
        panic!("{listed:?}");
    };
    let [export] = page.exports.as_slice() else {
        panic!("{page:?}");
    };
    assert_eq!((export.requester, export.approver), (first, second));
    assert_eq!(export.scope.groups, [group]);
}

#[test]
fn a_sole_super_admins_export_is_refused_when_it_is_asked_for() {
    let (mut town, _, super_admin) = town();
    let refused = town.request(by(super_admin), export(&[]));
    assert_eq!(refused, Err(Refusal::NoSecondApprover));
    let second = town.super_admin();
    town.set_frozen(second, true);
    let refused = town.request(by(super_admin), export(&[]));
    assert_eq!(
        refused,
        Err(Refusal::NoSecondApprover),
        "who is frozen approves nothing"
    );
    town.set_frozen(second, false);
    assert_eq!(town.request(by(super_admin), export(&[])), Ok(FIRST));
}

#[test]
fn what_could_never_be_done_is_refused_at_once_and_waits_for_nobody() {
    let (mut town, admin, super_admin) = town();
    town.super_admin();
    let too_few = Err(Refusal::TooFewMembers { need: 2, have: 1 });
    assert_eq!(town.request(by(admin), external(admin, &[ALICE])), too_few);
    let group = GroupId(99);
    let missing = Err(Refusal::NoSuchGroup { group });
    assert_eq!(town.request(by(super_admin), export(&[group])), missing);
    assert!(town.last.is_none(), "no record");
}

#[test]
fn an_approver_who_has_left_meanwhile_is_refused_and_another_decides() {
    let (mut town, admin, super_admin) = town();
    town.request(by(admin), external(admin, &[ALICE, BOB]))
        .unwrap();
    town.depart(super_admin).unwrap();
    let departed = Err(Refusal::Departed {
        person: super_admin,
    });
    assert_eq!(town.decide(by(super_admin), FIRST, true), departed);
    let decided = town.decide(Actor::Enterprise, FIRST, true).unwrap();
    assert_eq!(decided.status, ApprovalStatus::Approved);
}

#[test]
fn an_export_whose_only_other_super_admin_leaves_expires() {
    let (mut town, _, first) = town();
    let second = town.super_admin();
    town.request(by(first), export(&[])).unwrap();
    town.depart(second).unwrap();
    assert!(town.decide(by(second), FIRST, true).is_err());
    assert!(town.decide(by(first), FIRST, true).is_err());
    town.clock("2026-03-04T09:00:00+08:00");
    assert_eq!(town.approval(FIRST).status, ApprovalStatus::Expired);
}

#[test]
fn who_asked_must_still_be_there_and_hold_the_claim_when_it_is_approved() {
    type Meanwhile = fn(&mut Town, PersonId);
    let cases: [(Meanwhile, u16); 3] = [
        (|town, admin| drop(town.depart(admin)), 14),
        (|town, admin| town.set_frozen(admin, true), 23),
        (
            |town, admin| {
                let tenant = &mut town.state.tenants[0];
                let admin = tenant.find_person(admin).unwrap();
                tenant.person_mut(admin).role = OrgRole::Employee;
            },
            11,
        ),
    ];
    for (meanwhile, code) in cases {
        let (mut town, admin, super_admin) = town();
        town.request(by(admin), external(admin, &[ALICE, BOB]))
            .unwrap();
        meanwhile(&mut town, admin);
        let decided = town.decide(by(super_admin), FIRST, true).unwrap();
        assert_eq!(
            (decided.status, decided.refusal),
            (ApprovalStatus::Failed, code)
        );
        assert!(!decided.text.is_empty());
        assert!(town.state.tenants[0].groups.is_empty());
        assert_eq!(town.approval(FIRST).refusal, code);
    }
}

#[test]
fn the_second_factor_of_who_asked_counts_when_it_is_approved() {
    for (second_factor, expected) in [
        (true, (ApprovalStatus::Approved, 0)),
        (false, (ApprovalStatus::Failed, 25)),
    ] {
        let (mut town, admin, _) = town();
        let command = Command {
            tenant: town.tenant,
            actor: by(admin),
            second_factor,
            body: external(admin, &[ALICE, BOB]).into(),
        };
        let context = Context {
            now: town.now,
            record: town.next,
            body_digest: 0,
            random: 0,
        };
        let asked = decide(&town.state, &command, context);
        let mut stamp = town.log[0].stamp;
        stamp.tenant = town.tenant;
        apply(&mut town.state, &stamp, &asked.events);
        town.state.tenants[0].requires_second_factor = true;
        let decided = town.decide(Actor::Enterprise, FIRST, true).unwrap();
        assert_eq!((decided.status, decided.refusal), expected);
    }
}

#[test]
fn what_is_no_longer_possible_is_approved_but_failed_with_the_rule_that_refused() {
    let (mut town, admin, super_admin) = town();
    town.request(by(admin), external(admin, &[ALICE, BOB]))
        .unwrap();
    town.depart(BOB).unwrap();
    let decided = town.decide(by(super_admin), FIRST, true).unwrap();
    let departed = Refusal::Departed { person: BOB };
    assert_eq!(decided.status, ApprovalStatus::Failed);
    assert_eq!(decided.refusal, departed.code());
    assert_eq!(decided.text, departed.to_string());
    assert_eq!(
        town.last.as_ref().unwrap().events.len(),
        1,
        "the decision is recorded"
    );
}

#[test]
fn a_request_is_decided_once() {
    for approve in [true, false] {
        let (mut town, admin, super_admin) = town();
        town.request(by(admin), external(admin, &[ALICE, BOB]))
            .unwrap();
        let status = town.decide(by(super_admin), FIRST, approve).unwrap().status;
        let closed = Refusal::ApprovalClosed {
            approval: FIRST,
            status,
        };
        for again in [true, false] {
            let refused = town.decide(by(super_admin), FIRST, again);
            assert_eq!(refused, Err(closed.clone()));
        }
        assert_eq!(withdraw(&mut town, by(admin), FIRST), Err(closed));
        assert_eq!(town.state.tenants[0].groups.len(), usize::from(approve));
    }
}

#[test]
fn a_request_expires_to_the_microsecond() {
    let (mut town, admin, super_admin) = town();
    town.request(by(admin), external(admin, &[ALICE, BOB]))
        .unwrap();
    let expired_at = at("2026-03-04T09:00:00+08:00");
    town.now = expired_at;
    let expired = Refusal::ApprovalExpired {
        approval: FIRST,
        expired_at,
    };
    assert_eq!(
        town.decide(by(super_admin), FIRST, true),
        Err(expired.clone())
    );
    assert_eq!(withdraw(&mut town, by(admin), FIRST), Err(expired));

    let (mut town, admin, super_admin) = self::town();
    town.request(by(admin), external(admin, &[ALICE, BOB]))
        .unwrap();
    town.now = expired_at.plus_micros(-1);
    assert!(town.decide(by(super_admin), FIRST, true).is_ok());
}

#[test]
fn the_same_command_asked_again_while_it_waits_is_the_same_request() {
    let (mut town, admin, super_admin) = town();
    let other = town.with_role(OrgRole::DepartmentAdmin);
    let command = external(admin, &[ALICE, BOB]);
    town.request(by(admin), command.clone()).unwrap();
    let again = town.ask(by(admin), command.clone());
    assert!(matches!(again, Ok(Reply::ApprovalPending(pending))
            if pending.approval == FIRST && pending.duplicate));
    assert!(town.last.is_none(), "no record");
    let another = town.request(by(admin), external(admin, &[ALICE, CAROL]));
    assert_eq!(another, Ok(ApprovalId(2)));
    let anothers = town.request(by(other), external(other, &[ALICE, BOB]));
    assert_eq!(anothers, Ok(ApprovalId(3)));
    town.decide(by(super_admin), FIRST, false).unwrap();
    assert_eq!(town.request(by(admin), command), Ok(ApprovalId(4)));
}

#[test]
fn who_asked_may_take_it_back_and_nobody_else() {
    let (mut town, admin, super_admin) = town();
    town.request(by(admin), external(admin, &[ALICE, BOB]))
        .unwrap();
    for actor in [by(super_admin), Actor::Enterprise, by(ALICE)] {
        assert!(withdraw(&mut town, actor, FIRST).is_err(), "{actor:?}");
    }
    withdraw(&mut town, by(admin), FIRST).unwrap();
    let refused = town.decide(by(super_admin), FIRST, true);
    let status = ApprovalStatus::Withdrawn;
    let approval = FIRST;
    assert_eq!(refused, Err(Refusal::ApprovalClosed { approval, status }));
}

#[test]
fn requests_that_wait_are_bounded_per_person_and_per_tenant_and_expired_ones_do_not_count() {
    let (town, admin, _) = town();
    let mut town = town.limited(Limits {
        approvals_open_per_person_max: 2,
        approvals_open_max: 3,
        ..Limits::default()
    });
    let other = town.with_role(OrgRole::DepartmentAdmin);
    let ask = |town: &mut Town, person, members: &[PersonId]| {
        town.request(by(person), external(person, members))
    };
    ask(&mut town, admin, &[ALICE, BOB]).unwrap();
    ask(&mut town, admin, &[ALICE, CAROL]).unwrap();
    let refused = ask(&mut town, admin, &[ALICE, DAVE]);
    assert_eq!(refused, Err(Refusal::TooManyApprovals { limit: 2 }));
    ask(&mut town, other, &[ALICE, BOB]).unwrap();
    let refused = ask(&mut town, other, &[ALICE, CAROL]);
    assert_eq!(refused, Err(Refusal::TooManyApprovals { limit: 3 }));
    town.clock("2026-03-04T09:00:00+08:00");
    assert_eq!(ask(&mut town, admin, &[ALICE, DAVE]), Ok(ApprovalId(4)));
}

#[test]
fn approvals_are_read_by_the_enterprise_its_super_admins_and_who_asked() {
    let (mut town, admin, super_admin) = town();
    let command = external(admin, &[ALICE, BOB]);
    town.request(by(admin), command.clone()).unwrap();
    let state = town.approval(FIRST);
    assert_eq!(T::decode(state.command_tag, &state.command), Ok(command));
    for actor in [by(admin), by(super_admin), Actor::Enterprise] {
        assert_eq!(list(&mut town, actor, admin), Ok(vec![FIRST]));
    }
    assert_eq!(
        list(&mut town, Actor::Enterprise, PersonId(0)),
        Ok(vec![FIRST])
    );
    assert!(list(&mut town, by(admin), PersonId(0)).is_err());
    assert!(list(&mut town, by(ALICE), admin).is_err());
    town.decide(by(super_admin), FIRST, false).unwrap();
    assert_eq!(list(&mut town, by(admin), admin), Ok(Vec::new()));
}

#[test]
fn an_approval_of_another_tenant_is_not_found() {
    let (mut town, admin, _) = town();
    town.request(by(admin), external(admin, &[ALICE, BOB]))
        .unwrap();
    town.tenant = town.create_tenant("UTC", at("2036-01-01T00:00:00Z"));
    let stranger = town.super_admin();
    let missing = Refusal::NoSuchApproval { approval: FIRST };
    for actor in [by(stranger), Actor::Enterprise, Actor::Node] {
        assert_eq!(town.decide(actor, FIRST, true), Err(missing.clone()));
        assert_eq!(withdraw(&mut town, actor, FIRST), Err(missing.clone()));
        let get = ApprovalIdV1 { approval: FIRST };
        assert_eq!(town.ask(actor, T::GetApproval(get)), Err(missing.clone()));
    }
}

#[test]
fn what_needs_no_approval_is_not_asked_for() {
    let (mut town, _, super_admin) = town();
    let created = town.ask(by(super_admin), external(super_admin, &[ALICE, BOB]));
    assert!(matches!(created, Ok(Reply::GroupCreated(_))));
    let group = GroupId(1);
    let name = "New".to_owned();
    let refused = town.ask(by(ALICE), T::RenameGroup(RenameGroupV1 { group, name }));
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
}

#[test]
fn a_long_closed_request_is_forgotten_and_its_command_at_once() {
    let (mut town, admin, super_admin) = town();
    town.request(by(admin), external(admin, &[ALICE, BOB]))
        .unwrap();
    town.decide(by(super_admin), FIRST, false).unwrap();
    assert!(
        town.state.tenants[0].approvals.list[&FIRST]
            .command
            .is_empty()
    );
    town.clock("2026-03-08T08:59:59+08:00");
    town.request(by(admin), external(admin, &[ALICE, CAROL]))
        .unwrap();
    assert_eq!(town.approval(FIRST).status, ApprovalStatus::Refused);
    town.clock("2026-03-08T09:00:00+08:00");
    town.request(by(admin), external(admin, &[ALICE, DAVE]))
        .unwrap();
    let get = ApprovalIdV1 { approval: FIRST };
    let forgotten = town.ask(Actor::Enterprise, T::GetApproval(get));
    assert_eq!(forgotten, Err(Refusal::NoSuchApproval { approval: FIRST }));
}

#[test]
fn a_log_and_a_snapshot_with_requests_in_every_state_give_the_same_state() {
    let (mut town, admin, super_admin) = town();
    town.super_admin();
    for members in [[ALICE, BOB], [ALICE, CAROL], [BOB, CAROL], [BOB, DAVE]] {
        town.request(by(admin), external(admin, &members)).unwrap();
    }
    town.decide(by(super_admin), ApprovalId(1), true).unwrap();
    town.decide(by(super_admin), ApprovalId(2), false).unwrap();
    withdraw(&mut town, by(admin), ApprovalId(3)).unwrap();
    town.request(by(super_admin), export(&[])).unwrap();
    let third = PersonId(super_admin.0 + 1);
    town.decide(by(third), ApprovalId(5), true).unwrap();
    town.ask(by(ALICE), T::DepartPerson(PersonV1 { person: BOB }))
        .unwrap_err();
    let hash = town.state.hash();
    assert_eq!(town.replayed().hash(), hash);
    let restored = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(restored.hash(), hash);
}
