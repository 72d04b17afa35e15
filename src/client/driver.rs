//! The one future that moves a connection: streams in, session, streams out.
//!
//! What a person's connection and a gateway's have in common; what each does with it is a [`Speaker`].
//! Bounded throughout: requests wait in the handles when the session is full, and the delivery streams
//! are left unread while what came has not been taken.

use std::collections::HashMap;
use std::future::pending;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn::{Chunk, Connection, Endpoint, ReadError, RecvStream, SendStream, WriteError};
use tokio::sync::{mpsc, oneshot};

use super::endpoint::endpoint;
use super::error::{CloseCode, CloseReason, ConnectError, NotMade, RequestError, SessionError};
use super::event::Answer;
use super::lanes::Lane;
use super::settings::{Credentials, Settings};
use crate::wire::{DeliveryDecoder, Hello, Refused, TenantId, Welcome};

/// The most taken from a stream of frames at once.
const CHUNK_MAX: usize = 64 * 1024;
/// How long a server may take to close after a goodbye.
const GOODBYE_DEADLINE: Duration = Duration::from_secs(5);
/// Packets' worth taken from a delivery stream at once.
const CHUNKS_MAX: usize = 32;
/// Streams of deliveries: normal and urgent.
const DELIVERY_STREAMS: usize = 2;
/// Requests on their way from handles to the driver.
const ASKS_MAX: usize = 64;

/// Where a handle waits for an answer.
pub(super) type Waiter<T> = oneshot::Sender<Result<T, RequestError>>;

/// What a handle wants of the driver.
#[derive(Debug)]
pub(super) enum Ask<A> {
    Of(A),
    Goodbye,
}

/// A session, and what its handles wait for.
pub(super) trait Speaker {
    /// What handles may ask.
    type Ask;

    fn welcome(&self) -> Option<&Welcome>;
    fn has_room(&self) -> bool;
    fn on_ask(&mut self, ask: Self::Ask);
    fn goodbye(&mut self);
    fn unsent(&self, lane: Lane) -> &[u8];
    fn sent(&mut self, lane: Lane, len: usize);
    /// Why the server is about to close, if `bytes` say so.
    fn on_frames(&mut self, lane: Lane, bytes: &[u8]) -> Result<Option<Refused>, SessionError>;
    fn on_deliveries(
        &mut self,
        decoder: &mut DeliveryDecoder,
        bytes: &[u8],
    ) -> Result<(), SessionError>;
    /// Whether everything that came has been taken.
    fn reads_on(&self) -> bool;
    /// Until some of it can be.
    fn room(&self) -> impl Future<Output = ()>;
    fn hand_out(&mut self);
    fn timeout(&self) -> Option<Instant>;
    fn on_timeout(&mut self);
    /// Whoever waits is told that the connection is over.
    fn fail(&mut self, reason: &CloseReason);
}

/// Who waits for which request.
#[derive(Debug, Default)]
pub(super) struct Waiting(HashMap<u64, Waiter<Answer>>);

impl Waiting {
    /// A request was made, or not.
    pub(super) fn made(&mut self, made: Result<u64, NotMade>, waiter: Waiter<Answer>) {
        match made {
            Ok(request) => {
                self.0.insert(request, waiter);
            }
            Err(not_made) => {
                let _ = waiter.send(Err(not_made.into()));
            }
        }
    }

    /// A handle that no longer waits is no error.
    pub(super) fn answered(&mut self, request: u64, answer: Answer) {
        if let Some(waiter) = self.0.remove(&request) {
            let _ = waiter.send(Ok(answer));
        }
    }

    pub(super) fn fail(&mut self, reason: &CloseReason) {
        for (_, waiter) in self.0.drain() {
            let _ = waiter.send(Err(RequestError::Closed(reason.clone())));
        }
    }
}

