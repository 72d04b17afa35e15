//! Policies as they are kept: what is in force, and what will be when the open window ends.
//!
//! A window opens with its first charge, for everybody who is counted by the policy, and keeps its
//! end and its limit until then, whatever is changed meanwhile (SPEC Q5).

use jiff::tz::TimeZone;

use crate::model::command::{
    PolicyId, PolicyV1, QuotaScope, QuotaSenders, QuotaUnit, QuotaWindow, WhenExceeded,
};
use crate::model::limits::Limits;
use crate::wire::Timestamp;

use super::window::{Calendar, Window};

/// One policy of a tenant.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) id: PolicyId,
    /// Tells its accounts from those of a policy that had the id before.
    pub(super) serial: u32,
    pub(crate) scope: QuotaScope,
    pub(crate) unit: QuotaUnit,
    pub(crate) senders: QuotaSenders,
    /// None where it is switched off.
    pub(super) terms: Option<Terms>,
    pub(super) next: Option<Next>,
    /// The window of the latest charge.
    pub(super) window: Window,
}

/// What an edit can change.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(super) length: Length,
    /// None for a preset's default, which is the node's configuration.
    pub(super) limit: Option<u32>,
    pub(super) exceeded: WhenExceeded,
}

/// A change that has been decided.
#[derive(Clone, Debug)]
pub(super) struct Next {
    pub(super) from: Timestamp,
    /// None where the policy ends.
    pub(super) terms: Option<Terms>,
}

/// How long a charge counts.
#[derive(Clone, Debug)]
pub(super) enum Length {
    /// Until the calendar period ends, in a zone of the policy's own or else the tenant's.
    Calendar(Calendar, Option<Zone>),
    /// So many seconds.
    Rolling(u32),
}

/// A time zone and the name it was looked up by.
#[derive(Clone, Debug)]
pub(super) struct Zone {
    name: Box<str>,
    rules: TimeZone,
}

impl Zone {
    fn named(name: &str) -> Option<Self> {
        (!name.is_empty()).then(|| Self {
            name: name.into(),
            // `decide` has looked it up; a later tz database may have lost it.
            rules: TimeZone::get(name).unwrap_or(TimeZone::UTC),
        })
    }
}

impl Length {
    /// As it travels: window, zone and seconds.
    pub(super) fn stated(&self) -> (QuotaWindow, &str, u32) {
        let (calendar, zone) = match self {
            Self::Rolling(length_s) => return (QuotaWindow::Rolling, "", *length_s),
            Self::Calendar(calendar, zone) => (calendar, zone),
        };
        let window = match calendar {
            Calendar::Day => QuotaWindow::Day,
            Calendar::IsoWeek => QuotaWindow::IsoWeek,
            Calendar::Month => QuotaWindow::Month,
        };
        (window, zone.as_ref().map_or("", |zone| &zone.name), 0)
    }
}

impl Terms {
    pub(super) fn new(
        window: QuotaWindow,
        zone: &str,
        length_s: u32,
        limit: Option<u32>,
        exceeded: WhenExceeded,
    ) -> Self {
        let calendar = |period| Length::Calendar(period, Zone::named(zone));
        Self {
            length: match window {
                QuotaWindow::Day => calendar(Calendar::Day),
                QuotaWindow::IsoWeek => calendar(Calendar::IsoWeek),
                QuotaWindow::Month => calendar(Calendar::Month),
                QuotaWindow::Rolling => Length::Rolling(length_s),
            },
            limit,
            exceeded,
        }
    }

    pub(super) fn of(policy: &PolicyV1) -> Self {
        let limit = Some(policy.limit);
        let PolicyV1 {
            window,
            zone,
            length_s,
            exceeded,
            ..
        } = policy;
        Self::new(*window, zone, *length_s, limit, *exceeded)
    }
}

impl Policy {
    /// A policy that never charged anything, with these terms or switched off.
    pub(super) fn new(policy: &PolicyV1, serial: u32, terms: Option<Terms>) -> Self {
        Self {
            id: policy.policy,
            serial,
            scope: policy.scope,
            unit: policy.unit,
            senders: policy.senders,
            terms,
            next: None,
            window: Window::NEVER,
        }
    }

    /// The terms in force at `now`, and the window that is open or was last.
    fn current(&self, now: Timestamp) -> (Option<&Terms>, Window) {
        match &self.next {
            Some(next) if next.from <= now => (next.terms.as_ref(), Window::empty(next.from)),
            _ => (self.terms.as_ref(), self.window),
        }
    }

    /// The terms in force at `now`; none where it is switched off.
    pub(super) fn terms_at(&self, now: Timestamp) -> Option<&Terms> {
        self.current(now).0
    }

    /// The limit and what is beyond it at `now`; none where nothing is limited.
    pub(super) fn limit_at(&self, limits: &Limits, now: Timestamp) -> Option<(u32, WhenExceeded)> {
        let terms = self.terms_at(now)?;
        let limit = terms.limit.or_else(|| default_limit(self.id, limits))?;
        Some((limit, terms.exceeded))
    }

    /// The window that a charge at `now` counts in.
    pub(super) fn window_at(&self, tenant: &TimeZone, now: Timestamp) -> Window {
        let (terms, known) = self.current(now);
        match terms.map(|terms| &terms.length) {
            Some(Length::Rolling(length_s)) => Window {
                starts: now,
                ends: now.plus_micros(i64::from(*length_s) * 1_000_000),
            },
            Some(Length::Calendar(..)) if known.holds(now) => known,
            Some(Length::Calendar(calendar, zone)) => {
                let zone = zone.as_ref().map_or(tenant, |zone| &zone.rules);
                calendar.window(zone, now).after(known.ends)
            }
            None => Window::empty(now),
        }
    }

