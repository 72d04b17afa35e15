//! The enterprise's rules of access: until when it is verified (SPEC D1), from where people
//! connect and with what proof (SPEC D9).

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::command::{
    Actor, DoneV1, GetTenantPolicyV1, Reply, SetTenantPolicyV1, TenantPolicyV1, VerifyTenantV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{State, Tenant};
use crate::wire::{DeviceId, PersonId, TenantId};

/// The networks people may connect from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct AllowList {
    /// Without host bits, in order, each once; empty for any.
    networks: Vec<IpNet>,
}

impl AllowList {
    /// Reads networks and single addresses; none where one is neither.
    pub(crate) fn parse(texts: &[String]) -> Option<Self> {
        let network = |text: &String| {
            let text = text.trim();
            let address = || text.parse().ok().map(|it: IpAddr| IpNet::from(it));
            let network = text.parse().ok().or_else(address)?;
            Some(network.trunc())
        };
        let mut networks: Vec<_> = texts.iter().map(network).collect::<Option<_>>()?;
        networks.sort_unstable();
        networks.dedup();
        Some(Self { networks })
    }

    pub(crate) fn to_texts(&self) -> Vec<String> {
        self.networks.iter().map(IpNet::to_string).collect()
    }

    fn allows(&self, address: IpAddr) -> bool {
        // A socket that speaks both versions writes IPv4 within IPv6 (RFC 4291, 2.5.5.2).
        let address = address.to_canonical();
        let mut networks = self.networks.iter();
        self.networks.is_empty() || networks.any(|network| network.contains(&address))
    }
}

/// Whether the door may let a person in from there: asked for every session, and again when a
/// connection moves to another address.
///
/// Refuses people who left or are frozen, devices that are locked out, and addresses that the
/// tenant does not allow.
pub fn admission(
    state: &State,
    tenant: TenantId,
    person: PersonId,
    device: DeviceId,
    address: IpAddr,
) -> Result<(), Refusal> {
    let tenant = state.tenant(tenant)?;
    let index = tenant.usable_person(person)?;
    tenant.check_device(index, device)?;
    if tenant.ip_allow_list.allows(address) {
        Ok(())
    } else {
        Err(Refusal::AddressNotAllowed)
    }
}

pub(crate) fn decide_verify(
    request: &Request<'_>,
    verify: &VerifyTenantV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::VerifyTenant, Subject::Tenant)?;

    let verified_until = verify.verified_until;
    let event = Event::TenantVerified(event::TenantVerifiedV1 { verified_until });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

pub(crate) fn verify(tenant: &mut Tenant, verified: &event::TenantVerifiedV1) {
    tenant.verified_until = verified.verified_until;
}

pub(crate) fn decide_set_policy(
    request: &Request<'_>,
    set: &SetTenantPolicyV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::SetTenantPolicy, Subject::Tenant)?;
    let invalid = |rule| Refusal::Invalid {
        field: "ip_allow_list",
        rule,
    };
    if set.ip_allow_list.len() > request.limits.ip_allow_list_max as usize {
        return Err(invalid("no longer than the limit"));
    }
    let allow_list = AllowList::parse(&set.ip_allow_list);
    let allow_list = allow_list.ok_or(invalid("addresses and networks, such as 10.0.0.0/8"))?;
    // Who has none would lock themself out of all they administer.
    let is_person = matches!(request.actor, Actor::Person { .. });
    if set.requires_second_factor && is_person && !request.second_factor {
        return Err(Refusal::SecondFactorRequired);
    }

    let event = Event::TenantPolicySet(event::TenantPolicySetV1 {
        requires_second_factor: set.requires_second_factor,
        ip_allow_list: allow_list.to_texts(),
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

pub(crate) fn set_policy(tenant: &mut Tenant, set: &event::TenantPolicySetV1) {
    if let Some(allow_list) = AllowList::parse(&set.ip_allow_list) {
        tenant.requires_second_factor = set.requires_second_factor;
        tenant.ip_allow_list = allow_list;
    }
}

pub(crate) fn get_policy(
    request: &Request<'_>,
    GetTenantPolicyV1 {}: &GetTenantPolicyV1,
) -> Result<Reply, Refusal> {
    request.permit(Operation::ReadTenant, Subject::Tenant)?;
    Ok(Reply::TenantPolicy(TenantPolicyV1 {
        verified_until: request.tenant.verified_until,
        requires_second_factor: request.tenant.requires_second_factor,
        ip_allow_list: request.tenant.ip_allow_list.to_texts(),
    }))
}
