//! Every count once more, from nothing but what the records of a log say happened.
//!
//! Naive on purpose: it looks at what was paid for rather than at what was charged, finds windows by
//! its own arithmetic, keeps everything for ever and counts by looking at all of it. On the way it
//! holds each record to the rules: the charge is in the record it pays for, nobody is counted over
//! the limit in force, whoever is frozen was over it, and a refusal costs nothing (SPEC Q2, Q3, Q5).

use std::collections::{BTreeMap, BTreeSet};

use throng::log::{Reader, Record};
use throng::model::command::{
    PolicyId, PolicyV1, QuotaScope, QuotaUnit, QuotaWindow, WhenExceeded,
};
use throng::model::event::{ChargeV1, Event, decode_all};
use throng::model::{QuotaCount, Refusal, Stamp, recount};
use throng::wire::{ClientMessageId, GroupId, PersonId, RecordNumber, TenantId, Timestamp};

use super::clients::{Answer, Asked};

/// A group's, a person's, a member's (both) or the enterprise's (neither).
pub(crate) type Holder = (GroupId, PersonId);

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;

/// One thing that was paid for, under one policy.
#[derive(Clone, Copy)]
struct Paid {
    at: Timestamp,
    ends: Timestamp,
}

/// What happened to one account.
#[derive(Default)]
struct Account {
    paid: Vec<Paid>,
    frozen: bool,
    /// Whenever it was frozen.
    freezes: BTreeSet<Timestamp>,
}

impl Account {
    fn used(&self, now: Timestamp) -> u32 {
        let living = self.paid.iter().filter(|paid| now < paid.ends);
        u32::try_from(living.count()).unwrap()
    }
}

/// A log's records, and what follows from them.
pub(crate) struct Ledger {
    tenant: TenantId,
    records: Vec<(Stamp, Vec<Event>)>,
    /// Every version of a policy that took effect or will, and from when.
    policies: BTreeMap<PolicyId, Vec<(Timestamp, PolicyV1)>>,
    accounts: BTreeMap<(PolicyId, Holder), Account>,
    /// Every message and mass send, by its sender's name for it.
    accepted: BTreeMap<(PersonId, ClientMessageId), RecordNumber>,
}

impl Ledger {
    /// Reads a whole log; `first` holds before any record says otherwise.
    pub(crate) fn read(reader: &Reader, tenant: TenantId, first: PolicyV1) -> Self {
        let policies = [(first.policy, vec![(Timestamp(i64::MIN), first)])];
        let mut ledger = Self {
            tenant,
            records: Vec::new(),
            policies: policies.into(),
            accounts: BTreeMap::new(),
            accepted: BTreeMap::new(),
        };
        loop {
            let next = RecordNumber(ledger.records.len() as u64);
            let records = reader.read(next, 1 << 20).expect("what is durable reads");
            if records.is_empty() {
                return ledger;
            }
            for record in &records {
                ledger.enter(record);
            }
        }
    }

    fn enter(&mut self, record: &Record) {
        let fields = record.envelope.header().fields();
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
        let events = decode_all(&record.private).expect("events as they were written");
        let now = stamp.timestamp;
        let mut due = BTreeSet::new();
        for event in &events {
            match event {
                Event::PolicySet(set) => {
                    let versions = self.policies.entry(set.policy.policy).or_default();
                    versions.retain(|(from, _)| *from <= now);
                    versions.push((set.from, set.policy.clone()));
                }
                Event::Published(said) => {
                    self.accept(&stamp);
                    due = self.pay(QuotaUnit::Messages, stamp.sender, said.group, &stamp);
                }
                Event::MassSendAccepted(send) => {
                    self.accept(&stamp);
                    due = self.pay(QuotaUnit::MassSends, send.sender, GroupId(0), &stamp);
                }
                Event::QuotaFrozen(account) => {
                    let holder = (account.group, account.person);
                    let said = self.in_force(account.policy, now).cloned().unwrap();
                    assert_eq!(said.exceeded, WhenExceeded::Freeze, "{account:?}");
                    let account = self.accounts.entry((account.policy, holder)).or_default();
                    assert_eq!(account.used(now), said.limit, "frozen with room: {said:?}");
                    assert_eq!(events.len(), 1, "a refusal costs nothing");
                    account.frozen = true;
                    account.freezes.insert(now);
                }
                Event::QuotaFreezeLifted(account) => {
                    let holder = (account.group, account.person);
                    let account = self.accounts.entry((account.policy, holder)).or_default();
                    account.frozen = false;
                }
                _ => {}
            }
        }
        assert_eq!(charges_of(&events), due, "record {} charges", stamp.record);
        self.records.push((stamp, events));
    }

