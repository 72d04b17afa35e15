use crate::model::command::{
    Actor, Command, CommandBody, CountDenialsV1, DenialCountV1, GroupV1, PersonV1, Publish, Reply,
    SetQuotaV1, TaggedCommand as T,
};
use crate::model::event::{Event, OperationDeniedV1, SubjectKind};
use crate::model::permission::{Operation, Subject, not_permitted, number_of};
use crate::model::town::{ALICE, BOB, CAROL, DEVICE, Town, at, by, message};
use crate::model::{Context, Limits, Refusal, State, decide_counting};
use crate::wire::{GroupId, PersonId};

fn set_quota() -> T {
    let policy = crate::model::command::QuotaPolicy::MassSendsPerSenderPerDay;
    T::SetQuota(SetQuotaV1 { policy, limit: 1 })
}

fn denials(town: &Town) -> Vec<OperationDeniedV1> {
    let events = town.log.iter().flat_map(|record| &record.events);
    let denied = events.filter_map(|event| match event {
        Event::OperationDenied(denied) => Some(denied.clone()),
        _ => None,
    });
    denied.collect()
}

fn context(town: &Town) -> Context {
    Context {
        now: town.now,
        record: town.next,
        body_digest: 0,
        random: 0,
    }
}

/// Whether the next attempt would be counted.
fn is_counted(town: &Town, actor: Actor, command: T) -> bool {
    let command = Command {
        tenant: town.tenant,
        actor,
        second_factor: false,
        body: command.into(),
    };
    let (_, repeated) = decide_counting(&town.state, &command, context(town));
    repeated.is_some()
}

#[test]
fn a_denied_admin_operation_is_recorded_with_who_what_and_the_rule() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let refused = town.dissolve(by(BOB), group).unwrap_err();
    assert!(matches!(refused, Refusal::NotPermitted { .. }));
    let expected = OperationDeniedV1 {
        person: BOB,
        device: DEVICE,
        operation: number_of(Operation::DissolveGroup),
        subject_kind: SubjectKind::Group,
        subject: group.0,
        refusal: refused.code(),
        until: at("2026-03-01T09:10:00+08:00"),
    };
    assert_eq!(denials(&town), [expected]);
}

#[test]
fn repeats_within_the_window_are_counted_and_the_first_after_it_is_recorded() {
    let mut town = Town::with_employees(2);
    for _ in 0..5 {
        town.ask(by(ALICE), set_quota()).unwrap_err();
    }
    assert_eq!(denials(&town).len(), 1);
    assert!(is_counted(&town, by(ALICE), set_quota()));
    assert!(
        !is_counted(&town, by(BOB), set_quota()),
        "another person is news"
    );
    let depart = T::DepartPerson(PersonV1 { person: BOB });
    assert!(
        !is_counted(&town, by(ALICE), depart),
        "another operation is news"
    );
    town.clock("2026-03-01T09:10:00+08:00");
    assert!(!is_counted(&town, by(ALICE), set_quota()));
    town.ask(by(ALICE), set_quota()).unwrap_err();
    assert_eq!(denials(&town).len(), 2);
}

#[test]
fn a_million_refusals_make_a_bounded_number_of_records() {
    let mut town = Town::with_employees(1_000);
    let before = town.log.len();
    let size = town.state.to_snapshot().len();
    for attempt in 0..1_000_000_u64 {
        let person = PersonId(1 + attempt % 1_000);
        let command = Command {
            tenant: town.tenant,
            actor: by(person),
            second_factor: false,
            body: set_quota().into(),
        };
        // Deciding alone is cheap enough for so many; what would be recorded is executed.
        let (decision, repeated) = decide_counting(&town.state, &command, context(&town));
        assert!(decision.outcome.is_err());
        assert_eq!(decision.events.is_empty(), repeated.is_some(), "never lost");
        if repeated.is_none() {
            town.ask(by(person), set_quota()).unwrap_err();
        }
    }
    let recorded_max = Limits::default().denials_recorded_max as usize;
    assert_eq!(town.log.len() - before, recorded_max);
    assert!(
        town.state.to_snapshot().len() - size < 4_096,
        "and a bounded state"
    );
}

#[test]
fn what_members_are_refused_among_themselves_is_not_in_the_audit_trail() {
    let mut town = Town::with_employees(4);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let stranger = PersonId(4);
    town.add(by(stranger), group, &[stranger]).unwrap_err();
    let say = Publish {
        sender: ALICE,
        ..message(BOB, group, 1, 0)
    };
    town.publish(by(BOB), say).unwrap_err();
    assert!(denials(&town).is_empty());
}

