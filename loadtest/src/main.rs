//! The `throng-loadtest` command.
#![allow(dead_code)]
mod archive;
mod check;
mod corpus;
mod ledger;
mod library;
mod mass_send;
mod measure;
mod plan;
mod provision;
mod publish;
mod refusal;
mod report;
mod scenario;
mod server_process;
mod swarm;
fn main() {}
