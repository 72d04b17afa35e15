//! Command lines made from the model's forms, and commands made from command lines.

use clap::{Arg, ArgMatches, Command};
use serde_json::Value;
use throng::model::command::TaggedCommand;
use throng::wire::tagged::{Field, Form};

use super::files;

/// One part of the enterprise and the tags of its commands.
pub(super) struct Aggregate {
    pub(super) name: &'static str,
    about: &'static str,
    tags: &'static [core::ops::Range<u16>],
}

const fn aggregate(
    name: &'static str,
    about: &'static str,
    tags: &'static [core::ops::Range<u16>],
) -> Aggregate {
    Aggregate { name, about, tags }
}

/// Every command belongs to exactly one; a test holds it.
pub(super) const AGGREGATES: [Aggregate; 9] = [
    aggregate(
        "directory",
        "Tenants, people, contacts, roles, devices",
        &[0x001..0x010, 0x030..0x050, 0x120..0x130],
    ),
    aggregate(
        "department",
        "The department tree, and people in bulk",
        &[0x050..0x060, 0x130..0x140],
    ),
    aggregate(
        "group",
        "Groups, their members and their settings",
        &[
            0x010..0x020,
            0x060..0x090,
            0x100..0x102,
            0x104..0x105,
            0x140..0x160,
        ],
    ),
    aggregate(
        "code",
        "Join codes, face-to-face, and questions to your backend",
        &[0x090..0x0a0, 0x160..0x170],
    ),
    aggregate(
        "approval",
        "Approvals, exports, what was denied",
        &[0x0a0..0x0b0, 0x170..0x180],
    ),
    aggregate(
        "quota",
        "Quota policies, freezes, what is left",
        &[0x021..0x030, 0x0b0..0x0c0, 0x102..0x103, 0x180..0x190],
    ),
    aggregate(
        "mass-send",
        "Sending to many",
        &[0x020..0x021, 0x0c0..0x0d0, 0x103..0x104, 0x190..0x1a0],
    ),
    aggregate(
        "history",
        "Messages of another product",
        &[0x0d0..0x0e0, 0x1a0..0x1b0],
    ),
    // What is pulled is no reply: 0x1b0 is `throng pull`.
    aggregate(
        "custody",
        "How long content is kept, legal holds, erasure",
        &[0x0e0..0x0f0, 0x1b1..0x1c0],
    ),
];

impl Aggregate {
    fn forms(&self) -> impl Iterator<Item = &'static Form> + '_ {
        let known = TaggedCommand::FORMS.iter();
        known.filter(|form| self.tags.iter().any(|tags| tags.contains(&form.tag)))
    }
}

/// `throng admin NAME`, with a subcommand for each of its commands.
pub(super) fn subcommand(aggregate: &'static Aggregate) -> Command {
    let command = Command::new(aggregate.name)
        .about(aggregate.about)
        .subcommand_required(true)
        .arg_required_else_help(true);
    let command = command.subcommands(files::subcommands(aggregate.name));
    let forms = aggregate.forms();
    forms.fold(command, |command, form| command.subcommand(of_form(form)))
}

fn of_form(form: &'static Form) -> Command {
    let command = Command::new(kebab(form.name)).about(text(form.meaning));
    let fields = form.fields.iter();
    fields.fold(command, |command, field| command.arg(argument(field)))
}

fn argument(field: &'static Field) -> Arg {
    let argument = Arg::new(field.name)
        .long(kebab(field.name))
        .value_name(value_name(field.kind))
        .help(text(field.meaning))
        .required(!may_be_left_out(field.kind));
    if field.kind == "bool" {
        return argument.num_args(0..=1).default_missing_value("true");
    }
    argument
}

/// What a value looks like, for the help.
fn value_name(kind: &str) -> String {
    match kind {
        "String" => "TEXT".to_owned(),
        "Vec<u8>" => "TEXT|@FILE".to_owned(),
        "Timestamp" => "TIME".to_owned(),
        "bool" => "true|false".to_owned(),
        kind if is_number(kind) => "N".to_owned(),
        kind => match inner(kind, "Option").or(inner(kind, "Vec")) {
            Some(inner) if is_number(inner) || inner == "String" => {
                format!("{}[,…]", value_name(inner))
            }
            Some(_) => "JSON".to_owned(),
            None => kebab(kind).to_uppercase(),
        },
    }
}

/// Nothing has a meaning of its own there: an empty list, none, no.
fn may_be_left_out(kind: &str) -> bool {
    kind == "bool"
        || kind == "ClientMessageId"
        || inner(kind, "Option").or(inner(kind, "Vec")).is_some()
}

/// The command that `given` says.
pub(super) fn command(
    aggregate: &Aggregate,
    name: &str,
    given: &ArgMatches,
) -> Result<TaggedCommand, String> {
    let form = aggregate
        .forms()
        .find(|form| kebab(form.name) == name)
        .ok_or_else(|| format!("{name} is no command of {}", aggregate.name))?;
    let mut body = serde_json::Map::new();
    for field in form.fields {
        let text = given.get_one::<String>(field.name).map(String::as_str);
        let value =
            value(field.kind, text).map_err(|why| format!("--{}: {why}", kebab(field.name)))?;
        body.insert(field.name.to_owned(), value);
    }
    TaggedCommand::deserialize(form.tag, Value::Object(body)).map_err(|error| error.to_string())
}