#[derive(Debug)]
struct DeliveryStream {
    stream: RecvStream,
    decoder: DeliveryDecoder,
    chunks: [Bytes; CHUNKS_MAX],
}

/// A speaker on its connection.
#[derive(Debug)]
pub(super) struct Line<S: Speaker> {
    pub(super) speaker: S,
    connection: Connection,
    // An endpoint of one's own must live as long as its connection.
    _endpoint: Endpoint,
    requests: (SendStream, RecvStream),
    attach: (SendStream, RecvStream),
    deliveries: [Option<DeliveryStream>; DELIVERY_STREAMS],
    asks: Option<mpsc::Receiver<Ask<S::Ask>>>,
    goodbye_at: Option<Instant>,
    closing: Option<Refused>,
}

/// What a handle asks through, a line that has been welcomed, and the welcome.
pub(super) type Opened<S> = (mpsc::Sender<Ask<<S as Speaker>::Ask>>, Line<S>, Welcome);

impl<S: Speaker> Line<S> {
    /// Connects and waits for the welcome.
    pub(super) async fn open(
        addr: SocketAddr,
        server_name: &str,
        credentials: &Credentials,
        settings: &Settings,
        speaker: impl FnOnce(&Hello<'_>) -> S,
    ) -> Result<Opened<S>, ConnectError> {
        let deadline = settings.welcome_deadline;
        let opening =
            Self::open_without_deadline(addr, server_name, credentials, settings, speaker);
        tokio::time::timeout(deadline, opening)
            .await
            .unwrap_or(Err(ConnectError::Deadline(deadline)))
    }

    async fn open_without_deadline(
        addr: SocketAddr,
        server_name: &str,
        credentials: &Credentials,
        settings: &Settings,
        speaker: impl FnOnce(&Hello<'_>) -> S,
    ) -> Result<Opened<S>, ConnectError> {
        let endpoint = match &settings.endpoint {
            Some(endpoint) => endpoint.clone(),
            None if addr.is_ipv4() => endpoint((Ipv4Addr::UNSPECIFIED, 0).into())?,
            None => endpoint((Ipv6Addr::UNSPECIFIED, 0).into())?,
        };
        let (token, tenant) = match credentials {
            Credentials::Token(token) => (token.as_str(), TenantId(0)),
            Credentials::Certificate { tenant, .. } => ("", *tenant),
        };
        let speaker = speaker(&Hello { token, tenant });
        let connecting = endpoint.connect_with(settings.quic(credentials)?, addr, server_name)?;
        let connection = connecting.await.map_err(CloseReason::from)?;
        let requests = connection.open_bi().await.map_err(CloseReason::from)?;
        let attach = connection.open_bi().await.map_err(CloseReason::from)?;
        let (handle, asks) = mpsc::channel(ASKS_MAX);
        let mut line = Self {
            speaker,
            connection,
            _endpoint: endpoint,
            requests,
            attach,
            deliveries: [const { None }; DELIVERY_STREAMS],
            asks: Some(asks),
            goodbye_at: None,
            closing: None,
        };
        loop {
            let turned = line.turn(false).await;
            if let Some(refused) = line.closing.take() {
                return Err(ConnectError::Refused(refused));
            }
            turned?;
            if let Some(welcome) = line.speaker.welcome().copied() {
                return Ok((handle, line, welcome));
            }
        }
    }

    /// Runs the connection until it is over and says why.
    pub(super) async fn run(&mut self) -> CloseReason {
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
        self.speaker.fail(&reason);
        reason
    }

    /// Waits for one thing to do and does it. Requests are taken only when `taking_asks`.
    async fn turn(&mut self, taking_asks: bool) -> Result<(), CloseReason> {
        let to_request = self.speaker.unsent(Lane::Requests);
        let to_attach = self.speaker.unsent(Lane::Attach);
        let taking_asks = taking_asks && self.speaker.has_room();
        let reading = self.speaker.reads_on();
        let [first, second] = &mut self.deliveries;
        let has_place = first.is_none() || second.is_none();
        tokio::select! {
            ask = next_ask(&mut self.asks), if taking_asks => self.on_ask(ask),
            written = self.requests.0.write(to_request), if !to_request.is_empty() => {
                self.speaker.sent(Lane::Requests, written.map_err(write_failed)?);
            }
            written = self.attach.0.write(to_attach), if !to_attach.is_empty() => {
                self.speaker.sent(Lane::Attach, written.map_err(write_failed)?);
            }
            chunk = self.requests.1.read_chunk(CHUNK_MAX, true) => {
                self.on_frames(Lane::Requests, chunk)?;
            }
            chunk = self.attach.1.read_chunk(CHUNK_MAX, true) => self.on_frames(Lane::Attach, chunk)?,
            stream = self.connection.accept_uni(), if has_place => {
                let opened = DeliveryStream {
                    stream: stream?,
                    decoder: DeliveryDecoder::new(),
                    chunks: [const { Bytes::new() }; CHUNKS_MAX],
                };
                if let Some(place) = self.deliveries.iter_mut().find(|place| place.is_none()) {
                    *place = Some(opened);
                }
            }
            chunks = read(first), if reading => self.on_deliveries(0, chunks)?,
            chunks = read(second), if reading => self.on_deliveries(1, chunks)?,
            () = self.speaker.room(), if !reading => self.speaker.hand_out(),
            () = sleep_until(self.speaker.timeout()) => self.speaker.on_timeout(),
            () = sleep_until(self.goodbye_at) => {
                self.connection.close(0u32.into(), b"done");
                return Err(CloseReason::Done);
            }
            error = self.connection.closed() => return Err(error.into()),
        }
        Ok(())
    }

    /// Takes a request and all that wait behind it: what is asked at once travels together.
    fn on_ask(&mut self, first: Option<Ask<S::Ask>>) {
        if first.is_none() {
            self.asks = None;
        }
        let mut ask = first.unwrap_or(Ask::Goodbye);
        loop {
            match ask {
                Ask::Of(ask) => self.speaker.on_ask(ask),
                Ask::Goodbye if self.goodbye_at.is_some() => return,
                Ask::Goodbye => {
                    self.speaker.goodbye();
                    self.goodbye_at = Some(Instant::now() + GOODBYE_DEADLINE);
                    return;
                }
            }
            let next = self.asks.as_mut().filter(|_| self.speaker.has_room());
            let Some(Ok(next)) = next.map(mpsc::Receiver::try_recv) else {
                return;
            };
            ask = next;
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
        if let Some(closing) = self.speaker.on_frames(lane, &chunk.bytes)? {
            self.closing = Some(closing);
        }
        Ok(())
    }

    fn on_deliveries(
        &mut self,
        place: usize,
        chunks: Result<Option<usize>, ReadError>,
    ) -> Result<(), CloseReason> {
        let count = chunks.map_err(read_failed)?;
        let Some(open) = &mut self.deliveries[place] else {
            return Ok(());
        };
        let Some(count) = count else {
            open.decoder.finish().map_err(SessionError::from)?;
            self.deliveries[place] = None;
            return Ok(());
        };
        for chunk in &mut open.chunks[..count] {
            let bytes = std::mem::take(chunk);
            self.speaker.on_deliveries(&mut open.decoder, &bytes)?;
        }
        Ok(())
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
async fn next_ask<A>(asks: &mut Option<mpsc::Receiver<Ask<A>>>) -> Option<Ask<A>> {
    match asks {
        Some(asks) => asks.recv().await,
        None => pending().await,
    }
}

/// Fills a delivery stream's chunks: how many, none at its end.
async fn read(place: &mut Option<DeliveryStream>) -> Result<Option<usize>, ReadError> {
    match place {
        Some(open) => open.stream.read_chunks(&mut open.chunks).await,
        None => pending().await,
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
