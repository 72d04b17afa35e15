//! The door: where a command is admitted or answered [`Busy`], at once (invariant 5).

use std::hash::Hasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::Sender;
use siphasher::sip::SipHasher24;
use siphasher::sip128::{self, Hasher128};

use super::budget::{Budget, COMMAND_BYTES_MIN};
use super::port::PortId;
use super::sequencer::{Asked, Asker, Control};
use super::sign_in::SignIn;
use crate::model::command::{Command, CommandBody, TaggedCommand};
use crate::wire::{DeviceId, Draft, PersonId, RecordNumber, TenantId, Timestamp};

/// Too much is on its way: this one request was not taken, nothing else is affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("busy: try again in {retry_after_us} µs")]
pub struct Busy {
    /// When trying again is likely to work, in microseconds from now.
    pub retry_after_us: u64,
}

impl Busy {
    /// About the time a batch takes to become durable.
    pub(crate) fn soon() -> Self {
        Self {
            retry_after_us: 5_000,
        }
    }
}

/// What a tagged command counts for beyond its draft, per id it may list.
const COMMAND_BYTES: u64 = 2 * COMMAND_BYTES_MIN;

#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) commands: Sender<Asked>,
    pub(crate) control: Sender<Control>,
    pub(crate) budget: Budget,
    pub(crate) attach_budget: Budget,
    pub(crate) busy_count: Arc<AtomicU64>,
    pub(crate) digest: BodyDigest,
}

/// The keyed digest by which a retry with another body is told from a true one (SPEC S3). Keyed,
/// because a digest that anyone could compute would outlive the body's erasure; the key stays in
/// the log's directory.
#[derive(Clone)]
pub(crate) struct BodyDigest {
    pub(crate) key: [u8; 16],
}

impl BodyDigest {
    pub(crate) fn of(&self, kind: u8, priority: u8, body: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(&[kind, priority]);
        hasher.write(body);
        hasher.finish()
    }
}

/// Where decisions get what nobody may guess (join codes, activation codes): a keyed function of when
/// they are made, so that a run with the same key and clock is the same run.
pub(crate) struct Randomness {
    pub(crate) key: [u8; 16],
}

impl Randomness {
    pub(crate) fn of(&self, record: RecordNumber, now: Timestamp) -> u128 {
        let mut hasher = sip128::SipHasher24::new_with_key(&self.key);
        hasher.write(b"decision");
        hasher.write_u64(record.0);
        hasher.write_i64(now.0);
        hasher.finish128().as_u128()
    }
}

impl Door {
    /// Admits a command, or not. What it will need on its way to disk and back is reserved here.
    pub(crate) fn submit(
        &self,
        command: Command,
        draft: Option<Draft>,
        asker: Asker,
    ) -> Result<(), Busy> {
        let (own, body_digest) = match &command.body {
            CommandBody::Publish(_) | CommandBody::Continue => (COMMAND_BYTES_MIN, 0),
            CommandBody::Tagged(tagged) => match &**tagged {
                TaggedCommand::MassSend(send) => {
                    let list = (send.groups.len() * size_of::<u64>()) as u64;
                    let digest = self.digest.of(send.kind, send.priority, &send.body);
                    (COMMAND_BYTES + list, digest)
                }
                TaggedCommand::ImportHistory(import) => {
                    let messages = import.messages.iter();
                    let bytes = messages
                        .map(|message| message.body.len() as u64)
                        .sum::<u64>();
                    (COMMAND_BYTES + bytes, 0)
                }
                TaggedCommand::MassSendV2(send) => {
                    let targets = send.groups.len() + send.matrices.len() + send.customers.len();
                    let list = (targets * size_of::<u64>()) as u64;
                    let digest = self.digest.of(send.kind, send.priority, &send.body);
                    (COMMAND_BYTES + list, digest)
                }
                _ => (COMMAND_BYTES, 0),
            },
        };
        let bytes = own + draft.as_ref().map_or(0, |draft| draft.len() as u64);
        let permit = self.budget.take(bytes).ok_or_else(|| self.busy())?;
        // An engine that has stopped drops the asker, which is how whoever waits finds out.
        let _ = self.commands.send(Asked {
            command,
            body_digest,
            draft,
            asker,
            permit,
        });
        Ok(())
    }

    /// Admits an attach by its own reserved room: those who are here come back in even when
    /// publishers fill everything else.
    pub(crate) fn attach(
        &self,
        port: PortId,
        session: u64,
        tenant: TenantId,
        person: PersonId,
        device: DeviceId,
    ) -> Result<(), Busy> {
        let permit = self
            .attach_budget
            .take(COMMAND_BYTES_MIN)
            .ok_or_else(|| self.busy())?;
        let attach = Control::Attach {
            port,
            session,
            tenant,
            person,
            device,
            permit,
        };
        let _ = self.control.send(attach);
        Ok(())
    }

    /// Admits a sign-in by the same room as attaches.
    pub(crate) fn sign_in(&self, port: PortId, request: u64, come: SignIn) -> Result<(), Busy> {
        let permit = self
            .attach_budget
            .take(COMMAND_BYTES_MIN)
            .ok_or_else(|| self.busy())?;
        let sign_in = Control::SignIn {
            port,
            request,
            come,
            permit,
        };
        let _ = self.control.send(sign_in);
        Ok(())
    }

    fn busy(&self) -> Busy {
        self.busy_count.fetch_add(1, Ordering::Relaxed);
        Busy::soon()
    }
}
