//! `throng archive repair`: the explicit way out of damage.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use throng::archive::{self, RepairError};

use super::super::DAMAGED;
use super::super::failure::one_line;

/// Give up the first damaged record of a log and all that follow, keeping what is cut aside.
///
/// Without --accept-loss it changes nothing and says what would be lost, with exit code 1.
#[derive(Args)]
pub(in super::super) struct Repair {
    /// The data directory.
    dir: PathBuf,
    /// Agree to losing what `verify` says is damaged, and everything after it.
    #[arg(long)]
    accept_loss: bool,
}

impl Repair {
    pub(in super::super) fn run(self) -> anyhow::Result<ExitCode> {
        let log = super::open(&self.dir)?;
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).context("the system gives no randomness")?;
        let recorded = archive::record_lost_keys(&log, self.accept_loss);
        let repaired = match &recorded {
            Ok(_) | Err(RepairError::KeysNotAccepted { .. }) => {
                archive::repair(&log, self.accept_loss, entropy)
            }
            Err(_) => Ok(None),
        };
        let mut refused = false;
        for error in [recorded.as_ref().err(), repaired.as_ref().err()] {
            // All that would be lost is told before anything is.
            if let Some(
                error @ (RepairError::LossNotAccepted { .. } | RepairError::KeysNotAccepted { .. }),
            ) = error
            {
                eprintln!("throng: {}", one_line(&anyhow::anyhow!("{error}")));
                refused = true;
            }
        }
        if refused {
            return Ok(ExitCode::from(DAMAGED));
        }
        let (lost, repair) = (recorded?, repaired?);
        if lost > 0 {
            println!("{lost} lost keys are recorded: what was sealed under them reads as gone");
        }
        let Some(repair) = repair else {
            if lost == 0 {
                println!("nothing to repair");
            }
            return Ok(ExitCode::SUCCESS);
        };
        println!(
            "{}\nthe log now ends before record {}; its incarnation is {}, so that clients drop \
             their cursors",
            repair.damage, repair.at, repair.incarnation
        );
        for file in &repair.kept_in {
            println!("what was cut is kept in {file}");
        }
        if repair.digest_key_lost {
            println!(
                "the key of body digests is lost: retries of messages from before are taken for \
                 conflicts"
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
