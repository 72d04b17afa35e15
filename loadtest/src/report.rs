//! The result of a run: JSON with stable keys for programs, a table for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::away::Noticed;
use crate::measure::Machine;
use crate::scrape::Shards;

/// Latency of every delivery, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

impl Latency {
    pub(crate) fn of(times: &Histogram<u64>) -> Self {
        Self {
            p50: times.value_at_quantile(0.5),
            p99: times.value_at_quantile(0.99),
            p999: times.value_at_quantile(0.999),
            max: times.max(),
        }
    }
}

/// Latency of one recipient of each message, the first or the last, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct RecipientLatency {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

impl RecipientLatency {
    pub(crate) fn of(times: &Histogram<u64>) -> Self {
        Self {
            p50: times.value_at_quantile(0.5),
            p99: times.value_at_quantile(0.99),
            max: times.max(),
        }
    }
}

/// The server's resident memory, in MiB.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct ServerRss {
    /// With everybody connected, before the first message.
    pub(crate) before: Option<f64>,
    /// The highest from then on.
    pub(crate) peak: Option<f64>,
}

/// What `throng archive verify` says of the log after the server has stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Archive {
    pub(crate) records: Option<u64>,
    /// Sound, and every acknowledged message in it exactly once; none when it was not looked at.
    pub(crate) verified: Option<bool>,
}

/// The result of a run. The keys are stable: programs read them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) scenario: String,
    pub(crate) system: String,
    pub(crate) machine: Machine,
    pub(crate) members: usize,
    pub(crate) connections: usize,
    /// The median.
    pub(crate) payload_bytes: usize,
    /// Copies in groups: a mass send to four groups is four.
    pub(crate) messages: usize,
    pub(crate) deliveries: u64,
    /// Deliveries of acknowledged messages that never came right, and messages never answered.
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) redelivered: u64,
    pub(crate) reordered: u64,
    pub(crate) elapsed_s: f64,
    pub(crate) deliveries_per_s: f64,
    pub(crate) server_pid_cpu_us_per_delivery: Option<f64>,
    pub(crate) client_cpu_us_per_delivery: Option<f64>,
    pub(crate) client_bound: Option<bool>,
    /// CPU time of the gateways' own threads for each delivery to somebody on them, where people come
    /// through gateways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gateway_cpu_us_per_delivery: Option<f64>,
    /// What a second of one server core delivers, where people come through gateways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deliveries_per_server_core_s: Option<f64>,
    /// What a viewer costs the server from the first message to the last, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_cpu_us_per_viewer: Option<f64>,
    pub(crate) server_rss_mib: ServerRss,
    pub(crate) rss_kib_per_connection: Option<f64>,
    pub(crate) latency_us: Latency,
    pub(crate) first_recipient_latency_us: RecipientLatency,
    pub(crate) last_recipient_latency_us: RecipientLatency,
    /// Of urgent messages, where there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) urgent_last_recipient_latency_us: Option<RecipientLatency>,
    pub(crate) archive: Archive,
    pub(crate) refused: BTreeMap<&'static str, u64>,
    pub(crate) restarts: usize,
    /// The server's own account of its memory budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory_budget: Option<MemoryBudget>,
    /// Of a server with more than one shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shards: Option<Shards>,
    /// Where members were away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) away: Option<Noticed>,
}

/// Memory that the server budgets: rings, answers of the log, what is unacknowledged, handshakes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct MemoryBudget {
    /// The highest seen, in MiB; looked at about once a second.
    pub(crate) used_peak_mib: f64,
    pub(crate) limit_mib: f64,
}

impl Report {
    /// Whether nothing was lost, duplicated or reordered and the log holds what it should.
    pub(crate) fn is_good(&self) -> bool {
        self.lost == 0
            && self.duplicated == 0
            && self.reordered == 0
            && self.archive.verified != Some(false)
    }

