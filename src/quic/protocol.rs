//! What frames ask and what answers look like: frames in, commands out, and back. Pure.
//!
//! Everything a connection may say is checked here, once, at the door (invariant 8). Who speaks is
//! decided by how the connection authenticated, never by what a frame says (SPEC D1):
//!
//! | role | acts as | tenant | sender of a publish or mass send |
//! |---|---|---|---|
//! | person | [`Actor::Person`] | the token's | oneself |
//! | gateway, tenant operator | [`Actor::Enterprise`] | the certificate's | whoever is named |
//! | node operator | [`Actor::Node`] | none: creates tenants | nobody |
//!
//! A node operator who names a tenant in the Hello is that tenant's operator for this connection. In
//! a publish, 0 as tenant, sender and device stands for the connection's own.

use super::auth::Identity;
use super::close::{ClientStream, CloseReason};
use crate::model::Refusal;
use crate::model::command::{
    Actor, Command, CommandBody, Publish, PublishedV1, Reply, TaggedCommand,
};
use crate::wire::{
    Ack, AckItem, Attach, AttachEntry, Attached, AttachedGroup, Busy, Cursor, Detach, DeviceId,
    Draft, Envelope, EnvelopeError, FRAME_LEN_MAX, Frame, FrameKind, HEADER_LEN, Header, Hello,
    Kind, PULLED_PART_LEN, PersonId, Priority, Published, PulledPart, RecordNumber, Role,
    SEARCH_PAGE_LEN_MAX, TenantId, Timestamp, Welcome, encode_frame,
};

/// Groups in one page of an attach answer.
const ATTACHED_PAGE: usize = 1000;

/// What a frame of the request stream asks for.
#[derive(Debug)]
pub(super) enum Asked {
    /// Something of the model.
    Command {
        command: Command,
        /// The message it carries.
        draft: Option<Draft>,
    },
    /// To go, once everything asked before is answered.
    Goodbye,
}

/// What a frame of the attach stream asks for.
#[derive(Debug)]
pub(super) enum AttachAsked<'a> {
    /// To come online.
    Attach {
        cursors: Vec<Cursor>,
        live_only: bool,
    },
    /// To go offline.
    Detach,
    /// Cursors moved.
    Ack(&'a [AckItem]),
}

/// What a frame of a gateway's attach stream asks for; of people of its own tenant, all of them.
#[derive(Debug)]
pub(super) enum GatewayAsked<'a> {
    /// Who comes online.
    Attach {
        people: Vec<AttachEntry>,
        live_only: bool,
    },
    /// Who goes offline.
    Detach(Vec<(PersonId, DeviceId)>),
    /// Cursors moved.
    Ack(&'a [AckItem]),
}

/// Why a frame is not acted on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rejected {
    /// This one request, by a rule; the connection goes on.
    Refused(Refusal),
    /// The connection.
    Closed(CloseReason),
}

impl From<CloseReason> for Rejected {
    fn from(reason: CloseReason) -> Self {
        Self::Closed(reason)
    }
}

impl From<Refusal> for Rejected {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Who a connection's first frame says it is; nothing of it is true yet.
pub(super) fn read_hello(frame: &Frame) -> Result<Hello<'_>, CloseReason> {
    if frame.kind != FrameKind::Hello {
        return Err(CloseReason::NotHello { kind: frame.kind });
    }
    Hello::read(frame.payload()).map_err(|error| CloseReason::Payload {
        kind: frame.kind,
        error,
    })
}

/// An authenticated connection in the tenant its Hello named: an operator of the node becomes that
/// tenant's operator, everybody else has a tenant already and may only name that.
pub(super) fn in_tenant(identity: Identity, named: TenantId) -> Result<Identity, CloseReason> {
    if is_node_operator(&identity) {
        return Ok(Identity {
            tenant: named,
            ..identity
        });
    }
    publish_tenant(&identity, named).map(|_| identity)
}

