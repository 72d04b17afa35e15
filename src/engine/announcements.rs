//! Texts of the announcements that stand, beside the state.
//!
//! An announcement's text is content: it is in the view of its record and nowhere else on the disk, so that
//! erasure and retention reach it there. The state and its snapshots know which record that is; the text
//! is kept here for whoever asks, read back when the engine opens, and given up once the state says that
//! it is gone. What the state says decides what is shown, so nothing is shown meanwhile.

use std::collections::BTreeMap;

use crate::log::{ReadError, Reader};
use crate::model::command::Reply;
use crate::model::event::Event;
use crate::model::{self, Refusal, State};
use crate::wire::{Envelope, GroupId, RecordNumber, TenantId};

/// Looked at in one turn of the sequencer: about 50 µs.
const LOOKED_AT_MAX: usize = 256;

/// How often the disk is asked for one.
const TRIES: u32 = 3;

type Place = (TenantId, GroupId);

#[derive(Debug, Default)]
pub(crate) struct Announcements {
    texts: BTreeMap<Place, Text>,
    /// From where on texts may be gone.
    forgets_from: Option<Place>,
}

#[derive(Debug)]
struct Text {
    record: RecordNumber,
    text: Box<str>,
}

impl Announcements {
    /// Those that stand in `state`, from their records. One whose record is damaged is shown as gone, and named in
    /// the server's log. A disk that fails is asked again, and then fails the open, as it does where the state is
    /// rebuilt: nothing is shown as gone that is not.
    pub(crate) fn read(state: &State, reader: &Reader) -> Result<Self, ReadError> {
        let mut standing: Vec<_> = model::announcements(state).collect();
        // In the order of the files.
        standing.sort_unstable_by_key(|(.., record)| *record);
        let mut announcements = Self::default();
        for (tenant, group, record) in standing {
            let mut tries = 1;
            let read = loop {
                match reader.read(record, 1) {
                    Err(ReadError::Storage(error)) if tries < TRIES => {
                        tracing::warn!(%error, "an announcement could not be read: it is tried again");
                        tries += 1;
                    }
                    Err(error @ ReadError::Storage(_)) => return Err(error),
                    read => break read,
                }
            };
            match read {
                Ok(records) => {
                    let read = records.first().filter(|read| !read.erased);
                    if let Some(read) = read {
                        announcements.put((tenant, group), &read.envelope);
                    }
                }
                Err(error) => {
                    let (tenant, group, record) = (tenant.0, group.0, record.0);
                    tracing::error!(tenant, group, record, %error, "an announcement cannot be read: it is shown as gone");
                }
            }
        }
        Ok(announcements)
    }

    fn put(&mut self, place: Place, envelope: &Envelope) {
        let text = String::from_utf8_lossy(envelope.body()).into();
        let record = envelope.header().record();
        self.texts.insert(place, Text { record, text });
    }

    /// Keeps what a record announces, and notices that some may be gone.
    pub(crate) fn follow(&mut self, envelope: &Envelope, events: &[Event]) {
        for event in events {
            if let Event::Announced(announced) = event {
                let place = (envelope.header().tenant(), announced.group);
                if announced.len > 0 {
                    self.put(place, envelope);
                } else {
                    self.texts.remove(&place);
                }
            }
        }
        if model::changes_what_is_gone(events) {
            self.forgets_from = Some((TenantId(0), GroupId(0)));
        }
    }

    /// Puts the text into an answer that names its record.
    pub(crate) fn show(&self, tenant: TenantId, outcome: &mut Result<Reply, Refusal>) {
        let Ok(Reply::GroupSettings(settings)) = outcome else {
            return;
        };
        if settings.announced_in == RecordNumber(0) || settings.announcement_gone {
            return;
        }
        let kept = self.texts.get(&(tenant, settings.group));
        match kept.filter(|kept| kept.record == settings.announced_in) {
            Some(kept) => settings.announcement = kept.text.to_string(),
            None => settings.announcement_gone = true,
        }
    }

    /// Whether texts that are gone may be in memory.
    pub(crate) fn is_forgetting(&self) -> bool {
        self.forgets_from.is_some()
    }

    /// Gives up some of what is gone.
    pub(crate) fn forget_some(&mut self, state: &State) {
        let Some(from) = self.forgets_from.take() else {
            return;
        };
        let mut gone = Vec::new();
        let mut rest = self.texts.range(from..);
        for ((tenant, group), kept) in rest.by_ref().take(LOOKED_AT_MAX) {
            if model::announcement(state, *tenant, *group) != Some(kept.record) {
                gone.push((*tenant, *group));
            }
        }
        self.forgets_from = rest.next().map(|(place, _)| *place);
        for place in gone {
            self.texts.remove(&place);
        }
    }
}
