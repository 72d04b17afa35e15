//! The three streams of a connection: frames from the client, answers to it, deliveries.
//!
//! None of them can grow: a client's bytes wait in quinn-proto's receive window until there is room
//! for the answers, and a session's deliveries wait in the shard's rings (invariant 5).

use bytes::{Buf, Bytes};
use quinn_proto::{Connection, ReadError, ReadableError, StreamId, WriteError};

use super::close::{ClientStream, CloseReason};
use super::counted::transport;
use crate::wire::{
    FRAME_LEN_MAX, FRAME_LEN_MAX_UNAUTHENTICATED, Frame, FrameDecoder, STREAM_OPENING_LEN,
    StreamClass, stream_opening,
};

/// The client's half of one of its streams.
pub(super) struct Inbound {
    stream: ClientStream,
    id: StreamId,
    decoder: FrameDecoder,
    /// What was taken from the stream and is not decoded yet: at most one packet's bytes.
    held: Bytes,
    ended: bool,
}

impl Inbound {
    /// A stream that has just been opened; its frames are small until [`Inbound::trust`].
    pub(super) fn new(stream: ClientStream, id: StreamId) -> Self {
        Self {
            stream,
            id,
            decoder: FrameDecoder::new(FRAME_LEN_MAX_UNAUTHENTICATED),
            held: Bytes::new(),
            ended: false,
        }
    }

    pub(super) fn id(&self) -> StreamId {
        self.id
    }

    /// Frames may be of full length from now on: the client has authenticated.
    pub(super) fn trust(&mut self) {
        self.decoder.set_limit(FRAME_LEN_MAX);
    }

    /// Whether anything has come.
    pub(super) fn has_begun(&self) -> bool {
        self.ended || !self.held.is_empty() || self.decoder.finish().is_err()
    }

    /// The next whole frame, where it has come.
    pub(super) fn next(&mut self, conn: &mut Connection) -> Result<Option<Frame>, CloseReason> {
        loop {
            let mut bytes = &self.held[..];
            let frame = self.decoder.next(&mut bytes);
            self.held.advance(self.held.len() - bytes.len());
            if self.held.is_empty() {
                // Else the datagram it came in stays for as long as the client says nothing more.
                self.held = Bytes::new();
            }
            let stream = self.stream;
            let frame = frame.map_err(|error| CloseReason::Frame { stream, error })?;
            if frame.is_some() {
                return Ok(frame);
            }
            if self.ended || !self.refill(conn)? {
                return Ok(None);
            }
        }
    }

    fn refill(&mut self, conn: &mut Connection) -> Result<bool, CloseReason> {
        let gone = CloseReason::StreamGone {
            stream: self.stream,
        };
        let mut stream = conn.recv_stream(self.id);
        let mut chunks = match stream.read(true) {
            Ok(chunks) => chunks,
            Err(ReadableError::ClosedStream | ReadableError::IllegalOrderedRead) => {
                return Err(gone);
            }
        };
        let read = transport(|| chunks.next(usize::MAX));
        // Whether credit should be sent is moot: every visit ends with a look for what to send.
        let _ = chunks.finalize();
        match read {
            Ok(Some(chunk)) => {
                self.held = chunk.bytes;
                Ok(true)
            }
            Ok(None) => {
                self.ended = true;
                let stream = self.stream;
                let finish = self.decoder.finish();
                finish.map_err(|error| CloseReason::Frame { stream, error })?;
                Ok(false)
            }
            Err(ReadError::Blocked) => Ok(false),
            Err(ReadError::Reset(_)) => Err(gone),
        }
    }
}

/// Answers on their way to the client: what quinn-proto has not taken yet.
#[derive(Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    written: usize,
}

impl Outbox {
    /// Where answers are appended.
    pub(super) fn frames(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes not taken yet.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Hands over as much as is taken.
    pub(super) fn write(
        &mut self,
        conn: &mut Connection,
        inbound: &Inbound,
    ) -> Result<(), CloseReason> {
        while self.written < self.bytes.len() {
            match conn
                .send_stream(inbound.id)
                .write(&self.bytes[self.written..])
            {
                Ok(written) => self.written += written,
                Err(WriteError::Blocked) => break,
                Err(WriteError::Stopped(_) | WriteError::ClosedStream) => {
                    return Err(CloseReason::StreamGone {
                        stream: inbound.stream,
                    });
                }
            }
        }
        if self.written == self.bytes.len() {
            // Not kept for the next: most connections ask for nothing for minutes.
            self.bytes = Vec::new();
            self.written = 0;
        }
        Ok(())
    }
}

/// A server-opened stream of deliveries.
pub(super) struct Delivery {
    id: StreamId,
    /// The rest of a chunk that was taken in part: it goes first.
    rest: Bytes,
    /// QUIC has said that there is no room, and not yet that there is again.
    blocked: bool,
}

impl Delivery {
    pub(super) fn new(id: StreamId, class: StreamClass) -> Self {
        const OPENINGS: [[u8; STREAM_OPENING_LEN]; 2] = [
            stream_opening(StreamClass::Normal),
            stream_opening(StreamClass::Urgent),
        ];
        Self {
            id,
            rest: Bytes::from_static(&OPENINGS[class as usize]),
            blocked: false,
        }
    }

