//! `throng archive search`: what was said, asked of a running server, which records who asked for what.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use throng::client::Finding;
use throng::model::command::{FoundV1, SearchArchiveV1};
use throng::wire::{GroupId, Kind, PersonId, Timestamp};

use crate::cli::admin::{Connection, Target};
use crate::cli::pull::time;

/// Hits of a page, as many as a server gives.
const PAGE: u64 = 100;

/// Search what was said, the latest message first; each page is a record of the archive.
#[derive(Args)]
pub(in super::super) struct Search {
    #[command(flatten)]
    target: Target,
    /// All of these words, and phrases in quotes; any part of a Chinese text. None for any message.
    #[arg(value_name = "WORDS")]
    words: Vec<String>,
    /// Only in this group.
    #[arg(
        long,
        value_name = "ID",
        default_value_t = 0,
        hide_default_value = true
    )]
    group: u64,
    /// Only what this person said.
    #[arg(
        long,
        value_name = "ID",
        default_value_t = 0,
        hide_default_value = true
    )]
    person: u64,
    /// Only from this time on: RFC 3339, or microseconds since 1970.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Only until before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// At most so many messages; 0 for all there are.
    #[arg(long, value_name = "N", default_value_t = PAGE)]
    count: u64,
    /// Go on behind the message with this cursor, as an earlier search said it.
    #[arg(
        long,
        value_name = "CURSOR",
        default_value_t = 0,
        hide_default_value = true
    )]
    after: u64,
    /// Print each message as a JSON object on a line of its own.
    #[arg(long)]
    json: bool,
}

impl Search {
    pub(in super::super) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let connection = Connection::open(&self.target).await?;
            let mut finding = connection.client().search(self.asked());
            let shown = self.show(&mut finding).await;
            connection.close().await;
            shown
        })?;
        Ok(ExitCode::SUCCESS)
    }

    fn asked(&self) -> SearchArchiveV1 {
        let hits = if self.count == 0 { PAGE } else { self.count };
        SearchArchiveV1 {
            words: self.words.join(" "),
            group: GroupId(self.group),
            person: PersonId(self.person),
            from: self.from.unwrap_or(Timestamp(i64::MIN)),
            until: self.until.unwrap_or(Timestamp(i64::MAX)),
            after: self.after,
            hits: hits.min(PAGE) as u32,
        }
    }

    async fn show(&self, finding: &mut Finding) -> anyhow::Result<()> {
        let bar = ProgressBar::new_spinner().with_style(ProgressStyle::with_template(
            "{spinner} {pos} found {elapsed}",
        )?);
        let mut out = BufWriter::new(io::stdout());
        let mut shown = 0;
        while self.count == 0 || shown < self.count {
            let Some(hit) = finding.next().await else {
                break;
            };
            // What was found before stands, and the cursor says where to go on.
            let hit = hit.inspect_err(|_| drop(out.flush()));
            let hit = hit.with_context(|| match shown {
                0 => "nothing was found".to_owned(),
                _ => format!("go on with --after {}", finding.cursor()),
            })?;
            if self.json {
                writeln!(out, "{}", line(&hit))?;
            } else {
                writeln!(out, "{}", readable(&hit))?;
            }
            shown += 1;
            bar.set_position(shown);
        }
        out.flush()?;
        bar.finish_and_clear();
        let searched = finding.searched();
        if finding.has_more() {
            let cursor = finding.cursor();
            eprintln!("throng: there may be more: --after {cursor}");
        } else if shown == 0 {
            eprintln!("throng: nothing found in the records before {searched}");
        }
        Ok(())
    }
}

/// A message as one line for programs.
fn line(hit: &FoundV1) -> Value {
    let body = match core::str::from_utf8(&hit.body) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": STANDARD.encode(&hit.body) }),
    };
    let imported_from = (!hit.imported_from.is_empty()).then_some(&hit.imported_from);
    let deleted_in = (hit.deleted.0 != 0).then_some(hit.deleted);
    json!({
        "record": hit.record,
        "item": hit.item,
        "cursor": hit.cursor,
        "group": hit.group,
        "sequence": hit.sequence,
        "sender": hit.sender,
        "imported_from": imported_from,
        "time": hit.sent_at.to_string(),
        "time_us": hit.sent_at,
        "kind": kind(hit.kind),
        "body": body,
        "deleted_in": deleted_in,
    })
}

/// A message as one line for people: nothing in it moves their cursor or forges another line.
fn readable(hit: &FoundV1) -> String {
    let sender = match &*hit.imported_from {
        "" => format!("person {}", hit.sender),
        name => format!("\u{201c}{name}\u{201d} (imported)"),
    };
    let deleted = match hit.deleted.0 {
        0 => String::new(),
        record => format!(" (deleted in record {record})"),
    };
    let text = match Kind::from_u8(hit.kind) {
        Some(Kind::Opaque) => "(end-to-end encrypted)".into(),
        _ => String::from_utf8_lossy(&hit.body),
    };
    let (record, group, sequence) = (hit.record, hit.group, hit.sequence);
    let said = format!("{sender}{deleted}: {text}");
    let said: String = said
        .chars()
        .map(|c| if moves_the_cursor(c) { ' ' } else { c })
        .collect();
    format!(
        "{} record {record} group {group} #{sequence} {said}",
        hit.sent_at
    )
}

/// Controls, and what turns the direction of what follows.
fn moves_the_cursor(c: char) -> bool {
    c.is_control() || matches!(c as u32, 0x2028..=0x202e | 0x2066..=0x2069)
}

fn kind(number: u8) -> String {
    Kind::from_u8(number).map_or_else(|| number.to_string(), |kind| format!("{kind:?}"))
}

#[cfg(test)]
mod tests {
    use throng::wire::{RecordNumber, Sequence};

    use super::*;

    fn hit(text: &str) -> FoundV1 {
        FoundV1 {
            record: RecordNumber(17),
            item: 0,
            cursor: 17 << 12,
            group: GroupId(7),
            sequence: Sequence(5),
            sender: PersonId(4),
            imported_from: String::new(),
            sent_at: Timestamp(0),
            kind: Kind::Text as u8,
            body: text.as_bytes().to_vec(),
            deleted: RecordNumber(0),
        }
    }

    #[test]
    fn what_was_said_is_one_line_whatever_it_says() {
        let said = readable(&hit("one\n\u{1b}[2Jtwo\r\u{202e}"));
        assert!(said.ends_with("person 4: one  [2Jtwo  "), "{said:?}");
        assert!(said.contains("record 17 group 7 #5"), "{said}");
        let mut imported = hit("hello");
        imported.imported_from = "Wang\nLi".to_owned();
        imported.deleted = RecordNumber(18);
        let said = readable(&imported);
        assert!(
            said.ends_with("\u{201c}Wang Li\u{201d} (imported) (deleted in record 18): hello"),
            "{said}"
        );
    }

    #[test]
    fn a_line_for_programs_has_every_field() {
        let mut one = hit("");
        one.body = vec![0xff];
        one.deleted = RecordNumber(18);
        let line = line(&one);
        assert_eq!(line["record"], 17);
        assert_eq!(
            (&line["kind"], &line["deleted_in"]),
            (&json!("Text"), &json!(18))
        );
        assert_eq!(line["body"]["base64"], "/w==");
        assert_eq!(line["imported_from"], Value::Null);
    }
}
