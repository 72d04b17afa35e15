//! What is encoded reads back the same, however its bytes lie or arrive.

use proptest::prelude::*;
use throng::wire::{
    ClientMessageId, DeliveryDecoder, DeviceId, Envelope, FRAME_LEN_MAX, FrameDecoder, FrameKind,
    GroupId, HeaderFields, Kind, PersonId, Priority, Published, RecordNumber, Refused, Sequence,
    StreamClass, TenantId, Timestamp, encode_frame, stream_opening,
};

use super::samples::{READERS, golden, read_tagged};

fn fields() -> impl Strategy<Value = HeaderFields> {
    let kinds: Vec<_> = (0..=u8::MAX).filter_map(Kind::from_u8).collect();
    let place = (any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>());
    let origin = (any::<u64>(), any::<u32>(), any::<i64>(), any::<u128>());
    (
        prop::sample::select(kinds),
        0u8..3,
        place,
        origin,
        any::<(u64, u64)>(),
    )
        .prop_map(
            |(kind, priority, place, origin, (membership, ordinal))| HeaderFields {
                kind,
                priority: Priority::from_u8(priority).unwrap(),
                tenant: TenantId(place.0),
                group: GroupId(place.1),
                sequence: Sequence(place.2),
                record: RecordNumber(place.3),
                sender: PersonId(origin.0),
                device: DeviceId(origin.1),
                timestamp: Timestamp(origin.2),
                client_message_id: ClientMessageId(origin.3),
                membership_sequence: Sequence(membership),
                message_ordinal: ordinal,
                body_len: 0,
            },
        )
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}

fn frame_kind() -> impl Strategy<Value = FrameKind> {
    let kinds: Vec<_> = (0..=u16::MAX).filter_map(FrameKind::from_u16).collect();
    prop::sample::select(kinds)
}

/// `bytes` in pieces of the given sizes, over and over.
fn pieces<'a>(mut bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at((*size).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

proptest! {
    #[test]
    fn an_envelope_reads_back_the_same(fields in fields(), body in body()) {
        let envelope = Envelope::new(&fields, &body).unwrap();
        let read = Envelope::read(envelope.bytes()).unwrap();
        prop_assert_eq!(read.body(), &body[..]);
        prop_assert_eq!(read.header().fields(), HeaderFields { body_len: body.len() as u32, ..fields });
    }

    #[test]
    fn a_flipped_bit_of_a_header_is_always_found(
        fields in fields(),
        byte in 0usize..throng::wire::HEADER_LEN,
        bit in 0u8..8,
    ) {
        let mut bytes = Envelope::new(&fields, b"hello").unwrap().bytes().to_vec();
        bytes[byte] ^= 1 << bit;
        prop_assert!(Envelope::read(&bytes).is_err());
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_they_are_cut(
        frames in prop::collection::vec((frame_kind(), any::<u64>(), body()), 0..6),
        sizes in prop::collection::vec(1usize..50, 1..6),
    ) {
        let mut bytes = Vec::new();
        for (kind, request, payload) in &frames {
            encode_frame(*kind, *request, payload, &mut bytes);
        }
        let mut decoder = FrameDecoder::new(FRAME_LEN_MAX);
        let mut out = Vec::new();
        for mut piece in pieces(&bytes, &sizes) {
            while let Some(frame) = decoder.next(&mut piece).unwrap() {
                let payload = frame.payload();
                prop_assert!(payload.is_empty() || payload.as_ptr().addr() % 16 == 0);
                out.push((frame.kind, frame.request, frame.payload().to_vec()));
            }
        }
        prop_assert_eq!(out, frames);
        prop_assert!(decoder.finish().is_ok());
    }

    #[test]
    fn deliveries_come_out_as_they_went_in_however_they_are_cut(
        envelopes in prop::collection::vec((fields(), body()), 0..6),
        sizes in prop::collection::vec(1usize..200, 1..6),
    ) {
        let mut bytes = stream_opening(StreamClass::Urgent).to_vec();
        for (fields, body) in &envelopes {
            bytes.extend_from_slice(Envelope::new(fields, body).unwrap().bytes());
        }
        let mut decoder = DeliveryDecoder::new();
        let mut out = Vec::new();
        for piece in pieces(&bytes, &sizes) {
            decoder
                .read(piece, |header, body| {
                    out.push((HeaderFields { body_len: 0, ..header.fields() }, body.to_vec()));
                })
                .unwrap();
        }
        prop_assert_eq!(out, envelopes);
        prop_assert_eq!(decoder.class(), Some(StreamClass::Urgent));
        prop_assert!(decoder.finish().is_ok());
    }

    #[test]
    fn a_stream_cut_off_inside_a_frame_or_envelope_says_so(cut in 1usize..100) {
        let envelope = Envelope::new(&HeaderFields::default(), &[7; 80]).unwrap();
        let mut frames = Vec::new();
        encode_frame(FrameKind::Publish, 1, envelope.bytes(), &mut frames);
        let mut decoder = FrameDecoder::new(FRAME_LEN_MAX);
        prop_assert!(decoder.next(&mut &frames[..frames.len() - cut]).unwrap().is_none());
        prop_assert!(decoder.finish().is_err());
        let mut decoder = DeliveryDecoder::new();
        decoder.read(&stream_opening(StreamClass::Normal), |_, _| {}).unwrap();
        decoder.read(&envelope.bytes()[..envelope.bytes().len() - cut], |_, _| {}).unwrap();
        prop_assert!(decoder.finish().is_err());
    }

    #[test]
    fn published_and_refused_read_back_the_same(
        numbers in any::<(u64, u64, u64, i64, bool)>(),
        codes in any::<(u16, u16)>(),
        text in ".{0,40}",
    ) {
        let published = Published {
            group: GroupId(numbers.0),
            sequence: Sequence(numbers.1),
            record: RecordNumber(numbers.2),
            timestamp: Timestamp(numbers.3),
            duplicate: numbers.4,
        };
        prop_assert_eq!(Published::read(&published.encode()), Ok(published));
        let refused = Refused {
            code: codes.0,
            policy: codes.1,
            subject: numbers.0,
            used: numbers.1,
            limit: numbers.2,
            retry_at: Timestamp(numbers.3),
            text,
        };
        prop_assert_eq!(Refused::read(&refused.encode()), Ok(refused));
    }
}

#[test]
fn every_sample_reads_the_same_from_a_buffer_shifted_by_any_byte() {
    for (name, bytes) in golden() {
        let read = |bytes: &[u8]| {
            let reader = READERS.iter().find(|(reader, _)| *reader == name);
            reader.map_or_else(|| read_tagged(name, bytes), |(_, read)| read(bytes))
        };
        let expected = read(&bytes);
        for shift in 0..16 {
            let mut buffer = vec![0xAA; shift];
            buffer.extend_from_slice(&bytes);
            assert_eq!(
                read(&buffer[shift..]),
                expected,
                "{name} shifted by {shift}"
            );
        }
    }
}
