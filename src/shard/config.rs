//! What a shard may keep, each bound with what it costs.

/// Bounds of one shard's [`Core`](super::Core). Values outside a range are moved to its nearest end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Envelopes kept per online group for sessions that lag, in bytes.
    ///
    /// A session further behind is served from the log, many times slower per message.
    /// Default 256 KiB. Range 16 KiB to 64 MiB. Costs this much memory per shard and online group.
    pub ring_bytes: usize,
    /// What one session may be given in one write before the next session's turn, in bytes.
    ///
    /// Default 128 KiB. Range 4 KiB to 16 MiB. Costs others of the same shard this much of a wait.
    pub write_bytes: usize,
    /// What one session that is behind is given in one write, in bytes. At most `write_bytes`.
    ///
    /// Sessions that are behind take turns after those that are not. Default 32 KiB. Range 4 KiB to
    /// 1 MiB. Costs those that are not about 1 µs of a wait per KiB.
    pub catch_up_bytes: usize,
    /// What is asked of the log at once for one group, in sequences.
    ///
    /// Default 256. Range 1 to 65,536.
    pub fetch_sequences: u64,
    /// What is kept of one answer of the log, in bytes; the rest is asked for again.
    ///
    /// Default 256 KiB. Range 4 KiB to 16 MiB.
    pub fetch_bytes: usize,
    /// Answers of the log awaited or kept at once.
    ///
    /// Default 32. Range 1 to 1,024. Costs this many times `fetch_bytes` of memory per shard.
    pub fetches: usize,
    /// What the shard's rings and answers of the log may take together with what its owner says is
    /// in use elsewhere, in bytes. Under pressure rings keep less, and readers go to the log earlier.
    ///
    /// Default 512 MiB. Range 64 KiB to 1 TiB.
    pub memory_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ring_bytes: 256 * KIB,
            write_bytes: 128 * KIB,
            catch_up_bytes: 32 * KIB,
            fetch_sequences: 256,
            fetch_bytes: 256 * KIB,
            fetches: 32,
            memory_bytes: 512 * MIB,
        }
    }
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

impl Config {
    /// The same with every value in its range.
    #[must_use]
    pub fn in_range(self) -> Self {
        Self {
            ring_bytes: self.ring_bytes.clamp(16 * KIB, 64 * MIB),
            write_bytes: self.write_bytes.clamp(4 * KIB, 16 * MIB),
            catch_up_bytes: self.catch_up_bytes.clamp(4 * KIB, MIB),
            fetch_sequences: self.fetch_sequences.clamp(1, 65_536),
            fetch_bytes: self.fetch_bytes.clamp(4 * KIB, 16 * MIB),
            fetches: self.fetches.clamp(1, 1024),
            memory_bytes: self.memory_bytes.clamp(64 * KIB, MIB * MIB),
        }
    }
}
