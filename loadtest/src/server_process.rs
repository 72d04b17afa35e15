//! The server as a process of its own: built with the same cargo, started, killed, stopped.
//!
//! Only processes started here are ever ended, by their id. Dropping the handle kills the server, so
//! that a panic leaves nothing behind; [`end_on_signal`] does the same for ctrl-c and SIGTERM.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;

use crate::processors::as_server;

/// How long a start may take, recovery included.
const READY_DEADLINE: Duration = Duration::from_secs(60);
/// How long a stop may take, draining included.
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// The process to end with this one; 0 when there is none.
static RUNNING: AtomicU32 = AtomicU32::new(0);

/// Ends the server and this process on ctrl-c and SIGTERM. Needs a runtime with signals.
pub(crate) async fn end_on_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    let pid = RUNNING.load(Ordering::Acquire);
    if pid != 0 {
        // Gone already is as good.
        let _ = send(pid, Signal::SIGKILL);
    }
    eprintln!("interrupted");
    std::process::exit(130)
}

/// From now on process `pid`, which this one started, ends with it. One at a time.
pub(crate) fn end_with_this(pid: u32) {
    RUNNING.store(pid, Ordering::Release);
}

/// Process `pid` has ended.
pub(crate) fn has_ended(pid: u32) {
    let _ = RUNNING.compare_exchange(pid, 0, Ordering::AcqRel, Ordering::Acquire);
}

fn send(pid: u32, signal: Signal) -> nix::Result<()> {
    kill(Pid::from_raw(pid as i32), signal)
}

/// Builds the server with the cargo that runs this and returns the program's path.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // With this package among those selected its libraries are what they were for it: they are built once.
    let selected = [
        "-p",
        "throng",
        "-p",
        env!("CARGO_PKG_NAME"),
        "--bin",
        "throng",
    ];
    let args = [&["build", "--release"][..], &selected].concat();
    eprintln!("building the server: cargo {}", args.join(" "));
    let mut build = Command::new(cargo);
    // What `cargo run` says of this package would make build scripts that read it run again, and
    // everything behind them be built twice.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            build.env_remove(&*name);
        }
    }
    build
        .args(args)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(workspace())
        .stderr(Stdio::inherit());
    let output = as_server(|| build.output())
        .context("cargo cannot be run; give a built server with --binary")?;
    ensure!(output.status.success(), "the server cannot be built");
    built_program(&String::from_utf8_lossy(&output.stdout))
        .ok_or_else(|| anyhow!("cargo named no program `throng`"))
}

/// The path in cargo's messages of the program `throng`.
fn built_program(messages: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    #[derive(Deserialize)]
    struct Message {
        target: Option<Target>,
        executable: Option<PathBuf>,
    }
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    messages
        .filter(|message: &Message| message.target.as_ref().is_some_and(|t| t.name == "throng"))
        .find_map(|message| message.executable)
}

/// The directory of the workspace this program was built from.
pub(crate) fn workspace() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or(package.clone(), Path::to_path_buf)
}

/// What `throng bootstrap --json` says: the first tenant and where the keys are.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Bootstrap {
    pub(crate) tenant: u32,
    pub(crate) ca: PathBuf,
    pub(crate) operator_cert: PathBuf,
    pub(crate) operator_key: PathBuf,
    pub(crate) token_key: PathBuf,
}

impl Bootstrap {
    /// Makes the data directory `data` with a first tenant whose days change in `zone`.
    pub(crate) fn make(program: &Path, data: &Path, zone: &str) -> anyhow::Result<Self> {
        let tenant = [
            "--tenant",
            "青禾科技",
            "--admin",
            "Operator",
            "--zone",
            zone,
        ];
        let output = Command::new(program)
            .arg("bootstrap")
            .arg("--data")
            .arg(data)
            .args(tenant)
            .args(["--verified-days", "30", "--json"])
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("{} cannot be run", program.display()))?;
        ensure!(output.status.success(), "`throng bootstrap` failed");
        Self::parse(&String::from_utf8_lossy(&output.stdout), data)
    }

    fn parse(json: &str, data: &Path) -> anyhow::Result<Self> {
        let mut made: Self = serde_json::from_str(json)
            .with_context(|| format!("`throng bootstrap --json` says {json:?}"))?;
        let Self {
            ca,
            operator_cert,
            operator_key,
            token_key,
            ..
        } = &mut made;
        for path in [ca, operator_cert, operator_key, token_key] {
            if path.is_relative() && !path.exists() {
                *path = data.join(&*path);
            }
        }
        Ok(made)
    }

    /// The keys of a data directory that exists, where `bootstrap` puts them.
    pub(crate) fn existing(data: &Path, tenant: u32) -> Self {
        Self {
            tenant,
            ca: data.join("tls/ca.pem"),
            operator_cert: data.join("tls/operator.pem"),
            operator_key: data.join("tls/operator.key"),
            token_key: data.join("keys/token.key.pem"),
        }
    }
}

/// How to start the server.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) data: PathBuf,
    /// Where its log lines go.
    pub(crate) log: PathBuf,
    pub(crate) shards: Option<u16>,
    /// Its knobs by name.
    pub(crate) knobs: BTreeMap<String, String>,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    launch: Launch,
    child: Child,
    /// Its QUIC address.
    pub(crate) quic: SocketAddr,
    /// Where its metrics are.
    pub(crate) http: Option<SocketAddr>,
}

