use std::convert::Infallible;
use std::io::Cursor;

use crate::model::Refusal;

use super::super::{Index, Person};
use super::*;

/// Groups as a list of members each; the model's rules stand in as one: who is `barred` gets in nowhere.
#[derive(Default)]
struct Naive {
    groups: Vec<Vec<PersonId>>,
    names: Vec<String>,
    barred: Option<PersonId>,
    commands: usize,
}

impl Naive {
    fn check(&self, people: &[PersonId]) -> Result<(), Refused> {
        match self.barred.filter(|barred| people.contains(barred)) {
            Some(person) => Err(Refusal::Departed { person }.to_wire()),
            None => Ok(()),
        }
    }
}

impl Groups for Naive {
    type Error = Infallible;

    fn create(&mut self, group: &CreateGroupV1) -> Result<Result<GroupId, Refused>, Infallible> {
        self.commands += 1;
        if let Err(refusal) = self.check(&group.members) {
            return Ok(Err(refusal));
        }
        if group.members.len() < 2 {
            let have = u32::try_from(group.members.len()).unwrap();
            return Ok(Err(Refusal::TooFewMembers { need: 2, have }.to_wire()));
        }
        let mut members = group.members.clone();
        members.push(group.owner);
        self.groups.push(members);
        self.names.push(group.name.clone());
        Ok(Ok(GroupId(self.groups.len() as u64)))
    }

    fn add(&mut self, add: &MembersV1) -> Result<Result<(), Refused>, Infallible> {
        self.commands += 1;
        assert!(add.people.len() <= 500);
        if let Err(refusal) = self.check(&add.people) {
            return Ok(Err(refusal));
        }
        let group = usize::try_from(add.group.0).unwrap() - 1;
        self.groups[group].extend(&add.people);
        Ok(Ok(()))
    }

    fn members(&mut self, group: GroupId) -> Result<Option<Vec<PersonId>>, Infallible> {
        let index = usize::try_from(group.0).unwrap() - 1;
        Ok(self.groups.get(index).cloned())
    }
}

/// People whose employee number is E and their id.
fn people() -> Index {
    let mut index = Index::default();
    for id in 1..=1_500 {
        let entry = Person {
            employee_number: format!("E{id}"),
            ..Person::default()
        };
        index.add(PersonId(id), &entry);
    }
    index
}

fn run(groups: &mut Naive, text: &str) -> Report {
    let file = Cursor::new(text.as_bytes());
    import(file, &Options::default(), &people(), groups, |_| {}).unwrap()
}

fn told(report: &Report) -> Vec<String> {
    report.problems.iter().map(Problem::to_string).collect()
}

fn ids(range: impl IntoIterator<Item = u64>) -> Vec<PersonId> {
    range.into_iter().map(PersonId).collect()
}

#[test]
fn rows_of_one_key_make_one_group() {
    let mut groups = Naive::default();
    let report = run(
        &mut groups,
        "编号,群名,类型,群主,成员\nlaunch,新品上线,内部,E1,E2;E3\nother,别的,,E4,E5;E6\nlaunch,,,,E4;E2\n",
    );
    assert_eq!(report.created, 2, "{report}");
    assert_eq!(groups.groups[0], ids([2, 3, 4, 1]));
    assert_eq!(groups.names, ["新品上线", "别的"]);
    assert_eq!(report.groups[1].group, GroupId(2));
    assert_eq!(report.groups[1].key, "other");
}

#[test]
fn members_are_added_to_an_existing_group_and_again_changes_nothing() {
    let mut groups = Naive {
        groups: vec![ids([1, 2, 3])],
        ..Naive::default()
    };
    let text = "group id,members\n1,E3;E4\n1,E5\n9,E1\nx,E1\n";
    let report = run(&mut groups, text);
    assert_eq!(groups.groups[0], ids([1, 2, 3, 4, 5]));
    assert_eq!((report.updated, report.refused), (1, 2));
    assert_eq!(
        told(&report),
        [
            "row 4 \"9\": there is no such group",
            "row 5, group id \"x\": not the number of a group",
        ]
    );
    let again = run(&mut groups, text);
    assert_eq!((again.updated, again.unchanged), (0, 1));
    assert_eq!(groups.groups[0], ids([1, 2, 3, 4, 5]));
}

#[test]
fn a_large_group_is_made_and_filled_in_chunks() {
    let members: Vec<_> = (2..=1_400).map(|id| format!("E{id}")).collect();
    let text = format!("群名,群主,成员\n全员,E1,{}\n", members.join(";"));
    let mut groups = Naive::default();
    assert_eq!(run(&mut groups, &text).created, 1);
    assert_eq!(groups.groups[0].len(), 1_400);
    assert_eq!(groups.commands, 3);
}

#[test]
fn one_who_is_refused_loses_nobody_else_their_place() {
    let mut groups = Naive {
        barred: Some(PersonId(3)),
        ..Naive::default()
    };
    let report = run(&mut groups, "群名,群主,成员\n甲,E1,E2;E3;E4;Nobody\n");
    assert_eq!(groups.groups[0], ids([2, 4, 1]));
    assert_eq!(
        told(&report),
        [
            "row 2, 成员 \"Nobody\": nobody has this external id, employee number or mobile",
            "row 2 \"E3\": person 3 has left the company",
        ]
    );
}

#[test]
fn a_group_that_cannot_be_made_is_reported_and_the_others_are_made() {
    let mut groups = Naive::default();
    let report = run(
        &mut groups,
        "群名,类型,群主,成员\n小,,E1,E2\n甲,,,E2;E3\n乙,spaceship,E1,E2;E3\n丙,,E1,E2;E3\n丙,外部,,E4\n",
    );
    assert_eq!(groups.names, ["丙"]);
    assert_eq!(
        told(&report),
        [
            "row 2 \"小\": a group needs at least 2 other people, 1 given",
            "row 3, 群主: must not be empty",
            "row 4, 类型 \"spaceship\": no such kind; one of 内部 internal, 外部 external, 培训 training",
            "row 6, 类型 \"外部\": row 5 says otherwise of the same group",
        ]
    );
}

#[test]
fn a_dry_run_makes_nothing() {
    let mut groups = Naive::default();
    let options = Options {
        dry_run: true,
        ..Options::default()
    };
    let file = Cursor::new("群名,群主,成员\n甲,E1,E2;E3\n".as_bytes());
    let report = import(file, &options, &people(), &mut groups, |_| {}).unwrap();
    assert_eq!((report.created, groups.commands), (1, 0));
}

#[test]
fn the_template_reads_as_it_is_meant() {
    let mut groups = Naive::default();
    let text = template().replace("A000", "E");
    let report = run(&mut groups, &text.replace("17", "1"));
    assert_eq!(groups.groups[0], ids([2, 3, 4, 1, 5]), "{report}");
}
