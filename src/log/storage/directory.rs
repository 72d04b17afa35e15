//! A directory of a filesystem, held by one process through a lock that dies with it.
//!
//! Fault points, for tests built with the `failpoints` feature: `log::write`, `log::sync`,
//! `log::allocate` and `log::sync_names` fail as `eio` or `enospc`; with `log::write_short` each call
//! writes half of what it was asked to.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IoSlice};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FallocateFlags, FlockOperation};

use super::{File, Operation, Storage, StorageError};

/// The file whose lock says that the directory is in use. Its content means nothing.
const LOCK: &str = "lock";
/// Zeros written at a time where a filesystem cannot preallocate.
const ZEROS_LEN: usize = 256 * 1024;
/// Slices per `pwritev`, below every system's IOV_MAX.
const SLICES_MAX: usize = 512;
/// So many new files are made durable by one sync of the whole file system.
#[cfg(target_os = "linux")]
const SYNC_WHOLE_FROM: usize = 16;

/// A directory whose files are a log's.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    directory: fs::File,
    /// Folders below it whose names have changed since the last sync.
    changed: Mutex<BTreeSet<PathBuf>>,
    /// Held for the life of this value; the kernel drops it with the process.
    _lock: fs::File,
}

impl Directory {
    /// Opens `path` for this process alone, creating it where there is none.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        fs::create_dir_all(path)
            .map_err(|source| StorageError::new(Operation::Create, &text(path), source))?;
        Self::open_existing(path)
    }

    /// Opens `path` for this process alone; there must be a directory.
    pub fn open_existing(path: &Path) -> Result<Self, StorageError> {
        let open_error = |source| StorageError::new(Operation::Open, &text(path), source);
        let directory = fs::File::open(path).map_err(open_error)?;
        let lock = open_options()
            .create(true)
            .truncate(false)
            .open(path.join(LOCK))
            .map_err(open_error)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                directory,
                changed: Mutex::default(),
                _lock: lock,
            }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StorageError::InUse {
                path: path.to_owned(),
            }),
            Err(errno) => Err(StorageError::new(
                Operation::Lock,
                &text(path),
                errno.into(),
            )),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Notes that names in the folder of `name` change, for the next sync.
    fn changes(&self, name: &str) {
        if let Some(folder) = folder(name) {
            let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
            changed.insert(folder.to_owned());
        }
    }

    /// Makes the folders of `name` that are missing.
    /// Does what makes the file `name`, whose folder is nearly always there: nobody looks first.
    fn in_folder<T>(&self, name: &str, make: impl Fn() -> io::Result<T>) -> io::Result<T> {
        match make() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_folders(name)?;
                make()
            }
            made => made,
        }
    }

    fn make_folders(&self, name: &str) -> io::Result<()> {
        let Some(wanted) = folder(name).filter(|folder| !self.path.join(folder).is_dir()) else {
            return Ok(());
        };
        let ancestors = wanted.ancestors().filter(|it| *it != Path::new(""));
        for folder in ancestors.collect::<Vec<_>>().into_iter().rev() {
            match fs::DirBuilder::new()
                .mode(0o700)
                .create(self.path.join(folder))
            {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => self.changes(&folder.to_string_lossy()),
            }
        }
        Ok(())
    }

    fn sync_folders(&self) -> io::Result<()> {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        for folder in &*changed {
            match fs::File::open(self.path.join(folder)) {
                Ok(folder) => folder.sync_all()?,
                // It went with its last name, which is a change of the folder above.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        changed.clear();
        Ok(())
    }

    /// Adds the names of `folder`, whose path ends in a slash or is empty, and of those below it.
    fn list(&self, folder: &str, names: &mut Vec<String>) -> io::Result<()> {
        for entry in fs::read_dir(self.path.join(folder))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let (kind, name) = (entry.file_type()?, format!("{folder}{name}"));
            if kind.is_dir() {
                match self.list(&format!("{name}/"), names) {
                    // Not made by us: a volume's `lost+found`, say.
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                    listed => listed?,
                }
            } else if kind.is_file() && name != LOCK {
                names.push(name);
            }
        }
        Ok(())
    }

    fn error(&self, operation: Operation, name: &str) -> impl FnOnce(io::Error) -> StorageError {
        let file = text(&self.path.join(name));
        move |source| StorageError::new(operation, &file, source)
    }

    fn file(&self, name: &str, file: fs::File) -> Arc<dyn File> {
        Arc::new(DirectoryFile {
            path: text(&self.path.join(name)),
            file,
        })
    }
}

