//! One connection: its QUIC state, its streams, who it speaks for, what it waits for.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn_proto::{Connection, Dir, StreamId};

use super::auth::Identity;
use super::close::{ClientStream, CloseReason};
use super::gateway::Gateway;
use super::options::Limits;
use super::prefetch::Lines;
use super::protocol;
use super::pulls::Pulls;
use super::streams::{Delivery, Inbound, Outbox};
use crate::wire::{Cursor, DeviceId, FrameKind, PersonId, Role, StreamClass, TenantId};

/// Of the stream of urgent deliveries; every other stream has 0.
const URGENT_PRIORITY: i32 = 1;
/// Urgent bytes on their way to one client beyond what normal ones may take; more come in their order.
const URGENT_BYTES_MAX: u64 = 128 * 1024;
/// How long a client that said goodbye may take to acknowledge its last answers.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// How far a connection has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Not authenticated yet.
    Unknown,
    /// Authenticated, and asked for at the door.
    SigningIn {
        /// Who speaks.
        identity: Identity,
        /// When the token or certificate ends.
        expires: Option<Instant>,
    },
    /// Let in.
    Open {
        /// Who speaks.
        identity: Identity,
        /// When the token or certificate ends.
        expires: Option<Instant>,
    },
    /// The client said goodbye: what is in flight is answered, nothing more is read.
    Leaving {
        /// When it did.
        since: Instant,
    },
    /// Closed by either side; only QUIC's own farewell is left.
    Closed,
}

/// A session on a connection: a person's, or everybody's on a gateway.
pub(super) struct Session {
    /// Its number for port and core.
    pub(super) number: u64,
    /// Asked for, and not answered yet.
    pub(super) attaching: Option<Attaching>,
}

/// What an attach waits with for its answer.
pub(super) struct Attaching {
    pub(super) request: u64,
    pub(super) cursors: Vec<Cursor>,
    pub(super) live_only: bool,
}

/// One of the client's streams, with what goes back on it.
pub(super) struct Channel {
    pub(super) inbound: Inbound,
    pub(super) outbox: Outbox,
    /// There may be bytes to read.
    pub(super) readable: bool,
}

/// The stream of urgent deliveries: most connections never need it.
pub(super) enum Urgent {
    /// None has come.
    Unopened,
    /// There is one.
    Open(Box<Delivery>),
    /// The client permits no second stream: urgent ones come in their order.
    NotPermitted,
}

/// One connection.
pub(super) struct Link {
    pub(super) conn: Connection,
    /// Tells it from earlier ones in the same place.
    pub(super) serial: u32,
    pub(super) phase: Phase,
    /// The address that the person was let in from.
    pub(super) admitted_from: Option<IpAddr>,
    accepted: Instant,
    begun: bool,
    pub(super) requests: Option<Channel>,
    pub(super) attachments: Option<Channel>,
    pub(super) delivery: Option<Delivery>,
    pub(super) urgent: Urgent,
    pub(super) session: Option<Session>,
    /// Of a gateway's connection: who is on it.
    pub(super) gateway: Option<Box<Gateway>>,
    /// Requests the engine has not answered yet.
    pub(super) awaited: u32,
    /// Bytes their answers may take.
    pub(super) reserved: usize,
    /// Pulls of the archive, and pages on their way to the client.
    pub(super) pulls: Pulls,
    /// It is in the list of connections to visit.
    pub(super) dirty: bool,
    /// Where its keys are.
    key_lines: Lines,
}

impl Link {
    pub(super) fn new(conn: Connection, serial: u32, now: Instant) -> Self {
        Self {
            conn,
            serial,
            phase: Phase::Unknown,
            admitted_from: None,
            accepted: now,
            begun: false,
            requests: None,
            attachments: None,
            delivery: None,
            urgent: Urgent::Unopened,
            session: None,
            gateway: None,
            awaited: 0,
            reserved: 0,
            pulls: Pulls::default(),
            dirty: false,
            key_lines: Lines::default(),
        }
    }

    /// The handshake is over.
    pub(super) fn connected(&mut self) {
        let agreed = self.conn.crypto_session().handshake_data();
        let key_lines = agreed.and_then(|agreed| agreed.downcast().ok());
        self.key_lines = key_lines.map_or_else(Lines::default, |lines| *lines);
    }

