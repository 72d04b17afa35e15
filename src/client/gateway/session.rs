//! The protocol of a gateway's connection as a state machine over bytes: no sockets, no clock, no tasks.
//!
//! As [`crate::client::Session`], for many people: who attaches, goes and acknowledges is in lists that
//! fill frames, and what is delivered goes through the [`Table`]. Bounded by its limits throughout.

use std::collections::hash_map::Entry;
use std::mem;
use std::time::Instant;

use rustc_hash::FxHashMap;

use super::delivery::Readers;
use super::error::TableLimits;
use super::event::{GatewayEvent, Newcomer, Newcomers};
use super::table::Table;
use crate::client::cursors::GroupCursor;
use crate::client::error::{NotMade, SessionError};
use crate::client::event::{Attachment, Message};
use crate::client::lanes::{FrameStream, Lane};
use crate::client::requests::Requests;
use crate::client::session::{ACKS_PER_FRAME, CURSORS_PER_FRAME_MAX, Limits};
use crate::model::command::TaggedCommand;
use crate::wire::{
    Ack, AckItem, Attach, AttachEntry, Attached, AttachedGroup, Cursor, DeliveryDecoder, Detach,
    DeviceId, FRAME_LEN_MAX, Frame, FrameKind, Header, Hello, Kind, PersonId, ReadersBody, Refused,
    SkipBody, StreamClass, Welcome,
};

/// People of one attach call.
pub const PEOPLE_PER_CALL_MAX: usize = 10_000;
/// Bytes of an attach's prefix, of each person's in it, and of a cursor.
const ATTACH_ITEM_LEN: usize = 16;
/// People of one detach that fit a frame.
const DETACHES_PER_FRAME: usize = (FRAME_LEN_MAX as usize - 64) / 16;
/// The part of an acknowledgement's delay after which one that did not fit is tried again.
const ACK_RETRIES: u32 = 10;

/// An attach that is not answered yet.
#[derive(Debug)]
struct Attaching {
    device: DeviceId,
    cursors_void: bool,
    groups: Vec<AttachedGroup>,
    /// They have been detached meanwhile: the server is told when it has answered.
    is_leaving: bool,
}

/// One gateway connection's state.
#[derive(Debug)]
pub struct GatewaySession {
    limits: Limits,
    requests: Requests,
    attach: FrameStream,
    /// By the frame that asked and the person: a frame names a person once.
    attaching: FxHashMap<(u64, PersonId), Attaching>,
    /// The frame that asked for somebody's device.
    asked_in: FxHashMap<(PersonId, DeviceId), u64>,
    table: Table,
    ack_due: Option<Instant>,
    acks: Vec<AckItem>,
}

impl GatewaySession {
    /// A session that begins with `hello`.
    #[must_use]
    pub fn new(hello: &Hello<'_>, limits: Limits, table: TableLimits) -> Self {
        Self {
            limits,
            requests: Requests::new(hello, &limits),
            attach: FrameStream::new(),
            attaching: FxHashMap::default(),
            asked_in: FxHashMap::default(),
            table: Table::new(table),
            ack_due: None,
            acks: Vec::new(),
        }
    }

    /// Who this is, once the server has said so.
    #[must_use]
    pub fn welcome(&self) -> Option<&Welcome> {
        self.requests.welcome.as_ref()
    }

    /// Who reads what.
    #[must_use]
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Gives the table away, when the connection is over.
    #[must_use]
    pub fn into_table(self) -> Table {
        self.table
    }

