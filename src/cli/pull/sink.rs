//! Where lines go, and the point to go on from.
//!
//! A point is saved once the lines before it are on disk, with how long the file was then. Whatever a
//! run that broke off has written behind its last point is cut off by the next: no line twice, none missing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use throng::wire::RecordNumber;

/// How far a pull has come.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Point {
    /// The record to go on from.
    pub(super) next: u64,
    /// Of the log whose record that is.
    pub(super) incarnation: u64,
    /// How long the file with the lines was.
    bytes: u64,
}

enum Out {
    Standard(BufWriter<io::Stdout>),
    File(BufWriter<File>),
}

/// Lines, to standard output or a file.
pub(super) struct Sink {
    out: Out,
    /// A line was not written whole: no point is saved any more.
    is_torn: bool,
    state: Option<PathBuf>,
    point: Option<Point>,
}

impl Sink {
    pub(super) fn open(output: Option<&Path>, state: Option<&Path>) -> anyhow::Result<Self> {
        let Some(output) = output else {
            return Ok(Self {
                out: Out::Standard(BufWriter::new(io::stdout())),
                is_torn: false,
                state: None,
                point: None,
            });
        };
        let shown = output.display();
        let opened = OpenOptions::new().create(true).append(true).open(output);
        let mut file = opened.with_context(|| format!("cannot open {shown}"))?;
        // One run at a time: each cuts off what it takes for another's remains.
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!("another run is writing {shown}: wait for it, or give each a file of its own");
        }
        let point = state.map(read).transpose()?.flatten();
        let len = file.metadata()?.len();
        if point.is_none() && state.is_some() && len > 0 {
            bail!(
                "{shown} is there and has no point to go on from: a run broke off before its first; remove it, or name another"
            );
        }
        if let Some(point) = &point {
            if len < point.bytes {
                bail!(
                    "{shown} has {len} bytes and had {} at the last point: it is another file, or was cut",
                    point.bytes
                );
            }
            file.set_len(point.bytes)?;
        }
        file.seek(SeekFrom::End(0))?;
        Ok(Self {
            out: Out::File(BufWriter::new(file)),
            is_torn: false,
            state: state.map(Path::to_owned),
            point,
        })
    }

    /// Where the last run stopped.
    pub(super) fn point(&self) -> Option<Point> {
        self.point
    }

    pub(super) fn line(&mut self, line: &Value) -> anyhow::Result<()> {
        let written = match &mut self.out {
            Out::Standard(out) => writeln!(out, "{line}"),
            Out::File(out) => writeln!(out, "{line}"),
        };
        self.is_torn |= written.is_err();
        Ok(written?)
    }

    /// Everything before `next` is written: makes that last, and says so.
    pub(super) fn save(&mut self, next: RecordNumber, incarnation: u64) -> anyhow::Result<()> {
        if self.is_torn {
            return Ok(());
        }
        let file = match &mut self.out {
            Out::Standard(out) => return Ok(out.flush()?),
            Out::File(out) => {
                out.flush()?;
                out.get_ref()
            }
        };
        file.sync_all()?;
        let Some(state) = &self.state else {
            return Ok(());
        };
        let point = Point {
            next: next.0,
            incarnation,
            bytes: file.metadata()?.len(),
        };
        write(state, &point).with_context(|| format!("cannot write {}", state.display()))
    }
}

fn read(state: &Path) -> anyhow::Result<Option<Point>> {
    let shown = state.display();
    match fs::read(state) {
        Ok(bytes) => {
            let point = serde_json::from_slice(&bytes);
            let point = point.with_context(|| format!("{shown} is no state of a pull"))?;
            Ok(Some(point))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {shown}")),
    }
}

/// Replaces the state as a whole: it is the old one or the new one, whatever happens.
fn write(state: &Path, point: &Point) -> anyhow::Result<()> {
    let mut beside = state.as_os_str().to_owned();
    beside.push(".new");
    let mut new = File::create(&beside)?;
    serde_json::to_writer(&new, point)?;
    writeln!(new)?;
    new.sync_all()?;
    fs::rename(&beside, state)?;
    let folder = state.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}
