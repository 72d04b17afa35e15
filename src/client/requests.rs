//! The stream of requests: who this is, what was asked, and which answer is whose.

use rustc_hash::FxHashMap;

use super::error::{NotMade, SessionError};
use super::event::{Answer, Event, Message};
use super::lanes::{FrameStream, Lane};
use super::session::Limits;
use crate::model::command::{Reply, TaggedCommand};
use crate::wire::{
    BODY_LEN_MAX, Busy, DeviceId, Draft, FRAME_LEN_MAX, Frame, FrameKind, HeaderFields, Hello,
    PULLED_PAGE_LEN_MAX, PersonId, Published, PulledPage, PulledPart, Refused, Welcome,
};

/// What asks for a page of the archive.
const PULL: FrameKind = FrameKind::Command(0x1b0);

#[derive(Debug)]
pub(super) struct Requests {
    pub(super) stream: FrameStream,
    pub(super) welcome: Option<Welcome>,
    in_flight_max: usize,
    unsent_bytes_max: usize,
    last_request: u64,
    in_flight: FxHashMap<u64, FrameKind>,
    /// Pages of pulls of which parts have come.
    pages: FxHashMap<u64, Vec<u8>>,
}

impl Requests {
    /// Begins with `hello`.
    pub(super) fn new(hello: &Hello<'_>, limits: &Limits) -> Self {
        let mut stream = FrameStream::new();
        stream.push(FrameKind::Hello, 0, &hello.encode());
        Self {
            stream,
            welcome: None,
            in_flight_max: limits.in_flight_max,
            unsent_bytes_max: limits.unsent_bytes_max,
            last_request: 0,
            in_flight: FxHashMap::default(),
            pages: FxHashMap::default(),
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_flight.len() < self.in_flight_max
            && self.stream.unsent().len() < self.unsent_bytes_max
    }

    /// A number no other request of this connection has.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_request += 1;
        self.last_request
    }

    /// Publishes in somebody's name; none is the connection's own.
    pub(super) fn publish(
        &mut self,
        message: &Message,
        sender: Option<(PersonId, DeviceId)>,
    ) -> Result<u64, NotMade> {
        let welcome = self.ready()?;
        let (sender, device) = sender.unwrap_or((welcome.person, welcome.device));
        let fields = HeaderFields {
            kind: message.kind,
            priority: message.priority,
            tenant: welcome.tenant,
            group: message.group,
            sender,
            device,
            client_message_id: message.client_message_id,
            ..HeaderFields::default()
        };
        let draft = Draft::new(&message.body).map_err(|_| NotMade::TooLong {
            len: message.body.len(),
            limit: BODY_LEN_MAX,
        })?;
        let envelope = draft.seal(&fields);
        Ok(self.ask(FrameKind::Publish, envelope.bytes()))
    }

    pub(super) fn command(&mut self, command: &TaggedCommand) -> Result<u64, NotMade> {
        self.ready()?;
        let body = command.encode();
        if body.len() > FRAME_LEN_MAX as usize {
            return Err(NotMade::TooLong {
                len: body.len(),
                limit: FRAME_LEN_MAX as usize,
            });
        }
        Ok(self.ask(FrameKind::command(command.tag()), &body))
    }

    pub(super) fn goodbye(&mut self) {
        self.stream.push(FrameKind::Goodbye, 0, &[]);
    }

    fn ready(&self) -> Result<Welcome, NotMade> {
        let welcome = self.welcome.ok_or(NotMade::NotWelcomed)?;
        if self.has_room() {
            Ok(welcome)
        } else {
            Err(NotMade::Full)
        }
    }

    fn ask(&mut self, kind: FrameKind, payload: &[u8]) -> u64 {
        let request = self.next_number();
        self.in_flight.insert(request, kind);
        self.stream.push(kind, request, payload);
        request
    }

    /// What a frame says; nothing yet where it is part of an answer.
    pub(super) fn on_frame(&mut self, frame: &Frame) -> Result<Option<Event>, SessionError> {
        let unexpected = SessionError::UnexpectedFrame {
            kind: frame.kind,
            lane: Lane::Requests,
        };
        match frame.kind {
            FrameKind::Closing => return Ok(Some(Event::Closing(Refused::read(frame.payload())?))),
            FrameKind::Refused if self.welcome.is_none() => {
                return Ok(Some(Event::Closing(Refused::read(frame.payload())?)));
            }
            FrameKind::Welcome if self.welcome.is_none() => {
                let welcome = Welcome::read(frame.payload())?;
                self.welcome = Some(welcome);
                return Ok(Some(Event::Welcome(welcome)));
            }
            _ => {}
        }
        let request = frame.request;
        if frame.kind == FrameKind::Pulled && self.in_flight.get(&request) == Some(&PULL) {
            return self.on_part(request, frame.payload());
        }
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
        Ok(Some(Event::Answered { request, answer }))
    }

    /// Part of a page; the page, with its last.
    fn on_part(&mut self, request: u64, payload: &[u8]) -> Result<Option<Event>, SessionError> {
        let part = PulledPart::read(payload)?;
        let page = self.pages.entry(request).or_default();
        let end = page.len() + part.bytes.len();
        if part.offset != page.len() as u64 || end > PULLED_PAGE_LEN_MAX {
            return Err(SessionError::PageParts { request });
        }
        page.extend_from_slice(part.bytes);
        if !part.last {
            return Ok(None);
        }
        self.in_flight.remove(&request);
        let page = self.pages.remove(&request).unwrap_or_default();
        let answer = Answer::Pulled(Box::new(PulledPage::read(&page.into())?));
        Ok(Some(Event::Answered { request, answer }))
    }
}
