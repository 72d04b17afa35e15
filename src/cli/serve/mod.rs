//! `throng serve`: checks everything that can be wrong, says when it is ready, and stops when told.

mod credentials;
mod disk;
mod events;
mod exports;
mod hook;
mod logging;
mod machine;
mod options;
#[cfg(feature = "search")]
mod search;
mod tlog;
mod vitals;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use clap::Args;
use throng::admin::{AdminPort, Metrics};
use throng::config::{self, Config};
use throng::engine::{self, Engine};
use throng::quic::Server;
use throng::wire::RecordNumber;
use tracing::{error, info, warn};

use self::credentials::Credentials;
use self::events::{Event, Events};
use self::vitals::{ServerVitals, SharedServer, lock};
use super::DAMAGED;
use super::directory::{CONFIG_VARIABLE, DATA_VARIABLE, DataDirectory, environment};
use super::encryption;
use super::failure::{Advise, one_line};
use super::knob_flags::KnobFlags;

/// Run a server.
///
/// When it serves it prints one line on standard output: `ready quic=ADDR http=ADDR pid=PID`. Logs go to
/// standard error. SIGTERM and SIGINT drain and stop it, a second one stops it at once; SIGHUP reads
/// certificates and token keys again.
#[derive(Args)]
pub(super) struct Serve {
    /// The data directory; made if it is not there, with development keys and certificates.
    #[arg(long, value_name = "DIR", env = DATA_VARIABLE)]
    data: PathBuf,
    /// A configuration file; `throng config print` shows one.
    #[arg(long, value_name = "FILE", env = CONFIG_VARIABLE)]
    config: Option<PathBuf>,
    #[command(flatten)]
    knobs: KnobFlags,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = config::load(self.config.as_deref(), environment(), &self.knobs.0)?;
        logging::start(&config.logging);
        info!(version = env!("CARGO_PKG_VERSION"), data = %self.data.display(), "starting");
        report_strange_variables();
        let data = DataDirectory::create(&self.data)?;
        let (events, inbox) = Events::new();
        let running = Running::start(&data, config, &events)?;
        events.on_signals().context("cannot listen to signals")?;
        running.announce();
        Ok(match running.until_told(&inbox) {
            Told::Stop => running.stop(),
            // What is in memory can no longer be made durable; to drain it would be to lie.
            Told::LogFailed => ExitCode::from(DAMAGED),
        })
    }
}

/// A server at work.
struct Running {
    config: Config,
    credentials: Credentials,
    engine: Engine,
    server: SharedServer,
    quic: SocketAddr,
    vitals: Arc<ServerVitals>,
    admin: AdminPort,
}

/// Why a server ends.
enum Told {
    Stop,
    LogFailed,
}

impl Running {
    /// Starts everything: what is cheap to find wrong first, and nothing is touched that another
    /// server may be using before the log's lock says that there is none.
    fn start(data: &DataDirectory, config: Config, events: &Events) -> anyhow::Result<Self> {
        let file_system = disk::file_system(data)?;
        file_system.refuse_memory(data.root(), config.log.allow_tmpfs)?;
        machine::raise_open_files();
        let credentials = Credentials::load(data, &config)?;
        let callee = hook::callee(data, &config)?;
        let transparency = tlog::transparency(data, &config)?;
        let published = transparency.as_ref().map(|it| Arc::clone(&it.storage));
        let mut options = options::engine(&config, callee, events.clone());
        options.transparency = transparency;
        options.exports = exports::storage(data, &config)?;
        #[cfg(feature = "search")]
        {
            options.search = search::searching(data, &config)?;
        }
        options.log.encryption = encryption::of_knobs(data, &config.encryption)?;
        let engine = open_engine(data, options)?;
        let http = listen_http(&config)?;
        let server = Server::start(&engine, options::server(&config, &credentials))?;
        let asked = config.server.socket_buffer_bytes.bytes();
        machine::report_socket_buffers(asked, &server.stats());
        disk::measure(data.root(), file_system);

        let quic = server.local_addr();
        let server = Arc::new(Mutex::new(Some(server)));
        let metrics = Metrics::install().context("cannot collect metrics")?;
        let vitals = ServerVitals::new(engine.clone(), Arc::clone(&server), &credentials);
        let vitals = Arc::new(vitals);
        let admin = AdminPort::start(http, metrics, Arc::clone(&vitals) as _, published)
            .context("cannot start the HTTP port")?;
        if engine.durable() == RecordNumber(0) {
            let data = data.root().display();
            warn!("there is no tenant yet: stop, and run `throng bootstrap --data {data}`");
        }
        Ok(Self {
            config,
            credentials,
            engine,
            server,
            quic,
            vitals,
            admin,
        })
    }

