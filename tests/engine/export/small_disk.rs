//! An export leaves room on its disk, which is often the log's own, and goes on once there is more.

use std::io::IoSlice;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use throng::archive::export::{ExportError, MANIFEST};
use throng::engine::Options;
use throng::log::storage::{File, StorageError};
use throng::log::{Memory, Storage};

use crate::export::world::{World, everything, files, job, memory, run};

/// A disk of so many bytes, all of which files may take.
#[derive(Debug)]
struct SmallDisk {
    files: Memory,
    room: AtomicU64,
}

impl SmallDisk {
    fn of(bytes: u64) -> Self {
        Self {
            files: Memory::new(),
            room: AtomicU64::new(bytes),
        }
    }

    fn used(&self) -> u64 {
        let names = self.files.names().unwrap().into_iter();
        names
            .map(|name| self.files.open(&name).unwrap().len().unwrap())
            .sum()
    }
}

impl Storage for SmallDisk {
    fn names(&self) -> Result<Vec<String>, StorageError> {
        self.files.names()
    }
    fn open(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        self.files.open(name)
    }
    fn create(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        self.files.create(name)
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.files.rename(from, to)
    }
    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.files.remove(name)
    }
    fn sync(&self) -> Result<(), StorageError> {
        self.files.sync()
    }
    fn free_bytes(&self) -> Result<Option<u64>, StorageError> {
        let room = self.room.load(Ordering::Relaxed);
        Ok(Some(room.saturating_sub(self.used())))
    }
}

#[test]
fn an_export_leaves_its_margin_free_and_goes_on_once_there_is_room() {
    // More than the state and other small files, which are not counted before they are written.
    const MARGIN: u64 = 8 * 1024;
    let world = World::on(Arc::new(Memory::new()), Options::default());
    world.live();
    let grant = world.granted(everything());
    let reader = world.reader();
    let whole = memory();
    run(&reader, &grant, &*whole).unwrap();
    let whole = files(&*whole);
    let bytes: u64 = whole.values().map(|bytes| bytes.len() as u64).sum();

    let disk = SmallDisk::of(MARGIN);
    let mut stops = 0;
    loop {
        let mut job = job(&reader, &grant, &disk);
        job.settings.disk_margin_bytes = MARGIN;
        let ended = job.run(&mut |_| ControlFlow::Continue(()));
        let room = disk.room.load(Ordering::Relaxed);
        match ended {
            Ok(_) => break,
            Err(ExportError::NoRoom {
                free,
                needed,
                margin,
            }) => {
                assert_eq!(margin, MARGIN);
                assert!(free < margin + needed, "{free} free, {needed} needed");
                assert!(room - disk.used() > MARGIN / 2, "the margin is not used up");
                assert!(!disk.names().unwrap().contains(&format!("it/{MANIFEST}")));
            }
            Err(error) => panic!("{error}"),
        }
        stops += 1;
        assert!(stops < 1_000, "it never ends");
        disk.room.fetch_add(2_000, Ordering::Relaxed);
    }
    assert!(files(&disk) == whole, "stopped {stops} times");
    assert!(stops > 5, "{stops} stops are no test");
    assert!(disk.room.load(Ordering::Relaxed) >= bytes);
}

#[test]
fn a_directory_says_how_much_room_its_disk_has() {
    let place = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let disk = throng::log::Directory::open(place.path()).unwrap();
    let before = disk.free_bytes().unwrap().unwrap();
    let system = rustix::fs::statvfs(place.path()).unwrap();
    let asked_apart = system.f_bavail * system.f_frsize;
    // Others write to it meanwhile.
    assert!(before > 0 && before.abs_diff(asked_apart) < 1 << 30);
    let file = disk.create("some").unwrap();
    file.write_at(&mut [IoSlice::new(b"bytes")], 0).unwrap();

    let world = World::on(Arc::new(Memory::new()), Options::default());
    let grant = world.granted(everything());
    let out = throng::log::Directory::open(&place.path().join("export")).unwrap();
    let reader = world.reader();
    let mut job = job(&reader, &grant, &out);
    job.settings.disk_margin_bytes = u64::MAX;
    let refused = job.run(&mut |_| ControlFlow::Continue(())).unwrap_err();
    let said = refused.to_string();
    assert!(matches!(refused, ExportError::NoRoom { .. }), "{said}");
    assert!(said.contains("free some there"), "{said}");
    job.settings.disk_margin_bytes = 0;
    job.run(&mut |_| ControlFlow::Continue(())).unwrap();
}
