//! The one future that moves a connection: streams in, session, streams out.
//!
//! Bounded throughout: requests wait in the handles when the session is full, and the delivery
//! streams are left unread while the application has not taken what came.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use quinn::{Chunk, Connection, Endpoint, ReadError, RecvStream, SendStream, WriteError};
use tokio::sync::{mpsc, oneshot};

use super::connection::{Delivery, failed};
use super::cursors::Cursors;
use super::error::{CloseCode, CloseReason, ConnectError, NotMade, RequestError, SessionError};
use super::event::{Answer, Arrival, Attachment, Event, Message};
use super::session::{Lane, Session};
use crate::model::command::TaggedCommand;
use crate::wire::{DeliveryDecoder, Envelope, Refused, Welcome};

/// The most taken from a stream at once.
const CHUNK_MAX: usize = 64 * 1024;
/// How long a server may take to close after a goodbye.
const GOODBYE_DEADLINE: Duration = Duration::from_secs(5);
/// Streams of deliveries: normal and urgent.
const DELIVERY_STREAMS: usize = 2;

/// What a handle wants of the driver.
#[derive(Debug)]
pub(super) enum Ask {
    Publish {
        message: Message,
        answer: oneshot::Sender<Result<Answer, RequestError>>,
    },
    Command {
        command: Box<TaggedCommand>,
        answer: oneshot::Sender<Result<Answer, RequestError>>,
    },
    Attach {
        cursors: Cursors,
        live_only: bool,
        deliveries: mpsc::Sender<Delivery>,
        redelivered: Arc<AtomicU64>,
        answer: oneshot::Sender<Result<Attachment, RequestError>>,
    },
    Goodbye,
}

#[derive(Debug)]
struct DeliveryStream {
    stream: RecvStream,
    decoder: DeliveryDecoder,
}

/// What moves a connection. Run it beside the handles, on a task or in a `select!`.
#[derive(Debug)]
pub struct Driver {
    connection: Connection,
    // An endpoint of one's own must live as long as its connection.
    _endpoint: Endpoint,
    requests: (SendStream, RecvStream),
    attach: (SendStream, RecvStream),
    deliveries: [Option<DeliveryStream>; DELIVERY_STREAMS],
    session: Session,
    asks: Option<mpsc::Receiver<Ask>>,
    waiting: HashMap<u64, oneshot::Sender<Result<Answer, RequestError>>>,
    attaching: Option<oneshot::Sender<Result<Attachment, RequestError>>>,
    receiver: Option<mpsc::Sender<Delivery>>,
    arrived: VecDeque<Delivery>,
    redelivered: Arc<AtomicU64>,
    goodbye_at: Option<Instant>,
    closing: Option<Refused>,
}

impl Driver {
    /// Opens the two streams and waits for the welcome.
    pub(super) async fn greet(
        connection: Connection,
        endpoint: Endpoint,
        session: Session,
        asks: mpsc::Receiver<Ask>,
    ) -> Result<(Self, Welcome), ConnectError> {
        let requests = connection.open_bi().await.map_err(CloseReason::from)?;
        let attach = connection.open_bi().await.map_err(CloseReason::from)?;
        let mut driver = Self {
            connection,
            _endpoint: endpoint,
            requests,
            attach,
            deliveries: [const { None }; DELIVERY_STREAMS],
            session,
            asks: Some(asks),
            waiting: HashMap::new(),
            attaching: None,
            receiver: None,
            arrived: VecDeque::new(),
            redelivered: Arc::default(),
            goodbye_at: None,
            closing: None,
        };
        loop {
            let turned = driver.turn(false).await;
            if let Some(refused) = driver.closing.take() {
                return Err(ConnectError::Refused(refused));
            }
            turned?;
            if let Some(welcome) = driver.session.welcome().copied() {
                return Ok((driver, welcome));
            }
        }
    }

