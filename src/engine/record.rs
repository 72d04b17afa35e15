//! What a command's record says of itself: its stamp, its header, and which space it may use.

use crate::log::Class;
use crate::model::command::{Actor, Command, CommandBody, TaggedCommand};
use crate::model::event::Event;
use crate::model::{self, Decision, Stamp};
use crate::wire::{
    ClientMessageId, DeviceId, Draft, GroupId, HeaderFields, Kind, PersonId, Priority,
    RecordNumber, Sequence, Take, Timestamp,
};

/// What a record of `command` says outside its events.
pub(crate) fn stamp_of(command: &Command, record: RecordNumber, timestamp: Timestamp) -> Stamp {
    let mut stamp = Stamp {
        record,
        timestamp,
        tenant: command.tenant,
        sender: PersonId(0),
        device: DeviceId(0),
        client_message_id: ClientMessageId(0),
        kind: Kind::Administrative,
        priority: Priority::Normal,
    };
    if let Actor::Person { person, device } = command.actor {
        (stamp.sender, stamp.device) = (person, device);
    }
    match &command.body {
        CommandBody::Publish(publish) => {
            (stamp.sender, stamp.device) = (publish.sender, publish.device);
            (stamp.kind, stamp.priority) = (publish.kind, publish.priority);
            stamp.client_message_id = publish.client_message_id;
        }
        CommandBody::Tagged(tagged) => {
            let sent = match &**tagged {
                TaggedCommand::MassSend(send) => Some((send.sender, send.client_message_id)),
                TaggedCommand::MassSendV2(send) => Some((send.sender, send.client_message_id)),
                _ => None,
            };
            if let Some(sent) = sent {
                (stamp.sender, stamp.client_message_id) = sent;
            }
        }
        CommandBody::Continue => {}
    }
    stamp
}

/// Leaving and revoking must work on a full disk.
pub(crate) fn class_of(command: &Command) -> Class {
    match &command.body {
        CommandBody::Tagged(tagged) => match **tagged {
            TaggedCommand::DepartPerson(_)
            | TaggedCommand::LeaveGroup(_)
            | TaggedCommand::RemoveMembers(_)
            | TaggedCommand::DissolveGroup(_)
            | TaggedCommand::DisableGroup(_)
            | TaggedCommand::DeleteGroup(_)
            | TaggedCommand::DeleteMessage(_)
            | TaggedCommand::RevokeJoinCode(_)
            | TaggedCommand::EraseContent(_)
            | TaggedCommand::ExpireContent(_)
            | TaggedCommand::ReleaseHold(_) => Class::Essential,
            _ => Class::Normal,
        },
        CommandBody::Publish(_) | CommandBody::Continue => Class::Normal,
    }
}

/// What a record's view is: what the decision says it is, or the draft that came with the command where
/// the record carries its message.
pub(crate) fn view_of(decision: &Decision, draft: Option<Draft>) -> Option<Draft> {
    if !decision.view.is_empty() {
        let draft = Draft::new(&decision.view);
        return Some(draft.expect("a decision's view is within the limit"));
    }
    draft.filter(|_| decision.outcome.is_ok() && model::event::carries_message(&decision.events))
}

/// A record's header: of one group where it takes one place, or takes none and holds what belongs to one;
/// of none otherwise.
pub(crate) fn header_fields(stamp: &Stamp, events: &[Event], takes: &[Take]) -> HeaderFields {
    let without_place = |group| Take {
        group,
        sequence: Sequence(0),
        membership_sequence: Sequence(0),
        message_ordinal: 0,
    };
    let take = match takes {
        [take] => *take,
        [] => without_place(model::event::content_of(events).unwrap_or(GroupId(0))),
        _ => without_place(GroupId(0)),
    };
    HeaderFields {
        kind: model::record_kind(events, stamp.kind),
        priority: stamp.priority,
        tenant: stamp.tenant,
        group: take.group,
        sequence: take.sequence,
        sender: stamp.sender,
        device: stamp.device,
        timestamp: stamp.timestamp,
        record: stamp.record,
        membership_sequence: take.membership_sequence,
        message_ordinal: take.message_ordinal,
        client_message_id: stamp.client_message_id,
        body_len: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::command::{AnnounceV1, DeleteMessageV1, GroupV1};
    use crate::wire::TenantId;

    fn class(command: TaggedCommand) -> Class {
        class_of(&Command {
            tenant: TenantId(1),
            actor: Actor::Enterprise,
            second_factor: false,
            body: command.into(),
        })
    }

    #[test]
    fn what_takes_something_away_is_done_on_a_full_disk_too() {
        let group = GroupId(1);
        let sequence = Sequence(1);
        for command in [
            TaggedCommand::LeaveGroup(GroupV1 { group }),
            TaggedCommand::DisableGroup(GroupV1 { group }),
            TaggedCommand::DissolveGroup(GroupV1 { group }),
            TaggedCommand::DeleteGroup(GroupV1 { group }),
            TaggedCommand::DeleteMessage(DeleteMessageV1 { group, sequence }),
        ] {
            assert!(matches!(class(command), Class::Essential));
        }
        let text = String::new();
        let announce = TaggedCommand::Announce(AnnounceV1 { group, text });
        assert!(matches!(class(announce), Class::Normal));
    }
}
