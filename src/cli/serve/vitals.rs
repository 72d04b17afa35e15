//! What `/readyz` and `/metrics` show of a running server. docs/operations.md describes each name.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics::{counter, describe_counter, describe_gauge, gauge};
use throng::admin::{Readiness, Vitals};
use throng::engine::{Engine, Stats};
use throng::quic::tls::certificate_expiry;
use throng::quic::{Latency, Server, ShardStats};
use throng::wire::Timestamp;

use super::credentials::Credentials;

/// A name, what it counts, and where it is read.
type Metric<T> = (&'static str, &'static str, fn(&T) -> u64);

const ENGINE_COUNTERS: [Metric<Stats>; 20] = [
    (
        "throng_commands_decided_total",
        "Commands and queries decided",
        |stats| stats.decided,
    ),
    (
        "throng_commands_refused_total",
        "Commands that a rule refused",
        |stats| stats.refused,
    ),
    (
        "throng_commands_busy_total",
        "Commands turned away because too much was under way",
        |stats| stats.busy,
    ),
    (
        "throng_log_records_total",
        "Records made durable",
        |stats| stats.records,
    ),
    (
        "throng_log_syncs_total",
        "Syncs that made them durable",
        |stats| stats.batches,
    ),
    (
        "throng_snapshots_skipped_total",
        "Snapshots put off for want of memory",
        |stats| stats.snapshots_skipped,
    ),
    (
        "throng_calls_failed_total",
        "Outward calls that brought no answer",
        |stats| stats.calls_failed,
    ),
    (
        "throng_calls_dropped_total",
        "Outward calls that were not made, because too many waited",
        |stats| stats.calls_dropped,
    ),
    (
        "throng_tlog_failures_total",
        "Tries to publish the transparency log that failed",
        |stats| stats.tlog_failures,
    ),
    (
        "throng_timestamps_total",
        "Timestamps of the checkpoint that were stored",
        |stats| stats.timestamps,
    ),
    (
        "throng_timestamp_failures_total",
        "Tries to have the checkpoint timestamped that failed",
        |stats| stats.timestamp_failures,
    ),
    (
        "throng_cosignatures_total",
        "Cosignatures of witnesses",
        |stats| stats.cosignatures,
    ),
    (
        "throng_cosignature_failures_total",
        "Tries to have the checkpoint cosigned that failed, a witness each",
        |stats| stats.cosignature_failures,
    ),
    (
        "throng_custody_views_total",
        "Records whose content was taken from the disk, being gone",
        |stats| stats.custody_views,
    ),
    (
        "throng_custody_failures_total",
        "Tries to take content from the disk that failed",
        |stats| stats.custody_failures,
    ),
    (
        "throng_exports_finished_total",
        "Exports completed",
        |stats| stats.exports_finished,
    ),
    (
        "throng_export_failures_total",
        "Tries to export that failed",
        |stats| stats.export_failures,
    ),
    (
        "throng_searches_total",
        "Searches of the archive, a page each",
        |stats| stats.searches,
    ),
    (
        "throng_search_microseconds_total",
        "Time they took, from when their record was durable",
        |stats| stats.search_us,
    ),
    (
        "throng_search_failures_total",
        "Tries to index that failed",
        |stats| stats.search_failures,
    ),
];

