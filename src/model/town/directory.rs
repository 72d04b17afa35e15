//! What directory tests ask of the town.

use crate::model::Refusal;
use crate::model::command::{
    ActivatePersonV1, Actor, DepartPersonV2, NewPersonV2, OrgRole, PersonEntryV1, PersonKind,
    PersonV1, Reply, SetOrgRoleV1, TaggedCommand as T,
};
use crate::model::event::Event;
use crate::model::state::Tenant;
use crate::wire::{DepartmentId, PersonId};

use super::Town;

/// An employee of whom nothing but the name is written.
pub(crate) fn employee(name: &str) -> NewPersonV2 {
    NewPersonV2 {
        name: name.to_owned(),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
        employee_number: String::new(),
        mobile: String::new(),
        email: String::new(),
        position: String::new(),
        departments: Vec::new(),
        invited: false,
    }
}

/// An employee who has yet to activate the account.
pub(crate) fn invited(name: &str) -> NewPersonV2 {
    NewPersonV2 {
        invited: true,
        ..employee(name)
    }
}

impl Town {
    pub(crate) fn tenant(&self) -> &Tenant {
        self.state.tenant(self.tenant).unwrap()
    }

    pub(crate) fn hire(&mut self, people: Vec<NewPersonV2>) -> Result<Vec<PersonId>, Refusal> {
        let add = crate::model::command::AddPeopleV2 { people };
        match self.ask(Actor::Enterprise, T::AddPeopleV2(add))? {
            Reply::PeopleAdded(added) => Ok(added.people),
            other => panic!("{other:?}"),
        }
    }

    /// Somebody invited, and the code they were sent.
    pub(crate) fn invite(&mut self, name: &str) -> (PersonId, String) {
        let person = self.hire(vec![invited(name)]).unwrap()[0];
        (person, self.code_sent())
    }

    /// The one-time code that the latest record sends.
    pub(crate) fn code_sent(&self) -> String {
        let record = self.last.as_ref().expect("a record was made");
        let mut events = record.events.iter();
        let issued = events.find_map(|event| match event {
            Event::ActivationsIssued(issued) => Some(issued),
            _ => None,
        });
        issued.expect("a code was sent").codes[0].code.clone()
    }

    pub(crate) fn activate(
        &mut self,
        actor: Actor,
        person: PersonId,
        code: &str,
    ) -> Result<Reply, Refusal> {
        let code = code.to_owned();
        self.ask(actor, T::ActivatePerson(ActivatePersonV1 { person, code }))
    }

    pub(crate) fn freeze(&mut self, person: PersonId) {
        let freeze = T::FreezePerson(PersonV1 { person });
        self.ask(Actor::Enterprise, freeze).unwrap();
    }

    pub(crate) fn thaw(&mut self, person: PersonId) {
        let thaw = T::ThawPerson(PersonV1 { person });
        self.ask(Actor::Enterprise, thaw).unwrap();
    }

    /// The person leaves, with a colleague in their place.
    pub(crate) fn depart_to(
        &mut self,
        person: PersonId,
        successor: PersonId,
    ) -> Result<Reply, Refusal> {
        let depart = DepartPersonV2 { person, successor };
        self.ask(Actor::Enterprise, T::DepartPersonV2(depart))
    }

    pub(crate) fn set_org_role(
        &mut self,
        actor: Actor,
        person: PersonId,
        role: OrgRole,
        departments: &[DepartmentId],
    ) -> Result<Reply, Refusal> {
        let set = SetOrgRoleV1 {
            person,
            role,
            departments: departments.to_vec(),
        };
        self.ask(actor, T::SetOrgRole(set))
    }

    pub(crate) fn entry(
        &mut self,
        actor: Actor,
        person: PersonId,
    ) -> Result<PersonEntryV1, Refusal> {
        match self.ask(actor, T::GetPerson(PersonV1 { person }))? {
            Reply::Person(entry) => Ok(entry),
            other => panic!("{other:?}"),
        }
    }

    /// The state is what its snapshot says, and what the log says where it is all in there.
    pub(crate) fn assert_kept(&self) {
        let restored = crate::model::State::from_snapshot(&self.state.to_snapshot()).unwrap();
        assert_eq!(restored.hash(), self.state.hash(), "by the snapshot");
        assert_eq!(self.replayed().hash(), self.state.hash(), "by the log");
    }
}
