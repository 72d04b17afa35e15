//! The storage double: a disk that forgets, reorders and tears whatever was not synced.
//!
//! Every call that changes something is a numbered *boundary* at which a fault can be planned (a
//! crash at a read leaves what a crash at the next change leaves). After a crash each 512-byte sector
//! holds one of the versions it went through since its file's last sync. Of the changes of names since
//! their last sync a prefix holds, as on a journalled filesystem, or any of them without the others: a
//! rename whole or not at all, and a file has one name. A failed sync persists some sectors and
//! forgets the rest while reads go on showing them, as a kernel does. All of it follows from a seed.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::memory::{overwrite, read_zero_filled};
use super::{File, Operation, Storage, StorageError};

/// What a disk writes whole or not at all.
const SECTOR_LEN: u64 = 512;

/// A small seeded source of numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number, from 0 to `limit - 1`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit.max(1)
    }
}

/// What happens at a boundary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The power goes: this change and all unsynced ones may or may not have reached the disk.
    Crash,
    /// The call fails with EIO. A failed sync loses what it did not write.
    Io,
    /// The call fails with ENOSPC and does nothing.
    NoSpace,
    /// A write stops half way with ENOSPC; anything else fails with EIO.
    Short,
}

/// How much of what was not synced a crash leaves.
#[derive(Clone, Copy)]
enum Survival {
    Nothing,
    Everything,
    /// Each sector for itself, from this seed.
    Sectors(u64),
}

/// The storage double. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct Faulty {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    random: Random,
    boundaries: u64,
    faults: BTreeMap<u64, Fault>,
    crashed: bool,
    reads: u64,
    /// Those that fail, by number.
    failing_reads: Range<u64>,
    room: Option<u64>,
    files: Vec<Contents>,
    /// Names as they read now, and as they were at the last sync; values index `files`.
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    unsynced_names: Vec<NameChange>,
}

/// A file got a name, lost one, or both.
#[derive(Debug)]
struct NameChange {
    from: Option<String>,
    to: Option<(String, usize)>,
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        if let Some(from) = &self.from {
            names.remove(from);
        }
        if let Some((to, index)) = &self.to {
            names.retain(|_, other| other != index);
            names.insert(to.clone(), *index);
        }
    }
}

#[derive(Debug, Default, Clone)]
struct Contents {
    visible: Vec<u8>,
    visible_len: u64,
    synced: Vec<u8>,
    synced_len: u64,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Extend { len: u64 },
}

impl Contents {
    /// Moves what survives of the unsynced changes to the synced side.
    fn settle(&mut self, survival: Survival) {
        let changes = std::mem::take(&mut self.unsynced);
        let limit = changes.len() as u64 + 1;
        // How many of the changes a sector has seen. Sector u64::MAX stands for the length.
        let seen = |sector: u64| match survival {
            Survival::Nothing => 0,
            Survival::Everything => limit,
            Survival::Sectors(seed) => Random::new(seed ^ sector).below(limit),
        };
        for (number, change) in changes.iter().enumerate() {
            match change {
                Change::Extend { len } if seen(u64::MAX) > number as u64 => {
                    self.synced_len = self.synced_len.max(*len);
                }
                Change::Extend { .. } => {}
                Change::Write { offset, bytes } => {
                    let mut at = *offset;
                    let end = offset + bytes.len() as u64;
                    while at < end {
                        let sector = at / SECTOR_LEN;
                        let to = ((sector + 1) * SECTOR_LEN).min(end);
                        if seen(sector) > number as u64 {
                            let part = &bytes[(at - offset) as usize..(to - offset) as usize];
                            overwrite(&mut self.synced, at, part);
                        }
                        at = to;
                    }
                }
            }
        }
        self.synced_len = self.synced_len.max(self.synced.len() as u64);
    }
}

impl State {
    fn survival(&mut self) -> Survival {
        match self.random.below(4) {
            0 => Survival::Nothing,
            1 => Survival::Everything,
            _ => Survival::Sectors(self.random.number()),
        }
    }

    /// Counts a boundary and says which fault is planned there.
    fn boundary(&mut self) -> Option<Fault> {
        self.boundaries += 1;
        let fault = self.faults.remove(&(self.boundaries - 1));
        self.crashed |= fault == Some(Fault::Crash);
        fault
    }

    fn alive(&self, operation: Operation, name: &str) -> Result<(), StorageError> {
        if self.crashed {
            return Err(StorageError::new(
                operation,
                name,
                io::Error::other("the power is gone"),
            ));
        }
        Ok(())
    }

