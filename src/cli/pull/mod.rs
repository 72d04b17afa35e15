//! `throng pull`: an enterprise's own archive as JSON Lines, from a record number on.
//!
//! Made for a cron job: with a state file it goes on where the last run stopped, and writes each record
//! once whatever happened in between.

mod line;
mod sink;

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use throng::archive::pull::PullKey;
use throng::client::{PullError, Pulling};
use throng::model::command::PullRecordsV1;
use throng::wire::{GroupId, PersonId, PulledHeader, RecordNumber, Timestamp};

use self::line::hex;
use self::sink::{Point, Sink};
use super::DAMAGED;
use super::admin::{Connection, Target};

/// Records between two points to go on from.
const RECORDS_PER_POINT: u64 = 10_000;
/// Records and bytes of a page, as many as a server gives.
const PAGE: (u32, u32) = (1_000, 256 * 1024);

/// Pull an enterprise's own archive, as JSON Lines.
#[derive(Args)]
pub(super) struct Pull {
    #[command(flatten)]
    target: Target,
    /// The first record.
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: u64,
    /// The last record.
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    to: u64,
    /// Only what is of these groups.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    group: Vec<u64>,
    /// Only what these people caused.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    person: Vec<u64>,
    /// Only from this time on: RFC 3339, or microseconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only until before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// Append to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keep in this file where to go on, and go on from there; --from counts the first time.
    #[arg(long, value_name = "FILE", requires = "output")]
    state: Option<PathBuf>,
    /// Have each record sealed to the key in this file, and write it sealed.
    #[arg(long, value_name = "FILE", conflicts_with = "private_key")]
    public_key: Option<PathBuf>,
    /// Have each record sealed to this key on its way, and opened here.
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// Make a private key in this file and its public key beside it, in FILE.pub; pull nothing.
    #[arg(long, value_name = "FILE")]
    new_key: Option<PathBuf>,
}

impl Pull {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(file) = &self.new_key {
            make_key(file)?;
            return Ok(ExitCode::SUCCESS);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.pull())
    }

    async fn pull(&self) -> anyhow::Result<ExitCode> {
        let mut sink = Sink::open(self.output.as_deref(), self.state.as_deref())?;
        let before = sink.point();
        let key = self.private_key.as_deref().map(read_key).transpose()?;
        let public_key = self.public_key.as_deref().map(read_bytes).transpose()?;
        let asked = self.asked(before, public_key.unwrap_or_default());
        let connection = Connection::open(&self.target).await?;
        let mut pulling = connection.client().pull(asked);
        if let Some(key) = key {
            let key = PullKey::from_bytes(&key).context("the private key")?;
            pulling = pulling.sealed_to(key);
        }
        let ended = drain(&mut pulling, &mut sink, before).await;
        let incarnation = pulling.header().map(|header| header.incarnation);
        if let Some(incarnation) = incarnation.filter(|_| !is_another_log(&ended)) {
            sink.save(pulling.next_record(), incarnation)?;
        }
        connection.close().await;
        match ended {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => match error.downcast_ref() {
                Some(PullError::Unreadable { .. } | PullError::Commitment { .. }) => {
                    eprintln!("throng: {}", super::one_line(&error));
                    Ok(ExitCode::from(DAMAGED))
                }
                _ => Err(error),
            },
        }
    }

    fn asked(&self, before: Option<Point>, public_key: Vec<u8>) -> PullRecordsV1 {
        let from = before.map_or(self.from, |point| point.next);
        PullRecordsV1 {
            from: RecordNumber(from),
            // A range that is over: nothing is asked.
            to: RecordNumber(self.to),
            groups: self.group.iter().copied().map(GroupId).collect(),
            people: self.person.iter().copied().map(PersonId).collect(),
            since: self.since.unwrap_or(Timestamp(i64::MIN)),
            until: self.until.unwrap_or(Timestamp(i64::MAX)),
            records: PAGE.0,
            bytes: PAGE.1,
            public_key,
        }
    }
}

/// Writes what there is, to the end of what there is now.
async fn drain(
    pulling: &mut Pulling,
    sink: &mut Sink,
    before: Option<Point>,
) -> anyhow::Result<()> {
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
        "{pos}/{len} records {wide_bar} {eta}",
    )?);
    let (first, mut since_point) = (pulling.next_record().0, 0);
    let mut told = false;
    while let Some(pulled) = pulling.next().await {
        let pulled = pulled?;
        if let Some(header) = pulling.header() {
            check(header, before)?;
            if header.begins_later && !told {
                eprintln!("throng: records before {} are gone", header.first);
                told = true;
            }
            bar.set_length(header.position.0.saturating_sub(first));
            bar.set_position(pulling.next_record().0.saturating_sub(first));
            sink.line(&line::json(&pulled, header))?;
            since_point += 1;
            if since_point == RECORDS_PER_POINT {
                sink.save(pulling.next_record(), header.incarnation)?;
                since_point = 0;
            }
        }
    }
    if let Some(header) = pulling.header() {
        check(header, before)?;
    }
    bar.finish_and_clear();
    Ok(())
}

/// Another log than the one of the run before is pulled anew, by whoever decides so.
fn check(header: &PulledHeader, before: Option<Point>) -> anyhow::Result<()> {
    if let Some(before) = before.filter(|point| point.incarnation != header.incarnation) {
        let (before, now) = (before.incarnation, header.incarnation);
        return Err(PullError::Incarnation { before, now }.into());
    }
    Ok(())
}

fn is_another_log(ended: &anyhow::Result<()>) -> bool {
    let error = ended.as_ref().err();
    let error = error.and_then(|error| error.downcast_ref());
    matches!(error, Some(PullError::Incarnation { .. }))
}

/// A time as it is typed.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(micros) = text.parse() {
        return Ok(Timestamp(micros));
    }
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        "a time is RFC 3339, as 2026-03-01T08:00:00+08:00, or microseconds since 1970".to_owned()
    })?;
    Ok(Timestamp(at.as_microsecond()))
}

fn read_key(file: &Path) -> anyhow::Result<[u8; 32]> {
    let bytes = read_bytes(file)?;
    let bytes = <[u8; 32]>::try_from(bytes).ok();
    bytes.with_context(|| format!("{} is no key of 32 bytes in hex", file.display()))
}

fn read_bytes(file: &Path) -> anyhow::Result<Vec<u8>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let digits = text.trim().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    match bytes {
        Some(bytes) if bytes.len() == 32 && digits.len() == 64 => Ok(bytes),
        _ => bail!("{} is no key of 32 bytes in hex", file.display()),
    }
}

/// A private key that only its owner reads, and its public key.
fn make_key(file: &Path) -> anyhow::Result<()> {
    let mut private = [0; 32];
    getrandom::fill(&mut private).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    let public = PullKey::from_bytes(&private)?.public();
    let mut beside = file.as_os_str().to_owned();
    beside.push(".pub");
    for (path, mode, bytes) in [(file, 0o600, private), (Path::new(&beside), 0o644, public)] {
        let mut options = fs::OpenOptions::new();
        let made = options.write(true).create_new(true).mode(mode).open(path);
        let mut made = made.with_context(|| format!("cannot make {}", path.display()))?;
        writeln!(made, "{}", hex(&bytes))?;
        made.sync_all()?;
    }
    Ok(())
}
