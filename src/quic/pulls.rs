//! Pages of the archive on their way to who pulled them (SPEC A6).
//!
//! A connection has a few pulls open: asked for, being made, or not taken by QUIC yet. One more is
//! answered `Busy`, so what a client that does not read costs is bounded (invariant 5). A page
//! leaves in parts, between which whatever else the connection is told passes.

use std::collections::VecDeque;

use bytes::Bytes;

use super::endpoint::Shard;
use super::protocol;
use super::requests::Pending;
use super::visit::answer;
use crate::model::Refusal;
use crate::model::command::PullGrantedV1;

/// When trying one more is likely to work, in microseconds: about a page's way to the client.
pub(super) const PULL_RETRY_US: u64 = 20_000;

/// One connection's pulls.
#[derive(Default)]
pub(super) struct Pulls {
    /// Asked for, and not written to the end.
    open: u32,
    pages: VecDeque<Page>,
}

struct Page {
    request: u64,
    bytes: Bytes,
    /// Written up to here.
    offset: usize,
}

impl Pulls {
    /// Whether one more may be asked for.
    pub(super) fn has_room(&self, pulls_max: u32) -> bool {
        self.open < pulls_max
    }

    /// Whether every page has been handed to QUIC; one that is still being made is awaited elsewhere.
    pub(super) fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    pub(super) fn note_asked(&mut self, is_pull: bool) {
        self.open += u32::from(is_pull);
    }

    pub(super) fn note_refused(&mut self, is_pull: bool) {
        // A connection that is over has forgotten its pulls before they are answered.
        self.open = self.open.saturating_sub(is_pull.into());
    }

    fn push(&mut self, request: u64, bytes: Bytes) {
        self.pages.push_back(Page {
            request,
            bytes,
            offset: 0,
        });
    }

    /// Appends the next part of the first page; whether there was one.
    pub(super) fn write_part(&mut self, out: &mut Vec<u8>) -> bool {
        let Some(page) = self.pages.front_mut() else {
            return false;
        };
        match protocol::write_pulled(page.request, &page.bytes, page.offset, out) {
            Some(offset) => page.offset = offset,
            None => {
                self.pages.pop_front();
                self.open = self.open.saturating_sub(1);
            }
        }
        true
    }
}

impl Shard {
    /// A pull is permitted: its page is made.
    pub(super) fn pull(&mut self, pending: Pending, granted: Box<PullGrantedV1>) {
        let number = self.requests.insert(pending);
        if let Err(busy) = self.port.pull(number, granted)
            && let Some(pending) = self.requests.remove(number)
        {
            self.stats.busy_answers += 1;
            self.end_pull(&pending, |out| {
                protocol::write_busy(pending.request, busy.retry_after_us, out);
            });
        }
    }

    /// A page is made, or cannot be.
    pub(super) fn on_pulled(&mut self, number: u64, result: Result<Bytes, Refusal>) {
        let Some(pending) = self.requests.remove(number) else {
            return;
        };
        let page = match result {
            Ok(page) => page,
            Err(refusal) => {
                self.end_pull(&pending, |out| {
                    protocol::write_refused(pending.request, &refusal, out);
                });
                return;
            }
        };
        let Some(link) = self.links.get(pending.index) else {
            return;
        };
        if link.serial != pending.serial || link.requests.is_none() {
            return;
        }
        link.awaited -= 1;
        link.reserved -= pending.reserved;
        link.pulls.push(pending.request, page);
        self.links.mark_dirty(pending.index);
    }

    /// Answers a pull without a page.
    fn end_pull(&mut self, pending: &Pending, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(link) = self.links.get(pending.index) else {
            return;
        };
        if link.serial != pending.serial || link.requests.is_none() {
            return;
        }
        link.awaited -= 1;
        link.reserved -= pending.reserved;
        link.pulls.note_refused(true);
        answer(&mut link.requests, write);
        self.links.mark_dirty(pending.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{FRAME_LEN_MAX, FrameDecoder, FrameKind, PULLED_PART_LEN, PulledPart};

    #[test]
    fn a_page_leaves_in_parts_that_give_it_back_and_makes_room_with_the_last() {
        for len in [0, 1, PULLED_PART_LEN, PULLED_PART_LEN + 1, 100_000] {
            let page: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let mut pulls = Pulls::default();
            for _ in 0..4 {
                assert!(pulls.has_room(4));
                pulls.note_asked(true);
            }
            assert!(!pulls.has_room(4));
            pulls.push(7, page.clone().into());
            let (mut back, mut ended) = (Vec::new(), false);
            let mut out = Vec::new();
            while pulls.write_part(&mut out) {
                let frame = FrameDecoder::new(FRAME_LEN_MAX).next(&mut &out[..]);
                let frame = frame.unwrap().unwrap();
                assert_eq!((frame.kind, frame.request), (FrameKind::Pulled, 7));
                let part = PulledPart::read(frame.payload()).unwrap();
                assert_eq!(part.offset, back.len() as u64);
                assert!(part.bytes.len() <= PULLED_PART_LEN && !ended);
                back.extend_from_slice(part.bytes);
                ended = part.last;
                assert_eq!(pulls.has_room(4), ended);
                out.clear();
            }
            assert!(ended && back == page && pulls.is_empty());
        }
    }
}
