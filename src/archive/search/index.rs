//! The index of one log: parts, each of some records in a row, and the manifest that names them.
//!
//! One thread adds records, in order, and commits: the part's files first, then the manifest, then what is
//! no longer named is removed. A crash leaves the manifest of before or of after; the log has the rest.
//! What cannot be believed is dropped, all of it, and made again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::IndexError;
use super::folder::Folder;
use super::manifest::{Entry, MANIFEST, Manifest};
use super::part::{IsGone, Part, PartWriter, merge};
use super::query::Search;
use super::said::Said;
use crate::log::storage::unfinished;
use crate::log::{Chunked, Reader, Record, StorageError};
use crate::wire::{GroupId, RecordNumber, TenantId};

/// The least memory to index with.
pub const MEMORY_MIN: usize = 16 << 20;
/// As many parts of about one size become one.
const MERGED_AT: usize = 8;
/// A part grows no further than this; tantivy counts to 2^31.
const DOCUMENTS_MAX: u64 = 1 << 28;

/// What searches see of an index.
#[derive(Default)]
pub(super) struct View {
    /// The older, the earlier.
    pub(super) parts: Vec<Arc<Part>>,
    /// Records before this number are in them.
    pub(super) next: u64,
}

/// The newest view; one who searches keeps the one it began with.
#[derive(Default)]
pub(super) struct Shared {
    view: Mutex<Arc<View>>,
    damaged: AtomicBool,
}

impl Shared {
    pub(super) fn view(&self) -> Arc<View> {
        let view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&view)
    }

    fn show(&self, view: View) {
        let mut shown = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = Arc::new(view);
    }

    /// A search found damage: whoever keeps the index makes it again.
    pub(super) fn report_damage(&self) {
        self.damaged.store(true, Ordering::Release);
    }
}

/// The index, as who keeps it has it.
pub struct Index {
    files: Chunked,
    identity: ([u8; 16], u64),
    memory_bytes: usize,
    manifest: Manifest,
    parts: Vec<Arc<Part>>,
    pending: Option<PartWriter>,
    /// Read so far; not all of it is committed.
    next: u64,
    shared: Arc<Shared>,
}

impl Index {
    /// Takes up the index in `files` of the log with this id and incarnation, of which `durable` records
    /// are durable; or begins anew, where there is none of this log or it is damaged. It is made with about
    /// `memory_bytes`, at least [`MEMORY_MIN`].
    pub fn open(
        files: Chunked,
        identity: ([u8; 16], u64),
        durable: RecordNumber,
        memory_bytes: usize,
    ) -> Result<Self, IndexError> {
        let mut index = Self {
            manifest: Manifest::new(identity),
            files,
            identity,
            memory_bytes: memory_bytes.max(MEMORY_MIN),
            parts: Vec::new(),
            pending: None,
            next: 0,
            shared: Arc::default(),
        };
        if let Some(found) = Manifest::read(&index.files, identity, durable.0)? {
            let parts = found.parts.iter().map(|entry| index.open_part(entry));
            match parts.collect::<Result<Vec<_>, _>>() {
                Ok(parts) => {
                    index.parts = parts;
                    index.manifest = found;
                }
                Err(error) if error.is_damage() => {
                    tracing::warn!(%error, "the search index is damaged: it is made again from the log");
                }
                Err(error) => return Err(error),
            }
        }
        index.next = index.manifest.next;
        index.sweep()?;
        index.show();
        Ok(index)
    }

    /// The record to go on from.
    #[must_use]
    pub fn next(&self) -> RecordNumber {
        RecordNumber(self.next)
    }

    /// Records before this number are found, also after a crash.
    #[must_use]
    pub fn committed(&self) -> RecordNumber {
        RecordNumber(self.manifest.next)
    }

    /// How many parts there are: what a search costs.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// How many messages and deletions are in it.
    #[must_use]
    pub fn documents(&self) -> u64 {
        self.parts.iter().map(|part| part.entry.documents).sum()
    }

    /// Whether the index has a word, a character or a pair of them, of any message or of none any more: by
    /// this one can check an erasure.
    pub fn knows(&self, tenant: TenantId, word: &str) -> Result<bool, IndexError> {
        for part in &self.parts {
            if part.knows(tenant, word)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A handle that searches, in any thread; what it finds is read by `reader`, the log's own.
    #[must_use]
    pub fn search(&self, reader: Reader) -> Search {
        Search::new(Arc::clone(&self.shared), reader)
    }

    /// Whether a search found the index damaged since it was opened.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.shared.damaged.load(Ordering::Acquire)
    }

    /// Adds the next record; others are passed over. It is found from the next commit on.
    ///
    /// Whether it changes which content is gone: then [`Index::erase`] comes before the next commit.
    pub fn add(&mut self, record: &Record) -> Result<bool, IndexError> {
        if record.envelope.header().record().0 != self.next {
            return Ok(false);
        }
        let said = Said::of(record);
        if !(said.messages.is_empty() && said.deleted.is_empty()) {
            let pending = match &mut self.pending {
                Some(pending) => pending,
                None => {
                    let number = new_number(&self.parts);
                    let begun = PartWriter::new(&self.files, number, self.next, self.memory_bytes)?;
                    self.pending.insert(begun)
                }
            };
            pending.add(record, &said)?;
        }
        self.next += 1;
        Ok(said.erases)
    }

    /// Whether what is not committed takes the memory there is.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let pending = self.pending.as_ref();
        pending.is_some_and(|pending| pending.memory_bytes() >= self.memory_bytes)
    }

