//! Mass sends of the town.

use crate::model::Refusal;
use crate::model::command::{
    Actor, AddContactV1, CancelMassSendV1, GetMassSendV1, ListMassSendTargetsV1,
    MassSendProgressV2, MassSendTargetStateV1, MassSendV2, NewMatrixV1, PersonKind, Reply,
    TaggedCommand as T, TargetOutcome,
};
use crate::wire::{ClientMessageId, GroupId, Kind, MatrixId, PersonId, Priority, RecordNumber};

use super::{Town, by};

/// A text to groups and customers, without a name.
pub(crate) fn to_all(sender: PersonId, groups: &[GroupId], customers: &[PersonId]) -> MassSendV2 {
    MassSendV2 {
        sender,
        groups: groups.to_vec(),
        matrices: Vec::new(),
        customers: customers.to_vec(),
        kind: Kind::Text as u8,
        priority: Priority::Normal as u8,
        client_message_id: ClientMessageId(0),
        body: b"to all".to_vec(),
    }
}

impl Town {
    /// Sends by the sender's own hand.
    pub(crate) fn mass_send_v2(&mut self, send: MassSendV2) -> Result<RecordNumber, Refusal> {
        let sender = by(send.sender);
        let decision = self.execute(sender, T::MassSendV2(send).into(), 1);
        match decision.outcome? {
            Reply::MassSendAccepted(accepted) => Ok(accepted.mass_send),
            other => panic!("{other:?}"),
        }
    }

    /// Makes customers the contacts of each employee.
    pub(crate) fn serve(&mut self, employees: &[PersonId], customers: &[PersonId]) {
        for (employee, contact) in employees
            .iter()
            .flat_map(|employee| customers.iter().map(move |contact| (*employee, *contact)))
        {
            let add = AddContactV1 {
                employee,
                contact,
                kind: PersonKind::Customer,
                name: String::new(),
                external_id: String::new(),
                mobile: String::new(),
                tags: Vec::new(),
            };
            self.ask(Actor::Enterprise, T::AddContact(add)).unwrap();
        }
    }

    /// Sends to customers, and all of it goes out.
    pub(crate) fn reach(&mut self, sender: PersonId, customers: &[PersonId]) -> RecordNumber {
        let sent = self.mass_send_v2(to_all(sender, &[], customers));
        self.send_all();
        sent.unwrap()
    }

    pub(crate) fn cancel(
        &mut self,
        actor: Actor,
        mass_send: RecordNumber,
    ) -> Result<Reply, Refusal> {
        self.ask(actor, T::CancelMassSend(CancelMassSendV1 { mass_send }))
    }

    pub(crate) fn progress_v2(&mut self, mass_send: RecordNumber) -> MassSendProgressV2 {
        let get = T::GetMassSendV2(GetMassSendV1 { mass_send });
        match self.ask(Actor::Enterprise, get) {
            Ok(Reply::MassSendProgressV2(progress)) => progress,
            other => panic!("{other:?}"),
        }
    }

    /// A set of groups.
    pub(crate) fn matrix(&mut self, groups: &[GroupId]) -> MatrixId {
        let new = NewMatrixV1 {
            name: "Set".to_owned(),
            groups: groups.to_vec(),
        };
        match self.ask(Actor::Enterprise, T::CreateMatrix(new)) {
            Ok(Reply::MatrixSet(set)) => set.matrix,
            other => panic!("{other:?}"),
        }
    }

    /// Every target, and what became of it.
    pub(crate) fn targets(&mut self, mass_send: RecordNumber) -> Vec<MassSendTargetStateV1> {
        let list = ListMassSendTargetsV1 {
            mass_send,
            after: 0,
            limit: 1_000,
        };
        match self.ask(Actor::Enterprise, T::ListMassSendTargets(list)) {
            Ok(Reply::MassSendTargets(page)) => page.targets,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn outcomes(&mut self, mass_send: RecordNumber) -> Vec<TargetOutcome> {
        let targets = self.targets(mass_send).into_iter();
        targets.map(|target| target.outcome).collect()
    }
}
