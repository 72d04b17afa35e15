//! How long deliveries take from their release to the end of the flush that hands them out, a shard.
//!
//! Measured once a flush, not per delivery, in plain integers; published like the other counters.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// Buckets: four an octave from 16 µs, the last is open above (about 0.9 s).
const BUCKETS: usize = 64;
/// The first bucket ends here.
const FIRST_US: u64 = 16;

/// A histogram of times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Latency {
    counts: [u64; BUCKETS],
    /// The sum of all times, in microseconds.
    pub sum_us: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
            sum_us: 0,
        }
    }
}

/// Where a bucket ends, in microseconds: nothing in it took longer.
fn end_us(bucket: usize) -> u64 {
    let octave = FIRST_US << (bucket / 4);
    octave + octave * (bucket as u64 % 4) / 4
}

impl Latency {
    /// Counts one time; returns its bucket.
    pub(super) fn record(&mut self, time: Duration) -> usize {
        let us = time.as_micros() as u64;
        let bucket = (0..BUCKETS - 1).find(|&bucket| us <= end_us(bucket));
        let bucket = bucket.unwrap_or(BUCKETS - 1);
        self.counts[bucket] += 1;
        self.sum_us += us;
        bucket
    }

    /// The end of each bucket in seconds, the last one's infinity, with how many took no longer.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let mut sum = 0;
        self.counts.iter().enumerate().map(move |(bucket, count)| {
            sum += count;
            let end = if bucket == BUCKETS - 1 {
                f64::INFINITY
            } else {
                end_us(bucket) as f64 / 1e6
            };
            (end, sum)
        })
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Where a shard publishes its times.
pub(super) struct PublishedLatency {
    counts: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

impl Default for PublishedLatency {
    fn default() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; BUCKETS],
            sum_us: AtomicU64::new(0),
        }
    }
}

impl PublishedLatency {
    /// Makes one bucket, and the sum, visible to readers.
    pub(super) fn store(&self, latency: &Latency, bucket: usize) {
        self.counts[bucket].store(latency.counts[bucket], Ordering::Relaxed);
        self.sum_us.store(latency.sum_us, Ordering::Relaxed);
    }

    /// What was last published.
    pub(super) fn load(&self) -> Latency {
        Latency {
            counts: core::array::from_fn(|bucket| self.counts[bucket].load(Ordering::Relaxed)),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_the_first_bucket_that_ends_no_earlier() {
        let mut latency = Latency::default();
        for us in [0, 16, 17, 20, 21, 1_000, 10_000_000] {
            latency.record(Duration::from_micros(us));
        }
        let no_longer: Vec<_> = latency.cumulative().collect();
        assert_eq!(no_longer[0], (0.000_016, 2));
        assert_eq!(no_longer[1], (0.000_020, 4));
        assert_eq!(no_longer[2], (0.000_024, 5));
        let millisecond = no_longer.iter().find(|(end, _)| *end >= 0.001);
        assert_eq!(millisecond, Some(&(0.001_024, 6)));
        assert_eq!(no_longer[BUCKETS - 1], (f64::INFINITY, 7));
        assert_eq!((latency.count(), latency.sum_us), (7, 10_001_074));
    }

    #[test]
    fn what_was_published_is_what_is_read() {
        let (mut latency, published) = (Latency::default(), PublishedLatency::default());
        for us in [5, 500, 50_000] {
            let bucket = latency.record(Duration::from_micros(us));
            published.store(&latency, bucket);
        }
        assert_eq!(published.load(), latency);
    }
}
