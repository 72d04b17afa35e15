//! Requests on their way to the engine, and its answers on their way back.
//!
//! Most are one question and one answer. A pull is answered by its permission first and then by its page; so
//! are a search of the archive and a page of the audit trail, whose room is taken before they are asked, as
//! asking is a record.

use std::time::Instant;

use super::endpoint::Shard;
use super::protocol;
use super::pulls::PULL_RETRY_US;
use super::requests::{Pending, ToEngine};
use super::visit::answer;
use crate::engine::{Busy, SearchRoom, TurnedAway};
use crate::model::Refusal;
use crate::model::command::{Command, CommandBody, Reply, SearchArchiveV1, TaggedCommand};
use crate::wire::{Draft, Frame, Priority};

impl Shard {
    /// Asks the engine; what there is no room for is answered at once.
    pub(super) fn submit(
        &mut self,
        index: u32,
        frame: &Frame,
        mut command: Command,
        draft: Option<Draft>,
        now: Instant,
    ) {
        let is_pull = is_pull(&command);
        let room = match looked_for(&command) {
            None => Ok(None),
            Some(LookedFor::Said(asked)) => self.engine.search_room(asked).map(Some),
            Some(LookedFor::Trail) => self.engine.audit_room().map(Some).map_err(Into::into),
        };
        let (search, instead) = match room.and_then(|room| self.room_to_answer(index, room)) {
            Ok(room) => (room, None),
            // Who may not search is told that first, and it is on record (SPEC P3).
            Err(TurnedAway::Refused(refusal)) => {
                ask_only_whether(&mut command);
                (None, Some(refusal))
            }
            Err(away) => {
                self.turn_away(index, frame.request, &away);
                return;
            }
        };
        let Some((link, limits)) = self.links.get_with_limits(index) else {
            return;
        };
        if is_pull && !link.pulls.has_room(limits.pulls_max) {
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
            instead,
        });
        let is_urgent = is_urgent(&command);
        match self.port.submit(number, command, draft) {
            Ok(()) => {
                if is_urgent && self.pace.urgent_asked(number, now) {
                    self.stats.stand_backs += 1;
                }
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

    /// What needs room in the engine needs some among the answers this connection has not read, too.
    fn room_to_answer(
        &mut self,
        index: u32,
        room: Option<SearchRoom>,
    ) -> Result<Option<SearchRoom>, TurnedAway> {
        if room.is_none() {
            return Ok(None);
        }
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
        self.pace.answered(number);
        let result = match (pending.instead.take(), result) {
            (Some(instead), Ok(_) | Err(Refusal::Invalid { .. })) => Err(instead),
            (_, result) => result,
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
            (_, Some(room), Ok(Reply::AuditGranted(granted))) => {
                let number = self.requests.insert(pending);
                if let Err(refusal) = self.port.audit(number, granted, room) {
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

/// Whether a command is a message that passes others.
fn is_urgent(command: &Command) -> bool {
    matches!(&command.body, CommandBody::Publish(publish) if publish.priority == Priority::Urgent)
}

/// Whether a command is a pull of the archive, whose answer is no reply but a page.
fn is_pull(command: &Command) -> bool {
    let CommandBody::Tagged(tagged) = &command.body else {
        return false;
    };
    matches!(**tagged, TaggedCommand::PullRecords(_))
}

/// What is looked for in the archive, answered by a page that is made elsewhere.
enum LookedFor<'a> {
    /// What was said.
    Said(&'a SearchArchiveV1),
    /// What happened.
    Trail,
}

/// What a command looks for, where it does.
fn looked_for(command: &Command) -> Option<LookedFor<'_>> {
    let CommandBody::Tagged(tagged) = &command.body else {
        return None;
    };
    match &**tagged {
        TaggedCommand::SearchArchive(asked) => Some(LookedFor::Said(asked)),
        TaggedCommand::ReadAudit(_) => Some(LookedFor::Trail),
        _ => None,
    }
}

/// Makes a search one that can only be refused: for whom it is permitted, as one of no hits.
fn ask_only_whether(command: &mut Command) {
    if let CommandBody::Tagged(tagged) = &mut command.body
        && let TaggedCommand::SearchArchive(asked) = &mut **tagged
    {
        asked.hits = 0;
    }
}
