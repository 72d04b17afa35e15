//! The log after the server has stopped: verified as auditors do, and compared with what was sent.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, ensure};
use serde::Deserialize;

use throng::log::{Config, Directory, Log};
use throng::wire::{Header, RecordNumber, Sequence};

use crate::check::identify;
use crate::ledger::Ledger;

/// Bytes of records held at a time while the log is read.
const READ_BYTES: usize = 1024 * 1024;

/// What `throng archive verify --json` says.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct Verification {
    pub(crate) records: u64,
    pub(crate) verified: bool,
    #[serde(default)]
    pub(crate) damage: Vec<serde_json::Value>,
}

/// Has the server's own program verify the log of `data`.
pub(crate) fn verify(program: &Path, data: &Path) -> anyhow::Result<Verification> {
    let output = Command::new(program)
        .args(["archive", "verify"])
        .arg(data)
        .arg("--json")
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{} cannot be run", program.display()))?;
    let sound_or_damaged = matches!(output.status.code(), Some(0 | 1));
    ensure!(
        sound_or_damaged,
        "`throng archive verify` ended with {}",
        output.status
    );
    let json = String::from_utf8_lossy(&output.stdout);
    let said: Verification = serde_json::from_str(&json)
        .with_context(|| format!("`throng archive verify --json` says {json:?}"))?;
    ensure!(
        said.verified == output.status.success(),
        "`throng archive verify` says verified {} and ends with {}",
        said.verified,
        output.status
    );
    Ok(said)
}

/// How the log differs from what was sent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Difference {
    /// Acknowledged, and not in the log.
    pub(crate) missing: u64,
    /// In the log more than once.
    pub(crate) repeated: u64,
    /// In the log with another body, sender, sequence or record than was sent or acknowledged.
    pub(crate) altered: u64,
    /// Refused or never sent, and in the log.
    pub(crate) uncalled: u64,
}

impl Difference {
    /// Whether the log holds every acknowledged message exactly once.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads the whole log of `data`, which no server has open, and compares it with what was sent.
pub(crate) fn compare(
    data: &Path,
    ledger: &Ledger,
    entropy: [u8; 32],
) -> anyhow::Result<Difference> {
    let storage = Arc::new(Directory::open_existing(&data.join("log"))?);
    let (log, recovered) = Log::open(storage, Config::default(), entropy)?;
    let reader = log.reader();
    let mut comparison = Comparison::new(ledger);
    let mut next = RecordNumber(0);
    while next < recovered.next {
        let records = reader.read(next, READ_BYTES)?;
        ensure!(!records.is_empty(), "the log ends before record {next}");
        for record in records {
            comparison.record(record.envelope.header(), record.envelope.body());
            next = next.next();
        }
    }
    log.close()?;
    Ok(comparison.finish())
}

/// Compares records with what was sent, one after another.
pub(crate) struct Comparison<'a> {
    ledger: &'a Ledger,
    places: Vec<Option<(Sequence, RecordNumber)>>,
    difference: Difference,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(ledger: &'a Ledger) -> Self {
        Self {
            ledger,
            places: vec![None; ledger.plan.copies],
            difference: Difference::default(),
        }
    }

    /// Takes the next record's header and view body.
    pub(crate) fn record(&mut self, header: &Header, body: &[u8]) {
        let ours = self.ledger.plan.number(header.client_message_id());
        if !header.kind().is_message() || ours.is_none() {
            return;
        }
        let mut groups = self.ledger.group_ids.iter();
        let Some(group) = groups.position(|id| *id == header.group()) else {
            // A mass send's parent goes to no group itself.
            return;
        };
        match identify(self.ledger, header, body, group) {
            None => self.difference.altered += 1,
            Some((_, copy)) if self.places[copy].is_some() => self.difference.repeated += 1,
            Some((_, copy)) => self.places[copy] = Some((header.sequence(), header.record())),
        }
    }