    /// One change of names: survives whole or not at all.
    fn change_names(
        &mut self,
        operation: Operation,
        name: &str,
        change: impl FnOnce(&mut Self) -> Option<NameChange>,
    ) -> Result<(), StorageError> {
        self.alive(operation, name)?;
        let fault = self.boundary();
        match fault {
            None | Some(Fault::Crash) => {
                let not_found =
                    || StorageError::new(operation, name, io::ErrorKind::NotFound.into());
                let change = change(self).ok_or_else(not_found)?;
                change.apply(&mut self.names);
                self.unsynced_names.push(change);
                self.alive(operation, name)
            }
            Some(fault) => Err(error(fault, operation, name)),
        }
    }

    /// The names that a crash leaves.
    fn names_left(&mut self) -> BTreeMap<String, usize> {
        let changes = self.unsynced_names.len() as u64;
        let in_order = self.random.below(2) == 0;
        let kept = self.random.below(changes + 1);
        let mut names = self.synced_names.clone();
        for (number, change) in (0..).zip(&self.unsynced_names) {
            let holds = match in_order {
                true => number < kept,
                false => self.random.below(2) == 0,
            };
            if holds {
                change.apply(&mut names);
            }
        }
        names
    }
}

fn error(fault: Fault, operation: Operation, name: &str) -> StorageError {
    let errno = match fault {
        Fault::NoSpace => rustix::io::Errno::NOSPC,
        Fault::Short if operation == Operation::Write => rustix::io::Errno::NOSPC,
        Fault::Short | Fault::Io | Fault::Crash => rustix::io::Errno::IO,
    };
    StorageError::new(operation, name, errno.into())
}

impl Faulty {
    /// An empty disk whose misfortunes follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(Random::new(seed), Vec::new(), BTreeMap::new())
    }

    fn with(random: Random, files: Vec<Contents>, names: BTreeMap<String, usize>) -> Self {
        let state = State {
            random,
            boundaries: 0,
            faults: BTreeMap::new(),
            crashed: false,
            reads: 0,
            failing_reads: 0..0,
            room: None,
            files,
            synced_names: names.clone(),
            names,
            unsynced_names: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes so far: the number the next boundary has.
    #[must_use]
    pub fn boundaries(&self) -> u64 {
        self.state().boundaries
    }

    /// Plans `fault` at boundary number `at`.
    pub fn plan(&self, at: u64, fault: Fault) {
        self.state().faults.insert(at, fault);
    }

    /// Whether a crash has come: nothing can be read or changed any more.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state().crashed
    }

    /// Only the process was killed: the kernel still has every byte, synced or not. Nothing is
    /// planned any more.
    pub fn revive(&self) {
        let state = &mut *self.state();
        state.crashed = false;
        state.faults.clear();
    }

    /// Reads so far.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.state().reads
    }

    /// Lets these reads fail with EIO, by number, and no others.
    pub fn fail_reads(&self, reads: Range<u64>) {
        self.state().failing_reads = reads;
    }

    /// Lets `bytes` more be reserved before the disk is full; `None` for a disk without end.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.state().room = bytes;
    }

    /// The disk as it is found after the power came back. The old one is dead.
    #[must_use]
    pub fn restart(&self) -> Self {
        let state = &mut *self.state();
        state.crashed = true;
        let (mut files, mut names) = (Vec::new(), BTreeMap::new());
        for (name, index) in state.names_left() {
            let survival = state.survival();
            let mut contents = state.files[index].clone();
            contents.settle(survival);
            contents.visible.clone_from(&contents.synced);
            contents.visible_len = contents.synced_len;
            names.insert(name, files.len());
            files.push(contents);
        }
        Self::with(Random::new(state.random.number()), files, names)
    }

    /// What a file reads as, without the zeros at its end.
    #[must_use]
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.state();
        let mut bytes = state.files[*state.names.get(name)?].visible.clone();
        let len = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |at| at + 1);
        bytes.truncate(len);
        Some(bytes)
    }

    /// Changes a file behind everybody's back, durably: rot, or an operator's mistake.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let state = &mut *self.state();
        let index = state.names.get(name).copied();
        let contents = &mut state.files[index.expect("a test damages a file that is there")];
        let len = contents.visible_len as usize;
        contents.visible.resize(len, 0);
        change(&mut contents.visible);
        contents.visible_len = contents.visible.len() as u64;
        contents.synced.clone_from(&contents.visible);
        contents.synced_len = contents.visible_len;
        contents.unsynced.clear();
    }

    fn file(&self, name: &str, index: usize) -> Arc<dyn File> {
        Arc::new(FaultyFile {
            disk: self.clone(),
            name: name.to_owned(),
            index,
        })
    }
}