/// Reads a frame of the request stream after Hello. `digest` is the engine's keyed digest of a body.
pub(super) fn read_request(
    frame: &Frame,
    identity: &Identity,
    digest: impl Fn(Kind, Priority, &[u8]) -> u64,
) -> Result<Asked, Rejected> {
    match frame.kind {
        FrameKind::Publish => read_publish(frame.payload(), identity, digest),
        FrameKind::Command(tag) => read_command(tag, frame.payload(), identity),
        FrameKind::Goodbye => Ok(Asked::Goodbye),
        kind => Err(CloseReason::Unexpected {
            stream: ClientStream::Requests,
            kind,
        }
        .into()),
    }
}

fn read_publish(
    payload: &[u8],
    identity: &Identity,
    digest: impl Fn(Kind, Priority, &[u8]) -> u64,
) -> Result<Asked, Rejected> {
    let malformed = |error| CloseReason::Envelope { error };
    let need = Envelope::check(payload).map_err(malformed)?;
    if payload.len() > need {
        let have = payload.len();
        return Err(malformed(EnvelopeError::Trailing { need, have }).into());
    }
    let header = Header::read(payload).map_err(|error| malformed(error.into()))?;
    let body = &payload[HEADER_LEN..HEADER_LEN + header.body_len()];
    let tenant = publish_tenant(identity, header.tenant())?;
    let (sender, device) = sender(identity, header.sender(), header.device())?;
    check_body(header.kind(), body)?;
    let command = Command {
        tenant,
        actor: actor(identity),
        second_factor: identity.second_factor,
        body: CommandBody::Publish(Publish {
            group: header.group(),
            sender,
            device,
            kind: header.kind(),
            priority: header.priority(),
            client_message_id: header.client_message_id(),
            body_digest: digest(header.kind(), header.priority(), body),
        }),
    };
    let draft = Some(Draft::new(body).map_err(malformed)?);
    Ok(Asked::Command { command, draft })
}

fn read_command(tag: u16, payload: &[u8], identity: &Identity) -> Result<Asked, Rejected> {
    let mut tagged =
        TaggedCommand::decode(tag, payload).map_err(|error| CloseReason::Command { error })?;
    let draft = match &mut tagged {
        TaggedCommand::MassSend(send) => {
            let message = (send.kind, send.priority, send.body.as_slice());
            Some(read_mass_send(&mut send.sender, message, identity)?)
        }
        TaggedCommand::MassSendV2(send) => {
            let message = (send.kind, send.priority, send.body.as_slice());
            Some(read_mass_send(&mut send.sender, message, identity)?)
        }
        _ => None,
    };
    let command = Command {
        tenant: identity.tenant,
        actor: actor(identity),
        second_factor: identity.second_factor,
        body: tagged.into(),
    };
    Ok(Asked::Command { command, draft })
}

/// Checks a mass send's message and copies it into its draft.
fn read_mass_send(
    from: &mut PersonId,
    (kind, priority, body): (u8, u8, &[u8]),
    identity: &Identity,
) -> Result<Draft, Rejected> {
    (*from, _) = sender(identity, *from, DeviceId(0))?;
    let kind = Kind::from_u8(kind).ok_or(Refusal::KindNotAllowed)?;
    check_body(kind, body)?;
    Priority::from_u8(priority).ok_or(Refusal::Invalid {
        field: "priority",
        rule: "0, 1 or 2",
    })?;
    Draft::new(body).map_err(|_| {
        Refusal::Invalid {
            field: "body",
            rule: "at most 64 KiB",
        }
        .into()
    })
}

