//! Bytes in and out: what an envelope costs to make, to check, and to read off a stream.
//!
//! `cargo bench --bench frame_codec`; 256-byte bodies that differ, throughput in envelopes.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use throng::wire::{
    ClientMessageId, DeliveryDecoder, Draft, Envelope, FRAME_LEN_MAX, FrameDecoder, FrameKind,
    GroupId, HeaderFields, Kind, StreamClass, encode_frame, stream_opening,
};

const BODY_LEN: usize = 256;
const ENVELOPES: usize = 64;

fn body(number: usize) -> Vec<u8> {
    (0..BODY_LEN).map(|at| (number * 31 + at) as u8).collect()
}

fn fields(number: usize) -> HeaderFields {
    HeaderFields {
        kind: Kind::Text,
        group: GroupId(7),
        client_message_id: ClientMessageId(number as u128),
        ..HeaderFields::default()
    }
}

fn codec(criterion: &mut Criterion) {
    let bodies: Vec<Vec<u8>> = (0..ENVELOPES).map(body).collect();
    let envelopes: Vec<Envelope> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| Envelope::new(&fields(number), body).expect("short enough"))
        .collect();
    let mut frames = Vec::new();
    for envelope in &envelopes {
        encode_frame(FrameKind::Publish, 1, envelope.bytes(), &mut frames);
    }
    let mut stream = stream_opening(StreamClass::Normal).to_vec();
    for envelope in &envelopes {
        stream.extend_from_slice(envelope.bytes());
    }

    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(ENVELOPES as u64));
    group.bench_function("copy a body and seal its header", |bencher| {
        bencher.iter(|| {
            for (number, body) in bodies.iter().enumerate() {
                let draft = Draft::new(black_box(body)).expect("short enough");
                black_box(draft.seal(&fields(number)));
            }
        });
    });
    group.bench_function("check an envelope in place", |bencher| {
        bencher.iter(|| {
            for envelope in &envelopes {
                black_box(Envelope::check(black_box(envelope.bytes())).expect("an envelope"));
            }
        });
    });
    group.bench_function("frames off a request stream", |bencher| {
        bencher.iter(|| {
            let mut decoder = FrameDecoder::new(FRAME_LEN_MAX);
            // Datagram by datagram, as they come.
            for mut bytes in frames.chunks(1_200) {
                while let Some(frame) = decoder.next(&mut bytes).expect("frames") {
                    black_box(frame.payload());
                }
            }
        });
    });
    group.bench_function("envelopes off a delivery stream", |bencher| {
        bencher.iter(|| {
            let mut decoder = DeliveryDecoder::new();
            for bytes in stream.chunks(1_200) {
                let read = decoder.read(bytes, |header, body| {
                    black_box((header.sequence(), body));
                });
                read.expect("envelopes");
            }
        });
    });
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
