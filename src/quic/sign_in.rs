//! From a first frame to an open connection: who it is, and whether they may come in from here.
//!
//! A token or certificate says who; the model says whether a person of the tenant may connect from
//! this address and device (SPEC D9), and keeps a device it has not seen. So the welcome waits for
//! the engine. An address that changes later is asked about again.

use std::time::{Duration, Instant};

use quinn_proto::Connection;
use rustls::pki_types::CertificateDer;

use super::SessionEntry;
use super::auth::{Identity, identity_of_certificate};
use super::close::CloseReason;
use super::endpoint::Shard;
use super::link::Phase;
use super::protocol;
use super::requests::{Pending, ToEngine};
use super::visit::{answer, registry_number};
use crate::engine::SignIn;
use crate::model::Refusal;
use crate::wire::{Frame, Role, Timestamp};

impl Shard {
    pub(super) fn on_hello(
        &mut self,
        index: u32,
        frame: &Frame,
        now: Instant,
    ) -> Result<(), CloseReason> {
        let hello = protocol::read_hello(frame)?;
        let clock = self.engine.now();
        let Some(link) = self.links.get(index) else {
            return Ok(());
        };
        let identity = if hello.token.is_empty() {
            still_valid(identity_of_peer(&link.conn)?, clock)?
        } else {
            (self.tokens)(hello.token, clock)
                .map_err(|error| CloseReason::Unauthenticated { error })?
        };
        let identity = protocol::in_tenant(identity, hello.tenant)?;
        let left_us = identity.expires.micros_since(clock).max(0);
        let expires = now.checked_add(Duration::from_micros(left_us as u64));
        link.phase = Phase::SigningIn { identity, expires };
        if identity.role == Role::Person {
            self.ask_to_sign_in(index, &identity, frame.request)
        } else {
            self.welcome(index, frame.request);
            Ok(())
        }
    }

    /// Asks the model whether a person may be here, or stay here.
    fn ask_to_sign_in(
        &mut self,
        index: u32,
        identity: &Identity,
        request: u64,
    ) -> Result<(), CloseReason> {
        let Some(link) = self.links.get(index) else {
            return Ok(());
        };
        let address = link.conn.remote_address().ip();
        link.admitted_from = Some(address);
        let number = self.requests.insert(Pending {
            index,
            serial: link.serial,
            request,
            asked: ToEngine::SignIn,
            reserved: 0,
            search: None,
            instead: None,
        });
        let sign_in = SignIn {
            tenant: identity.tenant,
            person: identity.person,
            device: identity.device,
            platform: identity.platform,
            address,
        };
        self.port.sign_in(number, sign_in).map_err(|_| {
            self.requests.remove(number);
            self.stats.busy_answers += 1;
            CloseReason::Busy
        })
    }

    /// A connection whose client has moved to another address is asked about again.
    pub(super) fn check_address(&mut self, index: u32) -> Result<(), CloseReason> {
        let Some(link) = self.links.get(index) else {
            return Ok(());
        };
        let Phase::Open { identity, .. } = link.phase else {
            return Ok(());
        };
        let address = link.conn.remote_address().ip();
        if identity.role != Role::Person || link.admitted_from == Some(address) {
            return Ok(());
        }
        self.ask_to_sign_in(index, &identity, 0)
    }

    /// The model's answer.
    pub(super) fn signed_in(&mut self, pending: &Pending, refused: Option<&Refusal>, now: Instant) {
        let Some(link) = self.links.get(pending.index) else {
            return;
        };
        if link.serial != pending.serial {
            return;
        }
        // A device that a full disk cannot keep is let in, and asked for again next time.
        let refused = refused.filter(|refusal| **refusal != Refusal::DiskFull);
        match (refused, link.phase) {
            (None, Phase::SigningIn { .. }) => self.welcome(pending.index, pending.request),
            (Some(refusal), Phase::SigningIn { .. } | Phase::Open { .. }) => {
                let refusal = refusal.clone();
                let reason = CloseReason::NotAdmitted { refusal };
                self.close(pending.index, &reason, now);
            }
            _ => {}
        }
    }

    fn welcome(&mut self, index: u32, request: u64) {
        let clock = self.engine.now();
        let Some((link, limits)) = self.links.get_with_limits(index) else {
            return;
        };
        let Phase::SigningIn { identity, expires } = link.phase else {
            return;
        };
        link.open(identity, expires, limits);
        answer(&mut link.requests, |out| {
            let incarnation = self.engine.incarnation();
            protocol::write_welcome(request, &identity, incarnation, clock, out);
        });
        let entry = SessionEntry {
            identity,
            since: clock,
            remote: link.conn.remote_address(),
            shard: self.shard,
        };
        let number = registry_number(self.shard, link.serial);
        self.registry.insert(number, entry);
        self.stats.sessions += 1;
        self.links.mark_dirty(index);
    }
}

/// A resumed session shows a certificate that was checked when the session began: it may have expired.
fn still_valid(identity: Identity, clock: Timestamp) -> Result<Identity, CloseReason> {
    if identity.expires <= clock {
        return Err(CloseReason::TokenExpired);
    }
    Ok(identity)
}

/// Who the client certificate names.
fn identity_of_peer(conn: &Connection) -> Result<Identity, CloseReason> {
    let chain = conn.crypto_session().peer_identity();
    let chain = chain.and_then(|chain| chain.downcast::<Vec<CertificateDer<'static>>>().ok());
    let certificate = chain.as_ref().and_then(|chain| chain.first());
    let certificate = certificate.ok_or(CloseReason::NoCertificate)?;
    identity_of_certificate(certificate).map_err(|error| CloseReason::Unauthenticated { error })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::command::Platform;
    use crate::wire::{DeviceId, PersonId, TenantId};

    #[test]
    fn a_certificate_that_has_expired_since_its_session_began_is_of_no_use() {
        let identity = Identity {
            role: Role::Gateway,
            tenant: TenantId(7),
            person: PersonId(0),
            device: DeviceId(0),
            platform: Platform::Unknown,
            second_factor: false,
            expires: Timestamp(1_000),
        };
        assert_eq!(still_valid(identity, Timestamp(999)), Ok(identity));
        let over = still_valid(identity, Timestamp(1_000));
        assert_eq!(over, Err(CloseReason::TokenExpired));
    }
}
