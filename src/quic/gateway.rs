//! A gateway's connection: one link that carries many people.
//!
//! Its people are the certificate's tenant's and nobody else's (SPEC D1). A frame's people are handed to
//! the engine as far as there is room, for their answers and for what each makes the gateway be told; the
//! rest of the frame waits, and the next is not read meanwhile. So nothing here is answered `Busy`, and
//! nothing grows but with the people who are attached (invariant 5).

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use quinn_proto::Dir;
use rustc_hash::FxHashMap;

use super::close::CloseReason;
use super::endpoint::Shard;
use super::link::{Link, Phase, Session};
use super::options::Limits;
use super::protocol::{self, GatewayAsked};
use super::streams::Delivery;
use super::visit::answer;
use crate::engine::AttachedPerson;
use crate::model::Refusal;
use crate::wire::{
    AttachEntry, Cursor, DeviceId, Frame, PersonId, RecordNumber, StreamClass, TenantId,
};

/// Changes not yet told to a gateway above which nobody else is attached through it.
const CHANGES_UNTOLD_MAX: usize = 16 * 1024;
/// Attaches in the engine's hands before any answer tells in how many groups people are; and always
/// at least the other.
const ASKED_FIRST: usize = 64;
const ASKED_MIN: usize = 8;
/// Sessions taken offline in one turn of the loop: a gateway that goes is no storm to the sequencer.
const DETACHES_PER_TURN: usize = 1024;

/// Somebody's device.
type Who = (PersonId, DeviceId);

/// Who is on a gateway, and who is about to be.
pub(super) struct Gateway {
    tenant: TenantId,
    /// The engine's number for each session here, asked for or attached.
    people: BTreeMap<Who, u64>,
    /// In the engine's hands.
    asked: FxHashMap<u64, Asked>,
    /// What is left of a frame.
    rest: Option<Rest>,
    /// In how many groups whoever is in most of them is, of those attached so far.
    groups_max: Option<usize>,
}

/// What an attach waits with for its answer.
struct Asked {
    who: Who,
    request: u64,
    cursors: Vec<Cursor>,
    live_only: bool,
}

struct Rest {
    request: u64,
    live_only: bool,
    people: VecDeque<AttachEntry>,
}

impl Gateway {
    fn of(tenant: TenantId) -> Self {
        Self {
            tenant,
            people: BTreeMap::new(),
            asked: FxHashMap::default(),
            rest: None,
            groups_max: None,
        }
    }

    /// Whether everything the engine was asked has been answered; who is left of a frame when the
    /// connection ends is not asked for any more.
    pub(super) fn is_quiet(&self) -> bool {
        self.asked.is_empty()
    }

    /// Whether the next frame may be read.
    pub(super) fn takes_frames(&self) -> bool {
        self.rest.is_none()
    }

    /// How many may be in the engine's hands: if each were in as many groups as anybody so far, what they
    /// are answered and what is to be told would still be bounded.
    fn asked_max(&self, limits: &Limits) -> usize {
        let fitting = |groups| CHANGES_UNTOLD_MAX / (groups + 1);
        let fitting = self.groups_max.map_or(ASKED_FIRST, fitting);
        fitting.clamp(
            ASKED_MIN,
            (limits.gateway_attaches_max as usize).max(ASKED_MIN),
        )
    }
}

/// What gateways of a shard wait for that nobody will announce.
#[derive(Default)]
pub(super) struct Backlog {
    /// Connections whose people the engine had no room for.
    links: Vec<u32>,
    /// Sessions of gateways that have gone, to be taken offline turn by turn.
    detaching: Vec<u64>,
}

impl Backlog {
    /// Whether to look again soon.
    pub(super) fn is_empty(&self) -> bool {
        self.links.is_empty() && self.detaching.is_empty()
    }
}

impl Shard {
    /// A frame of a gateway's attach stream.
    pub(super) fn on_gateway_frame(
        &mut self,
        index: u32,
        frame: &Frame,
    ) -> Result<(), CloseReason> {
        match protocol::read_gateway_attachment(frame)? {
            GatewayAsked::Attach { people, live_only } => {
                self.open_gateway(index)?;
                if let Some(gateway) = self.gateway(index) {
                    gateway.rest = Some(Rest {
                        request: frame.request,
                        live_only,
                        people: people.into(),
                    });
                }
                self.attach_more(index);
            }
            GatewayAsked::Detach(people) => {
                for who in people {
                    self.detach_from_gateway(index, who);
                }
            }
            GatewayAsked::Ack(items) => {
                let session = self.links.get(index).and_then(|link| link.attached());
                if let Some(session) = session {
                    for item in items {
                        self.core
                            .ack_through(session, item.person(), item.group(), item.floor());
                    }
                }
            }
        }
        Ok(())
    }

