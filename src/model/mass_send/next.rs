//! The next target of what is going out: whether it still may have the message, and what that costs it.
//!
//! What has changed since the mass send was accepted refuses that target alone (SPEC Q4).

use crate::model::command::{DoneV1, GroupKind, PolicyId, PublishedV1, Reply};
use crate::model::decision::{Decision, Request};
use crate::model::event::{
    Event, GroupCreatedV2, MassSendReachedV1, MassSendTargetRefusedV2, MassSendTargetV1,
};
use crate::model::group::creation::{Belongs, NewGroup, plan};
use crate::model::group::direct;
use crate::model::message::check_target;
use crate::model::quota::{self, Demand, Denied};
use crate::model::refusal::Refusal;
use crate::wire::{GroupId, PersonId, Sequence};

use super::decide::{check_customer, check_reaches_customers};
use super::{MassSend, To};

/// `Done` where the target is refused, or nothing is left.
pub(crate) fn decide_target(request: &Request<'_>, send: &MassSend) -> Decision {
    let Some(target) = send.next() else {
        return Decision::answered(Reply::Done(DoneV1 {}));
    };
    let decided = match target.to() {
        To::Group(group) => to_group(request, send, group),
        To::Customer(customer) => to_customer(request, send, customer),
    };
    decided.unwrap_or_else(|denied| refused(send, target.to(), denied))
}

fn to_group(request: &Request<'_>, send: &MassSend, group: GroupId) -> Result<Decision, Denied> {
    let tenant = request.tenant;
    let sender = tenant.usable_person(send.sender.id())?;
    let to = check_target(tenant, group, sender, send.kind)?;
    to.check_speech(group, sender, send.kind, request.now)?;
    let sequence = to.head.next();
    let index = tenant.known_group(group)?;
    let charges = quota::admit(request, &[Demand::group_reached(index)])?;

    let delivered = Event::MassSendDelivered(MassSendTargetV1 {
        mass_send: send.record,
        group,
    });
    let events = [delivered].into_iter().chain(quota::charged(charges));
    Ok(published(request, group, sequence, events.collect()))
}

/// In the direct group of sender and customer, which the same record makes where there is none.
fn to_customer(
    request: &Request<'_>,
    send: &MassSend,
    customer: PersonId,
) -> Result<Decision, Denied> {
    let tenant = request.tenant;
    let sender = tenant.usable_person(send.sender.id())?;
    check_reaches_customers(request, sender, send.kind)?;
    let index = check_customer(tenant, sender, customer)?;
    let mut events = Vec::with_capacity(3);
    let (group, sequence) = match direct::between(tenant, sender, index) {
        Some(group) => {
            let direct = check_target(tenant, group.id(), sender, send.kind)?;
            (group.id(), direct.head.next())
        }
        None => {
            let created = direct_group(request, send, customer)?;
            let group = created.group;
            events.push(Event::GroupCreatedV2(created));
            (group, Sequence(2))
        }
    };
    let charges = quota::admit(request, &[Demand::customer_reached(index)])?;

    events.push(Event::MassSendReached(MassSendReachedV1 {
        mass_send: send.record,
        customer,
        group,
    }));
    events.extend(quota::charged(charges));
    Ok(published(request, group, sequence, events))
}

fn direct_group(
    request: &Request<'_>,
    send: &MassSend,
    customer: PersonId,
) -> Result<GroupCreatedV2, Refusal> {
    let planned = plan(
        request,
        &NewGroup {
            kind: GroupKind::Direct,
            name: "",
            owner: send.sender.id(),
            admins: &[],
            members: &[customer],
            departments: &[],
            belongs: Belongs::Nowhere,
            follows_department: false,
            may_be_small: false,
        },
    )?;
    Ok(GroupCreatedV2 {
        creator: send.sender.id(),
        ..planned
    })
}

fn published(
    request: &Request<'_>,
    group: GroupId,
    sequence: Sequence,
    events: Vec<Event>,
) -> Decision {
    Decision::new(
        events,
        Ok(Reply::Published(PublishedV1 {
            group,
            sequence,
            record: request.record,
            timestamp: request.now,
            duplicate: false,
        })),
    )
}

fn refused(send: &MassSend, to: To, denied: Denied) -> Decision {
    let (group, customer) = match to {
        To::Group(group) => (group, PersonId(0)),
        To::Customer(customer) => (GroupId(0), customer),
    };
    let policy = match denied.refusal {
        Refusal::QuotaExceeded { policy, .. } | Refusal::Frozen { policy, .. } => policy,
        _ => PolicyId(0),
    };
    let refused = Event::MassSendTargetRefusedV2(MassSendTargetRefusedV2 {
        mass_send: send.record,
        group,
        customer,
        code: denied.refusal.code(),
        policy,
    });
    let frozen = denied.freezes.map(Event::QuotaFrozen);
    Decision::new(
        [refused].into_iter().chain(frozen).collect(),
        Ok(Reply::Done(DoneV1 {})),
    )
}
