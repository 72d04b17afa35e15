//! `throng archive verify`: whether every byte is what was written.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use throng::archive::{self, Report};
use throng::log::Damage;

use super::super::DAMAGED;

/// Check every record of a log: exit code 0 when sound, 1 when damaged, 2 when it cannot be checked.
#[derive(Args)]
pub(in super::super) struct Verify {
    /// The data directory.
    dir: PathBuf,
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
        if self.json {
            println!("{}", in_json(&report));
        } else {
            print(&report);
        }
        Ok(if report.is_sound() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(DAMAGED)
        })
    }
}

fn in_json(report: &Report) -> Value {
    json!({
        "records": report.records,
        "segments": report.segments,
        "bytes": report.bytes,
        "verified": report.is_sound(),
        "damage": report.damage.iter().map(damage_in_json).collect::<Vec<_>>(),
        "torn": report.torn.as_ref().map(damage_in_json),
        "residue_bytes": report.residue_bytes,
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
    if let Some(torn) = &report.torn {
        println!("a crash left the end half written, the next start cuts it: {torn}");
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
