//! Members who are away for a while, again and again, and what the others notice of it.
//!
//! A run alternates between a stretch that is compared with and the one that counts, so that both meet
//! the same machine. Which of them a message belongs to is when it was due; latencies are those of the
//! members who stay.

use std::time::Duration;

use anyhow::bail;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::report::Latency;

/// What the members who are away do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// They stop reading and sending for `seconds`, then read on. Compared with as long without them.
    Stall,
    /// They forget their connections without a word and come back at once, with what connections
    /// leave for the next. Compared with `seconds` before.
    Storm,
}

/// `[away]` of a scenario.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Away {
    /// `stall` or `storm`.
    pub(crate) kind: Kind,
    /// The share of members who are away. Senders and library clients stay. Above 0, below 1.
    pub(crate) share: f64,
    /// Seconds of each stretch; `--seconds` replaces it.
    pub(crate) seconds: f64,
    /// Seconds given to them to catch up afterwards, in which messages go on; they count as well.
    pub(crate) recover_seconds: f64,
    /// How often all of this. Default 1.
    #[serde(default = "one")]
    pub(crate) rounds: u32,
    /// The 99th percentile of those who stay may be this many times the one compared with.
    pub(crate) ratio_max: f64,
}

fn one() -> u32 {
    1
}

impl Away {
    /// Whether it can be run with so many members, of whom the first `library` stay.
    pub(crate) fn check(&self, members: usize, library: usize) -> anyhow::Result<()> {
        let numbers = [
            self.share,
            self.seconds,
            self.recover_seconds,
            self.ratio_max,
        ];
        if numbers.iter().any(|n| !n.is_finite() || *n <= 0.0) || self.rounds == 0 {
            bail!("away.share, seconds, recover_seconds, rounds and ratio_max must be above 0");
        }
        let first = self.first_away(members);
        if first <= library || first >= members {
            bail!(
                "away.share is {}: somebody must be away, and somebody else must stay",
                self.share
            );
        }
        Ok(())
    }

    /// Members from this number on are the ones who are away.
    pub(crate) fn first_away(&self, members: usize) -> usize {
        members.saturating_sub((self.share * members as f64).round() as usize)
    }

    fn round_seconds(&self) -> f64 {
        match self.kind {
            Kind::Stall => 2.0 * (self.seconds + self.recover_seconds),
            Kind::Storm => self.seconds + self.recover_seconds,
        }
    }

    /// For how long messages are published.
    pub(crate) fn publish_seconds(&self) -> f64 {
        self.round_seconds() * f64::from(self.rounds)
    }
}

/// What the members who are away are told to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Mode {
    /// Online like all others.
    Here,
    /// Disconnected, after a goodbye.
    Absent,
    /// Connected, and neither reading nor sending.
    Stalled,
    /// Their connections are forgotten; they come back at once.
    Vanished,
}

impl Mode {
    /// The mode with this number.
    pub(crate) fn from_u8(number: u8) -> Self {
        match number {
            1 => Self::Absent,
            2 => Self::Stalled,
            3 => Self::Vanished,
            _ => Self::Here,
        }
    }
}

/// A stretch of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Window {
    /// What is compared with.
    Apart,
    /// What counts.
    Together,
}

/// After a change, so long until it is the new normal.
const SETTLE_S: f64 = 1.0;

/// Who is what when, for one run.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Schedule {
    away: Away,
    first_away: usize,
}

impl Schedule {
    pub(crate) fn new(away: &Away, members: usize) -> Self {
        Self {
            away: away.clone(),
            first_away: away.first_away(members),
        }
    }

    /// Whether member `number` is never away.
    pub(crate) fn stays(&self, number: usize) -> bool {
        number < self.first_away
    }

    /// Seconds since the round began.
    fn within_round(&self, at: Duration) -> Option<f64> {
        let at = at.as_secs_f64();
        (at < self.away.publish_seconds()).then(|| at % self.away.round_seconds())
    }

    /// What those who are away are at this time of the run.
    pub(crate) fn mode_at(&self, at: Duration) -> Mode {
        let Some(second) = self.within_round(at) else {
            return Mode::Here;
        };
        let Away {
            seconds,
            recover_seconds,
            ..
        } = self.away;
        match self.away.kind {
            Kind::Stall if second < seconds => Mode::Absent,
            Kind::Stall if second < seconds + recover_seconds => Mode::Here,
            Kind::Stall if second < 2.0 * seconds + recover_seconds => Mode::Stalled,
            Kind::Storm if second >= seconds => Mode::Vanished,
            Kind::Stall | Kind::Storm => Mode::Here,
        }
    }

