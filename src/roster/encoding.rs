//! Which encoding a file is in, decided over the whole file before any row of it is used.
//!
//! A prefix is not enough: the first Chinese name may come in the fiftieth megabyte. So the file is
//! read twice, both times in pieces of 64 KiB: once to decide, once to decode. A file in no known
//! encoding is refused whole, with the offset, and no row of it has been sent (SPEC D6).

use std::io::{self, Read, Seek, SeekFrom};

use encoding_rs::{Decoder, DecoderResult, GB18030, UTF_8};
use serde::{Deserialize, Serialize};

use super::error::FileError;

/// Bytes read at a time.
const PIECE: usize = 64 * 1024;
/// A piece decoded: GB18030 grows by half, and what was left of a character comes on top.
const DECODED: usize = PIECE * 3 + 16;

const BOM_UTF_8: &[u8] = b"\xef\xbb\xbf";
const BOM_GB18030: &[u8] = b"\x84\x31\x95\x33";

/// How the text of a file is written in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8.
    #[default]
    Utf8,
    /// UTF-8 after a byte order mark, by which Excel knows it.
    Utf8Bom,
    /// GBK, read as its superset GB18030; what Excel of Chinese Windows saves.
    Gbk,
}

/// What the first reading found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) encoding: Encoding,
    /// Bytes of the byte order mark.
    pub(super) skip: u64,
    /// Bytes of the file.
    pub(super) bytes: u64,
}

/// Reads the whole file and says which encoding it is in: UTF-8 if it is that all through, else GBK
/// if it is that all through, else none.
pub(super) fn detect(reader: &mut impl Read, bytes_max: u64) -> Result<Found, FileError> {
    let mut piece = vec![0; PIECE];
    let mut utf_8 = Validator::new(UTF_8.new_decoder_without_bom_handling());
    let mut gb18030 = Validator::new(GB18030.new_decoder_without_bom_handling());
    let mut pairs = Pairs::default();
    let mut bytes = 0;
    let mut skip = None;
    loop {
        let read = fill(reader, &mut piece)?;
        let read_bytes = &piece[..read];
        if bytes == 0 {
            skip = byte_order_mark(read_bytes)?;
        }
        if let Some(at) = read_bytes.iter().position(|byte| *byte == 0) {
            let offset = bytes + at as u64;
            return Err(FileError::Binary { offset });
        }
        bytes += read as u64;
        if bytes > bytes_max {
            return Err(FileError::TooLarge { bytes_max });
        }
        let last = read < PIECE;
        utf_8.read(read_bytes, last);
        gb18030.read(read_bytes, last);
        pairs.read(read_bytes);
        if last {
            break;
        }
    }
    let (encoding, skip) = match (skip, utf_8.bad, gb18030.bad) {
        (Some((Encoding::Utf8Bom, skip)), None, _) => (Encoding::Utf8Bom, skip),
        (Some((Encoding::Gbk, skip)), _, None) => (Encoding::Gbk, skip),
        (None, None, _) => (Encoding::Utf8, 0),
        (None, Some(_), None) if pairs.are_chinese() => (Encoding::Gbk, 0),
        (Some((Encoding::Gbk, _)), _, Some(offset)) => {
            return Err(FileError::Undecodable { offset });
        }
        (_, Some(offset), _) => return Err(FileError::Undecodable { offset }),
        (Some(_), None, _) => (Encoding::Utf8, 0),
    };
    Ok(Found {
        encoding,
        skip,
        bytes,
    })
}

/// The encoding that the first bytes announce, if they do; refuses by name what they show not to be CSV.
fn byte_order_mark(start: &[u8]) -> Result<Option<(Encoding, u64)>, FileError> {
    let wrong = |found| Err(FileError::NotCsv { found });
    match start {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => wrong("UTF-16 text"),
        [b'P', b'K', 3, 4, ..] => wrong("an Excel workbook (.xlsx)"),
        [0xd0, 0xcf, 0x11, 0xe0, ..] => wrong("an old Excel workbook (.xls)"),
        _ if start.starts_with(BOM_UTF_8) => Ok(Some((Encoding::Utf8Bom, BOM_UTF_8.len() as u64))),
        _ if start.starts_with(BOM_GB18030) => Ok(Some((Encoding::Gbk, BOM_GB18030.len() as u64))),
        _ => Ok(None),
    }
}

