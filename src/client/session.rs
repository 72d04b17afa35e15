//! The protocol of one connection as a state machine over bytes: no sockets, no clock, no tasks.
//!
//! Whoever owns the streams feeds what arrives and sends what is unsent; the client library does so
//! on quinn, the load tester for thousands of sessions from one loop. Everything here is bounded:
//! requests in flight, unsent bytes, groups and gaps ([`Limits`]).

use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};

use super::cursors::{CursorLimits, Cursors};
use super::error::{NotMade, SessionError};
use super::event::{Answer, Arrival, Attachment, Event, Message};
use crate::model::command::{Reply, TaggedCommand};
use crate::wire::{
    Ack, AckItem, Attach, AttachEntry, Attached, AttachedGroup, BODY_LEN_MAX, Busy, Cursor,
    DeliveryDecoder, Draft, FRAME_LEN_MAX, Frame, FrameDecoder, FrameKind, GroupId, Header,
    HeaderFields, Hello, Kind, Priority, Published, Refused, SkipBody, Welcome, encode_frame,
};

/// Cursors of one attach and items of one acknowledgement that fit a frame.
const CURSORS_PER_FRAME_MAX: usize = (FRAME_LEN_MAX as usize - 64) / size_of::<Cursor>();
const ACKS_PER_FRAME: usize = (FRAME_LEN_MAX as usize - 64) / size_of::<AckItem>();

/// What one session may hold and how often it acknowledges.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Requests sent and not yet answered. Default 1,024; each costs about 32 bytes.
    pub in_flight_max: usize,
    /// Unsent bytes of each stream above which no request is taken. Default 1 MiB.
    pub unsent_bytes_max: usize,
    /// The longest an arrival waits for its acknowledgement, so that many share one; urgent ones
    /// never wait. Default 1 s.
    pub ack_delay: Duration,
    /// What the server may make the session remember.
    pub cursors: CursorLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight_max: 1_024,
            unsent_bytes_max: 1024 * 1024,
            ack_delay: Duration::from_secs(1),
            cursors: CursorLimits::default(),
        }
    }
}

/// One of the two streams a client opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Lane {
    /// Requests and their answers; opened first.
    Requests,
    /// Attaches, detaches, acknowledgements and the answers to attaches; opened second.
    Attach,
}

#[derive(Debug)]
struct Stream {
    decoder: FrameDecoder,
    unsent: Vec<u8>,
    sent: usize,
}

impl Stream {
    fn new() -> Self {
        Self {
            decoder: FrameDecoder::new(FRAME_LEN_MAX),
            unsent: Vec::new(),
            sent: 0,
        }
    }

    fn unsent(&self) -> &[u8] {
        &self.unsent[self.sent..]
    }
}

#[derive(Debug)]
enum Attaching {
    No,
    Asked {
        request: u64,
        live_only: bool,
        cursors_void: bool,
        groups: Vec<AttachedGroup>,
    },
    Yes,
}

/// One connection's state.
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    welcome: Option<Welcome>,
    requests: Stream,
    attach: Stream,
    last_request: u64,
    in_flight: FxHashMap<u64, FrameKind>,
    attaching: Attaching,
    cursors: Cursors,
    unacknowledged: FxHashSet<GroupId>,
    ack_due: Option<Instant>,
    redelivered: u64,
}

impl Session {
    /// A session that begins with `hello`.
    #[must_use]
    pub fn new(hello: &Hello<'_>, limits: Limits) -> Self {
        let mut requests = Stream::new();
        encode_frame(FrameKind::Hello, 0, &hello.encode(), &mut requests.unsent);
        Self {
            limits,
            welcome: None,
            requests,
            attach: Stream::new(),
            last_request: 0,
            in_flight: FxHashMap::default(),
            attaching: Attaching::No,
            cursors: Cursors::new(limits.cursors),
            unacknowledged: FxHashSet::default(),
            ack_due: None,
            redelivered: 0,
        }
    }

