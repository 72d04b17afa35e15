//! Requests for approval against the rules written once more, over random histories; and events
//! that no decision made.

use proptest::prelude::*;

use super::super::command::{ApprovalStatus, DecideApprovalV1, ExportScopeV1};
use super::external;
use crate::model::command::{Actor, OrgRole, TaggedCommand as T};
use crate::model::event::{
    ApprovalDecidedV1, ApprovalRequestedV1, ApprovalWithdrawnV1, Event, ExportGrantedV1,
    OperationDeniedV1, SubjectKind,
};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, by};
use crate::model::{Limits, Refusal, State, apply, project};
use crate::wire::{
    ApprovalId, DeviceId, Envelope, ExportId, GroupId, HeaderFields, PersonId, Timestamp,
};

const HOUR_US: i64 = 3_600_000_000;
/// Two department admins, then two super admins.
const ADMINS: [PersonId; 4] = [PersonId(5), PersonId(6), PersonId(7), PersonId(8)];
const PER_PERSON: usize = 3;
const PER_TENANT: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    /// One of the department admins asks for one of three groups.
    Ask(usize, usize),
    /// Anybody decides one of the requests.
    Decide(Actor, u64, bool),
    /// Anybody takes one back.
    Withdraw(PersonId, u64),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let person = prop_oneof![3 => prop::sample::select(&ADMINS[..]), 1 => Just(ALICE)];
    let actor = prop_oneof![4 => person.clone().prop_map(by), 1 => Just(Actor::Enterprise)];
    let approval = 1..12_u64;
    prop_oneof![
        3 => (0..2_usize, 0..3_usize).prop_map(|(who, what)| Step::Ask(who, what)),
        3 => (actor, approval.clone(), any::<bool>())
            .prop_map(|(actor, approval, yes)| Step::Decide(actor, approval, yes)),
        1 => (person, approval).prop_map(|(person, approval)| Step::Withdraw(person, approval)),
        1 => (1..40_i64).prop_map(|hours| Step::Wait(hours * HOUR_US)),
    ]
}

/// One request, as the rules have it.
struct Asked {
    requester: PersonId,
    what: usize,
    expires: Timestamp,
    status: ApprovalStatus,
}

#[derive(Default)]
struct Naive {
    asked: Vec<Asked>,
    groups: usize,
}

impl Naive {
    fn expire(&mut self, now: Timestamp) {
        for asked in &mut self.asked {
            if asked.status == ApprovalStatus::Open && now >= asked.expires {
                asked.status = ApprovalStatus::Expired;
            }
        }
    }

    fn ask(&mut self, requester: PersonId, what: usize, now: Timestamp) -> Result<ApprovalId, u16> {
        let open = |asked: &&Asked| asked.status == ApprovalStatus::Open;
        let same = |asked: &Asked| {
            asked.status == ApprovalStatus::Open
                && (asked.requester, asked.what) == (requester, what)
        };
        if let Some(at) = self.asked.iter().position(same) {
            return Ok(ApprovalId(at as u64 + 1));
        }
        let own = |asked: &&Asked| asked.requester == requester;
        let all = self.asked.iter().filter(open);
        if all.clone().filter(own).count() >= PER_PERSON || all.count() >= PER_TENANT {
            return Err(89);
        }
        self.asked.push(Asked {
            requester,
            what,
            expires: now.plus_micros(72 * HOUR_US),
            status: ApprovalStatus::Open,
        });
        Ok(ApprovalId(self.asked.len() as u64))
    }

    fn find(&mut self, approval: u64) -> Result<&mut Asked, u16> {
        self.asked.get_mut(approval as usize - 1).ok_or(85)
    }

    fn decide(&mut self, actor: Actor, approval: u64, yes: bool) -> Result<ApprovalStatus, u16> {
        let asked = self.find(approval)?;
        match actor {
            Actor::Person { person, .. } if person == asked.requester => return Err(86),
            Actor::Person { person, .. } if !ADMINS[2..].contains(&person) => return Err(11),
            _ => {}
        }
        match asked.status {
            ApprovalStatus::Open => {}
            ApprovalStatus::Expired => return Err(87),
            _ => return Err(88),
        }
        asked.status = if yes {
            ApprovalStatus::Approved
        } else {
            ApprovalStatus::Refused
        };
        let status = asked.status;
        self.groups += usize::from(yes);
        Ok(status)
    }

    fn withdraw(&mut self, person: PersonId, approval: u64) -> Result<(), u16> {
        let asked = self.find(approval)?;
        if person != asked.requester {
            return Err(11);
        }
        match asked.status {
            ApprovalStatus::Open => {}
            ApprovalStatus::Expired => return Err(87),
            _ => return Err(88),
        }
        asked.status = ApprovalStatus::Withdrawn;
        Ok(())
    }
}

fn code<T>(result: Result<T, Refusal>) -> Result<T, u16> {
    result.map_err(|refusal| refusal.code())
}

fn town() -> Town {
    let mut town = Town::with_employees(4).limited(Limits {
        approvals_open_per_person_max: PER_PERSON as u32,
        approvals_open_max: PER_TENANT as u32,
        ..Limits::default()
    });
    let roles = [OrgRole::DepartmentAdmin, OrgRole::SuperAdmin];
    for (role, person) in roles.into_iter().flat_map(|role| [role; 2]).zip(ADMINS) {
        assert_eq!(town.with_role(role), person);
    }
    town
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![20 => 0..5_u64, 1 => Just(u64::from(u32::MAX)), 1 => Just(u64::MAX)]
}

