//! The two streams a client opens, as frames.

use crate::wire::{FRAME_LEN_MAX, FrameDecoder, FrameKind, encode_frame};

/// One of the two streams a client opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Lane {
    /// Requests and their answers; opened first.
    Requests,
    /// Attaches, detaches, acknowledgements and the answers to attaches; opened second.
    Attach,
}

/// Frames that arrive on a stream, and bytes that wait to be sent on it.
#[derive(Debug)]
pub(super) struct FrameStream {
    pub(super) decoder: FrameDecoder,
    unsent: Vec<u8>,
    sent: usize,
}

impl FrameStream {
    pub(super) fn new() -> Self {
        Self {
            decoder: FrameDecoder::new(FRAME_LEN_MAX),
            unsent: Vec::new(),
            sent: 0,
        }
    }

    pub(super) fn unsent(&self) -> &[u8] {
        &self.unsent[self.sent..]
    }

    /// The first `len` of the unsent bytes are sent.
    pub(super) fn sent(&mut self, len: usize) {
        self.sent += len;
        debug_assert!(self.sent <= self.unsent.len());
        if self.sent == self.unsent.len() {
            self.unsent.clear();
            self.sent = 0;
        }
    }

    pub(super) fn push(&mut self, kind: FrameKind, request: u64, payload: &[u8]) {
        encode_frame(kind, request, payload, &mut self.unsent);
    }
}
