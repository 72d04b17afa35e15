//! One person as a row has them, and whether the row can be one.

use super::cell::{self, Separators};
use super::columns::{Columns, Field};
use super::phone::{self, Region};
use super::report::Reason;
use super::table::Cells;
use crate::model::command::PersonRowV1;

/// Characters of a name and of a position, as the directory's rules have it.
const NAME_CHARS_MAX: usize = 64;
/// Bytes of an employee number and of an external id, as the directory's rules have it.
const KEY_BYTES_MAX: usize = 64;
/// Bytes of an e-mail address (RFC 5321 section 4.5.3.1.3, less the angle brackets).
const EMAIL_BYTES_MAX: usize = 254;
/// Bytes of an address before its @ (RFC 5321 section 4.5.3.1.1).
const EMAIL_LOCAL_BYTES_MAX: usize = 64;
/// Departments of one person, and bytes of a path: what bounds a chunk.
const DEPARTMENTS_MAX: usize = 100;
const PATH_BYTES_MAX: usize = 1_024;

/// A person of the enterprise, as files have them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Person {
    /// The real name.
    pub name: String,
    /// Empty for none.
    pub employee_number: String,
    /// In E.164; empty for none.
    pub mobile: String,
    /// Paths such as `总部/研发`.
    pub departments: Vec<String>,
    /// Empty for none.
    pub position: String,
    /// Empty for none.
    pub email: String,
    /// The backend's own id; empty for none.
    pub external_id: String,
}

impl Person {
    /// What the row says, if it can be said of a person; else the first column that is wrong.
    pub(super) fn read(
        cells: &Cells,
        columns: &Columns<Field>,
        separators: &Separators,
        region: Region,
    ) -> Result<Self, (Field, Reason)> {
        let text = |field| cell::text(columns.cell(cells, field));
        let own = |field| text(field).to_owned();
        let person = Self {
            name: own(Field::Name),
            employee_number: own(Field::EmployeeNumber),
            mobile: match text(Field::Mobile) {
                "" => String::new(),
                written => phone::normalise(written, region).ok_or_else(|| {
                    let region = region.to_string();
                    (Field::Mobile, Reason::PhoneFormat { region })
                })?,
            },
            departments: separators.paths(text(Field::Department)),
            position: own(Field::Position),
            email: own(Field::Email),
            external_id: own(Field::ExternalId),
        };
        person.check()?;
        Ok(person)
    }

    fn check(&self) -> Result<(), (Field, Reason)> {
        if self.name.is_empty() {
            return Err((Field::Name, Reason::Missing));
        }
        if self.employee_number.is_empty() && self.mobile.is_empty() {
            return Err((Field::EmployeeNumber, Reason::NumberOrMobileMissing));
        }
        check_chars(Field::Name, &self.name)?;
        check_chars(Field::Position, &self.position)?;
        check_bytes(Field::EmployeeNumber, &self.employee_number, KEY_BYTES_MAX)?;
        check_bytes(Field::ExternalId, &self.external_id, KEY_BYTES_MAX)?;
        check_bytes(Field::Email, &self.email, EMAIL_BYTES_MAX)?;
        if !self.email.is_empty() && !is_email(&self.email) {
            return Err((Field::Email, Reason::EmailFormat));
        }
        if self.departments.len() > DEPARTMENTS_MAX {
            return Err((Field::Department, too_long(DEPARTMENTS_MAX, "departments")));
        }
        for path in &self.departments {
            check_bytes(Field::Department, path, PATH_BYTES_MAX)?;
        }
        Ok(())
    }

    /// The row that is sent.
    pub(super) fn into_row(self, row: u32) -> PersonRowV1 {
        PersonRowV1 {
            row,
            external_id: self.external_id,
            name: self.name,
            employee_number: self.employee_number,
            mobile: self.mobile,
            email: self.email,
            position: self.position,
            departments: self.departments,
        }
    }
}

fn too_long(max: usize, unit: &'static str) -> Reason {
    let max = max as u64;
    Reason::TooLong { max, unit }
}

fn check_chars(field: Field, text: &str) -> Result<(), (Field, Reason)> {
    if text.chars().nth(NAME_CHARS_MAX).is_some() {
        return Err((field, too_long(NAME_CHARS_MAX, "characters")));
    }
    // A position may be of two lines, as cells of spreadsheets often are.
    let shown = |c: char| !c.is_control() || (field == Field::Position && matches!(c, '\n' | '\r'));
    if !text.chars().all(shown) {
        return Err((field, Reason::Unprintable));
    }
    Ok(())
}

fn check_bytes(field: Field, text: &str, max: usize) -> Result<(), (Field, Reason)> {
    if text.len() > max {
        return Err((field, too_long(max, "bytes")));
    }
    if text.chars().any(char::is_control) {
        return Err((field, Reason::Unprintable));
    }
    Ok(())
}

/// The shape of an address: a local part, an @, and a domain of at least two labels. Whether mail
/// reaches it only mail can tell.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |c: char| !c.is_whitespace() && !"@,;<>()[]\\\"".contains(c);
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    let local_is_good = !local.is_empty()
        && local.len() <= EMAIL_LOCAL_BYTES_MAX
        && local.chars().all(plain)
        && !dots;
    let label = |label: &str| {
        let letters = label.chars().all(|c| c.is_alphanumeric() || c == '-');
        !label.is_empty() && letters && !label.starts_with('-') && !label.ends_with('-')
    };
    local_is_good && domain.contains('.') && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_by_their_shape() {
        for good in [
            "wang.fang@example.com",
            "a+b@mail.example.cn",
            "王芳@例子.公司",
        ] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "wang",
            "wang@",
            "@example.com",
            "wang@example",
            "wang@@example.com",
            "a b@example.com",
            "wang@example..com",
            "wang@-example.com",
            ".wang@example.com",
            "wang@example.com;li@example.com",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    fn person() -> Person {
        Person {
            name: "王芳".to_owned(),
            employee_number: "007".to_owned(),
            ..Person::default()
        }
    }

    #[test]
    fn a_name_has_1_to_64_characters() {
        let named = |name: String| Person { name, ..person() }.check();
        assert_eq!(named("王".repeat(64)), Ok(()));
        let refused = named("王".repeat(65)).unwrap_err();
        assert_eq!(refused.1.to_string(), "longer than 64 characters");
        assert_eq!(named(String::new()), Err((Field::Name, Reason::Missing)));
        assert_eq!(
            named("王\n芳".to_owned()),
            Err((Field::Name, Reason::Unprintable))
        );
    }

    #[test]
    fn an_employee_number_or_a_mobile_is_needed() {
        let without = Person {
            employee_number: String::new(),
            ..person()
        };
        let refused = without.check().unwrap_err();
        assert_eq!(refused.1, Reason::NumberOrMobileMissing);
        let mobile = "+8613800138000".to_owned();
        assert_eq!(Person { mobile, ..without }.check(), Ok(()));
    }
}
