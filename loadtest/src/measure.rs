//! What the machine and the processes cost, from /proc and from the disk the log is on.
//!
//! CPU is user and system time of a whole process; memory is its resident set. Where there is no
//! /proc nothing is made up: the figure is missing.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::processors;

/// Linux counts CPU time for processes in hundredths of a second (USER_HZ).
const TICK_US: u64 = 10_000;
/// Writes of one fdatasync measurement, and bytes of each: about one batch of a quiet log.
const SYNCS: usize = 200;
const SYNC_BYTES: usize = 4_096;
const RSS_EVERY: Duration = Duration::from_millis(100);

/// User and system time of process `pid` and all its threads, in microseconds.
pub(crate) fn cpu_us(pid: u32) -> Option<u64> {
    parse_cpu_us(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// User and system time of one thread of this process, in microseconds; `id` is as `/proc/thread-self`
/// names it.
pub(crate) fn thread_cpu_us(id: &str) -> Option<u64> {
    let statistics = fs::read_to_string(format!("/proc/{id}/schedstat")).ok()?;
    parse_schedstat_us(&statistics)
}

fn parse_schedstat_us(statistics: &str) -> Option<u64> {
    let ns: u64 = statistics.split_whitespace().next()?.parse().ok()?;
    Some(ns / 1_000)
}

fn parse_cpu_us(stat: &str) -> Option<u64> {
    // The name in parentheses may hold anything, spaces and parentheses too.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) * TICK_US)
}

/// Resident memory of process `pid`, in KiB.
pub(crate) fn rss_kib(pid: u32) -> Option<u64> {
    parse_rss_kib(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn parse_rss_kib(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Watches the resident memory of one process after another and keeps the peak.
pub(crate) struct RssWatch {
    pid: Arc<AtomicU64>,
    peak_kib: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl RssWatch {
    pub(crate) fn start(pid: u32) -> Self {
        let pid = Arc::new(AtomicU64::new(pid.into()));
        let peak_kib = Arc::new(AtomicU64::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let shared = (pid.clone(), peak_kib.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let (pid, peak_kib, stop) = shared;
            while !stop.load(Ordering::Relaxed) {
                let now = rss_kib(pid.load(Ordering::Relaxed) as u32).unwrap_or(0);
                peak_kib.fetch_max(now, Ordering::Relaxed);
                std::thread::park_timeout(RSS_EVERY);
            }
        });
        Self {
            pid,
            peak_kib,
            stop,
            thread,
        }
    }

    /// Watches another process from now on.
    pub(crate) fn follow(&self, pid: u32) {
        self.pid.store(pid.into(), Ordering::Relaxed);
    }

    /// The highest seen, in KiB.
    pub(crate) fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        // It only reads files and cannot panic.
        let _ = self.thread.join();
        self.peak_kib.load(Ordering::Relaxed)
    }
}

/// Two percentiles of a time, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
}

/// The machine a figure was measured on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpus: usize,
    /// The last of them is the clients', the others are the servers'.
    pub(crate) apart: bool,
    pub(crate) model: String,
    pub(crate) kernel: String,
    pub(crate) filesystem: String,
    pub(crate) fdatasync_us: Percentiles,
}

impl Machine {
    /// This machine, with the filesystem and the disk `dir` is on.
    pub(crate) fn measure(dir: &Path) -> anyhow::Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let dir = dir.canonicalize()?;
        Ok(Self {
            cpus: processors::count(),
            apart: processors::are_apart(),
            model: cpu_model(&cpuinfo).unwrap_or("unknown").to_owned(),
            kernel: format!("{} {}", std::env::consts::OS, release.trim()),
            filesystem: filesystem(&mounts, &dir).unwrap_or("unknown").to_owned(),
            fdatasync_us: fdatasync(&dir).context("fdatasync cannot be measured")?,
        })
    }

    /// How many processors of which kind, and who has which.
    pub(crate) fn processors(&self) -> String {
        let apart = if self.apart {
            ", the last one the clients'"
        } else {
            ""
        };
        format!("{} × {}{apart}", self.cpus, self.model)
    }
}

fn cpu_model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    Some(line.split_once(": ")?.1.trim())
}

/// The type of the filesystem `dir` is on: the mount with the longest path above it.
fn filesystem<'a>(mountinfo: &'a str, dir: &Path) -> Option<&'a str> {
    let mounts = mountinfo.lines().filter_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?;
        Some((point, source.split(' ').next()?))
    });
    mounts
        .filter(|(point, _)| dir.starts_with(point))
        .max_by_key(|(point, _)| point.len())
        .map(|(_, kind)| kind)
}

/// How long the disk under `dir` takes to make one small overwrite durable.
fn fdatasync(dir: &Path) -> std::io::Result<Percentiles> {
    let path = dir.join("fdatasync.tmp");
    let mut file = File::create(&path)?;
    let block = [7; SYNC_BYTES];
    // Blocks that exist already, as in a preallocated segment.
    for _ in 0..SYNCS {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let mut times = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3)
        .map_err(|error| std::io::Error::other(error.to_string()))?;
    for _ in 0..SYNCS {
        file.write_all(&block)?;
        let start = Instant::now();
        file.sync_data()?;
        times.saturating_record(start.elapsed().as_micros() as u64);
    }
    fs::remove_file(&path)?;
    Ok(Percentiles {
        p50: times.value_at_quantile(0.5),
        p99: times.value_at_quantile(0.99),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_past_any_process_name() {
        let stat = "42 (a ) b (c) S 1 42 42 0 -1 4194304 500 0 0 0 150 25 0 0 20 0 3 0 100";
        assert_eq!(parse_cpu_us(stat), Some(1_750_000));
        assert_eq!(parse_cpu_us("nothing"), None);
    }

    #[test]
    fn a_threads_time_is_the_first_of_its_figures() {
        assert_eq!(parse_schedstat_us("1234567 89 10\n"), Some(1_234));
        assert_eq!(parse_schedstat_us(""), None);
    }

    #[test]
    fn resident_memory_is_read_in_kib() {
        let status = "Name:\tthrong\nVmHWM:\t  900 kB\nVmRSS:\t  512 kB\n";
        assert_eq!(parse_rss_kib(status), Some(512));
    }

    #[test]
    fn the_filesystem_is_that_of_the_closest_mount() {
        let mounts = "22 1 254:0 / / rw - ext4 /dev/vda rw\n\
                      30 22 0:26 / /tmp rw,nosuid shared:5 - tmpfs tmpfs rw\n\
                      31 22 0:27 / /tmpfoo rw - xfs /dev/vdb rw";
        let of = |dir: &str| filesystem(mounts, Path::new(dir));
        assert_eq!(of("/tmp/x"), Some("tmpfs"));
        assert_eq!(of("/home/x"), Some("ext4"));
        assert_eq!(of("/tmpfoo"), Some("xfs"));
    }

    #[test]
    fn this_machine_can_be_measured() {
        let dir = tempfile::tempdir().unwrap();
        let machine = Machine::measure(dir.path()).unwrap();
        assert!(machine.fdatasync_us.p50 <= machine.fdatasync_us.p99);
        assert!(machine.cpus > 0);
        assert_eq!(dir.path().read_dir().unwrap().count(), 0, "it cleans up");
    }
}
