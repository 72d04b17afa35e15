//! Groups from a CSV file: new ones made, members added to those there are (SPEC G3).
//!
//! A group has one row or many: rows belong together by the number of an existing group (群号), else by a
//! key (编号), else by the group's name. Its first row says name, kind and owner; every row may name members.
//! One person or group that is wrong never loses the others.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

use super::cell;
use super::columns::{Columns, Titled};
use super::error::{FileError, ImportError};
use super::report::{Problem, Reason, Report};
use super::source::{Limits, Progress, Source};
use super::table::{Cells, Place};

use crate::model::command::{CreateGroupV1, GroupKind, MembersV1};
use crate::wire::{GroupId, PersonId, Refused};

/// People of one command.
const CHUNK_PEOPLE: usize = 500;
/// Characters of a name, as the model's rules have it.
const NAME_CHARS_MAX: usize = 64;
const KINDS: &str = "内部 internal, 外部 external, 培训 training";

/// Codes of refusals whose subject is a person (docs/wire.md): `NoSuchPerson`, `AlreadyAMember`,
/// `NotAnEmployee`, `Departed`, `AccountFrozen` and `NotActivated`.
const ABOUT_A_PERSON: [u16; 6] = [2, 6, 10, 14, 23, 30];

/// Who is meant by an external id, an employee number or a mobile; see [`super::Index`].
pub trait People {
    /// The person, if there is exactly one.
    fn find(&self, key: &str) -> Option<PersonId>;
}

/// Where groups are kept: the model, reached in whatever way the caller has.
pub trait Groups {
    /// Why a command could not be carried out at all. A refusal of the rules is no error.
    type Error: std::error::Error + 'static;

    /// Makes a group.
    fn create(&mut self, group: &CreateGroupV1) -> Result<Result<GroupId, Refused>, Self::Error>;

    /// Adds at most 500 people, all or none.
    fn add(&mut self, members: &MembersV1) -> Result<Result<(), Refused>, Self::Error>;

    /// Everybody who is in the group; none if there is no such group.
    fn members(&mut self, group: GroupId) -> Result<Option<Vec<PersonId>>, Self::Error>;
}

/// How to read a file of groups.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Only check the file and look up who and what it names. Default false.
    pub dry_run: bool,
    /// Between the members of one cell. Default `;`.
    pub separator: char,
    /// How large a file may be.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dry_run: false,
            separator: ';',
            limits: Limits::default(),
        }
    }
}

/// A group that an import made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NewGroup {
    /// Its first row.
    pub row: u32,
    /// What the file calls it: its key, else its name.
    pub key: String,
    /// Its number, to be put into the file before it is imported again.
    pub group: GroupId,
}

/// A column of a file of groups.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Group,
    Key,
    Name,
    Kind,
    Owner,
    Members,
}

impl Titled for Column {
    const ALL: &'static [Self] = &[
        Self::Group,
        Self::Key,
        Self::Name,
        Self::Kind,
        Self::Owner,
        Self::Members,
    ];

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Group => &["群号", "group id"],
            Self::Key => &["编号", "group key", "key"],
            Self::Name => &["群名", "group name", "群名称", "name"],
            Self::Kind => &["类型", "kind", "群类型"],
            Self::Owner => &["群主", "owner"],
            Self::Members => &["成员", "members", "群成员", "member"],
        }
    }
}

/// The file of groups to fill in, in UTF-8 with a byte order mark.
#[must_use]
pub fn template() -> &'static str {
    "\u{feff}群号,编号,群名,类型,群主,成员\r\n\
     ,launch,新品上线,内部,A0001,A0002;A0003\r\n\
     ,launch,,,,A0004\r\n\
     17,,,,,A0005\r\n"
}

/// Reads groups from a CSV file and has them made and filled.
///
/// In the report, `created` counts groups made, `updated` existing groups that got members,
/// `unchanged` existing groups whose members were all in, `refused` everything that was refused. The
/// numbers of new groups are in `groups`: a file without them makes new groups again. `progress` is called
/// after every group.
///
/// # Errors
/// As for [`super::import`].
pub fn import<G: Groups>(
    reader: impl Read + Seek,
    options: &Options,
    people: &impl People,
    groups: &mut G,
    mut progress: impl FnMut(Progress),
) -> Result<Report, ImportError<G::Error>> {
    let mut source = Source::open(reader, options.limits)?;
    let columns = Columns::<Column>::of_header(&source.header()?)?;
    if !columns.has(Column::Group) && !columns.has(Column::Name) {
        return Err(columns
            .missing("群名 (group name) or 群号 (group id)")
            .into());
    }
    let plan = Plan::read(&mut source, options, columns, people)?;
    let mut carried = Carried {
        groups,
        dry_run: options.dry_run,
        report: plan.report,
    };
    for draft in plan.drafts {
        let row = draft.place.row;
        if let Err(error) = carried.carry_out(draft) {
            let report = Box::new(carried.report.in_order());
            return Err(ImportError::Stopped { error, report });
        }
        progress(source.progress(row));
    }
    Ok(carried.report.in_order())
}

