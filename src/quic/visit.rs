//! A visit to one connection: what QUIC has to say, what the client asks, what it is answered.

use std::time::Instant;

use quinn_proto::{ConnectionHandle, Dir, EndpointEvent, Event, StreamEvent, StreamId};

use super::auth::Identity;
use super::close::{ClientStream, CloseReason};
use super::endpoint::Shard;
use super::link::{Attaching, Channel, Link, Phase, Session, Urgent};
use super::protocol::{self, Asked, AttachAsked, Rejected};
use super::pulls::Pulls;
use super::streams::Delivery;
use crate::engine::AttachedPerson;
use crate::model::Refusal;
use crate::wire::{Frame, RecordNumber, Role, StreamClass};

/// Frames read in one visit, so that one client's pipeline never holds up the others.
const FRAMES_PER_VISIT: usize = 64;
/// An attachment's bytes that count as one more frame: thousands of people's cursors are as much work.
const FRAME_BYTES: usize = 4096;

impl Shard {
    /// Visits a connection: events, frames, answers, packets, timer; and its end.
    pub(super) fn visit(&mut self, index: u32, now: Instant) {
        self.links.hand_over(index);
        let Some(link) = self.links.get(index) else {
            return;
        };
        link.dirty = false;
        let result = self
            .take_events(index, now)
            .and_then(|()| self.read(index, now))
            .and_then(|()| self.write(index));
        if let Err(reason) = result {
            self.close(index, &reason, now);
        }
        self.links.transmit(index, now);
        self.pass_endpoint_events(index);
        if self
            .links
            .get(index)
            .is_some_and(|link| link.conn.is_drained())
        {
            self.leave(index);
            self.links.remove(index);
            self.stats.connections -= 1;
        }
    }

    fn pass_endpoint_events(&mut self, index: u32) {
        while let Some(link) = self.links.get(index)
            && let Some(event) = link.conn.poll_endpoint_events()
        {
            self.on_endpoint_event(index, event);
        }
    }

    pub(super) fn on_endpoint_event(&mut self, index: u32, event: EndpointEvent) {
        let handle = ConnectionHandle(index as usize);
        if let Some(event) = self.endpoint.handle_event(handle, event)
            && let Some(link) = self.links.get(index)
        {
            link.conn.handle_event(event);
        }
    }

    fn take_events(&mut self, index: u32, now: Instant) -> Result<(), CloseReason> {
        self.pass_endpoint_events(index);
        self.check_address(index)?;
        while let Some(event) = self.links.get(index).and_then(|link| link.conn.poll()) {
            self.on_event(index, event, now)?;
        }
        Ok(())
    }

    pub(super) fn on_event(
        &mut self,
        index: u32,
        event: Event,
        now: Instant,
    ) -> Result<(), CloseReason> {
        match event {
            Event::Connected => {
                self.stats.handshakes_completed += 1;
                if let Some(link) = self.links.get(index) {
                    link.connected();
                }
            }
            Event::ConnectionLost { .. } => self.leave(index),
            Event::Stream(event) => self.on_stream_event(index, &event, now)?,
            Event::HandshakeDataReady | Event::DatagramReceived | Event::DatagramsUnblocked => {}
        }
        Ok(())
    }

    fn on_stream_event(
        &mut self,
        index: u32,
        event: &StreamEvent,
        now: Instant,
    ) -> Result<(), CloseReason> {
        let Some(link) = self.links.get(index) else {
            return Ok(());
        };
        match *event {
            StreamEvent::Opened { dir } => {
                while let Some(id) = link.conn.streams().accept(dir) {
                    link.accept(id);
                }
            }
            StreamEvent::Readable { id } => {
                if let Some(channel) = link.channel(id) {
                    channel.readable = true;
                }
            }
            StreamEvent::Writable { id } => {
                if let Some(delivery) = &mut link.delivery
                    && delivery.id() == id
                    && matches!(delivery.resume(&mut link.conn), Ok(true))
                    && let Some(session) = link.attached()
                {
                    self.core.writable(session);
                }
                if let Urgent::Open(urgent) = &mut link.urgent
                    && urgent.id() == id
                {
                    // A stream that is not there any more has been reported as stopped.
                    let _ = urgent.resume(&mut link.conn);
                }
            }
            StreamEvent::Stopped { id, .. } => return Err(stopped(link, id)),
            // Only a goodbye finishes a stream.
            StreamEvent::Finished { .. } => self.close(index, &CloseReason::Goodbye, now),
            StreamEvent::Available { .. } => {}
        }
        Ok(())
    }

