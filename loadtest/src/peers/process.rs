//! A peer's server as a child process: its configuration, its start, its end.
//!
//! Only children are ever ended. Dropping the handle kills the server; ctrl-c and SIGTERM do the same
//! through [`crate::server_process`]; the servers of this program end with their standard input.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::system::System;
use crate::processors::as_server;
use crate::server_process::{end_with_this, has_ended};

/// How long a start may take.
const READY_DEADLINE: Duration = Duration::from_secs(10);
const PROBE_EVERY: Duration = Duration::from_millis(20);
/// What a server may keep for one slow subscriber, in bytes: more than any window.
const PENDING_BYTES: u32 = 256 * 1024 * 1024;
/// What the servers of this program say before their address.
pub(super) const READY: &str = "ready ";

/// Certificates for servers on this machine.
#[derive(Clone, Debug)]
pub(super) struct Certificates {
    pub(super) ca: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// A running server.
#[derive(Debug)]
pub(crate) struct PeerServer {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl PeerServer {
    /// Starts `system` from `program`, with everything it writes in `directory`.
    pub(super) fn start(
        system: System,
        program: &Path,
        certificates: &Certificates,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let tls = system.uses_tls().then_some(certificates);
        let mut command = Command::new(program);
        let mut says_when_ready = false;
        match system {
            System::Nats | System::NatsTls => {
                let config = directory.join("nats.conf");
                std::fs::write(&config, nats_config(port, tls, None))?;
                command.arg("--config").arg(config);
            }
            System::Redis => {
                command.args(redis_arguments(port)).arg("--dir");
                command.arg(directory);
            }
            System::Mosquitto | System::MosquittoTls => {
                let config = directory.join("mosquitto.conf");
                std::fs::write(&config, mosquitto_config(port, tls))?;
                command.arg("-c").arg(config);
            }
            System::Quinn => {
                says_when_ready = true;
                command.arg("serve-quinn");
                command.arg("--certificate").arg(&certificates.certificate);
                command.arg("--key").arg(&certificates.key);
            }
            System::Floor => {
                says_when_ready = true;
                command.arg("serve-floor");
            }
            System::Throng => {
                bail!("Throng's server has a data directory and is started elsewhere")
            }
        }
        Self::spawn(command, says_when_ready, system.name(), port, directory)
    }

    /// Starts a nats-server with JetStream, which keeps its streams in `directory` and syncs each
    /// message before it acknowledges it.
    pub(crate) fn start_jetstream(program: &Path, directory: &Path) -> anyhow::Result<Self> {
        let port = free_port()?;
        let config = directory.join("nats.conf");
        std::fs::write(&config, nats_config(port, None, Some(directory)))?;
        let mut command = Command::new(program);
        command.arg("--config").arg(config);
        Self::spawn(command, false, "jetstream", port, directory)
    }

    /// Runs `command` until it listens, or says that it is ready.
    fn spawn(
        mut command: Command,
        says_when_ready: bool,
        name: &str,
        port: u16,
        directory: &Path,
    ) -> anyhow::Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let output = File::create(&log)?;
        command.stderr(output.try_clone()?);
        match says_when_ready {
            true => command.stdin(Stdio::piped()).stdout(Stdio::piped()),
            false => command.stdin(Stdio::null()).stdout(output),
        };
        let child = as_server(|| command.spawn()).with_context(|| {
            let program = Path::new(command.get_program()).display();
            format!("{program} cannot be run")
        })?;
        end_with_this(child.id());
        // From here on dropping it ends the process.
        let mut server = Self {
            child,
            log,
            address: (Ipv4Addr::LOCALHOST, port).into(),
        };
        let ready = match says_when_ready {
            true => server.read_address(),
            false => server.wait_listening(),
        };
        ready.with_context(|| format!("{name}: {}", server.last_words()))?;
        Ok(server)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until somebody can connect.
    fn wait_listening(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + READY_DEADLINE;
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status} before it was ready");
            }
            ensure!(Instant::now() < deadline, "not ready in {READY_DEADLINE:?}");
            std::thread::sleep(PROBE_EVERY);
        }
        Ok(())
    }

    /// Reads where it listens; a server that ends says nothing.
    fn read_address(&mut self) -> anyhow::Result<()> {
        let output = self
            .child
            .stdout
            .take()
            .context("its output is not piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().strip_prefix(READY).map(str::parse);
        self.address = match address {
            Some(Ok(address)) => address,
            _ => bail!("not a ready line: {line:?}"),
        };
        Ok(())
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let skip = log.lines().count().saturating_sub(5);
        let lines: Vec<_> = log.lines().skip(skip).collect();
        format!("the server's last lines:\n{}", lines.join("\n"))
    }
}