    /// The report for people.
    pub(crate) fn table(&self) -> String {
        let mut out = String::new();
        let mut row = |name: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  {name:<34} {value}");
        };
        let figure = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.2}"));
        let machine = &self.machine;
        row("machine", machine.processors());
        row("kernel", machine.kernel.clone());
        row(
            "disk",
            format!(
                "{}, fdatasync {} µs p50, {} µs p99",
                machine.filesystem, machine.fdatasync_us.p50, machine.fdatasync_us.p99
            ),
        );
        row("members", self.members.to_string());
        row("connections", self.connections.to_string());
        row("median payload", format!("{} bytes", self.payload_bytes));
        row("messages", self.messages.to_string());
        row("deliveries", self.deliveries.to_string());
        row(
            "lost / duplicated / reordered",
            format!("{} / {} / {}", self.lost, self.duplicated, self.reordered),
        );
        row(
            "redelivered, dropped by clients",
            self.redelivered.to_string(),
        );
        row("elapsed", format!("{:.2} s", self.elapsed_s));
        row(
            "deliveries a second",
            format!("{:.0}", self.deliveries_per_s),
        );
        row(
            "server CPU a delivery",
            format!("{} µs", figure(self.server_pid_cpu_us_per_delivery)),
        );
        row(
            "client CPU a delivery",
            format!("{} µs", figure(self.client_cpu_us_per_delivery)),
        );
        if let Some(per_core) = self.deliveries_per_server_core_s {
            row(
                "deliveries a server core's second",
                format!("{per_core:.0}"),
            );
            let own = figure(self.gateway_cpu_us_per_delivery);
            row("gateways' own CPU a delivery", format!("{own} µs"));
        }
        if let Some(per_viewer) = self.server_cpu_us_per_viewer {
            row("server CPU a viewer", format!("{per_viewer:.2} µs"));
        }
        let bound = match self.client_bound {
            Some(true) => "yes: over 80 % of the CPUs were busy, read no latency from this run",
            Some(false) => "no",
            None => "-",
        };
        row("client-bound", bound.to_owned());
        row(
            "server memory before / peak",
            format!(
                "{} / {} MiB",
                figure(self.server_rss_mib.before),
                figure(self.server_rss_mib.peak)
            ),
        );
        row(
            "server memory a connection",
            format!("{} KiB", figure(self.rss_kib_per_connection)),
        );
        let l = self.latency_us;
        row(
            "latency p50 / p99 / p99.9 / max",
            format!("{} / {} / {} / {} µs", l.p50, l.p99, l.p999, l.max),
        );
        for (name, l) in [
            (
                "first recipient p50 / p99 / max",
                self.first_recipient_latency_us,
            ),
            (
                "last recipient p50 / p99 / max",
                self.last_recipient_latency_us,
            ),
        ] {
            row(name, format!("{} / {} / {} µs", l.p50, l.p99, l.max));
        }
        if let Some(l) = self.urgent_last_recipient_latency_us {
            let times = format!("{} / {} / {} µs", l.p50, l.p99, l.max);
            row("urgent, last recipient", times);
        }
        let records = self
            .archive
            .records
            .map_or("-".to_owned(), |n| n.to_string());
        let verified = match self.archive.verified {
            Some(true) => "verified",
            Some(false) => "NOT VERIFIED",
            None => "not looked at",
        };
        row("archive", format!("{records} records, {verified}"));
        for (rule, count) in &self.refused {
            row("refused", format!("{count} × {rule}"));
        }
        row("restarts", self.restarts.to_string());
        if let Some(memory) = self.memory_budget {
            let (used, limit) = (memory.used_peak_mib, memory.limit_mib);
            row(
                "memory budget, peak of limit",
                format!("{used:.2} / {limit:.0} MiB"),
            );
        }
        if let Some(away) = &self.away {
            rows_of_away(away, &mut row);
        }
        if let Some(shards) = &self.shards {
            rows_of_shards(shards, &mut row);
        }
        out
    }
}

fn rows_of_away(away: &Noticed, row: &mut impl FnMut(&str, String)) {
    let times = |l: Latency| format!("{} / {} / {} / {} µs", l.p50, l.p99, l.p999, l.max);
    row("those who stay, apart", times(away.apart_latency_us));
    row("those who stay, together", times(away.together_latency_us));
    if let Some([apart, together]) = away.server_flush_p99_us {
        row(
            "server, release to flush, p99",
            format!("{apart} µs apart, {together} µs together"),
        );
    }
    let (ratio, ratio_max) = (away.ratio, away.ratio_max);
    row(
        "together over apart, p99",
        format!("{ratio:.2}, at most {ratio_max}"),
    );
    for seconds in &away.back_s {
        row("all back and caught up after", format!("{seconds:.2} s"));
    }
}

