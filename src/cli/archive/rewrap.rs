//! `throng archive rewrap`: another master key for the same log.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use throng::log::rewrap;

use super::super::directory::DataDirectory;
use super::super::encryption::{KeyFlags, of_file};

/// Wrap the keys of an encrypted log under another master key; no record is touched.
///
/// The server must be stopped. Start it with the new key, and destroy the old one.
#[derive(Args)]
pub(in super::super) struct Rewrap {
    /// The data directory.
    dir: PathBuf,
    #[command(flatten)]
    key: KeyFlags,
    /// The file of the new master key, as the old one's. From the data directory unless absolute.
    #[arg(long, value_name = "FILE")]
    new_key_file: PathBuf,
}

impl Rewrap {
    pub(in super::super) fn run(self) -> anyhow::Result<ExitCode> {
        let log = super::open(&self.dir)?;
        let data = DataDirectory::existing(&self.dir)?;
        let old = self.key.master(&data)?;
        let old = old.context("give the master key that the log has now")?;
        let new = of_file(&data.resolve(&self.new_key_file))?;
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).context("the system gives no randomness")?;
        rewrap(&log, &old, &new, entropy)?;
        println!("the log is encrypted under master key {} now", new.id());
        Ok(ExitCode::SUCCESS)
    }
}
