//! All rounds and their medians: JSON for programs, tables for people, and how Throng compares.
//!
//! Medians are of each figure by itself. What must be 0 is summed over the rounds instead, and one
//! client-bound round marks them all, so that nothing bad is lost in a median.

use std::fmt::Write as _;

use serde::Serialize;

use super::round::Round;
use super::shape::{Load, Shape};
use super::system::System;
use crate::measure::Machine;
use crate::report::RecipientLatency;

/// A whole run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) machine: Machine,
    /// Systems that could not take part, and what to do about it.
    pub(super) skipped: Vec<Skipped>,
    pub(super) shapes: Vec<ShapeReport>,
}

/// A system that could not take part.
#[derive(Debug, Serialize)]
pub(super) struct Skipped {
    pub(super) system: System,
    pub(super) reason: &'static str,
}

/// All systems under one shape of load.
#[derive(Debug, Serialize)]
pub(super) struct ShapeReport {
    pub(super) load: Load,
    pub(super) peers: Vec<PeerReport>,
    pub(super) ratios: Vec<Ratio>,
}

/// One system under one shape of load.
#[derive(Debug, Serialize)]
pub(super) struct PeerReport {
    pub(super) system: System,
    pub(super) version: String,
    pub(super) median: Option<Round>,
    pub(super) rounds: Vec<Round>,
    /// Why rounds could not be run to their end.
    pub(super) failures: Vec<String>,
}

/// Latencies are quoted from runs at this part of the processors or less.
const HALF_LOAD: f64 = 0.5;

/// A figure that is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Figure {
    ServerCpuPerDelivery,
    LastRecipientP99,
}

impl Figure {
    const ALL: [Self; 2] = [Self::ServerCpuPerDelivery, Self::LastRecipientP99];

    fn label(self) -> &'static str {
        match self {
            Self::ServerCpuPerDelivery => "server CPU a delivery",
            Self::LastRecipientP99 => "last recipient's p99",
        }
    }

    /// Whether it can be compared: latencies at half load or less only (docs/benchmarks.md).
    fn is_fair(self, ours: &Round, theirs: &Round) -> bool {
        let is_at_ease = |round: &Round| round.load.is_some_and(|load| load <= HALF_LOAD);
        match self {
            Self::ServerCpuPerDelivery => true,
            Self::LastRecipientP99 => is_at_ease(ours) && is_at_ease(theirs),
        }
    }

    fn of(self, round: &Round) -> Option<f64> {
        match self {
            Self::ServerCpuPerDelivery => round.server_cpu_us_per_delivery,
            Self::LastRecipientP99 => Some(round.last_recipient_latency_us.p99 as f64),
        }
    }

    /// What Throng's is to be at most, as a part of the peer's.
    fn goal(self, shape: Shape, peer: System) -> Option<f64> {
        match (self, shape, peer) {
            (Self::ServerCpuPerDelivery, Shape::Lone, System::NatsTls) => Some(0.5),
            (Self::ServerCpuPerDelivery, Shape::Lone, System::Redis) => Some(0.9),
            (Self::ServerCpuPerDelivery, Shape::Burst, System::NatsTls) => Some(0.15),
            (Self::LastRecipientP99, Shape::Lone, System::NatsTls) => Some(0.5),
            _ => None,
        }
    }
}

/// Throng's median as a part of a peer's.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct Ratio {
    pub(super) figure: Figure,
    pub(super) peer: System,
    pub(super) ratio: f64,
    pub(super) goal: Option<f64>,
    /// Both were at half load or less, where that matters: else the goal is neither met nor missed.
    pub(super) fair: bool,
}

impl PeerReport {
    pub(super) fn new(
        system: System,
        version: String,
        rounds: Vec<Round>,
        failures: Vec<String>,
    ) -> Self {
        Self {
            system,
            version,
            median: median_round(&rounds),
            rounds,
            failures,
        }
    }

    fn is_good(&self) -> bool {
        self.failures.is_empty() && self.rounds.iter().all(Round::is_exact)
    }
}

/// Over the columns of [`PeerReport::row`].
const HEADINGS: &str = "                              version   CPU µs (rounds)                   per s  \
    first p50/p99/max ms   last p50/p99/max ms  RSS KiB   client  load  lost/dup/reord/corrupt\n";

impl ShapeReport {
    pub(super) fn new(load: Load, peers: Vec<PeerReport>) -> Self {
        Self {
            ratios: ratios(load.shape, &peers),
            load,
            peers,
        }
    }

    /// The table for people.
    pub(super) fn table(&self) -> String {
        let mut out = format!("\n{}: {}\n", self.load.shape.name(), self.load.describe());
        out += HEADINGS;
        for peer in &self.peers {
            out += &peer.row();
        }
        for ratio in &self.ratios {
            let goal = match ratio.goal {
                Some(goal) if !ratio.fair => {
                    format!("  (goal {goal}: not judged over half load, see --rate)")
                }
                Some(goal) if ratio.ratio <= goal => format!("  (goal {goal}: reached)"),
                Some(goal) => format!("  (goal {goal}: NOT reached)"),
                None => String::new(),
            };
            let (figure, peer) = (ratio.figure.label(), ratio.peer.label());
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  {figure}: {:.2} × that of {peer}{goal}", ratio.ratio);
        }
        out
    }
}

