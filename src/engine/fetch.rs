//! The reader pool: the only threads that read the log while the engine runs.
//!
//! Shards never read files. What they miss, sequences of a group or records they were too slow for,
//! is asked for here and comes back as items; nothing past durable is ever read (invariant 2).

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::outbox::Outbox;
use super::port::{Fetch, FetchError, Item};
use crate::log::{ReadError, Reader, Record};
use crate::model::{self, Projection};
use crate::wire::{Envelope, HeaderFields, Kind, RecordNumber, Sequence};

/// What one fetch brings at most, in bytes.
pub(crate) const FETCH_BYTES_MAX: usize = 256 * 1024;

/// How long an unreadable log is left alone before it is tried again for the same asker.
const READ_ERROR_PAUSE: Duration = Duration::from_millis(100);

/// Something to be read.
pub(crate) enum FetchJob {
    /// Sequences of a group.
    Group {
        /// Which.
        fetch: Fetch,
        /// Who asked.
        outbox: Arc<Outbox>,
    },
    /// All projections of some records.
    Records {
        /// The first record.
        from: RecordNumber,
        /// The last record.
        to: RecordNumber,
        /// Who asked.
        outbox: Arc<Outbox>,
    },
}

/// Serves jobs until every port and the engine are gone.
pub(crate) fn run(reader: &Reader, jobs: &Receiver<FetchJob>) {
    for job in jobs {
        match job {
            FetchJob::Group { fetch, outbox } => {
                let result = group(reader, &fetch);
                outbox.fetched(Item::Fetched { fetch, result });
            }
            FetchJob::Records { from, to, outbox } => {
                let result = records(reader, from, to);
                if result.is_err() {
                    std::thread::sleep(READ_ERROR_PAUSE);
                }
                let (next, result) = match result {
                    Ok((next, items)) => (next, Ok(items)),
                    Err(error) => (from, Err(Arc::new(error))),
                };
                outbox.fetched(Item::Records { next, result });
            }
        }
    }
}

/// What a record shows, from its bytes in the log.
///
/// A record whose events this build cannot read shows nothing; recovery has refused it before. A
/// message or announcement that was erased is a tombstone in its place (SPEC S3).
pub(crate) fn projection(record: &Record) -> Projection {
    let events = model::event::decode_all(&record.private).unwrap_or_default();
    if record.erased {
        let fields = HeaderFields {
            kind: Kind::Tombstone,
            ..record.envelope.header().fields()
        };
        if let Ok(tombstone) = Envelope::new(&fields, &[]) {
            return model::project(&tombstone, &record.takes, &events);
        }
    }
    model::project(&record.envelope, &record.takes, &events)
}

/// A place of a group whose record was removed: what members get there as from content that is gone.
fn removed(fetch: &Fetch, sequence: Sequence) -> Option<Envelope> {
    let fields = HeaderFields {
        kind: Kind::Tombstone,
        tenant: fetch.tenant,
        group: fetch.group,
        sequence,
        ..HeaderFields::default()
    };
    Envelope::new(&fields, &[]).ok()
}

fn group(reader: &Reader, fetch: &Fetch) -> Result<Vec<Envelope>, FetchError> {
    // Before it is read: what is removed meanwhile is asked for again.
    let begins_later = reader.first() > RecordNumber(0);
    let records = reader
        .read_group(
            fetch.tenant,
            fetch.group,
            fetch.from,
            fetch.to,
            FETCH_BYTES_MAX,
        )
        .map_err(|error| FetchError::Read(Arc::new(error)))?;
    let mut envelopes: Vec<Envelope> = Vec::with_capacity(records.len());
    let mut next = fetch.from;
    // A group's sequences follow one another, and so do records: none that is missing at the front was lost.
    if begins_later {
        let stays = records.iter().flat_map(|record| &record.takes);
        let stays = stays.filter(|take| take.group == fetch.group && take.sequence >= next);
        let stays = stays.map(|take| take.sequence).min();
        while next <= fetch.to && stays.is_none_or(|stays| next < stays) {
            envelopes.extend(removed(fetch, next));
            next = next.next();
        }
    }
    for record in &records {
        // A record may take two places in a group: one that makes it and says something there.
        for envelope in projection(record).envelopes {
            let header = envelope.header();
            if header.group() == fetch.group && header.sequence() == next && next <= fetch.to {
                envelopes.push(envelope);
                next = next.next();
            }
        }
    }
    if envelopes.is_empty() {
        return Err(FetchError::Missing {
            group: fetch.group,
            from: fetch.from,
            to: fetch.to,
        });
    }
    Ok(envelopes)
}

fn records(
    reader: &Reader,
    from: RecordNumber,
    to: RecordNumber,
) -> Result<(RecordNumber, Vec<Item>), ReadError> {
    let mut items = Vec::new();
    let mut next = from;
    for record in reader.read(from, FETCH_BYTES_MAX)? {
        if record.envelope.header().record() > to {
            break;
        }
        next = record.envelope.header().record().next();
        let shown = projection(&record);
        let ended: Vec<_> = shown.ended().collect();
        items.extend(shown.deltas.into_iter().map(Item::Membership));
        items.extend(shown.windows.into_iter().map(Item::Window));
        let forget = shown.forget_before;
        items.extend(forget.map(|before| Item::Forget { before }));
        items.extend(shown.envelopes.into_iter().map(Item::Deliver));
        let tenant = record.envelope.header().tenant();
        items.extend(ended.into_iter().map(|(person, device)| Item::Ended {
            tenant,
            person,
            device,
        }));
    }
    Ok((next, items))
}
