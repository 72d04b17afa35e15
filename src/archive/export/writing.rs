//! The second pass: every record in scope is written, and its messages as mail.

use std::collections::BTreeMap;

use serde_json::json;

use super::gone::Gone;
use super::line::{Marks, line};
use super::mail::{ARCHIVE_END, Message};
use super::names::Names;
use super::output::{Gap, Output, Progressed};
use super::plan::Plan;
use super::walk::{Walk, events_of};
use super::{ExportError, Job, OnProgress, Phase, tell};
use crate::log::Record;
use crate::log::gone::group_of;
use crate::model::event::Event;
use crate::model::project;
use crate::wire::{ClientMessageId, DeviceId, Envelope, GroupId, Kind, PersonId, Priority};

/// The records, one a line.
pub(super) const RECORDS: &str = "records.jsonl";
/// Ranges of records whose content is gone.
pub(super) const GAPS: &str = "gaps.jsonl";

/// The name of an archive of mails.
pub(super) fn archive_name(number: u64) -> String {
    format!("messages/{number:06}.tar")
}

/// What the second pass says it has written; the files are counted again afterwards.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// First and last sequence, and how many, by group.
    pub(super) sequences: BTreeMap<GroupId, (u64, u64, u64)>,
    /// Of the groups in it, as of the last record.
    pub(super) group_names: BTreeMap<GroupId, Option<String>>,
    /// How many archives of mail there are.
    pub(super) archives: u64,
    pub(super) gap_records: u64,
    pub(super) gap_ranges: u64,
}

struct Writer<'a> {
    job: &'a Job<'a>,
    plan: &'a Plan,
    /// Asked anew: what is erased while this is written is gone too.
    gone: &'a mut Gone,
    names: Names,
    written: Written,
    state: Progressed,
    records: Output<'a>,
    gaps: Output<'a>,
    archive: Option<Output<'a>>,
}

/// Writes everything in scope, from where it was left.
pub(super) fn write(
    job: &Job<'_>,
    state: Progressed,
    plan: &Plan,
    gone: &mut Gone,
    progress: OnProgress<'_>,
) -> Result<Written, ExportError> {
    let archive_name = job.name(&archive_name(state.archive));
    let mut writer = Writer {
        job,
        plan,
        gone,
        names: plan.names.clone(),
        written: Written::default(),
        records: Output::open(job.room(), job.name(RECORDS), state.records_len)?,
        gaps: Output::open(job.room(), job.name(GAPS), state.gaps_len)?,
        archive: match state.archive_len {
            0 => None,
            len => Some(Output::open(job.room(), archive_name, len)?),
        },
        state,
    };
    let mut walk = Walk::from(job.reader, plan.begin, job.end(), job.settings.read_bytes);
    loop {
        tell(progress, Phase::Writing, walk.done(), job.end())?;
        let records = walk.read()?;
        if records.is_empty() {
            break;
        }
        for record in &records {
            writer.record(record, progress)?;
            let done = record.envelope.header().record().0 + 1;
            if done >= writer.state.next + job.settings.durable_every_records {
                writer.make_durable(done)?;
            }
        }
    }
    writer.finish()
}

