//! `throng archive repair`: the explicit way out of damage.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use throng::archive::tlog::{self, AuditError, Signed, VerifyingKey};
use throng::archive::{self, Consent, RepairError};
use throng::log::Directory;

use super::super::DAMAGED;
use super::super::directory::DataDirectory;
use super::super::failure::one_line;

/// Give up the first damaged record of a log and all that follow, keeping what is cut aside; or say that a log is
/// a restored copy.
///
/// Without --accept-loss nothing is given up: it says what would be lost, with exit code 1. Tiles of the
/// transparency log that were lost are made again from a log that is sound.
#[derive(Args)]
pub(in super::super) struct Repair {
    /// The data directory.
    dir: PathBuf,
    /// Agree to losing what `verify` says is damaged, and everything after it.
    #[arg(long)]
    accept_loss: bool,
    /// Say that this data directory is an older copy that goes on in the place of another: what is published from
    /// now on has another origin, and clients drop their cursors. Say it of every copy that was restored.
    #[arg(long)]
    restored_copy: bool,
    /// A checkpoint of this log that somebody kept, as `checkpoint` of tlog.seen_directory: the new origin is
    /// later than that.
    #[arg(long, value_name = "FILE")]
    seen: Option<PathBuf>,
    /// The transparency log's key, either half; `keys/tlog.key` of the data directory otherwise.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

impl Repair {
    pub(in super::super) fn run(self) -> anyhow::Result<ExitCode> {
        let log = super::open(&self.dir)?;
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).context("the system gives no randomness")?;
        let consent = Consent {
            accept_loss: self.accept_loss,
            restored_copy: self.restored_copy,
            signed: self.signed()?,
        };
        let recorded = archive::record_lost_keys(&log, self.accept_loss);
        let repaired = match &recorded {
            Ok(_) | Err(RepairError::KeysNotAccepted { .. }) => {
                archive::repair(&log, &consent, entropy)
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
            return self.mend_tiles(&log, lost > 0);
        };
        println!(
            "{}\nthe log now ends before record {}; its incarnation is {}, so that clients drop \
             their cursors",
            repair.cause, repair.at, repair.incarnation
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

    /// What was published, and the key to check it by, where there is one.
    fn published(&self) -> anyhow::Result<Option<(Directory, VerifyingKey)>> {
        let key = DataDirectory::existing(&self.dir)?.tlog_key();
        if self.key.is_none() && !key.exists() {
            eprintln!(
                "the transparency log is not looked at: its key is not here, name it with --key"
            );
            return Ok(None);
        }
        super::open_published(&self.dir, self.key.as_deref())
    }

    /// Of a sound log: what was published of it is made whole.
    fn mend_tiles(&self, log: &Directory, repaired: bool) -> anyhow::Result<ExitCode> {
        let mended = match self.published()? {
            None => 0,
            Some((published, key)) => match tlog::mend(log, &published, &key) {
                Err(AuditError::NotPublished | AuditError::Repaired { .. }) => 0,
                mended => mended?,
            },
        };
        match mended {
            0 if repaired => {}
            0 => println!("nothing to repair"),
            count => {
                println!(
                    "tiles of the transparency log that were made again from the log: {count}"
                );
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What is known to have been signed of this log.
    fn signed(&self) -> anyhow::Result<Vec<Signed>> {
        let Some((published, key)) = self.published()? else {
            ensure!(self.seen.is_none(), "--seen needs `tlog/` and its key");
            return Ok(Vec::new());
        };
        let mut signed = tlog::signed_so_far(&published, &key)?;
        if let Some(path) = &self.seen {
            let note = std::fs::read(path);
            let note = note.with_context(|| format!("cannot read {}", path.display()))?;
            let seen = tlog::read_signed(note, &key);
            signed.push(seen.with_context(|| path.display().to_string())?);
        }
        Ok(signed)
    }
}
