//! The data directory: `log/`, `tlog/`, `exports/`, `keys/`, `tls/`, and nothing else.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use throng::archive::tlog::SigningKey;
use throng::quic::tls::development::{
    KeysDirectory, TlsDirectory, make_keys_directory, make_tls_directory,
};
use throng::wire::Timestamp;

use super::failure::Advise;

/// The variable that stands for `--data`.
pub(super) const DATA_VARIABLE: &str = "THRONG_DATA";

/// The variable that stands for `--config`.
pub(super) const CONFIG_VARIABLE: &str = "THRONG_CONFIG";

/// Every variable whose name is text.
pub(super) fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, text)| {
        let text = text.to_string_lossy().into_owned();
        Some((name.into_string().ok()?, text))
    })
}

/// What the origin of a log begins with unless its key is called otherwise; its id makes it unique.
const TLOG_NAME: &str = "throng";

/// The key of a transparency log, which signs.
pub(super) fn read_tlog_key(path: &Path) -> anyhow::Result<SigningKey> {
    let read =
        fs::read_to_string(path).with_context(|| format!("cannot read the key {}", path.display()));
    read.and_then(|text| SigningKey::parse(&text).with_context(|| path.display().to_string()))
        .advise(|| "see [tlog] in `throng config print`".to_owned())
}

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

    pub(super) fn tlog(&self) -> PathBuf {
        self.root.join("tlog")
    }

    pub(super) fn tlog_key(&self) -> PathBuf {
        self.root.join("keys").join("tlog.key")
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

    /// Makes the key of the transparency log, where there is none yet; readable by its owner only.
    /// Whether it did.
    pub(super) fn make_missing_tlog_key(&self) -> anyhow::Result<bool> {
        let path = self.tlog_key();
        if path.exists() {
            return Ok(false);
        }
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).context("the system gives no randomness")?;
        let key = SigningKey::new(TLOG_NAME, seed)?.to_text();
        let unfinished = path.with_extension(format!("unfinished-{}", std::process::id()));
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&unfinished)?;
            writeln!(file, "{key}")?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)?;
            File::open(self.root.join("keys"))?.sync_all()
        };
        write().with_context(|| format!("cannot make {}", path.display()))?;
        Ok(true)
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
