//! Keys and certificates for a first start: enough to run and to try, with everything in one
//! directory that is made whole or not at all, and never written over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use super::TlsFiles;
use crate::quic::auth::TokenKeys;
use crate::wire::{TenantId, Timestamp};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long a development CA is valid: longer than a development server is kept.
const CA_VALID: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// How long the certificates it issues are valid: the longest that Apple's systems accept from a CA
/// of one's own.
const LEAF_VALID: Duration = Duration::from_secs(825 * 24 * 3600);

/// Where the TLS files of a data directory are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsDirectory {
    /// The directory itself.
    pub path: PathBuf,
    /// The development CA: trusted by clients for the server, by the server for clients.
    pub ca: PathBuf,
    /// The CA's private key; not needed to serve.
    pub ca_key: PathBuf,
    /// The server's certificate and key.
    pub server: TlsFiles,
    /// The node operator's certificate.
    pub operator: PathBuf,
    /// The node operator's private key.
    pub operator_key: PathBuf,
}

impl TlsDirectory {
    /// The names inside `path`; nothing is read or made.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        let ca = path.join("ca.pem");
        Self {
            path: path.to_owned(),
            ca_key: path.join("ca.key"),
            server: TlsFiles {
                certificate: path.join("server.pem"),
                key: path.join("server.key"),
                client_ca: ca.clone(),
            },
            operator: path.join("operator.pem"),
            operator_key: path.join("operator.key"),
            ca,
        }
    }
}

/// Where the token keys of a data directory are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeysDirectory {
    /// The directory itself.
    pub path: PathBuf,
    /// The private half, by which `throng token` signs.
    pub token_key: PathBuf,
    /// The public half, by which the server checks.
    pub token_public_key: PathBuf,
}

impl KeysDirectory {
    /// The names inside `path`; nothing is read or made.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            token_key: path.join("token.key.pem"),
            token_public_key: path.join("token.pub.pem"),
        }
    }
}

/// Whom a client certificate is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Party {
    /// The operator of the whole node.
    NodeOperator,
    /// An operator of one tenant.
    TenantOperator(TenantId),
    /// A backend that carries one tenant's people.
    Gateway(TenantId),
}

impl Party {
    /// The URI that names it in a certificate; read back by `auth::identity_of_certificate`.
    #[must_use]
    pub fn uri(self) -> String {
        match self {
            Self::NodeOperator => "throng://node/operator".to_owned(),
            Self::TenantOperator(tenant) => format!("throng://tenant/{tenant}/operator"),
            Self::Gateway(tenant) => format!("throng://tenant/{tenant}/gateway"),
        }
    }
}

/// Why keys or certificates could not be made. Nothing that was there has been changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// Something of that name exists.
    #[error("{} exists and is never written over; move it away first", .path.display())]
    Exists {
        /// What exists.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot make {}: {source}", .path.display())]
    Io {
        /// What could not be made or read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The CA's files do not hold a CA.
    #[error("{} and {} are not a CA and its private key", .ca.display(), .ca_key.display())]
    WrongCa {
        /// The certificate.
        ca: PathBuf,
        /// The key.
        ca_key: PathBuf,
    },
    /// The operating system gave no randomness, or the certificate could not be encoded.
    #[error("cannot make keys: {0}")]
    Crypto(#[from] rcgen::Error),
}

/// A certificate and its private key, both PEM.
#[derive(Clone)]
pub struct Certified {
    /// The certificate.
    pub certificate_pem: String,
    /// PKCS#8.
    pub key_pem: String,
}

/// Makes a development CA, a server certificate for this machine and the node operator's
/// certificate in a new directory, keys readable by their owner only.
///
/// # Errors
/// [`MakeError`]; the directory is then not there, or as it was.
pub fn make_tls_directory(path: &Path, now: Timestamp) -> Result<TlsDirectory, MakeError> {
    let ca_key = KeyPair::generate()?;
    let ca_params = ca_params(now);
    let ca_pem = ca_params.self_signed(&ca_key)?.pem();
    let ca_key_pem = ca_key.serialize_pem();
    let ca = Issuer::new(ca_params, ca_key);

    let key = KeyPair::generate()?;
    let server = Certified {
        certificate_pem: server_params(now)?.signed_by(&key, &ca)?.pem(),
        key_pem: key.serialize_pem(),
    };
    let operator = certify(&ca, Party::NodeOperator, now)?;

    let directory = TlsDirectory::at(path);
    write_directory(
        path,
        &[
            (&directory.ca, &ca_pem, Readable::ByAll),
            (&directory.ca_key, &ca_key_pem, Readable::ByOwner),
            (
                &directory.server.certificate,
                &server.certificate_pem,
                Readable::ByAll,
            ),
            (&directory.server.key, &server.key_pem, Readable::ByOwner),
            (
                &directory.operator,
                &operator.certificate_pem,
                Readable::ByAll,
            ),
            (
                &directory.operator_key,
                &operator.key_pem,
                Readable::ByOwner,
            ),
        ],
    )?;
    Ok(directory)
}

/// Makes the pair of token keys in a new directory.
///
/// # Errors
/// [`MakeError`]; the directory is then not there, or as it was.
pub fn make_keys_directory(path: &Path) -> Result<KeysDirectory, MakeError> {
    let keys = TokenKeys::generate()?;
    let directory = KeysDirectory::at(path);
    write_directory(
        path,
        &[
            (&directory.token_key, &keys.private_pem, Readable::ByOwner),
            (
                &directory.token_public_key,
                &keys.public_pem,
                Readable::ByAll,
            ),
        ],
    )?;
    Ok(directory)
}

/// A client certificate for `party`, issued by a directory's CA.
///
/// # Errors
/// [`MakeError`] when the CA or its key cannot be read.
pub fn issue(
    directory: &TlsDirectory,
    party: Party,
    now: Timestamp,
) -> Result<Certified, MakeError> {
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|source| MakeError::Io {
            path: path.to_owned(),
            source,
        })
    };
    let wrong_ca = |_| MakeError::WrongCa {
        ca: directory.ca.clone(),
        ca_key: directory.ca_key.clone(),
    };
    let key = KeyPair::from_pem(&read(&directory.ca_key)?).map_err(wrong_ca)?;
    let ca = Issuer::from_ca_cert_pem(&read(&directory.ca)?, key).map_err(wrong_ca)?;
    certify(&ca, party, now)
}

