//! The master key of a log, from a file or from a command.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use clap::Args;
use throng::config;
use throng::log::{Encryption, MasterKey};
use zeroize::Zeroizing;

use super::directory::DataDirectory;
use super::failure::Advise;

/// More than this is no key.
const KEY_LEN_MAX: u64 = 256;
/// Bits of a file's mode that let others read or change it.
const OTHERS: u32 = 0o077;

/// Where the master key is, for commands without the knobs.
#[derive(Args)]
pub(super) struct KeyFlags {
    /// The file of the log's master key, where the log is encrypted. From the data directory unless
    /// absolute.
    #[arg(
        long,
        value_name = "FILE",
        env = "THRONG_ENCRYPTION_KEY_FILE",
        default_value = "",
        hide_default_value = true
    )]
    encryption_key_file: String,
    /// A command that prints the master key, instead of a file.
    #[arg(
        long,
        value_name = "COMMAND",
        env = "THRONG_ENCRYPTION_KEY_COMMAND",
        default_value = "",
        hide_default_value = true
    )]
    encryption_key_command: String,
}

impl KeyFlags {
    /// These as flags of the knobs, for a command that has those.
    pub(super) fn flags(&self) -> Vec<config::Flag> {
        let given = [
            ("key_file", &self.encryption_key_file),
            ("key_command", &self.encryption_key_command),
        ];
        let given = given.into_iter().filter(|(_, text)| !text.is_empty());
        let flags = given.filter_map(|(key, text)| {
            let mut knobs = config::Config::KNOBS.iter();
            let knob = knobs.find(|knob| (knob.section, knob.key) == ("encryption", key))?;
            let text = text.clone();
            Some(config::Flag { knob, text })
        });
        flags.collect()
    }

    /// The master key, if there is one.
    pub(super) fn master(&self, data: &DataDirectory) -> anyhow::Result<Option<MasterKey>> {
        master(
            data,
            &self.encryption_key_file,
            &self.encryption_key_command,
        )
    }
}

/// How the log is encrypted, from the knobs.
pub(super) fn of_knobs(
    data: &DataDirectory,
    knobs: &config::Encryption,
) -> anyhow::Result<Option<Encryption>> {
    let master = master(data, &knobs.key_file, &knobs.key_command)
        .advise(|| "see [encryption] in `throng config print`".to_owned())?;
    Ok(master.map(|master| Encryption {
        master,
        algorithm: knobs.algorithm.0,
        tenants: knobs.tenant_algorithms.0.clone(),
    }))
}

fn master(data: &DataDirectory, file: &str, command: &str) -> anyhow::Result<Option<MasterKey>> {
    match (file, command) {
        ("", "") => Ok(None),
        (file, "") => of_file(&data.resolve(Path::new(file))).map(Some),
        ("", command) => of_command(command).map(Some),
        _ => bail!("the master key has both a file and a command: give one"),
    }
}

/// The master key in a file that nobody else may read.
pub(super) fn of_file(path: &Path) -> anyhow::Result<MasterKey> {
    let shown = path.display();
    let mut file =
        fs::File::open(path).with_context(|| format!("cannot read the master key {shown}"))?;
    let mode = file.metadata()?.permissions().mode();
    ensure!(
        mode & OTHERS == 0,
        "others than its owner may read the master key {shown}: chmod 600 {shown}"
    );
    read(&mut file).with_context(|| format!("{shown} holds no master key"))
}

fn of_command(command: &str) -> anyhow::Result<MasterKey> {
    let mut words = command.split_whitespace();
    let mut child = Command::new(words.next().context("the key command is empty")?)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run the key command `{command}`"))?;
    let mut out = child
        .stdout
        .take()
        .context("the key command says nothing")?;
    let key = read(&mut out);
    // One that says more than a key is not waited for at its pipe.
    drop(out);
    let status = child.wait()?;
    ensure!(status.success(), "the key command `{command}`: {status}");
    key.with_context(|| format!("the key command `{command}` printed no master key"))
}

fn read(source: &mut dyn Read) -> anyhow::Result<MasterKey> {
    // Room from the start, so that no shorter copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_LEN_MAX as usize));
    source.take(KEY_LEN_MAX).read_to_end(&mut bytes)?;
    Ok(MasterKey::read(&bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_file(mode: u32, contents: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, contents).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let digits = "a5".repeat(32);
        let (_directory, path) = key_file(0o600, &digits);
        assert_eq!(of_file(&path).unwrap(), MasterKey::new([0xa5; 32]));
        for mode in [0o640, 0o604, 0o620] {
            let (_directory, path) = key_file(mode, &digits);
            let refused = of_file(&path).unwrap_err().to_string();
            assert!(refused.contains("chmod 600"), "{refused}");
        }
        let (_directory, path) = key_file(0o600, "no key");
        let refused = format!("{:#}", of_file(&path).unwrap_err());
        assert!(refused.contains("64 hexadecimal digits"), "{refused}");
    }

    #[test]
    fn a_command_prints_the_key_and_its_failure_is_told() {
        let digits = "a5".repeat(32);
        let key = of_command(&format!("echo {digits}")).unwrap();
        assert_eq!(key, MasterKey::new([0xa5; 32]));
        for wrong in ["false", "echo no", "/nowhere/command", "yes"] {
            let refused = format!("{:#}", of_command(wrong).unwrap_err());
            assert!(
                refused.contains(&format!("key command `{wrong}`")),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_file_and_a_command_at_once_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let data = DataDirectory::existing(directory.path()).unwrap();
        assert_eq!(master(&data, "", "").unwrap(), None);
        master(&data, "key", "echo key").unwrap_err();
    }
}