/// Reads a frame of the attach stream.
pub(super) fn read_attachment<'a>(
    frame: &'a Frame,
    identity: &Identity,
) -> Result<AttachAsked<'a>, Rejected> {
    let kind = frame.kind;
    let malformed = |error| CloseReason::Payload { kind, error };
    match kind {
        FrameKind::Attach => {
            let attach = Attach::read(frame.payload()).map_err(malformed)?;
            let live_only = attach.live_only;
            let [entry] = <[_; 1]>::try_from(attach.people).map_err(|_| not_oneself())?;
            if !is_oneself(identity, entry.person, entry.device) {
                return Err(not_oneself().into());
            }
            let cursors = entry.cursors;
            Ok(AttachAsked::Attach { cursors, live_only })
        }
        FrameKind::Detach => {
            let detach = Detach::read(frame.payload()).map_err(malformed)?;
            let mut people = detach.people.iter();
            if people.all(|(person, device)| is_oneself(identity, *person, *device)) {
                Ok(AttachAsked::Detach)
            } else {
                Err(CloseReason::OtherPerson { kind }.into())
            }
        }
        FrameKind::Ack => {
            let items = Ack::read(frame.payload()).map_err(malformed)?;
            if items.iter().all(|item| item.person() == identity.person) {
                Ok(AttachAsked::Ack(items))
            } else {
                Err(CloseReason::OtherPerson { kind }.into())
            }
        }
        kind => Err(CloseReason::Unexpected {
            stream: ClientStream::Attachments,
            kind,
        }
        .into()),
    }
}

/// Reads a frame of a gateway's attach stream.
pub(super) fn read_gateway_attachment(frame: &Frame) -> Result<GatewayAsked<'_>, CloseReason> {
    let kind = frame.kind;
    let malformed = |error| CloseReason::Payload { kind, error };
    match kind {
        FrameKind::Attach => {
            let Attach { live_only, people } = Attach::read(frame.payload()).map_err(malformed)?;
            Ok(GatewayAsked::Attach { people, live_only })
        }
        FrameKind::Detach => {
            let detach = Detach::read(frame.payload()).map_err(malformed)?;
            Ok(GatewayAsked::Detach(detach.people))
        }
        FrameKind::Ack => {
            let items = Ack::read(frame.payload()).map_err(malformed)?;
            Ok(GatewayAsked::Ack(items))
        }
        kind => Err(CloseReason::Unexpected {
            stream: ClientStream::Attachments,
            kind,
        }),
    }
}

fn not_oneself() -> Refusal {
    Refusal::NotPermitted {
        operation: "attach",
        needs: "a person's token, for oneself on one's own device",
    }
}

fn is_oneself(identity: &Identity, person: PersonId, device: DeviceId) -> bool {
    identity.role == Role::Person && identity.person == person && identity.device == device
}

fn is_node_operator(identity: &Identity) -> bool {
    identity.role == Role::Operator && identity.tenant == TenantId(0)
}

fn actor(identity: &Identity) -> Actor {
    match identity.role {
        Role::Person => Actor::Person {
            person: identity.person,
            device: identity.device,
        },
        Role::Operator if is_node_operator(identity) => Actor::Node,
        Role::Gateway | Role::Operator => Actor::Enterprise,
    }
}

fn publish_tenant(identity: &Identity, named: TenantId) -> Result<TenantId, CloseReason> {
    if named == identity.tenant || named == TenantId(0) {
        return Ok(identity.tenant);
    }
    Err(CloseReason::OtherTenant {
        own: identity.tenant,
    })
}

/// In whose name a message goes out.
fn sender(
    identity: &Identity,
    person: PersonId,
    device: DeviceId,
) -> Result<(PersonId, DeviceId), Refusal> {
    if identity.role != Role::Person {
        return Ok((person, device));
    }
    let own_person = person == identity.person || person == PersonId(0);
    let own_device = device == identity.device || device == DeviceId(0);
    if own_person && own_device {
        return Ok((identity.person, identity.device));
    }
    Err(Refusal::NotPermitted {
        operation: "sending in another's name",
        needs: "a gateway's or operator's certificate",
    })
}

fn check_body(kind: Kind, body: &[u8]) -> Result<(), Refusal> {
    if !kind.is_message() {
        return Err(Refusal::KindNotAllowed);
    }
    // JSON kinds are UTF-8 too; only end-to-end encrypted bytes are anything.
    if kind != Kind::Opaque && core::str::from_utf8(body).is_err() {
        return Err(Refusal::Invalid {
            field: "body",
            rule: "UTF-8, as every kind but opaque is",
        });
    }
    Ok(())
}

/// Bytes the answer to a frame of `kind` may take, prefix included. The longest answers are pages of
/// 1,000 members, 24 bytes each.
pub(super) fn answer_len_max(kind: FrameKind) -> usize {
    const FIXED_LAYOUT: usize = 256;
    const TAGGED: usize = 32 * 1024;
    match kind {
        FrameKind::Command(_) => TAGGED,
        _ => FIXED_LAYOUT,
    }
}

