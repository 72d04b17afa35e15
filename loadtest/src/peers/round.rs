//! One round of one peer: its server started, its clients connected, the load driven, figures taken.
//!
//! The clients of every peer are driven by the same loop, one thread of this process; what differs is
//! how their bytes travel ([`Clients`]). The server is always a process of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

use super::course::Course;
use super::process::{Certificates, PeerServer};
use super::protocol::{Dialect, tls};
use super::quic::QuicClients;
use super::shape::Load;
use super::system::System;
use super::tcp::TcpClients;
use super::udp::UdpClients;
use crate::measure::{cpu_us, rss_kib};
use crate::processors;
use crate::provision::roots;
use crate::report::RecipientLatency;
use crate::run::CLIENT_BOUND_ABOVE;

/// How long everybody may take to come online.
const ONLINE_DEADLINE: Duration = Duration::from_secs(60);
/// Quiet before the first message, so that handshakes are not measured.
const SETTLE: Duration = Duration::from_secs(1);
/// How long to listen for what comes twice after all has come once.
const LINGER: Duration = Duration::from_millis(300);
/// A round in which nothing arrives for this long is over, and what is missing is lost.
const STALL: Duration = Duration::from_secs(10);
/// The longest the loop waits without looking around.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// Takes a delivery: which subscriber got what, and when.
pub(super) type Each<'a> = dyn FnMut(usize, &[u8], Instant) + 'a;

/// The clients of one round: subscribers and publishers of one system.
pub(super) trait Clients {
    /// Clients that are subscribed or can publish.
    fn ready(&self) -> usize;

    /// Sends what there is to send, waits until something arrives, `timeout` at most, and gives the
    /// deliveries to `each`.
    fn turn(&mut self, timeout: Duration, each: &mut Each<'_>) -> anyhow::Result<()>;

    /// Publishes with the next turn.
    fn publish(&mut self, publisher: usize, payload: &[u8]) -> anyhow::Result<()>;
}

/// The figures of one round.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Round {
    /// User and system time of the server's process, first publish to last delivery.
    pub(super) server_cpu_us_per_delivery: Option<f64>,
    /// The same of the process with all clients.
    pub(super) client_cpu_us_per_delivery: Option<f64>,
    pub(super) deliveries_per_s: f64,
    /// From when a message was due to its first subscriber.
    pub(super) first_recipient_latency_us: RecipientLatency,
    /// From when a message was due to its last subscriber.
    pub(super) last_recipient_latency_us: RecipientLatency,
    /// What the server grew by from nobody to everybody connected, before the first message.
    pub(super) rss_kib_per_connection: Option<f64>,
    /// The part of the processors that was busy with it; where servers and clients are kept apart, of
    /// the busier side.
    pub(super) load: Option<f64>,
    /// Clients and server together took more than 80 % of all cores.
    pub(super) client_bound: Option<bool>,
    pub(super) elapsed_s: f64,
    pub(super) deliveries: u64,
    pub(super) lost: u64,
    pub(super) duplicated: u64,
    pub(super) reordered: u64,
    pub(super) corrupted: u64,
}

/// The load of a round, from processor time a delivery of each side.
pub(super) fn load_of(
    server: Option<f64>,
    clients: Option<f64>,
    deliveries_per_s: f64,
) -> Option<f64> {
    let per_s = |per_delivery: f64| per_delivery * deliveries_per_s;
    Some(processors::load(per_s(server?), per_s(clients?)))
}

impl Round {
    /// Whether everybody got everything once and in order.
    pub(super) fn is_exact(&self) -> bool {
        self.lost + self.duplicated + self.reordered + self.corrupted == 0
    }
}

/// What all rounds of a run share.
pub(super) struct Stage {
    pub(super) certificates: Certificates,
    /// Where servers put what they write.
    pub(super) directory: PathBuf,
    pub(super) cpus: usize,
}

/// Processor time so far of the server and of this process.
#[derive(Clone, Copy)]
struct Cpu {
    server_us: Option<u64>,
    client_us: Option<u64>,
}

impl Cpu {
    fn of(server: u32) -> Self {
        Self {
            server_us: cpu_us(server),
            client_us: cpu_us(std::process::id()),
        }
    }

    fn since(self, before: Self) -> Self {
        let less = |after: Option<u64>, before: Option<u64>| Some(after?.saturating_sub(before?));
        Self {
            server_us: less(self.server_us, before.server_us),
            client_us: less(self.client_us, before.client_us),
        }
    }
}

