//! Calendar windows in every zone of the tz database: exactly the limit in each, none overlaps
//! another, none is missing, and an edited quota waits for the next (SPEC Q1, Q3, Q5).
//!
//! The model against clocks as a list of offsets: a date begins when a clock there first shows it.
//! `THRONG_SEED=s` replays a failure, which names its zone.

#![allow(clippy::unwrap_used)] // A test's own model may panic.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use throng::log::storage::Random;
use throng::model::command::{
    Actor, AddPeopleV1, Command, CommandBody, CreateGroupV1, CreateTenantV1, GroupKind,
    NewPersonV1, OrgRole, PersonKind, PolicyId, PolicyV1, Publish, QuotaScope, QuotaSenders,
    QuotaUnit, QuotaWindow, Reply, SetPolicyV1, Succession, TaggedCommand, WhenExceeded,
};
use throng::model::event::{ChargeV1, ChargedV1, Event};
use throng::model::{Context, Refusal, Stamp, State, apply, decide, record_kind, recount};
use throng::wire::{
    ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, RecordNumber, TenantId, Timestamp,
};

const SECOND_US: i64 = 1_000_000;
const HOUR_US: i64 = 3_600 * SECOND_US;
const DAY_US: i64 = 24 * HOUR_US;
const EPOCH: Date = date(1970, 1, 1);
/// 2100-01-01: whatever rules there are have come and gone by then.
const END_US: i64 = 4_102_444_800 * SECOND_US;
/// Transitions of each zone that time is spent around.
const TRANSITIONS: usize = 40;
const SENDER: PersonId = PersonId(1);
const GROUP: GroupId = GroupId(1);

/// `start <= t < end`, in microseconds.
type Window = (i64, i64);

/// What the clocks of a zone show.
struct Clocks {
    /// From then on, so far ahead of UTC.
    offsets: Vec<(i64, i64)>,
}

impl Clocks {
    fn of(zone: &TimeZone) -> Self {
        let start = jiff::Timestamp::from_second(-400 * 86_400).unwrap();
        let first = i64::from(zone.to_offset(start).seconds());
        let mut offsets = vec![(i64::MIN, first * SECOND_US)];
        let transitions = zone.following(start).map(|transition| {
            let offset = i64::from(transition.offset().seconds());
            (transition.timestamp().as_microsecond(), offset * SECOND_US)
        });
        offsets.extend(transitions.take_while(|(at, _)| *at < END_US));
        Self { offsets }
    }

    fn until(&self, at: usize) -> i64 {
        self.offsets.get(at + 1).map_or(i64::MAX, |next| next.0)
    }

    /// When a clock first shows this day or a later one; days are counted from the epoch.
    fn reach(&self, day: i64) -> i64 {
        let near = (day - 2) * DAY_US;
        let near = self.offsets.partition_point(|(from, _)| *from < near);
        for at in near.saturating_sub(1)..self.offsets.len() {
            let (from, offset) = self.offsets[at];
            let reached = (day * DAY_US - offset).max(from);
            if reached < self.until(at) {
                return reached;
            }
        }
        unreachable!("the last offset holds for ever")
    }

    /// The latest day that a clock has shown by `now`: one that went back does not take it back.
    fn latest_day(&self, now: i64) -> i64 {
        let begun = self.offsets.partition_point(|(from, _)| *from <= now);
        let recent = begun.saturating_sub(3)..begun;
        let shown = recent.map(|at| {
            let latest = now.min(self.until(at) - 1);
            (latest + self.offsets[at].1).div_euclid(DAY_US)
        });
        shown.max().unwrap()
    }

    fn window(&self, period: QuotaWindow, now: i64) -> Window {
        let day = self.latest_day(now);
        let (first, next) = match period {
            QuotaWindow::Day => (day, day + 1),
            QuotaWindow::IsoWeek => {
                // The first day of the epoch was a Thursday.
                let monday = (day + 3).div_euclid(7) * 7 - 3;
                (monday, monday + 7)
            }
            QuotaWindow::Month => {
                let shown = EPOCH.checked_add(jiff::Span::new().days(day)).unwrap();
                let last = day_of(shown.last_of_month());
                (day_of(shown.first_of_month()), last + 1)
            }
            QuotaWindow::Rolling => unreachable!("rolling windows know no calendar"),
        };
        (self.reach(first), self.reach(next))
    }