/// Bytes the answer to a search may take: its hits, and what stands around them.
pub(super) const FOUND_LEN_MAX: usize = SEARCH_PAGE_LEN_MAX + 1024;

/// Appends the answer to a Hello.
pub(super) fn write_welcome(
    request: u64,
    identity: &Identity,
    incarnation: u64,
    now: Timestamp,
    out: &mut Vec<u8>,
) {
    let welcome = Welcome {
        tenant: identity.tenant,
        person: identity.person,
        device: identity.device,
        role: identity.role,
        incarnation,
        expires: identity.expires,
        now,
    };
    encode_frame(FrameKind::Welcome, request, &welcome.encode(), out);
}

/// Appends the answer to a request.
pub(super) fn write_answer(request: u64, result: &Result<Reply, Refusal>, out: &mut Vec<u8>) {
    match result {
        Ok(Reply::Published(published)) => write_published(request, published, out),
        Ok(reply) => {
            let payload = reply.encode();
            if payload.len() <= FRAME_LEN_MAX as usize {
                encode_frame(FrameKind::reply(reply.tag()), request, &payload, out);
            } else {
                let refusal = Refusal::Invalid {
                    field: "the question",
                    rule: "one whose answer fits a frame of 128 KiB: ask for a smaller page",
                };
                write_refused(request, &refusal, out);
            }
        }
        Err(refusal) => write_refused(request, refusal, out),
    }
}

fn write_published(request: u64, published: &PublishedV1, out: &mut Vec<u8>) {
    let published = Published {
        group: published.group,
        sequence: published.sequence,
        record: published.record,
        timestamp: published.timestamp,
        duplicate: published.duplicate,
    };
    encode_frame(FrameKind::Published, request, &published.encode(), out);
}

/// Appends the part of a page that begins at `offset`; where the next one does, none behind the last.
pub(super) fn write_pulled(
    request: u64,
    page: &[u8],
    offset: usize,
    out: &mut Vec<u8>,
) -> Option<usize> {
    let end = page.len().min(offset + PULLED_PART_LEN);
    let last = end == page.len();
    let part = PulledPart {
        offset: offset as u64,
        last,
        bytes: &page[offset..end],
    };
    encode_frame(FrameKind::Pulled, request, &part.encode(), out);
    (!last).then_some(end)
}

/// Appends a refusal.
pub(super) fn write_refused(request: u64, refusal: &Refusal, out: &mut Vec<u8>) {
    let payload = refusal.to_wire().encode();
    encode_frame(FrameKind::Refused, request, &payload, out);
}

/// Appends a refusal of one of many people.
pub(super) fn write_refused_of(
    request: u64,
    person: PersonId,
    refusal: &Refusal,
    out: &mut Vec<u8>,
) {
    let mut refused = refusal.to_wire();
    refused.subject = person.0;
    encode_frame(FrameKind::Refused, request, &refused.encode(), out);
}

/// Appends "later".
pub(super) fn write_busy(request: u64, retry_after_us: u64, out: &mut Vec<u8>) {
    let payload = Busy { retry_after_us }.encode();
    encode_frame(FrameKind::Busy, request, &payload, out);
}

/// Appends an attached person's groups, in pages of 1,000.
pub(super) fn write_attached(
    request: u64,
    (person, device): (PersonId, DeviceId),
    incarnation: u64,
    position: RecordNumber,
    groups: &[AttachedGroup],
    out: &mut Vec<u8>,
) {
    let mut rest = groups;
    loop {
        let (page, after) = rest.split_at(rest.len().min(ATTACHED_PAGE));
        let attached = Attached {
            person,
            device,
            incarnation,
            position,
            more: !after.is_empty(),
            groups: page.to_vec(),
        };
        encode_frame(FrameKind::Attached, request, &attached.encode(), out);
        rest = after;
        if rest.is_empty() {
            return;
        }
    }
}

#[cfg(test)]
#[path = "protocol/tests.rs"]
mod tests;
