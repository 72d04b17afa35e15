//! A person's or an operator's connection: its session, and the one receiver of its deliveries.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tokio::sync::mpsc;

use super::connection::{Delivery, failed};
use super::cursors::Cursors;
use super::driver::{Line, Speaker, Waiter, Waiting};
use super::error::{CloseReason, NotMade, RequestError, SessionError};
use super::event::{Answer, Arrival, Attachment, Event, Message};
use super::lanes::Lane;
use super::session::Session;
use crate::model::command::TaggedCommand;
use crate::wire::{DeliveryDecoder, Envelope, Refused, Welcome};

/// What a [`super::Client`] asks of its driver.
#[derive(Debug)]
pub(super) enum PersonAsk {
    Publish {
        message: Message,
        answer: Waiter<Answer>,
    },
    Command {
        command: Box<TaggedCommand>,
        answer: Waiter<Answer>,
    },
    Attach {
        cursors: Cursors,
        live_only: bool,
        deliveries: mpsc::Sender<Delivery>,
        redelivered: Arc<AtomicU64>,
        answer: Waiter<Attachment>,
    },
}

/// What moves a [`super::Client`]'s connection. Run it beside the handles, on a task or in a `select!`.
#[derive(Debug)]
pub struct Driver(pub(super) Line<Person>);

impl Driver {
    /// Runs the connection until it is over and says why. Requests that are still waiting get the
    /// same reason; deliveries that have arrived can still be taken.
    pub async fn run(mut self) -> CloseReason {
        let reason = self.0.run().await;
        let Person {
            receiver, arrived, ..
        } = self.0.speaker;
        if let Some(receiver) = receiver {
            for delivery in arrived {
                if receiver.send(delivery).await.is_err() {
                    break;
                }
            }
        }
        reason
    }
}

/// A session and its handles.
#[derive(Debug)]
pub(super) struct Person {
    session: Session,
    waiting: Waiting,
    attaching: Option<Waiter<Attachment>>,
    receiver: Option<mpsc::Sender<Delivery>>,
    arrived: VecDeque<Delivery>,
    redelivered: Arc<AtomicU64>,
}

impl Person {
    pub(super) fn new(session: Session) -> Self {
        Self {
            session,
            waiting: Waiting::default(),
            attaching: None,
            receiver: None,
            arrived: VecDeque::new(),
            redelivered: Arc::default(),
        }
    }
}

impl Speaker for Person {
    type Ask = PersonAsk;

    fn welcome(&self) -> Option<&Welcome> {
        self.session.welcome()
    }

    fn has_room(&self) -> bool {
        self.session.has_room()
    }

    fn on_ask(&mut self, ask: PersonAsk) {
        match ask {
            PersonAsk::Publish { message, answer } => {
                self.waiting.made(self.session.publish(&message), answer);
            }
            PersonAsk::Command { command, answer } => {
                self.waiting.made(self.session.command(&command), answer);
            }
            PersonAsk::Attach {
                cursors,
                live_only,
                deliveries,
                redelivered,
                answer,
            } => {
                if self.attaching.is_some() {
                    let _ = answer.send(Err(NotMade::AlreadyAttached.into()));
                } else if let Err(not_made) = self.session.attach(cursors, live_only) {
                    let _ = answer.send(Err(not_made.into()));
                } else {
                    self.receiver = Some(deliveries);
                    self.redelivered = redelivered;
                    self.attaching = Some(answer);
                }
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
        let (waiting, attaching) = (&mut self.waiting, &mut self.attaching);
        let receiver = &mut self.receiver;
        let mut closing = None;
        self.session.on_frames(lane, bytes, |event| match event {
            Event::Welcome(_) => {}
            Event::Answered { request, answer } => waiting.answered(request, answer),
            Event::Attached(attachment) => {
                if let Some(waiter) = attaching.take() {
                    let _ = waiter.send(Ok(attachment));
                }
            }
            Event::AttachFailed(answer) => {
                *receiver = None;
                if let Some(waiter) = attaching.take() {
                    let _ = waiter.send(Err(failed(answer)));
                }
            }
            Event::Closing(refused) => closing = Some(refused),
        })?;
        Ok(closing)
    }

    fn on_deliveries(
        &mut self,
        decoder: &mut DeliveryDecoder,
        bytes: &[u8],
    ) -> Result<(), SessionError> {
        let arrived = &mut self.arrived;
        self.session
            .on_deliveries(decoder, bytes, Instant::now(), |arrival| {
                arrived.push_back(match arrival {
                    Arrival::Envelope { header, body } => {
                        let envelope = Envelope::new(&header.fields(), body);
                        Delivery::Envelope(envelope.expect("the body's length was checked"))
                    }
                    Arrival::Skip { group, skip } => Delivery::Skip { group, skip },
                });
            })?;
        let redelivered = self.session.redelivered();
        self.redelivered.store(redelivered, Ordering::Relaxed);
        self.hand_out();
        Ok(())
    }

    fn reads_on(&self) -> bool {
        self.arrived.is_empty()
    }

    /// Until the application has room for a delivery, or is gone.
    async fn room(&self) {
        if let Some(receiver) = &self.receiver {
            let _ = receiver.reserve().await;
        }
    }

    /// Hands over what the application has room for; without one listening it is dropped.
    fn hand_out(&mut self) {
        let Some(receiver) = &self.receiver else {
            self.arrived.clear();
            return;
        };
        while let Some(delivery) = self.arrived.pop_front() {
            match receiver.try_send(delivery) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(delivery)) => {
                    self.arrived.push_front(delivery);
                    return;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => {
                    self.arrived.clear();
                    self.receiver = None;
                    return;
                }
            }
        }
    }

    fn timeout(&self) -> Option<Instant> {
        self.session.timeout()
    }

    fn on_timeout(&mut self) {
        self.session.on_timeout(Instant::now());
    }

    fn fail(&mut self, reason: &CloseReason) {
        self.waiting.fail(reason);
        if let Some(waiter) = self.attaching.take() {
            let _ = waiter.send(Err(RequestError::Closed(reason.clone())));
        }
    }
}
