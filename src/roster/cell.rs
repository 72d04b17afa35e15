//! One cell: what is a formula to a spreadsheet, and lists in a cell.
//!
//! A cell that begins with `=`, `+`, `-` or `@` would be run as a formula by whoever opens the file.
//! Such a text is written with an apostrophe before it, which is a spreadsheet's own sign for "this is
//! text", and reading takes that one apostrophe away. Whatever text was written is read back exactly;
//! an apostrophe before anything else, as in `'t Hooft`, is part of the text on both ways.

use std::borrow::Cow;

/// Begins with what a spreadsheet calculates, or has blanks at its ends that reading would trim.
fn needs_guard(text: &str) -> bool {
    let mut rest = text;
    // An apostrophe before such a text would be taken for a guard, so it needs one of its own.
    while let Some(inner) = rest.strip_prefix('\'') {
        rest = inner;
    }
    let special = |c: char| "=+-@＝＋－＠".contains(c) || c.is_whitespace() || c.is_control();
    rest.starts_with(special) || rest.ends_with(char::is_whitespace)
}

/// `text` as it is written into a cell.
pub(super) fn guarded(text: &str) -> Cow<'_, str> {
    if needs_guard(text) {
        return Cow::Owned(format!("'{text}"));
    }
    Cow::Borrowed(text)
}

/// What a cell says: without its guard, else without blanks around it.
pub(super) fn text(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if needs_guard(text) => text,
        _ => cell.trim(),
    }
}

/// How a cell lists departments: `总部/研发;总部/平台`.
#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Separators {
    /// Between departments. Default `;`.
    pub list: char,
    /// Between a department and those inside it. Default `/`.
    pub path: char,
}

impl Default for Separators {
    fn default() -> Self {
        Self {
            list: ';',
            path: '/',
        }
    }
}

impl Separators {
    /// The department paths in `cell`, with `/` between their parts.
    ///
    /// A separator of the list that is part of a name has a backslash before it, a backslash two.
    pub(super) fn paths(&self, cell: &str) -> Vec<String> {
        let paths = self.split(cell).into_iter().map(|path| {
            let parts = path.split(self.path).map(str::trim);
            let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
            parts.join("/")
        });
        paths.filter(|path| !path.is_empty()).collect()
    }

    fn split(&self, cell: &str) -> Vec<String> {
        let mut found = vec![String::new()];
        let mut chars = cell.chars().peekable();
        while let Some(c) = chars.next() {
            let escapes = |next: &char| *next == self.list || *next == '\\';
            if c == self.list {
                found.push(String::new());
                continue;
            }
            let c = match c {
                '\\' if self.path != '\\' => chars.next_if(escapes).unwrap_or(c),
                c => c,
            };
            found.last_mut().expect("begins with one").push(c);
        }
        found
    }
}

/// Department paths in one cell, as [`Separators::default`] reads them.
pub(super) fn joined(paths: &[String]) -> String {
    let escaped = paths
        .iter()
        .map(|path| path.replace('\\', "\\\\").replace(';', "\\;"));
    escaped.collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_cell_begins_as_a_formula() {
        for formula in [
            "=1+1", "+86138", "-1", "@SUM(A1)", "＝1", "\t=1", "\r=1", " =1",
        ] {
            assert_eq!(guarded(formula), format!("'{formula}"));
        }
        assert_eq!(guarded("王芳"), "王芳");
    }

    #[test]
    fn a_name_with_an_apostrophe_keeps_it() {
        assert_eq!(text("'t Hooft"), "'t Hooft");
        assert_eq!(text("  O'Neill "), "O'Neill");
    }

    #[test]
    fn departments_of_another_product_read_by_its_separators() {
        let theirs = Separators {
            list: ',',
            path: '-',
        };
        assert_eq!(
            theirs.paths("总部-研发 , 总部 - 平台,"),
            ["总部/研发", "总部/平台"]
        );
        let theirs = Separators {
            list: '|',
            path: '\\',
        };
        assert_eq!(theirs.paths("HQ\\R&D|HQ\\Ops"), ["HQ/R&D", "HQ/Ops"]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_exactly(written in "['=+@ a王\\-\t\n＝]{0,12}") {
            let cell = guarded(&written).into_owned();
            prop_assert_eq!(text(&cell), written.as_str());
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']));
        }

        #[test]
        fn any_departments_are_read_back_exactly(
            paths in proptest::collection::vec("[a;\\\\王]{1,4}(/[b;\\\\]{1,3}){0,2}", 0..4)
        ) {
            prop_assert_eq!(Separators::default().paths(&joined(&paths)), paths);
        }
    }
}