    /// Nobody's message is there twice, however often it was sent.
    fn accept(&mut self, stamp: &Stamp) {
        let name = (stamp.sender, stamp.client_message_id);
        let before = self.accepted.insert(name, stamp.record);
        assert_eq!(before, None, "{name:?} again in record {}", stamp.record);
    }

    /// Counts one thing under every policy in force, and says what its record has to charge.
    fn pay(
        &mut self,
        unit: QuotaUnit,
        sender: PersonId,
        group: GroupId,
        stamp: &Stamp,
    ) -> BTreeSet<(PolicyId, Holder, u32, Timestamp)> {
        let (record, now) = (stamp.record, stamp.timestamp);
        let mut due = BTreeSet::new();
        for (id, versions) in &self.policies {
            let Some(said) = said_at(versions, now).filter(|said| said.unit == unit) else {
                continue;
            };
            let holder = match said.scope {
                QuotaScope::Tenant => (GroupId(0), PersonId(0)),
                QuotaScope::Sender => (GroupId(0), sender),
                QuotaScope::Group => (group, PersonId(0)),
                QuotaScope::Member => (group, sender),
                QuotaScope::Customer => continue,
            };
            let ends = ends(said, now);
            let account = self.accounts.entry((*id, holder)).or_default();
            assert!(!account.frozen, "record {record} of {holder:?}, frozen");
            account.paid.push(Paid { at: now, ends });
            let used = account.used(now);
            let limit = said.limit;
            assert!(used <= limit, "record {record}: {used} of {limit} of {id}");
            due.insert((*id, holder, 1, ends));
        }
        due
    }

    fn in_force(&self, policy: PolicyId, now: Timestamp) -> Option<&PolicyV1> {
        said_at(self.policies.get(&policy)?, now)
    }

    /// When the latest record that `what` was made.
    pub(crate) fn latest(&self, what: impl Fn(&Event) -> bool) -> Timestamp {
        let mut records = self.records.iter().rev();
        let found = records.find(|(_, events)| events.iter().any(&what));
        found.expect("it happened").0.timestamp
    }

    /// How much of each account counts at `now`, in order.
    pub(crate) fn counts(&self, now: Timestamp) -> Vec<QuotaCount> {
        let accounts = self.accounts.iter();
        let counts = accounts.map(|((policy, (group, person)), account)| QuotaCount {
            tenant: self.tenant,
            policy: *policy,
            group: *group,
            person: *person,
            used: u64::from(account.used(now)),
        });
        counts.filter(|count| count.used > 0).collect()
    }

    /// The library's own recount of the same records.
    pub(crate) fn recount(&self, now: Timestamp) -> Vec<QuotaCount> {
        let records = self.records.iter();
        recount(records.map(|(stamp, events)| (stamp, &events[..])), now)
    }

    /// Whether an account is frozen after the last record.
    pub(crate) fn is_frozen(&self, policy: PolicyId, holder: Holder) -> bool {
        let account = self.accounts.get(&(policy, holder));
        account.is_some_and(|account| account.frozen)
    }

