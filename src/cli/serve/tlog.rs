//! The transparency log of a server: its directory, its key, how often.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use throng::archive::tlog::CHECKPOINT;
use throng::config::{Config, Tlog};
use throng::engine::Transparency;
use throng::log::{Directory, Storage};
use tracing::{info, warn};

use super::super::directory::DataDirectory;
use super::super::failure::Advise;

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
    if !knobs.seen_directory.as_os_str().is_empty() {
        transparency.seen = Some(seen(&data.resolve(&knobs.seen_directory))?);
    }
    Ok(Some(transparency))
}

/// Where the last checkpoint is kept besides. It is not made: an empty one where a disk is not mounted knows
/// nothing.
fn seen(path: &Path) -> anyhow::Result<Arc<dyn Storage>> {
    let shown = path.display();
    let directory = Directory::open_existing(path)
        .with_context(|| format!("cannot open tlog.seen_directory {shown}"))
        .advise(|| "mount its disk, or make the directory".to_owned())?;
    if !path.join(CHECKPOINT).exists() {
        warn!(path = %shown, "no checkpoint was kept here yet: this start is compared with none");
    }
    Ok(Arc::new(directory))
}
