//! A flag for every knob, made from the list of knobs.

use std::sync::LazyLock;

use clap::{Arg, ArgMatches, Command};
use throng::config::{Config, Flag, Knob};

/// The flags that everybody types have a short name too.
const SHORT_NAMES: [(&str, &str); 4] = [
    ("server-listen", "listen"),
    ("server-shards", "shards"),
    ("http-listen", "http"),
    ("log-allow-tmpfs", "allow-tmpfs"),
];

struct Described {
    knob: &'static Knob,
    flag: String,
    value_name: String,
    heading: String,
    help: String,
}

static FLAGS: LazyLock<Vec<Described>> = LazyLock::new(|| {
    Config::KNOBS
        .iter()
        .map(|knob| Described {
            knob,
            flag: knob.flag(),
            value_name: knob.key.to_uppercase(),
            heading: format!("Knobs of [{}]", knob.section),
            help: help(knob),
        })
        .collect()
});

fn help(knob: &Knob) -> String {
    let doc: String = knob.doc.concat();
    let range = knob
        .range
        .map(|(min, max)| format!(", {min} to {max}"))
        .unwrap_or_default();
    format!("{} [default: {}{range}]", doc.trim_start(), knob.default)
}

/// What was given of them.
pub(super) struct KnobFlags(pub(super) Vec<Flag>);

impl clap::FromArgMatches for KnobFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = FLAGS.iter().filter_map(|described| {
            let text = matches.get_one::<String>(&described.flag)?;
            Some(Flag {
                knob: described.knob,
                text: text.clone(),
            })
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for KnobFlags {
    fn augment_args(command: Command) -> Command {
        command.args(FLAGS.iter().map(argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn argument(described: &'static Described) -> Arg {
    let short_name = SHORT_NAMES
        .iter()
        .find(|(flag, _)| *flag == described.flag)
        .map(|(_, short_name)| *short_name);
    let argument = Arg::new(described.flag.as_str())
        .long(described.flag.as_str())
        .value_name(described.value_name.as_str())
        .help_heading(described.heading.as_str())
        .help(described.help.as_str())
        // The last one wins, so that a script can append to what another has begun.
        .overrides_with(described.flag.as_str())
        .hide_short_help(short_name.is_none());
    let argument = match short_name {
        Some(short_name) => argument.visible_alias(short_name),
        None => argument,
    };
    if described.knob.default.parse::<bool>().is_ok() {
        return argument.num_args(0..=1).default_missing_value("true");
    }
    argument
}

#[cfg(test)]
mod tests {
    use clap::Args;

    use super::*;

    fn given(arguments: &[&str]) -> Vec<(String, String)> {
        let command = KnobFlags::augment_args(Command::new("serve"));
        let matches = command
            .try_get_matches_from([&["serve"], arguments].concat())
            .unwrap();
        let KnobFlags(flags) = clap::FromArgMatches::from_arg_matches(&matches).unwrap();
        flags
            .into_iter()
            .map(|flag| (flag.knob.name(), flag.text))
            .collect()
    }

    #[test]
    fn every_knob_has_a_flag() {
        for knob in Config::KNOBS {
            let flag = format!("--{}", knob.flag());
            let expected = vec![(knob.name(), knob.default.to_owned())];
            assert_eq!(given(&[&flag, knob.default]), expected);
        }
    }

    #[test]
    fn the_short_names_stand_for_the_long_ones() {
        for (long, short) in SHORT_NAMES {
            assert_eq!(
                given(&[&format!("--{long}"), "1"]),
                given(&[&format!("--{short}"), "1"])
            );
        }
    }

    #[test]
    fn of_a_flag_given_twice_the_last_one_wins() {
        let expected = ("server.shards".to_owned(), "3".to_owned());
        assert_eq!(
            given(&["--shards", "2", "--server-shards", "3"]),
            [expected]
        );
    }

    #[test]
    fn a_switch_needs_no_value_and_no_flag_sets_nothing() {
        let expected = ("log.allow_tmpfs".to_owned(), "true".to_owned());
        assert_eq!(given(&["--allow-tmpfs"]), [expected]);
        assert_eq!(given(&[]), []);
    }
}