    /// Reads the frames that have come, as far as there is room for their answers.
    fn read(&mut self, index: u32, now: Instant) -> Result<(), CloseReason> {
        if self.is_stopping() {
            return Ok(());
        }
        let mut left = FRAMES_PER_VISIT;
        while left > 0
            && let Some(frame) = self.next_request(index)?
        {
            self.on_request(index, &frame, now)?;
            left -= 1;
        }
        self.attach_more(index);
        while left > 0
            && let Some(frame) = self.next_attachment(index)?
        {
            self.on_attachment(index, &frame)?;
            left = left.saturating_sub(1 + frame.payload().len() / FRAME_BYTES);
        }
        if left == 0 {
            self.links.mark_dirty(index);
        }
        Ok(())
    }

    fn next_request(&mut self, index: u32) -> Result<Option<Frame>, CloseReason> {
        let Some((link, limits)) = self.links.get_with_limits(index) else {
            return Ok(None);
        };
        if !link.takes_requests(limits) {
            return Ok(None);
        }
        let frame = next_frame(&mut link.conn, &mut link.requests);
        link.note_begun();
        frame
    }

    fn next_attachment(&mut self, index: u32) -> Result<Option<Frame>, CloseReason> {
        let Some((link, limits)) = self.links.get_with_limits(index) else {
            return Ok(None);
        };
        if !link.takes_attachments(limits) {
            return Ok(None);
        }
        next_frame(&mut link.conn, &mut link.attachments)
    }

    fn on_request(&mut self, index: u32, frame: &Frame, now: Instant) -> Result<(), CloseReason> {
        let Some(link) = self.links.get(index) else {
            return Ok(());
        };
        self.stats.requests += 1;
        let identity = match link.phase {
            Phase::Unknown => return self.on_hello(index, frame, now),
            Phase::Open { identity, .. } => identity,
            Phase::SigningIn { .. } | Phase::Leaving { .. } | Phase::Closed => return Ok(()),
        };
        let engine = &self.engine;
        let digest = |kind, priority, body: &[u8]| engine.body_digest(kind, priority, body);
        match protocol::read_request(frame, &identity, digest) {
            Ok(Asked::Command { command, draft }) => self.submit(index, frame, command, draft, now),
            Ok(Asked::Goodbye) => link.phase = Phase::Leaving { since: now },
            Err(Rejected::Refused(refusal)) => {
                answer(&mut link.requests, |out| {
                    protocol::write_refused(frame.request, &refusal, out);
                });
            }
            Err(Rejected::Closed(reason)) => return Err(reason),
        }
        Ok(())
    }

    fn on_attachment(&mut self, index: u32, frame: &Frame) -> Result<(), CloseReason> {
        let Some(link) = self.links.get(index) else {
            return Ok(());
        };
        let Phase::Open { identity, .. } = link.phase else {
            return Ok(());
        };
        if identity.role == Role::Gateway {
            return self.on_gateway_frame(index, frame);
        }
        let refusal = match protocol::read_attachment(frame, &identity) {
            Ok(AttachAsked::Attach { cursors, live_only }) => {
                let attaching = Attaching {
                    request: frame.request,
                    cursors,
                    live_only,
                };
                return self.attach(index, &identity, attaching);
            }
            Ok(AttachAsked::Detach) => {
                self.detach(index);
                return Ok(());
            }
            Ok(AttachAsked::Ack(items)) => {
                // A session that is not attached yet has nothing to acknowledge.
                if let Some(session) = &link.session {
                    for item in items {
                        self.core.ack(session.number, item.group(), item.floor());
                    }
                }
                return Ok(());
            }
            Err(Rejected::Refused(refusal)) => refusal,
            Err(Rejected::Closed(reason)) => return Err(reason),
        };
        answer(&mut link.attachments, |out| {
            protocol::write_refused(frame.request, &refusal, out);
        });
        Ok(())
    }

    fn attach(
        &mut self,
        index: u32,
        identity: &Identity,
        attaching: Attaching,
    ) -> Result<(), CloseReason> {
        let Some(link) = self.links.get(index) else {
            return Ok(());
        };
        let request = attaching.request;
        if link.session.is_some() {
            let refusal = Refusal::NotPermitted {
                operation: "attaching twice",
                needs: "a detach first",
            };
            answer(&mut link.attachments, |out| {
                protocol::write_refused(request, &refusal, out);
            });
            return Ok(());
        }
        if link.delivery.is_none() {
            let id = link.conn.streams().open(Dir::Uni);
            link.delivery = Some(Delivery::new(
                id.ok_or(CloseReason::NoDeliveryStream)?,
                StreamClass::Normal,
            ));
        }
        self.next_session = self.next_session.wrapping_add(1);
        let number = u64::from(self.next_session) << 32 | u64::from(index);
        let (tenant, person, device) = (identity.tenant, identity.person, identity.device);
        match self.port.attach(number, tenant, person, device) {
            Ok(()) => {
                link.session = Some(Session {
                    number,
                    attaching: Some(attaching),
                });
            }
            Err(busy) => {
                self.stats.busy_answers += 1;
                answer(&mut link.attachments, |out| {
                    protocol::write_busy(request, busy.retry_after_us, out);
                });
            }
        }
        Ok(())
    }

