//! Requests on their way to the engine, and its answers on their way back.
//!
//! Most are one question and one answer. A pull is answered by its permission first and then by its page; so
//! is a search of the archive, whose room is taken before it is asked, as asking is a record.

use std::time::Instant;

use super::endpoint::Shard;
use super::protocol;
use super::pulls::PULL_RETRY_US;
use super::requests::{Pending, ToEngine};
use super::visit::answer;
use crate::engine::{Busy, SearchRoom, TurnedAway};
use crate::model::Refusal;
use crate::model::command::{Command, Reply, SearchArchiveV1};
use crate::wire::{Draft, Frame};

impl Shard {
    /// Asks the engine; what there is no room for is answered at once.
    pub(super) fn submit(
        &mut self,
        index: u32,
        frame: &Frame,
        command: Command,
        draft: Option<Draft>,
    ) {
        let is_pull = protocol::is_pull(&command);
        let search = match protocol::search_of(&command) {
            None => None,
            Some(asked) => match self.search_room(index, asked) {
                Ok(room) => Some(room),
                Err(away) => {
                    self.turn_away(index, frame.request, &away);
                    return;
                }
            },
        };
        let Some(link) = self.links.get(index) else {
            return;
        };
        if is_pull && !link.pulls.has_room() {
            let busy = Busy {
                retry_after_us: PULL_RETRY_US,
            };
            self.turn_away(index, frame.request, &busy.into());
            return;
        }
        let reserved = match search {
            None => protocol::answer_len_max(frame.kind),
            Some(_) => protocol::FOUND_LEN_MAX,
        };
        let number = self.requests.insert(Pending {
            index,
            serial: link.serial,
            request: frame.request,
            asked: if is_pull {
                ToEngine::Pull
            } else {
                ToEngine::Command
            },
            reserved,
            search,
        });
        match self.port.submit(number, command, draft) {
            Ok(()) => {
                link.awaited += 1;
                link.reserved += reserved;
                link.pulls.note_asked(is_pull);
            }
            Err(busy) => {
                self.requests.remove(number);
                self.turn_away(index, frame.request, &busy.into());
            }
        }
    }

    /// Room for a search: the engine's, and among the answers this connection has not read.
    fn search_room(
        &mut self,
        index: u32,
        asked: &SearchArchiveV1,
    ) -> Result<SearchRoom, TurnedAway> {
        let room = self.engine.search_room(asked)?;
        let has_room = self
            .links
            .get_with_limits(index)
            .is_some_and(|(link, limits)| link.has_room_for(protocol::FOUND_LEN_MAX, limits));
        if has_room {
            return Ok(room);
        }
        Err(TurnedAway::Busy(Busy {
            retry_after_us: PULL_RETRY_US,
        }))
    }

    /// Answers a request that was not taken.
    fn turn_away(&mut self, index: u32, request: u64, away: &TurnedAway) {
        self.stats.busy_answers += u64::from(matches!(away, TurnedAway::Busy(_)));
        let Some(link) = self.links.get(index) else {
            return;
        };
        answer(&mut link.requests, |out| match away {
            TurnedAway::Busy(busy) => protocol::write_busy(request, busy.retry_after_us, out),
            TurnedAway::Refused(refusal) => protocol::write_refused(request, refusal, out),
        });
    }

    /// The engine's answer to a request.
    pub(super) fn on_answer(&mut self, number: u64, result: Result<Reply, Refusal>, now: Instant) {
        let Some(mut pending) = self.requests.remove(number) else {
            return;
        };
        if pending.asked == ToEngine::SignIn {
            self.signed_in(&pending, result.as_ref().err(), now);
            return;
        }
        let result = match (pending.asked, pending.search.take(), result) {
            (ToEngine::Pull, _, Ok(Reply::PullGranted(granted))) => {
                self.pull(pending, granted);
                return;
            }
            (_, Some(room), Ok(Reply::SearchGranted(granted))) => {
                let number = self.requests.insert(pending);
                if let Err(refusal) = self.port.search(number, granted, room) {
                    self.on_answer(number, Err(refusal), now);
                }
                return;
            }
            (_, _, result) => result,
        };
        let Some(link) = self.links.get(pending.index) else {
            return;
        };
        if link.serial != pending.serial {
            return;
        }
        link.awaited -= 1;
        link.reserved -= pending.reserved;
        link.pulls.note_refused(pending.asked == ToEngine::Pull);
        answer(&mut link.requests, |out| {
            protocol::write_answer(pending.request, &result, out);
        });
        self.links.mark_dirty(pending.index);
    }
}
