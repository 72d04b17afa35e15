//! Bytes of today must be readable forever: one golden line a tag of every command, reply and event.
//!
//! A tag without a line, or a line whose bytes are written differently now, fails with the line it
//! should have. Only lines of new tags may be added to tests/model/golden/model_*.txt.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::collections::BTreeMap;
use std::fmt::Write;

use throng::model::State;
use throng::model::command::*;
use throng::model::event::Event;

mod approvals;
mod codes;
mod core;
mod creation;
mod custody;
mod departments;
mod directory;
mod life;
mod mass_sends;
mod pull;
mod quotas;
mod replay;
mod state;

/// The golden lines of one part of the model, and what is written there.
struct Section {
    golden: &'static str,
    commands: fn() -> Vec<TaggedCommand>,
    replies: fn() -> Vec<Reply>,
    events: fn() -> Vec<Event>,
}

const SECTIONS: &[Section] = &[
    core::SECTION,
    directory::SECTION,
    departments::SECTION,
    creation::SECTION,
    life::SECTION,
    codes::SECTION,
    approvals::SECTION,
    quotas::SECTION,
    mass_sends::SECTION,
    pull::SECTION,
    custody::SECTION,
];

type Lines = BTreeMap<(String, u16), Vec<u8>>;

fn golden() -> Lines {
    let lines = SECTIONS.iter().flat_map(|section| section.golden.lines());
    let lines = lines.chain(state::GOLDEN.lines());
    let lines = lines.filter(|line| !line.starts_with('#'));
    let read = |line: &str| {
        let mut words = line.split_whitespace();
        let kind = words.next().unwrap().to_owned();
        let tag = u16::from_str_radix(words.next().unwrap(), 16).unwrap();
        let hex = words.next().unwrap_or("");
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let bytes = (0..hex.len()).step_by(2).map(byte).collect();
        ((kind, tag), bytes)
    };
    lines.map(read).collect()
}

fn written() -> Lines {
    let mut lines = Lines::new();
    for command in SECTIONS.iter().flat_map(|section| (section.commands)()) {
        let key = ("command".to_owned(), command.tag());
        lines.insert(key, command.encode().to_vec());
    }
    for reply in SECTIONS.iter().flat_map(|section| (section.replies)()) {
        let key = ("reply".to_owned(), reply.tag());
        lines.insert(key, reply.encode().to_vec());
    }
    for event in SECTIONS.iter().flat_map(|section| (section.events)()) {
        let key = ("event".to_owned(), event.tag());
        lines.insert(key, event.encode().to_vec());
    }
    lines.insert(("state".to_owned(), 3), state::third().to_snapshot());
    lines.insert(("state".to_owned(), 4), state::latest().to_snapshot());
    lines
}

#[test]
fn every_tag_is_written_as_it_always_was() {
    let golden = golden();
    let mut wrong = String::new();
    for (key, bytes) in &written() {
        if golden.get(key) != Some(bytes) {
            write!(wrong, "{} {:03x} ", key.0, key.1).unwrap();
            for byte in bytes {
                write!(wrong, "{byte:02x}").unwrap();
            }
            wrong.push('\n');
        }
    }
    assert!(
        wrong.is_empty(),
        "tests/model/golden/model_*.txt differs:\n{wrong}"
    );
}

#[test]
fn every_tag_in_use_has_a_golden_line_and_no_other_has() {
    let versions = 1..=4;
    let mut tags: Vec<_> = versions
        .map(|version| ("state".to_owned(), version))
        .collect();
    tags.extend(
        TaggedCommand::TAGS
            .iter()
            .map(|tag| ("command".to_owned(), *tag)),
    );
    tags.extend(Reply::TAGS.iter().map(|tag| ("reply".to_owned(), *tag)));
    tags.extend(Event::TAGS.iter().map(|tag| ("event".to_owned(), *tag)));
    tags.sort();
    let golden: Vec<_> = golden().into_keys().collect();
    assert_eq!(golden, tags);
}

#[test]
fn every_golden_line_is_read_as_what_was_written() {
    let golden = golden();
    let bytes = |kind: &str, tag| &golden[&(kind.to_owned(), tag)];
    for command in SECTIONS.iter().flat_map(|section| (section.commands)()) {
        let read = TaggedCommand::decode(command.tag(), bytes("command", command.tag()));
        assert_eq!(read, Ok(command));
    }
    for reply in SECTIONS.iter().flat_map(|section| (section.replies)()) {
        let read = Reply::decode(reply.tag(), bytes("reply", reply.tag()));
        assert_eq!(read, Ok(reply));
    }
    for event in SECTIONS.iter().flat_map(|section| (section.events)()) {
        let read = Event::decode(event.tag(), bytes("event", event.tag()));
        assert_eq!(read, Ok(event));
    }
    let read = State::from_snapshot(bytes("state", 4)).unwrap();
    assert_eq!(read.hash(), state::latest().hash());
    // The third version knew nothing of pulls.
    let read = State::from_snapshot(bytes("state", 3)).unwrap();
    assert_eq!(read.hash(), state::third().hash());
    // The second version knew nothing of custody.
    let read = State::from_snapshot(bytes("state", 2)).unwrap();
    assert_eq!(read.hash(), state::second().hash());
    // The first version knew less, of which the rest is as if it had never been set.
    let old = State::from_snapshot(bytes("state", 1)).unwrap();
    let rewritten = State::from_snapshot(&old.to_snapshot()).unwrap();
    assert_eq!(old.hash(), rewritten.hash());
    assert_eq!(state::told_by(&old), state::told_by(&state::first()));
}
