//! What the log stands on: the kind of file system, and how long a sync takes.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tracing::{info, warn};

use super::super::directory::DataDirectory;

/// Enough for a 99th percentile that is not just the worst.
const SYNCS: usize = 50;

/// About one small batch.
const SYNC_BYTES: usize = 4096;

/// Beyond this, publishers wait for the disk more than for anything else.
const SLOW_SYNC: Duration = Duration::from_millis(20);

/// A file system by the kernel's magic number (statfs(2)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FileSystem {
    magic: u64,
}

/// The file system that the log is on, or will be.
pub(super) fn file_system(data: &DataDirectory) -> anyhow::Result<FileSystem> {
    let log = data.log();
    let path = if log.exists() { &log } else { data.root() };
    file_system_of(path)
}

fn file_system_of(path: &Path) -> anyhow::Result<FileSystem> {
    let stat = rustix::fs::statfs(path)
        .with_context(|| format!("cannot tell the file system of {}", path.display()))?;
    // Some systems' magic numbers are signed and 32 bit.
    Ok(FileSystem {
        magic: (stat.f_type as u64) & 0xffff_ffff,
    })
}

impl FileSystem {
    /// As `mount` calls it.
    fn name(self) -> &'static str {
        match self.magic {
            0xef53 => "ext4",
            0x5846_5342 => "xfs",
            0x9123_683e => "btrfs",
            0x2fc1_2fc1 => "zfs",
            0xf2f5_2010 => "f2fs",
            0x0102_1994 => "tmpfs",
            0x8584_58f6 => "ramfs",
            0x794c_7630 => "overlay",
            0x6969 => "nfs",
            0xff53_4d42 | 0xfe53_4d42 => "cifs",
            0x6573_5546 => "fuse",
            0x0102_1997 => "9p",
            _ => "unknown",
        }
    }

    fn is_memory(self) -> bool {
        matches!(self.name(), "tmpfs" | "ramfs")
    }

    /// Locks and syncs go over a network, or to somebody else's program.
    fn is_remote(self) -> bool {
        matches!(self.name(), "nfs" | "cifs" | "fuse" | "9p")
    }

    /// An archive in memory is a promise that the next power cut breaks (SPEC A2).
    pub(super) fn refuse_memory(self, path: &Path, allowed: bool) -> anyhow::Result<()> {
        if self.is_memory() && !allowed {
            bail!(
                "{} is on {}, where nothing survives the machine; choose a directory on a disk, or \
                 say --allow-tmpfs for a test",
                path.display(),
                self.name()
            );
        }
        if self.is_remote() {
            warn!(
                file_system = self.name(),
                "whether a sync reaches a disk is up to another machine or program"
            );
        }
        Ok(())
    }
}

/// Measures how long a sync takes in `directory`, and says so.
pub(super) fn measure(directory: &Path, file_system: FileSystem) {
    match sync_times(directory) {
        Ok(times) => {
            let (p50, p99) = (quantile(&times, 50), quantile(&times, 99));
            info!(
                file_system = file_system.name(),
                fdatasync_p50_us = p50.as_micros(),
                fdatasync_p99_us = p99.as_micros(),
                "the disk under the log"
            );
            if p50 > SLOW_SYNC {
                warn!("this disk syncs slowly: every acknowledgement waits for one sync");
            }
        }
        Err(error) => warn!(%error, "the disk's sync time could not be measured"),
    }
}

/// Sorted, of one small write each.
fn sync_times(directory: &Path) -> io::Result<Vec<Duration>> {
    let path = directory.join(format!(".sync-times-{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    // The name goes at once, so that not even a kill leaves it behind.
    std::fs::remove_file(&path)?;
    let block = [0x5a; SYNC_BYTES];
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let before = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(before.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

/// The least value that `percent` of them do not exceed.
fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted[rank.clamp(1, sorted.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_refused_unless_it_is_allowed_and_disks_never_are() {
        let on = |magic| FileSystem { magic };
        let path = Path::new("/dev/shm/throng");
        for memory in [on(0x0102_1994), on(0x8584_58f6)] {
            let refused = memory.refuse_memory(path, false).unwrap_err().to_string();
            assert!(refused.contains("--allow-tmpfs"), "{refused}");
            assert!(memory.refuse_memory(path, true).is_ok());
        }
        for disk in [on(0xef53), on(0x5846_5342), on(0x1234)] {
            assert!(disk.refuse_memory(path, false).is_ok());
        }
    }

    #[test]
    fn the_file_system_of_shared_memory_is_told() {
        if !cfg!(target_os = "linux") {
            return;
        }
        let shared_memory = file_system_of(Path::new("/dev/shm")).unwrap();
        assert_eq!(shared_memory.name(), "tmpfs");
    }

    #[test]
    fn sync_times_are_measured_and_leave_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let times = sync_times(directory.path()).unwrap();
        assert_eq!(times.len(), SYNCS);
        assert!(times.is_sorted());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let times: Vec<_> = (1..=50).map(Duration::from_micros).collect();
        assert_eq!(quantile(&times, 50), Duration::from_micros(25));
        assert_eq!(quantile(&times, 99), Duration::from_micros(50));
        assert_eq!(quantile(&times[..1], 50), Duration::from_micros(1));
    }
}
