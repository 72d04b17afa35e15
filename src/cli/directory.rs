//! The data directory: `log/`, `keys/`, `tls/`, and nothing else.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use throng::quic::tls::development::{
    KeysDirectory, TlsDirectory, make_keys_directory, make_tls_directory,
};
use throng::wire::Timestamp;

use super::failure::Advise;

/// The variable that stands for `--data`.
pub(super) const DATA_VARIABLE: &str = "THRONG_DATA";

/// A data directory that exists.
pub(super) struct DataDirectory {
    root: PathBuf,
}

impl DataDirectory {
    /// Makes the directory if it is not there.
    pub(super) fn create(root: &Path) -> anyhow::Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder
            .create(root)
            .with_context(|| format!("cannot make the data directory {}", root.display()))
            .advise(|| "choose another with --data, or let this user write there".to_owned())?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// For what needs a directory that was bootstrapped.
    pub(super) fn existing(root: &Path) -> anyhow::Result<Self> {
        let root_shown = root.display();
        if !root.is_dir() {
            bail!(
                "there is no data directory {root_shown}; make one with \
                 `throng bootstrap --data {root_shown}`"
            );
        }
        Ok(Self {
            root: root.to_owned(),
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    pub(super) fn keys(&self) -> KeysDirectory {
        KeysDirectory::at(&self.root.join("keys"))
    }

    pub(super) fn tls(&self) -> TlsDirectory {
        TlsDirectory::at(&self.root.join("tls"))
    }

    /// A path of the configuration: in here unless it is absolute.
    pub(super) fn resolve(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }

    /// Makes a development CA with the server's and the operator's certificates, where there is no
    /// `tls/` yet. Whether it did.
    pub(super) fn make_missing_tls(&self, now: Timestamp) -> anyhow::Result<bool> {
        let missing = !self.tls().path.exists();
        if missing {
            make_tls_directory(&self.tls().path, now)?;
        }
        Ok(missing)
    }

    /// Makes the token keys, where there is no `keys/` yet. Whether it did.
    pub(super) fn make_missing_keys(&self) -> anyhow::Result<bool> {
        let missing = !self.keys().path.exists();
        if missing {
            make_keys_directory(&self.keys().path)?;
        }
        Ok(missing)
    }
}
