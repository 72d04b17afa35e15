//! A shard's books: what of the memory budget is in use, and how long deliveries take.
//!
//! Kept in plain integers and published once a turn, or once a flush (invariant 4).

use super::endpoint::Shard;

/// What of waiting first packets QUIC keeps at most, a shard.
pub(super) const HANDSHAKE_BUFFERS_BYTES: usize = 4 * 1024 * 1024;
/// What one waiting first packet takes beside that, and what it may have buffered.
const WAITING_BYTES: usize = 2 * 1024;
const WAITING_BUFFER_BYTES: usize = 32 * 1024;

/// What so many waiting handshakes take at most.
fn handshakes_bytes(waiting: usize) -> usize {
    waiting * WAITING_BYTES + (waiting * WAITING_BUFFER_BYTES).min(HANDSHAKE_BUFFERS_BYTES)
}

impl Shard {
    /// Tells the core what else of the memory budget is in use. What connections hold unsent is an
    /// estimate from above: as much as is permitted for each that has no room, though most of it is
    /// the same bytes.
    pub(super) fn budget_memory(&mut self) {
        let limits = &self.links.limits;
        let unsent = self.core.blocked() as u64 * limits.unacknowledged_bytes_max;
        let handshakes = handshakes_bytes(self.waiting.len());
        let unsent = usize::try_from(unsent).unwrap_or(usize::MAX);
        self.core.set_elsewhere(unsent.saturating_add(handshakes));
    }

    /// Counts how long what was released took, once all who are live have been handed it.
    pub(super) fn note_latency(&mut self) {
        if let Some(released) = self.released_at
            && self.core.is_live_served()
        {
            self.released_at = None;
            let bucket = self.latency.record(released.elapsed());
            self.published.latency.store(&self.latency, bucket);
        }
    }

    /// Counts what of the memory budget is in use.
    pub(super) fn note_memory(&mut self) {
        let memory = self.core.memory();
        let stats = &mut self.stats;
        stats.memory_limit_bytes = memory.limit_bytes as u64;
        stats.memory_used_bytes = memory.used_bytes() as u64;
        stats.memory_rings_bytes = memory.rings_bytes as u64;
        stats.memory_answers_bytes = memory.answers_bytes as u64;
        stats.rings_shed = memory.shed;
        stats.blocked = self.core.blocked() as u64;
        stats.waiting = self.waiting.len() as u64;
    }
}
