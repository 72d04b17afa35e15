//! Where in the keyring an entry stands.
//!
//! Entry n is at the nth place, until destroyed keys are left out: then the first entries stand in order of
//! their ids with gaps, and those that came later in a row behind them. An id that is left out is of a key
//! that was destroyed, or of the erasure that did it. An entry that has rotted hides no other.

use crate::log::format::{Defect, KEY_ENTRY_LEN, KeyEntry, KeyringHeader};
use crate::log::storage::{File, StorageError};

/// Where entries stand.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Places {
    /// The last id there was when the file was written anew.
    settled: u32,
    /// How many of those were left out.
    dropped: u32,
}

impl Places {
    /// Of a file with this header.
    pub(super) fn of(header: &KeyringHeader) -> Self {
        Self {
            settled: header.settled,
            dropped: header.dropped.min(header.settled),
        }
    }

    /// Places before which ids have gaps.
    fn kept(self) -> u32 {
        match self.dropped {
            0 => 0,
            dropped => self.settled - dropped,
        }
    }

    /// How many places entries up to `id` take.
    pub(super) fn up_to(self, id: u32) -> u32 {
        id.saturating_sub(self.dropped)
    }

    /// Where an entry behind all gaps stands.
    pub(super) fn offset(self, id: u32) -> u64 {
        KeyEntry::offset(id.saturating_sub(self.dropped))
    }

    /// The id at `place`; `None` among those with gaps.
    pub(super) fn id(self, place: u32) -> Option<u32> {
        (place > self.kept()).then(|| place.saturating_add(self.dropped))
    }

    /// The last id there is where `place`, which is not before a gap, is the last.
    pub(super) fn last_id(self, place: u32) -> u32 {
        place.saturating_add(self.dropped)
    }

    /// Reads and checks the entry at `place`; `before` is the id at the place before.
    pub(super) fn decode(self, place: u32, bytes: &[u8], before: u32) -> Result<KeyEntry, Defect> {
        if place > self.kept() {
            return KeyEntry::decode(bytes, place.saturating_add(self.dropped));
        }
        let entry = KeyEntry::decode_any(bytes)?;
        let in_order = before < entry.id && entry.id <= self.settled;
        in_order.then_some(entry).ok_or(Defect::Reserved)
    }

    /// Reads entry `id`; none where it was left out or cannot be read.
    pub(super) fn find(self, file: &dyn File, id: u32) -> Result<Found, StorageError> {
        let mut bytes = [0; KEY_ENTRY_LEN];
        let mut at = |offset| -> Result<Option<KeyEntry>, StorageError> {
            let read = file.read_at(&mut bytes, offset)?;
            Ok(KeyEntry::decode_any(&bytes[..read]).ok())
        };
        if self.dropped == 0 || id > self.settled {
            let offset = self.offset(id);
            let entry = at(offset)?.filter(|entry| entry.id == id);
            return Ok(entry.map_or(Found::Unusable, Found::Entry));
        }
        let (mut low, mut high) = (1, self.kept());
        while low <= high {
            let middle = low + (high - low) / 2;
            // What has rotted is passed by.
            let (mut place, mut entry) = (middle, at(KeyEntry::offset(middle))?);
            while entry.is_none() && place < high {
                place += 1;
                entry = at(KeyEntry::offset(place))?;
            }
            match entry {
                Some(entry) if entry.id == id => return Ok(Found::Entry(entry)),
                Some(entry) if entry.id < id => low = place + 1,
                _ => high = middle - 1,
            }
        }
        // It would stand here. Where something has rotted, that may be it.
        let is_rotten = low <= self.kept() && at(KeyEntry::offset(low))?.is_none();
        Ok(match is_rotten {
            true => Found::Unusable,
            false => Found::LeftOut,
        })
    }
}

/// An entry that was looked for.
pub(super) enum Found {
    /// Itself.
    Entry(KeyEntry),
    /// It was left out: destroyed.
    LeftOut,
    /// Not there, or damaged.
    Unusable,
}
