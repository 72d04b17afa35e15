//! `throng certificate`: issues a client certificate from the data directory's development CA.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use throng::engine::{Clock, SystemClock};
use throng::quic::tls::development::{Party, issue};
use throng::wire::TenantId;

use super::directory::{DATA_VARIABLE, DataDirectory};
use super::failure::Advise;

/// Issue a client certificate for a tenant's gateway or operator.
#[derive(Args)]
pub(super) struct Certificate {
    /// The data directory, whose CA issues it.
    #[arg(long, value_name = "DIR", env = DATA_VARIABLE)]
    data: PathBuf,
    /// For which tenant.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    tenant: u32,
    /// What its holder may do.
    #[arg(long)]
    role: CertificateRole,
    /// Writes PREFIX.pem and PREFIX.key.
    #[arg(long, value_name = "PREFIX")]
    out: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum CertificateRole {
    /// Carry the sessions of the tenant's people.
    Gateway,
    /// Administer the tenant.
    Operator,
}

impl Certificate {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let data = DataDirectory::existing(&self.data)?;
        let tenant = TenantId(self.tenant);
        let party = match self.role {
            CertificateRole::Gateway => Party::Gateway(tenant),
            CertificateRole::Operator => Party::TenantOperator(tenant),
        };
        let certified = issue(&data.tls(), party, SystemClock::default().wall()).advise(|| {
            "`throng certificate` needs the development CA that `throng bootstrap` makes; \
             with a CA of your own, issue one that names the URI "
                .to_owned()
                + &party.uri()
        })?;
        let (certificate, key) = (suffixed(&self.out, ".pem"), suffixed(&self.out, ".key"));
        write_new(&key, &certified.key_pem, 0o600)?;
        write_new(&certificate, &certified.certificate_pem, 0o644)?;
        println!("{}\n{}", certificate.display(), key.display());
        Ok(ExitCode::SUCCESS)
    }
}

fn suffixed(prefix: &Path, suffix: &str) -> PathBuf {
    let mut path = prefix.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn write_new(path: &Path, contents: &str, mode: u32) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .with_context(|| format!("cannot make {}", path.display()))
        .advise(|| "choose another --out".to_owned())?;
    file.write_all(contents.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", path.display()))
}
