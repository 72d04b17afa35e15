//! The bytes as docs/log.md has them, and decoders against bytes of any kind.

use proptest::prelude::*;

use super::*;
use crate::log::{Entry, leaf_hash};
use crate::wire::{
    ClientMessageId, DeviceId, GroupId, Header, HeaderFields, Kind, PersonId, Sequence, Take,
    TenantId, Timestamp,
};

const SEGMENT: u64 = 0x1122_3344_5566_7788;

fn header(body: &[u8]) -> Header {
    Header::new(&HeaderFields {
        kind: Kind::Text,
        tenant: TenantId(7),
        group: GroupId(9),
        sequence: Sequence(3),
        sender: PersonId(5),
        device: DeviceId(1),
        timestamp: Timestamp(1_700_000_000_000_000),
        record: RecordNumber(42),
        membership_sequence: Sequence(1),
        message_ordinal: 2,
        client_message_id: ClientMessageId(6),
        body_len: body.len() as u32,
        ..HeaderFields::default()
    })
}

fn frame(takes: &[Take]) -> (Vec<u8>, [u8; 32]) {
    let (view, private) = (b"hello", [0xe0, 0xe1, 0xe2]);
    let entry = Entry {
        header: &header(view),
        takes,
        view,
        private: &private,
    };
    let seal = FrameSeal {
        epoch: 2,
        salt: [0x5a; 16],
        keys: None,
    };
    let mut bytes = Vec::new();
    let leaf = leaf_hash(&encode_frame(&mut bytes, &entry, SEGMENT, &seal));
    (bytes, leaf)
}

/// The same frame without its view, in another segment.
fn stub(bytes: &[u8]) -> Vec<u8> {
    let frame = Frame::decode(bytes, SEGMENT, 42).expect("it is whole");
    let mut stub = Vec::new();
    frame.copy_to(&mut stub, SEGMENT + 1, true);
    stub
}

fn take(group: u64) -> Take {
    Take {
        group: GroupId(group),
        sequence: Sequence(3),
        membership_sequence: Sequence(1),
        message_ordinal: 2,
    }
}

fn batch() -> BatchHeader {
    BatchHeader {
        kind: BatchKind::Records,
        epoch: 2,
        segment: SEGMENT,
        first: 42,
        durable: 41,
        frames: 1,
        body_len: 208,
    }
}

fn segment() -> SegmentHeader {
    SegmentHeader {
        log: [0x10; 16],
        segment: SEGMENT,
        incarnation: 3,
        first: 42,
        epoch: 2,
        len: 128 * 1024 * 1024,
        previous_root: [0x77; 32],
    }
}

fn meta() -> Meta {
    Meta {
        log: [0x10; 16],
        epoch: 2,
        incarnation: 3,
        digest_key: [0x20; 16],
        repaired_at: None,
        durable: 42,
        begin: 30,
        kept: 40,
    }
}

