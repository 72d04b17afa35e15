//! Who is attached here, on which devices, and where each sits in the groups they read.

use rustc_hash::FxHashMap;

use super::delivery::ReaderKey;
use super::error::TableLimits;
use crate::client::cursors::GroupCursor;
use crate::client::error::NotMade;
use crate::wire::{DeviceId, GroupId, PersonId};

/// A reader's number in [`People`].
pub(super) type Slot = u32;

/// Where a reader sits in a group's lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    InStep(u32),
    Apart(u32),
}

/// One person on one device.
#[derive(Debug)]
pub(super) struct Online {
    pub(super) person: PersonId,
    pub(super) device: DeviceId,
    pub(super) key: ReaderKey,
    /// By the group's slot in the table.
    pub(super) places: FxHashMap<u32, Place>,
    /// How far they have got in groups they do not read now.
    pub(super) cursors: FxHashMap<GroupId, GroupCursor>,
}

#[derive(Debug, Default)]
pub(super) struct People {
    online: Vec<Option<Online>>,
    free: Vec<Slot>,
    /// Everybody ever attached, with their devices that are here now: what the server says of somebody
    /// who has just been detached is no error.
    known: FxHashMap<PersonId, Vec<Slot>>,
    /// How often somebody was detached on a device and the server has not said so yet: until it does,
    /// what it says of them is of then, even if they are here again.
    leaving: FxHashMap<(PersonId, DeviceId), u32>,
}

impl People {
    pub(super) fn len(&self) -> usize {
        self.online.len() - self.free.len()
    }

    /// Takes in a person's device; nothing is changed when it is refused.
    pub(super) fn add(
        &mut self,
        person: PersonId,
        device: DeviceId,
        key: ReaderKey,
        limits: &TableLimits,
    ) -> Result<&mut Online, NotMade> {
        if person == PersonId(0) || device == DeviceId(0) {
            return Err(NotMade::Nobody { person, device });
        }
        if self.find(person, device).is_some() {
            return Err(NotMade::AttachedTwice { person, device });
        }
        if self.len() >= limits.readers_max {
            let limit = limits.readers_max;
            return Err(NotMade::TooManyReaders { limit });
        }
        let is_new = !self.known.contains_key(&person);
        let ever = self.known.len() + usize::from(is_new);
        if ever.max(self.leaving.len()) > limits.people_max {
            let limit = limits.people_max;
            return Err(NotMade::TooManyReaders { limit });
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.online.push(None);
            slot_of(self.online.len() - 1)
        });
        self.known.entry(person).or_default().push(slot);
        Ok(self.online[slot as usize].insert(Online {
            person,
            device,
            key,
            places: FxHashMap::default(),
            cursors: FxHashMap::default(),
        }))
    }

    /// Forgets a device that sits nowhere any more.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<Online> {
        let online = self.online[slot as usize].take()?;
        self.free.push(slot);
        if let Some(devices) = self.known.get_mut(&online.person) {
            devices.retain(|other| *other != slot);
        }
        Some(online)
    }

    pub(super) fn find(&self, person: PersonId, device: DeviceId) -> Option<Slot> {
        let mut slots = self.known.get(&person)?.iter().copied();
        slots.find(|slot| self[*slot].device == device)
    }

    /// The person's devices that are here; none when nobody of that number ever was.
    pub(super) fn devices(&self, person: PersonId) -> Option<&[Slot]> {
        self.known.get(&person).map(Vec::as_slice)
    }

    /// The server is about to be told that somebody's device goes.
    pub(super) fn await_leave(&mut self, who: (PersonId, DeviceId)) {
        *self.leaving.entry(who).or_default() += 1;
    }

    /// The server has let somebody's device go; whether it was about to be told to.
    pub(super) fn has_left(&mut self, who: (PersonId, DeviceId)) -> bool {
        let Some(count) = self.leaving.get_mut(&who) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            self.leaving.remove(&who);
        }
        true
    }

    /// Whether what the server says of somebody's device is of an earlier attach.
    pub(super) fn is_leaving(&self, who: (PersonId, DeviceId)) -> bool {
        self.leaving.contains_key(&who)
    }

    /// Everyone here.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Online> {
        self.online.iter().flatten()
    }
}

impl core::ops::Index<Slot> for People {
    type Output = Online;

    fn index(&self, slot: Slot) -> &Online {
        self.online[slot as usize]
            .as_ref()
            .expect("slots are of people who are here")
    }
}

impl core::ops::IndexMut<Slot> for People {
    fn index_mut(&mut self, slot: Slot) -> &mut Online {
        self.online[slot as usize]
            .as_mut()
            .expect("slots are of people who are here")
    }
}

/// An index as it is kept; every list is bounded far below.
pub(super) fn slot_of(index: usize) -> Slot {
    u32::try_from(index).expect("the limits are far below 4 billion")
}