    fn gateway(&mut self, index: u32) -> Option<&mut Gateway> {
        self.links.get(index)?.gateway.as_deref_mut()
    }

    /// The gateway's session, with nobody on it, and its stream; once a connection.
    fn open_gateway(&mut self, index: u32) -> Result<(), CloseReason> {
        let Some(link) = self.links.get(index) else {
            return Ok(());
        };
        let Phase::Open { identity, .. } = link.phase else {
            return Ok(());
        };
        if link.gateway.is_some() {
            return Ok(());
        }
        let id = link.conn.streams().open(Dir::Uni);
        let id = id.ok_or(CloseReason::NoDeliveryStream)?;
        link.delivery = Some(Delivery::new(id, StreamClass::Normal));
        link.gateway = Some(Box::new(Gateway::of(identity.tenant)));
        self.next_session = self.next_session.wrapping_add(1);
        let number = session_number(self.next_session, index);
        link.session = Some(Session {
            number,
            attaching: None,
        });
        self.core.open_gateway(number, identity.tenant);
        Ok(())
    }

    /// Hands the engine as many of a frame's people as there is room for.
    pub(super) fn attach_more(&mut self, index: u32) {
        while let Some((request, live_only, entry)) = self.next_to_attach(index) {
            let Some((link, limits)) = self.links.get_with_limits(index) else {
                return;
            };
            let Phase::Open { identity, .. } = link.phase else {
                return;
            };
            let Some(gateway) = &mut link.gateway else {
                return;
            };
            let who = (entry.person, entry.device);
            let refusal = if gateway.people.contains_key(&who) {
                Some(Refusal::NotPermitted {
                    operation: "attaching twice",
                    needs: "a detach first",
                })
            } else if gateway.people.len() >= limits.gateway_people_max as usize {
                Some(Refusal::TooMuchAtOnce {
                    what: "people on one gateway",
                    limit: limits.gateway_people_max,
                })
            } else {
                None
            };
            if let Some(refusal) = refusal {
                refuse(link, request, who, &refusal);
                continue;
            }
            self.next_session = self.next_session.wrapping_add(1);
            let number = session_number(self.next_session, index);
            if let Err(_busy) = self.port.attach(number, identity.tenant, who.0, who.1) {
                self.stats.busy_answers += 1;
                if let Some(rest) = &mut gateway.rest {
                    rest.people.push_front(entry);
                }
                self.gateway_backlog.links.push(index);
                return;
            }
            gateway.people.insert(who, number);
            let asked = Asked {
                who,
                request,
                cursors: entry.cursors,
                live_only,
            };
            gateway.asked.insert(number, asked);
        }
    }

    /// The next of a frame's people, if there is room for all that one more may cost.
    fn next_to_attach(&mut self, index: u32) -> Option<(u64, bool, AttachEntry)> {
        let (link, limits) = self.links.get_with_limits(index)?;
        let session = link.attached()?;
        let unread = link.attachments.as_ref()?.outbox.len();
        let gateway = link.gateway.as_mut()?;
        let has_room = unread <= limits.answer_bytes_max
            && gateway.asked.len() < gateway.asked_max(limits)
            && self.core.changes_untold(session) <= CHANGES_UNTOLD_MAX;
        if !has_room {
            return None;
        }
        let rest = gateway.rest.as_mut()?;
        let next = rest.people.pop_front();
        let next = next.map(|entry| (rest.request, rest.live_only, entry));
        if next.is_none() {
            gateway.rest = None;
        }
        next
    }

