//! What a server is started with. Every knob states its unit, default and cost.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use quinn_proto::{
    AckFrequencyConfig, IdleTimeout, MtuDiscoveryConfig, ServerConfig, TransportConfig,
    ValidationTokenConfig, VarInt, crypto,
};

use super::account::HANDSHAKE_BUFFERS_BYTES;
use super::address_tokens::{self, UsedTokens};
use super::auth::{AuthError, Identity};
use super::congestion::UsedCubicConfig;
use super::tls::{Forgetful, NotForQuic};
use crate::shard;
use crate::wire::Timestamp;

/// Packets that a client may get without acknowledging any, if it can be asked for that.
const UNACKNOWLEDGED_PACKETS_MAX: u32 = 3;

/// Checks a person's token at a time and says who it is.
pub type CheckToken = dyn Fn(&str, Timestamp) -> Result<Identity, AuthError> + Send + Sync;

/// What [`super::Server::start`] needs.
#[derive(Clone)]
pub struct ServerOptions {
    /// The UDP address to listen on; port 0 picks a free one.
    pub listen: SocketAddr,
    /// How many shards: threads with a socket and a loop each. At least 1; about one a core.
    pub shards: u16,
    /// Certificates, ALPN and cipher suites; AES-128-GCM must be among them (QUIC's first packets).
    pub tls: Arc<rustls::ServerConfig>,
    /// Checks a person's token.
    pub tokens: Arc<CheckToken>,
    /// What connections may cost.
    pub limits: Limits,
    /// How each shard keeps and flushes its sessions.
    pub shard: shard::Config,
}

/// What connections may cost the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Connections at a time, all shards together; more are refused.
    /// Default 50,000. An idle one costs about 17 KiB.
    pub connections_max: u32,
    /// Rings, answers of the log, deliveries not acknowledged and waiting handshakes, in bytes, all
    /// shards together. Default 512 MiB. Under pressure rings keep less.
    pub memory_budget_bytes: usize,
    /// Handshakes begun in one turn of a shard's loop; the others wait their turn.
    /// Default 4. Each costs a shard up to a millisecond, in which nobody is delivered to.
    pub handshakes_per_turn: u32,
    /// First packets that wait for a handshake, a shard, of newcomers and as many of clients that
    /// were here before; more are ignored and come again. Default 1,024. Each costs up to 34 KiB,
    /// all together 4 MiB and 2 KiB each.
    pub handshakes_waiting_max: u32,
    /// Newcomers a second and shard above which each must first prove its address (Retry).
    /// Default 500. Proving costs the newcomer a round trip and the server nearly nothing.
    pub retry_above_per_s: u32,
    /// How long after connecting the first bytes of a request may take. Default 5 s.
    pub first_byte_timeout: Duration,
    /// How long after connecting a valid Hello may take. Default 10 s.
    pub authentication_timeout: Duration,
    /// How long nothing at all may come from a client, keep-alives included. Default 60 s.
    /// Longer keeps the memory of clients that went without a word.
    pub idle_timeout: Duration,
    /// Bytes a client may send ahead on each of its two streams. Default 256 KiB.
    /// Costs up to twice this much memory per connection, only while a client outruns the server.
    pub stream_receive_window_bytes: u32,
    /// Bytes a client may send ahead before it has authenticated. Default 32 KiB.
    pub unauthenticated_receive_window_bytes: u32,
    /// Bytes sent to a client and not acknowledged, deliveries and answers together.
    /// Default 256 KiB; with 100 ms of round trip that is 2.5 MB/s. Deliveries are shared memory,
    /// so the cost per connection is the packets' bookkeeping.
    pub unacknowledged_bytes_max: u64,
    /// How long a client's acknowledgement may wait to be handled together with the next delivery to
    /// it, while there is nothing else to send to it. Default 100 ms; 0 handles each at once. A loss
    /// that only it shows is repaired so much later.
    pub acknowledgements_wait_max: Duration,
    /// How long a client is asked to wait for more packets before it acknowledges what it has, with
    /// nothing missing among them (draft-ietf-quic-ack-frequency); it acknowledges every fourth packet
    /// at once. Default 200 ms, as TCP's; 0 asks for nothing and leaves it at QUIC's own 25 ms and every
    /// second packet. When the last packet of several is lost, it is sent again so much later.
    pub acknowledgement_delay: Duration,
    /// How long a member's normal messages may wait for company in a loop that is busy more than 70 %
    /// of its time. Default 50 ms; 0 always sends at once.
    pub coalesce_max: Duration,
    /// Bytes of answers that wait for a client to read them, those still to come included; beyond,
    /// its next request is not read. Default 256 KiB: about 900 publishes or 8 other commands at a
    /// time. Costs up to this much memory per connection that does not read.
    pub answer_bytes_max: usize,
    /// Pages of the archive that a connection has asked for and not read; one more is answered `Busy`.
    /// Default 4. Range 1 to 64. Each costs a page, by default 256 KiB.
    pub pulls_max: u32,
    /// People attached through one gateway; more are refused.
    /// Default 200,000. Each costs about 400 bytes, and 150 more for each further group.
    pub gateway_people_max: u32,
    /// Attaches of one gateway in the engine's hands at a time; the others of its frame wait.
    /// Default 1,024. Fewer where its people are in many groups.
    pub gateway_attaches_max: u32,
    /// Socket buffers to ask for, each way, a shard. Default 8 MiB; what the system granted is in
    /// [`super::ShardStats`].
    pub socket_buffer_bytes: usize,
    /// The UDP payload a connection begins with. Default 1,452, which fits Ethernet with IPv6;
    /// 1,200 is always safe, and what a connection falls back to where packets vanish.
    pub initial_mtu_bytes: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 50_000,
            memory_budget_bytes: 512 * 1024 * 1024,
            handshakes_per_turn: 4,
            handshakes_waiting_max: 1024,
            retry_above_per_s: 500,
            first_byte_timeout: Duration::from_secs(5),
            authentication_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            stream_receive_window_bytes: 256 * 1024,
            unauthenticated_receive_window_bytes: 32 * 1024,
            unacknowledged_bytes_max: 256 * 1024,
            acknowledgements_wait_max: Duration::from_millis(100),
            acknowledgement_delay: Duration::from_millis(200),
            coalesce_max: Duration::from_millis(50),
            answer_bytes_max: 256 * 1024,
            pulls_max: 4,
            gateway_people_max: 200_000,
            gateway_attaches_max: 1024,
            socket_buffer_bytes: 8 * 1024 * 1024,
            initial_mtu_bytes: 1452,
        }
    }
}

