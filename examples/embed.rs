//! Throng inside your own backend: a tenant, a group, two people online, one message.
//!
//! `cargo run --example embed`

use throng::engine::{Engine, Message, Options};
use throng::model::command::{
    CreateGroupV1, CreateTenantV1, GroupKind, NewPersonV1, OrgRole, PersonKind, Succession,
};
use throng::shard::Local;
use throng::wire::{ClientMessageId, DeviceId, Timestamp};

fn person(name: &str) -> NewPersonV1 {
    NewPersonV1 {
        name: name.into(),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::temp_dir().join(format!("throng-embed-{}", std::process::id()));
    let engine = Engine::open(&directory, Options::default())?;
    let local = Local::start(&engine, Default::default())?;

    let tenant = engine.create_tenant(CreateTenantV1 {
        name: "Acme".into(),
        zone: "Asia/Shanghai".into(),
        verified_until: Timestamp(i64::MAX),
        succession: Succession::AdminFirst,
    })?;
    let people = engine.add_people(tenant, vec![person("Ada"), person("Bo"), person("Chen")])?;
    let [ada, bo, chen] = people[..] else {
        unreachable!("three were added")
    };
    let name = "All hands".into();
    let group = engine.create_group(
        tenant,
        CreateGroupV1 {
            kind: GroupKind::Internal,
            name,
            owner: ada,
            members: vec![bo, chen],
        },
    )?;

    let mut session = local.attach(tenant, bo, DeviceId(1), &[])?;
    let ticket = engine.publish(
        tenant,
        &Message::text(group, ada, ClientMessageId(1), "Good morning, 早上好"),
    )?;
    println!("durable and on its way: {:?}", ticket.wait()?);
    loop {
        let envelope = session.recv()?;
        if envelope.header().kind().is_message() {
            println!("Bo reads: {}", String::from_utf8_lossy(envelope.body()));
            break;
        }
    }

    drop(session);
    local.stop();
    engine.close()?;
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}