    /// What is different when all records have been taken.
    pub(crate) fn finish(mut self) -> Difference {
        let acknowledged = self.ledger.all_acknowledged();
        for (copy, said) in &acknowledged {
            match self.places[*copy] {
                None => self.difference.missing += 1,
                Some((sequence, record)) => {
                    let elsewhere = said.sequence != Sequence(0) && said.sequence != sequence;
                    let other_record = said.record.is_some_and(|said| said != record);
                    self.difference.altered += u64::from(elsewhere || other_record);
                }
            }
        }
        // What was never answered may be there or not: its sender was never told.
        for number in 0..self.ledger.plan.messages.len() {
            if self.ledger.was_refused(number) {
                let copies = self.ledger.plan.copies_of(number);
                let uncalled = copies.filter(|(copy, _)| self.places[*copy].is_some());
                self.difference.uncalled += uncalled.count() as u64;
            }
        }
        self.difference
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use throng::wire::{Envelope, GroupId, HeaderFields, Kind, PersonId};

    use super::*;
    use crate::ledger::Acknowledged;
    use crate::plan::tests::{plan, scenario};

    fn ledger() -> Ledger {
        let plan = plan(&scenario(3, 1, 3));
        let people = vec![PersonId(11), PersonId(12), PersonId(13)];
        let ledger = Ledger::new(plan, vec![GroupId(21)], people, 64, Instant::now());
        for copy in 0..2 {
            ledger.acknowledged(copy, place(copy));
        }
        ledger
    }

    fn place(copy: usize) -> Acknowledged {
        Acknowledged {
            sequence: Sequence(copy as u64 + 2),
            record: Some(RecordNumber(copy as u64 + 10)),
        }
    }

    /// The record of message `number`, `sequences` after where it was acknowledged.
    fn record(ledger: &Ledger, number: usize, sequences: u64, body: &[u8]) -> Envelope {
        let fields = HeaderFields {
            kind: Kind::Text,
            group: GroupId(21),
            sequence: Sequence(place(number).sequence.0 + sequences),
            record: RecordNumber(number as u64 + 10),
            sender: ledger.person_ids[ledger.plan.messages[number].sender],
            client_message_id: ledger.plan.client_message_id(number),
            ..HeaderFields::default()
        };
        Envelope::new(&fields, body).unwrap()
    }

    fn difference(ledger: &Ledger, records: &[Envelope]) -> [u64; 4] {
        let mut comparison = Comparison::new(ledger);
        for record in records {
            comparison.record(record.header(), record.body());
        }
        let Difference {
            missing,
            repeated,
            altered,
            uncalled,
        } = comparison.finish();
        [missing, repeated, altered, uncalled]
    }

    #[test]
    fn a_log_with_each_acknowledged_message_once_is_no_different() {
        let ledger = ledger();
        let body = |number: usize| ledger.plan.messages[number].body.clone();
        let both = [0, 1].map(|number| record(&ledger, number, 0, &body(number)));
        assert_eq!(difference(&ledger, &both), [0; 4]);
        let unanswered = record(&ledger, 2, 0, &body(2));
        let [first, second] = both.clone();
        let all = [first, second, unanswered];
        assert_eq!(
            difference(&ledger, &all),
            [0; 4],
            "nobody was told it is not"
        );
    }

    #[test]
    fn what_is_missing_repeated_altered_or_uncalled_is_counted() {
        let ledger = ledger();
        let body = |number: usize| ledger.plan.messages[number].body.clone();
        let [first, second] = [0, 1].map(|number| record(&ledger, number, 0, &body(number)));
        assert_eq!(
            difference(&ledger, std::slice::from_ref(&first)),
            [1, 0, 0, 0]
        );
        let twice = [first.clone(), second.clone(), first.clone()];
        assert_eq!(difference(&ledger, &twice), [0, 1, 0, 0]);
        let moved = record(&ledger, 1, 1, &body(1));
        assert_eq!(difference(&ledger, &[first.clone(), moved]), [0, 0, 1, 0]);
        let other = record(&ledger, 1, 0, b"other");
        assert_eq!(difference(&ledger, &[first.clone(), other]), [1, 0, 1, 0]);
        ledger.refused(3, "DiskFull");
        let refused = record(&ledger, 3, 0, &body(3));
        assert_eq!(difference(&ledger, &[first, second, refused]), [0, 0, 0, 1]);
    }
}
