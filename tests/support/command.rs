//! The real `throng` binary, run as an operator would.

#![allow(dead_code)] // Each test binary uses its own part.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use tempfile::TempDir;

/// Nothing wrong.
pub(crate) const DONE: i32 = 0;
/// Damage found.
pub(crate) const DAMAGED: i32 = 1;
/// Could not run.
pub(crate) const CANNOT_RUN: i32 = 2;

/// A directory on a disk, which the system's temporary directory need not be.
pub(crate) fn place() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A command with an environment of its own.
pub(crate) fn throng(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_throng"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("THRONG_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    throng(arguments).output().unwrap()
}

/// Runs it to its end, which must be good, and returns what it printed.
pub(crate) fn run_well(arguments: &[&str]) -> String {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// A bootstrapped data directory, and what bootstrap said of it.
pub(crate) fn bootstrapped(data: &Path) -> serde_json::Value {
    let said = run_well(&["bootstrap", "--data", text(data), "--json"]);
    serde_json::from_str(&said).unwrap()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `serve` on ports that are free, silent but for errors; what else it needs follows.
pub(crate) fn serve(data: &Path, more: &[&str]) -> Command {
    let mut command = throng(&["serve", "--data", text(data)]);
    command.args(["--logging-level", "error", "--log-segment-bytes", "1 MiB"]);
    command.args(["--server-drain", "2 s"]);
    for (flag, address) in [("--listen", "127.0.0.1:0"), ("--http", "127.0.0.1:0")] {
        if !more.contains(&flag) {
            command.args([flag, address]);
        }
    }
    command.args(more);
    command
}

/// The one line that says why it could not run; fails if it ran, or said anything else.
pub(crate) fn complaint(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(CANNOT_RUN), "{errors}");
    assert!(output.stdout.is_empty(), "nothing is ready");
    assert_eq!(errors.lines().count(), 1, "one line: {errors}");
    let line = errors.trim_end();
    line.strip_prefix("throng: ").expect(line).to_owned()
}

/// A server that said it was ready. Killed when dropped.
pub(crate) struct Serving {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    pub(crate) ready: String,
    pub(crate) quic: SocketAddr,
    pub(crate) http: SocketAddr,
}

impl Serving {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::logging(command.stderr(Stdio::inherit()))
    }

    /// Likewise, its log going where the command says.
    pub(crate) fn logging(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut ready = String::new();
        out.read_line(&mut ready).unwrap();
        let address = |name: &str| {
            let word = ready
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name));
            word.unwrap_or_else(|| panic!("no {name} in {ready:?}"))
                .parse()
                .unwrap()
        };
        let (quic, http) = (address("quic="), address("http="));
        Self {
            child,
            out,
            ready,
            quic,
            http,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(self.pid().try_into().unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Waits for its end; also what it printed after the ready line.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }

    /// Asks it to stop, and waits.
    pub(crate) fn stop(self) -> (ExitStatus, String) {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        self.end()
    }

    /// Status and body of a page.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.http).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: throng\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split_whitespace().nth(1).unwrap().parse().unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (status, body.to_owned())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
