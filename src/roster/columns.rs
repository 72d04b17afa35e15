//! Which column of a header is what: the template's names, and a map for another product's file.

use std::str::FromStr;

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::error::FileError;
use super::table::Cells;

/// Columns of a kind of file.
pub(super) trait Titled: Copy + Eq + 'static {
    /// All of them, in the template's order.
    const ALL: &'static [Self];
    /// Its names in a header: the one of the template, the English one, then others in use.
    fn names(self) -> &'static [&'static str];
}

/// A column of a file of people.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// 姓名, name.
    Name,
    /// 工号, employee number.
    EmployeeNumber,
    /// 手机, mobile.
    Mobile,
    /// 部门, department.
    Department,
    /// 职务, position.
    Position,
    /// 邮箱, email.
    Email,
    /// 账号, external id.
    ExternalId,
}

impl Titled for Field {
    const ALL: &'static [Self] = &[
        Self::Name,
        Self::EmployeeNumber,
        Self::Mobile,
        Self::Department,
        Self::Position,
        Self::Email,
        Self::ExternalId,
    ];

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Name => &["姓名", "name", "名称", "full name"],
            Self::EmployeeNumber => &["工号", "employee number", "员工编号", "employee id"],
            Self::Mobile => &[
                "手机",
                "mobile",
                "手机号",
                "手机号码",
                "phone",
                "mobile number",
            ],
            Self::Department => &["部门", "department", "所在部门", "departments"],
            Self::Position => &["职务", "position", "职位", "job title", "title"],
            Self::Email => &["邮箱", "email", "电子邮箱", "e-mail"],
            Self::ExternalId => &["账号", "external id", "帐号", "userid", "user id"],
        }
    }
}

/// What another product calls the columns: `name=Full Name,mobile=Phone Number`, or as a table
/// of TOML. Columns that it does not name are found by their usual names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ColumnMap(Vec<(Field, String)>);

/// A column map that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnMapError {
    /// Not `column=their name`.
    #[error("{part:?} is not column=their name")]
    NoEquals {
        /// What was given.
        part: String,
    },
    /// No column of ours.
    #[error(
        "{name:?} is no column: name, employee-number, mobile, department, position, email or external-id"
    )]
    UnknownColumn {
        /// What was given.
        name: String,
    },
    /// Twice the same column.
    #[error("{name:?} is mapped twice")]
    Twice {
        /// Which.
        name: String,
    },
}

impl ColumnMap {
    /// Says that `field` is under `header` in the file.
    pub fn add(&mut self, field: &str, header: &str) -> Result<(), ColumnMapError> {
        let name = field.trim().to_owned();
        let Some(field) = find::<Field>(&name) else {
            return Err(ColumnMapError::UnknownColumn { name });
        };
        if self.get(field).is_some() {
            return Err(ColumnMapError::Twice { name });
        }
        self.0.push((field, header.trim().to_owned()));
        self.0.sort_by_key(|(field, _)| *field as u8);
        Ok(())
    }

    fn get(&self, field: Field) -> Option<&str> {
        let mut found = self.0.iter().filter(|(mapped, _)| *mapped == field);
        found.next().map(|(_, header)| header.as_str())
    }
}

impl FromStr for ColumnMap {
    type Err = ColumnMapError;

    fn from_str(text: &str) -> Result<Self, ColumnMapError> {
        let mut map = Self::default();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let Some((field, header)) = part.split_once('=') else {
                let part = part.trim().to_owned();
                return Err(ColumnMapError::NoEquals { part });
            };
            map.add(field, header)?;
        }
        Ok(map)
    }
}

impl<'de> Deserialize<'de> for ColumnMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = ColumnMap;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a table of columns and what the file calls them")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<ColumnMap, A::Error> {
                let mut map = ColumnMap::default();
                while let Some((field, header)) = entries.next_entry::<String, String>()? {
                    map.add(&field, &header).map_err(de::Error::custom)?;
                }
                Ok(map)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// Names are the same whatever their case and whichever of blank, `_` and `-` is between their words.
fn folded(name: &str) -> String {
    let name = name.trim_matches(|c: char| c.is_whitespace() || c == '*' || c == '\u{feff}');
    let folded = name.chars().map(|c| match c {
        '_' | '-' => ' ',
        c => c,
    });
    folded.flat_map(char::to_lowercase).collect()
}

fn find<C: Titled>(name: &str) -> Option<C> {
    let name = folded(name);
    let mut found = C::ALL.iter().filter(|column| {
        let names = column.names().iter();
        names.map(|known| folded(known)).any(|known| known == name)
    });
    found.next().copied()
}

