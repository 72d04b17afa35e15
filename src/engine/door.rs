//! The door: where a command is admitted or answered [`Busy`], at once (invariant 5).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::Sender;

use super::budget::{Budget, COMMAND_BYTES_MIN};
use super::port::PortId;
use super::sequencer::{Asked, Asker, Control};
use crate::model::command::{Command, CommandBody};
use crate::wire::{DeviceId, Draft, PersonId, TenantId};

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
}

impl Door {
    /// Admits a command, or not. What it will need on its way to disk and back is reserved here.
    pub(crate) fn submit(
        &self,
        command: Command,
        draft: Option<Draft>,
        asker: Asker,
    ) -> Result<(), Busy> {
        let own = match &command.body {
            CommandBody::Publish(_) | CommandBody::Continue => COMMAND_BYTES_MIN,
            CommandBody::Tagged(_) => COMMAND_BYTES,
        };
        let bytes = own + draft.as_ref().map_or(0, |draft| draft.len() as u64);
        let permit = self.budget.take(bytes).ok_or_else(|| self.busy())?;
        self.commands
            .send(Asked {
                command,
                draft,
                asker,
                permit,
            })
            .map_err(|_| Busy::soon())
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
        self.control.send(attach).map_err(|_| Busy::soon())
    }

    fn busy(&self) -> Busy {
        self.busy_count.fetch_add(1, Ordering::Relaxed);
        Busy::soon()
    }
}
