//! `throng admin`: sends an operator's commands over QUIC and shows what is answered.
//!
//! The commands are not written down here: they are made from the model's own forms, so that none
//! can be missing and the help says what the protocol says.

mod connection;
mod files;
mod forms;
mod picture;
mod show;

use std::process::ExitCode;

use clap::{ArgMatches, Command};
use throng::model::command::TaggedCommand;

pub(super) use self::connection::{Connection, Target};
use self::files::Action;
use self::forms::{AGGREGATES, Aggregate};

/// Administer a running server: one subcommand an aggregate, one below it a command.
pub(super) struct Admin {
    target: Target,
    json: bool,
    asked: Asked,
}

enum Asked {
    Command(Box<TaggedCommand>),
    File(Action),
}

impl Admin {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let command = match self.asked {
            Asked::Command(command) => *command,
            Asked::File(action) => return action.run(runtime, &self.target, self.json),
        };
        let reply = runtime.block_on(async {
            let connection = Connection::open(&self.target).await?;
            let reply = connection.ask(command).await;
            connection.close().await;
            anyhow::Ok(reply?)
        })?;
        let value = serde_json::to_value(&reply)?;
        if self.json {
            println!("{value}");
        } else {
            print!("{}", show::reply(&value));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl clap::Args for Admin {
    fn augment_args(command: Command) -> Command {
        let command = Target::augment_args(command)
            .about(
                "Administer a running server: one subcommand an aggregate, one below it a command",
            )
            .after_help(
                "Lists are comma-separated ids; what has a shape of its own is JSON, or @FILE with \
                 JSON inside. Times are RFC 3339 or microseconds since 1970.",
            )
            .arg(
                clap::Arg::new("json")
                    .long("json")
                    .global(true)
                    .action(clap::ArgAction::SetTrue)
                    .help("Print the reply as one JSON object"),
            )
            .subcommand_required(true)
            .arg_required_else_help(true);
        AGGREGATES.iter().fold(command, |command, aggregate| {
            command.subcommand(forms::subcommand(aggregate))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Admin {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (aggregate, below) = matches.subcommand().ok_or_else(missing)?;
        let aggregate: &Aggregate = AGGREGATES
            .iter()
            .find(|known| known.name == aggregate)
            .ok_or_else(missing)?;
        let (name, given) = below.subcommand().ok_or_else(missing)?;
        let asked = match files::action(aggregate.name, name, given) {
            Some(action) => Asked::File(action?),
            None => Asked::Command(Box::new(forms::command(aggregate, name, given).map_err(
                |error| clap::Error::raw(clap::error::ErrorKind::ValueValidation, error),
            )?)),
        };
        Ok(Self {
            target: Target::from_arg_matches(matches)?,
            json: given.get_flag("json"),
            asked,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
