//! The flush of a turn: what sessions have ahead of them goes into their connections.

use core::cell::Cell;
use std::time::{Duration, Instant};

use super::endpoint::Shard;
use super::links::Wave;
use crate::shard::Flushed;

/// How long a flush may go on before the loop looks up: about 200 sessions.
const FLUSH_BUDGET: Duration = Duration::from_millis(1);

impl Shard {
    /// Hands sessions what they have ahead of them, or only what is urgent while a wave waits for
    /// company or stands back.
    pub(super) fn flush_sessions(&mut self) {
        let now = Instant::now();
        let full = Cell::new(self.links.socket.is_full());
        if full.get() {
            self.unflushed = true;
            return;
        }
        let begins = !self.unflushed && self.core.has_work();
        let may_hold = self.stopping.is_none() && !self.core.is_pressed();
        let only_urgent = may_hold && self.pace.is_for_urgent(begins, now);
        if !may_hold {
            self.pace.release();
        }
        let mut wave = Wave {
            links: &mut self.links,
            now,
            current: None,
            upcoming: None,
            full: &full,
            events: &mut self.wave_events,
            scratch: &mut self.scratch,
        };
        let until = now + FLUSH_BUDGET;
        let mut looks = 0u32;
        let budget = || {
            looks += 1;
            // The clock is looked at every few sessions: they take a few microseconds each.
            !full.get() && (!looks.is_multiple_of(8) || Instant::now() < until)
        };
        let flushed = if only_urgent {
            self.core.flush_urgent(&mut wave, budget)
        } else {
            self.core.flush(&mut wave, budget)
        };
        wave.finish();
        self.scratch.clear();
        let more = matches!(flushed, Flushed::More);
        if more {
            self.pace.urgent_came();
        }
        self.unflushed = more || (only_urgent && self.unflushed);
        self.take_wave_events(now);
    }

    /// Acts on what QUIC had to say of connections in a wave.
    fn take_wave_events(&mut self, now: Instant) {
        let mut events = core::mem::take(&mut self.wave_events);
        for (index, event) in events.for_endpoint.drain(..) {
            self.on_endpoint_event(index, event);
            self.links.mark_dirty(index);
        }
        for (index, event) in events.of_connections.drain(..) {
            if let Err(reason) = self.on_event(index, event, now) {
                self.close(index, &reason, now);
            }
            self.links.mark_dirty(index);
        }
        self.wave_events = events;
    }
}
