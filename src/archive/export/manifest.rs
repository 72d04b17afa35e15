//! The manifest: what should be there, what is, and by which hashes it is told. Written last.

use std::io::{self, IoSlice, Read};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::line::time;
use super::output::{Output, STATE};
use super::plan::Plan;
use super::proofs::prove;
use super::writing::{GAPS, RECORDS, Written, archive_name};
use super::{ExportError, Exported, Job, OnProgress, Phase, tell};
use crate::log::storage::{File, read_whole, replace};

/// The file that is there once an export is whole.
pub const MANIFEST: &str = "manifest.json";
/// What it says it is.
pub const EXPORT_FORMAT: &str = "throng-export/1";
/// Groups and their sequences, one a line.
const GROUPS: &str = "groups.jsonl";
/// A manifest lists files, of which there is one for ten thousand messages: it stays far below.
const MANIFEST_LEN_MAX: u64 = 256 * 1024 * 1024;
/// Bytes read back at a time.
const CHUNK_LEN: usize = 256 * 1024;

/// What came of the job, where it is whole already: where every file is still as the manifest says.
pub(super) fn finished(
    job: &Job<'_>,
    progress: OnProgress<'_>,
) -> Result<Option<Exported>, ExportError> {
    let name = job.name(MANIFEST);
    let bytes = match read_whole(job.out, &name, MANIFEST_LEN_MAX) {
        Err(error) if error.is_not_found() => return Ok(None),
        bytes => bytes?,
    };
    let manifest: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let same = manifest["format"] == EXPORT_FORMAT && manifest["grant"] == grant(job);
    let records = manifest["actual"]["records"].as_u64().filter(|_| same);
    let records = records.ok_or(ExportError::Occupied { found: name })?;
    check_listed(job, &manifest["files"], progress)?;
    remove_state(job)?;
    let manifest = Sha256::digest(&bytes).into();
    Ok(Some(Exported { records, manifest }))
}

/// Reads every file that a manifest lists and compares it.
fn check_listed(
    job: &Job<'_>,
    listed: &Value,
    progress: OnProgress<'_>,
) -> Result<(), ExportError> {
    let changed = |file: &str| ExportError::Changed {
        file: file.to_owned(),
    };
    let listed: Vec<Listed> =
        serde_json::from_value(listed.clone()).map_err(|_| changed(MANIFEST))?;
    // An export always has these: a list without them is not one that was written here.
    let has = |name: &&str| listed.iter().any(|file| file.name == *name);
    if ![RECORDS, GAPS, GROUPS].iter().all(has) {
        return Err(changed(MANIFEST));
    }
    let mut check = Check {
        job,
        progress,
        done: 0,
        total: listed
            .iter()
            .fold(0, |total: u64, file| total.saturating_add(file.bytes)),
    };
    for file in &listed {
        // Before it is read: a longer one is not read at all.
        let len = match job.out.open(&job.name(&file.name)) {
            Err(error) if error.is_not_found() => {
                let file = file.name.clone();
                return Err(ExportError::MissingFile { file });
            }
            found => found?.len()?,
        };
        if len != file.bytes {
            return Err(changed(&file.name));
        }
        let found = check.file(&file.name)?;
        if (found.bytes, hex(&found.sha256)) != (file.bytes, file.sha256.clone()) {
            return Err(changed(&file.name));
        }
    }
    Ok(())
}

/// Reads back what was written, compares it with the plan, and says so in the manifest.
pub(super) fn finish(
    job: &Job<'_>,
    plan: &Plan,
    written: &Written,
    progress: OnProgress<'_>,
) -> Result<Exported, ExportError> {
    plan.deletions.remove(job.out)?;
    write_groups(job, plan, written)?;
    let proved = prove(job, plan, progress)?;

    let mut names = vec![RECORDS.to_owned(), GAPS.to_owned(), GROUPS.to_owned()];
    names.extend((0..written.archives).map(archive_name));
    names.extend(proved.files);
    let mut check = Check {
        job,
        progress,
        done: 0,
        total: 0,
    };
    let mut files = Vec::with_capacity(names.len());
    let (mut records, mut messages) = (0, 0);
    for name in names {
        check.total += job.out.open(&job.name(&name))?.len()?;
        files.push(name);
    }
    let mut listed = Vec::with_capacity(files.len());
    for name in files {
        let found = check.file(&name)?;
        if name == RECORDS {
            records = found.lines;
        }
        messages += found.mails;
        listed.push(json!({ "name": name, "bytes": found.bytes, "sha256": hex(&found.sha256) }));
    }
    let sequences = written.sequences.values().map(|(.., count)| count).sum();
    compare("records", plan.records, records)?;
    compare("messages", plan.messages(), messages)?;
    compare("places of groups", plan.sequences(), sequences)?;

    let counts = |records, messages, sequences| {
        json!({
            "records": records, "messages": messages, "sequences": sequences,
        })
    };
    let manifest = json!({
        "format": EXPORT_FORMAT,
        "grant": grant(job),
        "removed_before": plan.begin,
        "first_record": plan.ends.map(|(first, _)| first),
        "last_record": plan.ends.map(|(_, last)| last),
        "expected": counts(plan.records, plan.messages(), plan.sequences()),
        "actual": counts(records, messages, sequences),
        "groups": { "file": GROUPS, "groups": written.sequences.len(), "gap_free": true },
        "gaps": {
            "file": GAPS,
            "records": written.gap_records,
            "ranges": written.gap_ranges,
        },
        "transparency": proved.said,
        "files": listed,
    });
    let mut bytes = serde_json::to_vec_pretty(&manifest).expect("plain values into memory");
    bytes.push(b'\n');
    job.out.sync()?;
    replace(job.out, &job.name(MANIFEST), &mut [IoSlice::new(&bytes)])?;
    remove_state(job)?;
    let manifest = Sha256::digest(&bytes).into();
    Ok(Exported { records, manifest })
}