impl PeerReport {
    fn row(&self) -> String {
        let name = self.system.label();
        let mut out = String::new();
        if let Some(round) = &self.median {
            let rounds: Vec<_> = self.rounds.iter().map(cpu).collect();
            let counts = [
                round.lost,
                round.duplicated,
                round.reordered,
                round.corrupted,
            ];
            let bound = match round.client_bound {
                Some(true) => "  client-bound",
                _ => "",
            };
            let _ = writeln!(
                out,
                "  {name:<25} {:>9}  {:>7} {:<22} {:>9.0}  {:>20}  {:>20}  {:>7}  {:>7}  {:>4}  {}{bound}",
                self.version,
                cpu(round),
                format!("({})", rounds.join(" ")),
                round.deliveries_per_s,
                latencies(round.first_recipient_latency_us),
                latencies(round.last_recipient_latency_us),
                figure(round.rss_kib_per_connection, 1),
                figure(round.client_cpu_us_per_delivery, 2),
                percent(round.load),
                counts.map(|count| count.to_string()).join("/"),
            );
        }
        for failure in &self.failures {
            let _ = writeln!(out, "  {name:<25} FAILED: {failure}");
        }
        out
    }
}

fn cpu(round: &Round) -> String {
    figure(round.server_cpu_us_per_delivery, 2)
}

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}

fn percent(part: Option<f64>) -> String {
    part.map_or("-".to_owned(), |part| format!("{:.0}%", part * 100.0))
}

fn latencies(latency: RecipientLatency) -> String {
    let ms = |us: u64| format!("{:.1}", us as f64 / 1_000.0);
    [latency.p50, latency.p99, latency.max].map(ms).join("/")
}

impl Report {
    /// What it was measured on, in a line.
    pub(super) fn machine_line(&self) -> String {
        let machine = &self.machine;
        let sync = machine.fdatasync_us;
        format!(
            "{}, {}, {} with fdatasync at {} µs p50 and {} µs p99",
            machine.processors(),
            machine.kernel,
            machine.filesystem,
            sync.p50,
            sync.p99
        )
    }

    /// Whether everybody got everything once and in order, in every round of every peer.
    pub(super) fn is_good(&self) -> bool {
        let mut peers = self.shapes.iter().flat_map(|shape| &shape.peers);
        peers.all(PeerReport::is_good)
    }
}

/// Each figure's median by itself; what must be 0 is summed.
fn median_round(rounds: &[Round]) -> Option<Round> {
    let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value).collect());
    let known =
        |value: fn(&Round) -> Option<f64>| median(rounds.iter().filter_map(value).collect());
    let sum = |value: fn(&Round) -> u64| rounds.iter().map(value).sum();
    let latency = |value: fn(&Round) -> RecipientLatency| {
        let of = |part: fn(&RecipientLatency) -> u64| {
            let parts = rounds.iter().map(|round| part(&value(round)) as f64);
            median(parts.collect()).map(|us| us.round() as u64)
        };
        Some(RecipientLatency {
            p50: of(|l| l.p50)?,
            p99: of(|l| l.p99)?,
            max: of(|l| l.max)?,
        })
    };
    Some(Round {
        server_cpu_us_per_delivery: known(|r| r.server_cpu_us_per_delivery),
        client_cpu_us_per_delivery: known(|r| r.client_cpu_us_per_delivery),
        deliveries_per_s: of(|r| r.deliveries_per_s)?,
        first_recipient_latency_us: latency(|r| r.first_recipient_latency_us)?,
        last_recipient_latency_us: latency(|r| r.last_recipient_latency_us)?,
        rss_kib_per_connection: known(|r| r.rss_kib_per_connection),
        load: known(|r| r.load),
        client_bound: rounds.iter().filter_map(|round| round.client_bound).max(),
        elapsed_s: of(|r| r.elapsed_s)?,
        deliveries: sum(|r| r.deliveries),
        lost: sum(|r| r.lost),
        duplicated: sum(|r| r.duplicated),
        reordered: sum(|r| r.reordered),
        corrupted: sum(|r| r.corrupted),
    })
}

/// The middle one, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some(f64::midpoint(lower, upper))
}

