//! An export's proofs hold by the log's key alone, and there are none for records that were not signed.

use std::ops::ControlFlow;
use std::sync::Arc;

use base64::Engine as _;
use serde_json::{Value, json};
use throng::archive::export::{ExportError, Exported, Grant, Published};
use throng::archive::read_offline;
use throng::archive::tlog::{Proof, SigningKey, VerifyingKey, verify_consistency};
use throng::engine::{Options, Transparency};
use throng::log::Storage;
use throng::log::storage::Faulty;

use crate::export::world::{World, everything, files, job, memory, read, run};

fn key() -> SigningKey {
    SigningKey::new("export.example", [3; 32]).unwrap()
}

/// A closed log that was published, and a grant in it.
fn published(seed: u64, text: &str) -> (Faulty, Arc<dyn Storage>, Grant) {
    let (disk, tiles) = (Faulty::new(seed), memory());
    let mut options = Options::default();
    options.transparency = Some(Transparency::new(Arc::clone(&tiles), key()));
    let world = World::on(Arc::new(disk.clone()), options);
    let town = &world.town;
    town.say(world.groups[0], town.people[0], 1, text).unwrap();
    let grant = world.granted(everything());
    town.say(world.groups[0], town.people[0], 2, "after it")
        .unwrap();
    world.town.engine.close().unwrap();
    (disk, tiles, grant)
}

fn export(
    disk: &Faulty,
    tiles: &dyn Storage,
    grant: &Grant,
    out: &dyn Storage,
) -> Result<Exported, ExportError> {
    let reader = read_offline(disk, None, 1, &|_, _| {}).unwrap();
    let key = key().verifying_key();
    let mut job = job(&reader, grant, out);
    job.published = Some(Published {
        storage: tiles,
        key: &key,
    });
    job.run(&mut |_| ControlFlow::Continue(()))
}

fn hash(value: &Value) -> [u8; 32] {
    let bytes = base64::prelude::BASE64_STANDARD.decode(value.as_str().unwrap());
    bytes.unwrap().try_into().unwrap()
}

#[test]
fn an_exports_proofs_hold_by_the_key_alone() {
    let (disk, tiles, grant) = published(1, "said");
    let out = memory();
    export(&disk, &*tiles, &grant, &*out).unwrap();
    let files = files(&*out);
    let said = &read(&files).manifest["transparency"];
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    let key = VerifyingKey::parse_either(text("proofs/key").trim()).unwrap();
    // Record 0 made the tenant, and is of the node.
    for (name, record) in [("first", 1), ("last", grant.record.0)] {
        let proof = text(&format!("proofs/{name}.tlog-proof"));
        let proof = Proof::parse(&proof).unwrap();
        assert_eq!(proof.index, record);
        let checkpoint = proof.verify(&key).unwrap();
        assert_eq!(said["size"], checkpoint.size);
        assert_eq!(hash(&said["root"]), checkpoint.root);
    }
    let consistency: Value = serde_json::from_slice(&files["proofs/consistency.json"]).unwrap();
    assert_eq!(consistency["from_size"], grant.record.0 + 1);
    assert_eq!(consistency["from_root"], said["records_root"]);
    let steps = consistency["proof"].as_array().unwrap();
    let steps: Vec<_> = steps.iter().map(hash).collect();
    let (from, to) = (hash(&said["records_root"]), hash(&said["root"]));
    let sizes = (grant.record.0 + 1, said["size"].as_u64().unwrap());
    assert!(sizes.0 < sizes.1);
    verify_consistency((sizes.0, &from), (sizes.1, &to), &steps).unwrap();
    verify_consistency((sizes.0, &[0; 32]), (sizes.1, &to), &steps).unwrap_err();
}

#[test]
fn records_that_are_not_those_that_were_signed_are_not_exported() {
    let (_, tiles, _) = published(1, "said");
    let (other, _, grant) = published(2, "said otherwise");
    let out = memory();
    let failed = export(&other, &*tiles, &grant, &*out).unwrap_err();
    assert!(
        matches!(failed, ExportError::Contradicted { .. }),
        "{failed}"
    );
    let whole = out.names().unwrap();
    assert!(!whole.iter().any(|name| name.contains("manifest")));
}

#[test]
fn an_export_waits_for_its_grant_to_be_signed() {
    let (disk, _, grant) = published(3, "said");
    // A publication of the same log, from before.
    let (_, tiles, _) = {
        let (early, tiles) = (Faulty::new(3), memory());
        let mut options = Options::default();
        options.transparency = Some(Transparency::new(Arc::clone(&tiles), key()));
        let world = World::on(Arc::new(early.clone()), options);
        world.town.engine.clone().close().unwrap();
        (early, tiles, ())
    };
    let failed = export(&disk, &*tiles, &grant, &*memory()).unwrap_err();
    assert!(matches!(failed, ExportError::NotSigned { .. }), "{failed}");
}

#[test]
fn an_export_of_a_log_whose_checkpoint_is_gone_fails_and_one_that_is_not_published_says_so() {
    let (disk, _, grant) = published(4, "said");
    let (nothing, out) = (memory(), memory());
    let failed = export(&disk, &*nothing, &grant, &*out).unwrap_err();
    assert!(matches!(failed, ExportError::NotPublished), "{failed}");
    let names = out.names().unwrap();
    assert!(!names.iter().any(|name| name.contains("manifest")));

    let reader = read_offline(&disk, None, 1, &|_, _| {}).unwrap();
    let out = memory();
    run(&reader, &grant, &*out).unwrap();
    let manifest = read(&files(&*out)).manifest;
    assert_eq!(manifest["transparency"], json!(null), "and says so");
}
