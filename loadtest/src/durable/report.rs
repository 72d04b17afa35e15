//! All rounds of durable publishing, their medians, and how Throng compares.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Durable, Round};
use crate::measure::{Machine, Percentiles};

/// A whole run.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) scenario: String,
    pub(super) machine: Machine,
    pub(super) load: Durable,
    pub(super) systems: Vec<SystemReport>,
}

/// One system's rounds.
#[derive(Serialize)]
pub(super) struct SystemReport {
    pub(super) system: &'static str,
    pub(super) version: String,
    pub(super) rounds: Vec<RoundReport>,
}

/// One round, as it is printed.
#[derive(Serialize)]
pub(super) struct RoundReport {
    /// Messages acknowledged a second.
    acknowledged_per_s: f64,
    latency_us: Percentiles,
    /// Messages acknowledged and not found afterwards.
    lost: u64,
    /// Messages found that nobody was told of, or twice.
    surplus: u64,
    /// Records a sync made durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    per_sync: Option<f64>,
    /// The disk's own write and sync of as many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_us: Option<Percentiles>,
}

impl SystemReport {
    pub(super) fn new(system: &'static str, version: String) -> Self {
        Self {
            system,
            version,
            rounds: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, round: &Round) {
        let times = &round.latency_us;
        self.rounds.push(RoundReport {
            acknowledged_per_s: round.acknowledged as f64 / round.elapsed.as_secs_f64(),
            latency_us: Percentiles {
                p50: times.value_at_quantile(0.5),
                p99: times.value_at_quantile(0.99),
            },
            lost: round.acknowledged.saturating_sub(round.found),
            surplus: round.found.saturating_sub(round.acknowledged),
            per_sync: round.per_sync,
            device_us: round.device_us,
        });
    }

    /// The round with the median rate.
    fn median(&self) -> Option<&RoundReport> {
        let mut rounds: Vec<_> = self.rounds.iter().collect();
        rounds.sort_by(|a, b| a.acknowledged_per_s.total_cmp(&b.acknowledged_per_s));
        rounds.get(rounds.len() / 2).copied()
    }

    /// Its row of the table, in milliseconds.
    fn row(&self) -> [String; 7] {
        let median = self.median();
        let rate = |round: &RoundReport| format!("{:.0}", round.acknowledged_per_s);
        let rounds: Vec<_> = self.rounds.iter().map(rate).collect();
        let times = |t: Percentiles| format!("{:.2}/{:.2}", t.p50 as f64 / 1e3, t.p99 as f64 / 1e3);
        let sum = |of: fn(&RoundReport) -> u64| self.rounds.iter().map(of).sum::<u64>();
        let device = median.and_then(|round| round.device_us);
        let per_sync = median.and_then(|round| round.per_sync);
        [
            format!("{} {}", self.system, self.version),
            median.map(rate).unwrap_or_default(),
            rounds.join(" "),
            median
                .map(|round| times(round.latency_us))
                .unwrap_or_default(),
            per_sync
                .map(|records| format!("{records:.0}"))
                .unwrap_or_default(),
            device.map(times).unwrap_or_default(),
            format!("{}/{}", sum(|round| round.lost), sum(|round| round.surplus)),
        ]
    }
}

impl Report {
    /// Whether everything acknowledged was there, and once.
    pub(super) fn is_good(&self) -> bool {
        let mut rounds = self.systems.iter().flat_map(|system| &system.rounds);
        rounds.all(|round| round.lost == 0 && round.surplus == 0)
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let (machine, load) = (&self.machine, &self.load);
        let mut text = format!(
            "{}: {} publishers, each with {} messages on their way, {} bytes, {} s a round\n{} × {}, {}, \
             fdatasync {} µs p50, {} µs p99\n",
            self.scenario,
            load.publishers,
            load.window,
            load.payload_bytes,
            load.seconds,
            machine.cpus,
            machine.model,
            machine.filesystem,
            machine.fdatasync_us.p50,
            machine.fdatasync_us.p99,
        );
        let head = [
            "",
            "messages/s",
            "rounds",
            "ack p50/p99 ms",
            "records a sync",
            "that sync alone",
            "lost/surplus",
        ];
        for row in [head.map(str::to_owned)]
            .into_iter()
            .chain(self.systems.iter().map(SystemReport::row))
        {
            let [system, rate, rounds, times, per_sync, device, lost] = row;
            let _ = writeln!(
                text,
                "  {system:<32}{rate:>12}{rounds:>26}{times:>16}{per_sync:>16}{device:>17}{lost:>14}"
            );
        }
        let mut others = self.systems.iter();
        if let Some(throng) = others.next().and_then(SystemReport::median) {
            for other in others {
                let Some(median) = other.median() else {
                    continue;
                };
                let ratio = median.acknowledged_per_s / throng.acknowledged_per_s.max(1.0);
                let _ = writeln!(
                    text,
                    "  {ratio:.4} × the rate of the first: {}",
                    other.system
                );
            }
        }
        text
    }
}
