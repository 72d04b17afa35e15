//! The rules alone, against naive models, golden bytes and hostile ones.
#![allow(clippy::unwrap_used)] // A test that cannot go on says where.

mod codes;
mod enterprise_year;
mod golden;
mod hostile;
mod naive;
mod quota_zones;
mod roster_people;
