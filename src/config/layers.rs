//! Where values come from, and which wins: flags over the environment over the file over defaults.

use std::path::Path;

use tracing_subscriber::EnvFilter;

use super::{Config, ConfigError, Knob};

/// One knob set by a flag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flag {
    /// Which knob.
    pub knob: &'static Knob,
    /// To what.
    pub text: String,
}

/// The configuration from all layers, checked.
///
/// # Errors
/// [`ConfigError`], one line that says what to change.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[Flag],
) -> Result<Config, ConfigError> {
    let mut config = match file {
        Some(path) => from_file(path)?,
        None => Config::default(),
    };
    for (name, text) in environment {
        if let Some(knob) = Config::KNOBS.iter().find(|knob| knob.variable() == name) {
            set(&mut config, knob, &name, &text)?;
        } else if is_mistaken(&name) {
            return Err(ConfigError::UnknownVariable { name });
        }
    }
    for Flag { knob, text } in flags {
        set(&mut config, knob, &format!("--{}", knob.flag()), text)?;
    }
    check(&config)?;
    Ok(config)
}

/// The variables that begin like ours and belong to no section: ignored, since container
/// platforms make such up from service names, but worth a line in the log.
pub fn unknown_variables(environment: impl IntoIterator<Item = String>) -> Vec<String> {
    environment
        .into_iter()
        .filter(|name| name.starts_with("THRONG_"))
        .filter(|name| !Config::KNOBS.iter().any(|knob| knob.variable() == *name))
        .collect()
}

/// Names a section of ours but none of its knobs.
fn is_mistaken(variable: &str) -> bool {
    let Some(rest) = variable.strip_prefix("THRONG_") else {
        return false;
    };
    Config::SECTIONS.iter().any(|(section, _)| {
        rest.strip_prefix(&section.to_uppercase())
            .is_some_and(|key| key.starts_with('_'))
    })
}

fn from_file(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(&text).map_err(|error| ConfigError::File {
        path: path.to_owned(),
        line: 1 + error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(0, |before| before.matches('\n').count()),
        message: error.message().replace('\n', " "),
    })
}

fn set(config: &mut Config, knob: &Knob, origin: &str, text: &str) -> Result<(), ConfigError> {
    config.set(knob, text).map_err(|reason| ConfigError::Value {
        origin: origin.to_owned(),
        text: text.to_owned(),
        reason,
    })
}

fn check(config: &Config) -> Result<(), ConfigError> {
    if let Some((knob, value)) = config.outside_range()
        && let Some((min, max)) = knob.range
    {
        return Err(ConfigError::OutsideRange {
            knob: knob.name(),
            value,
            min,
            max,
        });
    }
    let http = &config.http;
    if !http.allow_remote && !http.listen.ip().is_loopback() {
        return Err(ConfigError::RemoteHttp {
            listen: http.listen,
        });
    }
    let (verified, unverified) = (
        config.model.external_members_max,
        config.model.external_members_max_unverified,
    );
    if unverified > verified {
        return Err(ConfigError::UnverifiedAbove {
            unverified,
            verified,
        });
    }
    if !cfg!(feature = "search") && config.search != super::knobs::Search::default() {
        return Err(ConfigError::NoSearch);
    }
    let level = &config.logging.level;
    if let Err(error) = EnvFilter::try_new(level) {
        return Err(ConfigError::Level {
            level: level.clone(),
            reason: error.to_string(),
        });
    }
    Ok(())
}