/// One group of the file.
struct Draft {
    /// Its first row.
    place: Place,
    key: String,
    group: Option<GroupId>,
    name: String,
    kind: Option<GroupKind>,
    owner: Option<PersonId>,
    /// Each once, in the file's order, and where they are named.
    members: Vec<(PersonId, Place, String)>,
    known: HashSet<PersonId>,
    /// Its first row is wrong, and with it all of it.
    broken: bool,
}

/// The whole file, before anything is done.
struct Plan {
    columns: Columns<Column>,
    drafts: Vec<Draft>,
    by_key: HashMap<String, usize>,
    report: Report,
}

type Wrong = (Column, String, Reason);

impl Plan {
    fn read(
        source: &mut Source<impl Read + Seek>,
        options: &Options,
        columns: Columns<Column>,
        people: &impl People,
    ) -> Result<Self, FileError> {
        let mut plan = Self {
            report: Report {
                dry_run: options.dry_run,
                ignored_columns: columns.ignored(),
                ..Report::default()
            },
            columns,
            drafts: Vec::new(),
            by_key: HashMap::new(),
        };
        while let Some((place, row)) = source.next()? {
            plan.report.rows = place.row;
            match row {
                super::table::Row::Cells(cells) => plan.take(place, &cells, options, people),
                broken => plan.report.refuse(broken.problem(place)),
            }
        }
        Ok(plan)
    }

    fn take(&mut self, place: Place, cells: &Cells, options: &Options, people: &impl People) {
        let draft = self.read_draft(place, cells, people);
        let index = match draft.and_then(|draft| self.merge(draft, cells)) {
            Ok(index) => index,
            Err((column, value, reason)) => {
                self.refuse(place, column, &value, reason);
                return;
            }
        };
        let members = self.columns.cell(cells, Column::Members);
        for member in members.split(options.separator) {
            let key = cell::text(member);
            if key.is_empty() {
                continue;
            }
            match people.find(key) {
                Some(person) => {
                    let draft = &mut self.drafts[index];
                    if draft.known.insert(person) {
                        draft.members.push((person, place, key.to_owned()));
                    }
                }
                None => self.refuse(place, Column::Members, key, Reason::UnknownPerson),
            }
        }
    }

    fn refuse(&mut self, place: Place, column: Column, value: &str, reason: Reason) {
        let title = self.columns.title(column);
        let problem = Problem::new(place, title, value, reason);
        self.report.refuse(problem);
    }

    /// What the row says of its group.
    fn read_draft(
        &self,
        place: Place,
        cells: &Cells,
        people: &impl People,
    ) -> Result<Draft, Wrong> {
        let text = |column| cell::text(self.columns.cell(cells, column));
        let wrong = |column, reason| Err((column, text(column).to_owned(), reason));
        let group = match text(Column::Group) {
            "" => None,
            number => match number.parse() {
                Ok(number) if number > 0 => Some(GroupId(number)),
                _ => return wrong(Column::Group, Reason::GroupNumber),
            },
        };
        let kind = match text(Column::Kind).to_lowercase().as_str() {
            "" => None,
            "内部" | "internal" => Some(GroupKind::Internal),
            "外部" | "external" => Some(GroupKind::External),
            "培训" | "training" => Some(GroupKind::Training),
            _ => return wrong(Column::Kind, Reason::UnknownKind { kinds: KINDS }),
        };
        let owner = match text(Column::Owner) {
            "" => None,
            key => match people.find(key) {
                Some(owner) => Some(owner),
                None => return wrong(Column::Owner, Reason::UnknownPerson),
            },
        };
        let name = text(Column::Name);
        if name.chars().nth(NAME_CHARS_MAX).is_some() {
            let max = NAME_CHARS_MAX as u64;
            let unit = "characters";
            return wrong(Column::Name, Reason::TooLong { max, unit });
        }
        if name.chars().any(char::is_control) {
            return wrong(Column::Name, Reason::Unprintable);
        }
        let key = match (text(Column::Key), name) {
            ("", "") if group.is_none() => return wrong(Column::Name, Reason::Missing),
            ("", name) => name,
            (key, _) => key,
        };
        Ok(Draft {
            place,
            key: key.to_owned(),
            group,
            name: name.to_owned(),
            kind,
            owner,
            members: Vec::new(),
            known: HashSet::new(),
            broken: false,
        })
    }

    /// The group that the row belongs to: a new one, or one of earlier rows that it agrees with.
    fn merge(&mut self, mut draft: Draft, cells: &Cells) -> Result<usize, Wrong> {
        let key = match draft.group {
            Some(group) => format!("#{group}"),
            None => format!("={}", draft.key),
        };
        let Some(index) = self.by_key.get(&key).copied() else {
            let missing = draft.missing();
            draft.broken = missing.is_some();
            self.drafts.push(draft);
            self.by_key.insert(key, self.drafts.len() - 1);
            return match missing {
                Some(column) => Err((column, String::new(), Reason::Missing)),
                None => Ok(self.drafts.len() - 1),
            };
        };
        let first = &self.drafts[index];
        let row = first.place.row;
        if first.broken {
            let reason = Reason::GroupRefused { first: row };
            return Err((Column::Key, draft.key, reason));
        }
        let differs = [
            (
                Column::Name,
                !draft.name.is_empty() && draft.name != first.name,
            ),
            (
                Column::Kind,
                draft.kind.is_some() && draft.kind != first.kind,
            ),
            (
                Column::Owner,
                draft.owner.is_some() && draft.owner != first.owner,
            ),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            Some((column, _)) => {
                let value = cell::text(self.columns.cell(cells, *column)).to_owned();
                Err((*column, value, Reason::Contradicts { first: row }))
            }
            None => Ok(index),
        }
    }
}

