//! Makes the people and groups of a scenario, over an operator's connection (mTLS).

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use throng::client::{Client, Credentials, RequestError, Settings};
use throng::model::command::{
    AddPeopleV1, CreateGroupV1, GroupKind, NewPersonV1, OrgRole, PersonKind, QuotaPolicy, Reply,
    SetQuotaV1, TaggedCommand,
};
use throng::quic::auth::TokenIssuer;
use throng::wire::{DeviceId, GroupId, PersonId, TenantId, Timestamp};

use crate::plan::Plan;
use crate::server_process::Bootstrap;
use crate::swarm::SERVER_NAME;

/// People in one command: their names fit a frame many times over.
const PEOPLE_A_COMMAND: usize = 500;
/// Tries of a command that finds the server busy.
const TRIES: usize = 100;
/// Tokens outlive any run.
const TOKEN_TTL: Duration = Duration::from_secs(12 * 3_600);

/// The roots that clients trust, from a PEM file.
pub(crate) fn roots(ca: &Path) -> anyhow::Result<rustls::RootCertStore> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.with_context(|| format!("{} is no PEM certificate", path.display()))
}

/// An operator's connection.
pub(crate) struct Operator {
    client: Client,
}

impl Operator {
    /// Connects with the operator's certificate; the connection is driven on this runtime.
    pub(crate) async fn connect(
        server: SocketAddr,
        keys: &Bootstrap,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let key = PrivateKeyDer::from_pem_file(&keys.operator_key)
            .with_context(|| format!("{} is no PEM key", keys.operator_key.display()))?;
        let credentials = Credentials::Certificate {
            chain: certificates(&keys.operator_cert)?,
            key,
            tenant: TenantId(keys.tenant),
        };
        let (client, driver) = Client::connect(server, SERVER_NAME, &credentials, settings)
            .await
            .context("the operator cannot connect")?;
        tokio::spawn(driver.run());
        Ok(Self { client })
    }

    /// Asks `command`, again while the server is busy.
    pub(crate) async fn ask(&self, command: TaggedCommand) -> anyhow::Result<Reply> {
        for _ in 0..TRIES {
            match self.client.command(command.clone()).await {
                Err(RequestError::Busy { retry_after }) => tokio::time::sleep(retry_after).await,
                other => return Ok(other?),
            }
        }
        bail!("the server was busy {TRIES} times")
    }

    /// Adds `count` people and returns their ids.
    pub(crate) async fn add_people(
        &self,
        count: usize,
        mut progress: impl FnMut(usize),
    ) -> anyhow::Result<Vec<PersonId>> {
        let mut people = Vec::with_capacity(count);
        while people.len() < count {
            let batch = people.len()..count.min(people.len() + PEOPLE_A_COMMAND);
            let new = batch.map(|number| NewPersonV1 {
                name: format!("同事 {number}"),
                external_id: String::new(),
                kind: PersonKind::Employee,
                role: OrgRole::Employee,
            });
            let command = AddPeopleV1 {
                people: new.collect(),
            };
            match self.ask(TaggedCommand::AddPeople(command)).await? {
                Reply::PeopleAdded(added) => people.extend(added.people),
                other => bail!("AddPeople was answered with {other:?}"),
            }
            progress(people.len());
        }
        Ok(people)
    }

    /// Creates the plan's groups and returns their ids.
    pub(crate) async fn create_groups(
        &self,
        plan: &Plan,
        people: &[PersonId],
    ) -> anyhow::Result<Vec<GroupId>> {
        let mut groups = Vec::with_capacity(plan.groups.len());
        for (number, members) in plan.groups.iter().enumerate() {
            let mut members = members.iter().map(|member| people[*member]);
            let owner = members.next().ok_or_else(|| anyhow!("an empty group"))?;
            let command = CreateGroupV1 {
                kind: GroupKind::Internal,
                name: format!("全员群 {number}"),
                owner,
                members: members.collect(),
            };
            match self.ask(TaggedCommand::CreateGroup(command)).await? {
                Reply::GroupCreated(created) => groups.push(created.group),
                other => bail!("CreateGroup was answered with {other:?}"),
            }
        }
        Ok(groups)
    }

    /// Sets how many mass sends a day each sender has.
    pub(crate) async fn set_mass_sends_per_day(&self, limit: usize) -> anyhow::Result<()> {
        let command = TaggedCommand::SetQuota(SetQuotaV1 {
            policy: QuotaPolicy::MassSendsPerSenderPerDay,
            limit: u32::try_from(limit)?,
        });
        self.ask(command).await.map(|_| ())
    }

    /// Leaves.
    pub(crate) async fn close(&self) {
        self.client.close().await;
    }
}

/// A token for each person.
pub(crate) fn tokens(keys: &Bootstrap, people: &[PersonId]) -> anyhow::Result<Vec<String>> {
    let path = &keys.token_key;
    let pem = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the token key {}", path.display()))?;
    let issuer = TokenIssuer::from_pem(&pem)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let now = Timestamp(i64::try_from(now.as_micros())?);
    let tenant = TenantId(keys.tenant);
    let token = |person: &PersonId| issuer.issue(tenant, *person, DeviceId(1), now, TOKEN_TTL);
    Ok(people.iter().map(token).collect())
}

/// A time zone in which it is about noon now, so that no day ends within a run.
pub(crate) fn zone_at_noon(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let hour = (seconds / 3_600 % 24) as i64;
    // POSIX counts zones west of Greenwich as positive.
    match 12 - hour {
        0 => "Etc/GMT".to_owned(),
        ahead => format!("Etc/GMT{:+}", -ahead),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_zone_is_one_where_it_is_noon() {
        let at = |hour: u64| UNIX_EPOCH + Duration::from_secs(86_400 * 20_000 + 3_600 * hour);
        assert_eq!(zone_at_noon(at(4)), "Etc/GMT-8");
        assert_eq!(zone_at_noon(at(12)), "Etc/GMT");
        assert_eq!(zone_at_noon(at(23)), "Etc/GMT+11");
        assert_eq!(zone_at_noon(at(0)), "Etc/GMT-12");
    }
}