impl Storage for Faulty {
    fn names(&self) -> Result<Vec<String>, StorageError> {
        let state = self.state();
        state.alive(Operation::List, "")?;
        Ok(state.names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        let state = self.state();
        state.alive(Operation::Open, name)?;
        match state.names.get(name) {
            Some(index) => Ok(self.file(name, *index)),
            None => Err(StorageError::new(
                Operation::Open,
                name,
                io::ErrorKind::NotFound.into(),
            )),
        }
    }

    fn create(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        let mut state = self.state();
        state.change_names(Operation::Create, name, |state| {
            state.files.push(Contents::default());
            let to = (name.to_owned(), state.files.len() - 1);
            let (from, to) = (None, Some(to));
            Some(NameChange { from, to })
        })?;
        Ok(self.file(name, state.files.len() - 1))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.state().change_names(Operation::Rename, from, |state| {
            let index = *state.names.get(from)?;
            let (from, to) = (Some(from.to_owned()), Some((to.to_owned(), index)));
            Some(NameChange { from, to })
        })
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.state().change_names(Operation::Remove, name, |state| {
            let freed = state.files[*state.names.get(name)?].visible_len;
            state.room = state.room.map(|room| room + freed);
            let (from, to) = (Some(name.to_owned()), None);
            Some(NameChange { from, to })
        })
    }

    fn sync(&self) -> Result<(), StorageError> {
        let state = &mut *self.state();
        state.alive(Operation::Sync, "")?;
        match state.boundary() {
            None => {
                state.unsynced_names.clear();
                state.synced_names.clone_from(&state.names);
                Ok(())
            }
            Some(fault) => Err(error(fault, Operation::Sync, "names")),
        }
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: Faulty,
    name: String,
    index: usize,
}

impl File for FaultyFile {
    fn len(&self) -> Result<u64, StorageError> {
        let state = self.disk.state();
        state.alive(Operation::Open, &self.name)?;
        Ok(state.files[self.index].visible_len)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, StorageError> {
        let state = &mut *self.disk.state();
        state.alive(Operation::Read, &self.name)?;
        state.reads += 1;
        if state.failing_reads.contains(&(state.reads - 1)) {
            return Err(error(Fault::Io, Operation::Read, &self.name));
        }
        let contents = &state.files[self.index];
        let (bytes, len) = (&contents.visible, contents.visible_len);
        Ok(read_zero_filled(bytes, len, buffer, offset))
    }

    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> Result<(), StorageError> {
        let state = &mut *self.disk.state();
        state.alive(Operation::Write, &self.name)?;
        let fault = state.boundary();
        let mut bytes: Vec<u8> = slices
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .collect();
        match fault {
            None | Some(Fault::Crash) => {}
            Some(Fault::Short) => bytes.truncate(bytes.len() / 2),
            Some(Fault::Io | Fault::NoSpace) => bytes.clear(),
        }
        let contents = &mut state.files[self.index];
        if !bytes.is_empty() {
            overwrite(&mut contents.visible, offset, &bytes);
            contents.visible_len = contents.visible_len.max(contents.visible.len() as u64);
            contents.unsynced.push(Change::Write { offset, bytes });
        }
        match fault {
            None => Ok(()),
            Some(fault) => Err(error(fault, Operation::Write, &self.name)),
        }
    }

    fn allocate(&self, len: u64) -> Result<(), StorageError> {
        let state = &mut *self.disk.state();
        state.alive(Operation::Allocate, &self.name)?;
        let fault = state.boundary();
        let contents = &mut state.files[self.index];
        let more = len.saturating_sub(contents.visible_len);
        if fault.is_none() && state.room.is_some_and(|room| room < more) {
            return Err(error(Fault::NoSpace, Operation::Allocate, &self.name));
        }
        if let None | Some(Fault::Crash) = fault {
            state.room = state.room.map(|room| room.saturating_sub(more));
            contents.visible_len = contents.visible_len.max(len);
            contents.unsynced.push(Change::Extend { len });
        }
        match fault {
            None => Ok(()),
            Some(fault) => Err(error(fault, Operation::Allocate, &self.name)),
        }
    }

    fn sync(&self) -> Result<(), StorageError> {
        let state = &mut *self.disk.state();
        state.alive(Operation::Sync, &self.name)?;
        let fault = state.boundary();
        if fault == Some(Fault::Crash) {
            return Err(error(Fault::Crash, Operation::Sync, &self.name));
        }
        let survival = match fault {
            None => Survival::Everything,
            Some(_) => state.survival(),
        };
        state.files[self.index].settle(survival);
        match fault {
            None => Ok(()),
            Some(fault) => Err(error(fault, Operation::Sync, &self.name)),
        }
    }
}