    /// Makes what was added durable, and found. After an error the index is to be opened again.
    pub fn commit(&mut self) -> Result<(), IndexError> {
        let parts = self.all_parts()?;
        if self.next != self.manifest.next {
            self.put(parts)?;
        }
        self.merge_parts()
    }

    /// Removes messages from the index whose content is gone, and their words from the disk: those of the
    /// records added so far, of which the last is the one that says so. Durable on return, together with that
    /// record: after a crash or an error it is read again.
    ///
    /// `is_gone` says it of a group's messages of a UTC day; group 0 is what is of no group or of many.
    pub fn erase(
        &mut self,
        is_gone: impl Fn(TenantId, GroupId, i32) -> bool,
    ) -> Result<(), IndexError> {
        self.drop_documents(&is_gone, 0)
    }

    /// Removes what records before `first` said: they are removed from the log, which begins there. Durable on
    /// return.
    pub fn begin_at(&mut self, first: RecordNumber) -> Result<(), IndexError> {
        self.next = self.next.max(first.0);
        self.drop_documents(&|_, _, _| false, first.0)
    }

    fn drop_documents(&mut self, is_gone: &IsGone<'_>, first: u64) -> Result<(), IndexError> {
        let parts = self.all_parts()?;
        let mut left = Vec::with_capacity(parts.len());
        let mut number = new_number(&parts);
        for part in parts {
            match part.erased(is_gone, first)? {
                None => left.push(part),
                Some(erased) if erased.documents == 0 => {}
                Some(erased) => {
                    let entry = merge(&self.files, number, &[&part], Some(erased))?;
                    left.push(self.open_part(&entry)?);
                    number += 1;
                }
            }
        }
        self.put(left)
    }

    /// Drops everything: it is made again from the log, beginning with record 0.
    pub fn clear(&mut self) -> Result<(), IndexError> {
        self.pending = None;
        self.next = 0;
        self.manifest = Manifest::new(self.identity);
        self.put(Vec::new())?;
        self.shared.damaged.store(false, Ordering::Release);
        Ok(())
    }

    fn open_part(&self, entry: &Entry) -> Result<Arc<Part>, IndexError> {
        Ok(Arc::new(Part::open(&self.files, entry)?))
    }

    /// What was added since the last commit, too, as a part. Its files are durable, their names not.
    fn all_parts(&mut self) -> Result<Vec<Arc<Part>>, IndexError> {
        let mut parts = self.parts.clone();
        if let Some(pending) = self.pending.take() {
            let entry = pending.finish()?;
            parts.push(self.open_part(&entry)?);
        }
        Ok(parts)
    }

    /// Several parts of about one size become one, so that there are never many.
    fn merge_parts(&mut self) -> Result<(), IndexError> {
        let mut size = 0;
        while size < 20 {
            let is_small = |part: &&Arc<Part>| part.entry.documents.max(1).ilog(8) <= size;
            let run = self.parts.iter().rev().take_while(is_small).count();
            let (before, run) = self.parts.split_at(self.parts.len() - run);
            let documents: u64 = run.iter().map(|part| part.entry.documents).sum();
            if run.len() < MERGED_AT || documents > DOCUMENTS_MAX {
                size += 1;
                continue;
            }
            let merged: Vec<&Part> = run.iter().map(AsRef::as_ref).collect();
            let entry = merge(&self.files, new_number(&self.parts), &merged, None)?;
            let mut parts = before.to_vec();
            parts.push(self.open_part(&entry)?);
            self.put(parts)?;
            size = 0;
        }
        Ok(())
    }

    /// These parts are the index from here on.
    fn put(&mut self, parts: Vec<Arc<Part>>) -> Result<(), IndexError> {
        self.files.sync()?;
        let entries = parts.iter().map(|part| part.entry.clone()).collect();
        let manifest = self.manifest.with(self.next, entries);
        manifest.write(&self.files)?;
        (self.manifest, self.parts) = (manifest, parts);
        self.show();
        Ok(self.sweep()?)
    }

    fn show(&self) {
        self.shared.show(View {
            parts: self.parts.clone(),
            next: self.manifest.next,
        });
    }

    /// Removes files that the manifest does not name. What searches still have open, they can read.
    fn sweep(&self) -> Result<(), StorageError> {
        let named = |folder| self.parts.iter().any(|part| part.entry.folder == folder);
        let mut removed = false;
        for name in self.files.names()? {
            let is_left_over = match Folder::of(&name) {
                Some(folder) => !named(folder),
                None => name == unfinished(MANIFEST),
            };
            if is_left_over {
                self.files.remove(&name)?;
                removed = true;
            }
        }
        if removed { self.files.sync() } else { Ok(()) }
    }
}

/// A folder that no part has.
fn new_number(parts: &[Arc<Part>]) -> u64 {
    let numbers = parts.iter().map(|part| part.entry.folder);
    numbers.max().map_or(0, |number| number + 1)
}