    /// The engine's answer to an attach through a gateway; whether it was one.
    pub(super) fn on_attached_through(
        &mut self,
        number: u64,
        position: RecordNumber,
        result: &Result<AttachedPerson, Refusal>,
    ) -> bool {
        let index = number as u32;
        let Some(link) = self.links.get(index) else {
            return false;
        };
        let Some(session) = link.attached() else {
            return false;
        };
        let Some(gateway) = &mut link.gateway else {
            return false;
        };
        let Some(asked) = gateway.asked.remove(&number) else {
            // Detached before it was answered.
            return true;
        };
        match result {
            Ok(attached) => {
                gateway.groups_max = gateway.groups_max.max(Some(attached.groups.len()));
                self.core
                    .attach_through(session, attached, &asked.cursors, asked.live_only);
                self.stats.attached += 1;
                answer(&mut link.attachments, |out| {
                    let incarnation = self.engine.incarnation();
                    let groups = &attached.groups;
                    protocol::write_attached(
                        asked.request,
                        asked.who,
                        incarnation,
                        position,
                        groups,
                        out,
                    );
                });
            }
            Err(refusal) => {
                gateway.people.remove(&asked.who);
                refuse(link, asked.request, asked.who, refusal);
            }
        }
        self.links.mark_dirty(index);
        true
    }

    fn detach_from_gateway(&mut self, index: u32, who: Who) {
        let Some(link) = self.links.get(index) else {
            return;
        };
        let session = link.attached();
        let Some(gateway) = &mut link.gateway else {
            return;
        };
        let Some(number) = gateway.people.remove(&who) else {
            return;
        };
        self.port.detach(number);
        if gateway.asked.remove(&number).is_some() {
            return;
        }
        self.stats.attached -= 1;
        if let Some(session) = session {
            self.core.detach_through(session, who.0, who.1);
        }
    }

    /// Somebody's sessions on gateways end; the core tells the gateways.
    pub(super) fn end_on_gateways(
        &mut self,
        tenant: TenantId,
        person: PersonId,
        device: Option<DeviceId>,
    ) {
        for index in self.links.indexes() {
            let Some(link) = self.links.get(index) else {
                continue;
            };
            let gateway = link.gateway.as_mut();
            let Some(gateway) = gateway.filter(|gateway| gateway.tenant == tenant) else {
                continue;
            };
            let here = gateway.people.range(devices(person, device));
            // Who is still being asked for is refused, or comes in after this.
            let ending = here.filter(|(_, number)| !gateway.asked.contains_key(number));
            let ending: Vec<_> = ending.map(|(who, number)| (*who, *number)).collect();
            for (who, number) in ending {
                gateway.people.remove(&who);
                self.port.detach(number);
                self.stats.attached -= 1;
            }
        }
    }

    /// Forgets a gateway whose connection goes, and everybody on it.
    pub(super) fn leave_gateway(&mut self, index: u32) {
        let Some(link) = self.links.get(index) else {
            return;
        };
        let Some(gateway) = link.gateway.take() else {
            return;
        };
        if let Some(session) = link.session.take() {
            self.core.close_gateway(session.number);
        }
        self.stats.attached -= (gateway.people.len() - gateway.asked.len()) as u64;
        let detaching = &mut self.gateway_backlog.detaching;
        detaching.extend(gateway.people.into_values());
    }

    /// Takes up what waited for a turn to pass, and gives up gateways that were too slow.
    pub(super) fn serve_gateways(&mut self, now: Instant) {
        for index in core::mem::take(&mut self.gateway_backlog.links) {
            self.links.mark_dirty(index);
        }
        let detaching = &mut self.gateway_backlog.detaching;
        let kept = detaching.len().saturating_sub(DETACHES_PER_TURN);
        for number in detaching.drain(kept..) {
            self.port.detach(number);
        }
        while let Some(session) = self.core.take_overrun() {
            self.close(session as u32, &CloseReason::GatewayBehind, now);
        }
    }
}

/// A session's number: its connection's place in the lower half.
fn session_number(session: u32, index: u32) -> u64 {
    u64::from(session) << 32 | u64::from(index)
}

/// A person's devices, or the one.
fn devices(person: PersonId, device: Option<DeviceId>) -> core::ops::RangeInclusive<Who> {
    let first = device.unwrap_or(DeviceId(0));
    let last = device.unwrap_or(DeviceId(u32::MAX));
    (person, first)..=(person, last)
}

/// Says by which rule one of a frame's people was not attached.
fn refuse(link: &mut Link, request: u64, (person, _): Who, refusal: &Refusal) {
    answer(&mut link.attachments, |out| {
        protocol::write_refused_of(request, person, refusal, out);
    });
}
