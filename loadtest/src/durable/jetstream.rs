//! One round of nats-server's JetStream: a file stream that is synced before every acknowledgement.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{self, Context};
use hdrhistogram::Histogram;

use super::{Durable, Round, latencies, payload};
use crate::peers::process::PeerServer;
use crate::peers::system::Program;

/// The stream, and the beginning of its subjects.
const STREAM: &str = "durable";
/// How long an acknowledgement may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A nats-server on this machine.
pub(super) struct Found {
    program: PathBuf,
    pub(super) version: String,
}

/// The one given, or the one on PATH.
pub(super) fn find(given: Option<PathBuf>) -> Result<Found, String> {
    let server = Program::NatsServer;
    let program = given.or_else(|| server.find());
    let program = program.ok_or_else(|| server.how_to_install().to_owned())?;
    let version = server.version(&program);
    let version = version.ok_or_else(|| format!("{} cannot be run", program.display()))?;
    Ok(Found { program, version })
}

/// Publishes for as long as `load` says into a new stream in `directory`, and asks what is there.
pub(super) fn round(load: &Durable, found: &Found, directory: &Path) -> anyhow::Result<Round> {
    std::fs::create_dir_all(directory)?;
    let server = PeerServer::start_jetstream(&found.program, directory)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(publish_all(load, &server))
}

async fn publish_all(load: &Durable, server: &PeerServer) -> anyhow::Result<Round> {
    let context = connect(server, load).await?;
    let stream = Config {
        name: STREAM.to_owned(),
        subjects: vec![format!("{STREAM}.*")],
        storage: StorageType::File,
        ..Config::default()
    };
    let mut stream = context
        .create_stream(stream)
        .await
        .context("the stream cannot be made")?;
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(load.seconds);
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..load.publishers {
        let (load, context) = (load.clone(), connect(server, load).await?);
        publishers.spawn(async move { publish(&context, &load, publisher, until).await });
    }
    let mut latency_us = latencies();
    while let Some(of_one) = publishers.join_next().await {
        latency_us.add(of_one??)?;
    }
    let elapsed = started.elapsed();
    let found = stream.info().await?.state.messages;
    Ok(Round {
        acknowledged: latency_us.len(),
        elapsed,
        latency_us,
        per_sync: None,
        device_us: None,
        found,
    })
}

/// A connection of its own.
async fn connect(server: &PeerServer, load: &Durable) -> anyhow::Result<Context> {
    let client = async_nats::connect(server.address.to_string())
        .await
        .context("nats-server cannot be reached")?;
    let builder = jetstream::ContextBuilder::new()
        .timeout(TIMEOUT)
        .ack_timeout(TIMEOUT)
        .max_ack_inflight(load.window + 1);
    Ok(builder.build(client))
}

/// Keeps a window of messages on their way until the time is over; the times they took.
async fn publish(
    context: &Context,
    load: &Durable,
    publisher: usize,
    until: Instant,
) -> anyhow::Result<Histogram<u64>> {
    let subject = format!("{STREAM}.{publisher}");
    let mut latency_us = latencies();
    let mut waiting: VecDeque<(Instant, PublishAckFuture)> = VecDeque::with_capacity(load.window);
    let mut number = 0;
    loop {
        let now = Instant::now();
        if now >= until {
            break;
        }
        if waiting.len() == load.window {
            finish(waiting.pop_front(), &mut latency_us).await?;
        }
        number += 1;
        let body = payload(load.payload_bytes, publisher, number);
        let sent = context.publish(subject.clone(), body.into()).await;
        let sent = sent.map_err(|error| anyhow!("nats-server takes no more: {error}"))?;
        waiting.push_back((now, sent));
    }
    for one in waiting {
        finish(Some(one), &mut latency_us).await?;
    }
    Ok(latency_us)
}

async fn finish(
    one: Option<(Instant, PublishAckFuture)>,
    latency_us: &mut Histogram<u64>,
) -> anyhow::Result<()> {
    if let Some((sent, acknowledgement)) = one {
        let acknowledged = acknowledgement.await;
        acknowledged.map_err(|error| anyhow!("nats-server did not acknowledge: {error}"))?;
        latency_us.saturating_record(sent.elapsed().as_micros() as u64);
    }
    Ok(())
}