#[test]
fn a_refusal_by_another_rule_than_a_permission_is_no_denial() {
    let mut town = Town::with_employees(3);
    let group = GroupId(9);
    town.dissolve(Actor::Enterprise, group).unwrap_err();
    let mine = town.internal_group(ALICE, &[BOB, CAROL]);
    town.dissolve(by(ALICE), mine).unwrap();
    town.dissolve(Actor::Enterprise, mine).unwrap_err();
    assert!(denials(&town).is_empty());
}

#[test]
fn who_is_frozen_has_left_or_lacks_the_second_factor_is_denied_too() {
    let mut town = Town::with_employees(3);
    let admin = town.super_admin();
    town.state.tenants[0].requires_second_factor = true;
    town.ask(by(admin), set_quota()).unwrap_err();
    town.set_frozen(ALICE, true);
    town.ask(by(ALICE), set_quota()).unwrap_err();
    town.depart(BOB).unwrap();
    town.ask(by(BOB), set_quota()).unwrap_err();
    let codes: Vec<_> = denials(&town).iter().map(|denied| denied.refusal).collect();
    assert_eq!(codes, [25, 23, 14]);
}

#[test]
fn only_throng_itself_counts_denials_and_the_count_changes_nothing() {
    let mut town = Town::with_employees(1);
    let count = CountDenialsV1 {
        counts: vec![DenialCountV1 {
            person: ALICE,
            operation: 1,
            count: 7,
            first: town.now,
            last: town.now,
        }],
        others: 3,
    };
    for actor in [Actor::Node, Actor::Enterprise, by(ALICE)] {
        let refused = town.ask(actor, T::CountDenials(count.clone()));
        assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    }
    let hash = town.state.hash();
    let counted = town.ask(Actor::System, T::CountDenials(count));
    assert!(matches!(counted, Ok(Reply::Done(_))));
    assert_eq!(town.state.hash(), hash);
    let nothing = CountDenialsV1 {
        counts: Vec::new(),
        others: 0,
    };
    town.ask(Actor::System, T::CountDenials(nothing))
        .unwrap_err();
}

#[test]
fn a_log_and_a_snapshot_with_denials_give_the_same_state() {
    let mut town = Town::with_employees(2);
    town.ask(by(ALICE), set_quota()).unwrap_err();
    town.clock("2026-03-01T09:10:00+08:00");
    town.dissolve(by(BOB), GroupId(1)).unwrap_err();
    town.ask(by(BOB), set_quota()).unwrap_err();
    let hash = town.state.hash();
    assert_eq!(town.replayed().hash(), hash);
    let restored = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(restored.hash(), hash);
    assert!(is_counted(&town, by(BOB), set_quota()));
}

#[test]
fn what_was_noted_is_no_denial_where_another_rule_refused_in_the_end() {
    let town = Town::with_employees(1);
    let command = Command {
        tenant: town.tenant,
        actor: by(ALICE),
        second_factor: false,
        body: set_quota().into(),
    };
    let noted = super::Denial {
        operation: Operation::SetQuota,
        subject: Subject::Tenant,
        code: not_permitted(Operation::SetQuota).code(),
    };
    let recorded = |refusal| {
        let noted = Some(noted);
        super::record(&town.state, &command, context(&town), noted, refusal).0
    };
    assert_eq!(recorded(not_permitted(Operation::SetQuota)).events.len(), 1);
    assert!(recorded(Refusal::NotVerified).events.is_empty());
}

#[test]
fn denials_whose_window_has_ended_are_dropped_from_the_state() {
    let mut town = Town::with_employees(9);
    for person in (1..=9).map(PersonId) {
        town.ask(by(person), set_quota()).unwrap_err();
        assert_eq!(town.state.tenants[0].denials.recorded.len(), 1);
        town.now = town.now.plus_micros(Limits::default().denial_window_us);
    }
}

#[test]
fn a_denial_in_another_tenant_is_news_there() {
    let mut town = Town::with_employees(1);
    town.ask(by(ALICE), set_quota()).unwrap_err();
    town.tenant = town.create_tenant("UTC", at("2036-01-01T00:00:00Z"));
    town.employees(1);
    assert!(!is_counted(&town, by(ALICE), set_quota()));
    let read = CommandBody::from(T::GetGroup(GroupV1 { group: GroupId(1) }));
    assert!(town.execute(Actor::Enterprise, read, 0).outcome.is_err());
}