const ENGINE_GAUGES: [Metric<Stats>; 12] = [
    (
        "throng_custody_pending",
        "1 while content that is gone is on disk still; nobody is handed it",
        |stats| u64::from(stats.custody_is_pending),
    ),
    ("throng_sessions", "People's sessions online", |stats| {
        stats.sessions
    }),
    (
        "throng_log_durable_record",
        "The first record that is not durable",
        |stats| stats.durable.0,
    ),
    (
        "throng_snapshot_record",
        "The first record that the last snapshot does not cover",
        |stats| stats.snapshot.0,
    ),
    (
        "throng_admission_free_bytes",
        "Room for commands under way; at 0 they are answered Busy",
        |stats| stats.admission_free_bytes,
    ),
    (
        "throng_tlog_size",
        "Records that the published checkpoint signs",
        |stats| stats.tlog_size,
    ),
    (
        "throng_timestamped_records",
        "Records that the last timestamp covers",
        |stats| stats.timestamped,
    ),
    (
        "throng_cosigned_records",
        "Records of the last checkpoint that a witness has cosigned",
        |stats| stats.cosigned_size,
    ),
    (
        "throng_exports_waiting",
        "Exports that are granted and not complete",
        |stats| stats.exports_waiting,
    ),
    (
        "throng_export_permille",
        "How far the export is that is being written, in thousandths",
        |stats| stats.export_permille,
    ),
    (
        "throng_search_lag_records",
        "Durable records that are not in the search index yet",
        |stats| stats.search_lag,
    ),
    (
        "throng_search_documents",
        "Messages and deletions in the search index",
        |stats| stats.search_documents,
    ),
];

const SHARD_COUNTERS: [Metric<ShardStats>; 23] = [
    ("throng_handshakes_total", "Handshakes begun", |stats| {
        stats.handshakes
    }),
    (
        "throng_handshakes_completed_total",
        "Handshakes completed",
        |stats| stats.handshakes_completed,
    ),
    (
        "throng_handshakes_returning_total",
        "Handshakes begun of clients that were here before",
        |stats| stats.returning,
    ),
    (
        "throng_retries_total",
        "Newcomers asked to prove their address first",
        |stats| stats.retries,
    ),
    (
        "throng_connections_refused_total",
        "Newcomers turned away: too many connections, or stopping",
        |stats| stats.refused,
    ),
    (
        "throng_connections_ignored_total",
        "Newcomers ignored because too many were waiting",
        |stats| stats.ignored,
    ),
    (
        "throng_connections_closed_for_cause_total",
        "Connections closed for what they sent or failed to send",
        |stats| stats.closed_for_cause,
    ),
    (
        "throng_datagrams_received_total",
        "Datagrams received",
        |stats| stats.datagrams_received,
    ),
    ("throng_received_bytes_total", "Bytes received", |stats| {
        stats.bytes_received
    }),
    ("throng_datagrams_sent_total", "Datagrams sent", |stats| {
        stats.datagrams_sent
    }),
    ("throng_sent_bytes_total", "Bytes sent", |stats| {
        stats.bytes_sent
    }),
    (
        "throng_send_calls_total",
        "System calls that sent them",
        |stats| stats.sends,
    ),
    (
        "throng_datagrams_unsendable_total",
        "Datagrams the system would not send",
        |stats| stats.datagrams_unsendable,
    ),
    (
        "throng_datagrams_forwarded_total",
        "Datagrams handed to the shard they belong to",
        |stats| stats.forwarded,
    ),
    (
        "throng_datagrams_forward_dropped_total",
        "Datagrams not handed on because that shard was behind",
        |stats| stats.forward_dropped,
    ),
    ("throng_requests_total", "Requests read", |stats| {
        stats.requests
    }),
    (
        "throng_requests_busy_total",
        "Requests answered Busy",
        |stats| stats.busy_answers,
    ),
    (
        "throng_deliveries_total",
        "Envelopes handed to connections",
        |stats| stats.deliveries,
    ),
    (
        "throng_shard_stand_backs_total",
        "Times that normal messages stood back for an urgent one",
        |stats| stats.stand_backs,
    ),
    (
        "throng_shard_turns_total",
        "Turns of the shard's loop",
        |stats| stats.turns,
    ),
    (
        "throng_shard_busy_microseconds_total",
        "Time the shard's loop was not waiting",
        |stats| stats.busy_us,
    ),
    (
        "throng_shard_microseconds_total",
        "Time since the shard's loop began",
        |stats| stats.elapsed_us,
    ),
    (
        "throng_rings_shed_total",
        "Envelopes that rings have lost under memory pressure",
        |stats| stats.rings_shed,
    ),
];