impl ServerProcess {
    /// Starts a server on `listen` and waits until it is ready.
    pub(crate) fn start(launch: &Launch, listen: SocketAddr) -> anyhow::Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&launch.log)?;
        let mut command = Command::new(&launch.program);
        command.arg("serve").arg("--data").arg(&launch.data);
        command.args(["--listen", &listen.to_string(), "--http", "127.0.0.1:0"]);
        if let Some(shards) = launch.shards {
            command.args(["--shards", &shards.to_string()]);
        }
        for (name, value) in &launch.knobs {
            let flag = name.replace(['.', '_'], "-");
            command.arg(format!("--{flag}")).arg(value);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut child = as_server(|| command.spawn())
            .with_context(|| format!("{} cannot be run", launch.program.display()))?;
        end_with_this(child.id());
        let ready = wait_ready(&mut child);
        // From here on dropping it ends the process.
        let mut server = Self {
            launch: launch.clone(),
            child,
            quic: listen,
            http: None,
        };
        let ready = ready.with_context(|| server.last_words())?;
        (server.quic, server.http) = ready;
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The program it runs.
    pub(crate) fn program(&self) -> &Path {
        &self.launch.program
    }

    /// Kills it (-9) and waits until it is gone.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        RUNNING.store(0, Ordering::Release);
        Ok(())
    }

    /// Starts it again on the same data and address.
    pub(crate) fn restart(&mut self) -> anyhow::Result<()> {
        *self = Self::start(&self.launch.clone(), self.quic)?;
        Ok(())
    }

    /// Asks it to stop and waits for its good end.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        send(self.pid(), Signal::SIGTERM)?;
        let deadline = Instant::now() + STOP_DEADLINE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                RUNNING.store(0, Ordering::Release);
                ensure!(
                    status.success(),
                    "it ended with {status}; {}",
                    self.last_words()
                );
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!(
            "the server did not stop within {STOP_DEADLINE:?}; {}",
            self.last_words()
        )
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.launch.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(5).collect();
        let lines: Vec<_> = lines.into_iter().rev().collect();
        format!("the server's last lines:\n{}", lines.join("\n"))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        has_ended(self.pid());
    }
}

/// Where a server listens: for QUIC, and with its metrics.
type Ready = (SocketAddr, Option<SocketAddr>);

/// Waits for the ready line and returns the addresses in it.
fn wait_ready(child: &mut Child) -> anyhow::Result<Ready> {
    let stdout = child.stdout.take().context("its output is not piped")?;
    let (sender, lines) = mpsc::channel();
    // Reads on after the ready line, so that the server never blocks on its output.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    match lines.recv_timeout(READY_DEADLINE) {
        Ok(line) => parse_ready(&line).with_context(|| format!("not a ready line: {line:?}")),
        Err(mpsc::RecvTimeoutError::Timeout) => bail!("not ready within {READY_DEADLINE:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => bail!("the server ended before it was ready"),
    }
}

fn parse_ready(line: &str) -> Option<Ready> {
    let mut words = line.split_whitespace();
    if words.next() != Some("ready") {
        return None;
    }
    let quic = words.find_map(|word| word.strip_prefix("quic="))?;
    let http = words.find_map(|word| word.strip_prefix("http="));
    Some((quic.parse().ok()?, http.and_then(|http| http.parse().ok())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_names_the_address() {
        let line = "ready quic=127.0.0.1:4433 http=127.0.0.1:9464 pid=17";
        let (quic, http) = (([127, 0, 0, 1], 4433).into(), ([127, 0, 0, 1], 9464).into());
        assert_eq!(parse_ready(line), Some((quic, Some(http))));
        assert_eq!(parse_ready("started quic=127.0.0.1:4433"), None);
        assert_eq!(parse_ready("ready http=127.0.0.1:1"), None);
    }

    #[test]
    fn cargo_says_where_the_program_is() {
        let messages = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"throng\"},\"executable\":null}\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"throng\"},\"executable\":\"/x/throng\"}\n\
            {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(built_program(messages), Some(PathBuf::from("/x/throng")));
        assert_eq!(built_program("{}"), None);
    }

    #[test]
    fn keys_are_found_where_bootstrap_says_or_within_the_data() {
        let json = "{\"tenant\":3,\"person\":1,\"ca\":\"tls/ca.pem\",\"operator_cert\":\"/k/operator.pem\",\
            \"operator_key\":\"tls/operator.key\",\"token_key\":\"keys/token.key.pem\"}";
        let made = Bootstrap::parse(json, Path::new("/data")).unwrap();
        assert_eq!(made.ca, PathBuf::from("/data/tls/ca.pem"));
        assert_eq!(made.operator_cert, PathBuf::from("/k/operator.pem"));
        assert_eq!(Bootstrap::existing(Path::new("/data"), 3).ca, made.ca);
    }

    #[test]
    fn a_server_that_ends_before_it_is_ready_is_an_error_with_its_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let launch = Launch {
            program: "/bin/false".into(),
            data: dir.path().to_owned(),
            log: dir.path().join("log"),
            shards: None,
            knobs: BTreeMap::new(),
        };
        std::fs::write(&launch.log, "the port is in use\n").unwrap();
        let error = ServerProcess::start(&launch, ([127, 0, 0, 1], 0).into()).unwrap_err();
        assert!(format!("{error:#}").contains("the port is in use"));
    }
}
