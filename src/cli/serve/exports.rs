//! Where a server writes the exports that were granted.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use throng::config::Config;
use throng::log::{Directory, Storage};

use super::super::directory::DataDirectory;
use super::super::failure::Advise;

/// The directory of all exports, locked; `None` where a server is to write none.
pub(super) fn storage(
    data: &DataDirectory,
    config: &Config,
) -> anyhow::Result<Option<Arc<dyn Storage>>> {
    let directory = &config.export.directory;
    if directory == Path::new("") {
        return Ok(None);
    }
    let path = data.resolve(directory);
    let directory = Directory::open(&path)
        .with_context(|| format!("cannot open the directory of exports {}", path.display()))
        .advise(|| "see [export] in `throng config print`".to_owned())?;
    Ok(Some(Arc::new(directory)))
}
