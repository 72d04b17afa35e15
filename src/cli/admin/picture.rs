//! A join code as a picture (SPEC G5).

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use throng::picture;

/// Draw a join code, or a link that carries it, as a QR code.
#[derive(Args)]
pub(super) struct Picture {
    /// What the QR code says: the code's text, or a link of yours with it.
    text: String,
    /// As what.
    #[arg(long, default_value = "text")]
    format: Format,
    /// Pixels on a side of a PNG.
    #[arg(long, value_name = "PIXELS", default_value_t = 512)]
    side: u32,
    /// Where to; standard output if not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Half blocks, for a terminal.
    Text,
    /// A drawing that scales.
    Svg,
    /// Pixels.
    Png,
}

impl Picture {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let drawn = match self.format {
            Format::Text => picture::text(&self.text)?.into_bytes(),
            Format::Svg => picture::svg(&self.text)?.into_bytes(),
            Format::Png => picture::png(&self.text, self.side)?,
        };
        match &self.out {
            Some(path) => std::fs::write(path, drawn)
                .with_context(|| format!("cannot write {}", path.display()))?,
            None => std::io::stdout().write_all(&drawn)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
