//! `throng archive verify`: whether every byte is what was written.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use throng::archive::tlog::{self, Audit, AuditError};
use throng::archive::{self, Report};
use throng::log::Damage;

use super::super::DAMAGED;

/// Check every record of a log, and what was published of it against them: exit code 0 when sound, 1 when damaged, 2 when it cannot be checked.
#[derive(Args)]
pub(in super::super) struct Verify {
    /// The data directory.
    dir: PathBuf,
    /// The transparency log's key, either half; `keys/tlog.key` of the data directory otherwise.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(in super::super) fn run(self) -> anyhow::Result<ExitCode> {
        let log = super::open(&self.dir)?;
        let threads = available_parallelism().map_or(1, usize::from);
        let bar = ProgressBar::new(0).with_style(
            ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} to go")
                .expect("the template is a constant"),
        );
        let report = archive::verify(&log, threads, &|progress| {
            bar.set_length(progress.total_bytes);
            bar.set_position(progress.done_bytes);
        })?;
        bar.finish_and_clear();
        let published = match super::open_published(&self.dir, self.key.as_deref())? {
            None => Published::Nothing,
            // Damage would be reported twice, the second time wrongly.
            Some(_) if !report.is_sound() => Published::LogDamaged,
            Some((published, key)) => match tlog::audit(&log, &published, &key) {
                Ok(audit) => Published::Audited(Box::new(audit)),
                Err(AuditError::NotPublished) => Published::Nothing,
                Err(error @ AuditError::Repaired { .. }) => Published::Repaired(error.to_string()),
                Err(error @ AuditError::Stored(_)) => Published::Unbelievable(error.to_string()),
                Err(error) => return Err(error.into()),
            },
        };
        if self.json {
            println!("{}", in_json(&report, &published));
        } else {
            print(&report);
            print_published(&published);
        }
        Ok(if report.is_sound() && published.is_sound() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(DAMAGED)
        })
    }
}

/// What there is to say about the transparency log.
enum Published {
    Nothing,
    LogDamaged,
    Repaired(String),
    Unbelievable(String),
    Audited(Box<Audit>),
}

impl Published {
    fn is_sound(&self) -> bool {
        match self {
            Self::Audited(audit) => audit.faults.is_empty(),
            Self::Unbelievable(_) => false,
            Self::Nothing | Self::LogDamaged | Self::Repaired(_) => true,
        }
    }

    fn in_json(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::LogDamaged => json!({ "checked": false }),
            Self::Repaired(why) => json!({ "checked": false, "why": why }),
            Self::Unbelievable(why) => {
                json!({ "checked": true, "verified": false, "faults": [why] })
            }
            Self::Audited(audit) => json!({
                "checked": true,
                "verified": self.is_sound(),
                "origin": audit.signed.checkpoint.origin,
                "size": audit.signed.checkpoint.size,
                "unsigned": audit.unsigned,
                "faults": audit.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
            }),
        }
    }
}

fn print_published(published: &Published) {
    match published {
        Published::Nothing => {
            println!("nothing is published: this history is compared with no checkpoint");
        }
        Published::LogDamaged => println!("transparency log not compared: the log is damaged"),
        Published::Repaired(why) => println!("transparency log not compared: {why}"),
        Published::Unbelievable(why) => println!("transparency log CONTRADICTS the log: {why}"),
        Published::Audited(audit) => {
            for fault in &audit.faults {
                println!("{fault}");
            }
            let verdict = if published.is_sound() {
                "agrees with"
            } else {
                "CONTRADICTS"
            };
            println!(
                "transparency log {verdict} the log: {} records signed, {} not yet",
                audit.signed.checkpoint.size, audit.unsigned
            );
        }
    }
}

fn in_json(report: &Report, published: &Published) -> Value {
    json!({
        "first_record": report.begin,
        "records": report.records,
        "segments": report.segments,
        "bytes": report.bytes,
        "verified": report.is_sound(),
        "damage": report.damage.iter().map(damage_in_json).collect::<Vec<_>>(),
        "torn": report.torn.as_ref().map(damage_in_json),
        "residue_bytes": report.residue_bytes,
        "lost_keys": report.lost_keys.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "tlog": published.in_json(),
    })
}

fn damage_in_json(damage: &Damage) -> Value {
    json!({
        "file": damage.file,
        "offset": damage.offset,
        "record": damage.record,
        "what": damage.defect.to_string(),
    })
}

fn print(report: &Report) {
    for damage in &report.damage {
        println!("{damage}");
    }
    for lost in &report.lost_keys {
        println!("{lost}");
    }
    if let Some(torn) = &report.torn {
        println!("a crash left the end half written, the next start cuts it: {torn}");
    }
    if report.begin.0 > 0 {
        println!(
            "the log begins with record {}: those before were removed by retention",
            report.begin
        );
    }
    let verdict = if report.is_sound() {
        "sound"
    } else {
        "DAMAGED"
    };
    println!(
        "{verdict}: {} records in {} segments, {} bytes, {} bytes of residue",
        report.records, report.segments, report.bytes, report.residue_bytes
    );
}
