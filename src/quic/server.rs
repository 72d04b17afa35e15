//! The QUIC server: its shards' threads, and what other threads may ask of them.

use core::net::SocketAddr;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use mio::{Poll, Waker};
use quinn_proto::{ConnectionIdGenerator, RandomConnectionIdGenerator};

use super::arrivals::{Forwarded, Peer};
use super::cid::ShardCodec;
use super::endpoint::{Control, Shard, ShardParts, WAKER};
use super::latency::Latency;
use super::options::{Limits, ServerOptions};
use super::registry::Registry;
use super::socket;
use super::stats::{Published, ShardStats};
use super::tls::NotForQuic;
use crate::engine::Engine;
use crate::shard::{self, Core};

/// Datagrams on their way to one shard from the others; more are dropped and sent again by QUIC.
const FORWARDED_MAX: usize = 1024;
/// What a server tells a shard is taken within a turn of its loop.
const CONTROL_MAX: usize = 8;

/// Why a server did not start. No thread and no socket is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No shards.
    #[error("shards is 0: a server needs at least 1, about one a core")]
    NoShards,
    /// Somebody else has the port.
    #[error("UDP port {} of {} is in use: stop the other server or listen elsewhere", .listen.port(), .listen.ip())]
    PortInUse {
        /// Where it was to listen.
        listen: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on UDP {listen}: {source}")]
    Bind {
        /// Where it was to listen.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The TLS configuration is none for QUIC.
    #[error(transparent)]
    Tls(#[from] NotForQuic),
    /// A shard could not set up its loop.
    #[error("shard {shard} cannot run: {source}")]
    Shard {
        /// Which.
        shard: u16,
        /// What the system said.
        source: io::Error,
    },
}

/// How a server ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stopped {
    /// Connections that had not finished their farewell when the time was up.
    pub connections_cut: u64,
    /// Shards whose loop had failed before.
    pub shards_failed: u16,
}

struct Running {
    thread: JoinHandle<io::Result<()>>,
    control: Sender<Control>,
    waker: Arc<Waker>,
    published: Arc<Published>,
}

/// A QUIC server at work. Dropping it without [`Server::stop`] leaves its threads running.
pub struct Server {
    shards: Vec<Running>,
    local_addr: SocketAddr,
    registry: Arc<Registry>,
    limits: Limits,
}

impl Server {
    /// Binds the address and starts a thread per shard, each with a port of `engine`.
    pub fn start(engine: &Engine, options: ServerOptions) -> Result<Self, StartError> {
        let ServerOptions {
            listen,
            shards,
            tls,
            tokens,
            limits,
            shard: shard_config,
        } = options;
        if shards == 0 {
            return Err(StartError::NoShards);
        }
        let config = limits.quic(tls)?;
        let shard_config = shard::Config {
            memory_bytes: limits.memory_budget_bytes / usize::from(shards),
            ..shard_config
        };
        let sockets = socket::bind(listen, shards, limits.socket_buffer_bytes);
        let sockets = sockets.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::PortInUse { listen },
            _ => StartError::Bind { listen, source },
        })?;
        let bind_error = |source| StartError::Bind { listen, source };
        let local_addr = sockets[0].local_addr().map_err(bind_error)?;
        let codec = ShardCodec::new(random_key());
        let registry = Arc::new(Registry::new());
        let (doors, peers) = doors(shards)?;
        let mut started = Self {
            shards: Vec::new(),
            local_addr,
            registry: registry.clone(),
            limits: limits.clone(),
        };
        for ((shard, socket), door) in (0..shards).zip(sockets).zip(doors) {
            let (control, control_receiver) = bounded(CONTROL_MAX);
            let published = Arc::new(Published::default());
            let wake = door.waker.clone();
            let parts = ShardParts {
                shard,
                shards,
                poll: door.poll,
                socket,
                config: config.clone(),
                codec,
                port: engine.port(move || {
                    // A waker that fails has a dead loop behind it, which its thread reports.
                    let _ = wake.wake();
                }),
                engine: engine.clone(),
                core: Core::new(shard_config.clone()),
                limits: limits.clone(),
                tokens: tokens.clone(),
                registry: registry.clone(),
                control: control_receiver,
                forwarded: door.forwarded,
                peers: peers.clone(),
                published: published.clone(),
            };
            match spawn(parts) {
                Ok(thread) => started.shards.push(Running {
                    thread,
                    control,
                    waker: door.waker,
                    published,
                }),
                Err(source) => {
                    started.stop(Duration::ZERO);
                    return Err(StartError::Shard { shard, source });
                }
            }
        }
        Ok(started)
    }

    /// The address it listens on, with the port that was picked.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// New connections use `tls` from now on; those there are keep theirs.
    pub fn reload_tls(&self, tls: Arc<rustls::ServerConfig>) -> Result<(), NotForQuic> {
        let config = self.limits.quic(tls)?;
        for shard in &self.shards {
            shard.tell(Control::Reload(config.clone()));
        }
        Ok(())
    }

    /// Each shard's counters, in the shards' order.
    #[must_use]
    pub fn stats(&self) -> Vec<ShardStats> {
        let shards = self.shards.iter();
        shards.map(|shard| shard.published.load()).collect()
    }

    /// How long deliveries took from their release to the end of the flush that handed them to all
    /// who are live, in the shards' order.
    #[must_use]
    pub fn latency(&self) -> Vec<Latency> {
        let shards = self.shards.iter();
        shards.map(|shard| shard.published.latency.load()).collect()
    }

    /// Who is connected and has authenticated, by connection number.
    #[must_use]
    pub fn sessions(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Whether every shard's loop is running.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.shards.iter().all(|shard| !shard.thread.is_finished())
    }

    /// Stops: refuses newcomers, answers what is in flight for up to half of `drain`, flushes, closes
    /// every connection with [`super::CloseCode::ShuttingDown`] and waits for their farewells.
    pub fn stop(self, drain: Duration) -> Stopped {
        let by = Instant::now() + drain;
        for shard in &self.shards {
            shard.tell(Control::Stop { by });
        }
        let mut stopped = Stopped {
            connections_cut: 0,
            shards_failed: 0,
        };
        for shard in self.shards {
            if !matches!(shard.thread.join(), Ok(Ok(()))) {
                stopped.shards_failed += 1;
            }
            stopped.connections_cut += shard.published.load().connections;
        }
        stopped
    }
}

