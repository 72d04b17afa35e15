//! `throng archive`: what an auditor, or whoever is called at night, asks of a log that no server
//! writes.

mod inspect;
mod repair;
mod rewrap;
mod verify;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use throng::log::Directory;

use super::directory::DataDirectory;

/// Check, read or repair a log while no server has it.
#[derive(Subcommand)]
pub(super) enum Archive {
    Verify(verify::Verify),
    Inspect(inspect::Inspect),
    Repair(repair::Repair),
    Rewrap(rewrap::Rewrap),
}

impl Archive {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Verify(verify) => verify.run(),
            Self::Inspect(inspect) => inspect.run(),
            Self::Repair(repair) => repair.run(),
            Self::Rewrap(rewrap) => rewrap.run(),
        }
    }
}

/// The log of a data directory, locked.
fn open(data: &Path) -> anyhow::Result<Directory> {
    let data = DataDirectory::existing(data)?;
    let log = data.log();
    Directory::open_existing(&log).with_context(|| format!("cannot open the log {}", log.display()))
}