const SHARD_GAUGES: [Metric<ShardStats>; 11] = [
    (
        "throng_memory_limit_bytes",
        "What rings, answers of the log, unacknowledged deliveries and waiting handshakes may take",
        |stats| stats.memory_limit_bytes,
    ),
    (
        "throng_memory_used_bytes",
        "What they take, of unacknowledged deliveries an estimate from above",
        |stats| stats.memory_used_bytes,
    ),
    ("throng_memory_rings_bytes", "Of this, rings", |stats| {
        stats.memory_rings_bytes
    }),
    (
        "throng_memory_answers_bytes",
        "Of this, answers of the log",
        |stats| stats.memory_answers_bytes,
    ),
    (
        "throng_sessions_blocked",
        "Sessions that have no room until they acknowledge",
        |stats| stats.blocked,
    ),
    (
        "throng_handshakes_waiting",
        "First packets that wait for a handshake",
        |stats| stats.waiting,
    ),
    (
        "throng_connections",
        "Connections, handshaking and closing ones included",
        |stats| stats.connections,
    ),
    (
        "throng_connections_authenticated",
        "Connections that have said who they are",
        |stats| stats.sessions,
    ),
    ("throng_attached", "People attached", |stats| stats.attached),
    (
        "throng_receive_buffer_bytes",
        "The socket's receive buffer as the system granted it",
        |stats| stats.receive_buffer_bytes,
    ),
    (
        "throng_send_buffer_bytes",
        "The socket's send buffer as the system granted it",
        |stats| stats.send_buffer_bytes,
    ),
];

/// Gauges that are no whole numbers, or no shard's or engine's.
const OTHER_GAUGES: [(&str, &str); 6] = [
    (
        "throng_shard_utilisation",
        "The share of its time since the start that the shard's loop was not waiting, 0 to 1",
    ),
    (
        "throng_clock_held_back_seconds",
        "A jump of the wall clock that is not believed: look at the machine's clock",
    ),
    (
        "throng_tlog_lag_seconds",
        "How long the oldest durable record that is not signed has waited, at most",
    ),
    ("throng_ready", "1 while /readyz says ready"),
    (
        "throng_start_time_seconds",
        "When the process started, since 1970",
    ),
    (
        "throng_certificate_expiry_seconds",
        "When the server's certificate ends, since 1970",
    ),
];

/// How long deliveries took from release to flush: a Prometheus histogram, from counters that are set.
const FLUSHES: [(&str, &str); 3] = [
    (
        "throng_flush_seconds_bucket",
        "Flushes that handed what was released to all who are live no later than `le` after",
    ),
    ("throng_flush_seconds_count", "Flushes with deliveries"),
    (
        "throng_flush_microseconds_sum",
        "Time from release to the end of the flush, of all flushes with deliveries",
    ),
];

const MICROS_PER_SECOND: f64 = 1e6;

/// A running server until somebody takes it to stop it.
pub(super) type SharedServer = Arc<Mutex<Option<Server>>>;

/// The server, whatever became of another holder of the lock.
pub(super) fn lock(server: &SharedServer) -> MutexGuard<'_, Option<Server>> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the engine's and the shards' counters; looking costs them nothing.
pub(super) struct ServerVitals {
    engine: Engine,
    server: SharedServer,
    started: Timestamp,
    certificate: PathBuf,
    draining: AtomicBool,
}

impl ServerVitals {
    pub(super) fn new(engine: Engine, server: SharedServer, credentials: &Credentials) -> Self {
        for (name, help, _) in ENGINE_COUNTERS {
            describe_counter!(name, help);
        }
        for (name, help, _) in SHARD_COUNTERS {
            describe_counter!(name, help);
        }
        for (name, help) in FLUSHES {
            describe_counter!(name, help);
        }
        for (name, help) in gauges() {
            describe_gauge!(name, help);
        }
        Self {
            started: engine.now(),
            certificate: credentials.certificate(),
            draining: AtomicBool::new(false),
            engine,
            server,
        }
    }

