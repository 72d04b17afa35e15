//! One run, from building the server to the report.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, anyhow, ensure};
use throng::client::Settings;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::archive::{compare, verify};
use crate::away::Noticed;
use crate::conduct::{Conductor, Seen};
use crate::corpus::Corpus;
use crate::crowd::{Crowd, bar};
use crate::ledger::Ledger;
use crate::measure::{Machine, RssWatch, cpu_us, rss_kib};
use crate::plan::Plan;
use crate::provision::{Operator, gateway_credentials, roots, tokens, zone_at_noon};
use crate::report::{Archive, Latency, RecipientLatency, Report, ServerRss};
use crate::scenario::Scenario;
use crate::server_process::{Bootstrap, Launch, ServerProcess, build, end_on_signal, workspace};
use crate::{gateways, mass_send, publish};

/// A run in which nothing happens for this long is over.
const STALL: Duration = Duration::from_secs(30);
/// Quiet before the first message, so that handshakes are not measured.
const SETTLE: Duration = Duration::from_secs(1);
/// How long to listen for what comes twice after all has come once.
const LINGER: Duration = Duration::from_millis(500);
const WATCH_EVERY: Duration = Duration::from_millis(20);
/// All cores above this together: the clients are part of what is measured.
pub(crate) const CLIENT_BOUND_ABOVE: f64 = 0.8;

/// What to run, and against what.
pub(crate) struct Options {
    pub(crate) scenario: Scenario,
    pub(crate) corpus: Option<PathBuf>,
    pub(crate) target: Target,
    /// The data directory is left when all is well, too.
    pub(crate) keep: bool,
}

/// The server.
pub(crate) enum Target {
    /// One of this run's own, built unless `binary` is given.
    Own { binary: Option<PathBuf> },
    /// One that runs already.
    Running {
        server: SocketAddr,
        data: PathBuf,
        tenant: u32,
    },
}

/// The result.
pub(crate) struct Outcome {
    pub(crate) report: Report,
    /// What did not hold and has no key of its own.
    pub(crate) violations: Vec<String>,
}

/// A server, and where its data and keys are.
struct Stage {
    server: Option<ServerProcess>,
    quic: SocketAddr,
    data: PathBuf,
    keys: Bootstrap,
    /// Removed when it is dropped.
    directory: Option<tempfile::TempDir>,
}

