//! One round of Throng, embedded: threads that publish through the library's own API.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;
use throng::archive::tlog::SigningKey;
use throng::engine::{Engine, Message, Options, Ticket, Transparency};
use throng::log::{Config, Directory, Encryption, Log, MasterKey};
use throng::model::command::{
    CreateGroupV1, CreateTenantV1, GroupKind, NewPersonV1, OrgRole, PersonKind, Succession,
};
use throng::wire::{
    ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, RecordNumber, TenantId, Timestamp,
};

use crate::measure::Percentiles;

use super::{Durable, Round, latencies, payload};

/// Bytes of records held at a time while the log is read.
const READ_BYTES: usize = 1024 * 1024;
/// Syncs the device is measured with.
const SYNCS: usize = 300;

/// What the log does besides being durable.
#[derive(Clone, Copy)]
pub(super) struct Archive {
    /// It is encrypted.
    pub(super) encrypted: bool,
    /// It is published in a transparency log.
    pub(super) published: bool,
}

impl Archive {
    fn encryption(self) -> Option<Encryption> {
        let key = MasterKey::new([7; 32]);
        self.encrypted.then(|| Encryption::new(key))
    }

    fn transparency(self, directory: &Path) -> anyhow::Result<Option<Transparency>> {
        if !self.published {
            return Ok(None);
        }
        let storage = Arc::new(Directory::open(&directory.join("tlog"))?);
        let key = SigningKey::new("durable", [8; 32])?;
        Ok(Some(Transparency::new(storage, key)))
    }
}

/// Publishes for as long as `load` says into a new log in `directory`, closes it and looks what is there.
pub(super) fn round(load: &Durable, archive: Archive, directory: &Path) -> anyhow::Result<Round> {
    let mut options = Options::default();
    options.log.encryption = archive.encryption();
    options.transparency = archive.transparency(directory)?;
    let directory = &directory.join("log");
    let engine = Engine::open(directory, options)?;
    let (tenant, group, people) = provision(&engine, load.publishers)?;
    let before = engine.stats();
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(load.seconds);
    let results: Vec<_> = std::thread::scope(|scope| {
        let publishers = people.iter().enumerate().map(|(number, person)| {
            let engine = &engine;
            scope.spawn(move || publish(engine, (tenant, group, *person), load, number, until))
        });
        let publishers: Vec<_> = publishers.collect();
        publishers
            .into_iter()
            .map(std::thread::ScopedJoinHandle::join)
            .collect()
    });
    let elapsed = started.elapsed();
    let after = engine.stats();
    let mut latency_us = latencies();
    for result in results {
        let of_one = result.map_err(|_| anyhow::anyhow!("a publisher panicked"))??;
        latency_us.add(of_one)?;
    }
    let syncs = after.batches - before.batches;
    ensure!(syncs > 0, "nothing was made durable");
    let per_sync = (after.records - before.records) as f64 / syncs as f64;
    engine.close()?;
    let (found, bytes) = look(archive, directory)?;
    let batch_bytes = (bytes as f64 / (after.records as f64).max(1.0) * per_sync) as usize;
    Ok(Round {
        acknowledged: latency_us.len(),
        elapsed,
        latency_us,
        per_sync: Some(per_sync),
        device_us: Some(device(directory, batch_bytes.max(1))?),
        found,
    })
}

type Place = (TenantId, GroupId, PersonId);

/// A tenant, a group, and so many people in it.
fn provision(
    engine: &Engine,
    publishers: usize,
) -> anyhow::Result<(TenantId, GroupId, Vec<PersonId>)> {
    let tenant = engine.create_tenant(CreateTenantV1 {
        name: "Durable".to_owned(),
        zone: "Asia/Shanghai".to_owned(),
        verified_until: Timestamp(i64::MAX),
        succession: Succession::AdminFirst,
    })?;
    // A group has three members at least.
    let people = (0..publishers.max(3)).map(|number| NewPersonV1 {
        name: format!("Publisher {number}"),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
    });
    let mut people = engine.add_people(tenant, people.collect())?;
    let group = engine.create_group(
        tenant,
        CreateGroupV1 {
            kind: GroupKind::Internal,
            name: "Durable".to_owned(),
            owner: people[0],
            members: people[1..].to_vec(),
        },
    )?;
    people.truncate(publishers);
    Ok((tenant, group, people))
}

/// Keeps a window of messages on their way until the time is over; the times they took.
fn publish(
    engine: &Engine,
    (tenant, group, sender): Place,
    load: &Durable,
    publisher: usize,
    until: Instant,
) -> anyhow::Result<Histogram<u64>> {
    let mut latency_us = latencies();
    let mut waiting: VecDeque<(Instant, Ticket)> = VecDeque::with_capacity(load.window);
    let mut number = 0;
    loop {
        let now = Instant::now();
        if now >= until {
            break;
        }
        if waiting.len() == load.window {
            finish(waiting.pop_front(), &mut latency_us)?;
        }
        number += 1;
        let body = payload(load.payload_bytes, publisher, number);
        let message = Message {
            group,
            sender,
            device: DeviceId(0),
            kind: Kind::Text,
            priority: Priority::Normal,
            client_message_id: ClientMessageId(u128::from(number)),
            body: &body,
        };
        waiting.push_back((now, engine.publish(tenant, &message)?));
    }
    for one in waiting {
        finish(Some(one), &mut latency_us)?;
    }
    Ok(latency_us)
}

fn finish(one: Option<(Instant, Ticket)>, latency_us: &mut Histogram<u64>) -> anyhow::Result<()> {
    if let Some((sent, ticket)) = one {
        ticket.wait()?;
        latency_us.saturating_record(sent.elapsed().as_micros() as u64);
    }
    Ok(())
}

/// Verifies the log; how many messages are in it, and how many bytes are used.
fn look(archive: Archive, directory: &Path) -> anyhow::Result<(u64, u64)> {
    let storage = Directory::open(directory)?;
    let verified = throng::archive::verify(&storage, 2, &|_| ())?;
    ensure!(
        verified.is_sound() && verified.torn.is_none(),
        "the log does not verify"
    );
    let mut config = Config::default();
    config.encryption = archive.encryption();
    let (log, _) = Log::open(Arc::new(storage), config, [1; 32])?;
    let reader = log.reader();
    let mut found = 0;
    let mut from = RecordNumber(0);
    while from < reader.durable() {
        let records = reader.read(from, READ_BYTES)?;
        from.0 += records.len() as u64;
        ensure!(!records.is_empty(), "a record below the end cannot be read");
        found += records
            .iter()
            .filter(|record| record.envelope.header().kind().is_message())
            .count() as u64;
    }
    Ok((found, verified.bytes))
}

/// What the disk takes to write and sync so many bytes into preallocated space.
fn device(directory: &Path, bytes: usize) -> anyhow::Result<Percentiles> {
    let mut file = File::create(directory.join("probe"))?;
    let block = vec![7; bytes];
    for _ in 0..SYNCS {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    let mut times = latencies();
    for number in 0..SYNCS {
        let started = Instant::now();
        file.write_all_at(&block, (number * bytes) as u64)?;
        file.sync_data().context("the probe cannot be synced")?;
        times.saturating_record(started.elapsed().as_micros() as u64);
    }
    std::fs::remove_file(directory.join("probe"))?;
    Ok(Percentiles {
        p50: times.value_at_quantile(0.5),
        p99: times.value_at_quantile(0.99),
    })
}
