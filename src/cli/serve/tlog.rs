//! The transparency log of a server: its directory, its key, how often.

use std::sync::Arc;

use anyhow::Context;
use throng::config::{Config, Tlog};
use throng::engine::Transparency;
use throng::log::{Directory, Storage};
use tracing::info;

use super::super::directory::DataDirectory;

/// What the engine is to publish with; `None` where it is switched off. Makes the key where it is
/// missing and none is configured.
pub(super) fn transparency(
    data: &DataDirectory,
    config: &Config,
) -> anyhow::Result<Option<Transparency>> {
    let knobs = &config.tlog;
    if !knobs.publish {
        return Ok(None);
    }
    if knobs.key_file == Tlog::default().key_file && data.make_missing_tlog_key()? {
        info!(path = %data.tlog_key().display(), "made the key of the transparency log");
    }
    let key = super::super::directory::read_tlog_key(&data.resolve(&knobs.key_file))?;
    let path = data.tlog();
    let directory = Directory::open(&path)
        .with_context(|| format!("cannot open the transparency log {}", path.display()))?;
    let storage: Arc<dyn Storage> = Arc::new(directory);
    let mut transparency = Transparency::new(storage, key);
    transparency.every = knobs.every.duration();
    Ok(Some(transparency))
}