/// Fills `piece` as far as the reader goes: less than full means the end.
fn fill(reader: &mut impl Read, piece: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        match reader.read(&mut piece[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Whether bytes are text of one encoding, and if not, from which offset on.
struct Validator {
    decoder: Decoder,
    scratch: Vec<u8>,
    seen: u64,
    bad: Option<u64>,
}

impl Validator {
    fn new(decoder: Decoder) -> Self {
        Self {
            decoder,
            scratch: vec![0; DECODED],
            seen: 0,
            bad: None,
        }
    }

    fn read(&mut self, piece: &[u8], last: bool) {
        let mut rest = piece;
        while self.bad.is_none() {
            let (result, read, _) =
                self.decoder
                    .decode_to_utf8_without_replacement(rest, &mut self.scratch, last);
            self.seen += read as u64;
            rest = &rest[read..];
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(bad, after) => {
                    let behind = u64::from(bad) + u64::from(after);
                    self.bad = Some(self.seen.saturating_sub(behind));
                }
            }
        }
    }
}

/// Tells Chinese in GBK from Latin letters with accents, which are often valid GBK by accident.
///
/// Nearly all written Chinese is in GB 2312, whose pairs have both bytes at 0xA1 or above; an
/// accented letter is followed by a plain one. Names such as 镕 or 喆 are outside GB 2312, so half
/// is enough.
#[derive(Default)]
struct Pairs {
    lead: Option<u8>,
    inside: u64,
    outside: u64,
}

impl Pairs {
    fn read(&mut self, piece: &[u8]) {
        for byte in piece {
            match self.lead.take() {
                Some(lead) if (0xa1..=0xf7).contains(&lead) && *byte >= 0xa1 => self.inside += 1,
                Some(_) => self.outside += 1,
                None => self.lead = Some(*byte).filter(|byte| *byte >= 0x80),
            }
        }
    }

    fn are_chinese(&self) -> bool {
        self.inside >= self.outside
    }
}

/// A file's text as UTF-8, without its byte order mark; decodes as it is read.
pub(super) struct Text<R> {
    reader: R,
    decoder: Decoder,
    piece: Vec<u8>,
    bytes_read: u64,
    ended: bool,
    decoded: Vec<u8>,
    start: usize,
    end: usize,
}

impl<R: Read + Seek> Text<R> {
    /// From the start of the file that `detect` has read.
    pub(super) fn new(mut reader: R, start: u64, found: Found) -> io::Result<Self> {
        reader.seek(SeekFrom::Start(start + found.skip))?;
        let encoding = match found.encoding {
            Encoding::Utf8 | Encoding::Utf8Bom => UTF_8,
            Encoding::Gbk => GB18030,
        };
        Ok(Self {
            reader,
            decoder: encoding.new_decoder_without_bom_handling(),
            piece: vec![0; PIECE],
            bytes_read: found.skip,
            ended: false,
            decoded: vec![0; DECODED],
            start: 0,
            end: 0,
        })
    }
}

impl<R: Read> Text<R> {
    /// What is decoded and not yet consumed; decodes on when that is nothing. Empty at the end.
    pub(super) fn ahead(&mut self) -> io::Result<&[u8]> {
        while self.start == self.end && !self.ended {
            let read = fill(&mut self.reader, &mut self.piece)?;
            self.bytes_read += read as u64;
            self.ended = read < PIECE;
            let (result, _, written) = self.decoder.decode_to_utf8_without_replacement(
                &self.piece[..read],
                &mut self.decoded,
                self.ended,
            );
            if result != DecoderResult::InputEmpty {
                let changed = "the file changed while it was being read";
                return Err(io::Error::new(io::ErrorKind::InvalidData, changed));
            }
            self.start = 0;
            self.end = written;
        }
        Ok(&self.decoded[self.start..self.end])
    }

    /// Bytes of the file read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Moves past `count` bytes of what is ahead.
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    const PLENTY: u64 = 1 << 30;

    fn encoding_of(bytes: &[u8]) -> Result<Encoding, FileError> {
        detect(&mut Cursor::new(bytes), PLENTY).map(|found| found.encoding)
    }

    fn text(bytes: &[u8]) -> String {
        let found = detect(&mut Cursor::new(bytes), PLENTY).unwrap();
        let mut text = Text::new(Cursor::new(bytes), 0, found).unwrap();
        let mut whole = Vec::new();
        loop {
            let ahead = text.ahead().unwrap().to_vec();
            if ahead.is_empty() {
                return String::from_utf8(whole).unwrap();
            }
            text.consume(ahead.len());
            whole.extend(ahead);
        }
    }

    fn gbk(text: &str) -> Vec<u8> {
        encoding_rs::GBK.encode(text).0.into_owned()
    }

    #[test]
    fn utf_8_its_byte_order_mark_and_gbk_are_told_apart() {
        assert_eq!(
            encoding_of("姓名\n王芳".as_bytes()).unwrap(),
            Encoding::Utf8
        );
        assert_eq!(
            encoding_of(b"\xef\xbb\xbfname\n").unwrap(),
            Encoding::Utf8Bom
        );
        assert_eq!(encoding_of(&gbk("姓名\n王芳")).unwrap(), Encoding::Gbk);
        assert_eq!(encoding_of(b"name\nWang").unwrap(), Encoding::Utf8);
        assert_eq!(text(b"\xef\xbb\xbfname"), "name");
    }

    #[test]
    fn rare_characters_of_gbk_and_of_gb18030_are_read() {
        assert_eq!(text(&gbk("姓名\n朱镕基\n陶喆")), "姓名\n朱镕基\n陶喆");
        let four_bytes = GB18030.encode("姓名\n\u{20bb7}野").0.into_owned();
        assert_eq!(text(&four_bytes), "姓名\n\u{20bb7}野");
    }

    #[test]
    fn the_first_chinese_character_may_come_megabytes_into_the_file() {
        let mut bytes = b"name,mobile\n".repeat(200_000);
        bytes.extend(gbk("王芳,1"));
        assert_eq!(encoding_of(&bytes).unwrap(), Encoding::Gbk);
        assert!(text(&bytes).ends_with("王芳,1"));
    }

    #[test]
    fn a_character_across_two_pieces_is_one_character() {
        for encode in [gbk, |text: &str| text.as_bytes().to_vec()] {
            for ahead in PIECE - 4..=PIECE {
                let content = format!("{}张伟\n李娜", "a".repeat(ahead));
                assert_eq!(text(&encode(&content)), content);
            }
        }
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        let told = |bytes: &[u8]| encoding_of(bytes).unwrap_err().to_string();
        assert!(told(b"\xff\xfen\0a\0m\0e\0").contains("UTF-16"));
        assert!(told(b"\xfe\xff\0n\0a").contains("UTF-16"));
        assert!(told(b"PK\x03\x04rest").contains("xlsx"));
        assert!(told(b"name\0rest").contains("offset 4"));
        assert!(told(b"name\nM\xfcller\nRen\xe9\n").contains("offset 6"));
        assert!(told(b"name\nM\xfcller\nG\xf6the\n").contains("offset 6"));
        assert!(told(b"\xef\xbb\xbfname\n\xff").contains("offset 8"));
    }

    #[test]
    fn a_file_larger_than_the_cap_is_refused() {
        let mut endless = io::repeat(b'a');
        assert!(matches!(
            detect(&mut endless, 1_000_000),
            Err(FileError::TooLarge {
                bytes_max: 1_000_000
            })
        ));
    }
}