impl Writer<'_> {
    fn record(&mut self, record: &Record, progress: OnProgress<'_>) -> Result<(), ExportError> {
        let header = record.envelope.header();
        if !self.plan.scope.is_of_tenant(header) {
            return Ok(());
        }
        let events = events_of(record)?;
        self.names.apply(&events);
        if !self.plan.scope.holds(record, &events) {
            return Ok(());
        }
        for take in &record.takes {
            if self.plan.scope.has_group(take.group) {
                let sequence = take.sequence.0;
                let of_group = self.written.sequences.entry(take.group);
                let (_, last, count) = of_group.or_insert((sequence, sequence, 0));
                (*last, *count) = (sequence, *count + 1);
            }
        }
        if header.record().0 < self.state.next {
            return Ok(());
        }
        let shown = project(&record.envelope, &record.takes, &events).envelopes;
        let is_message = |envelope: &&Envelope| envelope.header().kind().is_message();
        let messages: Vec<_> = shown.iter().filter(is_message).collect();
        let mut marks = Marks {
            deletion: None,
            sender_left: self.plan.departed.contains(&header.sender()),
            erased: record.erased,
        };
        for message in &messages {
            let (group, sequence) = (message.header().group(), message.header().sequence());
            let deletion = self.plan.deletions.find(group, sequence)?;
            marks.deletion = marks.deletion.or(deletion);
        }
        let sender_name = self.names.person(header.sender());
        self.records
            .write(&line(record, &events, sender_name, &marks))?;
        for message in messages {
            if self.plan.scope.has_group(message.header().group()) {
                self.mail(&Message::of(message, marks))?;
            }
        }
        for event in &events {
            self.imported(record, event)?;
        }
        self.note_gap(record, progress)
    }

    /// Messages of another product (SPEC D10).
    fn imported(&mut self, record: &Record, event: &Event) -> Result<(), ExportError> {
        let Event::HistoryImported(imported) = event else {
            return Ok(());
        };
        if !self.plan.scope.has_group(imported.group) {
            return Ok(());
        }
        let header = record.envelope.header();
        let said = imported.said(record.envelope.body());
        for (item, (message, body)) in said.enumerate() {
            let known = message.sender != PersonId(0);
            self.mail(&Message {
                tenant: header.tenant(),
                record: header.record(),
                item: Some(item),
                group: imported.group,
                sequence: crate::wire::Sequence(0),
                kind: Kind::from_u8(message.kind).unwrap_or(Kind::Opaque),
                priority: Priority::Normal,
                sender: message.sender,
                sender_name: Some(message.sender_name.as_str()).filter(|name| !name.is_empty()),
                device: DeviceId(0),
                client_message_id: ClientMessageId(0),
                sent: message.sent_at,
                body,
                marks: Marks {
                    deletion: None,
                    sender_left: known && self.plan.departed.contains(&message.sender),
                    erased: record.erased,
                },
            })?;
        }
        Ok(())
    }

    fn mail(&mut self, message: &Message<'_>) -> Result<(), ExportError> {
        let archive = match &mut self.archive {
            Some(archive) => archive,
            none => {
                let name = self.job.name(&archive_name(self.state.archive));
                none.insert(Output::open(self.job.room(), name, 0)?)
            }
        };
        archive.write(&message.entry(&self.names))?;
        self.state.archive_messages += 1;
        if self.state.archive_messages >= self.job.settings.messages_per_archive.max(1) {
            self.end_archive()?;
        }
        Ok(())
    }

    fn end_archive(&mut self) -> Result<(), ExportError> {
        if let Some(mut archive) = self.archive.take() {
            archive.write(&ARCHIVE_END)?;
            archive.end()?;
            self.state.archive += 1;
            self.state.archive_messages = 0;
        }
        Ok(())
    }

    fn note_gap(&mut self, record: &Record, progress: OnProgress<'_>) -> Result<(), ExportError> {
        if !record.erased {
            return self.end_gap();
        }
        let header = record.envelope.header();
        let takes = record.takes.iter().copied();
        let group = group_of(header, takes).unwrap_or(GroupId(0));
        let (why, since) = self.gone.why(self.job, record, progress)?;
        let number = header.record().0;
        let one = Gap {
            from: number,
            to: number,
            records: 1,
            group: group.0,
            why: why.to_owned(),
            gone_since: Some(since.0),
        };
        self.state.gap_records += 1;
        match &mut self.state.gap {
            Some(gap)
                if (gap.group, &gap.why, gap.gone_since)
                    == (one.group, &one.why, one.gone_since) =>
            {
                (gap.to, gap.records) = (number, gap.records + 1);
            }
            _ => {
                self.end_gap()?;
                self.state.gap_ranges += 1;
                self.state.gap = Some(one);
            }
        }
        Ok(())
    }

    fn end_gap(&mut self) -> Result<(), ExportError> {
        if let Some(gap) = self.state.gap.take() {
            let mut line = json!(gap).to_string().into_bytes();
            line.push(b'\n');
            self.gaps.write(&line)?;
        }
        Ok(())
    }

    /// What was written before record `next` is never written again.
    fn make_durable(&mut self, next: u64) -> Result<(), ExportError> {
        self.records.sync()?;
        self.gaps.sync()?;
        if let Some(archive) = &mut self.archive {
            archive.sync()?;
        }
        // Names of new files, before what counts on them.
        self.job.out.sync()?;
        self.state.next = next;
        self.state.records_len = self.records.len();
        self.state.gaps_len = self.gaps.len();
        self.state.archive_len = self.archive.as_ref().map_or(0, Output::len);
        self.state.store(self.job)
    }

    fn finish(mut self) -> Result<Written, ExportError> {
        self.end_gap()?;
        self.end_archive()?;
        let end = self.job.end();
        if self.state.next < end {
            self.make_durable(end)?;
        }
        let out = self.job.out;
        self.records.end()?;
        self.gaps.end()?;
        out.sync()?;
        let groups = self.written.sequences.keys();
        let names = groups.map(|group| (*group, self.names.group(*group).map(str::to_owned)));
        self.written.group_names = names.collect();
        self.written.archives = self.state.archive;
        self.written.gap_records = self.state.gap_records;
        self.written.gap_ranges = self.state.gap_ranges;
        Ok(self.written)
    }
}
