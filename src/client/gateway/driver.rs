//! What moves a gateway's connection, and hands out what it brings.

use std::collections::HashMap;
use std::time::Instant;

use super::delivery::Readers;
use super::event::{GatewayEvent, Newcomers};
use super::session::GatewaySession;
use super::table::Table;
use crate::client::cursors::GroupCursor;
use crate::client::driver::{Line, Speaker, Waiter, Waiting};
use crate::client::error::{CloseReason, RequestError, SessionError};
use crate::client::event::{Answer, Attachment, Event, Message};
use crate::client::lanes::Lane;
use crate::model::command::TaggedCommand;
use crate::wire::{DeliveryDecoder, DeviceId, PersonId, Refused, Welcome};

/// Somebody's device.
type Who = (PersonId, DeviceId);

/// How one person's attach went: what they may read, or the rule that refused.
pub type Attached = (PersonId, DeviceId, Result<Attachment, Refused>);

/// What a [`super::Gateway`] asks of its driver.
#[derive(Debug)]
pub(in crate::client) enum GatewayAsk {
    Publish {
        sender: Who,
        message: Message,
        answer: Waiter<Answer>,
    },
    Command {
        command: Box<TaggedCommand>,
        answer: Waiter<Answer>,
    },
    Attach {
        newcomers: Newcomers,
        answer: Waiter<Vec<Attached>>,
    },
    Detach {
        people: Vec<Who>,
        answer: Waiter<Vec<Option<Vec<GroupCursor>>>>,
    },
    Cursors {
        people: Vec<Who>,
        answer: Waiter<Vec<Option<Vec<GroupCursor>>>>,
    },
}

/// What is left when a gateway's connection is over.
#[derive(Debug)]
pub struct Over<R> {
    /// Why.
    pub reason: CloseReason,
    /// The application's own.
    pub readers: R,
    /// Who was attached, and how far each had got: what to attach them with again.
    pub table: Table,
}

/// What moves a [`super::Gateway`]'s connection and calls its [`Readers`]. Run it on a task of its own.
#[derive(Debug)]
pub struct GatewayDriver<R: Readers>(pub(super) Line<Carrier<R>>);

impl<R: Readers> GatewayDriver<R> {
    /// Runs the connection until it is over.
    pub async fn run(mut self) -> Over<R> {
        let reason = self.0.run().await;
        let Carrier {
            session, readers, ..
        } = self.0.speaker;
        Over {
            reason,
            readers,
            table: session.into_table(),
        }
    }
}

/// An attach call whose people are not all answered.
#[derive(Debug)]
struct Call {
    left: usize,
    attached: Vec<Attached>,
    answer: Waiter<Vec<Attached>>,
}

/// A session of many people, their readers and the handles.
#[derive(Debug)]
pub(in crate::client) struct Carrier<R> {
    session: GatewaySession,
    readers: R,
    waiting: Waiting,
    last_call: u64,
    calls: HashMap<u64, Call>,
    /// The call that asked for somebody's device.
    call_of: HashMap<Who, u64>,
}

impl<R: Readers> Carrier<R> {
    pub(super) fn new(session: GatewaySession, readers: R) -> Self {
        Self {
            session,
            readers,
            waiting: Waiting::default(),
            last_call: 0,
            calls: HashMap::new(),
            call_of: HashMap::new(),
        }
    }

    fn attach(&mut self, newcomers: Newcomers, answer: Waiter<Vec<Attached>>) {
        let people = newcomers.people.iter();
        let people: Vec<_> = people.map(|one| (one.person, one.device)).collect();
        if let Err(not_made) = self.session.attach(newcomers) {
            let _ = answer.send(Err(not_made.into()));
            return;
        }
        if people.is_empty() {
            let _ = answer.send(Ok(Vec::new()));
            return;
        }
        self.last_call += 1;
        let call = Call {
            left: people.len(),
            attached: Vec::with_capacity(people.len()),
            answer,
        };
        self.calls.insert(self.last_call, call);
        let number = self.last_call;
        self.call_of
            .extend(people.into_iter().map(|who| (who, number)));
    }
}