/// The folder that a name is in; `None` for the directory itself.
fn folder(name: &str) -> Option<&Path> {
    let folder = Path::new(name).parent()?;
    (folder != Path::new("")).then_some(folder)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Read and write, for the owner only: a log holds everybody's words.
fn open_options() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

impl Storage for Directory {
    fn names(&self) -> Result<Vec<String>, StorageError> {
        let mut names = Vec::new();
        let listed = self.list("", &mut names);
        listed.map_err(self.error(Operation::List, ""))?;
        Ok(names)
    }

    fn names_in(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        let mut names = Vec::new();
        match self.list(folder, &mut names) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            listed => listed.map_err(self.error(Operation::List, folder))?,
        }
        Ok(names)
    }

    fn open(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        let file = open_options().open(self.path.join(name));
        Ok(self.file(name, file.map_err(self.error(Operation::Open, name))?))
    }

    fn create(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        self.changes(name);
        let path = self.path.join(name);
        let file = self.in_folder(name, || {
            let mut options = open_options();
            options.create(true).truncate(true).open(&path)
        });
        Ok(self.file(name, file.map_err(self.error(Operation::Create, name))?))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.changes(from);
        self.changes(to);
        let (source, target) = (self.path.join(from), self.path.join(to));
        self.in_folder(to, || fs::rename(&source, &target))
            .map_err(self.error(Operation::Rename, from))
    }

    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.changes(name);
        fs::remove_file(self.path.join(name)).map_err(self.error(Operation::Remove, name))?;
        if let Some(folder) = folder(name)
            && fs::remove_dir(self.path.join(folder)).is_ok()
        {
            self.changes(&folder.to_string_lossy());
        }
        Ok(())
    }

    fn sync_files(&self, files: &[Arc<dyn File>]) -> Result<(), StorageError> {
        // Each new file is a commit of the file system's journal, for which the log's own syncs wait:
        // of many files the whole file system is synced at once. It says what failed since Linux 5.8.
        #[cfg(target_os = "linux")]
        if files.len() >= SYNC_WHOLE_FROM {
            let synced =
                injected("log::sync").and_then(|()| Ok(rustix::fs::syncfs(&self.directory)?));
            return synced.map_err(self.error(Operation::Sync, ""));
        }
        files.iter().try_for_each(|file| file.sync())
    }

    fn sync(&self) -> Result<(), StorageError> {
        injected("log::sync_names")
            .and_then(|()| self.sync_folders())
            .and_then(|()| self.directory.sync_all())
            .map_err(self.error(Operation::Sync, ""))
    }

    fn free_bytes(&self) -> Result<Option<u64>, StorageError> {
        let system = rustix::fs::fstatvfs(&self.directory).map_err(io::Error::from);
        let system = system.map_err(self.error(Operation::Measure, ""))?;
        // A file system that does not count its blocks says that it has none.
        Ok((system.f_blocks > 0).then(|| system.f_bavail.saturating_mul(system.f_frsize)))
    }
}

#[derive(Debug)]
struct DirectoryFile {
    path: String,
    file: fs::File,
}

impl DirectoryFile {
    fn error(&self, operation: Operation) -> impl FnOnce(io::Error) -> StorageError {
        move |source| StorageError::new(operation, &self.path, source)
    }

    /// For filesystems without `fallocate`: blocks are reserved by writing them.
    fn write_zeros(&self, len: u64) -> io::Result<()> {
        let zeros = vec![0; ZEROS_LEN];
        let mut at = self.file.metadata()?.len();
        while at < len {
            let step = (len - at).min(ZEROS_LEN as u64);
            self.file.write_all_at(&zeros[..step as usize], at)?;
            at += step;
        }
        Ok(())
    }
}

impl File for DirectoryFile {
    fn len(&self) -> Result<u64, StorageError> {
        let metadata = self.file.metadata().map_err(self.error(Operation::Open))?;
        Ok(metadata.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, StorageError> {
        let mut done = 0;
        while done < buffer.len() {
            match self.file.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(Operation::Read)(error)),
            }
        }
        Ok(done)
    }

    fn write_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> Result<(), StorageError> {
        let (mut slices, mut offset) = (slices, offset);
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            injected("log::write").map_err(self.error(Operation::Write))?;
            let some = &slices[..slices.len().min(SLICES_MAX)];
            match pwritev(&self.file, some, offset) {
                Ok(0) => {
                    return Err(self.error(Operation::Write)(
                        io::ErrorKind::WriteZero.into(),
                    ));
                }
                Ok(written) => {
                    offset += written as u64;
                    IoSlice::advance_slices(&mut slices, written);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(Operation::Write)(error)),
            }
        }
        Ok(())
    }

    fn allocate(&self, len: u64) -> Result<(), StorageError> {
        let reserve = || match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len) {
            Err(rustix::io::Errno::OPNOTSUPP) => self.write_zeros(len),
            result => Ok(result?),
        };
        let before = self.len()?;
        let result = injected("log::allocate").and_then(|()| reserve());
        if result.is_err() && before == 0 {
            // Blocks reserved in vain would only make the disk fuller.
            self.file
                .set_len(0)
                .map_err(self.error(Operation::Allocate))?;
        }
        result.map_err(self.error(Operation::Allocate))
    }

    fn sync(&self) -> Result<(), StorageError> {
        injected("log::sync")
            .and_then(|()| self.file.sync_data())
            .map_err(self.error(Operation::Sync))
    }

    #[cfg(target_os = "linux")]
    fn forget_cached(&self) {
        use rustix::fs::Advice;
        // Only a hint: where it is not taken, nothing else depends on it.
        let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
    }
}

fn pwritev(file: &fs::File, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
    fail::fail_point!("log::write_short", |_| {
        let first = slices.iter().find(|slice| !slice.is_empty());
        let first: &[u8] = first.map_or(&[], |slice| slice);
        file.write_at(&first[..first.len().div_ceil(2)], offset)
    });
    Ok(rustix::io::pwritev(file, slices, offset)?)
}

/// Fails as the fault point `name` is set to; always succeeds where fault points are compiled out.
fn injected(name: &str) -> io::Result<()> {
    let _ = name;
    fail::fail_point!(name, |kind| {
        Err(io::Error::from(if kind.as_deref() == Some("enospc") {
            rustix::io::Errno::NOSPC
        } else {
            rustix::io::Errno::IO
        }))
    });
    Ok(())
}