impl Drop for PeerServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        has_ended(self.pid());
    }
}

/// A port nobody listens on at the moment.
fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn nats_config(port: u16, tls: Option<&Certificates>, store: Option<&Path>) -> String {
    let mut config = format!(
        "host: \"127.0.0.1\"\nport: {port}\nmax_pending: {PENDING_BYTES}\nwrite_deadline: \"60s\"\n"
    );
    if let Some(tls) = tls {
        config += &format!(
            "tls {{\n  cert_file: {:?}\n  key_file: {:?}\n  timeout: 60\n}}\n",
            tls.certificate, tls.key
        );
    }
    if let Some(store) = store {
        config += &format!("jetstream {{\n  store_dir: {store:?}\n  sync_interval: always\n}}\n");
    }
    config
}

/// Nothing on disk, and subscribers that may lag.
fn redis_arguments(port: u16) -> Vec<String> {
    let port = port.to_string();
    let arguments = [
        ["--port", &port],
        ["--bind", "127.0.0.1"],
        ["--save", ""],
        ["--appendonly", "no"],
        ["--maxclients", "10000"],
        ["--client-output-buffer-limit", "pubsub 0 0 0"],
    ];
    arguments.concat().into_iter().map(str::to_owned).collect()
}

fn mosquitto_config(port: u16, tls: Option<&Certificates>) -> String {
    // Started by root it would become another user, who may not read the directory of its keys.
    let mut config = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence false\n\
         max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true\nlog_type error\n"
    );
    if let Some(tls) = tls {
        config += &format!(
            "certfile {}\nkeyfile {}\n",
            tls.certificate.display(),
            tls.key.display()
        );
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificates() -> Certificates {
        Certificates {
            ca: "/c/ca.pem".into(),
            certificate: "/c/server.pem".into(),
            key: "/c/server.key".into(),
        }
    }

    #[test]
    fn tls_is_configured_only_where_it_is_asked_for() {
        let certificates = certificates();
        type Config<'a> = &'a dyn Fn(u16, Option<&Certificates>) -> String;
        let nats_config = |port, tls: Option<&Certificates>| nats_config(port, tls, None);
        let configs: [Config<'_>; 2] = [&nats_config, &mosquitto_config];
        for config in configs {
            assert!(!config(4222, None).contains("/c/"));
            let config = config(4222, Some(&certificates));
            assert!(config.contains("/c/server.pem") && config.contains("/c/server.key"));
            assert!(config.contains("4222") && config.contains("127.0.0.1"));
        }
    }

    #[test]
    fn a_store_makes_a_jetstream_that_syncs_always() {
        let config = nats_config(4222, None, Some(Path::new("/s")));
        assert!(config.contains("store_dir: \"/s\"") && config.contains("sync_interval: always"));
        assert!(!nats_config(4222, None, None).contains("jetstream"));
    }

    #[test]
    fn a_server_that_ends_at_once_is_an_error_with_its_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let failing = dir.path().join("failing");
        std::fs::write(&failing, "#!/bin/sh\necho no such setting\nexit 3\n").unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&failing, executable).unwrap();
        let started = PeerServer::start(System::Redis, &failing, &certificates(), dir.path());
        let error = format!("{:#}", started.unwrap_err());
        assert!(error.contains("no such setting"), "{error}");
    }
}