    /// Runs the connection until it is over and says why. Requests that are still waiting get the
    /// same reason; deliveries that have arrived can still be taken.
    pub async fn run(mut self) -> CloseReason {
        let reason = loop {
            if let Err(reason) = self.turn(true).await {
                break reason;
            }
        };
        if let CloseReason::Protocol(error) = &reason {
            let code = quinn::VarInt::from_u64(CloseCode::ProtocolError.to_u64());
            self.connection
                .close(code.unwrap_or_default(), error.to_string().as_bytes());
        }
        let closed = || RequestError::Closed(reason.clone());
        for (_, answer) in self.waiting.drain() {
            let _ = answer.send(Err(closed()));
        }
        if let Some(answer) = self.attaching.take() {
            let _ = answer.send(Err(closed()));
        }
        if let Some(receiver) = &self.receiver {
            for delivery in self.arrived.drain(..) {
                if receiver.send(delivery).await.is_err() {
                    break;
                }
            }
        }
        reason
    }

    /// Waits for one thing to do and does it. Requests are taken only when `taking_asks`.
    async fn turn(&mut self, taking_asks: bool) -> Result<(), CloseReason> {
        let to_request = self.session.unsent(Lane::Requests);
        let to_attach = self.session.unsent(Lane::Attach);
        let taking_asks = taking_asks && self.session.has_room();
        let reading = self.arrived.is_empty();
        let [first, second] = &mut self.deliveries;
        let has_place = first.is_none() || second.is_none();
        tokio::select! {
            ask = next_ask(&mut self.asks), if taking_asks => self.on_ask(ask),
            written = self.requests.0.write(to_request), if !to_request.is_empty() => {
                self.session.sent(Lane::Requests, written.map_err(write_failed)?);
            }
            written = self.attach.0.write(to_attach), if !to_attach.is_empty() => {
                self.session.sent(Lane::Attach, written.map_err(write_failed)?);
            }
            chunk = self.requests.1.read_chunk(CHUNK_MAX, true) => {
                self.on_frames(Lane::Requests, chunk)?;
            }
            chunk = self.attach.1.read_chunk(CHUNK_MAX, true) => self.on_frames(Lane::Attach, chunk)?,
            stream = self.connection.accept_uni(), if has_place => {
                let opened = DeliveryStream { stream: stream?, decoder: DeliveryDecoder::new() };
                if let Some(place) = self.deliveries.iter_mut().find(|place| place.is_none()) {
                    *place = Some(opened);
                }
            }
            chunk = read(first), if reading => self.on_deliveries(0, chunk)?,
            chunk = read(second), if reading => self.on_deliveries(1, chunk)?,
            () = has_room(self.receiver.as_ref()), if !reading => self.hand_out(),
            () = sleep_until(self.session.timeout()) => self.session.on_timeout(Instant::now()),
            () = sleep_until(self.goodbye_at) => {
                self.connection.close(0u32.into(), b"done");
                return Err(CloseReason::Done);
            }
            error = self.connection.closed() => return Err(error.into()),
        }
        Ok(())
    }

    fn on_ask(&mut self, ask: Option<Ask>) {
        let (made, answer) = match ask {
            Some(Ask::Publish { message, answer }) => (self.session.publish(&message), answer),
            Some(Ask::Command { command, answer }) => (self.session.command(&command), answer),
            Some(Ask::Attach {
                cursors,
                live_only,
                deliveries,
                redelivered,
                answer,
            }) => {
                if self.attaching.is_some() {
                    let _ = answer.send(Err(NotMade::AlreadyAttached.into()));
                } else if let Err(not_made) = self.session.attach(cursors, live_only) {
                    let _ = answer.send(Err(not_made.into()));
                } else {
                    self.receiver = Some(deliveries);
                    self.redelivered = redelivered;
                    self.attaching = Some(answer);
                }
                return;
            }
            Some(Ask::Goodbye) | None => {
                if ask.is_none() {
                    self.asks = None;
                }
                if self.goodbye_at.is_none() {
                    self.session.goodbye();
                    self.goodbye_at = Some(Instant::now() + GOODBYE_DEADLINE);
                }
                return;
            }
        };
        match made {
            Ok(request) => {
                self.waiting.insert(request, answer);
            }
            Err(not_made) => {
                let _ = answer.send(Err(not_made.into()));
            }
        }
    }

