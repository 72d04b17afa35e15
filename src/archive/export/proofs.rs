//! That the exported records are those that were signed (SPEC A3): proofs for tools from elsewhere.

use std::io::IoSlice;

use serde_json::{Value, json};

use super::plan::Plan;
use super::{ExportError, Job, OnProgress, Phase, tell};
use crate::archive::tlog::{
    self, Edge, Hash, Proof, Signed, StoredError, VerifyingKey, base64, leaf_hash, read_checkpoint,
    read_commitments, read_hashes,
};
use crate::log::Storage;
use crate::log::storage::replace;
use crate::wire::RecordNumber;

/// Commitments read at a time, 2 MiB of them.
const CHUNK: usize = 65_536;
/// How often the tiles are read anew: the publisher of a live log replaces those at the right edge.
const TRIES: usize = 5;

/// What was published of the log.
#[derive(Clone, Copy, Debug)]
pub struct Published<'a> {
    /// Where checkpoint and tiles are.
    pub storage: &'a dyn Storage,
    /// The key that signed.
    pub key: &'a VerifyingKey,
}

/// Files written, and what the manifest says of them.
#[derive(Debug)]
pub(super) struct Proved {
    pub(super) files: Vec<String>,
    pub(super) said: Value,
}

/// Proves the first and the last record, and that the log up to the grant is what was signed.
pub(super) fn prove(
    job: &Job<'_>,
    plan: &Plan,
    progress: OnProgress<'_>,
) -> Result<Proved, ExportError> {
    let (Some(published), Some(edge)) = (job.published, &plan.edge) else {
        return Ok(Proved {
            files: Vec::new(),
            said: Value::Null,
        });
    };
    tell(progress, Phase::Proving, edge.size(), job.end())?;
    let root = edge.root();
    let mut tries = TRIES;
    loop {
        tries -= 1;
        let Some(signed) = read_checkpoint(published.storage, published.key)? else {
            return Err(ExportError::NotPublished);
        };
        match prove_under(job, plan, &signed, published.storage, root) {
            Err(ExportError::Published(_)) if tries > 0 => {}
            proved => return proved,
        }
    }
}

/// The right edge of the records before `begin`, which are removed: from what was published of them. Where
/// nothing is published there is none.
pub(super) fn removed(job: &Job<'_>, begin: u64) -> Result<Option<Edge>, ExportError> {
    let Some(published) = job.published else {
        return Ok(None);
    };
    let mut edge = Edge::default();
    while edge.size() < begin {
        let Some(signed) = read_checkpoint(published.storage, published.key)? else {
            return Err(ExportError::NotPublished);
        };
        let range = (edge.size(), begin.min(edge.size() + CHUNK as u64));
        let size = signed.checkpoint.size;
        if size < begin {
            let (signed, needed) = (size, begin);
            return Err(ExportError::NotSigned { signed, needed });
        }
        for commitment in read_commitments(published.storage, range, size)? {
            edge.push(leaf_hash(&commitment), |_, _| {});
        }
    }
    Ok(Some(edge))
}

fn prove_under(
    job: &Job<'_>,
    plan: &Plan,
    signed: &Signed,
    tiles: &dyn Storage,
    root: Hash,
) -> Result<Proved, ExportError> {
    let (size, records) = (signed.checkpoint.size, job.end());
    if size < records {
        let (signed, needed) = (size, records);
        return Err(ExportError::NotSigned { signed, needed });
    }
    let contradicted = |records| ExportError::Contradicted { records };
    let steps = tlog::consistency(records, size, |tile| read_hashes(tiles, tile))?;
    tlog::verify_consistency((records, &root), (size, &signed.checkpoint.root), &steps)
        .map_err(|_| contradicted(records))?;

    let mut proved = Proved {
        files: Vec::new(),
        said: Value::Null,
    };
    let mut file = |name: &str, contents: &str| -> Result<(), ExportError> {
        let mut slices = [IoSlice::new(contents.as_bytes())];
        replace(job.out, &job.name(name), &mut slices)?;
        proved.files.push(name.to_owned());
        Ok(())
    };
    file("proofs/checkpoint", &signed.note)?;
    file("proofs/key", &format!("{}\n", signed.key))?;
    let consistency = json!({
        "from_size": records,
        "from_root": base64(&root),
        "to_size": size,
        "to_root": base64(&signed.checkpoint.root),
        "proof": steps.iter().map(|step| base64(step)).collect::<Vec<_>>(),
    });
    file("proofs/consistency.json", &format!("{consistency}\n"))?;
    if let Some((first, last)) = plan.ends {
        for (name, record) in [("first", first), ("last", last)] {
            let proof = inclusion(job, signed, tiles, record)?;
            file(&format!("proofs/{name}.tlog-proof"), &proof.to_string())?;
        }
    }
    proved.said = json!({
        "origin": signed.checkpoint.origin,
        "size": size,
        "root": base64(&signed.checkpoint.root),
        "records": records,
        "records_root": base64(&root),
    });
    Ok(proved)
}

fn inclusion(
    job: &Job<'_>,
    signed: &Signed,
    tiles: &dyn Storage,
    record: RecordNumber,
) -> Result<Proof, ExportError> {
    let commitments = job.reader.commitments(record, 1)?;
    let commitment = *commitments
        .first()
        .ok_or(ExportError::MissingRecord { expected: record })?;
    let read = |tile| -> Result<_, StoredError> { read_hashes(tiles, tile) };
    let path = tlog::inclusion(record.0, signed.checkpoint.size, read)?;
    let proof = Proof {
        commitment,
        index: record.0,
        path,
        checkpoint: signed.note.clone(),
    };
    let records = record.0 + 1;
    match proof.verify(&signed.key) {
        Ok(_) => Ok(proof),
        Err(_) => Err(ExportError::Contradicted { records }),
    }
}