    /// The engine's answer to an attach.
    pub(super) fn on_attached(
        &mut self,
        session: u64,
        position: RecordNumber,
        result: Result<AttachedPerson, Refusal>,
    ) {
        if self.on_attached_through(session, position, &result) {
            return;
        }
        // Nobody: it has gone meanwhile, and the port was told.
        let Some((index, link)) = self.links.of_session(session) else {
            return;
        };
        let Phase::Open { identity, .. } = link.phase else {
            return;
        };
        let Some(attaching) = link.session.as_mut().and_then(|s| s.attaching.take()) else {
            return;
        };
        match result {
            Ok(attached) => {
                let Attaching {
                    request,
                    cursors,
                    live_only,
                } = attaching;
                self.core.attach(session, &attached, &cursors, live_only);
                self.stats.attached += 1;
                answer(&mut link.attachments, |out| {
                    let incarnation = self.engine.incarnation();
                    let groups = &attached.groups;
                    protocol::write_attached(
                        request,
                        (identity.person, identity.device),
                        incarnation,
                        position,
                        groups,
                        out,
                    );
                });
            }
            Err(refusal) => {
                link.session = None;
                answer(&mut link.attachments, |out| {
                    protocol::write_refused(attaching.request, &refusal, out);
                });
            }
        }
        self.links.mark_dirty(index);
    }

    fn write(&mut self, index: u32) -> Result<(), CloseReason> {
        let Some(link) = self.links.get(index) else {
            return Ok(());
        };
        if link.phase == Phase::Closed {
            return Ok(());
        }
        link.write_answers()?;
        if matches!(link.phase, Phase::Leaving { .. })
            && link.is_quiet()
            && let Some(requests) = &link.requests
        {
            // Its acknowledgement ends the connection; a second finish changes nothing.
            let _ = link.conn.send_stream(requests.inbound.id()).finish();
        }
        Ok(())
    }

    fn detach(&mut self, index: u32) {
        let Some(link) = self.links.get(index) else {
            return;
        };
        let Some(session) = link.session.take() else {
            return;
        };
        self.port.detach(session.number);
        if session.attaching.is_none() {
            self.core.detach(session.number);
            self.stats.attached -= 1;
        }
    }

    /// Forgets everything of a connection but QUIC's own farewell.
    pub(super) fn leave(&mut self, index: u32) {
        self.leave_gateway(index);
        self.detach(index);
        let shard = self.shard;
        let Some(link) = self.links.get(index) else {
            return;
        };
        link.phase = Phase::Closed;
        let number = registry_number(shard, link.serial);
        link.requests = None;
        link.pulls = Pulls::default();
        link.attachments = None;
        link.delivery = None;
        link.urgent = Urgent::NotPermitted;
        if self.registry.remove(&number).is_some() {
            self.stats.sessions -= 1;
        }
    }
}

/// A connection's number in the registry.
pub(super) fn registry_number(shard: u16, serial: u32) -> u64 {
    u64::from(shard) << 48 | u64::from(serial)
}

/// Appends an answer to a stream, where the stream still is.
pub(super) fn answer(channel: &mut Option<Channel>, write: impl FnOnce(&mut Vec<u8>)) {
    if let Some(channel) = channel {
        write(channel.outbox.frames());
    }
}

fn next_frame(
    conn: &mut quinn_proto::Connection,
    channel: &mut Option<Channel>,
) -> Result<Option<Frame>, CloseReason> {
    let Some(channel) = channel else {
        return Ok(None);
    };
    let frame = channel.inbound.next(conn)?;
    channel.readable = frame.is_some();
    Ok(frame)
}

fn stopped(link: &Link, id: StreamId) -> CloseReason {
    let urgent = matches!(&link.urgent, Urgent::Open(urgent) if urgent.id() == id);
    match &link.delivery {
        _ if urgent => CloseReason::DeliveryStopped,
        Some(delivery) if delivery.id() == id => CloseReason::DeliveryStopped,
        _ => CloseReason::StreamGone {
            stream: if id.index() == 0 {
                ClientStream::Requests
            } else {
                ClientStream::Attachments
            },
        },
    }
}
