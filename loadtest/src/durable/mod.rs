//! Durable publishing: messages acknowledged a second when each is on disk before its acknowledgement.
//!
//! Throng runs embedded, with its rules, records and syncs as always; its peer is nats-server's JetStream
//! with `sync_interval: always`, through its own client. Both get the same publishers, windows, payloads
//! and disk, in alternating rounds, and are asked afterwards for what they acknowledged.

mod embedded;
mod jetstream;
mod report;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use hdrhistogram::Histogram;
use serde::Deserialize;

use crate::measure::{Machine, Percentiles};
use crate::server_process::workspace;
use embedded::Archive;
use report::{Report, SystemReport};

/// A scenario of this kind: `schema`, `name` and the table.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    name: String,
    durable: Durable,
}

/// The load.
#[derive(Clone, PartialEq, Debug, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Durable {
    /// Publishers at a time. 1 to 64.
    publishers: usize,
    /// Of each publisher, messages not acknowledged yet. 1 to 65,536.
    window: usize,
    /// Bytes of a message. 8 to 65,536.
    payload_bytes: usize,
    /// How long each round publishes, in seconds.
    seconds: f64,
    /// Rounds of each system, taking turns. 1 or more.
    rounds: usize,
}

/// What one round brought.
struct Round {
    acknowledged: u64,
    elapsed: Duration,
    /// From the publish to its acknowledgement, in microseconds.
    latency_us: Histogram<u64>,
    /// Messages a sync made durable, about, where it is known.
    per_sync: Option<f64>,
    /// The disk's own write and sync of as many bytes.
    device_us: Option<Percentiles>,
    /// Messages found afterwards.
    found: u64,
}

/// Whether the scenario at `path` is of this kind.
pub(crate) fn is_durable(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.parse::<toml::Table>()
        .is_ok_and(|table| table.contains_key("durable"))
}

/// Runs the scenario at `path`, prints and returns the result as JSON, and whether it was good.
pub(crate) fn run(
    path: &Path,
    seconds: Option<f64>,
    nats_server: Option<PathBuf>,
) -> anyhow::Result<(String, bool)> {
    let file = load(path, seconds)?;
    let load = &file.durable;
    let parent = workspace().join("target/loadtest");
    std::fs::create_dir_all(&parent)?;
    let directory = tempfile::Builder::new()
        .prefix("durable-")
        .tempdir_in(parent)?;
    let machine = Machine::measure(directory.path())?;
    let jetstream = jetstream::find(nats_server);
    let throng = |system| SystemReport::new(system, env!("CARGO_PKG_VERSION").to_owned());
    let mut ours = [
        ("Throng, embedded", false, false),
        ("… encrypted", true, false),
        ("… published", false, true),
        ("… encrypted and published", true, true),
    ]
    .map(|(system, encrypted, published)| {
        let archive = Archive {
            encrypted,
            published,
        };
        (throng(system), archive)
    });
    let mut nats = match &jetstream {
        Ok(found) => Some(SystemReport::new(
            "NATS JetStream, synced",
            found.version.clone(),
        )),
        Err(why) => {
            eprintln!("left out: {why}");
            None
        }
    };
    let mut places = Vec::new();
    for number in 1..=load.rounds {
        for (report, archive) in &mut ours {
            eprintln!("round {number} of {}: {}", load.rounds, report.system);
            let place = tempfile::tempdir_in(directory.path())?;
            report.add(&embedded::round(load, *archive, place.path())?);
            // The space, but not the thousands of tiles: for seconds after those are removed ext4 is slow to
            // find an inode for a new file (`recently_deleted`), which the next round would pay for.
            std::fs::remove_dir_all(place.path().join("log"))?;
            places.push(place);
        }
        if let (Ok(found), Some(nats)) = (&jetstream, &mut nats) {
            eprintln!("round {number} of {}: {}", load.rounds, nats.system);
            let place = directory.path().join(format!("nats-{number}"));
            nats.add(&jetstream::round(load, found, &place)?);
        }
    }
    let ours = ours.into_iter().map(|(report, _)| report);
    let systems = ours.chain(nats).collect();
    let report = Report {
        scenario: file.name,
        machine,
        load: load.clone(),
        systems,
    };
    eprint!("\n{}", report.table());
    Ok((
        serde_json::to_string_pretty(&report)? + "\n",
        report.is_good(),
    ))
}

fn load(path: &Path, seconds: Option<f64>) -> anyhow::Result<File> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the scenario {}", path.display()))?;
    let mut file: File =
        toml::from_str(&text).with_context(|| format!("scenario {}", path.display()))?;
    ensure!(
        file.schema == 1,
        "schema is {}; this build reads 1",
        file.schema
    );
    let load = &mut file.durable;
    load.seconds = seconds.unwrap_or(load.seconds);
    let within = |name, found: usize, (min, max): (usize, usize)| {
        if (min..=max).contains(&found) {
            return Ok(());
        }
        bail!("durable.{name} is {found}: it must be from {min} to {max}")
    };
    within("publishers", load.publishers, (1, 64))?;
    within("window", load.window, (1, 65_536))?;
    within("payload_bytes", load.payload_bytes, (8, 65_536))?;
    within("rounds", load.rounds, (1, 1_000))?;
    ensure!(
        load.seconds.is_finite() && load.seconds > 0.0,
        "durable.seconds must be above 0"
    );
    Ok(file)
}

/// An empty histogram of microseconds.
fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds and precision are fixed")
}

/// A payload that differs by publisher and number.
fn payload(bytes: usize, publisher: usize, number: u64) -> Vec<u8> {
    let mut payload = vec![b'a' + (publisher % 26) as u8; bytes];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario() -> PathBuf {
        workspace().join("loadtest/scenarios/durable.toml")
    }

    #[test]
    fn the_scenario_is_told_from_others_and_can_be_read() {
        assert!(is_durable(&scenario()));
        assert!(!is_durable(
            &workspace().join("loadtest/scenarios/all-hands.toml")
        ));
        assert_eq!(load(&scenario(), Some(0.5)).unwrap().durable.seconds, 0.5);
        assert!(load(&scenario(), Some(0.0)).is_err());
    }

    #[test]
    fn everything_acknowledged_by_an_embedded_engine_is_found_afterwards() {
        let mut load = load(&scenario(), Some(0.2)).unwrap().durable;
        (load.publishers, load.window) = (2, 16);
        let directory = tempfile::tempdir().unwrap();
        for everything in [false, true] {
            let archive = Archive {
                encrypted: everything,
                published: everything,
            };
            let place = tempfile::tempdir_in(directory.path()).unwrap();
            let round = embedded::round(&load, archive, place.path()).unwrap();
            assert!(round.acknowledged > 0);
            assert_eq!(round.found, round.acknowledged);
            assert_eq!(round.latency_us.len(), round.acknowledged);
        }
    }
}
