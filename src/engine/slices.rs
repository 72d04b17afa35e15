//! What the sequencer does of itself between commands: slices of what an earlier record left to be
//! done, and the counts of repeated denials.

use super::budget::{COMMAND_BYTES_MIN, Permit};
use super::sequencer::{Origin, Sequencer};
use crate::model::command::{Actor, Command, CommandBody};
use crate::model::{Decision, Slice, Stamp};
use crate::wire::{BODY_LEN_MAX, Draft, Envelope, RecordNumber};

/// What came of working something off.
pub(super) enum Sliced {
    /// A record.
    One,
    /// It has to wait: for what is on its way to be released, or for space on the disk.
    NoRoom,
    /// There is nothing to work off.
    Nothing,
}

impl Sequencer {
    /// Logs what one tenant's denials came to, where their window has ended.
    pub(super) fn count_denials(&mut self) -> bool {
        let Some(command) = self.denials.next_due(&*self.clock) else {
            return false;
        };
        let origin = Origin {
            asker: None,
            permit: None,
        };
        let decision = self.decision(&command, 0);
        self.commit(&command, decision, None, origin);
        true
    }

    /// One slice of what an earlier record left to be done, in room of its own: a mass send to
    /// thousands, or groups by the hundred, never make the door busy for others.
    pub(super) fn slice(&mut self) -> Sliced {
        let Some(slice) = self.state.next_slice() else {
            return Sliced::Nothing;
        };
        let parent = match slice.body {
            None => None,
            Some(record) => match self.mass_send(record) {
                Some(envelope) => Some(envelope),
                None => return Sliced::NoRoom,
            },
        };
        let body = parent.as_ref().map_or(&[][..], Envelope::body);
        let events = slice.event_bytes.min(BODY_LEN_MAX as u64);
        let room = COMMAND_BYTES_MIN + events + body.len() as u64;
        let Some(permit) = self.slices.take(room) else {
            return Sliced::NoRoom;
        };
        let draft = parent.as_ref().and_then(|_| Draft::new(body).ok());
        let command = Command {
            tenant: slice.tenant,
            actor: Actor::System,
            second_factor: false,
            body: CommandBody::Continue,
        };
        let decision = self.decision(&command, 0);
        let next = self.next;
        self.commit_slice(&slice, &command, decision, draft, permit);
        if self.next == next {
            // The disk is full: nothing was applied, so the same slice is tried again later.
            return Sliced::NoRoom;
        }
        let unfinished = self.state.next_slice();
        if let Some(record) = slice.body
            && unfinished.is_none_or(|next| next.body != slice.body)
        {
            self.mass_sends.remove(&record);
        }
        Sliced::One
    }

    /// The message of a mass send: kept since it was accepted, or read back after a restart.
    fn mass_send(&mut self, parent: RecordNumber) -> Option<Envelope> {
        if let Some(envelope) = self.mass_sends.get(&parent) {
            return Some(envelope.clone());
        }
        let record = self.reader.read(parent, 1).ok()?.into_iter().next()?;
        self.mass_sends.insert(parent, record.envelope.clone());
        Some(record.envelope)
    }

    fn commit_slice(
        &mut self,
        slice: &Slice,
        command: &Command,
        decision: Decision,
        draft: Option<Draft>,
        permit: Permit,
    ) {
        let origin = Origin {
            asker: None,
            permit: Some(permit),
        };
        let stamp = Stamp {
            record: self.next,
            timestamp: self.decision_clock.now(&*self.clock),
            tenant: slice.tenant,
            sender: slice.sender,
            device: slice.device,
            client_message_id: slice.client_message_id,
            kind: slice.kind,
            priority: slice.priority,
        };
        self.commit_stamped(command, stamp, decision, draft, origin);
    }
}
