//! `throng archive export`: the records that two super admins have agreed to export.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use throng::archive::export::{
    ExportError, Exported, Grant, Job, MANIFEST, Phase, Progress, Published, Settings,
};
use throng::archive::tlog::VerifyingKey;
use throng::archive::{self, BaseError, OfflineError};
use throng::config::ByteSize;
use throng::log::{Directory, OpenError, ReadError};
use throng::wire::{ExportId, TenantId};

use super::super::DAMAGED;
use super::super::directory::DataDirectory;
use super::super::encryption::KeyFlags;
use super::super::failure::one_line;

/// Write the records of an export that was granted: JSON Lines, mail, proofs and a manifest.
///
/// Stopped at any time, it goes on from there when it is run again. Exit code 1 when a record is damaged
/// or missing, or is not what was signed; nothing is left out in silence.
#[derive(Args)]
pub(in super::super) struct Export {
    /// The data directory, which no server has.
    dir: PathBuf,
    /// The number of the export, as its approval was answered.
    #[arg(long, value_name = "NUMBER")]
    export: u64,
    /// The tenant whose export it is, where several have one of this number.
    #[arg(long, value_name = "ID")]
    tenant: Option<u32>,
    /// The directory to write to: a new one, an empty one, or that of the same export.
    #[arg(long, value_name = "DIRECTORY")]
    to: PathBuf,
    /// The transparency log's key, either half; `keys/tlog.key` of the data directory otherwise.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// What stays free on the disk of that directory, which may be the log's own; 0 fills it.
    #[arg(long, value_name = "SIZE", default_value = "1 GiB")]
    disk_margin: ByteSize,
    #[command(flatten)]
    encryption: KeyFlags,
}

impl Export {
    pub(in super::super) fn run(self) -> anyhow::Result<ExitCode> {
        match self.export() {
            Ok(exported) => {
                println!(
                    "{} records in {}, SHA-256 of {MANIFEST} {}",
                    exported.records,
                    self.to.display(),
                    hex(&exported.manifest)
                );
                Ok(ExitCode::SUCCESS)
            }
            Err(error) if is_damage(&error) => {
                eprintln!("throng: {}", one_line(&error));
                Ok(ExitCode::from(DAMAGED))
            }
            Err(error) => Err(error),
        }
    }

    fn export(&self) -> anyhow::Result<Exported> {
        let log = super::open(&self.dir)?;
        let published = self.published()?;
        let master = self
            .encryption
            .master(&DataDirectory::existing(&self.dir)?)?;
        let threads = available_parallelism().map_or(1, usize::from);
        let bar = ProgressBar::new(0).with_style(
            ProgressStyle::with_template("{msg} {bar:40} {percent}%, {eta} to go")
                .expect("the template is a constant"),
        );
        bar.set_message("checking the log");
        let reader = archive::read_offline(&log, master.as_ref(), threads, &|done, total| {
            bar.set_length(total);
            bar.set_position(done);
        })?;
        let export = ExportId(self.export);
        let mut show = |progress: Progress| {
            bar.set_message(match progress.phase {
                Phase::Looking => "looking for the grant",
                Phase::Planning => "counting",
                Phase::Explaining => "looking for what is gone",
                Phase::Writing => "writing",
                Phase::Proving => "proving",
                Phase::Checking => "reading back",
            });
            bar.set_length(progress.total);
            bar.set_position(progress.done);
            ControlFlow::Continue(())
        };
        let tenant = self.tenant.map(TenantId);
        let grant = Grant::find(&reader, tenant, export, &mut show)?;
        let out = Directory::open(&self.to)
            .with_context(|| format!("cannot write to {}", self.to.display()))?;
        let mut settings = Settings::default();
        settings.disk_margin_bytes = self.disk_margin.bytes();
        let job = Job {
            reader: &reader,
            grant: &grant,
            out: &out,
            folder: "",
            published: published
                .as_ref()
                .map(|(storage, key)| Published { storage, key }),
            settings,
        };
        let exported = job.run(&mut show)?;
        bar.finish_and_clear();
        Ok(exported)
    }

    /// What was published of the log. Where there is a key to prove it by there must be something to
    /// prove: else an export without proofs would pass for one of a log that was never published.
    fn published(&self) -> anyhow::Result<Option<(Directory, VerifyingKey)>> {
        let published = super::open_published(&self.dir, self.key.as_deref())?;
        if published.is_some() {
            return Ok(published);
        }
        let data = DataDirectory::existing(&self.dir)?;
        let (tlog, own) = (data.tlog(), data.tlog_key());
        if let Some(key) = &self.key {
            bail!(
                "there is no transparency log {} that {} could have signed: bring it back, or, if the log was never published, leave --key out",
                tlog.display(),
                key.display()
            );
        }
        if own.exists() {
            bail!(
                "there is the key {}, but no transparency log {}: bring it back or start the server for a moment, or, if the log was never published, move the key away",
                own.display(),
                tlog.display()
            );
        }
        Ok(None)
    }
}

/// Whether the log, or what was written of it, is not what it should be.
fn is_damage(error: &anyhow::Error) -> bool {
    let of_log = matches!(
        error.downcast_ref(),
        Some(
            OfflineError::Open(OpenError::Damaged(_))
                | OfflineError::Read(ReadError::Damaged(_))
                | OfflineError::Base(BaseError::Read(ReadError::Damaged(_)))
                | OfflineError::Events { .. }
        )
    );
    of_log
        || matches!(
            error.downcast_ref(),
            Some(
                ExportError::Read(ReadError::Damaged(_))
                    | ExportError::Base(BaseError::Read(ReadError::Damaged(_)))
                    | ExportError::MissingRecord { .. }
                    | ExportError::MissingSequence { .. }
                    | ExportError::Unexplained { .. }
                    | ExportError::Events { .. }
                    | ExportError::MissingFile { .. }
                    | ExportError::Counts { .. }
                    | ExportError::Changed { .. }
                    | ExportError::Contradicted { .. }
            )
        )
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}
