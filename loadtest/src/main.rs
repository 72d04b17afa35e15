//! The `throng-loadtest` command: runs a scenario against a real server on real sockets and a real
//! disk, and checks every delivery and every record.
//!
//! A scenario is planned before anything is connected ([`plan`]); most members live in one sans-IO
//! loop ([`swarm`]) or come through gateways ([`gateways`]), a few and all senders use the client
//! library ([`library`]); all keep the same books ([`ledger`]), which the log is compared with at the
//! end ([`archive`]). The same load on other servers is in [`peers`].

mod archive;
mod away;
mod check;
mod conduct;
mod corpus;
mod crowd;
mod durable;
mod gateways;
mod ledger;
mod library;
mod mass_send;
mod measure;
mod peers;
mod plan;
mod processors;
mod provision;
mod publish;
mod refusal;
mod report;
mod run;
mod scenario;
mod scrape;
mod server_process;
mod swarm;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Args, Parser, Subcommand};

use peers::PeersArgs;
use run::{Options, Target, run};
use scenario::Scenario;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs load scenarios against Throng and checks every delivery.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs one scenario. Ends with 1 when anything was lost, duplicated or reordered, a rule did not
    /// hold or the log does not verify, and with 2 when it could not be run.
    Run(RunArgs),
    Peers(Box<PeersArgs>),
    /// The server of the `quinn` peer.
    #[command(hide = true)]
    ServeQuinn {
        /// Its certificate, PEM.
        #[arg(long, value_name = "FILE")]
        certificate: PathBuf,
        /// Its private key, PEM.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// The server of the `floor` peer.
    #[command(hide = true)]
    ServeFloor,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The scenario: see loadtest/scenarios.
    scenario: PathBuf,
    /// Writes the result as JSON here; `-` is the standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Messages are the lines of this UTF-8 file, in turn.
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
    /// Publishes for so long instead of what the scenario says.
    #[arg(long, value_name = "N")]
    seconds: Option<f64>,
    /// So many viewers instead of what the scenario says.
    #[arg(long, value_name = "N")]
    viewers: Option<usize>,
    /// A built `throng` to start, instead of building one.
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    binary: Option<PathBuf>,
    /// A server that runs already; its memory, CPU and log are not looked at.
    #[arg(long, value_name = "ADDR", requires = "data")]
    server: Option<SocketAddr>,
    /// The data directory of that server, for its keys.
    #[arg(long, value_name = "DIR", requires = "server")]
    data: Option<PathBuf>,
    /// The tenant of that server to use; people and groups are added to it.
    #[arg(long, value_name = "ID", default_value_t = 1, requires = "server")]
    tenant: u32,
    /// Clients have the last processor for themselves, and the server all others.
    #[arg(long, conflicts_with = "server")]
    apart: bool,
    /// Leaves the data directory.
    #[arg(long)]
    keep: bool,
    /// Of a durable scenario, the nats-server to compare with, instead of the one on PATH.
    #[arg(long, value_name = "FILE")]
    nats_server: Option<PathBuf>,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => run_and_report(args),
        Command::Peers(args) => peers::run_and_report(&args),
        Command::ServeQuinn { certificate, key } => {
            peers::quinn_server::serve(&certificate, &key).map(|()| true)
        }
        Command::ServeFloor => peers::floor::serve().map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("throng-loadtest: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs, prints and writes the result; whether it was good.
fn run_and_report(args: RunArgs) -> anyhow::Result<bool> {
    if durable::is_durable(&args.scenario) {
        ensure!(
            !args.apart,
            "--apart is not for a durable scenario: its server is embedded in its clients' process"
        );
        let (json, is_good) = durable::run(&args.scenario, args.seconds, args.nats_server)?;
        write_json(args.json.as_deref(), &json)?;
        return Ok(is_good);
    }
    if args.apart {
        processors::keep_apart()?;
    }
    let target = match (args.server, args.data) {
        (Some(server), Some(data)) => Target::Running {
            server,
            data,
            tenant: args.tenant,
        },
        _ => Target::Own {
            binary: args.binary,
        },
    };
    let outcome = run(&Options {
        scenario: Scenario::load(&args.scenario, args.seconds, args.viewers)?,
        corpus: args.corpus,
        target,
        keep: args.keep,
    })?;
    let report = &outcome.report;
    eprintln!("\n{}\n{}", report.scenario, report.table());
    for violation in &outcome.violations {
        eprintln!("  WRONG: {violation}");
    }
    let json = serde_json::to_string_pretty(report)? + "\n";
    write_json(args.json.as_deref(), &json)?;
    Ok(report.is_good() && outcome.violations.is_empty())
}

/// Writes a result where it was asked for; `-` is the standard output.
fn write_json(path: Option<&std::path::Path>, json: &str) -> anyhow::Result<()> {
    match path {
        Some(path) if path.as_os_str() == "-" => print!("{json}"),
        Some(path) => std::fs::write(path, json)
            .with_context(|| format!("cannot write {}", path.display()))?,
        None => {}
    }
    Ok(())
}
