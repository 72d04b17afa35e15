//! docs/wire.md names every number there is.

use throng::wire::{FrameKind, Kind};

const DOCUMENT: &str = include_str!("../../../docs/wire.md");
const REFUSALS: &str = include_str!("../../../src/model/refusal/wire.rs");

/// The second cells of the rows of the first table below `heading` whose first cell is `number`.
fn row<'a>(heading: &str, number: &str) -> Vec<&'a str> {
    let section = DOCUMENT.split_once(&format!("\n{heading}\n")).unwrap().1;
    let table = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows = table.map_while(|line| line.strip_prefix('|'));
    let cells = rows.map(|line| line.split('|').map(str::trim));
    cells
        .filter_map(|mut cells| (cells.next()? == number).then(|| cells.next().unwrap_or_default()))
        .collect()
}

#[track_caller]
fn assert_named(heading: &str, number: &str, debug: &str) {
    let name: String = debug.chars().take_while(|c| c.is_alphanumeric()).collect();
    assert_eq!(
        row(heading, number),
        [format!("`{name}`")],
        "{heading}, {number}"
    );
}

#[test]
fn every_kind_is_documented() {
    for number in 0..=u8::MAX {
        if let Some(kind) = Kind::from_u8(number) {
            assert_named("## Kinds", &number.to_string(), &format!("{kind:?}"));
        }
    }
}

#[test]
fn every_frame_is_documented() {
    for number in 0..=u16::MAX {
        match FrameKind::from_u16(number) {
            None | Some(FrameKind::Command(_) | FrameKind::Reply(_)) => {}
            Some(kind) => {
                assert_named("## Frames", &format!("{number:#06x}"), &format!("{kind:?}"));
            }
        }
    }
}

/// The arms of [`throng::model::Refusal::code`], as its source has them: each refusal's name and code.
fn refusals() -> Vec<(&'static str, &'static str)> {
    let (_, code) = REFUSALS.split_once("pub fn code(&self) -> u16 {").unwrap();
    let (code, _) = code.split_once("\n    }\n").unwrap();
    let arms = code
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::"));
    let arms = arms.filter_map(|arm| arm.trim_end_matches(',').split_once(" => "));
    arms.map(|(pattern, code)| (pattern.split([' ', '(']).next().unwrap(), code))
        .collect()
}

#[test]
fn every_refusal_is_documented() {
    let refusals = refusals();
    assert!(refusals.len() > 20, "the source is read as it is written");
    for (name, code) in refusals {
        assert_named("## Refusals", code, name);
    }
}
