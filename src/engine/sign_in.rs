//! A person comes to the door: may they come in from there, and is the device new (SPEC D9)?

use std::net::IpAddr;

use super::budget::Permit;
use super::port::PortId;
use super::sequencer::{Asker, Origin, Sequencer};
use crate::model;
use crate::model::command::{Actor, Command, Platform, RegisterDeviceV1, TaggedCommand};
use crate::wire::{DeviceId, PersonId, TenantId};

/// Who comes, on what, from where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignIn {
    /// The enterprise.
    pub tenant: TenantId,
    /// Who.
    pub person: PersonId,
    /// On which device.
    pub device: DeviceId,
    /// What the device is.
    pub platform: Platform,
    /// From which address.
    pub address: IpAddr,
}

impl Sequencer {
    /// Answers a sign-in as the command that registers the device is answered.
    pub(super) fn sign_in(&mut self, port: PortId, request: u64, come: &SignIn, permit: Permit) {
        let origin = Origin {
            asker: Some(Asker::Port { port, request }),
            permit: Some(permit),
        };
        let SignIn {
            tenant,
            person,
            device,
            platform,
            address,
        } = *come;
        if let Err(refusal) = model::admission(&self.state, tenant, person, device, address) {
            self.answer(origin, Err(refusal));
            return;
        }
        let register = RegisterDeviceV1 {
            person,
            device,
            platform,
        };
        let command = Command {
            tenant,
            actor: Actor::Person { person, device },
            second_factor: false,
            body: TaggedCommand::RegisterDevice(register).into(),
        };
        let decision = self.decision(&command, 0);
        self.commit(&command, decision, None, origin);
    }
}