fn ratios(shape: Shape, peers: &[PeerReport]) -> Vec<Ratio> {
    let throng = peers.iter().find(|peer| peer.system == System::Throng);
    let Some(ours) = throng.and_then(|throng| throng.median.as_ref()) else {
        return Vec::new();
    };
    let others = || peers.iter().filter(|peer| peer.system != System::Throng);
    let ratio = |figure: Figure, peer: &PeerReport| {
        let theirs = peer.median.as_ref()?;
        let part = figure.of(ours)? / figure.of(theirs).filter(|theirs| *theirs > 0.0)?;
        Some(Ratio {
            figure,
            peer: peer.system,
            ratio: part,
            goal: figure.goal(shape, peer.system),
            fair: figure.is_fair(ours, theirs),
        })
    };
    let of_figure = |figure| others().filter_map(move |peer| ratio(figure, peer));
    Figure::ALL.into_iter().flat_map(of_figure).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn round(cpu_us: f64, last_p99_us: u64) -> Round {
        let latency = |p99| RecipientLatency {
            p50: p99 / 2,
            p99,
            max: 2 * p99,
        };
        Round {
            server_cpu_us_per_delivery: Some(cpu_us),
            client_cpu_us_per_delivery: Some(3.0),
            deliveries_per_s: 40_000.0,
            first_recipient_latency_us: latency(500),
            last_recipient_latency_us: latency(last_p99_us),
            rss_kib_per_connection: Some(20.0),
            load: Some(0.4),
            client_bound: Some(false),
            elapsed_s: 10.0,
            deliveries: 400_000,
            lost: 0,
            duplicated: 0,
            reordered: 0,
            corrupted: 0,
        }
    }

    pub(in super::super) fn peer(system: System, rounds: Vec<Round>) -> PeerReport {
        PeerReport::new(system, "1.2.3".to_owned(), rounds, Vec::new())
    }

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two_in_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 4.0]), Some(4.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }

    #[test]
    fn each_figure_has_its_own_median_and_losses_of_all_rounds_add_up() {
        let mut rounds = vec![round(8.0, 900), round(7.0, 800), round(30.0, 100)];
        rounds[2].lost = 4;
        rounds[0].lost = 1;
        rounds[1].client_bound = Some(true);
        rounds[1].rss_kib_per_connection = None;
        let median = median_round(&rounds).unwrap();
        assert_eq!(median.server_cpu_us_per_delivery, Some(8.0));
        assert_eq!(median.last_recipient_latency_us.p99, 800);
        assert_eq!(median.rss_kib_per_connection, Some(20.0));
        assert_eq!((median.lost, median.client_bound), (5, Some(true)));
        assert!(!peer(System::Redis, rounds).is_good());
        assert_eq!(median_round(&[]), None);
    }

    #[test]
    fn ratios_are_of_medians_and_the_goals_are_said() {
        let peers = vec![
            peer(System::Throng, vec![round(8.0, 10_000)]),
            peer(System::NatsTls, vec![round(20.0, 40_000)]),
            peer(System::Redis, vec![round(8.0, 20_000)]),
        ];
        let report = ShapeReport::new(Shape::Lone.load(2_000, 10.0, 20.0), peers);
        let cpu = report.ratios.iter();
        let cpu: Vec<_> = cpu
            .filter(|ratio| ratio.figure == Figure::ServerCpuPerDelivery)
            .map(|ratio| (ratio.peer, ratio.ratio, ratio.goal))
            .collect();
        assert_eq!(
            cpu,
            [
                (System::NatsTls, 0.4, Some(0.5)),
                (System::Redis, 1.0, Some(0.9))
            ]
        );
        let table = report.table();
        assert!(table.contains("0.40 × that of NATS, TLS  (goal 0.5: reached)"));
        assert!(table.contains("1.00 × that of Redis, plaintext  (goal 0.9: NOT reached)"));
    }

    #[test]
    fn a_latency_over_half_load_is_judged_by_nobody() {
        let table = |load: f64| {
            let mut theirs = round(20.0, 40_000);
            theirs.load = Some(load);
            let peers = vec![
                peer(System::Throng, vec![round(8.0, 10_000)]),
                peer(System::NatsTls, vec![theirs]),
            ];
            ShapeReport::new(Shape::Lone.load(2_000, 10.0, 20.0), peers).table()
        };
        assert!(table(0.5).contains("p99: 0.25 × that of NATS, TLS  (goal 0.5: reached)"));
        let over = table(0.51);
        assert!(over.contains("p99: 0.25 × that of NATS, TLS  (goal 0.5: not judged"));
        assert!(over.contains("delivery: 0.40 × that of NATS, TLS  (goal 0.5: reached)"));
        assert!(over.contains(" 51%  0/0/0/0"));
    }

    #[test]
    fn without_throng_there_is_nothing_to_compare() {
        let peers = vec![peer(System::Redis, vec![round(8.0, 1)])];
        let report = ShapeReport::new(Shape::Burst.load(20, 1.0, 20.0), peers);
        assert!(report.ratios.is_empty());
    }

    #[test]
    fn a_peer_that_failed_says_why_and_spoils_the_run() {
        let failures = vec!["the server closed the connection".to_owned()];
        let failed = PeerReport::new(System::Redis, "7".to_owned(), Vec::new(), failures);
        assert!(!failed.is_good());
        assert!(failed.row().contains("FAILED: the server closed"));
    }

    #[test]
    fn a_client_bound_peer_is_marked_in_the_table() {
        let mut bound = round(8.0, 1);
        bound.client_bound = Some(true);
        assert!(
            peer(System::Redis, vec![bound])
                .row()
                .contains("client-bound")
        );
    }
}