/// Notes one person's answer; a call whose people are all answered is.
fn settle(calls: &mut HashMap<u64, Call>, call_of: &mut HashMap<Who, u64>, attached: Attached) {
    let Some(number) = call_of.remove(&(attached.0, attached.1)) else {
        return;
    };
    let Some(call) = calls.get_mut(&number) else {
        return;
    };
    call.attached.push(attached);
    call.left -= 1;
    if call.left == 0
        && let Some(call) = calls.remove(&number)
    {
        let _ = call.answer.send(Ok(call.attached));
    }
}

impl<R: Readers> Speaker for Carrier<R> {
    type Ask = GatewayAsk;

    fn welcome(&self) -> Option<&Welcome> {
        self.session.welcome()
    }

    fn has_room(&self) -> bool {
        self.session.has_room()
    }

    fn on_ask(&mut self, ask: GatewayAsk) {
        match ask {
            GatewayAsk::Publish {
                sender: (person, device),
                message,
                answer,
            } => {
                let made = self.session.publish(person, device, &message);
                self.waiting.made(made, answer);
            }
            GatewayAsk::Command { command, answer } => {
                self.waiting.made(self.session.command(&command), answer);
            }
            GatewayAsk::Attach { newcomers, answer } => self.attach(newcomers, answer),
            GatewayAsk::Detach { people, answer } => {
                let cursors = self.session.detach(&people);
                let _ = answer.send(cursors.map_err(RequestError::from));
            }
            GatewayAsk::Cursors { people, answer } => {
                let table = self.session.table();
                let cursors = people.into_iter();
                let cursors = cursors.map(|(person, device)| table.cursors(person, device));
                let _ = answer.send(Ok(cursors.collect()));
            }
        }
    }

    fn goodbye(&mut self) {
        self.session.goodbye();
    }

    fn unsent(&self, lane: Lane) -> &[u8] {
        self.session.unsent(lane)
    }

    fn sent(&mut self, lane: Lane, len: usize) {
        self.session.sent(lane, len);
    }

    fn on_frames(&mut self, lane: Lane, bytes: &[u8]) -> Result<Option<Refused>, SessionError> {
        let (waiting, calls, call_of) = (&mut self.waiting, &mut self.calls, &mut self.call_of);
        let mut closing = None;
        self.session.on_frames(lane, bytes, |event| match event {
            GatewayEvent::Connection(Event::Answered { request, answer }) => {
                waiting.answered(request, answer);
            }
            GatewayEvent::Connection(Event::Closing(refused)) => closing = Some(refused),
            GatewayEvent::Connection(_) => {}
            GatewayEvent::Attached {
                person,
                device,
                attachment,
            } => settle(calls, call_of, (person, device, Ok(attachment))),
            GatewayEvent::Refused {
                person,
                device,
                refused,
            } => settle(calls, call_of, (person, device, Err(refused))),
        })?;
        Ok(closing)
    }

    fn on_deliveries(
        &mut self,
        decoder: &mut DeliveryDecoder,
        bytes: &[u8],
    ) -> Result<(), SessionError> {
        let readers = &mut self.readers;
        self.session
            .on_deliveries(decoder, bytes, Instant::now(), readers)
    }

    /// A reader has taken what it was called with when the call returns.
    fn reads_on(&self) -> bool {
        true
    }

    async fn room(&self) {}

    fn hand_out(&mut self) {}

    fn timeout(&self) -> Option<Instant> {
        self.session.timeout()
    }

    fn on_timeout(&mut self) {
        self.session.on_timeout(Instant::now());
    }

    fn fail(&mut self, reason: &CloseReason) {
        self.waiting.fail(reason);
        for (_, call) in self.calls.drain() {
            let _ = call.answer.send(Err(RequestError::Closed(reason.clone())));
        }
    }
}
