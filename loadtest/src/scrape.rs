//! The server's own figures, from its metrics port: memory against its budget, times of flushes, and
//! how evenly shards share the work.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde::Serialize;

/// How long the port may take: it never waits for anything.
const PATIENCE: Duration = Duration::from_secs(2);

/// One look at all metrics, by name and shard; a histogram's buckets by where they end.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Metrics {
    by_shard: BTreeMap<(String, usize), f64>,
    /// Flushes that took no longer, by the bucket's end in microseconds, all shards together.
    flushes: BTreeMap<u64, u64>,
}

impl Metrics {
    /// Looks now; none when there is nobody.
    pub(crate) fn look(port: SocketAddr) -> Option<Self> {
        let mut stream = TcpStream::connect_timeout(&port, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let request = b"GET /metrics HTTP/1.1\r\nHost: throng\r\nConnection: close\r\n\r\n";
        stream.write_all(request).ok()?;
        let mut page = String::new();
        stream.read_to_string(&mut page).ok()?;
        Some(Self::parse(&page))
    }

    fn parse(page: &str) -> Self {
        let mut metrics = Self::default();
        for line in page.lines() {
            let Some((name, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let Some((name, labels)) = name.split_once('{') else {
                continue;
            };
            let label = |key: &str| {
                let at = labels.split_once(&format!("{key}=\""))?.1;
                at.split('"').next()
            };
            let Some(shard) = label("shard").and_then(|shard| shard.parse().ok()) else {
                continue;
            };
            let Ok(value) = value.parse::<f64>() else {
                continue;
            };
            if let Some(end) = label("le") {
                let end_us = end.parse::<f64>().unwrap_or(f64::INFINITY) * 1e6;
                *metrics.flushes.entry(end_us.round() as u64).or_default() += value as u64;
            } else {
                metrics.by_shard.insert((name.to_owned(), shard), value);
            }
        }
        metrics
    }

    /// A metric of one shard.
    fn of(&self, name: &str, shard: usize) -> f64 {
        let key = (name.to_owned(), shard);
        self.by_shard.get(&key).copied().unwrap_or(0.0)
    }

    /// A metric of all shards together.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let of_name = self.by_shard.iter().filter(|((of, _), _)| of == name);
        of_name.map(|(_, value)| value).sum()
    }

    fn shards(&self) -> usize {
        let shards = self.by_shard.keys().map(|(_, shard)| shard + 1);
        shards.max().unwrap_or(0)
    }
}

/// Flushes of several stretches, by the end of their bucket in microseconds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Flushes(BTreeMap<u64, u64>);

impl Flushes {
    /// Adds those between two looks.
    pub(crate) fn add(&mut self, before: &Metrics, after: &Metrics) {
        let mut no_longer = 0;
        for (end_us, until) in &after.flushes {
            let until = until - before.flushes.get(end_us).unwrap_or(&0).min(until);
            *self.0.entry(*end_us).or_default() += until.saturating_sub(no_longer);
            no_longer = until;
        }
    }

    /// The end of the bucket that 99 % of them reach at most.
    pub(crate) fn p99_us(&self) -> Option<u64> {
        let all: u64 = self.0.values().sum();
        let mut left = (all * 99).div_ceil(100);
        self.0.iter().find_map(|(end_us, count)| {
            left = left.saturating_sub(*count);
            (all > 0 && left == 0).then_some(*end_us)
        })
    }
}

/// What one shard did during a run.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Shard {
    pub(crate) sessions: u64,
    /// The share of its time it was not waiting.
    pub(crate) busy: f64,
    pub(crate) deliveries: u64,
    pub(crate) datagrams_sent: u64,
    /// Datagrams that came to its socket and were another shard's.
    pub(crate) forwarded: u64,
    pub(crate) forward_dropped: u64,
    /// From release to the end of the flush, the mean.
    pub(crate) flush_mean_us: f64,
}

/// How evenly shards share: the most of any over the mean, 1 is even.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Balance {
    pub(crate) sessions: f64,
    pub(crate) busy: f64,
    pub(crate) deliveries: f64,
}

