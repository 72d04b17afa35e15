//! `throng config`: check a file before a restart needs it, and print every knob.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use throng::config::{documented_defaults, load};

/// Check a configuration file, or print one with every knob.
#[derive(Subcommand)]
pub(super) enum Config {
    /// Check a file: exit code 0 when `throng serve` would take it, 2 and one line when not.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Print a file with every knob at its default, documented.
    Print,
}

impl Config {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check { file } => {
                load(Some(&file), [], &[])?;
                println!("{} is good", file.display());
            }
            Self::Print => {
                // A reader that has seen enough closes the pipe; that is not an error.
                let _ = std::io::stdout().write_all(documented_defaults().as_bytes());
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
