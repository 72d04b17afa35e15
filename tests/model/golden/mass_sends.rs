//! Mass sends to groups and customers: commands, results, events.

use throng::model::command::*;
use throng::model::event::{self, Event};
use throng::wire::{DeviceId, GroupId, Kind, MatrixId, PersonId, Priority, RecordNumber, Sequence};

use crate::golden::Section;
use crate::golden::core::ID;

pub(crate) const SECTION: Section = Section {
    golden: include_str!("model_mass_sends.txt"),
    commands,
    replies,
    events,
};

const MASS_SEND: RecordNumber = RecordNumber(0x2122_2324_2526_2728);
const GROUP: GroupId = GroupId(0x1112_1314_1516_1718);
const PERSON: PersonId = PersonId(0x0102_0304_0506_0708);

fn commands() -> Vec<TaggedCommand> {
    use TaggedCommand as T;
    vec![
        T::MassSendV2(MassSendV2 {
            sender: PERSON,
            groups: vec![GROUP, GroupId(2)],
            matrices: vec![MatrixId(3)],
            customers: vec![PersonId(4), PersonId(5)],
            kind: Kind::Text as u8,
            priority: Priority::Urgent as u8,
            client_message_id: ID,
            body: "年会通知".into(),
        }),
        T::CancelMassSend(CancelMassSendV1 {
            mass_send: MASS_SEND,
        }),
        T::GetMassSendV2(GetMassSendV1 {
            mass_send: MASS_SEND,
        }),
        T::ListMassSendTargets(ListMassSendTargetsV1 {
            mass_send: MASS_SEND,
            after: 7,
            limit: 1_000,
        }),
    ]
}

fn replies() -> Vec<Reply> {
    let sent = MassSendTargetStateV1 {
        group: GroupId(0),
        customer: PERSON,
        outcome: TargetOutcome::Sent,
        sent_in: GROUP,
        sequence: Sequence(9),
        code: 0,
        policy: PolicyId(0),
    };
    let refused = MassSendTargetStateV1 {
        group: GROUP,
        customer: PersonId(0),
        outcome: TargetOutcome::Refused,
        sent_in: GroupId(0),
        sequence: Sequence(0),
        code: 15,
        policy: PolicyId(0x1020),
    };
    vec![
        Reply::MassSendProgressV2(MassSendProgressV2 {
            targets: 10,
            sent: 4,
            refused: 3,
            cancelled: 2,
        }),
        Reply::MassSendTargets(MassSendTargetsV1 {
            targets: vec![sent, refused],
            more: true,
        }),
    ]
}

fn events() -> Vec<Event> {
    vec![
        Event::MassSendAcceptedV2(event::MassSendAcceptedV2 {
            sender: PERSON,
            device: DeviceId(7),
            groups: vec![GROUP, GroupId(2)],
            customers: vec![PersonId(4), PersonId(5)],
            kind: Kind::Text as u8,
            priority: Priority::Urgent as u8,
            client_message_id: ID,
            body_digest: 9,
        }),
        Event::MassSendReached(event::MassSendReachedV1 {
            mass_send: MASS_SEND,
            customer: PERSON,
            group: GROUP,
        }),
        Event::MassSendTargetRefusedV2(event::MassSendTargetRefusedV2 {
            mass_send: MASS_SEND,
            group: GroupId(0),
            customer: PERSON,
            code: 15,
            policy: PolicyId(2),
        }),
        Event::MassSendCancelled(event::MassSendCancelledV1 {
            mass_send: MASS_SEND,
        }),
    ]
}
