//! Tiles: where they are and what is in them (c2sp.org/tlog-tiles).
//!
//! A path is only ever made from a [`Tile`] and only read into one, so that no path that came from
//! outside reaches a file system (invariant 8).

use std::fmt;
use std::str::FromStr;

use super::{Hash, decimal};

/// Hashes of a full tile, entries of a full bundle.
pub const TILE_WIDTH: u64 = 256;
/// Bytes of one entry in a bundle: its length, 32, as a big-endian u16, and the commitment.
pub const ENTRY_LEN: usize = 34;
/// The highest level there can be.
const LEVEL_MAX: u8 = 63;

/// What a tile holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// Hashes of this level: leaves at 0, above it the roots of full tiles of the level below.
    Hashes(u8),
    /// The entries whose leaves are in the tile of level 0 of the same number.
    Entries,
}

/// One tile, full or partial.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tile {
    part: Part,
    number: u64,
    /// 1 to 256.
    width: u16,
}

impl Tile {
    /// A full tile of hashes.
    #[must_use]
    pub fn full(level: u8, number: u64) -> Self {
        Self {
            part: Part::Hashes(level),
            number,
            width: TILE_WIDTH as u16,
        }
    }

    /// Tile `number` of a part in a tree of `size` leaves; `None` where that tree has none.
    #[must_use]
    pub fn in_tree(part: Part, number: u64, size: u64) -> Option<Self> {
        let level = match part {
            Part::Hashes(level) => level,
            Part::Entries => 0,
        };
        let nodes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let before = number.checked_mul(TILE_WIDTH)?;
        let width = nodes.checked_sub(before)?.min(TILE_WIDTH) as u16;
        (width > 0).then_some(Self {
            part,
            number,
            width,
        })
    }

    /// Whether a tree of `size` leaves has all that is in it.
    #[must_use]
    pub fn is_of(&self, size: u64) -> bool {
        let had = Self::in_tree(self.part, self.number, size);
        had.is_some_and(|had| self.width <= had.width)
    }

    /// What it holds.
    #[must_use]
    pub fn part(&self) -> Part {
        self.part
    }

    /// Its number among those of its part.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many hashes or entries it holds, 1 to 256.
    #[must_use]
    pub fn width(&self) -> u64 {
        self.width.into()
    }

    /// Whether it will never change.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.width() == TILE_WIDTH
    }

    /// Bytes of it.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        usize::from(self.width)
            * match self.part {
                Part::Hashes(_) => size_of::<Hash>(),
                Part::Entries => ENTRY_LEN,
            }
    }

    /// The folder in which the partial tiles of this number are, with its final slash.
    #[must_use]
    pub fn partial_folder(&self) -> String {
        let full = Self {
            width: TILE_WIDTH as u16,
            ..*self
        };
        format!("{full}.p/")
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Part::Hashes(level) => write!(f, "tile/{level}/")?,
            Part::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = [0; 7];
        let (mut rest, mut count) = (self.number, 0);
        while rest > 0 || count == 0 {
            groups[count] = rest % 1000;
            (rest, count) = (rest / 1000, count + 1);
        }
        for group in groups[1..count].iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if self.is_full() {
            Ok(())
        } else {
            write!(f, ".p/{}", self.width)
        }
    }
}

/// Why a path is no tile's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "not the path of a tile: tile/<level>/<number>[.p/<width>] or tile/entries/<number>[.p/<width>]"
)]
pub struct NotATile;

impl FromStr for Tile {
    type Err = NotATile;

    /// Reads a path; only the one way in which it is written is taken.
    fn from_str(path: &str) -> Result<Self, NotATile> {
        let tile = read(path).ok_or(NotATile)?;
        if tile.to_string() == path {
            Ok(tile)
        } else {
            Err(NotATile)
        }
    }
}

fn read(path: &str) -> Option<Tile> {
    let (part, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let part = match part {
        "entries" => Part::Entries,
        level => {
            let level = u8::try_from(decimal(level)?).ok()?;
            (level <= LEVEL_MAX).then_some(Part::Hashes(level))?
        }
    };
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => (number, decimal(width)?),
        None => (rest, TILE_WIDTH),
    };
    let width = u16::try_from(width).ok()?;
    (1..=TILE_WIDTH as u16).contains(&width).then_some(())?;
    let mut value = 0_u64;
    for group in number.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let plain = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let group = if plain {
            digits.parse::<u64>().ok()?
        } else {
            return None;
        };
        value = value.checked_mul(1000)?.checked_add(group)?;
    }
    Some(Tile {
        part,
        number: value,
        width,
    })
}

/// The tiles that a tree of `size` leaves has and one of `before` leaves had not, or had narrower:
/// entries first, then level by level.
pub fn tiles_of(before: u64, size: u64) -> impl Iterator<Item = Tile> {
    let parts = (0..=7).map(Part::Hashes);
    [Part::Entries]
        .into_iter()
        .chain(parts)
        .flat_map(move |part| {
            let shift = match part {
                Part::Hashes(level) => 8 * u32::from(level),
                Part::Entries => 0,
            };
            let (had, has) = (before >> shift, size >> shift);
            let numbers = had / TILE_WIDTH..has.div_ceil(TILE_WIDTH);
            let numbers = if had == has { 0..0 } else { numbers };
            numbers.filter_map(move |number| Tile::in_tree(part, number, size))
        })
}

/// The bundle of these commitments, at most 256.
#[must_use]
pub fn encode_entries(commitments: &[Hash]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(commitments.len() * ENTRY_LEN);
    for commitment in commitments {
        bytes.extend_from_slice(&(commitment.len() as u16).to_be_bytes());
        bytes.extend_from_slice(commitment);
    }
    bytes
}

/// The commitments of a bundle; `None` where it is anything else than entries of 32 bytes.
#[must_use]
pub fn decode_entries(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (entries, rest) = bytes.as_chunks::<ENTRY_LEN>();
    let commitment = |entry: &[u8; ENTRY_LEN]| {
        let (len, commitment) = entry.split_at(2);
        if len == [0, 32] {
            commitment.try_into().ok()
        } else {
            None
        }
    };
    rest.is_empty()
        .then(|| entries.iter().map(commitment).collect())?
}
