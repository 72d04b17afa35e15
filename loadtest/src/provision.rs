//! Makes the people and groups of a scenario, over an operator's connection (mTLS).

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use throng::client::{Client, Credentials, RequestError, Settings};
use throng::model::command::{
    AddPeopleV1, Binding, CreateGroupV1, CreateTrainingGroupV1, GroupKind, JoinAsViewerV1,
    NewGroupV1, NewPersonV1, OrgRole, PersonKind, QuotaPolicy, Reply, SetQuotaV1, TaggedCommand,
    WatchV1,
};
use throng::quic::auth::TokenIssuer;
use throng::quic::tls::development::{Party, TlsDirectory, issue};
use throng::wire::{DepartmentId, DeviceId, GroupId, PersonId, TenantId, Timestamp};
use tokio::task::JoinSet;

use crate::plan::Plan;
use crate::server_process::Bootstrap;
use crate::swarm::SERVER_NAME;

/// People in one command: their names fit a frame many times over.
const PEOPLE_A_COMMAND: usize = 500;
/// Tries of a command that finds the server busy.
const TRIES: usize = 100;
/// Viewers let in at a time.
const JOINS_AT_ONCE: usize = 256;
/// What viewers have to know.
const WATCH_PASSWORD: &str = "晨会 0800";
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
#[derive(Clone)]
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

    /// Creates the plan's one group as a training group and lets `viewers` in by its password.
    pub(crate) async fn create_hall(
        &self,
        plan: &Plan,
        people: &[PersonId],
        viewers: &[PersonId],
        progress: impl Fn(u64),
    ) -> anyhow::Result<GroupId> {
        let members = plan.groups.first().context("no group is planned")?;
        let mut members = members.iter().map(|member| people[*member]);
        let command = CreateTrainingGroupV1 {
            group: NewGroupV1 {
                kind: GroupKind::Training,
                name: "新员工培训".to_owned(),
                owner: members.next().context("an empty group")?,
                members: members.collect(),
                departments: Vec::new(),
                binding: Binding::None,
                department: DepartmentId(0),
                team: String::new(),
                follows_department: false,
            },
            watch: WatchV1 {
                password: WATCH_PASSWORD.to_owned(),
                opens: Timestamp(0),
                closes: Timestamp(i64::MAX),
            },
        };
        let created = self.ask(TaggedCommand::CreateTrainingGroup(command));
        let group = match created.await? {
            Reply::GroupCreated(created) => created.group,
            other => bail!("CreateTrainingGroup was answered with {other:?}"),
        };
        for (batch, viewers) in viewers.chunks(JOINS_AT_ONCE).enumerate() {
            let mut joining = JoinSet::new();
            for viewer in viewers {
                let (operator, viewer) = (self.clone(), *viewer);
                let password = WATCH_PASSWORD.to_owned();
                let join = JoinAsViewerV1 {
                    group,
                    viewer,
                    password,
                };
                joining.spawn(async move { operator.ask(TaggedCommand::JoinAsViewer(join)).await });
            }
            while let Some(joined) = joining.join_next().await {
                joined??;
            }
            progress((batch * JOINS_AT_ONCE + viewers.len()) as u64);
        }
        Ok(group)
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

/// A gateway's certificate, from the development CA of the data directory.
pub(crate) fn gateway_credentials(data: &Path, tenant: u32) -> anyhow::Result<Credentials> {
    let tenant = TenantId(tenant);
    let directory = TlsDirectory::at(&data.join("tls"));
    let certified = issue(&directory, Party::Gateway(tenant), now()?)
        .context("no gateway's certificate can be issued")?;
    Ok(Credentials::Certificate {
        chain: vec![CertificateDer::from_pem_slice(
            certified.certificate_pem.as_bytes(),
        )?],
        key: PrivateKeyDer::from_pem_slice(certified.key_pem.as_bytes())?,
        tenant,
    })
}

fn now() -> anyhow::Result<Timestamp> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Timestamp(i64::try_from(now.as_micros())?))
}

/// A token for each person.
pub(crate) fn tokens(keys: &Bootstrap, people: &[PersonId]) -> anyhow::Result<Vec<String>> {
    let path = &keys.token_key;
    let pem = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the token key {}", path.display()))?;
    let issuer = TokenIssuer::from_pem(&pem)?;
    let now = now()?;
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
