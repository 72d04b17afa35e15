//! The protocol of one connection as a state machine over bytes: no sockets, no clock, no tasks.
//!
//! Whoever owns the streams feeds what arrives and sends what is unsent; the client library does so
//! on quinn, the load tester for thousands of sessions from one loop. Everything here is bounded:
//! requests in flight, unsent bytes, groups and gaps ([`Limits`]).

use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::cursors::{CursorLimits, Cursors};
use super::error::{NotMade, SessionError};
use super::event::{Answer, Arrival, Attachment, Event, Message};
use super::lanes::{FrameStream, Lane};
use super::requests::Requests;
use crate::model::command::TaggedCommand;
use crate::wire::{
    Ack, AckItem, Attach, AttachEntry, Attached, AttachedGroup, Busy, Cursor, DeliveryDecoder,
    FRAME_LEN_MAX, Frame, FrameKind, GroupId, Header, Hello, Kind, Priority, Refused, SkipBody,
    Welcome,
};

/// Cursors of one attach and items of one acknowledgement that fit a frame.
pub(super) const CURSORS_PER_FRAME_MAX: usize = (FRAME_LEN_MAX as usize - 64) / size_of::<Cursor>();
pub(super) const ACKS_PER_FRAME: usize = (FRAME_LEN_MAX as usize - 64) / size_of::<AckItem>();

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
    requests: Requests,
    attach: FrameStream,
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
        Self {
            limits,
            requests: Requests::new(hello, &limits),
            attach: FrameStream::new(),
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
        self.requests.welcome.as_ref()
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
        self.requests.has_room()
    }

    /// Publishes `message` and returns the request's number.
    pub fn publish(&mut self, message: &Message) -> Result<u64, NotMade> {
        self.requests.publish(message, None)
    }

    /// Asks `command` and returns the request's number.
    pub fn command(&mut self, command: &TaggedCommand) -> Result<u64, NotMade> {
        self.requests.command(command)
    }

    /// Brings the person online from where `cursors` say they have got; `live_only` starts groups
    /// without a cursor at their head instead of at one's own join.
    pub fn attach(&mut self, mut cursors: Cursors, live_only: bool) -> Result<(), NotMade> {
        let welcome = self.requests.welcome.ok_or(NotMade::NotWelcomed)?;
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
        let request = self.requests.next_number();
        self.attach
            .push(FrameKind::Attach, request, &attach.encode());
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
        self.requests.goodbye();
    }

    /// Bytes to send on `lane`.
    #[must_use]
    pub fn unsent(&self, lane: Lane) -> &[u8] {
        match lane {
            Lane::Requests => self.requests.stream.unsent(),
            Lane::Attach => self.attach.unsent(),
        }
    }

    /// The first `len` of the unsent bytes of `lane` are sent.
    pub fn sent(&mut self, lane: Lane, len: usize) {
        self.stream(lane).sent(len);
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
                Lane::Requests => self.requests.on_frame(&frame)?,
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
        let Some(welcome) = self.requests.welcome else {
            return;
        };
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
            self.attach.push(FrameKind::Ack, 0, &ack.encode());
        }
    }

    fn stream(&mut self, lane: Lane) -> &mut FrameStream {
        match lane {
            Lane::Requests => &mut self.requests.stream,
            Lane::Attach => &mut self.attach,
        }
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
                let before = self
                    .requests
                    .welcome
                    .map_or(0, |welcome| welcome.incarnation);
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
        let mine = self
            .requests
            .welcome
            .is_some_and(|w| w.tenant == header.tenant())
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