fn rows_of_shards(shards: &Shards, row: &mut impl FnMut(&str, String)) {
    for (number, shard) in shards.shards.iter().enumerate() {
        row(
            &format!("shard {number}"),
            format!(
                "{} sessions, {:.1} % busy, {} deliveries, {} datagrams, {:.0} µs a flush, {} forwarded, {} dropped",
                shard.sessions,
                shard.busy * 100.0,
                shard.deliveries,
                shard.datagrams_sent,
                shard.flush_mean_us,
                shard.forwarded,
                shard.forward_dropped
            ),
        );
    }
    let balance = shards.balance;
    row(
        "balance, most over mean",
        format!(
            "sessions {:.2}, busy {:.2}, deliveries {:.2}",
            balance.sessions, balance.busy, balance.deliveries
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Percentiles;

    fn report() -> Report {
        Report {
            scenario: "all-hands".to_owned(),
            system: "throng".to_owned(),
            machine: Machine {
                cpus: 2,
                apart: false,
                model: "EPYC".to_owned(),
                kernel: "linux 6.18".to_owned(),
                filesystem: "ext4".to_owned(),
                fdatasync_us: Percentiles { p50: 1, p99: 2 },
            },
            members: 2_000,
            connections: 2_000,
            payload_bytes: 256,
            messages: 600,
            deliveries: 1_200_000,
            lost: 0,
            duplicated: 0,
            redelivered: 0,
            reordered: 0,
            elapsed_s: 30.0,
            deliveries_per_s: 40_000.0,
            server_pid_cpu_us_per_delivery: Some(8.0),
            client_cpu_us_per_delivery: Some(7.0),
            client_bound: Some(false),
            gateway_cpu_us_per_delivery: None,
            deliveries_per_server_core_s: None,
            server_cpu_us_per_viewer: None,
            server_rss_mib: ServerRss {
                before: Some(60.0),
                peak: Some(64.0),
            },
            rss_kib_per_connection: Some(26.0),
            latency_us: Latency {
                p50: 1,
                p99: 2,
                p999: 3,
                max: 4,
            },
            first_recipient_latency_us: RecipientLatency {
                p50: 1,
                p99: 1,
                max: 2,
            },
            last_recipient_latency_us: RecipientLatency {
                p50: 1,
                p99: 2,
                max: 3,
            },
            urgent_last_recipient_latency_us: None,
            archive: Archive {
                records: Some(2_605),
                verified: Some(true),
            },
            refused: BTreeMap::from([("Frozen", 1)]),
            restarts: 0,
            memory_budget: None,
            shards: None,
            away: None,
        }
    }

    #[test]
    fn the_keys_are_the_stable_ones_in_their_order() {
        let json = serde_json::to_string(&report()).unwrap();
        assert_eq!(
            json,
            "{\"scenario\":\"all-hands\",\"system\":\"throng\",\
             \"machine\":{\"cpus\":2,\"apart\":false,\"model\":\"EPYC\",\"kernel\":\"linux 6.18\",\"filesystem\":\"ext4\",\
             \"fdatasync_us\":{\"p50\":1,\"p99\":2}},\
             \"members\":2000,\"connections\":2000,\"payload_bytes\":256,\"messages\":600,\
             \"deliveries\":1200000,\"lost\":0,\"duplicated\":0,\"redelivered\":0,\"reordered\":0,\
             \"elapsed_s\":30.0,\"deliveries_per_s\":40000.0,\
             \"server_pid_cpu_us_per_delivery\":8.0,\"client_cpu_us_per_delivery\":7.0,\
             \"client_bound\":false,\"server_rss_mib\":{\"before\":60.0,\"peak\":64.0},\
             \"rss_kib_per_connection\":26.0,\
             \"latency_us\":{\"p50\":1,\"p99\":2,\"p999\":3,\"max\":4},\
             \"first_recipient_latency_us\":{\"p50\":1,\"p99\":1,\"max\":2},\
             \"last_recipient_latency_us\":{\"p50\":1,\"p99\":2,\"max\":3},\
             \"archive\":{\"records\":2605,\"verified\":true},\
             \"refused\":{\"Frozen\":1},\"restarts\":0}"
        );
    }

    #[test]
    fn what_gateways_cost_is_said_where_there_are_any() {
        let mut report = report();
        let row = "deliveries a server core's second";
        assert!(!report.table().contains(row));
        report.deliveries_per_server_core_s = Some(16e6);
        report.gateway_cpu_us_per_delivery = Some(0.02);
        report.server_cpu_us_per_viewer = Some(1.5);
        let table = report.table();
        assert!(table.contains(row) && table.contains("server CPU a viewer"));
        let json = serde_json::to_string(&report).unwrap();
        assert!(json.contains("\"deliveries_per_server_core_s\":16000000.0"));
    }

    #[test]
    fn a_run_is_bad_when_anything_is_lost_twice_out_of_order_or_not_in_the_log() {
        assert!(report().is_good());
        for spoil in [
            (|r: &mut Report| r.lost = 1) as fn(&mut Report),
            |r| r.duplicated = 1,
            |r| r.reordered = 1,
            |r| r.archive.verified = Some(false),
        ] {
            let mut report = report();
            spoil(&mut report);
            assert!(!report.is_good());
        }
    }

    #[test]
    fn the_table_says_when_a_run_is_client_bound_and_who_refused() {
        let mut report = report();
        report.client_bound = Some(true);
        let table = report.table();
        assert!(table.contains("yes: over 80 %") && table.contains("1 × Frozen"));
    }
}
