//! What happens during a measurement beside publishing: members go away and come back as scheduled,
//! and the server's own figures are looked at.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::away::{Mode, Schedule, Window};
use crate::crowd::Crowd;
use crate::ledger::Ledger;
use crate::report::MemoryBudget;
use crate::scrape::{Flushes, Metrics, Shards};

/// How often the server's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const MIB: f64 = 1024.0 * 1024.0;

/// The schedule at work.
pub(crate) struct Conductor {
    schedule: Option<Schedule>,
    port: Option<SocketAddr>,
    start: Instant,
    mode: Mode,
    /// Since when everybody is to come back.
    returning: Option<Instant>,
    back_s: Vec<f64>,
    window: Option<(Window, Option<Metrics>)>,
    flushes: [Flushes; 2],
    first: Option<Metrics>,
    memory: Option<MemoryBudget>,
    looked: Instant,
}

/// What a conductor has seen.
pub(crate) struct Seen {
    pub(crate) back_s: Vec<f64>,
    /// The 99th percentile from release to flush, apart and together, in microseconds.
    pub(crate) flush_p99_us: Option<[u64; 2]>,
    pub(crate) memory: Option<MemoryBudget>,
    pub(crate) shards: Option<Shards>,
}

impl Conductor {
    /// Begins with the first message; `port` is where the server's metrics are.
    pub(crate) fn start(schedule: Option<Schedule>, port: Option<SocketAddr>) -> Self {
        let now = Instant::now();
        Self {
            schedule,
            first: port.and_then(Metrics::look),
            port,
            start: now,
            mode: Mode::Here,
            returning: None,
            back_s: Vec::new(),
            window: None,
            flushes: Default::default(),
            memory: None,
            looked: now,
        }
    }

    /// Does what is due. To be called every few milliseconds.
    pub(crate) fn turn(&mut self, crowd: &Crowd, ledger: &Ledger, members: usize) {
        let now = Instant::now();
        if let Some(schedule) = &self.schedule {
            let mode = schedule.mode_at(now - self.start);
            let window = schedule.window_at(now - self.start);
            if mode != self.mode {
                // Back from a stall, or vanished and on the way back already.
                if self.mode == Mode::Stalled || mode == Mode::Vanished {
                    self.returning = Some(now);
                }
                self.mode = mode;
                crowd.set_away(mode);
            }
            self.change_window(window);
        }
        if let Some(since) = self.returning
            && now - since > Duration::from_millis(50)
            && crowd.online() == members
            && ledger.is_complete_before(ledger.micros(since))
        {
            self.back_s.push((now - since).as_secs_f64());
            self.returning = None;
        }
        if now - self.looked >= LOOK_EVERY {
            self.looked = now;
            let metrics = self.port.and_then(Metrics::look);
            self.note_memory(metrics.as_ref());
        }
    }

    fn change_window(&mut self, window: Option<Window>) {
        if self.window.as_ref().map(|(window, _)| *window) == window {
            return;
        }
        let metrics = self.port.and_then(Metrics::look);
        if let Some((ended, Some(before))) = self.window.take()
            && let Some(after) = &metrics
        {
            self.flushes[ended as usize].add(&before, after);
        }
        self.window = window.map(|window| (window, metrics));
    }

    fn note_memory(&mut self, metrics: Option<&Metrics>) {
        let Some(metrics) = metrics else { return };
        let used = metrics.sum("throng_memory_used_bytes") / MIB;
        let before = self.memory.map_or(0.0, |memory| memory.used_peak_mib);
        self.memory = Some(MemoryBudget {
            used_peak_mib: used.max(before),
            limit_mib: metrics.sum("throng_memory_limit_bytes") / MIB,
        });
    }

    /// After the last delivery.
    pub(crate) fn end(mut self) -> Seen {
        self.change_window(None);
        let last = self.port.and_then(Metrics::look);
        self.note_memory(last.as_ref());
        let [apart, together] = &self.flushes;
        let p99 = apart.p99_us().zip(together.p99_us());
        let looks = self.first.as_ref().zip(last.as_ref());
        Seen {
            back_s: self.back_s,
            flush_p99_us: p99.map(|(apart, together)| [apart, together]),
            memory: self.memory,
            shards: looks.and_then(|(first, last)| Shards::between(first, last)),
        }
    }
}
