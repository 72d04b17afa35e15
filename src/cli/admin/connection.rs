//! An operator's connection: whose certificate, to which server, about which tenant.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use throng::client::{Client, Credentials, RequestError, Settings};
use throng::model::command::{Reply, TaggedCommand};
use throng::wire::TenantId;

use crate::cli::directory::{DATA_VARIABLE, DataDirectory};
use crate::cli::failure::Advise;

/// Tries of a command that finds the server busy.
const TRIES: usize = 100;

/// Where to, and as whom.
#[derive(Args, Clone)]
pub(in super::super) struct Target {
    /// The server.
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        env = "THRONG_SERVER",
        default_value = "127.0.0.1:4433"
    )]
    server: SocketAddr,
    /// The name in the server's certificate.
    #[arg(long, global = true, value_name = "NAME", default_value = "localhost")]
    server_name: String,
    /// The tenant the command is about; a tenant operator's certificate names its own.
    #[arg(
        long,
        global = true,
        value_name = "ID",
        env = "THRONG_TENANT",
        default_value_t = 0
    )]
    tenant: u32,
    /// A data directory, for its operator's certificate and CA.
    #[arg(long, global = true, value_name = "DIR", env = DATA_VARIABLE)]
    data: Option<PathBuf>,
    /// The CA the server's certificate is from, instead of the data directory's.
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The operator's certificate, instead of the data directory's.
    #[arg(long, global = true, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The certificate's private key.
    #[arg(long, global = true, value_name = "FILE")]
    key: Option<PathBuf>,
}

struct Files {
    ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Target {
    fn files(&self) -> anyhow::Result<Files> {
        let tls = match &self.data {
            Some(data) => Some(DataDirectory::existing(data)?.tls()),
            None => None,
        };
        let known = tls.as_ref();
        let ca = self.ca.clone().or(known.map(|tls| tls.ca.clone()));
        let certificate = self.certificate.clone();
        let certificate = certificate.or(known.map(|tls| tls.operator.clone()));
        let key = self.key.clone();
        let key = key.or(known.map(|tls| tls.operator_key.clone()));
        match (ca, certificate, key) {
            (Some(ca), Some(certificate), Some(key)) => Ok(Files {
                ca,
                certificate,
                key,
            }),
            _ => bail!(
                "an operator needs a certificate: name the server's data directory with --data, \
                 or --ca, --certificate and --key"
            ),
        }
    }
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.with_context(|| format!("{} is no PEM certificate", path.display()))
}

/// A connection that is up.
pub(in super::super) struct Connection {
    client: Client,
}

impl Connection {
    pub(in super::super) async fn open(target: &Target) -> anyhow::Result<Self> {
        let files = target.files()?;
        let mut roots = rustls::RootCertStore::empty();
        for certificate in certificates(&files.ca)? {
            roots.add(certificate)?;
        }
        let key = PrivateKeyDer::from_pem_file(&files.key)
            .with_context(|| format!("{} is no PEM key", files.key.display()))?;
        let credentials = Credentials::Certificate {
            chain: certificates(&files.certificate)?,
            key,
            tenant: TenantId(target.tenant),
        };
        let settings = Settings::new(roots);
        let connecting =
            Client::connect(target.server, &target.server_name, &credentials, &settings);
        let (client, driver) = connecting
            .await
            .with_context(|| format!("cannot connect to {}", target.server))
            .advise(|| "is `throng serve` running there?".to_owned())?;
        tokio::spawn(driver.run());
        Ok(Self { client })
    }

    /// The client library's handle.
    pub(in super::super) fn client(&self) -> &Client {
        &self.client
    }

    /// Asks `command`, again while the server is busy.
    pub(in super::super) async fn ask(
        &self,
        command: TaggedCommand,
    ) -> Result<Reply, RequestError> {
        for _ in 0..TRIES {
            match self.client.command(command.clone()).await {
                Err(RequestError::Busy { retry_after }) => tokio::time::sleep(retry_after).await,
                other => return other,
            }
        }
        self.client.command(command).await
    }

    pub(in super::super) async fn close(&self) {
        self.client.close().await;
    }
}
