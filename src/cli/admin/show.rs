//! A reply as people read it: one line a fact, a table where there is a list.

use std::fmt::Write;

use serde_json::{Map, Value};

/// The reply's body; its name only where there is nothing else to say.
pub(super) fn reply(value: &Value) -> String {
    let mut out = String::new();
    let Some((name, body)) = value.as_object().and_then(|named| named.iter().next()) else {
        return format!("{value}\n");
    };
    match body.as_object() {
        Some(facts) if !facts.is_empty() => write_facts(&mut out, facts),
        _ => out = format!("{name}\n"),
    }
    out
}

fn write_facts(out: &mut String, facts: &Map<String, Value>) {
    for (name, value) in facts {
        match value {
            Value::Array(rows) if rows.iter().any(Value::is_object) => {
                let _ = writeln!(out, "{name}:");
                write_table(out, rows);
            }
            value => {
                let _ = writeln!(out, "{name}: {}", cell(value));
            }
        }
    }
}

fn write_table(out: &mut String, rows: &[Value]) {
    let columns: Vec<&String> = rows
        .first()
        .and_then(Value::as_object)
        .map(|row| row.keys().collect())
        .unwrap_or_default();
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(ToString::to_string).collect()];
    for row in rows {
        let text = |column: &&String| row.get(column.as_str()).map(cell).unwrap_or_default();
        lines.push(columns.iter().map(text).collect());
    }
    let width_of = |at: usize| {
        let widths = lines.iter().map(|line| line[at].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width_of).collect();
    for line in lines {
        let mut text = String::from(" ");
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(text, " {cell:<width$} ");
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_lines_and_lists_of_things_are_tables() {
        let value = serde_json::json!({"members": {
            "members": [{"person": 4, "role": "owner"}, {"person": 12, "role": "member"}],
            "more": false,
        }});
        assert_eq!(
            reply(&value),
            "members:\n  person  role\n  4       owner\n  12      member\nmore: false\n"
        );
    }

    #[test]
    fn a_reply_that_says_nothing_is_its_name() {
        assert_eq!(reply(&serde_json::json!({"done": {}})), "done\n");
    }
}
