//! All members together: most in the swarm or through gateways, a few and all senders through the
//! client library.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};
use throng::client::{Credentials, Settings};
use tokio::runtime::Runtime;

use crate::away::Mode;
use crate::check::Tally;
use crate::gateways::{self, Gateways};
use crate::ledger::Ledger;
use crate::library::{Library, Seat};
use crate::scenario::Scenario;
use crate::swarm::{self, Swarm};

/// How long everybody may take to come online.
const ONLINE_DEADLINE: Duration = Duration::from_secs(180);
const WATCH_EVERY: Duration = Duration::from_millis(20);

/// Everybody's connections.
pub(crate) struct Crowd {
    library: Library,
    swarm: Swarm,
    gateways: Option<Gateways>,
}

impl Crowd {
    /// Starts connecting all members, the first few through the library.
    pub(crate) fn connect(
        scenario: &Scenario,
        server: SocketAddr,
        settings: &Settings,
        mut tokens: Vec<String>,
        gateways: Option<&gateways::Options>,
        ledger: &Arc<Ledger>,
        runtime: &Runtime,
    ) -> anyhow::Result<Self> {
        let connections = &scenario.connections;
        // What a connection leaves for the one that returns, of everybody.
        let settings = &settings.clone().returning_max(2 * tokens.len());
        let others = tokens.split_off(connections.library_clients);
        let others = others.into_iter().enumerate();
        let options = swarm::Options {
            server,
            client: settings.quic(&Credentials::Token(String::new()))?,
            sockets: connections.sockets,
            handshakes_at_once: connections.handshakes_at_once,
            live_only: connections.live_only,
            staying: scenario
                .away
                .as_ref()
                .map(|away| away.first_away(scenario.people.members) - connections.library_clients),
            members: others
                .filter(|_| gateways.is_none())
                .map(|(index, token)| (connections.library_clients + index, token))
                .collect(),
        };
        let _inside = runtime.enter();
        let endpoint = throng::client::endpoint(([0, 0, 0, 0], 0).into())?;
        let settings = settings.clone().endpoint(endpoint);
        Ok(Self {
            library: Library::start(
                server,
                settings,
                connections.live_only,
                tokens,
                ledger.clone(),
            ),
            swarm: Swarm::start(options, ledger.clone())?,
            gateways: gateways
                .map(|options| Gateways::start(options, ledger))
                .transpose()?,
        })
    }

    /// The senders' clients.
    pub(crate) fn seats(&self) -> &[Seat] {
        &self.library.seats
    }

    /// What the members who are away are from now on.
    pub(crate) fn set_away(&self, mode: Mode) {
        self.swarm.set_away(mode);
    }

    /// Whether the loop of most members has ended by itself.
    pub(crate) fn has_failed(&self) -> bool {
        self.swarm.has_failed() || self.gateways.as_ref().is_some_and(Gateways::has_failed)
    }

    /// CPU time of the gateways so far, in microseconds.
    pub(crate) fn gateways_cpu_us(&self) -> Option<u64> {
        self.gateways.as_ref()?.cpu_us()
    }

    /// Members online now.
    pub(crate) fn online(&self) -> usize {
        let carried = self.gateways.as_ref().map_or(0, Gateways::online);
        let own = self.swarm.progress.online.load(Ordering::Relaxed);
        self.library.online() + own + carried
    }

    /// Why the last connection was lost or not made.
    pub(crate) fn trouble(&self) -> String {
        let trouble = self
            .library
            .trouble()
            .or_else(|| self.swarm.progress.trouble())
            .or_else(|| self.gateways.as_ref()?.trouble());
        trouble.unwrap_or_else(|| "no reason was given".to_owned())
    }

    /// Waits until all `members` are online.
    pub(crate) fn wait_online(&self, members: usize) -> anyhow::Result<()> {
        let bar = bar("online", members);
        let start = Instant::now();
        while self.online() < members {
            bar.set_position(self.online() as u64);
            if start.elapsed() > ONLINE_DEADLINE || self.has_failed() {
                bail!(
                    "{} of {members} members came online within {:?}; the last that did not: {}",
                    self.online(),
                    start.elapsed(),
                    self.trouble()
                );
            }
            std::thread::sleep(WATCH_EVERY);
        }
        bar.finish_and_clear();
        eprintln!(
            "{members} members online after {:.1} s",
            start.elapsed().as_secs_f64()
        );
        Ok(())
    }

    /// Closes all connections and says what came over them, and how much of it through gateways.
    pub(crate) fn leave(self, runtime: &Runtime) -> anyhow::Result<(Tally, u64)> {
        let mut tally = self.swarm.stop()?;
        tally.add(&runtime.block_on(self.library.stop())?);
        if let Some(gateways) = self.gateways {
            let carried = gateways.stop()?;
            tally.add(&carried);
            return Ok((tally, carried.deliveries));
        }
        Ok((tally, 0))
    }
}

/// A progress bar; hidden where nobody watches.
pub(crate) fn bar(what: &'static str, len: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:>10} {wide_bar} {human_pos} of {human_len}");
    let bar = ProgressBar::new(len as u64).with_message(what);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