    /// Instants at which a mistake would show: around a transition, and where days begin nearby.
    fn around(&self, transition: i64) -> Vec<i64> {
        let near = [-26 * HOUR_US, -HOUR_US / 2, 0, HOUR_US / 2, 25 * HOUR_US];
        let near = near.map(|micros| transition + micros);
        let day = self.latest_day(transition);
        let begins = (day - 1..=day + 2).map(|day| self.reach(day));
        let mut instants: Vec<_> = near.into_iter().chain(begins).collect();
        instants.extend(instants.clone().iter().map(|at| at - 1));
        instants.retain(|at| *at > 0);
        instants.sort_unstable();
        instants.dedup();
        instants
    }
}

fn day_of(date: Date) -> i64 {
    let since = EPOCH.until((jiff::Unit::Day, date)).unwrap();
    i64::from(since.get_days())
}

/// One policy by the rules: a window opens with its first charge, and keeps its end and its limit.
struct Naive {
    says: PolicyV1,
    next: Option<(i64, u32)>,
    open: Window,
    used: u32,
}

impl Naive {
    /// The window that `now` is in, how much is used of it, and the limit.
    fn at(&mut self, clocks: &Clocks, now: i64) -> (Window, u32, u32) {
        if let Some((_, limit)) = self.next.take_if(|(from, _)| *from <= now) {
            self.says.limit = limit;
        }
        if now < self.open.1 {
            return (self.open, self.used, self.says.limit);
        }
        let (starts, ends) = clocks.window(self.says.window, now);
        let window = (starts.max(self.open.1), ends);
        assert!(window.0 <= now && now < window.1, "{window:?} at {now}");
        let next = clocks.window(self.says.window, window.1);
        assert_eq!(next.0, window.1, "windows follow one another");
        (window, 0, self.says.limit)
    }

    fn edit(&mut self, now: i64, limit: u32) {
        if now < self.open.1 {
            self.next = Some((self.open.1, limit));
        } else {
            self.says.limit = limit;
        }
    }
}

/// The model of one enterprise in one zone, and the rules beside it.
struct Pair {
    zone: String,
    clocks: Clocks,
    state: State,
    log: Vec<(Stamp, Vec<Event>)>,
    naive: Vec<Naive>,
    now: i64,
    published: u32,
    refused: u32,
}

impl Pair {
    fn new(zone: &str) -> Self {
        let mut pair = Self {
            zone: zone.to_owned(),
            clocks: Clocks::of(&TimeZone::get(zone).unwrap()),
            state: State::new(),
            log: Vec::new(),
            naive: Vec::new(),
            now: 0,
            published: 0,
            refused: 0,
        };
        let create = TaggedCommand::CreateTenant(CreateTenantV1 {
            name: "Town".to_owned(),
            zone: zone.to_owned(),
            verified_until: Timestamp(i64::MAX),
            succession: Succession::AdminFirst,
        });
        pair.execute(Actor::Node, create.into()).unwrap();
        let person = NewPersonV1 {
            name: "Person".to_owned(),
            external_id: String::new(),
            kind: PersonKind::Employee,
            role: OrgRole::Employee,
        };
        let people = vec![person; 3];
        pair.ask(TaggedCommand::AddPeople(AddPeopleV1 { people }));
        pair.ask(TaggedCommand::CreateGroup(CreateGroupV1 {
            kind: GroupKind::Internal,
            name: "Team".to_owned(),
            owner: SENDER,
            members: vec![PersonId(2), PersonId(3)],
        }));
        // Of the tenant's zone, and of the same one by name.
        for (id, window, zone, limit) in [
            (16, QuotaWindow::Day, "", 3),
            (17, QuotaWindow::IsoWeek, zone, 7),
            (18, QuotaWindow::Month, "", 11),
        ] {
            let says = PolicyV1 {
                policy: PolicyId(id),
                scope: QuotaScope::Sender,
                unit: QuotaUnit::Messages,
                senders: QuotaSenders::All,
                window,
                zone: zone.to_owned(),
                length_s: 0,
                limit,
                exceeded: WhenExceeded::Reject,
            };
            let policy = says.clone();
            pair.ask(TaggedCommand::SetPolicy(SetPolicyV1 { policy }));
            pair.naive.push(Naive {
                says,
                next: None,
                open: (i64::MIN, i64::MIN),
                used: 0,
            });
        }
        pair
    }