    /// Whether a request would be taken now.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.requests.has_room() && self.attach.unsent().len() < self.limits.unsent_bytes_max
    }

    /// Publishes `message` in the name of a person on a device and returns the request's number.
    pub fn publish(
        &mut self,
        person: PersonId,
        device: DeviceId,
        message: &Message,
    ) -> Result<u64, NotMade> {
        self.requests.publish(message, Some((person, device)))
    }

    /// Asks `command` and returns the request's number.
    pub fn command(&mut self, command: &TaggedCommand) -> Result<u64, NotMade> {
        self.requests.command(command)
    }

    /// Brings people online: all of them are asked for, or, when this fails, none.
    ///
    /// A device that was detached before its attach was answered cannot be attached again until it is.
    pub fn attach(&mut self, newcomers: Newcomers) -> Result<(), NotMade> {
        let Newcomers {
            people,
            incarnation,
            live_only,
        } = newcomers;
        let welcome = self.requests.welcome.ok_or(NotMade::NotWelcomed)?;
        if people.len() > PEOPLE_PER_CALL_MAX {
            return Err(NotMade::TooManyAtOnce {
                have: people.len(),
                limit: PEOPLE_PER_CALL_MAX,
            });
        }
        if self.attach.unsent().len() >= self.limits.unsent_bytes_max {
            return Err(NotMade::Full);
        }
        let cursors_void = incarnation.is_some_and(|taken_in| taken_in != welcome.incarnation);
        let mut entries = Vec::with_capacity(people.len());
        for newcomer in people {
            let added = self.add(newcomer, cursors_void);
            match added {
                Ok(entry) => entries.push(entry),
                Err(not_made) => {
                    for entry in entries {
                        self.table.on_refused(entry.person, entry.device);
                    }
                    return Err(not_made);
                }
            }
        }
        let mut frame = Vec::new();
        let mut len = ATTACH_ITEM_LEN;
        let mut request = self.requests.next_number();
        for entry in entries {
            let entry_len = ATTACH_ITEM_LEN + size_of_val(entry.cursors.as_slice());
            let is_named = self.attaching.contains_key(&(request, entry.person));
            if is_named || len + entry_len > FRAME_LEN_MAX as usize {
                self.push_attach(request, live_only, mem::take(&mut frame));
                request = self.requests.next_number();
                len = ATTACH_ITEM_LEN;
            }
            len += entry_len;
            self.asked_in.insert((entry.person, entry.device), request);
            let attaching = Attaching {
                device: entry.device,
                cursors_void,
                groups: Vec::new(),
                is_leaving: false,
            };
            self.attaching.insert((request, entry.person), attaching);
            frame.push(entry);
        }
        self.push_attach(request, live_only, frame);
        Ok(())
    }

    fn add(&mut self, newcomer: Newcomer, cursors_void: bool) -> Result<AttachEntry, NotMade> {
        let Newcomer {
            person,
            device,
            key,
            mut cursors,
        } = newcomer;
        if self.asked_in.contains_key(&(person, device)) {
            return Err(NotMade::AttachedTwice { person, device });
        }
        if cursors_void {
            cursors.clear();
        }
        let (have, limit) = (cursors.len(), CURSORS_PER_FRAME_MAX);
        if have > limit {
            return Err(NotMade::TooManyCursors { have, limit });
        }
        let on_wire = cursors.iter();
        let on_wire = on_wire.map(|kept| Cursor::new(kept.group, kept.floor));
        let entry = AttachEntry {
            person,
            device,
            cursors: on_wire.collect(),
        };
        self.table.attach(person, device, key, cursors)?;
        Ok(entry)
    }

    fn push_attach(&mut self, request: u64, live_only: bool, people: Vec<AttachEntry>) {
        if !people.is_empty() {
            let payload = Attach { live_only, people }.encode();
            self.attach.push(FrameKind::Attach, request, &payload);
        }
    }

    /// Takes people offline at once and says how far each had got; none for whoever is not here.
    pub fn detach(
        &mut self,
        people: &[(PersonId, DeviceId)],
    ) -> Result<Vec<Option<Vec<GroupCursor>>>, NotMade> {
        if people.len() > PEOPLE_PER_CALL_MAX {
            return Err(NotMade::TooManyAtOnce {
                have: people.len(),
                limit: PEOPLE_PER_CALL_MAX,
            });
        }
        if self.attach.unsent().len() >= self.limits.unsent_bytes_max {
            return Err(NotMade::Full);
        }
        let mut cursors = Vec::with_capacity(people.len());
        let mut leaving = Vec::new();
        for &(person, device) in people {
            let kept = self.table.detach(person, device);
            let request = self.asked_in.get(&(person, device));
            let asked = request.and_then(|request| self.attaching.get_mut(&(*request, person)));
            match asked {
                Some(attaching) => attaching.is_leaving = true,
                None if kept.is_some() => leaving.push((person, device)),
                None => {}
            }
            cursors.push(kept);
        }
        for people in leaving.chunks(DETACHES_PER_FRAME) {
            self.push_detach(people.to_vec());
        }
        Ok(cursors)
    }

    fn push_detach(&mut self, people: Vec<(PersonId, DeviceId)>) {
        let payload = Detach { people }.encode();
        self.attach.push(FrameKind::Detach, 0, &payload);
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

    fn stream(&mut self, lane: Lane) -> &mut FrameStream {
        match lane {
            Lane::Requests => &mut self.requests.stream,
            Lane::Attach => &mut self.attach,
        }
    }

    /// Reads what arrived on `lane` and hands out what it says.
    pub fn on_frames(
        &mut self,
        lane: Lane,
        mut bytes: &[u8],
        mut each: impl FnMut(GatewayEvent),
    ) -> Result<(), SessionError> {
        while let Some(frame) = self.stream(lane).decoder.next(&mut bytes)? {
            let event = match lane {
                Lane::Requests => {
                    let event = self.requests.on_frame(&frame)?;
                    event.map(GatewayEvent::Connection)
                }
                Lane::Attach => self.on_attach_answer(&frame)?,
            };
            if let Some(event) = event {
                each(event);
            }
        }
        Ok(())
    }

    fn on_attach_answer(&mut self, frame: &Frame) -> Result<Option<GatewayEvent>, SessionError> {
        let request = frame.request;
        let unknown = SessionError::UnknownRequest { request };
        match frame.kind {
            FrameKind::Attached => {
                let page = Attached::read(frame.payload())?;
                let (person, device) = (page.person, page.device);
                let before = self.requests.welcome.map_or(0, |w| w.incarnation);
                if page.incarnation != before {
                    return Err(SessionError::Incarnation {
                        before,
                        after: page.incarnation,
                    });
                }
                let Entry::Occupied(mut entry) = self.attaching.entry((request, person)) else {
                    return Err(unknown);
                };
                let attaching = entry.get_mut();
                if attaching.device != device {
                    return Err(unknown);
                }
                attaching.groups.extend(page.groups);
                if page.more {
                    return Ok(None);
                }
                let attaching = entry.remove();
                self.asked_in.remove(&(person, device));
                if attaching.is_leaving {
                    self.push_detach(vec![(person, device)]);
                }
                let attachment = Attachment {
                    position: page.position,
                    groups: attaching.groups,
                    cursors_void: attaching.cursors_void,
                };
                Ok(Some(GatewayEvent::Attached {
                    person,
                    device,
                    attachment,
                }))
            }
            FrameKind::Refused => {
                let refused = Refused::read(frame.payload())?;
                let person = PersonId(refused.subject);
                let attaching = self.attaching.remove(&(request, person)).ok_or(unknown)?;
                let device = attaching.device;
                self.asked_in.remove(&(person, device));
                self.table.on_refused(person, device);
                Ok(Some(GatewayEvent::Refused {
                    person,
                    device,
                    refused,
                }))
            }
            kind => Err(SessionError::UnexpectedFrame {
                kind,
                lane: Lane::Attach,
            }),
        }
    }

    /// Reads what arrived on a delivery stream and hands it to everyone it is for.
    pub fn on_deliveries<R: Readers>(
        &mut self,
        decoder: &mut DeliveryDecoder,
        mut bytes: &[u8],
        now: Instant,
        readers: &mut R,
    ) -> Result<(), SessionError> {
        // The opening first: an envelope's place depends on the stream's class.
        let class = loop {
            match (decoder.class(), bytes.split_first_chunk::<1>()) {
                (Some(class), _) => break class,
                (None, None) => return Ok(()),
                (None, Some((byte, rest))) => {
                    decoder.read(byte, |_, _| {})?;
                    bytes = rest;
                }
            }
        };
        let mut broken = None;
        decoder.read(bytes, |header, body| {
            if broken.is_none() {
                broken = self.arrive(class, header, body, readers).err();
            }
        })?;
        if let Some(error) = broken {
            return Err(error);
        }
        if self.ack_due.is_none() && self.table.has_acks() {
            self.ack_due = Some(now + self.limits.ack_delay);
        }
        Ok(())
    }

    fn arrive<R: Readers>(
        &mut self,
        class: StreamClass,
        header: &Header,
        body: &[u8],
        readers: &mut R,
    ) -> Result<(), SessionError> {
        let tenant = self.requests.welcome.map(|welcome| welcome.tenant);
        match (header.kind(), class) {
            _ if tenant != Some(header.tenant()) => {}
            (Kind::Readers, StreamClass::Normal) if header.sequence().0 == 0 => {
                let changes = ReadersBody::read(body)?;
                return Ok(self.table.on_readers(header, &changes, readers)?);
            }
            (Kind::Skip, StreamClass::Normal) => {
                let skip = SkipBody::read(body)?;
                return Ok(self.table.on_skip(header.group(), skip, readers)?);
            }
            (Kind::Readers | Kind::Skip, _) => {}
            (_, StreamClass::Normal) => {
                return Ok(self.table.on_message(header, body, readers)?);
            }
            (_, StreamClass::Urgent) => {
                return Ok(self.table.on_urgent(header, body, readers)?);
            }
        }
        Err(SessionError::StrayDelivery {
            tenant: header.tenant(),
            group: header.group(),
        })
    }

    /// When [`GatewaySession::on_timeout`] wants to be called.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        self.ack_due
    }

    /// Acknowledges what has arrived, if it is time: each person's floor in a group at most once in
    /// [`Limits::ack_delay`].
    pub fn on_timeout(&mut self, now: Instant) {
        if self.ack_due.is_none_or(|due| due > now) {
            return;
        }
        let again = now + self.limits.ack_delay / ACK_RETRIES;
        if !self.attach.unsent().is_empty() {
            self.ack_due = Some(again);
            return;
        }
        let items_max = self.limits.unsent_bytes_max / size_of::<AckItem>();
        self.table.take_acks(items_max, &mut self.acks);
        for items in self.acks.chunks(ACKS_PER_FRAME) {
            let items = items.to_vec();
            self.attach.push(FrameKind::Ack, 0, &Ack { items }.encode());
        }
        self.acks.clear();
        self.ack_due = self.table.has_acks().then_some(again);
    }
}
