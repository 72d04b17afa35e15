//! The `throng` command: one file a subcommand.
//!
//! Exit codes: 0 done; 1 it ran and found, or met, damage; 2 it could not run, and one line on
//! standard error says what to do.

mod admin;
mod archive;
mod bootstrap;
mod certificate;
mod config;
mod directory;
mod encryption;
mod failure;
mod knob_flags;
mod pull;
mod serve;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::failure::one_line;

/// It ran and found, or met, damage.
const DAMAGED: u8 = 1;
/// It could not run.
const CANNOT_RUN: u8 = 2;

/// A delivery core for enterprise group chat.
#[derive(Parser)]
#[command(name = "throng", version, arg_required_else_help = true)]
struct Throng {
    #[command(subcommand)]
    subcommand: Sub,
}

#[derive(Subcommand)]
enum Sub {
    Serve(serve::Serve),
    Bootstrap(bootstrap::Bootstrap),
    Token(token::Token),
    Certificate(certificate::Certificate),
    Admin(admin::Admin),
    Pull(pull::Pull),
    #[command(subcommand)]
    Archive(archive::Archive),
    #[command(subcommand)]
    Config(config::Config),
}

/// Runs what the command line says.
pub(crate) fn run() -> ExitCode {
    let done = match Throng::parse().subcommand {
        Sub::Serve(serve) => serve.run(),
        Sub::Bootstrap(bootstrap) => bootstrap.run(),
        Sub::Token(token) => token.run(),
        Sub::Certificate(certificate) => certificate.run(),
        Sub::Admin(admin) => admin.run(),
        Sub::Pull(pull) => pull.run(),
        Sub::Archive(archive) => archive.run(),
        Sub::Config(config) => config.run(),
    };
    done.unwrap_or_else(|error| {
        eprintln!("throng: {}", one_line(&error));
        ExitCode::from(CANNOT_RUN)
    })
}
