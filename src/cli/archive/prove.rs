//! `throng archive prove`: one record's place under the signed root, as a file for others.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use throng::archive::tlog::{self, AuditError};
use throng::wire::RecordNumber;

use super::super::DAMAGED;
use super::super::failure::one_line;

/// Prove that a record is in the log: a tlog-proof file (c2sp.org/tlog-proof), checked before it is
/// written. Exit code 1 when log and tiles disagree.
#[derive(Args)]
pub(in super::super) struct Prove {
    /// The data directory.
    dir: PathBuf,
    /// The record's number.
    record: u64,
    /// The log's key, either half; `keys/tlog.key` of the data directory otherwise.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where to write it, instead of standard output. Nothing that exists is written over.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Prove {
    pub(in super::super) fn run(self) -> anyhow::Result<ExitCode> {
        let log = super::open(&self.dir)?;
        let (published, key) = super::open_published(&self.dir, self.key.as_deref())?
            .ok_or(AuditError::NotPublished)?;
        let proof = match tlog::prove(&log, &published, &key, RecordNumber(self.record)) {
            Err(error @ AuditError::NotProved { .. }) => {
                eprintln!("throng: {}", one_line(&error.into()));
                return Ok(ExitCode::from(DAMAGED));
            }
            proof => proof?.to_string(),
        };
        match self.out {
            None => print!("{proof}"),
            Some(out) => std::fs::File::create_new(&out)
                .and_then(|mut file| std::io::Write::write_all(&mut file, proof.as_bytes()))
                .with_context(|| format!("cannot write {}", out.display()))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
