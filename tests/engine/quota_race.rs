//! Quotas at the engine: exactly the limit, whatever races, retries, crashes and clocks do (SPEC Q3, Q5).

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;

use crate::town::{NOON, Town};
use throng::engine::{Engine, ExecuteError, ManualClock, Options};
use throng::log::storage::{Fault, Faulty, Random};
use throng::model::command::{
    GetQuotasV2, PersonV1, PolicyId, PolicyV1, QuotaScope, QuotaSenders, QuotaUnit, QuotaWindow,
    Reply, SetPolicyV1, SetQuotaV1, TaggedCommand as T, WhenExceeded,
};
use throng::model::event::{Event, decode_all};
use throng::model::{Refusal, Stamp, recount};
use throng::wire::{GroupId, PersonId, RecordNumber, Timestamp};

const THREADS: usize = 64;
/// Each thread has this many to send, and another thread the same ones once more.
const EACH: usize = 3;
const LIMIT: u32 = 40;
const HOUR_US: i64 = 3_600_000_000;

/// What came of each attempt, by the sender's name for it.
type Attempts = BTreeMap<u128, Vec<Result<RecordNumber, ExecuteError>>>;

/// All threads at once; each message is sent by two of them.
fn race(send: impl Fn(u128) -> Result<RecordNumber, ExecuteError> + Sync) -> Attempts {
    let send = &send;
    let work = |thread: usize| {
        let first = (thread % (THREADS / 2)) * EACH;
        (first..first + EACH).map(move |id| {
            let id = id as u128 + 1;
            (id, send(id))
        })
    };
    let mut attempts = Attempts::new();
    thread::scope(|scope| {
        let threads = (0..THREADS).map(|at| scope.spawn(move || work(at).collect::<Vec<_>>()));
        let threads: Vec<_> = threads.collect();
        for thread in threads {
            for (id, outcome) in thread.join().unwrap() {
                attempts.entry(id).or_default().push(outcome);
            }
        }
    });
    attempts
}

/// The records of what passed; a retry got the first result, or both were refused.
fn passed(attempts: &Attempts) -> BTreeMap<u128, RecordNumber> {
    let mut passed = BTreeMap::new();
    for (id, outcomes) in attempts {
        for record in outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()) {
            let first = *passed.entry(*id).or_insert(*record);
            assert_eq!(first, *record, "a retry of {id} was no retry");
        }
    }
    let distinct: BTreeSet<_> = passed.values().collect();
    assert_eq!(distinct.len(), passed.len());
    passed
}

fn mass_send(town: &Town, group: GroupId, id: u128) -> Result<RecordNumber, ExecuteError> {
    match town.mass_send(town.people[0], &[group], id, "to all")? {
        Reply::MassSendAccepted(accepted) => Ok(accepted.mass_send),
        other => panic!("{other:?}"),
    }
}

fn set_limit(town: &Town, limit: u32) {
    let policy = throng::model::command::QuotaPolicy::MassSendsPerSenderPerDay;
    town.call(T::SetQuota(SetQuotaV1 { policy, limit }))
        .expect("the backend sets limits");
}

fn used(town: &Town, policy: PolicyId) -> u64 {
    let (group, person) = (GroupId(0), town.people[0]);
    let Ok(Reply::QuotasV2(left)) = town.call(T::GetQuotasV2(GetQuotasV2 { group, person })) else {
        panic!("quotas")
    };
    let mut left = left.quotas.iter();
    let left = left.find(|left| left.policy == policy);
    left.expect("the policy concerns the sender").used.into()
}

/// Every record of the log, as an auditor reads it.
fn records(town: &Town) -> Vec<(Stamp, Vec<Event>)> {
    let reader = town.engine.reader();
    let durable = reader.durable();
    let mut records = Vec::new();
    let mut from = RecordNumber(0);
    while from < durable {
        for record in reader.read(from, 1 << 20).expect("readable") {
            let header = record.envelope.header();
            from = header.record().next();
            let fields = header.fields();
            let stamp = Stamp {
                record: fields.record,
                timestamp: fields.timestamp,
                tenant: fields.tenant,
                sender: fields.sender,
                device: fields.device,
                client_message_id: fields.client_message_id,
                kind: fields.kind,
                priority: fields.priority,
            };
            records.push((stamp, decode_all(&record.private).expect("events")));
        }
    }
    records
}

/// What the log alone says of the sender's account.
fn recounted(town: &Town, policy: PolicyId) -> u64 {
    let records = records(town);
    let records = records.iter();
    let records = records.map(|(stamp, events)| (stamp, events.as_slice()));
    let counts = recount(records, town.engine.now());
    let own = counts.iter().find(|count| {
        (count.policy, count.group, count.person) == (policy, GroupId(0), town.people[0])
    });
    own.map_or(0, |count| count.used)
}

