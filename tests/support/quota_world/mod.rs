//! An enterprise whose server keeps crashing while 64 threads use up its quotas.

pub(crate) mod clients;
mod ledger;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use throng::engine::{Engine, ExecuteError, ManualClock, Options};
use throng::log::Config;
use throng::log::storage::{Fault, Faulty, Random};
use throng::model::command::{
    GetQuotasV2, PersonV1, PolicyId, PolicyV1, QuotaPolicy, QuotaScope, QuotaSenders, QuotaUnit,
    QuotaWindow, RenameGroupV1, Reply, SetPolicyV1, SetQuotaV1, TaggedCommand, WhenExceeded,
};
use throng::model::event::Event;
use throng::model::{QuotaCount, Refusal};
use throng::wire::{GroupId, PersonId, TenantId, Timestamp};

use crate::town::{NOON, Town};
use clients::{Ask, Asked, Client};
pub(crate) use ledger::Ledger;

pub(crate) const HOUR_US: i64 = 3_600_000_000;
pub(crate) const CENTURY_US: i64 = 876_600 * HOUR_US;
pub(crate) const MASS_SENDS: PolicyId = PolicyId::MASS_SENDS_PER_SENDER_AND_DAY;
/// Few enough that a start finds a snapshot made since the last one.
const SNAPSHOT_EVERY_RECORDS: u64 = 150;
/// A crash comes within so many changes of the disk: 64 threads share most syncs.
const CRASH_WITHIN_BOUNDARIES: u64 = 24;

/// What happens while clients are at it.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Time passes.
    Advance(i64),
    /// Somebody sets the wall clock so far from the right time, which comes back with a restart.
    Misset(i64),
    /// The freeze of a person is lifted.
    Release(PersonId),
    /// Another limit of mass sends.
    Limit(u32),
    /// Another policy, or another version of one.
    Policy(PolicyV1),
}

impl Step {
    pub(crate) const CENTURY_AHEAD: Self = Self::Misset(CENTURY_US);
    pub(crate) const HOUR_BACK: Self = Self::Misset(-HOUR_US);
    pub(crate) const RIGHT: Self = Self::Misset(0);
}

/// One life of the server after the other.
struct Life {
    number: u64,
    /// None between two lives.
    engine: Option<Engine>,
    /// The test has failed: nobody need wait any more.
    abandoned: bool,
    /// The right time.
    now: Timestamp,
}

/// What all threads share.
pub(crate) struct World {
    tenant: TenantId,
    pub(crate) people: Vec<PersonId>,
    pub(crate) groups: Vec<GroupId>,
    /// The limit of mass sends a day until somebody sets another.
    pub(crate) mass_sends_max: u32,
    news: Sender<News>,
    clock: Arc<ManualClock>,
    life: Mutex<Life>,
    opened: Condvar,
    answered: AtomicU64,
    /// What happens after so many answers, the next first.
    script: Mutex<VecDeque<(u64, Step)>>,
}

impl World {
    pub(crate) fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, waits: impl Fn(&Life) -> bool) -> Option<MutexGuard<'_, Life>> {
        let life = self
            .opened
            .wait_while(self.life(), |life| !life.abandoned && waits(life))
            .unwrap_or_else(PoisonError::into_inner);
        (!life.abandoned).then_some(life)
    }

    /// The engine of this life and its number, once it is open; none where the test has failed.
    pub(crate) fn engine(&self) -> Option<(Engine, u64)> {
        let life = self.wait_while(|life| life.engine.is_none())?;
        Some((life.engine.clone()?, life.number))
    }

    /// Waits for the life after `number`.
    pub(crate) fn wait_after(&self, number: u64) {
        drop(self.wait_while(|life| life.number <= number));
    }

    /// One more answer; whatever is due then happens.
    pub(crate) fn step(&self) {
        let answered = self.answered.fetch_add(1, Ordering::Relaxed) + 1;
        while let Some(step) = self.due(answered) {
            match step {
                Step::Advance(_) | Step::Misset(_) => self.turn_clock(&step),
                Step::Release(person) => {
                    self.call(&TaggedCommand::ReleaseFreeze(PersonV1 { person }));
                }
                Step::Limit(limit) => {
                    let policy = QuotaPolicy::MassSendsPerSenderPerDay;
                    self.call(&TaggedCommand::SetQuota(SetQuotaV1 { policy, limit }));
                }
                Step::Policy(policy) => {
                    self.call(&TaggedCommand::SetPolicy(SetPolicyV1 { policy }));
                }
            }
        }
    }

    fn due(&self, answered: u64) -> Option<Step> {
        let mut script = self.script.lock().unwrap();
        let is_due = script.front().is_some_and(|(at, _)| *at <= answered);
        let due = is_due.then(|| script.pop_front());
        due.flatten().map(|(_, step)| step)
    }

    /// Not between two lives: a start believes the clock it finds.
    fn turn_clock(&self, step: &Step) {
        let Some(mut life) = self.wait_while(|life| life.engine.is_none()) else {
            return;
        };
        match step {
            Step::Advance(micros) => {
                life.now = life.now.plus_micros(*micros);
                self.clock.advance(u64::try_from(*micros).unwrap());
            }
            Step::Misset(micros) => self.clock.set_wall(life.now.plus_micros(*micros)),
            _ => {}
        }
    }

    fn begin(&self, engine: Engine, number: u64) {
        let mut life = self.life();
        (life.engine, life.number) = (Some(engine), number);
        self.opened.notify_all();
    }

    /// Asks for the enterprise, in the next life too.
    pub(crate) fn call(&self, command: &TaggedCommand) {
        while let Some((engine, life)) = self.engine() {
            match engine.call(self.tenant, command.clone()) {
                Ok(_) => return,
                Err(ExecuteError::Busy(_) | ExecuteError::Refused(Refusal::DiskFull)) => {
                    std::thread::yield_now();
                }
                Err(ExecuteError::Stopped) => {
                    drop(engine);
                    self.wait_after(life);
                }
                Err(other) => panic!("{command:?}: {other}"),
            }
        }
    }
}

