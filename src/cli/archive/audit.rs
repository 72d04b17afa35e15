//! `throng archive audit`: what happened, asked of a running server, which records who asked for what.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};
use throng::client::Trail;
use throng::model::command::{AuditEntryV1, ReadAuditV1};
use throng::model::event::{self, Event};
use throng::wire::{GroupId, PersonId, RecordNumber, Timestamp};

use crate::cli::admin::{Connection, Target};
use crate::cli::pull::time;

/// Entries of a page, as many as a server gives.
const PAGE: u64 = 100;

/// Show what happened in an enterprise, the latest first, a JSON object a line; each page is a record.
#[derive(Args)]
pub(in super::super) struct Audit {
    #[command(flatten)]
    target: Target,
    /// Only what this person did.
    #[arg(
        long,
        value_name = "ID",
        default_value_t = 0,
        hide_default_value = true
    )]
    actor: u64,
    /// Only what is about this person.
    #[arg(
        long,
        value_name = "ID",
        default_value_t = 0,
        hide_default_value = true
    )]
    person: u64,
    /// Only what is about this group.
    #[arg(
        long,
        value_name = "ID",
        default_value_t = 0,
        hide_default_value = true
    )]
    group: u64,
    /// Only these kinds of events, by name, as `group-renamed,joined`; otherwise all but messages.
    #[arg(long = "kind", value_name = "NAME", value_delimiter = ',', value_parser = kind)]
    kinds: Vec<u16>,
    /// Only from this time on: RFC 3339, or microseconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Only until before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// At most so many records; 0 for all there are.
    #[arg(long, value_name = "N", default_value_t = PAGE)]
    count: u64,
    /// Only records before this one: where an earlier run stopped.
    #[arg(
        long,
        value_name = "RECORD",
        default_value_t = 0,
        hide_default_value = true
    )]
    before: u64,
}

impl Audit {
    pub(in super::super) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let connection = Connection::open(&self.target).await?;
            let mut trail = connection.client().audit(self.asked());
            let shown = self.show(&mut trail).await;
            connection.close().await;
            shown
        })
    }

    fn asked(&self) -> ReadAuditV1 {
        let entries = if self.count == 0 { PAGE } else { self.count };
        ReadAuditV1 {
            actor: PersonId(self.actor),
            person: PersonId(self.person),
            group: GroupId(self.group),
            kinds: self.kinds.clone(),
            from: self.from.unwrap_or(Timestamp(i64::MIN)),
            until: self.until.unwrap_or(Timestamp(i64::MAX)),
            before: RecordNumber(self.before),
            entries: entries.min(PAGE) as u32,
        }
    }

    async fn show(&self, trail: &mut Trail) -> anyhow::Result<ExitCode> {
        let mut out = BufWriter::new(io::stdout());
        let mut shown = 0;
        while self.count == 0 || shown < self.count {
            let Some(entry) = trail.next().await else {
                break;
            };
            // What was shown before stands, and this says where to go on.
            let entry = entry.inspect_err(|_| drop(out.flush()));
            let entry = entry.with_context(|| match shown {
                0 => "nothing was shown".to_owned(),
                _ => format!("go on with --before {}", trail.before()),
            })?;
            writeln!(out, "{}", line(&entry))?;
            shown += 1;
        }
        out.flush()?;
        for record in trail.damaged() {
            eprintln!(
                "throng: record {record} is damaged and not shown: run `throng archive verify` there"
            );
        }
        if trail.has_more() {
            eprintln!("throng: there may be more: --before {}", trail.before());
        }
        Ok(match trail.damaged() {
            [] => ExitCode::SUCCESS,
            _ => ExitCode::from(super::super::DAMAGED),
        })
    }
}

/// An event's tag by its name, as `archive pull` and exports print it.
fn kind(name: &str) -> Result<u16, String> {
    let plain = |name: &str| name.replace('-', "").to_lowercase();
    let form = Event::FORMS
        .iter()
        .find(|form| plain(form.name) == plain(name));
    form.map(|form| form.tag)
        .ok_or_else(|| format!("{name} is no event: docs/vocabulary.md lists them"))
}

fn line(entry: &AuditEntryV1) -> Value {
    let known = event::decode_all(&entry.events).ok();
    let known = known.and_then(|events| serde_json::to_value(events).ok());
    let events = match (entry.events.len(), known) {
        (len, _) if len as u64 != u64::from(entry.events_len) => Value::Null,
        (_, Some(events)) => events,
        // As they are where this build does not know them.
        (_, None) => json!({ "base64": STANDARD.encode(&entry.events) }),
    };
    json!({
        "record": entry.record,
        "time": entry.at.to_string(),
        "time_us": entry.at,
        "actor": entry.actor,
        "device": entry.device,
        "group": entry.group,
        "events": events,
        "events_len": entry.events_len,
    })
}
