//! A witness with a state of its own, by the letter of c2sp.org/tlog-witness; signatures are made here.

#![allow(dead_code)] // Each test binary uses its own part.

use std::collections::HashMap;
use std::sync::Mutex;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::Signer as _;
use sha2::{Digest, Sha256};
use throng::archive::tlog::{Checkpoint, VerifyingKey, verify_consistency};
use throng::engine::{AskError, Witness};

/// When it says that it cosigns.
pub(crate) const TIME_S: u64 = 1_679_315_147;

pub(crate) struct TestWitness {
    name: &'static str,
    key: ed25519_dalek::SigningKey,
    /// The key of the log, under its name without log and incarnation.
    log: VerifyingKey,
    /// Size and root of what was cosigned last, by origin.
    seen: Mutex<HashMap<String, (u64, [u8; 32])>>,
}

impl TestWitness {
    pub(crate) fn new(name: &'static str, seed: u8, log: VerifyingKey) -> Self {
        Self {
            name,
            key: ed25519_dalek::SigningKey::from_bytes(&[seed; 32]),
            log,
            seen: Mutex::default(),
        }
    }

    fn id(&self) -> [u8; 4] {
        let public = self.key.verifying_key();
        let hash = Sha256::new()
            .chain_update(self.name)
            .chain_update(b"\n\x04")
            .chain_update(public.as_bytes());
        *hash.finalize().first_chunk().unwrap()
    }

    /// Its key as operators and auditors write it.
    pub(crate) fn vkey(&self) -> String {
        let id = u32::from_be_bytes(self.id());
        let key = [&[4], self.key.verifying_key().as_bytes().as_slice()].concat();
        format!("{}+{id:08x}+{}", self.name, BASE64_STANDARD.encode(key))
    }

    /// Its line below a note of this text.
    pub(crate) fn line(&self, text: &str) -> String {
        let message = format!("cosignature/v1\ntime {TIME_S}\n{text}");
        let signature = self.key.sign(message.as_bytes()).to_bytes();
        let whole = [&self.id()[..], &TIME_S.to_be_bytes(), &signature].concat();
        format!("\u{2014} {} {}\n", self.name, BASE64_STANDARD.encode(whole))
    }

    /// Records it has cosigned of this origin.
    pub(crate) fn size(&self, origin: &str) -> u64 {
        self.seen.lock().unwrap().get(origin).map_or(0, |it| it.0)
    }

    pub(crate) fn answer(&self, body: &str) -> (u16, String) {
        self.try_answer(body)
            .unwrap_or_else(|status| (status, String::new()))
    }

    fn try_answer(&self, body: &str) -> Result<(u16, String), u16> {
        let (head, note) = body.split_once("\n\n").ok_or(400_u16)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old: u64 = old.and_then(|old| old.parse().ok()).ok_or(400_u16)?;
        let proof = lines.map(|line| {
            let hash = BASE64_STANDARD.decode(line).ok()?;
            <[u8; 32]>::try_from(hash).ok()
        });
        let proof: Vec<_> = proof.collect::<Option<_>>().ok_or(400_u16)?;
        let origin = note.split('\n').next().unwrap_or_default();
        if !origin.starts_with(self.log.name()) || proof.len() > 63 {
            return Err(404);
        }
        let key = self.log.named(origin).map_err(|_| 404_u16)?;
        let checkpoint = Checkpoint::verify(note.as_bytes(), &key).map_err(|_| 403_u16)?;
        if old > checkpoint.size {
            return Err(400);
        }
        let mut seen = self.seen.lock().unwrap();
        let empty = (0, Sha256::digest([]).into());
        let (size, root) = seen.get(origin).copied().unwrap_or(empty);
        if old != size || (old == checkpoint.size && root != checkpoint.root) {
            return Ok((409, format!("{size}\n")));
        }
        let is = (checkpoint.size, &checkpoint.root);
        verify_consistency((size, &root), is, &proof).map_err(|_| 422_u16)?;
        seen.insert(origin.to_owned(), (checkpoint.size, checkpoint.root));
        Ok((200, self.line(&checkpoint.to_text())))
    }
}

impl Witness for TestWitness {
    fn add_checkpoint(&self, body: &str) -> Result<(u16, Vec<u8>), AskError> {
        let (status, body) = self.answer(body);
        Ok((status, body.into_bytes()))
    }
}
