//! `throng token`: signs a person's token with the data directory's key.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueEnum};
use throng::config::TimeSpan;
use throng::engine::{Clock, SystemClock};
use throng::model::command::Platform;
use throng::quic::auth::{Bearer, TokenIssuer};
use throng::wire::{DeviceId, PersonId, TenantId};

use super::directory::{DATA_VARIABLE, DataDirectory};
use super::failure::Advise;

/// Print a token by which a person may connect from a device.
#[derive(Args)]
pub(super) struct Token {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = DATA_VARIABLE)]
    data: PathBuf,
    /// The person's tenant.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    tenant: u32,
    /// The person.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    person: u64,
    /// Which of the person's devices.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    device: u32,
    /// What the device is.
    #[arg(long, default_value = "unknown")]
    platform: DevicePlatform,
    /// They have proved a second factor, which a tenant may ask of its admins.
    #[arg(long)]
    second_factor: bool,
    /// How long it is valid.
    #[arg(long, default_value = "1 h", value_name = "TIME")]
    ttl: TimeSpan,
}

#[derive(Clone, Copy, ValueEnum)]
enum DevicePlatform {
    /// Not said.
    Unknown,
    /// A telephone or tablet.
    Mobile,
    /// A computer's own application.
    Desktop,
    /// A browser.
    Web,
}

impl From<DevicePlatform> for Platform {
    fn from(platform: DevicePlatform) -> Self {
        match platform {
            DevicePlatform::Unknown => Self::Unknown,
            DevicePlatform::Mobile => Self::Mobile,
            DevicePlatform::Desktop => Self::Desktop,
            DevicePlatform::Web => Self::Web,
        }
    }
}

impl Token {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let data = DataDirectory::existing(&self.data)?;
        let path = data.keys().token_key;
        let pem = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read the token key {}", path.display()))
            .advise(|| {
                let root = data.root().display();
                format!("`throng bootstrap --data {root}` makes it")
            })?;
        let issuer = TokenIssuer::from_pem(&pem).with_context(|| path.display().to_string())?;
        let bearer = Bearer {
            tenant: TenantId(self.tenant),
            person: PersonId(self.person),
            device: DeviceId(self.device),
            platform: self.platform.into(),
            second_factor: self.second_factor,
        };
        let now = SystemClock::default().wall();
        let token = issuer.issue_to(&bearer, now, self.ttl.duration());
        println!("{token}");
        Ok(ExitCode::SUCCESS)
    }
}