    /// Says that packets will be sealed and opened soon.
    #[inline]
    pub(super) fn prefetch_keys(&self) {
        self.key_lines.prefetch();
    }

    /// Whether a person of this tenant speaks here, on that device or any.
    pub(super) fn is_of(
        &self,
        tenant: TenantId,
        person: PersonId,
        device: Option<DeviceId>,
    ) -> bool {
        matches!(&self.phase, Phase::Open { identity, .. } | Phase::SigningIn { identity, .. }
            if identity.role == Role::Person
                && (identity.tenant, identity.person) == (tenant, person)
                && device.is_none_or(|device| device == identity.device))
    }

    /// Takes on a stream the client has opened; QUIC lets it open a third one only after a goodbye.
    pub(super) fn accept(&mut self, id: StreamId) {
        let (place, stream) = match id.index() {
            0 => (&mut self.requests, ClientStream::Requests),
            1 => (&mut self.attachments, ClientStream::Attachments),
            _ => return,
        };
        let mut inbound = Inbound::new(stream, id);
        if matches!(self.phase, Phase::Open { .. }) {
            inbound.trust();
        }
        *place = Some(Channel {
            inbound,
            outbox: Outbox::default(),
            readable: true,
        });
    }

    /// The client's stream with this id.
    pub(super) fn channel(&mut self, id: StreamId) -> Option<&mut Channel> {
        let channels = [&mut self.requests, &mut self.attachments];
        let mut channels = channels.into_iter().flatten();
        channels.find(|channel| channel.inbound.id() == id)
    }

    /// The client has proved who it is.
    pub(super) fn open(&mut self, identity: Identity, expires: Option<Instant>, limits: &Limits) {
        self.phase = Phase::Open { identity, expires };
        self.conn.set_receive_window(limits.receive_window());
        let channels = [&mut self.requests, &mut self.attachments];
        for channel in channels.into_iter().flatten() {
            channel.inbound.trust();
        }
    }

    /// Whether another request may be read: there is room for whatever its answer may be.
    pub(super) fn takes_requests(&self, limits: &Limits) -> bool {
        let Some(channel) = &self.requests else {
            return false;
        };
        let longest = protocol::answer_len_max(FrameKind::Command(0));
        channel.readable
            && matches!(self.phase, Phase::Unknown | Phase::Open { .. })
            && self.has_room_for(longest, limits)
    }

    /// Whether an answer of so many bytes may be asked for; where nothing waits, always.
    pub(super) fn has_room_for(&self, answer_len: usize, limits: &Limits) -> bool {
        let written = self.requests.as_ref().map_or(0, |it| it.outbox.len());
        let committed = written + self.reserved;
        committed == 0 || committed + answer_len <= limits.answer_bytes_max
    }

    /// Whether another frame of the attach stream may be read.
    pub(super) fn takes_attachments(&self, limits: &Limits) -> bool {
        let Some(channel) = &self.attachments else {
            return false;
        };
        channel.readable
            && matches!(self.phase, Phase::Open { .. })
            && channel.outbox.len() <= limits.answer_bytes_max
            && self
                .gateway
                .as_ref()
                .is_none_or(|gateway| gateway.takes_frames())
    }

    /// Notes that bytes of a request have come.
    pub(super) fn note_begun(&mut self) {
        let requests = self.requests.as_ref();
        self.begun |= requests.is_some_and(|channel| channel.inbound.has_begun());
    }

    /// The session's number, once it is attached.
    pub(super) fn attached(&self) -> Option<u64> {
        let session = self.session.as_ref()?;
        session.attaching.is_none().then_some(session.number)
    }

    /// Whether everything asked has been answered and handed to QUIC.
    pub(super) fn is_quiet(&self) -> bool {
        let channels = [&self.requests, &self.attachments];
        let unsent = channels.into_iter().flatten().any(|c| c.outbox.len() > 0);
        let attaching = self.session.as_ref().is_some_and(|s| s.attaching.is_some());
        let attaching_many = self
            .gateway
            .as_ref()
            .is_some_and(|gateway| !gateway.is_quiet());
        self.awaited == 0 && self.pulls.is_empty() && !unsent && !attaching && !attaching_many
    }