fn certify(ca: &Issuer<'_, KeyPair>, party: Party, now: Timestamp) -> Result<Certified, MakeError> {
    let key = KeyPair::generate()?;
    let mut params = params(&format!("Throng {}", party.uri()), now, LEAF_VALID);
    params.subject_alt_names = vec![SanType::URI(party.uri().try_into()?)];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    Ok(Certified {
        certificate_pem: params.signed_by(&key, ca)?.pem(),
        key_pem: key.serialize_pem(),
    })
}

fn ca_params(now: Timestamp) -> CertificateParams {
    let mut params = params("Throng development CA", now, CA_VALID);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server_params(now: Timestamp) -> Result<CertificateParams, MakeError> {
    let mut params = params("Throng development server", now, LEAF_VALID);
    params.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::IpAddress([127, 0, 0, 1].into()),
        SanType::IpAddress([0, 0, 0, 0, 0, 0, 0, 1_u16].into()),
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

/// Valid from a day before `now`, so that a client whose clock is behind is not turned away.
fn params(name: &str, now: Timestamp, valid: Duration) -> CertificateParams {
    let now = Duration::from_secs(u64::try_from(now.0 / 1_000_000).unwrap_or(0));
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = epoch + now.saturating_sub(DAY);
    params.not_after = epoch + now + valid;
    params.use_authority_key_identifier_extension = true;
    params
}

#[derive(Clone, Copy)]
enum Readable {
    ByAll,
    ByOwner,
}

/// Writes the files into a directory beside `path` and renames it into place, so that a crash
/// leaves either no directory of that name or a whole one.
fn write_directory(path: &Path, files: &[(&PathBuf, &String, Readable)]) -> Result<(), MakeError> {
    let io = |source| MakeError::Io {
        path: path.to_owned(),
        source,
    };
    if path.symlink_metadata().is_ok() {
        return Err(MakeError::Exists {
            path: path.to_owned(),
        });
    }
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".unfinished-{}", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    let written = write_unfinished(&unfinished, files)
        .and_then(|()| fs::rename(&unfinished, path))
        .and_then(|()| match path.parent() {
            Some(parent) if parent != Path::new("") => File::open(parent)?.sync_all(),
            _ => Ok(()),
        });
    if written.is_err() {
        // What matters is the error that is returned; a leftover is only untidy.
        let _ = fs::remove_dir_all(&unfinished);
    }
    written.map_err(io)
}

fn write_unfinished(directory: &Path, files: &[(&PathBuf, &String, Readable)]) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(directory)?;
    for (path, contents, readable) in files {
        let mode = match readable {
            Readable::ByAll => 0o644,
            Readable::ByOwner => 0o600,
        };
        let name = path.file_name().expect("every path was joined with a name");
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(directory.join(name))?;
        file.write_all(contents.as_bytes())?;
        file.sync_all()?;
    }
    File::open(directory)?.sync_all()
}