impl Draft {
    /// What a new group must say and this one does not.
    fn missing(&self) -> Option<Column> {
        if self.group.is_some() {
            return None;
        }
        if self.name.is_empty() {
            return Some(Column::Name);
        }
        self.owner.is_none().then_some(Column::Owner)
    }
}

/// What was done of a plan.
struct Carried<'a, G> {
    groups: &'a mut G,
    dry_run: bool,
    report: Report,
}

impl<G: Groups> Carried<'_, G> {
    fn carry_out(&mut self, draft: Draft) -> Result<(), G::Error> {
        if draft.broken {
            return Ok(());
        }
        match (draft.group, draft.owner) {
            (Some(group), _) => self.fill(group, draft),
            (None, Some(owner)) => self.make(owner, draft),
            (None, None) => Ok(()),
        }
    }

    fn fill(&mut self, group: GroupId, mut draft: Draft) -> Result<(), G::Error> {
        let Some(members) = self.groups.members(group)? else {
            let value = group.to_string();
            let problem = Problem::new(draft.place, "", &value, Reason::UnknownGroup);
            self.report.refuse(problem);
            return Ok(());
        };
        let members: HashSet<_> = members.into_iter().collect();
        draft
            .members
            .retain(|(person, ..)| !members.contains(person));
        let wanted = draft.members.len();
        let added = self.add(group, draft.members)?;
        match (wanted, added) {
            (0, _) => self.report.unchanged += 1,
            (_, 0) => {}
            _ => self.report.updated += 1,
        }
        Ok(())
    }

    fn make(&mut self, owner: PersonId, mut draft: Draft) -> Result<(), G::Error> {
        draft.members.retain(|(person, ..)| *person != owner);
        let later = draft
            .members
            .split_off(draft.members.len().min(CHUNK_PEOPLE));
        let mut members = draft.members;
        if self.dry_run {
            self.report.created += 1;
            return Ok(());
        }
        loop {
            let command = CreateGroupV1 {
                kind: draft.kind.unwrap_or(GroupKind::Internal),
                name: draft.name.clone(),
                owner,
                members: members.iter().map(|(person, ..)| *person).collect(),
            };
            match self.groups.create(&command)? {
                Ok(group) => {
                    self.report.created += 1;
                    self.report.groups.push(NewGroup {
                        row: draft.place.row,
                        key: draft.key,
                        group,
                    });
                    self.add(group, later)?;
                    return Ok(());
                }
                Err(refusal) => {
                    if !self.without_named(&refusal, &mut members) {
                        self.refuse(draft.place, &draft.key, &refusal);
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Adds people in chunks; how many got in.
    fn add(
        &mut self,
        group: GroupId,
        mut members: Vec<(PersonId, Place, String)>,
    ) -> Result<usize, G::Error> {
        if self.dry_run {
            return Ok(members.len());
        }
        let mut added = 0;
        while !members.is_empty() {
            let later = members.split_off(members.len().min(CHUNK_PEOPLE));
            let mut chunk = std::mem::replace(&mut members, later);
            while !chunk.is_empty() {
                let people = chunk.iter().map(|(person, ..)| *person).collect();
                match self.groups.add(&MembersV1 { group, people })? {
                    Ok(()) => {
                        added += chunk.len();
                        break;
                    }
                    Err(refusal) => {
                        if !self.without_named(&refusal, &mut chunk) {
                            for (_, place, key) in chunk.drain(..) {
                                self.refuse(place, &key, &refusal);
                            }
                        }
                    }
                }
            }
        }
        Ok(added)
    }

    /// Takes out whom the refusal names and reports their row; false where it names nobody there.
    fn without_named(
        &mut self,
        refused: &Refused,
        people: &mut Vec<(PersonId, Place, String)>,
    ) -> bool {
        if !ABOUT_A_PERSON.contains(&refused.code) {
            return false;
        }
        let person = PersonId(refused.subject);
        let Some(index) = people.iter().position(|(named, ..)| *named == person) else {
            return false;
        };
        let (_, place, key) = people.remove(index);
        self.refuse(place, &key, refused);
        true
    }

    fn refuse(&mut self, place: Place, value: &str, refused: &Refused) {
        let rule = refused.text.clone();
        let problem = Problem::new(place, "", value, Reason::Refused { rule });
        self.report.refuse(problem);
    }
}

#[cfg(test)]
#[path = "groups/tests.rs"]
mod tests;
