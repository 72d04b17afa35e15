//! `throng archive stats`: what was signed of a log, and the key by which others check it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use throng::archive::tlog::{self, AuditError, Signed};

/// Say what was published of a log: origin, size, root, and the key to give to auditors.
#[derive(Args)]
pub(in super::super) struct Stats {
    /// The data directory.
    dir: PathBuf,
    /// The log's key, either half; `keys/tlog.key` of the data directory otherwise.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Stats {
    pub(in super::super) fn run(self) -> anyhow::Result<ExitCode> {
        let log = super::open(&self.dir)?;
        let (published, key) = super::open_published(&self.dir, self.key.as_deref())?
            .ok_or(AuditError::NotPublished)?;
        let (signed, records) = tlog::lookup(&log, &published, &key)?;
        let Signed {
            checkpoint, key, ..
        } = &signed;
        let root = checkpoint.to_text();
        let root = root.lines().nth(2).unwrap_or_default();
        let unsigned = records.saturating_sub(checkpoint.size);
        if self.json {
            let stats = json!({
                "origin": checkpoint.origin,
                "size": checkpoint.size,
                "root": root,
                "key": key.to_string(),
                "records": records,
                "unsigned": unsigned,
            });
            println!("{stats}");
        } else {
            println!(
                "origin:   {}\nsize:     {}\nroot:     {root}\nkey:      {key}\nrecords:  {records}\nunsigned: {unsigned}",
                checkpoint.origin, checkpoint.size
            );
        }
        Ok(ExitCode::SUCCESS)
    }
}
