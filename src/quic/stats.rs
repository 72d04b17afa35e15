//! Counters of a server, written by its shards and read by anyone.
//!
//! A shard counts in plain integers and publishes them once a turn of its loop, so that the delivery
//! path has no atomic operation of ours (invariant 4).

use core::sync::atomic::{AtomicU64, Ordering};

use super::latency::PublishedLatency;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What one shard, or all of a server's together, have done since the start.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        #[non_exhaustive]
        pub struct ShardStats {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl ShardStats {
            /// The sum of two shards'.
            #[must_use]
            pub fn plus(&self, other: &Self) -> Self {
                Self { $($name: self.$name + other.$name,)* }
            }
        }

        /// Where a shard publishes its counters.
        #[derive(Default)]
        pub(super) struct Published {
            /// Times of flushes, published as they are taken.
            pub(super) latency: PublishedLatency,
            $($name: AtomicU64,)*
        }

        impl Published {
            /// Makes `stats` visible to readers.
            pub(super) fn store(&self, stats: &ShardStats) {
                $(self.$name.store(stats.$name, Ordering::Relaxed);)*
            }

            /// What was last published. Each counter is exact; two may be a turn apart.
            pub(super) fn load(&self) -> ShardStats {
                ShardStats { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Connections now, handshaking and closing ones included.
    connections,
    /// Connections now that have authenticated.
    sessions,
    /// People now attached.
    attached,
    /// Handshakes begun.
    handshakes,
    /// Handshakes completed.
    handshakes_completed,
    /// Handshakes begun of clients that were here before, by their address token.
    returning,
    /// First packets that wait for a handshake now.
    waiting,
    /// Newcomers asked to prove their address first.
    retries,
    /// Newcomers turned away: too many connections, or stopping.
    refused,
    /// Newcomers ignored because too many were waiting.
    ignored,
    /// Connections closed by the server for what they sent or failed to send.
    closed_for_cause,
    /// Datagrams received.
    datagrams_received,
    /// Bytes received.
    bytes_received,
    /// Datagrams sent.
    datagrams_sent,
    /// Bytes sent.
    bytes_sent,
    /// System calls that sent them.
    sends,
    /// Datagrams the system would not send: QUIC sends their content again.
    datagrams_unsendable,
    /// Datagrams handed to the shard they belong to.
    forwarded,
    /// Datagrams not handed on because that shard is behind: QUIC sends them again.
    forward_dropped,
    /// Requests read.
    requests,
    /// Requests answered Busy.
    busy_answers,
    /// Envelopes handed to connections.
    deliveries,
    /// Sessions that have no room now: their connections have not acknowledged what they may.
    blocked,
    /// What rings, answers of the log, unacknowledged deliveries and waiting handshakes may take.
    memory_limit_bytes,
    /// What they take now; of unacknowledged deliveries an estimate from above.
    memory_used_bytes,
    /// Of this, rings.
    memory_rings_bytes,
    /// Of this, answers of the log.
    memory_answers_bytes,
    /// Envelopes that rings have lost under memory pressure; their readers go to the log.
    rings_shed,
    /// Times that normal messages stood back for an urgent one on its way to the log.
    stand_backs,
    /// Turns of the loop.
    turns,
    /// Microseconds the loop was not waiting.
    busy_us,
    /// Microseconds since the loop began.
    elapsed_us,
    /// The socket's receive buffer as granted by the system, in bytes.
    receive_buffer_bytes,
    /// The socket's send buffer as granted by the system, in bytes.
    send_buffer_bytes,
}

impl ShardStats {
    /// The share of its time the loop has not been waiting, 0 to 1; of all of them, the mean.
    #[must_use]
    pub fn utilisation(&self) -> f64 {
        if self.elapsed_us == 0 {
            return 0.0;
        }
        self.busy_us as f64 / self.elapsed_us as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_published_is_what_is_read_and_shards_add_up() {
        let published = Published::default();
        let stats = ShardStats {
            deliveries: 3,
            busy_us: 25,
            elapsed_us: 100,
            ..ShardStats::default()
        };
        published.store(&stats);
        assert_eq!(published.load(), stats);
        assert_eq!(stats.plus(&stats).deliveries, 6);
        assert!((stats.plus(&stats).utilisation() - 0.25).abs() < 1e-9);
    }
}
