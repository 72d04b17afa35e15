//! `throng bootstrap`: a data directory with keys, certificates, a first tenant and its super admin,
//! so that a newcomer can connect.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use throng::config;
use throng::engine::{Clock, Engine, Options, SystemClock};
use throng::model::command::{
    Actor, AddPeopleV1, Command, CreateTenantV1, NewPersonV1, OrgRole, PersonKind, Reply,
    Succession, TaggedCommand,
};
use throng::wire::{PersonId, RecordNumber, TenantId, Timestamp};

use super::directory::{CONFIG_VARIABLE, DATA_VARIABLE, DataDirectory, environment};
use super::encryption::{KeyFlags, of_knobs};
use super::failure::Advise;

const DAY_US: i64 = 24 * 3600 * 1_000_000;

/// Make a data directory with keys, certificates, a first tenant and its super admin.
#[derive(Args)]
pub(super) struct Bootstrap {
    /// The data directory; made if it is not there.
    #[arg(long, value_name = "DIR", env = DATA_VARIABLE)]
    data: PathBuf,
    /// The configuration file that `serve` will have: its [encryption] holds from the first record on.
    #[arg(long, value_name = "FILE", env = CONFIG_VARIABLE)]
    config: Option<PathBuf>,
    /// The tenant's name.
    #[arg(long, value_name = "NAME", default_value = "Example")]
    tenant: String,
    /// The super admin's name.
    #[arg(long, value_name = "NAME", default_value = "Admin")]
    admin: String,
    /// The tenant's time zone, in which its daily quotas count.
    #[arg(long, value_name = "ZONE", default_value = "Asia/Shanghai")]
    zone: String,
    /// For how many days the tenant counts as verified; 0 is not verified.
    #[arg(long, value_name = "N", default_value_t = 0)]
    verified_days: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    key: KeyFlags,
}

struct First {
    tenant: TenantId,
    person: PersonId,
}

impl Bootstrap {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let knobs = config::load(self.config.as_deref(), environment(), &self.key.flags())?;
        let clock = SystemClock::default();
        let verified_until = match self.verified_days {
            0 => Timestamp(0),
            days => clock.wall().plus_micros(i64::from(days) * DAY_US),
        };
        // Tenant and admin are two records, and half a bootstrap could not be repeated.
        let rehearsal = Engine::in_memory(Arc::new(SystemClock::default()), 0);
        self.found(&rehearsal, verified_until)?;

        let data = DataDirectory::create(&self.data)?;
        let mut options = Options::default();
        options.log.encryption = of_knobs(&data, &knobs.encryption)?;
        let engine = Engine::open(&data.log(), options)?;
        let root = data.root().display();
        if engine.durable() > RecordNumber(0) {
            bail!(
                "{root} has {} records already; add tenants over the operator's connection, or \
                 bootstrap an empty directory",
                engine.durable()
            );
        }
        data.make_missing_tls(clock.wall())?;
        data.make_missing_keys()?;
        data.make_missing_tlog_key()?;
        let first = self.found(&engine, verified_until)?;
        engine.close()?;
        self.print(&data, &first);
        Ok(ExitCode::SUCCESS)
    }

    /// The tenant and its super admin.
    fn found(&self, engine: &Engine, verified_until: Timestamp) -> anyhow::Result<First> {
        let execute = |tenant, command: TaggedCommand| {
            let command = Command {
                tenant,
                actor: Actor::Node,
                second_factor: false,
                body: command.into(),
            };
            anyhow::Ok(engine.execute(command)?.wait()?)
        };
        let created = execute(
            TenantId(0),
            TaggedCommand::CreateTenant(CreateTenantV1 {
                name: self.tenant.clone(),
                zone: self.zone.clone(),
                verified_until,
                succession: Succession::AdminFirst,
            }),
        )
        .advise(|| "see --tenant and --zone".to_owned())?;
        let Reply::TenantCreated(created) = created else {
            bail!("the engine answered a new tenant with something else");
        };
        let added = execute(
            created.tenant,
            TaggedCommand::AddPeople(AddPeopleV1 {
                people: vec![NewPersonV1 {
                    name: self.admin.clone(),
                    external_id: String::new(),
                    kind: PersonKind::Employee,
                    role: OrgRole::SuperAdmin,
                }],
            }),
        )
        .advise(|| "see --admin".to_owned())?;
        match added {
            Reply::PeopleAdded(added) if added.people.len() == 1 => Ok(First {
                tenant: created.tenant,
                person: added.people[0],
            }),
            _ => bail!("the engine answered a new person with something else"),
        }
    }

    fn print(&self, data: &DataDirectory, first: &First) {
        let (tls, keys) = (data.tls(), data.keys());
        let First { tenant, person } = first;
        if self.json {
            let json = serde_json::json!({
                "tenant": tenant,
                "person": person,
                "ca": tls.ca,
                "operator_cert": tls.operator,
                "operator_key": tls.operator_key,
                "token_key": keys.token_key,
            });
            println!("{json}");
            return;
        }
        let root = data.root().display();
        println!(
            "{} is tenant {tenant}; {} is person {person}, its super admin.\n\n\
             serve:            throng serve --data {root}\n\
             a person's token: throng token --data {root} --tenant {tenant} --person {person} --device 1\n\
             trust:            {}\n\
             operate:          {} with {}",
            self.tenant,
            self.admin,
            tls.ca.display(),
            tls.operator.display(),
            tls.operator_key.display(),
        );
    }
}