fn footer() -> Vec<u8> {
    zerocopy::IntoBytes::as_bytes(&FooterBody::new(5, [0x33; 32])).to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let lines = bytes.chunks(16).map(|line| {
        let line: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        line.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_bytes_are_those_of_the_documentation() {
    let document = include_str!("../../../docs/log.md");
    let (frame, leaf) = frame(&[]);
    let stub = stub(&frame);
    let golden = [
        ("segment header", segment().encode().to_vec()),
        ("batch header", batch().encode().to_vec()),
        ("frame", frame),
        ("stub", stub),
        ("leaf", leaf.to_vec()),
        ("footer body", footer()),
        ("meta", meta().encode().to_vec()),
    ];
    let undocumented: String = golden
        .iter()
        .map(|(name, bytes)| (name, hex(bytes)))
        .filter(|(_, hex)| !document.contains(hex))
        .map(|(name, hex)| format!("{name}:\n{hex}\n"))
        .collect();
    assert!(
        undocumented.is_empty(),
        "not in docs/log.md:\n{undocumented}"
    );
}

#[test]
fn a_record_of_many_groups_lists_its_takes() {
    let (bytes, leaf) = frame(&[take(9), take(10)]);
    let decoded = Frame::decode(&bytes, SEGMENT, 42).expect("a frame");
    assert_eq!(decoded.takes().collect::<Vec<_>>(), [take(9), take(10)]);
    assert_eq!(
        (decoded.view(), decoded.private()),
        (&b"hello"[..], &[0xe0, 0xe1, 0xe2][..])
    );
    assert_eq!(decoded.leaf(), leaf);
    assert_eq!(*decoded.header(), header(b"hello"));
}

#[test]
fn takes_that_the_header_states_are_not_written_again() {
    let (with, _) = frame(&[take(9)]);
    let (without, _) = frame(&[]);
    assert_eq!(with, without);
    let decoded = Frame::decode(&with, SEGMENT, 42).expect("a frame");
    assert_eq!(decoded.takes().collect::<Vec<_>>(), [take(9)]);
}

#[test]
fn a_leaf_hides_equal_records_behind_their_salts() {
    let entry = |salt| {
        let header = header(b"");
        let entry = Entry {
            header: &header,
            takes: &[],
            view: b"",
            private: b"",
        };
        let salt = [salt; 16];
        encode_frame(
            &mut Vec::new(),
            &entry,
            SEGMENT,
            &FrameSeal {
                epoch: 2,
                salt,
                keys: None,
            },
        )
    };
    assert_ne!(entry(1), entry(2));
}

#[test]
fn everything_decodes_to_what_was_encoded() {
    assert_eq!(SegmentHeader::decode(&segment().encode()), Ok(segment()));
    assert_eq!(BatchHeader::decode(&batch().encode(), SEGMENT), Ok(batch()));
    assert_eq!(Meta::decode(&meta().encode()), Ok(meta()));
    assert_eq!(FooterBody::decode(&footer()), Ok((5, [0x33; 32])));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let flips = |bytes: &[u8], check: &dyn Fn(&[u8]) -> bool| {
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(check(&bytes), "bit {bit}");
        }
    };
    flips(&segment().encode(), &|it| {
        SegmentHeader::decode(it).is_err()
    });
    flips(&batch().encode(), &|it| {
        BatchHeader::decode(it, SEGMENT).is_err()
    });
    flips(&frame(&[take(1)]).0, &|it| {
        Frame::decode(it, SEGMENT, 42).is_err()
    });
    flips(&footer(), &|it| FooterBody::decode(it).is_err());
    flips(&meta().encode(), &|it| Meta::decode(it).is_err());
}

/// Writes a checksum over a frame's bytes as they are, so that the checks behind it are reached.
fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() > 8 {
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes[..4]), &bytes[8..]);
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
    }
    bytes
}

proptest! {
    #[test]
    fn decoders_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = SegmentHeader::decode(&bytes);
        let _ = BatchHeader::decode(&bytes, SEGMENT);
        let _ = FooterBody::decode(&bytes);
        let _ = Meta::decode(&bytes);
        let _ = Frame::peek_len(&bytes, 400);
        let _ = Frame::decode(&bytes, SEGMENT, 42);
    }

    #[test]
    fn a_frame_with_a_fitting_checksum_and_any_lengths_never_panics(
        field in 0usize..20,
        value in prop_oneof![any::<u32>(), 0u32..600],
        cut in 0usize..250,
    ) {
        let (mut bytes, _) = frame(&[take(1), take(2)]);
        bytes[field * 4..field * 4 + 4].copy_from_slice(&value.to_le_bytes());
        bytes.truncate(bytes.len() - cut.min(bytes.len()));
        if let Ok(frame) = Frame::decode(&with_checksum(bytes), SEGMENT, 42) {
            let _ = (frame.leaf(), frame.takes().count(), frame.header());
        }
    }
}

#[test]
fn a_stub_keeps_everything_but_the_view_and_the_salt() {
    let (bytes, leaf) = frame(&[take(9), take(10)]);
    let whole = Frame::decode(&bytes, SEGMENT, 42).expect("it is whole");
    let bytes = stub(&bytes);
    let left = Frame::decode(&bytes, SEGMENT + 1, 42).expect("a stub is a frame");
    assert!(left.is_stub() && !whole.is_stub());
    assert_eq!(left.leaf(), leaf);
    assert_eq!((left.view(), left.private()), (&b""[..], whole.private()));
    assert_eq!(left.header(), whole.header());
    assert!(left.takes().eq(whole.takes()));
    assert!(!bytes.windows(5).any(|window| window == b"hello"));
    assert!(
        !bytes.windows(16).any(|window| window == [0x5a; 16]),
        "the salt would confirm a guess"
    );
    let mut again = Vec::new();
    left.copy_to(&mut again, SEGMENT + 1, true);
    assert_eq!(again, bytes, "a stub stays a stub");
    for byte in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[byte] ^= 1;
        let read = Frame::decode(&flipped, SEGMENT + 1, 42);
        assert!(read.is_err(), "byte {byte} was changed");
    }
}