/// The shards of a server with more than one.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Shards {
    pub(crate) shards: Vec<Shard>,
    pub(crate) balance: Balance,
}

impl Shards {
    /// What they did between two looks; none of a server with one shard.
    pub(crate) fn between(before: &Metrics, after: &Metrics) -> Option<Self> {
        let count = after.shards();
        if count < 2 {
            return None;
        }
        let shard = |number| {
            let grown = |name| (after.of(name, number) - before.of(name, number)).max(0.0);
            let flushes = grown("throng_flush_seconds_count").max(1.0);
            let time = grown("throng_shard_microseconds_total").max(1.0);
            Shard {
                sessions: before.of("throng_attached", number) as u64,
                busy: grown("throng_shard_busy_microseconds_total") / time,
                deliveries: grown("throng_deliveries_total") as u64,
                datagrams_sent: grown("throng_datagrams_sent_total") as u64,
                forwarded: grown("throng_datagrams_forwarded_total") as u64,
                forward_dropped: grown("throng_datagrams_forward_dropped_total") as u64,
                flush_mean_us: grown("throng_flush_microseconds_sum") / flushes,
            }
        };
        let shards: Vec<_> = (0..count).map(shard).collect();
        let balance = |read: fn(&Shard) -> f64| {
            let values: Vec<f64> = shards.iter().map(read).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            values.iter().copied().fold(0.0, f64::max) / mean.max(f64::MIN_POSITIVE)
        };
        Some(Self {
            balance: Balance {
                sessions: balance(|shard| shard.sessions as f64),
                busy: balance(|shard| shard.busy),
                deliveries: balance(|shard| shard.deliveries as f64),
            },
            shards,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(deliveries: [u64; 2], buckets: [u64; 3]) -> Metrics {
        let [a, b] = deliveries;
        let [x, y, z] = buckets;
        Metrics::parse(&format!(
            "# HELP throng_deliveries_total Envelopes\n\
             throng_ready 1\n\
             throng_deliveries_total{{shard=\"0\"}} {a}\n\
             throng_deliveries_total{{shard=\"1\"}} {b}\n\
             throng_attached{{shard=\"1\"}} 50\n\
             throng_flush_seconds_bucket{{shard=\"0\",le=\"0.000016\"}} {x}\n\
             throng_flush_seconds_bucket{{shard=\"0\",le=\"0.001\"}} {y}\n\
             throng_flush_seconds_bucket{{shard=\"0\",le=\"+Inf\"}} {z}\n"
        ))
    }

    #[test]
    fn what_shards_did_is_what_grew_and_balance_is_the_most_over_the_mean() {
        let before = page([100, 100], [0; 3]);
        let shards = Shards::between(&before, &page([400, 200], [0; 3])).unwrap();
        let deliveries: Vec<_> = shards.shards.iter().map(|s| s.deliveries).collect();
        assert_eq!(deliveries, [300, 100]);
        assert!((shards.balance.deliveries - 1.5).abs() < 1e-9);
        assert!((shards.balance.sessions - 2.0).abs() < 1e-9);
        assert_eq!(
            Shards::between(&Metrics::default(), &Metrics::default()),
            None
        );
    }

    #[test]
    fn the_99th_percentile_is_of_the_flushes_between_two_looks() {
        let mut flushes = Flushes::default();
        assert_eq!(flushes.p99_us(), None);
        flushes.add(&page([0, 0], [0, 500, 500]), &page([0, 0], [98, 600, 600]));
        assert_eq!(flushes.p99_us(), Some(1_000));
        flushes.add(&page([0, 0], [0; 3]), &page([0, 0], [1_000, 1_000, 1_000]));
        assert_eq!(flushes.p99_us(), Some(16));
    }
}