    /// From now on traffic belongs elsewhere.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }
}

fn gauges() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_engine = ENGINE_GAUGES
        .into_iter()
        .map(|(name, help, _)| (name, help));
    let of_shards = SHARD_GAUGES.into_iter().map(|(name, help, _)| (name, help));
    of_engine.chain(of_shards).chain(OTHER_GAUGES)
}

impl Vitals for ServerVitals {
    fn readiness(&self) -> Readiness {
        Readiness {
            log: !self.engine.has_stopped(),
            // Whoever stops the server has taken it, and watches it to its end.
            shards: lock(&self.server).as_ref().is_none_or(Server::is_healthy),
            draining: self.draining.load(Ordering::Acquire),
        }
    }

    fn record(&self) {
        let stats = self.engine.stats();
        for (name, _, read) in ENGINE_COUNTERS {
            counter!(name).absolute(read(&stats));
        }
        for (name, _, read) in ENGINE_GAUGES {
            gauge!(name).set(read(&stats) as f64);
        }
        let shards = lock(&self.server).as_ref().map(Server::stats);
        for (shard, stats) in shards.iter().flatten().enumerate() {
            record_shard(shard, stats);
        }
        let latency = lock(&self.server).as_ref().map(Server::latency);
        for (shard, latency) in latency.iter().flatten().enumerate() {
            record_latency(shard, latency);
        }
        gauge!("throng_clock_held_back_seconds")
            .set(stats.clock_held_back_us as f64 / MICROS_PER_SECOND);
        gauge!("throng_tlog_lag_seconds").set(stats.tlog_lag_us as f64 / MICROS_PER_SECOND);
        gauge!("throng_ready").set(f64::from(u8::from(self.readiness().is_ready())));
        gauge!("throng_start_time_seconds").set(self.started.0 as f64 / MICROS_PER_SECOND);
        if let Ok(expires) = certificate_expiry(&self.certificate) {
            gauge!("throng_certificate_expiry_seconds").set(expires.0 as f64 / MICROS_PER_SECOND);
        }
    }
}

fn record_shard(shard: usize, stats: &ShardStats) {
    let shard = shard.to_string();
    for (name, _, read) in SHARD_COUNTERS {
        counter!(name, "shard" => shard.clone()).absolute(read(stats));
    }
    for (name, _, read) in SHARD_GAUGES {
        gauge!(name, "shard" => shard.clone()).set(read(stats) as f64);
    }
    gauge!("throng_shard_utilisation", "shard" => shard).set(stats.utilisation());
}

fn record_latency(shard: usize, latency: &Latency) {
    let shard = shard.to_string();
    let [(bucket, _), (count, _), (sum, _)] = FLUSHES;
    for (end_s, no_longer) in latency.cumulative() {
        let end = if end_s.is_finite() {
            end_s.to_string()
        } else {
            "+Inf".to_owned()
        };
        counter!(bucket, "shard" => shard.clone(), "le" => end).absolute(no_longer);
    }
    counter!(count, "shard" => shard.clone()).absolute(latency.count());
    counter!(sum, "shard" => shard).absolute(latency.sum_us);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_described_in_the_operators_documentation() {
        let documentation = include_str!("../../../docs/operations.md");
        let of_engine = ENGINE_COUNTERS.map(|(name, ..)| name);
        let of_shards = SHARD_COUNTERS.map(|(name, ..)| name);
        let counters = of_engine.into_iter().chain(of_shards);
        let counters = counters.chain(FLUSHES.map(|(name, _)| name));
        for name in counters.chain(gauges().map(|(name, _)| name)) {
            assert!(documentation.contains(&format!("`{name}`")), "{name}");
        }
    }
}
