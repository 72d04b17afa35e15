//! Another product's message history from JSON Lines into the archive (SPEC D10).
//!
//! One object a line: `{"group":"sales","sender":"u17","sender_name":"王芳","time":"2024-05-01T09:30:00+08:00",
//! "kind":"text","text":"..."}`. Lines of a group stay in their order; each keeps its own time and offset.
//! A line is at most 1 MiB and a bad one costs itself only.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read};

use jiff::fmt::temporal::DateTimeParser;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::ImportError;
use super::report::{Problem, Reason, Report};
use super::source::Progress;
use super::table::Place;

use crate::model::command::{HistoryImportedV1, ImportHistoryV1, ImportRefusal, ImportedMessageV1};
use crate::wire::{BODY_LEN_MAX, GroupId, Kind, PersonId, Timestamp};

/// Bytes of one line.
const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Messages of one command, and bytes of their bodies.
const CHUNK_MESSAGES: usize = 500;
const CHUNK_BYTES: usize = BODY_LEN_MAX;
/// Bytes of all groups' messages that wait until their command is full.
const WAITING_BYTES: usize = 8 * 1024 * 1024;
/// Characters of a sender's name, as the model's rules have it.
const NAME_CHARS_MAX: usize = 64;

/// Which group and person another product's ids are.
pub trait Lookup {
    /// The group.
    fn group(&self, key: &str) -> Option<GroupId>;
    /// The person; none for who is unknown here, whose name is then kept.
    fn person(&self, key: &str) -> Option<PersonId>;
}

/// Where history is kept: the model, reached in whatever way the caller has.
pub trait History {
    /// Why a command could not be carried out, a refusal of the whole command included.
    type Error: std::error::Error + 'static;

    /// Carries out one command of at most 500 messages, with bodies of 64 KiB together.
    fn import(&mut self, chunk: &ImportHistoryV1) -> Result<HistoryImportedV1, Self::Error>;
}

/// How to read history.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Only check the lines and look up who and what they name. Default false.
    pub dry_run: bool,
    /// The caller's own number for the whole import. With the same number, file and look-ups, an import
    /// that stopped goes on, and one that is through changes nothing.
    pub import: u64,
}

/// Reads messages from JSON Lines and has them archived.
///
/// In the report a row is a line; `created` counts messages that are archived, `unchanged` those that were
/// before. Memory is bounded: 8 MiB of messages on their way, one line, and the report.
///
/// # Errors
/// As for [`super::import`]; the file is read once, so a reader that fails does so in the middle.
pub fn read<H: History>(
    reader: impl Read,
    options: Options,
    lookup: &impl Lookup,
    history: &mut H,
    mut progress: impl FnMut(Progress),
) -> Result<Report, ImportError<H::Error>> {
    let mut lines = Lines::new(reader);
    let mut import = Import {
        options,
        history,
        chunk: 0,
        waiting: BTreeMap::new(),
        waiting_bytes: 0,
        report: Report {
            dry_run: options.dry_run,
            ..Report::default()
        },
    };
    while let Some(line) = lines.next().map_err(super::FileError::Io)? {
        let before = import.chunk;
        import.take(line, lookup)?;
        if import.chunk != before {
            progress(lines.progress());
        }
    }
    import.send_all()?;
    progress(lines.progress());
    Ok(import.report.in_order())
}

/// One physical line.
#[derive(Clone, Copy)]
enum Line<'a> {
    Blank,
    Text(Place, &'a [u8]),
    TooLong(Place),
}

struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    number: u32,
    bytes: u64,
}

impl<R: Read> Lines<R> {
    fn new(reader: R) -> Self {
        Self {
            reader: BufReader::with_capacity(64 * 1024, reader),
            line: Vec::new(),
            number: 0,
            bytes: 0,
        }
    }

    fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let room = LINE_BYTES_MAX as u64 + 1;
        let mut read = self
            .reader
            .by_ref()
            .take(room)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        let too_long = read > LINE_BYTES_MAX && !self.line.ends_with(b"\n");
        if too_long {
            read += self.reader.skip_until(b'\n')?;
        }
        self.bytes += read as u64;
        self.number = self.number.saturating_add(1);
        let place = Place {
            row: self.number,
            line: self.number,
        };
        if too_long {
            return Ok(Some(Line::TooLong(place)));
        }
        let line = self.line.strip_prefix(b"\xef\xbb\xbf");
        let line = line.filter(|_| self.number == 1).unwrap_or(&self.line);
        let line = line.trim_ascii();
        Ok(Some(match line.is_empty() {
            true => Line::Blank,
            false => Line::Text(place, line),
        }))
    }

    /// The length of a stream is unknown until its end.
    fn progress(&self) -> Progress {
        Progress {
            bytes: self.bytes,
            bytes_total: self.bytes,
            rows: self.number,
        }
    }
}

