//! `throng archive`: what an auditor, or whoever is called at night, asks of a log that no server
//! writes; and what is asked of a running server about how long it is kept and what is in it.

mod audit;
mod custody;
mod export;
mod inspect;
mod prove;
mod repair;
mod rewrap;
mod search;
mod stats;
mod verify;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use throng::archive::tlog::VerifyingKey;
use throng::log::Directory;

use super::directory::DataDirectory;

/// Check, read or repair a log while no server has it; hold, release, retain, search and audit what a server keeps.
#[derive(Subcommand)]
pub(super) enum Archive {
    Verify(verify::Verify),
    Inspect(inspect::Inspect),
    Repair(repair::Repair),
    Prove(prove::Prove),
    Stats(stats::Stats),
    Rewrap(rewrap::Rewrap),
    Hold(custody::Hold),
    Release(custody::Release),
    Retention(custody::Retention),
    Export(export::Export),
    Search(search::Search),
    Audit(audit::Audit),
}

impl Archive {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Verify(verify) => verify.run(),
            Self::Inspect(inspect) => inspect.run(),
            Self::Repair(repair) => repair.run(),
            Self::Prove(prove) => prove.run(),
            Self::Stats(stats) => stats.run(),
            Self::Rewrap(rewrap) => rewrap.run(),
            Self::Hold(hold) => hold.run(),
            Self::Release(release) => release.run(),
            Self::Retention(retention) => retention.run(),
            Self::Export(export) => export.run(),
            Self::Search(search) => search.run(),
            Self::Audit(audit) => audit.run(),
        }
    }
}

/// The log of a data directory, locked.
fn open(data: &Path) -> anyhow::Result<Directory> {
    let data = DataDirectory::existing(data)?;
    let log = data.log();
    Directory::open_existing(&log).with_context(|| format!("cannot open the log {}", log.display()))
}

/// What was published of a data directory's log, locked, and the key to check it by; `None` where
/// nothing was.
fn open_published(
    data: &Path,
    key: Option<&Path>,
) -> anyhow::Result<Option<(Directory, VerifyingKey)>> {
    let data = DataDirectory::existing(data)?;
    let path = data.tlog();
    if !path.is_dir() {
        return Ok(None);
    }
    let directory = Directory::open_existing(&path)
        .with_context(|| format!("cannot open the transparency log {}", path.display()))?;
    let key = key.map_or_else(|| data.tlog_key(), Path::to_owned);
    let text = std::fs::read_to_string(&key)
        .with_context(|| format!("cannot read the key {}; name it with --key", key.display()))?;
    let key = VerifyingKey::parse_either(&text).with_context(|| key.display().to_string())?;
    Ok(Some((directory, key)))
}
