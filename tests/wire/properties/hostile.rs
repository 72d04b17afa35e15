//! Bytes from someone who means harm.

use proptest::prelude::*;
use throng::model::command::{AddPeopleV1, NewPersonV1, OrgRole, PersonKind, Reply, TaggedCommand};
use throng::wire::{
    DeliveryDecoder, FRAME_LEN_MAX, FRAME_PREFIX_LEN, FrameDecoder, FrameError, FrameKind,
    STREAM_OPENING_LEN, StreamClass, encode_frame, stream_opening,
};

use super::samples::{READERS, golden, read_tagged};
use crate::counting_allocator::requested_by;

/// What reading `len` bytes may allocate in all: growth by doubling of lists whose items take up to
/// three times their bytes, and the Debug text of the comparison.
fn allowance(len: usize) -> usize {
    64 * len + 8 * 1024
}

/// Feeds every decoder and reader, and checks what each allocated.
fn feed_all(bytes: &[u8]) {
    let check = |name: &str, work: &mut dyn FnMut()| {
        let ((), allocated) = requested_by(work);
        assert!(
            allocated <= allowance(bytes.len()),
            "{name} allocated {allocated} bytes for {}",
            bytes.len()
        );
    };
    for (name, read) in READERS {
        check(name, &mut || drop(read(bytes)));
    }
    for tag in TaggedCommand::TAGS {
        check("command", &mut || drop(TaggedCommand::decode(*tag, bytes)));
    }
    for tag in Reply::TAGS {
        check("reply", &mut || drop(Reply::decode(*tag, bytes)));
    }
    check("frames", &mut || {
        let mut decoder = FrameDecoder::new(FRAME_LEN_MAX);
        let mut rest = bytes;
        while let Ok(Some(_)) = decoder.next(&mut rest) {}
    });
    check("deliveries", &mut || {
        let mut decoder = DeliveryDecoder::new();
        let opening = stream_opening(StreamClass::Normal);
        decoder.read(&opening, |_, _| {}).unwrap();
        let _ = decoder.read(bytes, |_, _| {});
    });
}

proptest! {
    #[test]
    fn random_bytes_get_an_error_and_no_memory(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        feed_all(&bytes);
    }

    #[test]
    fn damaged_samples_get_an_error_or_another_value_and_no_memory(
        sample in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
        tail in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let samples = golden();
        let (_, mut bytes) = samples[sample.index(samples.len())].clone();
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        bytes.extend(tail);
        for (at, value) in damage {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
        }
        feed_all(&bytes);
    }
}

#[test]
fn every_sample_cut_anywhere_is_refused() {
    for (name, bytes) in golden() {
        for (reader, read) in READERS {
            if *reader == name {
                assert!(read(&bytes).is_some(), "{name}");
                for len in 0..bytes.len() {
                    assert_eq!(read(&bytes[..len]), None, "{name} cut to {len}");
                }
                let longer = [&bytes[..], &[0; 16]].concat();
                assert_eq!(read(&longer), None, "{name} with bytes behind it");
            }
        }
        for len in 0..bytes.len() {
            if name.starts_with("command") || name.starts_with("reply") {
                read_tagged(name, &bytes[..len]);
            }
        }
    }
}

#[test]
fn counts_far_beyond_the_bytes_that_are_there_allocate_nothing() {
    for (name, bytes) in golden() {
        for at in (0..bytes.len().saturating_sub(3)).step_by(4) {
            let mut bytes = bytes.clone();
            bytes[at..at + 4].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0x7F]);
            let (_, allocated) = requested_by(|| read_tagged(name, &bytes));
            assert!(allocated <= allowance(bytes.len()), "{name} at {at}");
            feed_all(&bytes);
        }
    }
}

#[test]
fn an_announced_frame_costs_only_what_has_come_of_it() {
    let mut bytes = Vec::new();
    encode_frame(
        FrameKind::Publish,
        1,
        &vec![7; FRAME_LEN_MAX as usize],
        &mut bytes,
    );
    let mut decoder = FrameDecoder::new(FRAME_LEN_MAX);
    let head = &bytes[..FRAME_PREFIX_LEN + 100];
    let (frame, allocated) = requested_by(|| decoder.next(&mut &*head));
    assert!(frame.unwrap().is_none());
    assert!(allocated < 4 * head.len(), "{allocated} bytes");
}

#[test]
fn a_frame_over_the_limit_is_refused_by_its_prefix_alone() {
    let mut bytes = Vec::new();
    encode_frame(FrameKind::Hello, 1, &[7; 101], &mut bytes);
    let mut decoder = FrameDecoder::new(100);
    let error = decoder.next(&mut &bytes[..FRAME_PREFIX_LEN]).unwrap_err();
    assert_eq!(
        error,
        FrameError::TooLong {
            len: 101,
            limit: 100
        }
    );
}

#[test]
fn an_announced_envelope_costs_only_what_has_come_of_it() {
    let fields = throng::wire::HeaderFields::default();
    let envelope = throng::wire::Envelope::new(&fields, &[7; 60_000]).unwrap();
    let mut bytes = stream_opening(StreamClass::Normal).to_vec();
    bytes.extend_from_slice(envelope.bytes());
    let head = &bytes[..STREAM_OPENING_LEN + 200];
    let mut decoder = DeliveryDecoder::new();
    let (read, allocated) = requested_by(|| decoder.read(head, |_, _| {}));
    read.unwrap();
    assert!(allocated < 8 * head.len(), "{allocated} bytes");
}

#[test]
fn a_body_whose_strings_share_bytes_is_refused() {
    let long = |first: char| NewPersonV1 {
        name: "李雷".to_owned(),
        external_id: core::iter::repeat_n(first, 60).collect(),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
    };
    let people = vec![long('a'), long('b')];
    let command = TaggedCommand::AddPeople(AddPeopleV1 { people });
    let mut bytes = command.encode().to_vec();
    // Two people of 20 bytes and the root of 8 end the archive; a string beyond 8 bytes is a length
    // and the distance to its bytes. Otherwise n people could each claim the same n bytes.
    let people_at = bytes.len() - 8 - 40;
    let distance_at = |person: usize| people_at + 20 * person + 12;
    let read = |bytes: &[u8], at: usize| i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let second = read(&bytes, distance_at(1));
    let shared = read(&bytes, distance_at(0)) - 20;
    assert_eq!(second, shared + 60, "the layout is the one described");
    bytes[distance_at(1)..distance_at(1) + 4].copy_from_slice(&shared.to_le_bytes());
    assert!(TaggedCommand::decode(command.tag(), &bytes).is_err());
}