    fn ask(&mut self, command: TaggedCommand) {
        let answer = self.execute(Actor::Enterprise, command.into());
        assert!(answer.is_ok(), "{}: {answer:?}", self.zone);
    }

    /// Decides at what the clock says, and applies what came of it at the time it was decided.
    fn execute(&mut self, actor: Actor, body: CommandBody) -> Result<Reply, Refusal> {
        let publishes = matches!(body, CommandBody::Publish(_));
        let command = Command {
            tenant: TenantId(1),
            actor,
            second_factor: false,
            body,
        };
        let context = Context {
            now: Timestamp(self.now),
            record: RecordNumber(self.log.len() as u64),
            body_digest: 0,
            random: 7,
        };
        let decision = decide(&self.state, &command, context);
        if decision.events.is_empty() {
            return decision.outcome;
        }
        let sender = if publishes { SENDER } else { PersonId(0) };
        self.enter(sender, decision.events);
        decision.outcome
    }

    /// What happened, in a record of its own.
    fn enter(&mut self, sender: PersonId, events: Vec<Event>) {
        let stamp = Stamp {
            record: RecordNumber(self.log.len() as u64),
            timestamp: Timestamp(self.now),
            tenant: TenantId(1),
            sender,
            device: DeviceId(0),
            client_message_id: ClientMessageId(0),
            kind: record_kind(&events, Kind::Text),
            priority: Priority::Normal,
        };
        apply(&mut self.state, &stamp, &events);
        self.log.push((stamp, events));
    }

    /// One message: as the rules have it, and at what price.
    fn say(&mut self) {
        let publish = Publish {
            group: GROUP,
            sender: SENDER,
            device: DeviceId(0),
            kind: Kind::Text,
            priority: Priority::Normal,
            client_message_id: ClientMessageId(0),
            body_digest: 0,
        };
        let (now, clocks) = (self.now, &self.clocks);
        let naive = self.naive.iter_mut();
        let expected: Vec<_> = naive.map(|naive| naive.at(clocks, now)).collect();
        let full = expected.iter().position(|(_, used, limit)| used >= limit);
        let actor = Actor::Person {
            person: SENDER,
            device: DeviceId(0),
        };
        let answer = self.execute(actor, CommandBody::Publish(publish));
        let zone = &self.zone;
        let Some(full) = full else {
            assert!(answer.is_ok(), "{zone} at {now}: one under, {answer:?}");
            let charged = charges(&self.log.last().unwrap().1);
            let windows = charged.iter();
            let windows = windows.map(|it| (it.window_starts.0, it.window_ends.0));
            let due = expected.iter().map(|(window, ..)| *window);
            let (windows, due): (Vec<_>, Vec<_>) = (windows.collect(), due.collect());
            assert_eq!(windows, due, "{zone} at {now}");
            for (naive, (window, used, _)) in self.naive.iter_mut().zip(expected) {
                (naive.open, naive.used) = (window, used + 1);
            }
            self.published += 1;
            return;
        };
        let (window, used, limit) = expected[full];
        let refusal = Refusal::QuotaExceeded {
            policy: self.naive[full].says.policy,
            group: GroupId(0),
            person: SENDER,
            used,
            limit,
            retry_at: Timestamp(window.1),
            frozen: false,
        };
        assert_eq!(answer, Err(refusal), "{zone} at {now}: one over");
        self.refused += 1;
    }

    /// Another limit, from the next window on.
    fn edit(&mut self, which: usize, limit: u32) {
        let now = self.now;
        self.naive[which].at(&self.clocks, now);
        let said = self.naive[which].next.map(|(_, limit)| limit);
        if said.unwrap_or(self.naive[which].says.limit) == limit {
            return;
        }
        self.naive[which].edit(now, limit);
        let policy = PolicyV1 {
            limit,
            ..self.naive[which].says.clone()
        };
        self.ask(TaggedCommand::SetPolicy(SetPolicyV1 { policy }));
    }

    /// The state's counts, those of its log, and those of a replay are the same.
    fn check(&self) {
        let now = Timestamp(self.now);
        let records = self.log.iter();
        let counts = recount(records.map(|(stamp, events)| (stamp, &events[..])), now);
        let mut replayed = State::new();
        for (stamp, events) in &self.log {
            apply(&mut replayed, stamp, events);
        }
        let used = self.naive.iter().filter(|naive| self.now < naive.open.1);
        let used: Vec<_> = used.map(|naive| u64::from(naive.used)).collect();
        let counted: Vec<_> = counts.iter().map(|count| count.used).collect();
        assert_eq!(counted, used, "{}", self.zone);
        assert_eq!(self.state.quota_counts(now), counts, "{}", self.zone);
        assert_eq!(replayed.quota_counts(now), counts, "{}", self.zone);
    }
}