    /// Whether there is no room for anything.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    pub(super) fn id(&self) -> StreamId {
        self.id
    }

    /// Writes what is left of a chunk; whether there may be room for more. When not, the stream will
    /// say that it is writable: quinn-proto promises that only to who has been told "blocked".
    pub(super) fn resume(&mut self, conn: &mut Connection) -> Result<bool, WriteError> {
        while !self.rest.is_empty() {
            let rest = core::slice::from_mut(&mut self.rest);
            match transport(|| conn.send_stream(self.id).write_chunks(rest)) {
                Ok(_) => {}
                Err(WriteError::Blocked) => {
                    self.blocked = true;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        self.blocked = false;
        Ok(true)
    }

    /// Writes whole envelopes, given as `pieces` of the same bytes; how many envelopes were taken. Fewer
    /// than given means that there is no more room until the stream says it is writable.
    pub(super) fn write(
        &mut self,
        conn: &mut Connection,
        envelopes: &[Bytes],
        pieces: &[Bytes],
        scratch: &mut Vec<Bytes>,
    ) -> Result<usize, WriteError> {
        if !self.resume(conn)? {
            return Ok(0);
        }
        // QUIC keeps what it takes until it is acknowledged: a counted reference of its own.
        scratch.clear();
        scratch.extend_from_slice(pieces);
        let mut written = 0;
        let mut bytes = 0;
        while written < scratch.len() {
            match transport(|| {
                conn.send_stream(self.id)
                    .write_chunks(&mut scratch[written..])
            }) {
                Ok(some) => {
                    written += some.chunks;
                    bytes += some.bytes;
                }
                Err(WriteError::Blocked) => {
                    self.blocked = true;
                    return Ok(self.keep_rest(envelopes, bytes));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(envelopes.len())
    }

    /// Keeps what is left of the envelope that `bytes` end in, which so counts as taken; how many are.
    fn keep_rest(&mut self, envelopes: &[Bytes], mut bytes: usize) -> usize {
        for (number, envelope) in envelopes.iter().enumerate() {
            if bytes == 0 {
                return number;
            }
            if bytes < envelope.len() {
                self.rest = envelope.slice(bytes..);
                return number + 1;
            }
            bytes -= envelope.len();
        }
        envelopes.len()
    }

    /// Writes one envelope, or nothing where an earlier one is not all written; whether it did.
    pub(super) fn write_one(&mut self, conn: &mut Connection, envelope: &Bytes) -> bool {
        if !matches!(self.resume(conn), Ok(true)) {
            return false;
        }
        self.rest = envelope.clone();
        let len = self.rest.len();
        // What is not written now goes first next time.
        let is_open = self.resume(conn).is_ok();
        let begun = is_open && self.rest.len() < len;
        if !begun {
            self.rest = Bytes::new();
        }
        begun
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::pair::Pair;
    use super::*;

    /// What the client has read of the stream until now.
    fn read(pair: &mut Pair, id: StreamId, into: &mut Vec<u8>) {
        let mut stream = pair.client.conn.recv_stream(id);
        let Ok(mut chunks) = stream.read(true) else {
            return;
        };
        while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
            into.extend_from_slice(&chunk.bytes);
        }
        let _ = chunks.finalize();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// However little room there is, and whatever the pieces are, everybody's envelopes arrive whole
        /// and once, and what is said to be taken is not offered again.
        #[test]
        fn envelopes_in_pieces_arrive_as_if_they_had_been_written_one_by_one(
            lens in proptest::collection::vec(1..900_usize, 2..60),
            piece in 1..5_000_usize,
            window in 700..6_000_u64,
        ) {
            let mut pair = Pair::connected();
            pair.server.conn.set_send_window(window);
            let id = pair.server.conn.streams().open(quinn_proto::Dir::Uni).unwrap();
            let mut delivery = Delivery::new(id, StreamClass::Normal);
            let envelopes: Vec<Bytes> = lens
                .iter()
                .enumerate()
                .map(|(number, len)| vec![number as u8; *len].into())
                .collect();
            let (mut taken, mut arrived) = (0, Vec::new());
            for _ in 0..2_000 {
                let left = &envelopes[taken..];
                if left.is_empty() && matches!(delivery.resume(&mut pair.server.conn), Ok(true)) {
                    break;
                }
                let pieces: Vec<Bytes> = left
                    .concat()
                    .chunks(piece)
                    .map(Bytes::copy_from_slice)
                    .collect();
                let some = delivery.write(&mut pair.server.conn, left, &pieces, &mut Vec::new());
                let some = some.unwrap();
                prop_assert!(some == left.len() || delivery.is_blocked());
                taken += some;
                pair.exchange();
                while pair.client.conn.streams().accept(quinn_proto::Dir::Uni).is_some() {}
                read(&mut pair, id, &mut arrived);
                pair.exchange();
            }
            for _ in 0..4 {
                pair.exchange();
                read(&mut pair, id, &mut arrived);
            }
            let opening = stream_opening(StreamClass::Normal);
            prop_assert_eq!(taken, envelopes.len());
            prop_assert_eq!(arrived, [&opening[..], &envelopes.concat()].concat());
        }
    }
}
