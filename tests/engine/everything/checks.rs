//! What must hold of a disk, beside what the world has been told of it.

use std::collections::BTreeMap;

use super::{Model, key, log, master, read_from, tiles};
use throng::archive::inspect_sealed;
use throng::archive::tlog::{
    Checkpoint, Edge, audit, consistency, leaf_hash, prove, read_hashes, verify_consistency,
};
use throng::engine::Stepped;
use throng::log::Storage;
use throng::log::storage::{Faulty, Random};
use throng::wire::RecordNumber;

impl Model {
    /// By the keys that are on the disk nothing that is gone can be opened.
    pub(super) fn check_keys(&self, disk: &Faulty, random: &mut Random) {
        let gone = self
            .said
            .iter()
            .filter(|said| self.gone.contains(&(said.group, said.day)));
        let gone: Vec<_> = gone.filter_map(|said| said.told).collect();
        if !self.is_sealed || gone.is_empty() {
            return;
        }
        let record = gone[random.below(gone.len() as u64) as usize];
        for number in self.next_master.into_iter().chain([self.master]) {
            if let Ok(shown) = inspect_sealed(&log(disk), record, &master(number)) {
                assert!(
                    shown.record.envelope.body().is_empty(),
                    "record {record} can be opened"
                );
            }
        }
    }

    /// Every record that is there, once, as it was acknowledged, unless it is gone.
    pub(super) fn check_records(&self, stepped: &Stepped) {
        let reader = stepped.engine().reader();
        let (begin, next) = (reader.first(), reader.durable().0);
        assert!(
            next >= self.leaves.len() as u64,
            "acknowledged records are lost"
        );
        let table = stepped.gone();
        let removed = self.leaves.iter().take(begin.0 as usize);
        for (_, tenant, day) in removed {
            assert!(
                table.trail_is_over(*tenant, *day),
                "a file of day {day} was kept"
            );
        }
        let records = read_from(&reader, begin).expect("durable records can be read");
        assert_eq!(begin.0 + records.len() as u64, next);
        let leaves = reader
            .commitments(begin, records.len())
            .expect("they can be read");
        for (known, leaf) in self.leaves.iter().skip(begin.0 as usize).zip(&leaves) {
            assert_eq!(known.0, *leaf, "a leaf has changed");
        }
        let gone = self.gone_by(stepped);
        assert!(gone.is_superset(&self.gone), "what was gone came back");
        assert!(
            gone.is_subset(&self.decided_gone),
            "nobody decided that it is gone"
        );
        let mut found = BTreeMap::new();
        for record in &records {
            let header = record.envelope.header();
            let id = header.client_message_id().0;
            if id > 0 {
                assert!(
                    found.insert(id, record).is_none(),
                    "message {id} is there twice"
                );
            }
        }
        for (number, said) in self.said.iter().enumerate() {
            let Some(record) = found.get(&(number as u128 + 1)) else {
                assert!(
                    said.told.is_none_or(|told| told < begin),
                    "message {number} is lost"
                );
                continue;
            };
            let header = record.envelope.header();
            assert!(said.told.is_none_or(|told| told == header.record()));
            assert_eq!(
                (header.group(), header.timestamp().utc_day()),
                (said.group, said.day)
            );
            let is_gone = gone.contains(&(said.group, said.day));
            let body = if is_gone {
                &[][..]
            } else {
                said.text.as_bytes()
            };
            assert_eq!(
                (record.envelope.body(), record.erased),
                (body, is_gone),
                "message {number}"
            );
        }
        let (position, hash) = stepped.state_hash();
        if let Some(known) = self.hashes.get(&position.0) {
            assert_eq!(
                *known, hash,
                "the state before record {position} is another"
            );
        }
    }

    /// All that was ever signed is of the one tree, and what is signed is proved.
    pub(super) fn check_tree(&mut self, disk: &Faulty, random: &mut Random) {
        self.look_at_checkpoint(disk);
        // One that was seen before it was durable may be gone with the power: an earlier one is there.
        let Some(newest) = disk.contents("tlog/checkpoint") else {
            assert_eq!(self.published, 0, "what was published is");
            return;
        };
        let origin = newest
            .split(|byte| *byte == b'\n')
            .next()
            .unwrap_or_default();
        let origin = std::str::from_utf8(origin).unwrap();
        let public = key().named(origin).unwrap().verifying_key();
        let mut edge = Edge::default();
        let mut roots = vec![edge.root()];
        for (leaf, ..) in &self.leaves {
            edge.push(leaf_hash(leaf), |_, _| ());
            roots.push(edge.root());
        }
        let mut sizes = Vec::new();
        for note in &self.checkpoints {
            let signed = Checkpoint::verify(note, &public).expect("whole and signed");
            assert_eq!(signed.root, roots[signed.size as usize], "contradicted");
            sizes.push(signed.size);
        }
        let newest = Checkpoint::verify(&newest, &public).expect("whole and signed");
        let (tiles, size) = (tiles(disk), newest.size);
        assert!(size >= self.published, "what was published is");
        let audited = audit(&log(disk), &tiles, &public).expect("it can be read");
        assert_eq!(audited.faults, []);
        sizes.retain(|old| *old <= size);
        let old = sizes[random.below(sizes.len() as u64) as usize];
        let steps = consistency(old, size, |tile| read_hashes(&tiles, tile)).expect("readable");
        let (was, is) = (&roots[old as usize], &roots[size as usize]);
        verify_consistency((old, was), (size, is), &steps).expect("one history");
        if size == 0 {
            return;
        }
        let record = RecordNumber(random.below(size));
        let proof = prove(&log(disk), &tiles, &public, record).expect("it is signed");
        assert_eq!(
            (proof.index, proof.commitment),
            (record.0, self.leaves[record.0 as usize].0)
        );
        proof.verify(&public).expect("it proves");
    }

    /// Nothing of what is gone is in a file of the log, and nothing at all where it is sealed.
    pub(super) fn check_bytes(&self, disk: &Faulty) {
        for name in disk.names().expect("names") {
            // What left the archive, and what a crash tore off its end.
            if name.starts_with("exports/") || name.contains(".cut-") {
                continue;
            }
            let bytes = disk.contents(&name).expect("a listed file");
            let marks = bytes.windows(7).enumerate();
            for (at, _) in marks.filter(|(_, window)| window == b"secret-") {
                let digits = bytes[at + 7..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit());
                let number = digits.fold(0, |all, digit| all * 10 + usize::from(digit - b'0'));
                let said = &self.said[number];
                let is_gone = self.gone.contains(&(said.group, said.day));
                assert!(!self.is_sealed && !is_gone, "message {number} is in {name}");
            }
        }
    }
}