/// What the clients tell the main thread.
enum News {
    /// A client has got all its answers, or failed.
    Done,
    /// The log of this life has failed.
    Stopped(u64),
}

struct Done(Sender<News>);

impl Drop for Done {
    fn drop(&mut self) {
        let _ = self.0.send(News::Done);
    }
}

/// Lets the clients go when the main thread fails.
struct Abandon<'a>(&'a World);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.life().abandoned = true;
            self.0.opened.notify_all();
        }
    }
}

/// The disk, and when it fails.
struct Machine {
    disk: Faulty,
    random: Random,
}

impl Machine {
    /// Plans a crash within the next changes of the disk.
    fn plan_crash(&mut self) {
        let after = self.random.below(CRASH_WITHIN_BOUNDARIES);
        self.disk.plan(self.disk.boundaries() + after, Fault::Crash);
    }

    /// Ends a life, with the power or with the process, and opens what it left.
    fn restart(&mut self, world: &World) -> (Engine, u64) {
        let mut life = world.life();
        let engine = life.engine.take().expect("one life at a time");
        let number = life.number + 1;
        // Whatever somebody set the clock to: it is right again, or an hour slow.
        let slow_us = self.random.below(2) as i64 * HOUR_US;
        world.clock.set_wall(life.now.plus_micros(-slow_us));
        drop(life);
        let _ = engine.close();
        if self.random.below(3) == 0 {
            self.disk.revive();
        } else {
            self.disk = self.disk.restart();
        }
        let storage = Arc::new(self.disk.clone());
        let options = options(world.mass_sends_max, number, world.news.clone());
        match Engine::open_on(storage, options, world.clock.clone(), [number as u8; 32]) {
            Ok(engine) => (engine, number),
            Err(error) => panic!("it does not open after a crash: {error}"),
        }
    }
}

fn options(mass_sends_max: u32, life: u64, news: Sender<News>) -> Options {
    let mut options = Options::default();
    options.log = Config::default().with_segment_bytes(64 * 1024);
    options.limits.mass_sends_per_day_max = mass_sends_max;
    options.snapshot_every_records = SNAPSHOT_EVERY_RECORDS;
    options.on_failure = Some(Box::new(move |_| {
        let _ = news.send(News::Stopped(life));
    }));
    options
}

/// A world, and what makes it crash.
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) random: Random,
    machine: Machine,
    news: Receiver<News>,
    next_id: u128,
    /// Crashes that found clients waiting for answers.
    pub(crate) crashes: u32,
}

impl Run {
    /// An enterprise of so many people, all in each of its groups.
    pub(crate) fn new(seed: u64, people: usize, groups: usize) -> Self {
        let mut random = Random::new(seed);
        let mass_sends_max = 8 + random.below(8) as u32;
        let disk = Faulty::new(seed);
        let (sender, news) = channel();
        let options = options(mass_sends_max, 0, sender.clone());
        let town = Town::on(Arc::new(disk.clone()), options, people);
        let groups = (0..groups).map(|_| town.group(people)).collect();
        let life = Life {
            number: 0,
            engine: Some(town.engine),
            abandoned: false,
            now: NOON,
        };
        Self {
            world: World {
                tenant: town.tenant,
                people: town.people,
                groups,
                mass_sends_max,
                news: sender,
                clock: town.clock,
                life: Mutex::new(life),
                opened: Condvar::new(),
                answered: AtomicU64::new(0),
                script: Mutex::default(),
            },
            machine: Machine {
                disk,
                random: Random::new(random.number()),
            },
            random,
            news,
            next_id: 1,
            crashes: 0,
        }
    }