/// Sets up, measures, checks.
pub(crate) fn run(options: &Options) -> anyhow::Result<Outcome> {
    let scenario = &options.scenario;
    let mut corpus = match &options.corpus {
        Some(path) => Corpus::from_file(path)?,
        None => Corpus::generated(&scenario.texts),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.spawn(end_on_signal());
    let plan = Plan::new(scenario, &mut corpus, random());
    let mut stage = Stage::set(options)?;
    let outcome = perform(options, plan, &runtime, &mut stage);
    let good = outcome
        .as_ref()
        .is_ok_and(|outcome| outcome.violations.is_empty() && outcome.report.is_good());
    if let Some(directory) = stage.directory.take()
        && (options.keep || !good)
    {
        eprintln!("data directory kept: {}", directory.keep().display());
    }
    outcome
}

impl Stage {
    fn set(options: &Options) -> anyhow::Result<Self> {
        let binary = match &options.target {
            Target::Own { binary } => binary,
            Target::Running {
                server,
                data,
                tenant,
            } => {
                ensure!(
                    options.scenario.crashes.kills == 0,
                    "a server that was not started here is not killed: run this without --server"
                );
                return Ok(Self {
                    server: None,
                    quic: *server,
                    data: data.clone(),
                    keys: Bootstrap::existing(data, *tenant),
                    directory: None,
                });
            }
        };
        let program = match binary {
            Some(program) => program.clone(),
            None => build()?,
        };
        // Beside the build: temporary directories are often in memory, where nothing is durable.
        let parent = workspace().join("target/loadtest");
        std::fs::create_dir_all(&parent)?;
        let name = format!("{}-", options.scenario.name);
        let directory = tempfile::Builder::new().prefix(&name).tempdir_in(parent)?;
        let data = directory.path().join("data");
        let keys = Bootstrap::make(&program, &data, &zone_at_noon(SystemTime::now()))?;
        let launch = Launch {
            program,
            data: data.clone(),
            log: directory.path().join("server.log"),
            shards: options.scenario.server.shards,
            knobs: options.scenario.server.knobs.clone(),
        };
        let server = ServerProcess::start(&launch, ([127, 0, 0, 1], 0).into())?;
        eprintln!("server {} on {}", server.pid(), server.quic);
        Ok(Self {
            quic: server.quic,
            server: Some(server),
            data,
            keys,
            directory: Some(directory),
        })
    }
}

fn perform(
    options: &Options,
    plan: Plan,
    runtime: &Runtime,
    stage: &mut Stage,
) -> anyhow::Result<Outcome> {
    let scenario = &options.scenario;
    let machine = Machine::measure(&stage.data)?;
    let connections = &scenario.connections;
    // Thousands of connections in one process: the cryptography that keeps little of each.
    let settings = Settings::new(roots(&stage.keys.ca)?)
        .cryptography(Arc::new(throng::quic::tls::provider()))
        .idle_timeout(Duration::from_millis(connections.idle_timeout_ms))
        .keep_alive(Duration::from_millis(connections.keep_alive_ms));
    let ledger = Arc::new(runtime.block_on(provision(scenario, plan, stage, &settings))?);
    let (members, viewers) = ledger.person_ids.split_at(scenario.people.members);
    let tokens = tokens(&stage.keys, members)?;
    let rss_idle = stage.server_pid().and_then(rss_kib);

    let library = connections.library_clients;
    let gateways = scenario.gateways.as_ref().map(|gateways| {
        let tenant = stage.keys.tenant;
        Ok::<_, anyhow::Error>(gateways::Options {
            server: stage.quic,
            settings: settings.clone(),
            credentials: gateway_credentials(&stage.data, tenant)?,
            connections: gateways.connections,
            live_only: connections.live_only,
            people: [&members[library..], viewers].concat(),
        })
    });
    let gateways = gateways.transpose()?;
    let crowd = Crowd::connect(
        scenario,
        stage.quic,
        &settings,
        tokens,
        gateways.as_ref(),
        &ledger,
        runtime,
    )?;
    crowd.wait_online(scenario.people.members + scenario.viewers())?;
    std::thread::sleep(SETTLE);
    let rss_before = stage.server_pid().and_then(rss_kib);

    let measured = measure(scenario, stage, &crowd, &ledger, runtime);
    let (tally, carried) = crowd.leave(runtime)?;
    let measured = measured?;

    let mut violations = measured.violations;
    if tally.corrupted > 0 {
        violations.push(format!(
            "{} deliveries were not what was sent",
            tally.corrupted
        ));
    }
    let archive = check_archive(stage, &ledger, &mut violations)?;
    let Seen {
        back_s,
        flush_p99_us,
        ..
    } = &measured.seen;
    let schedule = ledger.plan.schedule.as_ref();
    let away = schedule.map(|it| it.outcome(&tally.windows, *flush_p99_us, back_s.clone()));
    violations.extend(away.as_ref().and_then(Noticed::violation));
    let deliveries = tally.deliveries;
    let per_delivery = |us: Option<u64>| us.map(|us| us as f64 / deliveries.max(1) as f64);
    let elapsed_s = measured.elapsed.as_secs_f64();
    let mib = |kib: u64| kib as f64 / 1024.0;
    let members = scenario.people.members;
    let connections = match &scenario.gateways {
        Some(gateways) => library + gateways.connections,
        None => members,
    };
    let busy = measured.server_cpu_us.zip(measured.client_cpu_us);
    let report = Report {
        scenario: scenario.name.clone(),
        system: "throng".to_owned(),
        members,
        connections,
        payload_bytes: ledger.plan.payload_bytes(),
        messages: ledger.all_acknowledged().len(),
        deliveries,
        lost: ledger.lost() + ledger.unanswered() as u64,
        duplicated: tally.duplicated,
        redelivered: tally.redelivered,
        reordered: tally.reordered,
        elapsed_s,
        deliveries_per_s: deliveries as f64 / elapsed_s.max(1e-6),
        server_pid_cpu_us_per_delivery: per_delivery(measured.server_cpu_us),
        client_cpu_us_per_delivery: per_delivery(measured.client_cpu_us),
        gateway_cpu_us_per_delivery: (measured.gateways_cpu_us)
            .map(|us| us as f64 / carried.max(1) as f64),
        deliveries_per_server_core_s: (scenario.gateways.as_ref())
            .and(measured.server_cpu_us)
            .map(|us| deliveries as f64 / (us.max(1) as f64 / 1e6)),
        server_cpu_us_per_viewer: (scenario.viewers.as_ref())
            .zip(measured.server_cpu_us)
            .map(|(viewers, us)| us as f64 / viewers.count as f64),
        client_bound: busy.map(|(server, client)| {
            let available = elapsed_s * 1e6 * machine.cpus as f64;
            (server + client) as f64 > CLIENT_BOUND_ABOVE * available
        }),
        server_rss_mib: ServerRss {
            before: rss_before.map(mib),
            peak: measured.rss_peak_kib.map(mib),
        },
        rss_kib_per_connection: rss_before
            .zip(rss_idle)
            .map(|(before, idle)| before.saturating_sub(idle) as f64 / connections as f64),
        latency_us: Latency::of(&tally.latency),
        first_recipient_latency_us: RecipientLatency::of(&ledger.first_recipient()),
        last_recipient_latency_us: RecipientLatency::of(&ledger.last_recipient()),
        urgent_last_recipient_latency_us: ledger
            .urgent_last_recipient()
            .map(|times| RecipientLatency::of(&times)),
        archive,
        refused: ledger.refusals(),
        restarts: measured.restarts,
        memory_budget: measured.seen.memory,
        shards: measured.seen.shards,
        away: away.clone(),
        machine,
    };
    Ok(Outcome { report, violations })
}

impl Stage {
    fn server_pid(&self) -> Option<u32> {
        self.server.as_ref().map(ServerProcess::pid)
    }
}

/// Makes the people and groups and opens the books.
async fn provision(
    scenario: &Scenario,
    plan: Plan,
    stage: &Stage,
    settings: &Settings,
) -> anyhow::Result<Ledger> {
    let members = scenario.people.members;
    let operator = Operator::connect(stage.quic, &stage.keys, settings).await?;
    let everybody = members + scenario.viewers();
    let bar = bar("people", everybody);
    let people = operator
        .add_people(everybody, |added| bar.set_position(added as u64))
        .await?;
    let groups = if scenario.viewers.is_some() {
        let (members, viewers) = people.split_at(members);
        bar.set_message("viewers");
        let joined = |joined| bar.set_position(joined);
        let hall = operator.create_hall(&plan, members, viewers, joined);
        vec![hall.await?]
    } else {
        operator.create_groups(&plan, &people).await?
    };
    bar.finish_and_clear();
    if let Some(mass_sends) = &scenario.mass_sends {
        operator.set_mass_sends_per_day(mass_sends.pass).await?;
    }
    operator.close().await;
    eprintln!("{everybody} people, {} groups", groups.len());
    let window = match (&scenario.publish, &scenario.away) {
        // What those who are away have not had holds up nobody.
        (Some(publish), Some(_)) => publish.count(),
        (Some(publish), None) => publish.window,
        (None, _) => 1,
    };
    Ok(Ledger::new(plan, groups, people, window, Instant::now()))
}

/// What was measured between the first publish and the last delivery.
struct Measured {
    elapsed: Duration,
    server_cpu_us: Option<u64>,
    client_cpu_us: Option<u64>,
    gateways_cpu_us: Option<u64>,
    rss_peak_kib: Option<u64>,
    restarts: usize,
    seen: Seen,
    violations: Vec<String>,
}

fn measure(
    scenario: &Scenario,
    stage: &mut Stage,
    crowd: &Crowd,
    ledger: &Arc<Ledger>,
    runtime: &Runtime,
) -> anyhow::Result<Measured> {
    let rss = stage.server_pid().map(RssWatch::start);
    let client_cpu = cpu_us(std::process::id());
    let gateways_cpu = crowd.gateways_cpu_us();
    // What servers that were killed since used, less what this one had used before.
    let mut server_cpu = stage.server_pid().and_then(cpu_us).map(|us| -(us as i64));
    let start_us = ledger.micros(Instant::now());
    let http = stage.server.as_ref().and_then(|server| server.http);
    let mut conductor = Conductor::start(ledger.plan.schedule.clone(), http);
    let mut sending = Some(send(scenario, crowd, ledger, runtime));
    let bar = bar("delivered", ledger.deliveries_expected());
    let mut violations = Vec::new();
    let mut restarts = 0;
    let (mut last, mut last_at) = (0, Instant::now());
    while sending.is_some() || !ledger.is_complete() {
        std::thread::sleep(WATCH_EVERY);
        conductor.turn(crowd, ledger, scenario.people.members);
        let done = ledger.deliveries() + ledger.answers();
        bar.set_position(ledger.deliveries() as u64);
        if done != last {
            (last, last_at) = (done, Instant::now());
        }
        if let Some(sent) = sending.take_if(|sending| sending.is_finished())
            && let Err(error) = runtime.block_on(sent)?
        {
            violations.push(format!("{error:#}"));
            break;
        }
        if crowd.has_failed() || last_at.elapsed() > STALL {
            violations.push(format!(
                "nothing happened for {STALL:?}: {}",
                crowd.trouble()
            ));
            break;
        }
        let kills = scenario.crashes.kills;
        let due = ledger.plan.messages.len() * (restarts + 1) / (kills + 1);
        if let Some(server) = stage.server.as_mut().filter(|_| restarts < kills)
            && ledger.answers() >= due
        {
            let used = cpu_us(server.pid());
            server.kill()?;
            server
                .restart()
                .context("the server does not start again after a kill")?;
            restarts += 1;
            server_cpu = server_cpu.zip(used).map(|(sum, used)| sum + used as i64);
            if let Some(rss) = &rss {
                rss.follow(server.pid());
            }
            last_at = Instant::now();
        }
    }
    let used = stage.server_pid().and_then(cpu_us);
    let client_used = cpu_us(std::process::id());
    let gateways_used = crowd.gateways_cpu_us();
    bar.finish_and_clear();
    if let Some(sending) = sending {
        sending.abort();
    }
    let seen = conductor.end();
    let elapsed = Duration::from_micros(ledger.finished_us().saturating_sub(start_us));
    std::thread::sleep(LINGER);
    Ok(Measured {
        elapsed,
        server_cpu_us: server_cpu
            .zip(used)
            .map(|(sum, used)| (sum + used as i64).max(0) as u64),
        client_cpu_us: client_cpu
            .zip(client_used)
            .map(|(before, after)| after - before),
        gateways_cpu_us: gateways_cpu
            .zip(gateways_used)
            .map(|(before, after)| after - before),
        rss_peak_kib: rss.map(RssWatch::stop),
        restarts,
        seen,
        violations,
    })
}

/// Starts sending what is planned.
fn send(
    scenario: &Scenario,
    crowd: &Crowd,
    ledger: &Arc<Ledger>,
    runtime: &Runtime,
) -> JoinHandle<anyhow::Result<()>> {
    let (ledger, seats) = (ledger.clone(), crowd.seats().to_vec());
    let mass_sends = scenario.mass_sends.clone();
    runtime.spawn(async move {
        match mass_sends {
            Some(mass_sends) => mass_send::run(&ledger, &seats, &mass_sends).await,
            None => publish::publish_all(&ledger, &seats).await,
        }
    })
}

/// Stops the server, has its log verified and compares it with what was sent.
fn check_archive(
    stage: &mut Stage,
    ledger: &Ledger,
    violations: &mut Vec<String>,
) -> anyhow::Result<Archive> {
    let Some(server) = stage.server.take() else {
        return Ok(Archive {
            records: None,
            verified: None,
        });
    };
    let program = server.program().to_owned();
    if let Err(error) = server.stop() {
        violations.push(format!("{error:#}"));
    }
    let verification = verify(&program, &stage.data)?;
    for damage in &verification.damage {
        violations.push(format!("the log is damaged: {damage}"));
    }
    let sound = verification.verified && {
        let difference = compare_log(&stage.data, ledger)?;
        if !difference.is_none() {
            violations.push(format!("the log is not what was sent: {difference:?}"));
        }
        difference.is_none()
    };
    Ok(Archive {
        records: Some(verification.records),
        verified: Some(sound),
    })
}

fn compare_log(data: &Path, ledger: &Ledger) -> anyhow::Result<crate::archive::Difference> {
    let entropy = core::array::from_fn(|_| random() as u8);
    compare(data, ledger, entropy).map_err(|error| anyhow!("the log cannot be read: {error:#}"))
}

/// A number nobody can guess, from the standard library's own seeding of hash maps.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