/// Runs one round of `system`, whose server is `program`.
pub(super) fn run_peer(
    system: System,
    program: &Path,
    load: Load,
    stage: &Stage,
) -> anyhow::Result<Round> {
    let server = PeerServer::start(system, program, &stage.certificates, &stage.directory)?;
    let rss_idle = rss_kib(server.pid());
    let mut clients = connect(system, &server, load, stage)?;
    let clients = clients.as_mut();
    wait_online(clients, load.subscribers + load.publishers)?;
    listen(clients, SETTLE, &mut |_, _, _| {})?;
    let rss_before = rss_kib(server.pid());

    let mut course = Course::new(load);
    let before = Cpu::of(server.pid());
    drive(clients, &mut course)?;
    let used = Cpu::of(server.pid()).since(before);
    listen(clients, LINGER, &mut |subscriber, payload, now| {
        course.delivered(subscriber, payload, now);
    })?;

    let books = course.books();
    let elapsed_s = course.elapsed().as_secs_f64();
    let per_delivery = |us: Option<u64>| us.map(|us| us as f64 / books.deliveries.max(1) as f64);
    let busy_us = used.server_us.zip(used.client_us);
    let (server, clients) = (per_delivery(used.server_us), per_delivery(used.client_us));
    let deliveries_per_s = books.deliveries as f64 / elapsed_s.max(1e-6);
    Ok(Round {
        server_cpu_us_per_delivery: server,
        client_cpu_us_per_delivery: clients,
        deliveries_per_s,
        load: load_of(server, clients, deliveries_per_s),
        first_recipient_latency_us: RecipientLatency::of(&books.first),
        last_recipient_latency_us: RecipientLatency::of(&books.last),
        rss_kib_per_connection: rss_before.zip(rss_idle).map(|(before, idle)| {
            let connections = load.subscribers + load.publishers;
            before.saturating_sub(idle) as f64 / connections as f64
        }),
        client_bound: busy_us.map(|(server, client)| {
            let available_us = elapsed_s * 1e6 * stage.cpus as f64;
            (server + client) as f64 > CLIENT_BOUND_ABOVE * available_us
        }),
        elapsed_s,
        deliveries: books.deliveries,
        lost: course.lost(),
        duplicated: books.duplicated,
        reordered: books.reordered,
        corrupted: books.corrupted,
    })
}

/// The clients of `system`, still to be connected.
fn connect(
    system: System,
    server: &PeerServer,
    load: Load,
    stage: &Stage,
) -> anyhow::Result<Box<dyn Clients>> {
    let address = server.address;
    let (subscribers, publishers) = (load.subscribers, load.publishers);
    let trusted =
        || -> anyhow::Result<_> { Ok(tls::client_config(roots(&stage.certificates.ca)?)?) };
    let dialect = match system {
        System::Nats | System::NatsTls => Dialect::Nats,
        System::Mosquitto | System::MosquittoTls => Dialect::Mqtt,
        System::Redis => Dialect::Redis,
        System::Floor => return Ok(Box::new(UdpClients::new(address, subscribers, publishers)?)),
        System::Quinn | System::Throng => {
            let clients = QuicClients::new(address, trusted()?, subscribers, publishers)?;
            return Ok(Box::new(clients));
        }
    };
    let tls = match system.uses_tls() {
        true => Some(Arc::new(trusted()?)),
        false => None,
    };
    let clients = TcpClients::new(address, dialect, tls, subscribers, publishers)?;
    Ok(Box::new(clients))
}

fn wait_online(clients: &mut dyn Clients, everybody: usize) -> anyhow::Result<()> {
    let start = Instant::now();
    while clients.ready() < everybody {
        clients.turn(WAIT_MAX, &mut |_, _, _| {})?;
        ensure!(
            start.elapsed() < ONLINE_DEADLINE,
            "{} of {everybody} clients came online within {ONLINE_DEADLINE:?}",
            clients.ready()
        );
    }
    Ok(())
}

/// Takes what comes for `time`.
fn listen(clients: &mut dyn Clients, time: Duration, each: &mut Each<'_>) -> anyhow::Result<()> {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        clients.turn(left, each)?;
    }
    Ok(())
}

/// Publishes what is due and takes what comes until everybody has everything, or nothing comes.
fn drive(clients: &mut dyn Clients, course: &mut Course) -> anyhow::Result<()> {
    course.start(Instant::now());
    let mut last = (0, Instant::now());
    while !course.is_complete() {
        let now = Instant::now();
        let got = course.books().deliveries;
        if got != last.0 {
            last = (got, now);
        } else if now - last.1 > STALL {
            break;
        }
        while let Some((publisher, payload)) = course.publish(now) {
            clients.publish(publisher, payload)?;
        }
        let wait = course.wait(now).unwrap_or(WAIT_MAX).min(WAIT_MAX);
        clients.turn(wait, &mut |subscriber, payload, now| {
            course.delivered(subscriber, payload, now);
        })?;
    }
    Ok(())
}