fn grant(job: &Job<'_>) -> Value {
    let grant = job.grant;
    json!({
        "tenant": grant.tenant,
        "export": grant.export,
        "scope": {
            "groups": grant.scope.groups,
            "from": time(grant.scope.from),
            "from_us": grant.scope.from,
            "until": time(grant.scope.until),
            "until_us": grant.scope.until,
        },
        "requester": grant.requester,
        "approver": grant.approver,
        "record": grant.record,
        "granted_at": time(grant.granted_at),
    })
}

fn compare(what: &'static str, expected: u64, actual: u64) -> Result<(), ExportError> {
    if expected == actual {
        return Ok(());
    }
    Err(ExportError::Counts {
        what,
        expected,
        actual,
    })
}

fn remove_state(job: &Job<'_>) -> Result<(), ExportError> {
    match job.out.remove(&job.name(STATE)) {
        Err(error) if error.is_not_found() => Ok(()),
        removed => {
            removed?;
            Ok(job.out.sync()?)
        }
    }
}

/// A line for each group, each compared with the plan.
fn write_groups(job: &Job<'_>, plan: &Plan, written: &Written) -> Result<(), ExportError> {
    let mut out = Output::open(job.room(), job.name(GROUPS), 0)?;
    for (group, extent) in &plan.groups {
        let found = written.sequences.get(group);
        let (first, last, count) = found.copied().unwrap_or_default();
        compare("sequences of a group", extent.sequences(), count)?;
        if count == 0 {
            continue;
        }
        // As many as from the first to the last, and these are the plan's: none is missing.
        compare("sequences of a group", extent.before.sequence + 1, first)?;
        compare("sequences of a group", extent.last.sequence, last)?;
        let mut line = json!({
            "group": group,
            "name": written.group_names.get(group),
            "first_sequence": first,
            "last_sequence": last,
            "sequences": count,
            "messages": extent.messages(),
            "gap_free": true,
        })
        .to_string()
        .into_bytes();
        line.push(b'\n');
        out.write(&line)?;
    }
    out.end()
}

/// A file as a manifest has it.
#[derive(Deserialize)]
struct Listed {
    name: String,
    bytes: u64,
    sha256: String,
}

/// A file as it is on the disk.
struct Found {
    bytes: u64,
    sha256: [u8; 32],
    lines: u64,
    mails: u64,
}

struct Check<'a> {
    job: &'a Job<'a>,
    progress: OnProgress<'a>,
    done: u64,
    total: u64,
}

impl Check<'_> {
    fn file(&mut self, name: &str) -> Result<Found, ExportError> {
        let file = self.job.out.open(&self.job.name(name))?;
        let mut reading = Reading {
            file,
            at: 0,
            hash: Sha256::new(),
            lines: 0,
            failed: None,
            told: &mut |bytes| {
                self.done += bytes;
                tell(self.progress, Phase::Checking, self.done, self.total)
            },
        };
        let mails = if name.ends_with(".tar") {
            count_mails(&mut reading)
        } else {
            Ok(0)
        };
        // An archive has zeros behind its last mail, other files everything.
        let rest = io::copy(&mut reading, &mut io::sink());
        if let Some(error) = reading.failed.take() {
            return Err(error);
        }
        let changed = |_| ExportError::Changed {
            file: name.to_owned(),
        };
        rest.map_err(changed)?;
        Ok(Found {
            bytes: reading.at,
            sha256: reading.hash.finalize().into(),
            lines: reading.lines,
            mails: mails.map_err(changed)?,
        })
    }
}

fn count_mails(from: &mut impl Read) -> io::Result<u64> {
    let mut archive = tar::Archive::new(from);
    let mut mails = 0;
    for entry in archive.entries()? {
        mails += u64::from(entry?.header().entry_type().is_file());
    }
    Ok(mails)
}

/// Reads a file from its beginning, hashing what it reads.
struct Reading<'a> {
    file: Arc<dyn File>,
    at: u64,
    hash: Sha256,
    lines: u64,
    /// Why it ended early.
    failed: Option<ExportError>,
    told: &'a mut dyn FnMut(u64) -> Result<(), ExportError>,
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(CHUNK_LEN);
        let read = self.file.read_at(&mut buffer[..len], self.at);
        let read = read.map_err(ExportError::from).and_then(|read| {
            (self.told)(read as u64)?;
            Ok(read)
        });
        match read {
            Ok(read) => {
                self.at += read as u64;
                self.hash.update(&buffer[..read]);
                self.lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
                Ok(read)
            }
            Err(error) => {
                self.failed = Some(error);
                Err(io::Error::other("the export ends here"))
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}