/// Where the columns of a file are.
pub(super) struct Columns<C> {
    found: Vec<(C, usize)>,
    header: Vec<String>,
}

impl<C: Titled> Columns<C> {
    /// By their usual names.
    pub(super) fn of_header(header: &Cells) -> Result<Self, FileError> {
        let mut columns = Self {
            found: Vec::new(),
            header: header.iter().map(|cell| cell.trim().to_owned()).collect(),
        };
        for index in 0..columns.header.len() {
            if let Some(column) = find::<C>(&columns.header[index]) {
                columns.place(column, index)?;
            }
        }
        Ok(columns)
    }

    fn place(&mut self, column: C, index: usize) -> Result<(), FileError> {
        if let Some(first) = self.index(column) {
            return Err(FileError::ColumnTwice {
                column: column.names()[0],
                first: self.header[first].clone(),
                second: self.header[index].clone(),
            });
        }
        self.found.push((column, index));
        Ok(())
    }

    fn index(&self, column: C) -> Option<usize> {
        let mut found = self.found.iter().filter(|(found, _)| *found == column);
        found.next().map(|(_, index)| *index)
    }

    /// Whether the file has the column.
    pub(super) fn has(&self, column: C) -> bool {
        self.index(column).is_some()
    }

    /// What the row has in the column; empty where the file has no such column.
    pub(super) fn cell<'a>(&self, cells: &'a Cells, column: C) -> &'a str {
        self.index(column).map_or("", |index| cells.get(index))
    }

    /// What the file calls the column.
    pub(super) fn title(&self, column: C) -> &str {
        let index = self.index(column);
        index.map_or(column.names()[0], |index| &self.header[index])
    }

    /// The columns of the file that are nothing to us.
    pub(super) fn ignored(&self) -> Vec<String> {
        let known = |index: &usize| self.found.iter().any(|(_, found)| found == index);
        let others = (0..self.header.len()).filter(|index| !known(index));
        let others = others.map(|index| self.header[index].clone());
        others.filter(|name| !name.is_empty()).collect()
    }

    /// The refusal of a file without a column.
    pub(super) fn missing(&self, column: &str) -> FileError {
        FileError::MissingColumn {
            column: column.to_owned(),
            have: self.header.join(", "),
        }
    }
}

impl Columns<Field> {
    /// By the names of `map`, then by their usual ones.
    pub(super) fn mapped(header: &Cells, map: &ColumnMap) -> Result<Self, FileError> {
        let mut columns = Self {
            found: Vec::new(),
            header: header.iter().map(|cell| cell.trim().to_owned()).collect(),
        };
        for (field, name) in &map.0 {
            let wanted = folded(name);
            let mut named =
                (0..columns.header.len()).filter(|index| folded(&columns.header[*index]) == wanted);
            let (first, second) = (named.next(), named.next());
            let Some(first) = first else {
                return Err(columns.missing(name));
            };
            columns.found.push((*field, first));
            if let Some(second) = second {
                columns.place(*field, second)?;
            }
        }
        for index in 0..columns.header.len() {
            let taken = columns.found.iter().any(|(_, found)| *found == index);
            let field = find::<Field>(&columns.header[index]).filter(|_| !taken);
            if let Some(field) = field.filter(|field| map.get(*field).is_none()) {
                columns.place(field, index)?;
            }
        }
        if !columns.has(Field::Name) {
            return Err(columns.missing("姓名 (name)"));
        }
        if !columns.has(Field::EmployeeNumber) && !columns.has(Field::Mobile) {
            return Err(columns.missing("工号 (employee number) or 手机 (mobile)"));
        }
        Ok(columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_map_is_written_as_text_or_as_toml() {
        let text: ColumnMap = "name=Full Name, mobile=Phone Number".parse().unwrap();
        let toml: ColumnMap =
            toml::from_str("name = \"Full Name\"\nmobile = \"Phone Number\"").unwrap();
        assert_eq!(text, toml);
        assert_eq!(text.get(Field::Mobile), Some("Phone Number"));
        assert_eq!(
            "employee-number=No"
                .parse::<ColumnMap>()
                .unwrap()
                .get(Field::EmployeeNumber),
            Some("No")
        );
    }

    #[test]
    fn a_column_map_that_makes_no_sense_is_refused_by_name() {
        let told = |text: &str| text.parse::<ColumnMap>().unwrap_err().to_string();
        assert_eq!(told("name"), "\"name\" is not column=their name");
        assert!(told("salary=Pay").contains("\"salary\" is no column"));
        assert!(told("name=A,姓名=B").contains("twice"));
        assert!(toml::from_str::<ColumnMap>("salary = \"Pay\"").is_err());
    }
}
