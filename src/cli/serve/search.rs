//! The search index of a server: its directory and how it is kept.

use std::sync::Arc;

use anyhow::Context;
use throng::config::Config;
use throng::engine::Searching;
use throng::log::Directory;

use super::super::directory::DataDirectory;
use super::super::failure::Advise;

/// What the engine is to index with; `None` where it is switched off.
pub(super) fn searching(
    data: &DataDirectory,
    config: &Config,
) -> anyhow::Result<Option<Searching>> {
    let knobs = &config.search;
    if !knobs.enabled {
        return Ok(None);
    }
    let path = data.resolve(&knobs.directory);
    let directory = Directory::open(&path)
        .with_context(|| format!("cannot open the search index {}", path.display()))
        .advise(|| "see [search] in `throng config print`".to_owned())?;
    let mut searching = Searching::new(Arc::new(directory));
    searching.every = knobs.every.duration();
    searching.memory_bytes = usize::try_from(knobs.memory_bytes.bytes()).unwrap_or(usize::MAX);
    searching.at_once_max = knobs.at_once_max as usize;
    Ok(Some(searching))
}

#[cfg(test)]
mod tests {
    use throng::log::Memory;

    use super::*;

    #[test]
    fn the_knobs_defaults_are_those_of_the_engine() {
        let (knobs, engines) = (
            Config::default().search,
            Searching::new(Arc::new(Memory::new())),
        );
        assert!(!knobs.enabled);
        assert_eq!(knobs.every.duration(), engines.every);
        assert_eq!(knobs.memory_bytes.bytes(), engines.memory_bytes as u64);
        assert_eq!(knobs.at_once_max as usize, engines.at_once_max);
    }
}