    /// Who this is, once the server has said so.
    #[must_use]
    pub fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_ref()
    }

    /// Deliveries that had come before, on this connection or an earlier one, and were dropped.
    #[must_use]
    pub fn redelivered(&self) -> u64 {
        self.redelivered
    }

    /// How far the person has got; what the next session attaches with.
    #[must_use]
    pub fn cursors(&self) -> &Cursors {
        &self.cursors
    }

    /// Gives the cursors away, when the connection is over.
    #[must_use]
    pub fn into_cursors(self) -> Cursors {
        self.cursors
    }

    /// Whether a request would be taken now.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.in_flight.len() < self.limits.in_flight_max
            && self.requests.unsent().len() < self.limits.unsent_bytes_max
    }

    /// Publishes `message` and returns the request's number.
    pub fn publish(&mut self, message: &Message) -> Result<u64, NotMade> {
        let welcome = self.ready()?;
        let fields = HeaderFields {
            kind: message.kind,
            priority: message.priority,
            tenant: welcome.tenant,
            group: message.group,
            sender: welcome.person,
            device: welcome.device,
            client_message_id: message.client_message_id,
            ..HeaderFields::default()
        };
        let draft = Draft::new(&message.body).map_err(|_| NotMade::TooLong {
            len: message.body.len(),
            limit: BODY_LEN_MAX,
        })?;
        let envelope = draft.seal(&fields);
        Ok(self.request(FrameKind::Publish, envelope.bytes()))
    }

    /// Asks `command` and returns the request's number.
    pub fn command(&mut self, command: &TaggedCommand) -> Result<u64, NotMade> {
        self.ready()?;
        let body = command.encode();
        if body.len() > FRAME_LEN_MAX as usize {
            return Err(NotMade::TooLong {
                len: body.len(),
                limit: FRAME_LEN_MAX as usize,
            });
        }
        Ok(self.request(FrameKind::command(command.tag()), &body))
    }

    /// Brings the person online from where `cursors` say they have got; `live_only` starts groups
    /// without a cursor at their head instead of at one's own join.
    pub fn attach(&mut self, mut cursors: Cursors, live_only: bool) -> Result<(), NotMade> {
        let welcome = *self.welcome.as_ref().ok_or(NotMade::NotWelcomed)?;
        if !matches!(self.attaching, Attaching::No) {
            return Err(NotMade::AlreadyAttached);
        }
        let cursors_void = cursors.bind(welcome.incarnation);
        let on_wire = cursors.to_wire();
        if on_wire.len() > CURSORS_PER_FRAME_MAX {
            return Err(NotMade::TooManyCursors {
                have: on_wire.len(),
                limit: CURSORS_PER_FRAME_MAX,
            });
        }
        let attach = Attach {
            live_only,
            people: vec![AttachEntry {
                person: welcome.person,
                device: welcome.device,
                cursors: on_wire,
            }],
        };
        self.cursors = cursors;
        self.last_request += 1;
        let request = self.last_request;
        let unsent = &mut self.attach.unsent;
        encode_frame(FrameKind::Attach, request, &attach.encode(), unsent);
        self.attaching = Attaching::Asked {
            request,
            live_only,
            cursors_void,
            groups: Vec::new(),
        };
        Ok(())
    }

    /// Says goodbye: what is in flight is answered, then the server closes.
    pub fn goodbye(&mut self) {
        encode_frame(FrameKind::Goodbye, 0, &[], &mut self.requests.unsent);
    }

    /// Bytes to send on `lane`.
    #[must_use]
    pub fn unsent(&self, lane: Lane) -> &[u8] {
        match lane {
            Lane::Requests => self.requests.unsent(),
            Lane::Attach => self.attach.unsent(),
        }
    }

    /// The first `len` of the unsent bytes of `lane` are sent.
    pub fn sent(&mut self, lane: Lane, len: usize) {
        let stream = self.stream(lane);
        stream.sent += len;
        debug_assert!(stream.sent <= stream.unsent.len());
        if stream.sent == stream.unsent.len() {
            stream.unsent.clear();
            stream.sent = 0;
        }
    }

    /// Reads what arrived on `lane` and hands out what it says.
    pub fn on_frames(
        &mut self,
        lane: Lane,
        mut bytes: &[u8],
        mut each: impl FnMut(Event),
    ) -> Result<(), SessionError> {
        while let Some(frame) = self.stream(lane).decoder.next(&mut bytes)? {
            let event = match lane {
                Lane::Requests => Some(self.on_answer(&frame)?),
                Lane::Attach => self.on_attach_answer(&frame)?,
            };
            if let Some(event) = event {
                each(event);
            }
        }
        Ok(())
    }

    /// Reads what arrived on a delivery stream and hands out what is new.
    pub fn on_deliveries(
        &mut self,
        decoder: &mut DeliveryDecoder,
        bytes: &[u8],
        now: Instant,
        mut each: impl FnMut(Arrival<'_>),
    ) -> Result<(), SessionError> {
        let mut broken = None;
        decoder.read(bytes, |header, body| {
            if broken.is_some() {
                return;
            }
            match self.arrive(header, body, now) {
                Ok(Some(arrival)) => each(arrival),
                Ok(None) => self.redelivered += 1,
                Err(error) => broken = Some(error),
            }
        })?;
        broken.map_or(Ok(()), Err)
    }

    /// When [`Session::on_timeout`] wants to be called.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        self.ack_due
    }

    /// Acknowledges what has arrived, if it is time.
    pub fn on_timeout(&mut self, now: Instant) {
        if self.ack_due.is_none_or(|due| due > now) {
            return;
        }
        self.ack_due = None;
        let Some(welcome) = &self.welcome else { return };
        if self.attach.unsent().len() > self.limits.unsent_bytes_max {
            self.ack_due = Some(now + self.limits.ack_delay);
            return;
        }
        let cursors = &self.cursors;
        let mut items = self.unacknowledged.drain().filter_map(|group| {
            let floor = cursors.floor(group)?;
            Some(AckItem::new(welcome.person, group, floor))
        });
        loop {
            let ack = Ack {
                items: items.by_ref().take(ACKS_PER_FRAME).collect(),
            };
            if ack.items.is_empty() {
                return;
            }
            encode_frame(FrameKind::Ack, 0, &ack.encode(), &mut self.attach.unsent);
        }
    }

    fn stream(&mut self, lane: Lane) -> &mut Stream {
        match lane {
            Lane::Requests => &mut self.requests,
            Lane::Attach => &mut self.attach,
        }
    }

    fn ready(&self) -> Result<Welcome, NotMade> {
        let welcome = self.welcome.ok_or(NotMade::NotWelcomed)?;
        if self.has_room() {
            Ok(welcome)
        } else {
            Err(NotMade::Full)
        }
    }

    fn request(&mut self, kind: FrameKind, payload: &[u8]) -> u64 {
        self.last_request += 1;
        self.in_flight.insert(self.last_request, kind);
        encode_frame(kind, self.last_request, payload, &mut self.requests.unsent);
        self.last_request
    }

    fn on_answer(&mut self, frame: &Frame) -> Result<Event, SessionError> {
        let unexpected = SessionError::UnexpectedFrame {
            kind: frame.kind,
            lane: Lane::Requests,
        };
        match frame.kind {
            FrameKind::Closing => return Ok(Event::Closing(Refused::read(frame.payload())?)),
            FrameKind::Refused if self.welcome.is_none() => {
                return Ok(Event::Closing(Refused::read(frame.payload())?));
            }
            FrameKind::Welcome if self.welcome.is_none() => {
                let welcome = Welcome::read(frame.payload())?;
                self.welcome = Some(welcome);
                return Ok(Event::Welcome(welcome));
            }
            _ => {}
        }
        let request = frame.request;
        let asked = self.in_flight.remove(&request);
        let asked = asked.ok_or(SessionError::UnknownRequest { request })?;
        let answer = match (asked, frame.kind) {
            (FrameKind::Publish, FrameKind::Published) => {
                Answer::Published(Published::read(frame.payload())?)
            }
            (FrameKind::Command(_), FrameKind::Reply(tag)) => {
                Answer::Reply(Box::new(Reply::decode(tag, frame.payload())?))
            }
            (_, FrameKind::Refused) => Answer::Refused(Refused::read(frame.payload())?),
            (_, FrameKind::Busy) => Answer::Busy(Busy::read(frame.payload())?),
            _ => return Err(unexpected),
        };
        Ok(Event::Answered { request, answer })
    }

    fn on_attach_answer(&mut self, frame: &Frame) -> Result<Option<Event>, SessionError> {
        let Attaching::Asked {
            request,
            live_only,
            cursors_void,
            groups,
        } = &mut self.attaching
        else {
            return Err(SessionError::UnexpectedFrame {
                kind: frame.kind,
                lane: Lane::Attach,
            });
        };
        if frame.request != *request {
            return Err(SessionError::UnknownRequest {
                request: frame.request,
            });
        }
        let answer = match frame.kind {
            FrameKind::Attached => {
                let page = Attached::read(frame.payload())?;
                let before = self.welcome.map_or(0, |welcome| welcome.incarnation);
                if page.incarnation != before {
                    return Err(SessionError::Incarnation {
                        before,
                        after: page.incarnation,
                    });
                }
                for group in &page.groups {
                    self.cursors.begin(group, *live_only)?;
                }
                groups.extend(page.groups);
                if page.more {
                    return Ok(None);
                }
                let attachment = Attachment {
                    position: page.position,
                    groups: core::mem::take(groups),
                    cursors_void: *cursors_void,
                };
                self.attaching = Attaching::Yes;
                return Ok(Some(Event::Attached(attachment)));
            }
            FrameKind::Refused => Answer::Refused(Refused::read(frame.payload())?),
            FrameKind::Busy => Answer::Busy(Busy::read(frame.payload())?),
            kind => {
                return Err(SessionError::UnexpectedFrame {
                    kind,
                    lane: Lane::Attach,
                });
            }
        };
        self.attaching = Attaching::No;
        Ok(Some(Event::AttachFailed(answer)))
    }

    /// What is new in an envelope; nothing when it had come before.
    fn arrive<'a>(
        &mut self,
        header: &'a Header,
        body: &'a [u8],
        now: Instant,
    ) -> Result<Option<Arrival<'a>>, SessionError> {
        let group = header.group();
        let mine = self.welcome.is_some_and(|w| w.tenant == header.tenant())
            && !matches!(self.attaching, Attaching::No);
        let sequenced = header.kind() == Kind::Skip || header.sequence().0 > 0;
        if !mine || !sequenced {
            return Err(SessionError::StrayDelivery {
                tenant: header.tenant(),
                group,
            });
        }
        let urgent = header.priority() == Priority::Urgent;
        let arrival = if header.kind() == Kind::Skip {
            let skip = SkipBody::read(body)?;
            self.cursors.skip(group, skip.from, skip.to)?;
            Some(Arrival::Skip { group, skip })
        } else {
            let new = self.cursors.take(group, header.sequence(), !urgent)?;
            new.then_some(Arrival::Envelope { header, body })
        };
        self.unacknowledged.insert(group);
        let due = if urgent {
            now
        } else {
            now + self.limits.ack_delay
        };
        self.ack_due = Some(self.ack_due.map_or(due, |earlier| earlier.min(due)));
        Ok(arrival)
    }
}
