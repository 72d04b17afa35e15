//! The log's knobs.

use super::Encryption;
use super::format::{FOOTER_LEN, FRAME_LEN_MAX, SEGMENT_HEADER_LEN};

/// How a log lays out its files and what it may keep in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Bytes of a segment file, preallocated.
    ///
    /// Default 128 MiB. Range 4 × `record_bytes_max` to 1 GiB. Costs three times this much disk from
    /// the start: the open segment, the next one, and the one kept for essential records.
    pub segment_bytes: u64,
    /// The longest record, as [`super::entry_len`] counts it.
    ///
    /// Default 4 MiB. Range 512 bytes to 16 MiB. A segment may end this much before its file does.
    pub record_bytes_max: u32,
    /// Memory for the indexes of sealed segments.
    ///
    /// Default 64 MiB, no limits. An index takes about 1 % of its segment; one that is not in memory
    /// is rebuilt when it is needed, by reading its segment.
    pub index_bytes_max: usize,
    /// The first record whose segment is checked in full at open; a snapshot's position where there
    /// is one. The last two segments always are, and every record is whenever it is read.
    ///
    /// Default 0: everything.
    pub check_from: u64,
    /// Threads that check segments at open.
    ///
    /// Default 2. Range 1 to 64. Each takes about 2 MiB while it runs.
    pub check_threads: usize,
    /// Encryption at rest (SPEC A4).
    ///
    /// Default none. A log that has keys is only opened with its master key; one begun without may go
    /// on with. Costs one more sync for the first record of a group on a day, and 128 bytes of disk
    /// for each group and day.
    pub encryption: Option<Encryption>,
    /// Entries of destroyed keys, and of the erasures that did it, from which on an idle log writes the keyring
    /// anew without them, once they are more than half of it.
    ///
    /// Default 4,096, no limits. Fewer cost up to 128 bytes of disk each, and as much to read at open.
    pub dead_keys_min: u32,
    /// Entries that are written anew each time that the log is idle.
    ///
    /// Default 8,192. Range 1 to 8,192. The log does nothing else meanwhile: 8,192 are a MiB to read, to write
    /// and to sync.
    pub keyring_slice: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_bytes: 128 * 1024 * 1024,
            record_bytes_max: 4 * 1024 * 1024,
            index_bytes_max: 64 * 1024 * 1024,
            check_from: 0,
            check_threads: 2,
            encryption: None,
            dead_keys_min: 4_096,
            keyring_slice: 8_192,
        }
    }
}

/// A knob out of its range.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{knob} is {found}: it must be from {min} to {max}")]
pub struct ConfigError {
    /// Which.
    pub knob: &'static str,
    /// Its value.
    pub found: u64,
    /// The least it may be.
    pub min: u64,
    /// The most it may be.
    pub max: u64,
}

impl Config {
    /// Segments of this many bytes, and records of up to a quarter of that or the default.
    #[must_use]
    pub fn with_segment_bytes(self, segment_bytes: u64) -> Self {
        let quarter = u32::try_from(segment_bytes / 4).unwrap_or(u32::MAX);
        Self {
            segment_bytes,
            record_bytes_max: self.record_bytes_max.min(quarter),
            ..self
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let within = |knob, found, min, max| {
            if (min..=max).contains(&found) {
                Ok(())
            } else {
                Err(ConfigError {
                    knob,
                    found,
                    min,
                    max,
                })
            }
        };
        let record = u64::from(self.record_bytes_max);
        within("record_bytes_max", record, 512, FRAME_LEN_MAX.into())?;
        within("segment_bytes", self.segment_bytes, 4 * record, 1 << 30)?;
        within("keyring_slice", self.keyring_slice.into(), 1, 8_192)?;
        within("check_threads", self.check_threads as u64, 1, 64)
    }
}

// The smallest segment holds a header, a footer and the longest record.
const _: () = assert!(SEGMENT_HEADER_LEN + FOOTER_LEN + 512 + 64 < 4 * 512);