    /// The one line on standard output.
    fn announce(&self) {
        let (quic, http) = (self.quic, self.admin.local_addr());
        let pid = std::process::id();
        let mut out = std::io::stdout().lock();
        let line = format!("ready quic={quic} http={http} pid={pid}\n");
        let said = out.write_all(line.as_bytes()).and_then(|()| out.flush());
        if let Err(error) = said {
            warn!(%error, "nobody reads standard output");
        }
        info!(%quic, %http, pid, "ready");
    }

    /// Acts on events until one ends the server.
    fn until_told(&self, inbox: &Receiver<Event>) -> Told {
        for event in inbox {
            match event {
                Event::Reload => self.reload(),
                Event::Stop { signal } => {
                    info!(signal, drain = %self.config.server.drain, "stopping");
                    return Told::Stop;
                }
                Event::LogFailed { error } => {
                    error!(
                        error,
                        "the log has failed: nothing is acknowledged any more, so this process \
                         ends; look at the disk, then start it again"
                    );
                    return Told::LogFailed;
                }
            }
        }
        Told::Stop
    }

    fn reload(&self) {
        let reloaded = self.credentials.reload().and_then(|tls| {
            if let Some(server) = lock(&self.server).as_ref() {
                server.reload_tls(tls)?;
            }
            Ok(())
        });
        match reloaded {
            Ok(()) => info!("certificates and token keys read again, for new connections"),
            Err(error) => {
                let error = one_line(&error);
                error!(
                    error,
                    "certificates and token keys not read: the old ones stay"
                );
            }
        }
    }

    /// Drains sessions, closes the log, and says how it went.
    fn stop(self) -> ExitCode {
        self.vitals.drain();
        let server = lock(&self.server).take();
        let stopped = server.map(|server| server.stop(self.config.server.drain.duration()));
        let cut = stopped.map_or(0, |stopped| stopped.connections_cut);
        let closed = self.engine.close();
        self.admin.stop();
        if let Err(error) = closed {
            let error = one_line(&error.into());
            error!(
                error,
                "the log did not close cleanly; what was acknowledged is durable"
            );
            return ExitCode::from(DAMAGED);
        }
        info!(connections_cut = cut, "stopped");
        ExitCode::SUCCESS
    }
}

fn report_strange_variables() {
    for name in config::unknown_variables(environment().map(|(name, _)| name)) {
        if name != DATA_VARIABLE && name != CONFIG_VARIABLE {
            warn!(
                name,
                "a variable begins like ours and no knob has it: ignored"
            );
        }
    }
}

fn open_engine(data: &DataDirectory, options: engine::Options) -> anyhow::Result<Engine> {
    let directory = data.log();
    let master = options.log.encryption.as_ref();
    let master = master.map(|it| it.master.id().to_string());
    let engine = Engine::open(&directory, options)
        .with_context(|| format!("cannot open the log in {}", directory.display()))?;
    info!(durable = %engine.durable(), encrypted_under = master, "the log is open");
    Ok(engine)
}

fn listen_http(config: &Config) -> anyhow::Result<TcpListener> {
    let listen = config.http.listen;
    TcpListener::bind(listen)
        .with_context(|| format!("cannot listen on TCP {listen} for HTTP"))
        .advise(|| {
            format!(
                "stop what uses the port (`ss -ltnp 'sport = :{}'`) or choose another with --http",
                listen.port()
            )
        })
}
