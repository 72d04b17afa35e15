//! The knobs themselves. Sizes and times carry their unit in the value; names of sizes end in what
//! is counted.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::section::sections;
use super::units::{ByteSize, TimeSpan};

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

impl std::str::FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected `text` or `json`"),
        }
    }
}

sections! {
    /// The QUIC side: where it listens and on how many threads.
    server: Server {
        /// The address and UDP port that clients connect to. Port 0 takes a free one, which the
        /// ready line then names.
        listen: SocketAddr = "127.0.0.1:4433", costs "nothing";
        /// Threads that own connections: encryption, fan-out and catch-up happen there. 0 is one
        /// per processor, less one where there are more than two, for the sequencer and the log.
        shards: u16 = "0" in "0" to "64",
        costs "a thread, a socket and one ring per group that is online on it";
        /// What is asked of the system for datagrams that arrived and wait for a shard, per shard.
        /// The start log says how much was granted; `net.core.rmem_max` bounds it.
        udp_receive_bytes: ByteSize = "4 MiB" in "64 KiB" to "1 GiB",
        costs "up to this much kernel memory per shard";
        /// What is asked of the system for datagrams on their way out, per shard;
        /// `net.core.wmem_max` bounds it.
        udp_send_bytes: ByteSize = "4 MiB" in "64 KiB" to "1 GiB",
        costs "up to this much kernel memory per shard";
        /// How long a stopping server goes on sending what its sessions have not been sent yet.
        drain: TimeSpan = "10 s" in "0 s" to "10 min",
        costs "this much longer a stop, when clients are slow";
    }

    /// Certificates. A path is taken from the data directory unless it is absolute; while these
    /// are the defaults and there are none, the first start makes development certificates.
    tls: Tls {
        /// The server's certificate and those that issued it, PEM.
        certificate_file: PathBuf = "tls/server.pem", costs "nothing";
        /// The private key of that certificate, PEM.
        key_file: PathBuf = "tls/server.key", costs "nothing";
        /// Who may issue the certificates of gateways and operators, PEM.
        client_ca_file: PathBuf = "tls/ca.pem", costs "nothing";
    }

    /// People's tokens.
    auth: Auth {
        /// The public keys of those who may issue tokens, PEM, one after the other. From the data
        /// directory unless absolute.
        token_public_key_file: PathBuf = "keys/token.pub.pem",
        costs "one signature check per key and connection";
        /// The longest that a token may be valid for when it is shown; one that lives longer is
        /// refused. A connection is closed when its token expires.
        token_lifetime_max: TimeSpan = "24 h" in "1 min" to "30 d",
        costs "a stolen token being of use for as long";
    }

    /// What one client, and all of them, may take.
    limits: Limits {
        /// Connections on all shards; one more is refused.
        connections_max: u32 = "100000" in "1" to "1000000",
        costs "about 32 KiB of memory per connection that is there";
        /// New connections a second per shard above which each must first prove its address by a
        /// Retry.
        retry_above_handshakes_per_s: u32 = "500" in "0" to "100000",
        costs "one round trip for newcomers above it; below it, answers to spoofed addresses";
        /// Handshakes a shard takes on before it turns to its members again.
        handshakes_per_turn_max: u16 = "4" in "1" to "256",
        costs "up to a millisecond of delay to members per handshake";
        /// From the first packet to an accepted token or certificate; then the connection is closed.
        authentication_timeout: TimeSpan = "10 s" in "1 s" to "5 min",
        costs "the memory of a connection that never says who it is, for as long";
        /// Silence after which a connection is given up.
        idle_timeout: TimeSpan = "60 s" in "1 s" to "1 h",
        costs "the memory of connections whose client is gone, for as long";
        /// Requests of one connection that may be under way; one more is answered `Busy`.
        requests_in_flight_max: u32 = "256" in "1" to "65536",
        costs "the memory of their answers";
        /// People that one gateway connection may carry.
        attached_per_connection_max: u32 = "10000" in "1" to "100000",
        costs "about 1 KiB of memory each, and as many cursors as they have groups";
    }

    /// The log: recovery log and archive in one.
    log: Log {
        /// Size of one segment file, allocated when it is begun. One segment of free space stays
        /// reserved for leaving, revoking and retention when the disk is full.
        segment_bytes: ByteSize = "128 MiB" in "1 MiB" to "4 GiB",
        costs "this much disk ahead of use, and as much again in reserve";
        /// Serve from a file system in memory, where nothing survives the machine. For tests.
        allow_tmpfs: bool = "false", costs "every record, when the machine stops";
    }

    /// Deciding, and the way from a command to what it makes visible.
    engine: Engine {
        /// Commands between the door and their release; past it requests are answered `Busy`.
        admission_bytes: ByteSize = "64 MiB" in "1 MiB" to "4 GiB",
        costs "up to this much memory";
        /// Attaches under way at once, in room of their own that publishes cannot take.
        attaches_max: u64 = "16384" in "64" to "1000000", costs "512 bytes each";
        /// Deliveries released to a shard that it has not taken yet; past it the shard reads them
        /// from the log.
        outbox_bytes: ByteSize = "32 MiB" in "1 MiB" to "4 GiB",
        costs "up to this much memory per shard";
        /// Threads that read the log for sessions that are behind.
        readers: u16 = "2" in "1" to "16",
        costs "a thread each, and as much disk bandwidth taken from the log";
        /// Records between two snapshots: about how many a start replays at most.
        snapshot_every_records: u64 = "1000000" in "1000" to "1000000000",
        costs "a second state in memory while one is made; the longer a start, the fewer of them";
    }

    /// What each shard keeps in memory.
    shard: Shard {
        /// Envelopes each shard keeps per online group for sessions that lag. A session further
        /// behind is served from the log, many times slower per message.
        ring_bytes: ByteSize = "256 KiB" in "16 KiB" to "64 MiB",
        costs "this much memory per shard and online group";
        /// What one session may be given in one write before it is the next one's turn.
        write_bytes: ByteSize = "128 KiB" in "4 KiB" to "16 MiB",
        costs "the shard's other sessions this much of a wait";
        /// What is asked of the log at once for one group that is behind, in sequences.
        fetch_sequences: u64 = "256" in "1" to "65536",
        costs "one read of about as many messages";
        /// What is kept of one answer of the log; the rest is asked for again.
        fetch_bytes: ByteSize = "256 KiB" in "4 KiB" to "16 MiB",
        costs "this much memory per answer under way";
        /// Answers of the log awaited or kept at once.
        fetches_max: u16 = "32" in "1" to "1024",
        costs "as many times `fetch_bytes` of memory per shard";
        /// How long a shard sends before it looks at what has arrived again.
        flush_budget: TimeSpan = "1 ms" in "100 us" to "100 ms",
        costs "as much delay to arrivals; less of it means smaller batches";
    }

    /// The local port for metrics and health.
    http: Http {
        /// The address and TCP port of /metrics, /healthz and /readyz. Port 0 takes a free one.
        listen: SocketAddr = "127.0.0.1:9464", costs "one thread";
        /// Allow an address that other machines reach. Metrics are not secret, but nothing here
        /// asks who is there.
        allow_remote: bool = "false", costs "your metrics being readable by your network";
    }

    /// What the server says of itself, on standard error.
    logging: Logging {
        /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or per module as in
        /// `info,throng::quic=debug`.
        level: String = "info", costs "nothing at `info`; `debug` writes lines per connection";
        /// `text` for people, `json` for collectors.
        format: LogFormat = "text", costs "nothing";
    }
}