    /// The stretch of a message that was due at this time of the run; none when it counts for nothing.
    pub(crate) fn window_at(&self, due: Duration) -> Option<Window> {
        let second = self.within_round(due)?;
        let Away {
            seconds,
            recover_seconds,
            ..
        } = self.away;
        let counts_from = match self.away.kind {
            Kind::Stall => seconds + recover_seconds,
            Kind::Storm => seconds,
        };
        if second >= counts_from {
            Some(Window::Together)
        } else if (SETTLE_S.min(seconds / 2.0)..seconds).contains(&second) {
            Some(Window::Apart)
        } else {
            None
        }
    }

    /// What came of it; `None` of the server when its metrics are not to be had.
    pub(crate) fn outcome(
        &self,
        [apart, together]: &[Histogram<u64>; 2],
        server_p99_us: Option<[u64; 2]>,
        back_s: Vec<f64>,
    ) -> Noticed {
        let (apart, together) = (Latency::of(apart), Latency::of(together));
        let [before, during] = match (self.away.kind, server_p99_us) {
            (Kind::Storm, Some(of_server)) => of_server,
            _ => [apart.p99, together.p99],
        };
        Noticed {
            kind: self.away.kind,
            apart_latency_us: apart,
            together_latency_us: together,
            server_flush_p99_us: server_p99_us,
            ratio: during as f64 / before.max(1) as f64,
            ratio_max: self.away.ratio_max,
            back_s,
        }
    }
}

/// What the members who stayed noticed.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Noticed {
    pub(crate) kind: Kind,
    /// Of those who stayed, without the others (stall) or before they vanished (storm).
    pub(crate) apart_latency_us: Latency,
    /// Of those who stayed, while the others were away and caught up.
    pub(crate) together_latency_us: Latency,
    /// On the server, from release to flush: the upper ends of its histogram's buckets.
    pub(crate) server_flush_p99_us: Option<[u64; 2]>,
    /// Of the 99th percentiles: the server's own for a storm, the members' for a stall.
    pub(crate) ratio: f64,
    pub(crate) ratio_max: f64,
    /// Seconds from reading on or vanishing until everybody was online and had everything, by round.
    pub(crate) back_s: Vec<f64>,
}

impl Noticed {
    /// What did not hold.
    pub(crate) fn violation(&self) -> Option<String> {
        let Self {
            ratio, ratio_max, ..
        } = self;
        (ratio > ratio_max).then(|| {
            format!("those who stayed waited {ratio:.2} times as long, the bound is {ratio_max}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(kind: Kind) -> Schedule {
        let away = Away {
            kind,
            share: 0.3,
            seconds: 60.0,
            recover_seconds: 20.0,
            rounds: 2,
            ratio_max: 1.5,
        };
        away.check(100, 10).unwrap();
        Schedule::new(&away, 100)
    }

    fn seconds(schedule: &Schedule, at: u64) -> (Mode, Option<Window>) {
        let at = Duration::from_secs(at);
        (schedule.mode_at(at), schedule.window_at(at))
    }

    #[test]
    fn a_stall_is_compared_with_as_long_without_those_members_in_turns() {
        let schedule = schedule(Kind::Stall);
        for round in [0, 160_u64] {
            let at = |second: u64| seconds(&schedule, round + second);
            assert_eq!(at(30), (Mode::Absent, Some(Window::Apart)));
            assert_eq!(at(70), (Mode::Here, None));
            assert_eq!(at(90), (Mode::Stalled, Some(Window::Together)));
            assert_eq!(
                at(150),
                (Mode::Here, Some(Window::Together)),
                "they catch up"
            );
        }
        assert_eq!(seconds(&schedule, 320), (Mode::Here, None));
        assert!(schedule.stays(69) && !schedule.stays(70));
    }

    #[test]
    fn a_storm_is_compared_with_the_time_before() {
        let schedule = schedule(Kind::Storm);
        assert_eq!(seconds(&schedule, 0), (Mode::Here, None), "not settled");
        assert_eq!(seconds(&schedule, 59), (Mode::Here, Some(Window::Apart)));
        assert_eq!(
            seconds(&schedule, 61),
            (Mode::Vanished, Some(Window::Together))
        );
        assert_eq!(seconds(&schedule, 80), (Mode::Here, None));
    }

    #[test]
    fn too_slow_for_those_who_stay_is_wrong_and_a_storm_is_judged_by_the_server() {
        let mut times = [crate::ledger::latencies(), crate::ledger::latencies()];
        times[0].record(1_000).unwrap();
        times[1].record(1_600).unwrap();
        let stall = schedule(Kind::Stall).outcome(&times, Some([10, 10]), Vec::new());
        assert!(stall.violation().unwrap().contains("1.60"));
        let storm = schedule(Kind::Storm).outcome(&times, Some([10, 14]), Vec::new());
        assert_eq!(storm.violation(), None);
    }
}
