//! One member of the swarm: a QUIC connection, the client library's session on it, and the inbox
//! that checks what comes out.

use std::time::Instant;

use quinn_proto::{Connection, ConnectionHandle, Dir, Event, ReadError, StreamEvent, StreamId};
use throng::client::{Cursors, Event as SessionEvent, Lane, Session, SessionError};
use throng::wire::DeliveryDecoder;

use crate::check::{Inbox, Tally};
use crate::ledger::Ledger;

/// A member, connected or not.
pub(super) struct Member {
    /// Which of the plan's members.
    pub(super) number: usize,
    /// Which socket it uses.
    pub(super) socket: usize,
    pub(super) token: String,
    pub(super) inbox: Inbox,
    /// How far it has got, between connections.
    pub(super) cursors: Cursors,
    pub(super) link: Option<Link>,
}

/// Why a member cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("member {member}: the server broke the protocol: {error}")]
pub(super) struct MemberError {
    member: usize,
    error: SessionError,
}

/// How far a connection has got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// Handshake, hello or attach is not answered yet.
    Connecting,
    /// The attach is answered.
    Online,
    /// It is over, for this reason, and only drains.
    Lost(String),
}

/// A connection, from its first packet until it has drained.
pub(super) struct Link {
    pub(super) handle: ConnectionHandle,
    pub(super) connection: Connection,
    pub(super) session: Session,
    pub(super) stage: Stage,
    /// The tick its timer is set for.
    pub(super) scheduled: u64,
    /// It is on the list of links to drive.
    pub(super) dirty: bool,
    streams: Option<(StreamId, StreamId)>,
    deliveries: Vec<(StreamId, DeliveryDecoder)>,
}

impl Link {
    pub(super) fn new(handle: ConnectionHandle, connection: Connection, session: Session) -> Self {
        Self {
            handle,
            connection,
            session,
            stage: Stage::Connecting,
            scheduled: u64::MAX,
            dirty: false,
            streams: None,
            deliveries: Vec::new(),
        }
    }
}

/// What the members share.
pub(super) struct Shared<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) live_only: bool,
    pub(super) tally: &'a mut Tally,
    pub(super) now: Instant,
}

impl Member {
    /// Handles what QUIC has to say, feeds the session and writes what it wants sent.
    pub(super) fn advance(&mut self, shared: &mut Shared<'_>) -> Result<(), MemberError> {
        let member = self.number;
        self.advance_session(shared)
            .map_err(|error| MemberError { member, error })
    }

    fn advance_session(&mut self, shared: &mut Shared<'_>) -> Result<(), SessionError> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        // Before what has come is read: acknowledgements of that follow when everybody has been given
        // theirs, as they would not wait for each other's on machines of their own.
        link.session.on_timeout(shared.now);
        while let Some(event) = link.connection.poll() {
            match event {
                Event::Connected => {
                    let mut streams = link.connection.streams();
                    link.streams = streams.open(Dir::Bi).zip(streams.open(Dir::Bi));
                }
                Event::Stream(StreamEvent::Opened { dir: Dir::Uni }) => {
                    while let Some(id) = link.connection.streams().accept(Dir::Uni) {
                        link.deliveries.push((id, DeliveryDecoder::new()));
                        read_deliveries(link, id, &mut self.inbox, shared)?;
                    }
                }
                Event::Stream(StreamEvent::Readable { id }) => match link.streams {
                    Some((requests, _)) if id == requests => {
                        read_frames(link, id, Lane::Requests, &self.cursors, shared)?;
                    }
                    Some((_, attach)) if id == attach => {
                        read_frames(link, id, Lane::Attach, &self.cursors, shared)?;
                    }
                    _ => read_deliveries(link, id, &mut self.inbox, shared)?,
                },
                Event::ConnectionLost { reason } => {
                    shared.tally.redelivered += link.session.redelivered();
                    // One that was lost before its attach has the cursors of nobody.
                    if link.stage == Stage::Online {
                        self.cursors = link.session.cursors().clone();
                    }
                    link.stage = Stage::Lost(reason.to_string());
                }
                _ => {}
            }
        }
        if !matches!(link.stage, Stage::Lost(_)) {
            write(link);
        }
        Ok(())
    }
}

/// Reads requests' or attaches' answers, and attaches once the server has said who this is.
fn read_frames(
    link: &mut Link,
    id: StreamId,
    lane: Lane,
    cursors: &Cursors,
    shared: &Shared<'_>,
) -> Result<(), SessionError> {
    let mut events = Vec::new();
    let session = &mut link.session;
    read(&mut link.connection, id, |bytes| {
        session.on_frames(lane, bytes, |event| events.push(event))
    })?;
    for event in events {
        match event {
            SessionEvent::Welcome(_) => {
                link.session
                    .attach(cursors.clone(), shared.live_only)
                    .expect("welcomed, not attached, and in a few groups only");
            }
            SessionEvent::Attached(_) => link.stage = Stage::Online,
            // The swarm asks nothing else; it connects again in a while.
            SessionEvent::AttachFailed(_)
            | SessionEvent::Closing(_)
            | SessionEvent::Answered { .. } => {
                let reason = format!("{event:?}").into();
                link.connection.close(shared.now, 0u32.into(), reason);
            }
        }
    }
    Ok(())
}

fn read_deliveries(
    link: &mut Link,
    id: StreamId,
    inbox: &mut Inbox,
    shared: &mut Shared<'_>,
) -> Result<(), SessionError> {
    if matches!(link.stage, Stage::Lost(_)) {
        // What is still unread was not counted among the cursors: it comes again on the next connection.
        return Ok(());
    }
    let streams = &mut link.deliveries;
    let Some((_, decoder)) = streams.iter_mut().find(|(stream, _)| *stream == id) else {
        return Ok(());
    };
    let (session, now) = (&mut link.session, shared.now);
    let (ledger, tally) = (shared.ledger, &mut *shared.tally);
    let now_us = ledger.micros(now);
    read(&mut link.connection, id, |bytes| {
        session.on_deliveries(decoder, bytes, now, |arrival| {
            inbox.take(ledger, tally, &arrival, now_us);
        })
    })
}

/// Reads all there is of a stream. Its end needs no answer: the connection's follows.
fn read(
    connection: &mut Connection,
    id: StreamId,
    mut each: impl FnMut(&[u8]) -> Result<(), SessionError>,
) -> Result<(), SessionError> {
    let mut stream = connection.recv_stream(id);
    let Ok(mut chunks) = stream.read(true) else {
        return Ok(());
    };
    let result = loop {
        match chunks.next(usize::MAX) {
            Ok(Some(chunk)) => {
                if let Err(error) = each(&chunk.bytes) {
                    break Err(error);
                }
            }
            Ok(None) | Err(ReadError::Blocked | ReadError::Reset(_)) => break Ok(()),
        }
    };
    // Window updates go out with the transmits that follow every advance.
    let _ = chunks.finalize();
    result
}

fn write(link: &mut Link) {
    let Some((requests, attach)) = link.streams else {
        return;
    };
    for (lane, stream) in [(Lane::Requests, requests), (Lane::Attach, attach)] {
        let unsent = link.session.unsent(lane);
        if unsent.is_empty() {
            continue;
        }
        // Blocked: `Writable` comes. Stopped: the connection is about to be lost.
        if let Ok(written) = link.connection.send_stream(stream).write(unsent) {
            link.session.sent(lane, written);
        }
    }
}