fn charges(events: &[Event]) -> &[ChargeV1] {
    let charged = events.iter().find_map(|event| match event {
        Event::Charged(charged) => Some(&charged.charges[..]),
        _ => None,
    });
    charged.unwrap_or_default()
}

/// The transitions at which dates are skipped, the latest ones, and some others of this seed.
fn transitions(clocks: &Clocks, random: &mut Random) -> Vec<i64> {
    let since_epoch = clocks.offsets.windows(2).filter(|pair| pair[1].0 > 0);
    let skips = |pair: &&[(i64, i64)]| (pair[1].1 - pair[0].1).abs() >= 12 * HOUR_US;
    let mut chosen: Vec<_> = since_epoch
        .clone()
        .filter(skips)
        .map(|it| it[1].0)
        .collect();
    let all: Vec<_> = since_epoch.map(|pair| pair[1].0).collect();
    chosen.extend(all.iter().rev().take(2));
    while chosen.len() < TRANSITIONS.min(all.len()) {
        chosen.push(all[random.below(all.len() as u64) as usize]);
    }
    // The end of a leap year's February, and of a year in mid-week.
    chosen.extend([1_835_438_400, 1_798_761_600].map(|at: i64| at * SECOND_US));
    chosen.sort_unstable();
    chosen
}

/// Spends a while around each of some transitions of a zone; how much was said and refused.
fn live_in(zone: &str, seed: u64) -> (u32, u32) {
    let mut random = zone.bytes().fold(Random::new(seed), |mut random, byte| {
        Random::new(random.number() ^ u64::from(byte))
    });
    let mut pair = Pair::new(zone);
    for transition in transitions(&pair.clocks, &mut random) {
        for at in pair.clocks.around(transition) {
            // Decisions are made by a clock that never goes back.
            pair.now = pair.now.max(at);
            // Now and then nobody says anything: then no window is open that was right before.
            for _ in 0..random.below(5) {
                pair.say();
            }
            if random.below(8) == 0 {
                let which = random.below(3) as usize;
                pair.edit(which, 1 + which as u32 * 4 + random.below(4) as u32);
            }
        }
        pair.check();
    }
    (pair.published, pair.refused)
}

#[test]
fn every_window_of_every_zone_holds_exactly_its_limit() {
    let seed = std::env::var("THRONG_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let names: Vec<_> = jiff::tz::db().available().collect();
    assert!(names.len() > 400, "the bundled tz database is there");
    let (mut published, mut refused) = (0, 0);
    for name in &names {
        let result = std::panic::catch_unwind(|| live_in(name.as_str(), seed));
        let (said, not_said) = result.unwrap_or_else(|panic| {
            eprintln!("{name} fails: THRONG_SEED={seed} replays it");
            std::panic::resume_unwind(panic)
        });
        published += said;
        refused += not_said;
    }
    assert!(
        published.min(refused) > 20 * names.len() as u32,
        "both happen"
    );
}

#[test]
fn a_window_that_was_decided_stays_whatever_the_rules_of_its_zone_become() {
    let mut pair = Pair::new("Asia/Shanghai");
    pair.now = 1_772_424_000 * SECOND_US;
    // As another tz database had it, the day ends an hour later.
    let (starts, midnight) = pair.clocks.window(QuotaWindow::Day, pair.now);
    let ends = midnight + HOUR_US;
    let used_up = ChargeV1 {
        policy: PolicyId(16),
        group: GroupId(0),
        person: SENDER,
        amount: 3,
        window_starts: Timestamp(starts),
        window_ends: Timestamp(ends),
    };
    let charges = vec![used_up];
    pair.enter(SENDER, vec![Event::Charged(ChargedV1 { charges })]);
    (pair.naive[0].open, pair.naive[0].used) = ((starts, ends), 3);
    for now in [pair.now, midnight - 1, midnight, ends - 1, ends, ends] {
        pair.now = now;
        pair.say();
        pair.check();
    }
    assert_eq!((pair.published, pair.refused), (2, 4));
}
