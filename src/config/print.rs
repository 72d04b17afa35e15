//! The configuration file that says everything: what `throng config print` prints.

use std::fmt::Write;

use super::{Config, Knob};

const HEAD: &str = "\
# Throng's configuration: every knob with its default.
#
# Each can also be set by the environment variable and by the flag of `throng serve` named beside
# it. Flags win over the environment, that over this file. Keys that are not here are refused.
";

/// A TOML file with every knob, documented and at its default. Reading it gives the defaults.
#[must_use]
pub fn documented_defaults() -> String {
    let defaults = toml::Table::try_from(Config::default())
        .expect("sections of numbers and texts are always TOML");
    let mut out = HEAD.to_owned();
    for (section, doc) in Config::SECTIONS {
        out.push('\n');
        comment(&mut out, doc);
        writeln!(out, "[{section}]").expect("a String takes everything");
        for knob in Config::KNOBS {
            if knob.section == *section {
                entry(&mut out, knob, &defaults[*section][knob.key]);
            }
        }
    }
    out
}

fn entry(out: &mut String, knob: &Knob, default: &toml::Value) {
    out.push('\n');
    comment(out, knob.doc);
    let range = knob
        .range
        .map(|(min, max)| format!(" Range {min} to {max}."))
        .unwrap_or_default();
    writeln!(
        out,
        "# Default {}.{range} Costs {}.\n# {} or --{}\n{} = {default}",
        knob.default,
        knob.cost,
        knob.variable(),
        knob.flag(),
        knob.key,
    )
    .expect("a String takes everything");
}

/// Documentation lines begin with the space that follows `///`.
fn comment(out: &mut String, doc: &[&str]) {
    for line in doc {
        out.push('#');
        out.push_str(line);
        out.push('\n');
    }
}