/// A line as it is written; fields that are nothing to us are passed over.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    group: Key<'a>,
    sender: Key<'a>,
    #[serde(default, borrow)]
    sender_name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(default, borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    text: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    body: Option<&'a RawValue>,
}

/// An id of another product: text or a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Key<'a> {
    Number(u64),
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

impl Key<'_> {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }
}

type Wrong = (&'static str, String, Reason);

/// Reads one line, or says which field is wrong.
fn message(line: &[u8], lookup: &impl Lookup) -> Result<(GroupId, ImportedMessageV1), Wrong> {
    let written: Written<'_> = serde_json::from_slice(line).map_err(|error| {
        let value = String::from_utf8_lossy(line).into_owned();
        let error = error.to_string();
        ("", value, Reason::Json { error })
    })?;
    let key = written.group.text();
    let group = lookup.group(&key);
    let group = group.ok_or_else(|| ("group", key.into_owned(), Reason::UnknownGroup))?;
    let key = written.sender.text();
    let sender = lookup.person(&key).unwrap_or_default();
    let sender_name = written.sender_name.unwrap_or_default().trim().to_owned();
    if sender == PersonId(0) && sender_name.is_empty() {
        return Err(("sender", key.into_owned(), Reason::UnknownPerson));
    }
    if sender_name.chars().nth(NAME_CHARS_MAX).is_some() {
        let max = NAME_CHARS_MAX as u64;
        let unit = "characters";
        return Err(("sender_name", sender_name, Reason::TooLong { max, unit }));
    }
    let time = written.time;
    let (sent_at, offset_s) =
        instant(&time).ok_or_else(|| ("time", time.into_owned(), Reason::TimeFormat))?;
    let name = written.kind.unwrap_or(Cow::Borrowed("text"));
    let kind = kind(&name).ok_or_else(|| {
        let reason = Reason::UnknownKind { kinds: KINDS };
        ("kind", name.into_owned(), reason)
    })?;
    let is_text = matches!(kind, Kind::Text | Kind::Markdown | Kind::System);
    let (field, body) = match (is_text, written.text, written.body) {
        (true, Some(text), None) => ("text", text.into_owned().into_bytes()),
        (false, None, Some(body)) => ("body", body.get().as_bytes().to_vec()),
        (is_text, ..) => {
            let field = if is_text { "text" } else { "body" };
            return Err((field, String::new(), Reason::Content { field }));
        }
    };
    if body.len() > BODY_LEN_MAX {
        let max = BODY_LEN_MAX as u64;
        let value = String::from_utf8_lossy(&body).into_owned();
        return Err((field, value, Reason::TooLong { max, unit: "bytes" }));
    }
    let message = ImportedMessageV1 {
        sender,
        sender_name,
        sent_at,
        offset_s,
        kind: kind as u8,
        body,
    };
    Ok((group, message))
}

/// The instant and the offset in seconds of an RFC 3339 time; both must be written.
fn instant(text: &str) -> Option<(Timestamp, i32)> {
    const PARSER: DateTimeParser = DateTimeParser::new();
    let pieces = PARSER.parse_pieces(text).ok()?;
    if pieces.time_zone_annotation().is_some() {
        return None;
    }
    let offset = pieces.to_numeric_offset()?;
    let at = offset
        .to_timestamp(pieces.date().to_datetime(pieces.time()?))
        .ok()?;
    Some((Timestamp(at.as_microsecond()), offset.seconds()))
}

const KINDS: &str = "text, markdown, news-card, file, image, audio, video, mini-program, task-card, \
                     system, live-event";

fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "text" => Kind::Text,
        "markdown" => Kind::Markdown,
        "news-card" => Kind::NewsCard,
        "file" => Kind::File,
        "image" => Kind::Image,
        "audio" => Kind::Audio,
        "video" => Kind::Video,
        "mini-program" => Kind::MiniProgram,
        "task-card" => Kind::TaskCard,
        "system" => Kind::System,
        "live-event" => Kind::LiveEvent,
        _ => return None,
    })
}

/// One group's messages that wait for their command to be full.
#[derive(Default)]
struct Waiting {
    messages: Vec<ImportedMessageV1>,
    places: Vec<Place>,
    /// Of their bodies.
    bytes: usize,
    /// Memory they take.
    cost: usize,
}

