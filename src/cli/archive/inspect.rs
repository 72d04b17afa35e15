//! `throng archive inspect`: one record, whole, as JSON.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use throng::archive::{self, Inspected};
use throng::model::event;
use throng::wire::RecordNumber;

use super::super::directory::DataDirectory;
use super::super::encryption::KeyFlags;

/// Show one record: who, when, where, what, and its place in the log.
#[derive(Args)]
pub(in super::super) struct Inspect {
    /// The data directory.
    dir: PathBuf,
    /// The record's number.
    record: u64,
    #[command(flatten)]
    key: KeyFlags,
}

impl Inspect {
    pub(in super::super) fn run(self) -> anyhow::Result<ExitCode> {
        let log = super::open(&self.dir)?;
        let number = RecordNumber(self.record);
        let inspected = match self.key.master(&DataDirectory::existing(&self.dir)?)? {
            Some(master) => archive::inspect_sealed(&log, number, &master)?,
            None => archive::inspect(&log, number)?,
        };
        println!("{:#}", in_json(&inspected));
        Ok(ExitCode::SUCCESS)
    }
}

fn in_json(inspected: &Inspected) -> Value {
    let record = &inspected.record;
    let header = record.envelope.header();
    let takes: Vec<_> = record
        .takes
        .iter()
        .map(|take| json!({ "group": take.group, "sequence": take.sequence }))
        .collect();
    let events = match event::decode_all(&record.private) {
        Ok(events) => events
            .iter()
            .map(|event| json!(format!("{event:?}")))
            .collect(),
        Err(error) => json!(error.to_string()),
    };
    json!({
        "record": header.record(),
        "file": inspected.file,
        "offset": inspected.offset,
        "leaf": hex(&inspected.leaf),
        "timestamp": header.timestamp().to_string(),
        "kind": format!("{:?}", header.kind()),
        "priority": format!("{:?}", header.priority()),
        "tenant": header.tenant(),
        "sender": header.sender(),
        "device": header.device(),
        "client_message_id": format!("{:032x}", header.client_message_id().0),
        "takes": takes,
        "events": events,
        "body": body(record.envelope.body()),
        "erased": record.erased,
    })
}

/// As text where it is text.
fn body(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "hex": hex(bytes) }),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}
