//! The files of one part, as tantivy wants a directory: sealed as the log is.
//!
//! Its two small files of names are not kept: what is needed of them is in the manifest.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tantivy::HasLen;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, Lock, OwnedBytes, TerminatingWrite,
    WatchCallback, WatchHandle, WritePtr,
};

use super::error::IndexError;
use crate::log::{Chunked, ChunkedError, ChunkedFile, ChunkedWriter, StorageError};

/// What tantivy calls the file that says which segments there are.
pub(super) const META: &str = "meta.json";

/// One part's folder.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    files: Chunked,
    number: u64,
    small: Arc<Mutex<HashMap<PathBuf, Vec<u8>>>>,
    /// Why the disk did not write: the library tells some of it as text.
    trouble: Arc<Mutex<Option<ChunkedError>>>,
}

impl Folder {
    /// Folder `number`; `meta` where it was written before.
    pub(super) fn new(files: &Chunked, number: u64, meta: Option<&str>) -> Self {
        let meta = meta.map(|meta| (PathBuf::from(META), meta.as_bytes().to_vec()));
        Self {
            files: files.clone(),
            number,
            small: Arc::new(Mutex::new(meta.into_iter().collect())),
            trouble: Arc::default(),
        }
    }

    /// What to say of an error of the library: the disk's own, where that came first.
    pub(super) fn blame(&self, error: IndexError) -> IndexError {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.take().map_or(error, IndexError::File)
    }

    /// What tantivy wrote of its segments.
    pub(super) fn meta(&self) -> Option<String> {
        let meta = self.small().get(Path::new(META)).cloned()?;
        String::from_utf8(meta).ok()
    }

    /// The number of the folder that a file is in; `None` where the name is none of ours.
    pub(super) fn of(name: &str) -> Option<u64> {
        let (folder, _) = name.split_once('/')?;
        let is_ours = folder.len() == 20 && folder.bytes().all(|byte| byte.is_ascii_digit());
        folder.parse().ok().filter(|_| is_ours)
    }

    fn name(&self, path: &Path) -> String {
        format!("{:020}/{}", self.number, path.display())
    }

    fn small(&self) -> MutexGuard<'_, HashMap<PathBuf, Vec<u8>>> {
        self.small.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps why a file could not be written.
fn note(trouble: &Mutex<Option<ChunkedError>>, error: StorageError) -> io::Error {
    let why = error.to_string();
    let mut trouble = trouble.lock().unwrap_or_else(PoisonError::into_inner);
    *trouble = Some(error.into());
    io::Error::other(why)
}

fn io_error(error: impl Into<ChunkedError>) -> io::Error {
    io::Error::other(error.into())
}

impl Directory for Folder {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        match self.files.open(&self.name(path)) {
            Ok(file) => Ok(Arc::new(Handle(file))),
            Err(ChunkedError::Storage(error)) if error.is_not_found() => {
                Err(OpenReadError::FileDoesNotExist(path.to_owned()))
            }
            Err(error) => Err(OpenReadError::wrap_io_error(
                io_error(error),
                path.to_owned(),
            )),
        }
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        if self.small().remove(path).is_some() {
            return Ok(());
        }
        let removed = self.files.remove(&self.name(path));
        removed.map_err(|error| DeleteError::IoError {
            io_error: Arc::new(io_error(error)),
            filepath: path.to_owned(),
        })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        if self.small().contains_key(path) {
            return Ok(true);
        }
        match self.get_file_handle(path) {
            Ok(_) => Ok(true),
            Err(OpenReadError::FileDoesNotExist(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let trouble = Arc::clone(&self.trouble);
        match self.files.create(&self.name(path)) {
            Ok(writer) => Ok(BufWriter::new(Box::new(Writer { writer, trouble }))),
            Err(error) => {
                let error = note(&trouble, error);
                Err(OpenWriteError::wrap_io_error(error, path.to_owned()))
            }
        }
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let found = self.small().get(path).cloned();
        found.ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))
    }

    fn atomic_write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.small().insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }

    /// Names are made durable once, before the manifest names the folder.
    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    /// The storage is locked by whoever opened it.
    fn acquire_lock(&self, _: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

#[derive(Debug)]
struct Handle(ChunkedFile);

impl HasLen for Handle {
    fn len(&self) -> usize {
        self.0.len() as usize
    }
}

impl FileHandle for Handle {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        let bytes = self.0.read(range.start as u64..range.end as u64);
        Ok(OwnedBytes::new(bytes.map_err(io_error)?))
    }
}

struct Writer {
    writer: ChunkedWriter,
    trouble: Arc<Mutex<Option<ChunkedError>>>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes);
        written.map_err(|error| note(&self.trouble, error))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TerminatingWrite for Writer {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        let finished = self.writer.finish();
        finished.map_err(|error| note(&self.trouble, error))
    }
}