impl Running {
    /// A shard whose loop has ended hears nothing any more, and needs not.
    fn tell(&self, control: Control) {
        if self.control.send(control).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

/// Where a shard hears from other threads.
struct Door {
    poll: Poll,
    waker: Arc<Waker>,
    forwarded: Receiver<Forwarded>,
}

/// Every shard's door, and how the others reach it.
fn doors(shards: u16) -> Result<(Vec<Door>, Vec<Peer>), StartError> {
    let mut doors = Vec::new();
    let mut peers = Vec::new();
    for shard in 0..shards {
        let failed = |source| StartError::Shard { shard, source };
        let poll = Poll::new().map_err(failed)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER).map_err(failed)?);
        let (sender, forwarded) = bounded(FORWARDED_MAX);
        peers.push(Peer {
            forwarded: sender,
            waker: waker.clone(),
        });
        doors.push(Door {
            poll,
            waker,
            forwarded,
        });
    }
    Ok((doors, peers))
}

fn spawn(parts: ShardParts) -> io::Result<JoinHandle<io::Result<()>>> {
    let (ready, is_ready) = bounded(1);
    let shard = parts.shard;
    let thread = std::thread::Builder::new().name(format!("throng-shard-{shard}"));
    let thread = thread.spawn(move || match Shard::new(parts, Instant::now()) {
        Ok(shard) => {
            let _ = ready.send(Ok(()));
            let result = shard.run();
            if let Err(error) = &result {
                tracing::error!(%error, "a shard's loop has failed: its connections are lost");
            }
            result
        }
        Err(error) => {
            let _ = ready.send(Err(error));
            Ok(())
        }
    })?;
    match is_ready.recv() {
        Ok(Ok(())) => Ok(thread),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::other("its thread ended before it began")),
    }
}

/// A key that only this server's shards know.
fn random_key() -> [u8; 16] {
    let mut key = [0; 16];
    let mut random = RandomConnectionIdGenerator::new(key.len());
    key.copy_from_slice(&random.generate_cid());
    key
}
