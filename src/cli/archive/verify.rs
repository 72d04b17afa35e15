//! `throng archive verify`: whether every byte is what was written.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use throng::archive::tlog::{Attested, Audit, AuditError, Cosignature, NoteError, WitnessKey};
use throng::archive::{self, Progress, Report};
use throng::log::{Damage, Storage};
use throng::wire::Timestamp;

use super::super::DAMAGED;

/// Check every record of a log, and what was published of it against them: exit code 0 when sound, 1 when damaged, 2 when it cannot be checked.
#[derive(Args)]
pub(in super::super) struct Verify {
    /// The data directory.
    dir: PathBuf,
    /// The transparency log's key, either half; `keys/tlog.key` of the data directory otherwise.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The key of a witness that must have cosigned the last cosigned checkpoint, as `name+id+key`; several times
    /// for several.
    #[arg(long = "witness", value_name = "KEY", value_parser = WitnessKey::parse)]
    witnesses: Vec<WitnessKey>,
    /// How many of these witnesses are enough; all of them otherwise.
    #[arg(long, value_name = "N", requires = "witnesses")]
    witness_quorum: Option<usize>,
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
        let progress = |progress: Progress| {
            bar.set_length(progress.total_bytes);
            bar.set_position(progress.done_bytes);
        };
        let published = super::open_published(&self.dir, self.key.as_deref())?;
        let (report, audited) = match &published {
            None => (archive::verify(&log, threads, &progress)?, None),
            Some((published, key)) => {
                let both = (&log as &dyn Storage, published as &dyn Storage);
                let (report, audit) = archive::verify_published(both, key, threads, &progress)?;
                (report, Some(audit))
            }
        };
        bar.finish_and_clear();
        let published = match audited {
            None => Published::Nothing,
            // Damage would be reported twice, the second time wrongly.
            Some(_) if !report.is_sound() => Published::LogDamaged,
            Some(Ok(audit)) => {
                let witnessed = self.witnessed(&audit);
                Published::Audited(Box::new(audit), witnessed)
            }
            Some(Err(AuditError::NotPublished)) => Published::Nothing,
            Some(Err(error @ AuditError::Repaired { .. })) => {
                Published::Repaired(error.to_string())
            }
            Some(Err(error @ (AuditError::Stored(_) | AuditError::NoCheckpoint))) => {
                Published::Unbelievable(error.to_string())
            }
            Some(Err(error)) => return Err(error.into()),
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

/// Which of the witnesses asked for have cosigned, and whether they are enough.
struct Witnessed {
    said: Vec<(WitnessKey, Result<Cosignature, NoteError>)>,
    quorum: usize,
}

impl Verify {
    fn witnessed(&self, audit: &Audit) -> Witnessed {
        let note = audit.attested.cosigned.as_ref();
        let said = self.witnesses.iter().map(|key| {
            let none = || NoteError::NotSigned {
                key: key.to_string(),
            };
            let note = note.map(|(note, _)| note).ok_or_else(none);
            (key.clone(), note.and_then(|note| key.cosigned(note)))
        });
        Witnessed {
            said: said.collect(),
            quorum: self.witness_quorum.unwrap_or(self.witnesses.len()),
        }
    }
}

impl Witnessed {
    /// Whose cosignatures hold. One key given twice is one witness.
    fn cosigned(&self) -> HashSet<[u8; 4]> {
        let held = self.said.iter().filter(|(_, said)| said.is_ok());
        held.map(|(key, _)| key.id()).collect()
    }

    fn are_enough(&self) -> bool {
        self.cosigned().len() >= self.quorum
    }

    fn in_json(&self) -> Value {
        let said = self.said.iter().map(|(key, said)| {
            json!({
                "witness": key.name(),
                "time_s": said.as_ref().ok().map(|cosigned| cosigned.time_s),
                "why_not": said.as_ref().err().map(ToString::to_string),
            })
        });
        Value::Array(said.collect())
    }

    fn print(&self, size: u64) {
        for (key, said) in &self.said {
            match said {
                Ok(cosigned) => println!(
                    "witness {} has cosigned {size} records at {}",
                    key.name(),
                    time(cosigned.time_s)
                ),
                Err(why) => println!("witness {} has NOT cosigned: {why}", key.name()),
            }
        }
        if !self.are_enough() {
            println!(
                "{} of {} witnesses have cosigned, {} are needed",
                self.cosigned().len(),
                self.said.len(),
                self.quorum
            );
        }
    }
}

/// A time of others, as people read it.
fn time(seconds: u64) -> String {
    let micros = i64::try_from(seconds).ok();
    let micros = micros.and_then(|seconds| seconds.checked_mul(1_000_000));
    micros.map_or_else(|| format!("{seconds} s"), |it| Timestamp(it).to_string())
}

/// What there is to say about the transparency log.
enum Published {
    Nothing,
    LogDamaged,
    Repaired(String),
    Unbelievable(String),
    Audited(Box<Audit>, Witnessed),
}

impl Published {
    fn is_sound(&self) -> bool {
        match self {
            Self::Audited(audit, witnessed) => audit.faults.is_empty() && witnessed.are_enough(),
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
            Self::Audited(audit, witnessed) => json!({
                "checked": true,
                "verified": self.is_sound(),
                "origin": audit.signed.checkpoint.origin,
                "size": audit.signed.checkpoint.size,
                "unsigned": audit.unsigned,
                "timestamps": audit.attested.timestamps,
                "timestamped": audit.attested.timestamped.map(|(size, time_s)| json!({ "size": size, "time_s": time_s })),
                "timestamps_before": audit.attested.timestamps_before,
                "cosigned": audit.attested.cosigned.as_ref().map(|(_, size)| size),
                "witnesses": witnessed.in_json(),
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
        Published::Audited(audit, witnessed) => {
            for fault in &audit.faults {
                println!("{fault}");
            }
            print_attested(&audit.attested);
            let cosigned = audit.attested.cosigned.as_ref();
            witnessed.print(cosigned.map_or(0, |(_, size)| *size));
            let verdict = if audit.faults.is_empty() {
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

fn print_attested(attested: &Attested) {
    if let Some((size, time_s)) = attested.timestamped {
        println!(
            "{} timestamps cover checkpoints of this log, the last one {size} records at {}: check the authority's \
             signature with `openssl ts -verify`",
            attested.timestamps,
            time(time_s)
        );
    }
    if attested.timestamps_before > 0 {
        let before = attested.timestamps_before;
        println!("{before} timestamps are from before the log was repaired: not compared with it");
    }
    if let Some((_, size)) = attested.cosigned {
        println!("the last cosigned checkpoint is of {size} records");
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
