//! The hook, from its knobs: read and checked before anything is opened.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use throng::config::Config;
use throng::engine::Callee;
use throng::hook::{Hook, HookOptions};
use tracing::info;

use super::super::directory::DataDirectory;
use super::super::failure::Advise;

/// Whoever makes outward calls, if an address is configured.
pub(super) fn callee(
    data: &DataDirectory,
    config: &Config,
) -> anyhow::Result<Option<Arc<dyn Callee>>> {
    let knobs = &config.hook;
    if knobs.url.is_empty() {
        return Ok(None);
    }
    let hook = read(data, config).advise(|| "see [hook] in `throng config print`".to_owned())?;
    info!(url = knobs.url, "outward calls go to the hook");
    Ok(Some(Arc::new(hook)))
}

fn read(data: &DataDirectory, config: &Config) -> anyhow::Result<Hook> {
    let knobs = &config.hook;
    let secret = read_file(&data.resolve(&knobs.secret_file), "secret")?;
    let ca_pem = if knobs.url.starts_with("https:") {
        read_file(&data.resolve(&knobs.ca_file), "certificates")?
    } else {
        Vec::new()
    };
    let options = HookOptions {
        url: knobs.url.clone(),
        secret: secret.trim_ascii().to_vec(),
        timeout: knobs.timeout.duration(),
        ca_pem,
    };
    Ok(Hook::new(&options)?)
}

fn read_file(path: &Path, what: &str) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read the hook's {what} {}", path.display()))
}