impl Limits {
    /// The connection's receive window once it has authenticated: both streams' windows.
    pub(super) fn receive_window(&self) -> VarInt {
        VarInt::from_u32(
            self.stream_receive_window_bytes
                .saturating_mul(2)
                .min(1 << 30),
        )
    }

    /// QUIC's own settings.
    fn transport(&self) -> TransportConfig {
        let mut transport = TransportConfig::default();
        let idle_ms = u32::try_from(self.idle_timeout.as_millis()).unwrap_or(u32::MAX);
        let mut discovery = MtuDiscoveryConfig::default();
        discovery.upper_bound(self.initial_mtu_bytes.max(1452));
        transport
            // Requests and attachments; quinn-proto keeps an entry per permitted stream.
            .max_concurrent_bidi_streams(VarInt::from_u32(2))
            .max_concurrent_uni_streams(VarInt::from_u32(0))
            .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle_ms))))
            .stream_receive_window(VarInt::from_u32(self.stream_receive_window_bytes))
            .receive_window(VarInt::from_u32(self.unauthenticated_receive_window_bytes))
            .send_window(self.unacknowledged_bytes_max)
            .initial_mtu(self.initial_mtu_bytes)
            .mtu_discovery_config(Some(discovery))
            .datagram_receive_buffer_size(None)
            .datagram_send_buffer_size(0)
            .congestion_controller_factory(Arc::new(UsedCubicConfig::default()))
            // One bit that tells observers the round-trip time and nobody here reads.
            .allow_spin(false);
        if !self.acknowledgement_delay.is_zero() {
            let mut asked = AckFrequencyConfig::default();
            // Any packet out of order is acknowledged at once, as without the extension.
            asked
                .ack_eliciting_threshold(VarInt::from_u32(UNACKNOWLEDGED_PACKETS_MAX))
                .reordering_threshold(VarInt::from_u32(1));
            transport.ack_frequency_config(Some(asked));
        }
        transport
    }

    /// QUIC's server configuration with `tls`.
    pub(super) fn quic(
        &self,
        tls: Arc<rustls::ServerConfig>,
    ) -> Result<Arc<ServerConfig>, NotForQuic> {
        Ok(self.quic_with(Arc::new(Forgetful::new(tls, self.acknowledgement_delay)?)))
    }

    /// The same with any cryptography.
    pub(super) fn quic_with(&self, crypto: Arc<dyn crypto::ServerConfig>) -> Arc<ServerConfig> {
        let mut config = ServerConfig::with_crypto(crypto);
        let mut validation = ValidationTokenConfig::default();
        // One a connection: with it the client is known as a returning one before its handshake.
        validation
            .sent(1)
            .lifetime(address_tokens::LIFETIME)
            .log(Arc::new(UsedTokens::new()));
        config
            .transport_config(Arc::new(self.transport()))
            .validation_token_config(validation)
            // Of each class.
            .max_incoming(2 * self.handshakes_waiting_max as usize)
            .incoming_buffer_size(32 * 1024)
            .incoming_buffer_size_total(HANDSHAKE_BUFFERS_BYTES as u64);
        Arc::new(config)
    }
}
