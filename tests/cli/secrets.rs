//! What a server that encrypts its log says of what it is told: nothing, neither on the disk nor in its own log (SPEC A4).

#![allow(clippy::unwrap_used)] // Also in what the tests share.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use crate::command::{Serving, place, run_well, text, throng};
use crate::export::ask;
use crate::serve::{connect, token};
use throng::client::{Credentials, Message};
use throng::engine::{Engine, Options};
use throng::log::{Encryption, MasterKey};
use throng::model::command::{
    CreateGroupV1, GroupKind, NewPersonV1, OrgRole, PersonKind, Reply, TaggedCommand as T,
};
use throng::wire::{ClientMessageId, GroupId, Kind, PersonId, Priority, TenantId};

const SAID: &str = "the merger is called off, tell nobody";
const NAMED: &str = "Project Nightingale";

/// The files of a folder and of those in it in which `needle` is.
fn holding(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, needle));
        } else if is_in(&fs::read(&path).unwrap(), needle) {
            found.push(text(&path).to_owned());
        }
    }
    found
}

fn is_in(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// A group of three with the admin in it, made under the master key where there is one.
fn group(data: &Path, encryption: Option<Encryption>) -> GroupId {
    let mut options = Options::default();
    options.log = options.log.with_segment_bytes(1 << 20);
    options.log.encryption = encryption;
    let engine = Engine::open(&data.join("log"), options).unwrap();
    let people = ["Bo", "Chen"].map(|name| NewPersonV1 {
        name: name.to_owned(),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
    });
    let people = engine.add_people(TenantId(1), people.to_vec()).unwrap();
    let create = CreateGroupV1 {
        kind: GroupKind::Internal,
        name: NAMED.to_owned(),
        owner: PersonId(1),
        members: people,
    };
    let Reply::GroupCreated(created) = ask(&engine, PersonId(1), T::CreateGroup(create)) else {
        panic!("a group")
    };
    engine.close().unwrap();
    created.group
}

/// Signs in by a token and says something; the token, and all that the server wrote to its log.
async fn talk(data: &Path, group: GroupId, more: &[&str], log: &Path) -> (String, Vec<u8>) {
    let mut command = throng(&["serve", "--data", text(data), "--listen", "127.0.0.1:0"]);
    command.args(["--http", "127.0.0.1:0", "--logging-level", "trace"]);
    command.args(["--log-segment-bytes", "1 MiB"]).args(more);
    command.stderr(Stdio::from(fs::File::create(log).unwrap()));
    let serving = Serving::logging(&mut command);
    let credentials = token(data, &["--person", "1"]);
    let Credentials::Token(token) = &credentials else {
        panic!("a token")
    };
    let ca = data.join("tls/ca.pem");
    let client = connect(&serving, &ca, &credentials).await.unwrap();
    let message = Message {
        group,
        kind: Kind::Text,
        priority: Priority::Normal,
        client_message_id: ClientMessageId(1),
        body: SAID.into(),
    };
    client.publish(message).await.unwrap();
    drop(client);
    let (status, rest) = tokio::task::block_in_place(|| serving.stop());
    assert!(status.success());
    (
        token.clone(),
        [fs::read(log).unwrap(), rest.into_bytes()].concat(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_said_no_key_and_no_token_is_on_the_disk_or_in_the_servers_log() {
    let (place, beside) = (place(), place());
    let (data, log) = (place.path(), beside.path().join("log"));
    let key = beside.path().join("master");
    fs::write(&key, "a5".repeat(32)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let file = ["--encryption-key-file", text(&key)];
    run_well(&[&["bootstrap", "--data", text(data)][..], &file].concat());
    let group = group(data, Some(Encryption::new(MasterKey::new([0xa5; 32]))));
    let (token, logged) = talk(data, group, &file, &log).await;
    assert!(is_in(&logged, b"ready"), "it does say something");
    let signature = token.rsplit('.').next().unwrap();
    let digits = "a5".repeat(32);
    for needle in [SAID, NAMED, signature, &digits] {
        assert_eq!(holding(data, needle.as_bytes()), [""; 0], "{needle}");
        assert!(!is_in(&logged, needle.as_bytes()), "{needle} is logged");
    }
    assert_eq!(holding(data, &[0xa5; 32]), [""; 0], "the master key itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_encrypted_what_was_said_is_found_on_the_disk_and_not_in_the_servers_log()
{
    let (place, beside) = (place(), place());
    let (data, log) = (place.path(), beside.path().join("log"));
    run_well(&["bootstrap", "--data", text(data)]);
    let group = group(data, None);
    let (token, logged) = talk(data, group, &[], &log).await;
    for needle in [SAID, NAMED] {
        assert_eq!(
            holding(data, needle.as_bytes()).len(),
            1,
            "{needle}: the search finds what is there"
        );
    }
    let signature = token.rsplit('.').next().unwrap();
    assert_eq!(holding(data, signature.as_bytes()), [""; 0]);
    for needle in [SAID, NAMED, signature] {
        assert!(!is_in(&logged, needle.as_bytes()), "{needle} is logged");
    }
}