    fn on_frames(
        &mut self,
        lane: Lane,
        chunk: Result<Option<Chunk>, ReadError>,
    ) -> Result<(), CloseReason> {
        let Some(chunk) = chunk.map_err(read_failed)? else {
            return Err(self.ended());
        };
        let (waiting, attaching) = (&mut self.waiting, &mut self.attaching);
        let (receiver, closing) = (&mut self.receiver, &mut self.closing);
        self.session
            .on_frames(lane, &chunk.bytes, |event| match event {
                Event::Welcome(_) => {}
                Event::Answered { request, answer } => {
                    // A handle that no longer waits is no error.
                    if let Some(waiter) = waiting.remove(&request) {
                        let _ = waiter.send(Ok(answer));
                    }
                }
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
                Event::Closing(refused) => *closing = Some(refused),
            })?;
        Ok(())
    }

    fn on_deliveries(
        &mut self,
        place: usize,
        chunk: Result<Option<Chunk>, ReadError>,
    ) -> Result<(), CloseReason> {
        let chunk = chunk.map_err(read_failed)?;
        let Some(open) = &mut self.deliveries[place] else {
            return Ok(());
        };
        let Some(chunk) = chunk else {
            open.decoder.finish().map_err(SessionError::from)?;
            self.deliveries[place] = None;
            return Ok(());
        };
        let arrived = &mut self.arrived;
        self.session
            .on_deliveries(&mut open.decoder, &chunk.bytes, Instant::now(), |arrival| {
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

    /// The server ended a stream it may not end while the connection lives.
    fn ended(&self) -> CloseReason {
        match self.connection.close_reason() {
            Some(error) => error.into(),
            None if self.goodbye_at.is_some() => CloseReason::Done,
            None => CloseReason::ByServer {
                code: CloseCode::Done,
                reason: self
                    .closing
                    .as_ref()
                    .map_or_else(|| "stream ended".to_owned(), |refused| refused.text.clone()),
                retry_after: None,
            },
        }
    }
}

/// The next request; none, once, when every handle is gone.
async fn next_ask(asks: &mut Option<mpsc::Receiver<Ask>>) -> Option<Ask> {
    match asks {
        Some(asks) => asks.recv().await,
        None => pending().await,
    }
}

async fn read(place: &mut Option<DeliveryStream>) -> Result<Option<Chunk>, ReadError> {
    match place {
        Some(open) => open.stream.read_chunk(CHUNK_MAX, true).await,
        None => pending().await,
    }
}

/// Until the application has room for a delivery, or is gone.
async fn has_room(receiver: Option<&mpsc::Sender<Delivery>>) {
    if let Some(receiver) = receiver {
        let _ = receiver.reserve().await;
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => pending().await,
    }
}

fn read_failed(error: ReadError) -> CloseReason {
    match error {
        ReadError::ConnectionLost(error) => error.into(),
        ReadError::Reset(code) => reset(code),
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            CloseReason::Done
        }
    }
}

fn write_failed(error: WriteError) -> CloseReason {
    match error {
        WriteError::ConnectionLost(error) => error.into(),
        WriteError::Stopped(code) => reset(code),
        WriteError::ClosedStream | WriteError::ZeroRttRejected => CloseReason::Done,
    }
}

fn reset(code: quinn::VarInt) -> CloseReason {
    CloseReason::ByServer {
        code: CloseCode::from_u64(code.into_inner()),
        reason: "stream reset".to_owned(),
        retry_after: None,
    }
}