/// One import on its way.
struct Import<'a, H> {
    options: Options,
    history: &'a mut H,
    /// The last chunk sent.
    chunk: u32,
    waiting: BTreeMap<GroupId, Waiting>,
    waiting_bytes: usize,
    report: Report,
}

impl<H: History> Import<'_, H> {
    fn take(&mut self, line: Line<'_>, lookup: &impl Lookup) -> Result<(), ImportError<H::Error>> {
        let (place, text) = match line {
            Line::Blank => return Ok(()),
            Line::TooLong(place) => {
                let bytes_max = LINE_BYTES_MAX as u64;
                let reason = Reason::RowTooLong { bytes_max };
                self.report.rows = place.row;
                self.report.refuse(Problem::new(place, "", "", reason));
                return Ok(());
            }
            Line::Text(place, text) => (place, text),
        };
        self.report.rows = place.row;
        let (group, message) = match message(text, lookup) {
            Ok(message) => message,
            Err((field, value, reason)) => {
                self.report
                    .refuse(Problem::new(place, field, &value, reason));
                return Ok(());
            }
        };
        let bytes = message.body.len();
        // What a message costs beside its body counts too, or short ones would go unbounded.
        let cost = bytes + message.sender_name.len() + size_of::<ImportedMessageV1>();
        let is_full = |waiting: &Waiting| {
            waiting.messages.len() == CHUNK_MESSAGES || waiting.bytes + bytes > CHUNK_BYTES
        };
        if self.waiting.get(&group).is_some_and(is_full) {
            self.send(group)?;
        }
        let waiting = self.waiting.entry(group).or_default();
        waiting.messages.push(message);
        waiting.places.push(place);
        waiting.bytes += bytes;
        waiting.cost += cost;
        self.waiting_bytes += cost;
        if self.waiting_bytes > WAITING_BYTES {
            self.send_all()?;
        }
        Ok(())
    }

    fn send_all(&mut self) -> Result<(), ImportError<H::Error>> {
        while let Some(group) = self.waiting.keys().next().copied() {
            self.send(group)?;
        }
        Ok(())
    }

    fn send(&mut self, group: GroupId) -> Result<(), ImportError<H::Error>> {
        let Some(waiting) = self.waiting.remove(&group) else {
            return Ok(());
        };
        let count = waiting.messages.len();
        self.waiting_bytes -= waiting.cost;
        self.chunk += 1;
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if self.options.dry_run {
            self.report.created += count;
            return Ok(());
        }
        let command = ImportHistoryV1 {
            import: self.options.import,
            chunk: self.chunk,
            group,
            messages: waiting.messages,
        };
        let imported = match self.history.import(&command) {
            Ok(imported) => imported,
            Err(error) => {
                let report = Box::new(std::mem::take(&mut self.report).in_order());
                return Err(ImportError::Stopped { error, report });
            }
        };
        match imported.duplicate {
            true => self.report.unchanged += imported.imported,
            false => self.report.created += imported.imported,
        }
        for refused in imported.refused {
            let index = refused.index as usize;
            let (Some(place), Some(message)) =
                (waiting.places.get(index), command.messages.get(index))
            else {
                continue;
            };
            self.report.refuse(refusal(*place, message, refused.why));
        }
        Ok(())
    }
}

/// The model's word about one message, as a problem of its line.
fn refusal(place: Place, message: &ImportedMessageV1, why: ImportRefusal) -> Problem {
    let (field, value, reason) = match why {
        ImportRefusal::TooOld | ImportRefusal::InTheFuture => {
            ("time", message.sent_at.to_string(), Reason::TimeRange)
        }
        ImportRefusal::Offset => ("time", message.sent_at.to_string(), Reason::TimeFormat),
        ImportRefusal::Kind => {
            let reason = Reason::UnknownKind { kinds: KINDS };
            ("kind", message.kind.to_string(), reason)
        }
        ImportRefusal::TooLong => {
            let max = BODY_LEN_MAX as u64;
            let unit = "bytes";
            ("body", String::new(), Reason::TooLong { max, unit })
        }
        ImportRefusal::Sender => {
            let sender = message.sender.to_string();
            ("sender", sender, Reason::UnknownPerson)
        }
        ImportRefusal::SenderName => {
            let name = message.sender_name.clone();
            ("sender_name", name, Reason::InvalidValue)
        }
    };
    Problem::new(place, field, &value, reason)
}

#[cfg(test)]
#[path = "history/tests.rs"]
mod tests;
