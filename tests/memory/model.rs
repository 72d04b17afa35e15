//! The state stays small: everything an enterprise is, per membership, counted by the allocator.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use crate::counting_allocator::bytes_kept_by;
use crate::enterprise::Enterprise;
use throng::wire::PersonId;

/// What one membership may cost, people, groups and names included.
const BYTES_PER_MEMBERSHIP_MAX: f64 = 40.0;
const PEOPLE: u64 = 20_000;
const GROUPS: u64 = 200;
const MEMBERS: u64 = 2_000;

/// 20,000 people, each in 20 of 200 full groups.
fn town() -> Enterprise {
    let mut enterprise = Enterprise::new();
    enterprise.employees(PEOPLE);
    for group in 0..GROUPS {
        let person = |n: u64| PersonId((group * 97 + n * (PEOPLE / MEMBERS)) % PEOPLE + 1);
        enterprise.group((0..MEMBERS).map(person));
    }
    enterprise
}

#[test]
fn a_membership_costs_at_most_40_bytes_all_told() {
    let (town, bytes) = bytes_kept_by(town);
    let per_membership = bytes as f64 / (GROUPS * MEMBERS) as f64;
    println!("{per_membership:.1} bytes a membership");
    assert!(
        per_membership <= BYTES_PER_MEMBERSHIP_MAX,
        "{per_membership:.1} bytes a membership"
    );
    drop(town);
}
