//! A backend that carries its users' sessions itself: one connection to Throng, three people on it, and
//! a message that crosses once and reaches all three.
//!
//! `cargo run --example gateway`

use std::sync::Arc;

use throng::client::gateway::{
    Delivery, Gateway, Newcomer, Newcomers, ReaderKey, Readers, TableLimits,
};
use throng::client::{Credentials, Message, Settings};
use throng::engine::{Clock, Engine, Options, SystemClock};
use throng::model::command::{
    CreateGroupV1, CreateTenantV1, GroupKind, NewPersonV1, OrgRole, PersonKind, Succession,
};
use throng::quic::auth::AuthError;
use throng::quic::tls::development::{Party, issue, make_tls_directory};
use throng::quic::{Limits, Server, ServerOptions, tls};
use throng::wire::{
    ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, TenantId, Timestamp,
};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

type Fault = Box<dyn std::error::Error>;

/// What this backend does with a delivery: here, it says so; a real one writes to the user's socket.
struct Users(UnboundedSender<String>);

impl Readers for Users {
    fn deliver(&mut self, reader: ReaderKey, delivery: &Delivery<'_>) {
        if delivery.header().kind().is_message() {
            let text = String::from_utf8_lossy(delivery.body());
            let _ = self.0.send(format!("user {} reads: {text}", reader.0));
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let directory = std::env::temp_dir().join(format!("throng-gateway-{}", std::process::id()));
    let engine = Engine::open(&directory, Options::default())?;
    let (tenant, group, people) = company(&engine)?;
    let (server, credentials, settings) = serve(&engine, &directory.join("tls"), tenant)?;

    let (users, mut said) = unbounded_channel();
    let (address, limits) = (server.local_addr(), TableLimits::default());
    let connecting = Gateway::connect(
        address,
        "localhost",
        &credentials,
        &settings,
        limits,
        Users(users),
    );
    let (gateway, driver) = connecting.await?;
    let driving = tokio::spawn(driver.run());

    let newcomer = |(number, person): (u64, PersonId)| Newcomer {
        person,
        device: DeviceId(1),
        key: ReaderKey(number),
        cursors: Vec::new(),
    };
    let newcomers = Newcomers {
        people: (1..).zip(people.clone()).map(newcomer).collect(),
        incarnation: None,
        live_only: true,
    };
    println!("{} people online", gateway.attach(newcomers).await?.len());
    let message = Message {
        group,
        kind: Kind::Text,
        priority: Priority::Normal,
        client_message_id: ClientMessageId(1),
        body: "Good morning, 早上好".into(),
    };
    gateway.publish(people[0], DeviceId(1), message).await?;
    for _ in &people {
        println!("{}", said.recv().await.ok_or("the gateway is lost")?);
    }

    gateway.close().await;
    println!("{}", driving.await?.reason);
    server.stop(std::time::Duration::from_secs(1));
    engine.close()?;
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

/// Three people in one group.
fn company(engine: &Engine) -> Result<(TenantId, GroupId, Vec<PersonId>), Fault> {
    let tenant = engine.create_tenant(CreateTenantV1 {
        name: "Acme".into(),
        zone: "Asia/Shanghai".into(),
        verified_until: Timestamp(i64::MAX),
        succession: Succession::AdminFirst,
    })?;
    let person = |name: &str| NewPersonV1 {
        name: name.into(),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
    };
    let people = engine.add_people(tenant, ["Ada", "Bo", "Chen"].map(person).into())?;
    let created = engine.create_group(
        tenant,
        CreateGroupV1 {
            kind: GroupKind::Internal,
            name: "All hands".into(),
            owner: people[0],
            members: people[1..].to_vec(),
        },
    )?;
    Ok((tenant, created, people))
}

/// A server on loopback, the gateway's certificate, and settings that trust the server.
fn serve(
    engine: &Engine,
    directory: &std::path::Path,
    tenant: TenantId,
) -> Result<(Server, Credentials, Settings), Fault> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let now = SystemClock::default().wall();
    let made = make_tls_directory(directory, now)?;
    let certified = issue(&made, Party::Gateway(tenant), now)?;
    let credentials = Credentials::Certificate {
        chain: vec![CertificateDer::from_pem_slice(
            certified.certificate_pem.as_bytes(),
        )?],
        key: PrivateKeyDer::from_pem_slice(certified.key_pem.as_bytes())?,
        tenant,
    };
    let options = ServerOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        shards: 1,
        tls: tls::server_config(&made.server)?,
        tokens: Arc::new(|_: &str, _| Err(AuthError::NotAToken)),
        limits: Limits::default(),
        shard: Default::default(),
    };
    let server = Server::start(engine, options)?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&made.ca)?)?;
    Ok((server, credentials, Settings::new(roots)))
}