fn is_refused(outcome: &Result<RecordNumber, ExecuteError>) -> bool {
    matches!(
        outcome,
        Err(ExecuteError::Refused(
            Refusal::QuotaExceeded { .. } | Refusal::Frozen { .. }
        ))
    )
}

#[test]
fn sixty_four_threads_that_all_retry_get_exactly_the_limit() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    set_limit(&town, LIMIT);
    let attempts = race(|id| mass_send(&town, group, id));
    assert_eq!(passed(&attempts).len(), LIMIT as usize);
    let refused = attempts.values().flatten();
    assert!(refused.filter(|outcome| outcome.is_err()).all(is_refused));
    let policy = PolicyId::MASS_SENDS_PER_SENDER_AND_DAY;
    assert_eq!(used(&town, policy), u64::from(LIMIT));
    assert_eq!(recounted(&town, policy), u64::from(LIMIT));
}

#[test]
fn a_rolling_limit_of_messages_is_exact_while_the_clock_moves() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let id = PolicyId(16);
    let policy = PolicyV1 {
        policy: id,
        scope: QuotaScope::Sender,
        unit: QuotaUnit::Messages,
        senders: QuotaSenders::All,
        window: QuotaWindow::Rolling,
        zone: String::new(),
        length_s: 60,
        limit: LIMIT,
        exceeded: WhenExceeded::Reject,
    };
    town.call(T::SetPolicy(SetPolicyV1 { policy })).unwrap();
    let steps = [60_000_000, 60_000_000, 59_999_999, 1];
    for (race_number, step) in (0_u128..).zip(steps) {
        let said = race(|id| {
            let id = race_number << 64 | id;
            let said = town.say(group, town.people[0], id, "x");
            said.map(|published| published.record)
        });
        // The last race is a microsecond too early for anything more.
        let room = if race_number == 3 { 0 } else { LIMIT as usize };
        assert_eq!(passed(&said).len(), room, "race {race_number}");
        assert_eq!(used(&town, id), recounted(&town, id));
        town.clock.advance(step);
    }
}

/// Races until the disk crashes, and once more with the same ones after a restart whose clock says
/// an hour less. How many had been acknowledged when it crashed.
fn check_seed(seed: u64) -> usize {
    let disk = Faulty::new(seed);
    let town = Town::on(Arc::new(disk.clone()), Options::default(), 3);
    let group = town.group(3);
    set_limit(&town, LIMIT);
    let crash_in = Random::new(seed ^ 0x5eed).below(40);
    disk.plan(disk.boundaries() + crash_in, Fault::Crash);
    let told = passed(&race(|id| mass_send(&town, group, id)));
    assert!(told.len() <= LIMIT as usize, "seed {seed}");
    let (tenant, people) = (town.tenant, town.people.clone());
    drop(town);

    let disk = disk.restart();
    let clock = Arc::new(ManualClock::at(Timestamp(NOON.0 - HOUR_US)));
    let engine = Engine::open_on(
        Arc::new(disk.clone()),
        Options::default(),
        clock.clone(),
        [3; 32],
    );
    let engine = engine.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let town = Town {
        engine,
        clock,
        tenant,
        people,
    };
    let again = passed(&race(|id| mass_send(&town, group, id)));
    for (id, record) in &told {
        assert_eq!(
            again.get(id),
            Some(record),
            "seed {seed}: {id} was acknowledged"
        );
    }
    assert_eq!(again.len(), LIMIT as usize, "seed {seed}");
    let policy = PolicyId::MASS_SENDS_PER_SENDER_AND_DAY;
    assert_eq!(used(&town, policy), u64::from(LIMIT), "seed {seed}");
    assert_eq!(recounted(&town, policy), u64::from(LIMIT), "seed {seed}");

    town.clock.advance(24 * HOUR_US.unsigned_abs());
    let tomorrow = mass_send(&town, group, 9_999);
    assert!(
        matches!(tomorrow, Err(ExecuteError::Refused(Refusal::Frozen { .. }))),
        "seed {seed}: a freeze outlives midnight: {tomorrow:?}"
    );
    let person: PersonId = town.people[0];
    town.call(T::ReleaseFreeze(PersonV1 { person })).unwrap();
    mass_send(&town, group, 9_999).expect("another day");
    assert_eq!((used(&town, policy), recounted(&town, policy)), (1, 1));
    told.len()
}

#[test]
fn a_crash_at_any_boundary_loses_no_charge_and_makes_none() {
    let seeds = std::env::var("THRONG_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    if let Some(seed) = seeds {
        check_seed(seed);
        return;
    }
    let acknowledged: Vec<_> = (0..25).map(check_seed).collect();
    let in_the_middle = |count: &&usize| (1..LIMIT as usize).contains(*count);
    let in_the_middle = acknowledged.iter().filter(in_the_middle).count();
    assert!(
        in_the_middle > 0,
        "no crash in the middle: {acknowledged:?}"
    );
}