    /// When a change that is decided at `now` takes effect: with the next window (SPEC Q5).
    pub(super) fn next_window(&self, tenant: &TimeZone, now: Timestamp) -> Timestamp {
        let (terms, known) = self.current(now);
        match terms.map(|terms| &terms.length) {
            Some(Length::Rolling(_)) if known.holds(now) => self.window_at(tenant, now).ends,
            Some(_) if known.holds(now) => known.ends,
            _ => now,
        }
    }

    /// Puts in force what is due at `now`.
    pub(super) fn settle(&mut self, now: Timestamp) {
        if let Some(next) = self.next.take_if(|next| next.from <= now) {
            self.terms = next.terms;
            self.window = Window::empty(next.from);
        }
    }

    /// What it says at `now`; none where it is switched off or its limit is the node's "unlimited".
    pub(super) fn stated(&self, limits: &Limits, now: Timestamp) -> Option<PolicyV1> {
        self.state(self.terms_at(now)?, limits)
    }

    /// What it says once every change that was decided has taken effect.
    pub(super) fn stated_last(&self, limits: &Limits) -> Option<PolicyV1> {
        let terms = match &self.next {
            Some(next) => next.terms.as_ref(),
            None => self.terms.as_ref(),
        };
        self.state(terms?, limits)
    }

    /// `terms` as they travel; none where they limit nothing.
    pub(super) fn state(&self, terms: &Terms, limits: &Limits) -> Option<PolicyV1> {
        let limit = terms.limit.or_else(|| default_limit(self.id, limits))?;
        let (window, zone, length_s) = terms.length.stated();
        Some(PolicyV1 {
            policy: self.id,
            scope: self.scope,
            unit: self.unit,
            senders: self.senders,
            window,
            zone: zone.to_owned(),
            length_s,
            limit,
            exceeded: terms.exceeded,
        })
    }

    /// Whether it counts the same things: what no edit changes.
    pub(super) fn is_kind_of(&self, other: &Self) -> bool {
        (self.scope, self.unit, self.senders) == (other.scope, other.unit, other.senders)
    }

    /// Whether nothing is in force, nor going to be, once what is due is.
    pub(super) fn is_off(&self) -> bool {
        self.terms.is_none() && self.next.is_none()
    }

    /// Whether the latest change ends it.
    pub(super) fn ends(&self) -> bool {
        self.next.as_ref().is_some_and(|next| next.terms.is_none())
    }

    /// What will be in force; at once where no window is open.
    pub(super) fn change(&mut self, from: Timestamp, now: Timestamp, terms: Option<Terms>) {
        if from <= now {
            self.terms = terms;
            self.next = None;
        } else {
            self.next = Some(Next { from, terms });
        }
    }
}

/// The policies that every tenant has, by id (SPEC Q2). Groups created per day are counted where
/// groups are made (SPEC G4).
pub(super) fn presets() -> Vec<Policy> {
    let day = || Length::Calendar(Calendar::Day, None);
    let preset = |id: PolicyId, scope, unit, senders, length, exceeded| Policy {
        id,
        serial: u32::from(id.0),
        scope,
        unit,
        senders,
        terms: Some(Terms {
            length,
            limit: None,
            exceeded,
        }),
        next: None,
        window: Window::NEVER,
    };
    vec![
        preset(
            PolicyId::MASS_SENDS_PER_SENDER_AND_DAY,
            QuotaScope::Sender,
            QuotaUnit::MassSends,
            QuotaSenders::All,
            day(),
            WhenExceeded::Freeze,
        ),
        preset(
            PolicyId::MASS_SENDS_PER_CUSTOMER_AND_MONTH,
            QuotaScope::Customer,
            QuotaUnit::MassSends,
            QuotaSenders::All,
            Length::Calendar(Calendar::Month, None),
            WhenExceeded::Reject,
        ),
        preset(
            PolicyId::PERSONAL_PERSON_TIMES_PER_DAY,
            QuotaScope::Sender,
            QuotaUnit::PersonTimes,
            QuotaSenders::Personal,
            day(),
            WhenExceeded::Reject,
        ),
        preset(
            PolicyId::API_CALLS_PER_MINUTE,
            QuotaScope::Tenant,
            QuotaUnit::ApiCalls,
            QuotaSenders::All,
            Length::Rolling(60),
            WhenExceeded::Reject,
        ),
    ]
}

/// A preset's limit where the tenant has set none; none where the node sets none either.
fn default_limit(policy: PolicyId, limits: &Limits) -> Option<u32> {
    match policy {
        PolicyId::MASS_SENDS_PER_SENDER_AND_DAY => Some(limits.mass_sends_per_day_max),
        PolicyId::MASS_SENDS_PER_CUSTOMER_AND_MONTH => {
            Some(limits.mass_sends_per_customer_and_month_max)
        }
        PolicyId::PERSONAL_PERSON_TIMES_PER_DAY => Some(limits.personal_person_times_per_day_max),
        PolicyId::API_CALLS_PER_MINUTE => {
            Some(limits.api_calls_per_minute_max).filter(|limit| *limit > 0)
        }
        _ => None,
    }
}
