//! The `throng-loadtest` command.
#![allow(dead_code)]
mod check;
mod corpus;
mod ledger;
mod plan;
mod scenario;
mod swarm;
fn main() {}