    /// One thread for each list of asks, `crashes` in between and one at the end. Everything that
    /// was answered is held to what the log says then.
    pub(crate) fn hammer(
        &mut self,
        asks: Vec<Vec<Ask>>,
        script: Vec<(u64, Step)>,
        mut crashes: u32,
    ) -> (Vec<Asked>, Ledger) {
        self.world.answered.store(0, Ordering::Relaxed);
        *self.world.script.lock().unwrap() = script.into();
        self.machine.plan_crash();
        let asks = asks.into_iter().map(|asks| {
            let first_id = self.next_id;
            self.next_id += asks.len() as u128;
            (asks, first_id, Random::new(self.random.number()))
        });
        let asks: Vec<_> = asks.collect();
        let (world, machine) = (&self.world, &mut self.machine);
        let asked: Vec<_> = std::thread::scope(|scope| {
            let _abandon = Abandon(world);
            let clients = asks.into_iter().map(|(asks, first_id, random)| {
                let done = Done(world.news.clone());
                scope.spawn(move || {
                    let _done = done;
                    let client = Client {
                        world,
                        random,
                        first_id,
                    };
                    client.run(asks)
                })
            });
            let clients: Vec<_> = clients.collect();
            let mut at_it = clients.len();
            while at_it > 0 {
                match self.news.recv().expect("the world has a sender too") {
                    News::Done => at_it -= 1,
                    News::Stopped(life) if life == world.life().number => {
                        let (engine, number) = machine.restart(world);
                        world.check(&engine, number);
                        self.crashes += 1;
                        crashes = crashes.saturating_sub(1);
                        if crashes > 0 {
                            machine.plan_crash();
                        }
                        world.begin(engine, number);
                    }
                    News::Stopped(_) => {}
                }
            }
            let asked = clients.into_iter().map(|it| it.join().unwrap());
            asked.flatten().collect()
        });
        let ledger = self.crash_for(0);
        for one in &asked {
            ledger.hold(one);
        }
        (asked, ledger)
    }

    /// A crash while nobody asks for anything, and a start that finds so much time gone.
    pub(crate) fn crash_for(&mut self, micros: i64) -> Ledger {
        let mut life = self.world.life();
        life.now = life.now.plus_micros(micros);
        drop(life);
        let disk = &self.machine.disk;
        disk.plan(disk.boundaries(), Fault::Crash);
        let (engine, number) = self.machine.restart(&self.world);
        let ledger = self.world.check(&engine, number);
        self.world.begin(engine, number);
        ledger
    }
}

impl World {
    /// Three counts of everything agree: the state's, the library's recount of the log, and the
    /// recount of this test.
    fn check(&self, engine: &Engine, life: u64) -> Ledger {
        // Its record says what time it is to the engine.
        let name = format!("Life {life}");
        let group = self.groups[0];
        let rename = TaggedCommand::RenameGroup(RenameGroupV1 { group, name });
        engine.call(self.tenant, rename).expect("a healthy disk");
        let used = self.used(engine);
        let ledger = Ledger::read(&engine.reader(), self.tenant, self.preset());
        let now = ledger.latest(|event| matches!(event, Event::GroupRenamed(_)));
        assert_eq!(
            ledger.counts(now),
            ledger.recount(now),
            "life {life}: the recount"
        );
        assert_eq!(used, ledger.counts(now), "life {life}: the state");
        ledger
    }

    /// What the preset says until somebody changes it.
    fn preset(&self) -> PolicyV1 {
        PolicyV1 {
            exceeded: WhenExceeded::Freeze,
            ..policy(
                MASS_SENDS.0,
                QuotaScope::Sender,
                QuotaUnit::MassSends,
                self.mass_sends_max,
            )
        }
    }

    /// What the engine says is used, of every account there can be.
    fn used(&self, engine: &Engine) -> Vec<QuotaCount> {
        let nobody = [PersonId(0)];
        let nowhere = [GroupId(0)];
        let mut used = Vec::new();
        for group in nowhere.iter().chain(&self.groups).copied() {
            for person in nobody.iter().chain(&self.people).copied() {
                let get = TaggedCommand::GetQuotasV2(GetQuotasV2 { group, person });
                let Ok(Reply::QuotasV2(quotas)) = engine.call(self.tenant, get) else {
                    panic!("the quotas of person {person} in group {group} can be read");
                };
                let balances = quotas.quotas.iter().filter(|balance| balance.used > 0);
                used.extend(balances.map(|balance| QuotaCount {
                    tenant: self.tenant,
                    policy: balance.policy,
                    group,
                    person,
                    used: u64::from(balance.used),
                }));
            }
        }
        used.sort_unstable();
        used
    }

    /// What is used of the mass sends of a person, and whether they are frozen.
    pub(crate) fn mass_sends_of(&self, person: PersonId) -> (u32, bool) {
        let (engine, _) = self.engine().unwrap();
        let get = TaggedCommand::GetQuotas(PersonV1 { person });
        match engine.call(self.tenant, get) {
            Ok(Reply::Quotas(quotas)) => (quotas.quotas[0].used, quotas.quotas[0].frozen),
            other => panic!("{other:?}"),
        }
    }
}

/// A policy of all senders for a day in the tenant's zone.
pub(crate) fn policy(id: u16, scope: QuotaScope, unit: QuotaUnit, limit: u32) -> PolicyV1 {
    PolicyV1 {
        policy: PolicyId(id),
        scope,
        unit,
        senders: QuotaSenders::All,
        window: QuotaWindow::Day,
        zone: String::new(),
        length_s: 0,
        limit,
        exceeded: WhenExceeded::Reject,
    }
}