/// What `text` means for a field of `kind`.
fn value(kind: &str, text: Option<&str>) -> Result<Value, String> {
    let Some(text) = text else {
        return Ok(match kind {
            "bool" => Value::Bool(false),
            // A name nobody else gives it, so that a retry by hand is a new request.
            "ClientMessageId" => Value::Number(fresh().into()),
            kind if inner(kind, "Option").is_some() => Value::Null,
            _ => Value::Array(Vec::new()),
        });
    };
    if let Some(inner) = inner(kind, "Option") {
        return value(inner, Some(text));
    }
    let text = match text.strip_prefix('@') {
        Some(path) if kind != "String" => &std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {path}: {error}"))?,
        _ => text,
    };
    match kind {
        "String" => Ok(Value::String(text.to_owned())),
        "bool" => text
            .parse()
            .map(Value::Bool)
            .map_err(|_| "true or false".to_owned()),
        "Timestamp" => timestamp(text),
        "Vec<u8>" => Ok(text.bytes().map(Value::from).collect()),
        kind if is_number(kind) => {
            serde_json::from_str(text).map_err(|_| format!("{text:?} is no number"))
        }
        kind => match inner(kind, "Vec") {
            Some(inner) if is_number(inner) || inner == "String" => {
                let items = text
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                items.map(|item| value(inner, Some(item))).collect()
            }
            _ => structured(text),
        },
    }
}

/// JSON where it looks like it, else the name of one of a set.
fn structured(text: &str) -> Result<Value, String> {
    if text.trim_start().starts_with(['{', '[', '"']) {
        return serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"));
    }
    Ok(Value::String(text.to_owned()))
}

fn timestamp(text: &str) -> Result<Value, String> {
    if let Ok(micros) = text.parse::<i64>() {
        return Ok(micros.into());
    }
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        format!("{text:?} is neither RFC 3339, such as 2026-12-31T00:00:00+08:00, nor microseconds")
    })?;
    Ok(at.as_microsecond().into())
}

fn fresh() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Seeded by the system anew for each process.
    RandomState::new().hash_one(std::process::id())
}

fn inner<'a>(kind: &'a str, outer: &str) -> Option<&'a str> {
    if kind == "Vec<u8>" {
        return None;
    }
    kind.strip_prefix(outer)?
        .strip_prefix('<')?
        .strip_suffix('>')
}

fn is_number(kind: &str) -> bool {
    let integer = kind.trim_start_matches(['u', 'i']);
    let id = kind.ends_with("Id") || matches!(kind, "RecordNumber" | "Sequence");
    id || (integer.len() < kind.len() && integer.parse::<u8>().is_ok())
}

/// `CreateGroup` and `employee_number` as the command line has them.
fn kebab(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter == '_' {
            out.push('-');
        } else if letter.is_ascii_uppercase() {
            if !out.is_empty() {
                out.push('-');
            }
            out.push(letter.to_ascii_lowercase());
        } else {
            out.push(letter);
        }
    }
    out
}

fn text(lines: &[&str]) -> String {
    lines.concat().trim().replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_belongs_to_exactly_one_aggregate() {
        const PULL_RECORDS: u16 = 0x1b0;
        for form in TaggedCommand::FORMS {
            if form.tag == PULL_RECORDS {
                continue;
            }
            let count = AGGREGATES
                .iter()
                .filter(|aggregate| aggregate.tags.iter().any(|tags| tags.contains(&form.tag)))
                .count();
            assert_eq!(count, 1, "{}", form.name);
        }
    }

    #[test]
    fn every_subcommand_is_well_formed() {
        for aggregate in &AGGREGATES {
            subcommand(aggregate).debug_assert();
        }
    }

    fn asked(aggregate: &str, line: &[&str]) -> Result<TaggedCommand, String> {
        let aggregate = AGGREGATES
            .iter()
            .find(|known| known.name == aggregate)
            .unwrap();
        let matches = subcommand(aggregate)
            .try_get_matches_from([&["admin"], line].concat())
            .map_err(|error| error.to_string())?;
        let (name, given) = matches.subcommand().unwrap();
        command(aggregate, name, given)
    }

    #[test]
    fn a_command_line_is_the_command_it_says() {
        use throng::model::command::{CreateGroupV1, GroupKind};
        use throng::wire::PersonId;

        let line = [
            "create-group",
            "--kind",
            "external",
            "--name",
            "项目组",
            "--owner",
            "4",
            "--members",
            "5, 6",
        ];
        let wanted = TaggedCommand::CreateGroup(CreateGroupV1 {
            kind: GroupKind::External,
            name: "项目组".to_owned(),
            owner: PersonId(4),
            members: vec![PersonId(5), PersonId(6)],
        });
        assert_eq!(asked("group", &line), Ok(wanted));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let line = [
            "create-group",
            "--kind",
            "external",
            "--name",
            "x",
            "--owner",
            "four",
        ];
        let error = asked("group", &line).unwrap_err();
        assert_eq!(error, "--owner: \"four\" is no number");
        let line = [
            "create-group",
            "--kind",
            "huge",
            "--name",
            "x",
            "--owner",
            "4",
        ];
        let error = asked("group", &line).unwrap_err();
        assert!(error.contains("unknown variant `huge`"), "{error}");
    }

    #[test]
    fn times_are_told_either_way() {
        assert_eq!(timestamp("1970-01-01T08:00:01+08:00"), Ok(1_000_000.into()));
        assert_eq!(timestamp("17"), Ok(17.into()));
        assert!(timestamp("tomorrow").is_err());
    }
}
