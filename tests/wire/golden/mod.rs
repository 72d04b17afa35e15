//! The bytes of everything in `wire`, as they are forever: docs/wire.md in numbers.
//!
//! `golden.txt` has one line a sample: its name and its bytes in hex. A line is never changed; a new
//! shape is a new version, a new tag and a new line. Each must come out of the encoder as it stands
//! there and be read back to the same values.
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod documented;
mod fixed;
mod pulled;
mod tagged;

use std::collections::BTreeMap;

/// The golden bytes of `name`.
fn golden(name: &str) -> Vec<u8> {
    let lines: BTreeMap<&str, &str> = include_str!("golden.txt")
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    let hex = lines.get(name).copied().unwrap_or_default();
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn assert_golden(name: &str, bytes: &[u8]) {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(
        golden(name) == bytes,
        "not the golden bytes of {name}:\n{name} {hex}"
    );
}