    /// Holds all answers to one name to what the log says.
    pub(crate) fn hold(&self, asked: &Asked) {
        let found = self.accepted.get(&(asked.ask.sender(), asked.id)).copied();
        let mut first = 0;
        for answer in &asked.answers {
            match answer {
                Answer::Accepted { record, duplicate } => {
                    assert_eq!(
                        found,
                        Some(*record),
                        "what was acknowledged is there: {asked:?}"
                    );
                    first += usize::from(!duplicate);
                }
                Answer::Refused(refusal) => {
                    assert!(self.justifies(refusal), "there was room: {asked:?}");
                }
                Answer::Strange(what) => panic!("{what}: {asked:?}"),
            }
        }
        assert!(first <= 1, "a retry is told from news: {asked:?}");
        assert!(
            !asked.answers.is_empty(),
            "everything is answered: {asked:?}"
        );
        let accepted = asked.was_accepted();
        assert_eq!(
            found.is_some(),
            accepted,
            "a refusal costs nothing: {asked:?}"
        );
    }

    /// Whether there truly was no room: never one under.
    fn justifies(&self, refusal: &Refusal) -> bool {
        match refusal {
            Refusal::QuotaExceeded {
                policy,
                group,
                person,
                used,
                limit,
                retry_at,
                ..
            } => {
                // Whatever counted then still counted just before room was promised.
                let account = self.accounts.get(&(*policy, (*group, *person)));
                let full = account.is_some_and(|account| {
                    let paid = account.paid.iter();
                    let counted = paid.filter(|paid| paid.at < *retry_at && *retry_at <= paid.ends);
                    counted.count() == *limit as usize
                });
                full && used == limit
            }
            Refusal::Frozen {
                policy,
                group,
                person,
                since,
            } => {
                let account = self.accounts.get(&(*policy, (*group, *person)));
                account.is_some_and(|account| account.freezes.contains(since))
            }
            _ => false,
        }
    }
}

fn said_at(versions: &[(Timestamp, PolicyV1)], now: Timestamp) -> Option<&PolicyV1> {
    let mut versions = versions.iter().rev();
    versions
        .find(|(from, _)| *from <= now)
        .map(|(_, said)| said)
}

/// What a record charges; the event of a mass send says itself what it costs its sender.
fn charges_of(events: &[Event]) -> BTreeSet<(PolicyId, Holder, u32, Timestamp)> {
    let mut charges = BTreeSet::new();
    let mut charge = |charge: &ChargeV1| {
        let holder = (charge.group, charge.person);
        let is_new = charges.insert((charge.policy, holder, charge.amount, charge.window_ends));
        assert!(is_new, "one charge for each policy and account: {charge:?}");
        assert!(charge.window_starts < charge.window_ends, "{charge:?}");
    };
    for event in events {
        match event {
            Event::Charged(charged) => charged.charges.iter().for_each(&mut charge),
            Event::MassSendAccepted(send) => charge(&ChargeV1 {
                policy: PolicyId::MASS_SENDS_PER_SENDER_AND_DAY,
                group: GroupId(0),
                person: send.sender,
                amount: 1,
                window_starts: send.window_starts,
                window_ends: send.window_ends,
            }),
            _ => {}
        }
    }
    charges
}

/// When the window that `now` is in ends, in the two zones that never change their clocks.
fn ends(policy: &PolicyV1, now: Timestamp) -> Timestamp {
    let offset_us = match policy.zone.as_str() {
        "" => 8 * 3_600 * SECOND_US,
        "Asia/Kathmandu" => (5 * 60 + 45) * 60 * SECOND_US,
        other => unreachable!("no policy of these tests is in {other}"),
    };
    let day = (now.0 + offset_us).div_euclid(DAY_US);
    let next_day = match policy.window {
        QuotaWindow::Rolling => {
            return now.plus_micros(i64::from(policy.length_s) * SECOND_US);
        }
        QuotaWindow::Day => day + 1,
        // The first day of the epoch was a Thursday.
        QuotaWindow::IsoWeek => ((day + 3).div_euclid(7) + 1) * 7 - 3,
        QuotaWindow::Month => unreachable!("months are held to the rules zone by zone"),
    };
    Timestamp(next_day * DAY_US - offset_us)
}