fn event() -> impl Strategy<Value = Event> {
    let time = prop_oneof![Just(i64::MIN), 0..9_i64, Just(i64::MAX)].prop_map(Timestamp);
    let command = prop_oneof![
        Just((0x010, external(BOB, &[ALICE, CAROL]).encode().to_vec())),
        (0..4_u64).prop_map(|n| {
            let decide = T::DecideApproval(DecideApprovalV1 {
                approval: ApprovalId(n),
                approve: true,
                reason: String::new(),
            });
            (decide.tag(), decide.encode().to_vec())
        }),
        (any::<u16>(), prop::collection::vec(any::<u8>(), 0..20)),
    ];
    let requested = (number(), number(), command, time.clone());
    let decided = (number(), number(), any::<u16>());
    prop_oneof![
        requested.prop_map(|(approval, requester, (command_tag, command), expires)| {
            Event::ApprovalRequested(ApprovalRequestedV1 {
                approval: ApprovalId(approval),
                operation: 81,
                command_tag,
                command,
                requester: PersonId(requester),
                device: DeviceId(1),
                second_factor: false,
                expires,
            })
        }),
        decided.prop_map(|(approval, approver, refusal)| {
            Event::ApprovalDecided(ApprovalDecidedV1 {
                approval: ApprovalId(approval),
                approver: PersonId(approver),
                status: ApprovalStatus::Failed,
                reason: String::new(),
                reply_tag: refusal,
                reply: Vec::new(),
                refusal,
            })
        }),
        number().prop_map(|approval| {
            let approval = ApprovalId(approval);
            Event::ApprovalWithdrawn(ApprovalWithdrawnV1 { approval })
        }),
        (number(), number()).prop_map(|(export, person)| {
            Event::ExportGranted(ExportGrantedV1 {
                export: ExportId(export),
                scope: ExportScopeV1 {
                    groups: vec![GroupId(person)],
                    from: Timestamp(0),
                    until: Timestamp(1),
                },
                requester: PersonId(person),
                approver: PersonId(1),
            })
        }),
        (number(), time).prop_map(|(person, until)| {
            Event::OperationDenied(OperationDeniedV1 {
                person: PersonId(person),
                device: DeviceId(1),
                operation: 1,
                subject_kind: SubjectKind::Group,
                subject: person,
                refusal: 11,
                until,
            })
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_of_requests_gives_the_answers_of_the_rules(
        steps in prop::collection::vec(step(), 0..60)
    ) {
        let mut town = town();
        let mut naive = Naive::default();
        let members = [[ALICE, BOB], [ALICE, CAROL], [ALICE, DAVE]];
        for step in steps {
            naive.expire(town.now);
            match step {
                Step::Ask(who, what) => {
                    let requester = ADMINS[who];
                    let asked = town.request(by(requester), external(requester, &members[what]));
                    prop_assert_eq!(code(asked), naive.ask(requester, what, town.now));
                }
                Step::Decide(actor, approval, yes) => {
                    let decided = town.decide(actor, ApprovalId(approval), yes);
                    let status = decided.map(|decided| decided.status);
                    prop_assert_eq!(code(status), naive.decide(actor, approval, yes));
                }
                Step::Withdraw(person, approval) => {
                    let approval_id = ApprovalId(approval);
                    let withdrawn = super::withdraw(&mut town, by(person), approval_id);
                    prop_assert_eq!(code(withdrawn.map(drop)), naive.withdraw(person, approval));
                }
                Step::Wait(micros) => {
                    // Nothing is old enough to be forgotten within a history.
                    let soon = town.log[0].stamp.timestamp.plus_micros(160 * HOUR_US);
                    town.now = soon.min(town.now.plus_micros(micros)).max(town.now);
                }
            }
            prop_assert_eq!(town.state.tenants[0].groups.len(), naive.groups);
        }
        naive.expire(town.now);
        for (id, asked) in (1..).map(ApprovalId).zip(&naive.asked) {
            prop_assert_eq!(town.approval(id).status, asked.status);
        }
        let hash = town.state.hash();
        prop_assert_eq!(town.replayed().hash(), hash);
    }

    #[test]
    fn any_events_make_a_state_that_a_snapshot_keeps_and_that_answers(
        events in prop::collection::vec((event(), 0..9_i64), 0..30)
    ) {
        let mut town = town();
        let mut stamp = town.log[0].stamp;
        stamp.tenant = town.tenant;
        for (event, time) in events {
            stamp.timestamp = Timestamp(time);
            let events = [event];
            let applied = apply(&mut town.state, &stamp, &events);
            prop_assert!(applied.takes.is_empty());
            let envelope = Envelope::new(&HeaderFields::default(), b"").unwrap();
            prop_assert!(project(&envelope, &[], &events).envelopes.is_empty());
        }
        let again = State::from_snapshot(&town.state.to_snapshot()).unwrap();
        prop_assert_eq!(again.hash(), town.state.hash());
        for approval in 0..5 {
            let _ = town.decide(by(ADMINS[3]), ApprovalId(approval), true);
            let _ = super::withdraw(&mut town, by(BOB), ApprovalId(approval));
        }
        let _ = super::list(&mut town, Actor::Enterprise, PersonId(0));
    }
}
