//! The transparency log of a server: its directory, its key, how often.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, ensure};
use throng::archive::tlog::{CHECKPOINT, WitnessKey};
use throng::config::{Config, Tlog};
use throng::engine::{Timestamping, Transparency, Witness, Witnessing};
use throng::hook::{AuthorityCommand, WitnessAddress};
use throng::log::{Directory, Storage};
use tracing::{info, warn};

use super::super::directory::DataDirectory;
use super::super::failure::Advise;

/// What the engine is to publish with; `None` where it is switched off. Makes the key where it is
/// missing and none is configured.
pub(super) fn transparency(
    data: &DataDirectory,
    config: &Config,
) -> anyhow::Result<Option<Transparency>> {
    let knobs = &config.tlog;
    if !knobs.publish {
        return Ok(None);
    }
    if knobs.key_file == Tlog::default().key_file && data.make_missing_tlog_key()? {
        info!(path = %data.tlog_key().display(), "made the key of the transparency log");
    }
    let key = super::super::directory::read_tlog_key(&data.resolve(&knobs.key_file))?;
    let path = data.tlog();
    let directory = Directory::open(&path)
        .with_context(|| format!("cannot open the transparency log {}", path.display()))?;
    let storage: Arc<dyn Storage> = Arc::new(directory);
    let mut transparency = Transparency::new(storage, key);
    transparency.every = knobs.every.duration();
    if !knobs.seen_directory.as_os_str().is_empty() {
        transparency.seen = Some(seen(&data.resolve(&knobs.seen_directory))?);
    }
    let advice = || "see [tlog] in `throng config print`".to_owned();
    transparency.timestamps = timestamps(knobs).advise(advice)?;
    transparency.witnesses = witnesses(data, knobs).advise(advice)?;
    Ok(Some(transparency))
}

/// Where the last checkpoint is kept besides. It is not made: an empty one where a disk is not mounted knows
/// nothing.
fn seen(path: &Path) -> anyhow::Result<Arc<dyn Storage>> {
    let shown = path.display();
    let directory = Directory::open_existing(path)
        .with_context(|| format!("cannot open tlog.seen_directory {shown}"))
        .advise(|| "mount its disk, or make the directory".to_owned())?;
    if !path.join(CHECKPOINT).exists() {
        warn!(path = %shown, "no checkpoint was kept here yet: this start is compared with none");
    }
    Ok(Arc::new(directory))
}

fn timestamps(knobs: &Tlog) -> anyhow::Result<Option<Timestamping>> {
    if knobs.timestamp_command.is_empty() {
        return Ok(None);
    }
    let limit = knobs.timestamp_timeout.duration();
    let authority = AuthorityCommand::new(&knobs.timestamp_command, limit)
        .context("tlog.timestamp_command cannot be run")?;
    Ok(Some(Timestamping {
        authority: Arc::new(authority),
        every: knobs.timestamp_every.duration(),
    }))
}

fn witnesses(data: &DataDirectory, knobs: &Tlog) -> anyhow::Result<Option<Witnessing>> {
    let listed = knobs.witnesses.split(',').map(str::trim);
    let mut witnesses: Vec<(WitnessKey, Arc<dyn Witness>)> = Vec::new();
    for text in listed.filter(|_| !knobs.witnesses.trim().is_empty()) {
        let (key, prefix) = text.split_once(' ').with_context(|| {
            format!("tlog.witnesses has `{text}`, which is not a key, a space and a prefix")
        })?;
        let key = WitnessKey::parse(key)
            .with_context(|| format!("tlog.witnesses has `{key}`, which is no witness's key"))?;
        let prefix = prefix.trim();
        let twice = witnesses.iter().any(|(other, _)| *other == key);
        ensure!(!twice, "tlog.witnesses has {} twice", key.name());
        let ca_pem = if prefix.starts_with("https:") {
            let path = data.resolve(&knobs.witness_ca_file);
            std::fs::read(&path).with_context(|| {
                format!("cannot read witnesses' certificates {}", path.display())
            })?
        } else {
            Vec::new()
        };
        let witness = WitnessAddress::new(prefix, knobs.witness_timeout.duration(), &ca_pem)
            .with_context(|| format!("witness {} cannot be asked", key.name()))?;
        witnesses.push((key, Arc::new(witness)));
    }
    if witnesses.is_empty() {
        return Ok(None);
    }
    info!(witnesses = witnesses.len(), "checkpoints are cosigned");
    Ok(Some(Witnessing {
        witnesses,
        every: knobs.witness_every.duration(),
    }))
}