    /// Hands an urgent envelope to QUIC ahead of whatever normal ones wait there; whether it was taken.
    pub(super) fn write_urgent(&mut self, envelope: &Bytes, limits: &Limits) -> bool {
        if let Urgent::Unopened = self.urgent {
            self.urgent = match self.conn.streams().open(Dir::Uni) {
                Some(id) => Urgent::Open(Box::new(Delivery::new(id, StreamClass::Urgent))),
                None => Urgent::NotPermitted,
            };
            if let Urgent::Open(urgent) = &self.urgent {
                // A stream that is not there any more says so when it is written to.
                let _ = self
                    .conn
                    .send_stream(urgent.id())
                    .set_priority(URGENT_PRIORITY);
            }
        }
        let Urgent::Open(urgent) = &mut self.urgent else {
            return false;
        };
        // Room of its own: what waits of the normal stream fills the window that both share.
        let window = limits.unacknowledged_bytes_max;
        self.conn.set_send_window(window + URGENT_BYTES_MAX);
        let taken = urgent.write_one(&mut self.conn, envelope);
        self.conn.set_send_window(window);
        taken
    }

    /// Whether an acknowledgement can wait once all there was has been sent: whatever it says, nothing
    /// more is to be sent.
    pub(super) fn lets_wait(&self) -> bool {
        let has_room = self.delivery.as_ref().is_some_and(|d| !d.is_blocked());
        has_room
            && !self.dirty
            && self.pulls.is_empty()
            && self.session.is_some()
            && matches!(self.phase, Phase::Open { .. })
    }

    /// Hands waiting answers to QUIC.
    pub(super) fn write_answers(&mut self) -> Result<(), CloseReason> {
        let channels = [&mut self.requests, &mut self.attachments];
        for channel in channels.into_iter().flatten() {
            channel.outbox.write(&mut self.conn, &channel.inbound)?;
        }
        // Pages last, a part at a time and only into an empty outbox: whatever else is answered
        // meanwhile passes between two parts.
        while let Some(channel) = &mut self.requests
            && channel.outbox.len() == 0
            && self.pulls.write_part(channel.outbox.frames())
        {
            channel.outbox.write(&mut self.conn, &channel.inbound)?;
        }
        Ok(())
    }

    /// When this connection is closed unless something happens first.
    pub(super) fn closes_at(&self, limits: &Limits) -> Option<Instant> {
        match self.phase {
            // By far the most, and asked after every packet.
            Phase::Open { expires, .. } => expires,
            _ => self.deadline(limits).map(|(at, _)| at),
        }
    }

    /// When this connection is closed unless something happens first, and why.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<(Instant, CloseReason)> {
        match self.phase {
            Phase::Unknown if !self.begun => {
                let timeout = limits.first_byte_timeout.min(limits.authentication_timeout);
                let limit_ms = timeout.as_millis() as u64;
                let reason = CloseReason::FirstByteLate { limit_ms };
                Some((self.accepted + timeout, reason))
            }
            Phase::Unknown | Phase::SigningIn { .. } => {
                let timeout = limits.authentication_timeout;
                let limit_ms = timeout.as_millis() as u64;
                let reason = CloseReason::AuthenticationLate { limit_ms };
                Some((self.accepted + timeout, reason))
            }
            Phase::Open { expires, .. } => expires.map(|at| (at, CloseReason::TokenExpired)),
            Phase::Leaving { since } => Some((since + GOODBYE_TIMEOUT, CloseReason::Goodbye)),
            Phase::Closed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quic::pair::Pair;

    #[test]
    fn a_connection_costs_little_beside_what_quic_needs() {
        let ours = size_of::<Link>() - size_of::<Connection>();
        assert!(ours <= 640, "{ours} bytes of every idle connection");
    }

    #[test]
    fn where_its_keys_are_is_known_from_the_handshake_on() {
        let pair = Pair::connected();
        let mut link = Link::new(pair.server.conn, 1, pair.now);
        assert_eq!(link.key_lines, Lines::default());
        link.connected();
        assert_ne!(link.key_lines, Lines::default());
    }
}
