//! One round of Throng: the same load as a scenario, with provisioning, tokens, rules and the synced
//! log, its clients the load tester's own swarm, and the log verified against it at the end.

use std::path::Path;

use anyhow::ensure;

use super::round::{self, Round};
use super::shape::Load;
use crate::run::{Options, Target, run};
use crate::scenario::{Connections, Crashes, People, Publish, Scenario, Server};

/// Runs one round of the server `program`.
pub(super) fn run_throng(program: &Path, load: Load) -> anyhow::Result<Round> {
    let outcome = run(&Options {
        scenario: scenario(load),
        corpus: None,
        target: Target::Own {
            binary: Some(program.to_owned()),
        },
        keep: false,
    })?;
    ensure!(outcome.violations.is_empty(), outcome.violations.join("; "));
    let report = outcome.report;
    ensure!(
        report.archive.verified == Some(true),
        "the log does not verify"
    );
    let server = report.server_pid_cpu_us_per_delivery;
    let clients = report.client_cpu_us_per_delivery;
    Ok(Round {
        server_cpu_us_per_delivery: server,
        client_cpu_us_per_delivery: clients,
        deliveries_per_s: report.deliveries_per_s,
        load: round::load_of(server, clients, report.deliveries_per_s),
        first_recipient_latency_us: report.first_recipient_latency_us,
        last_recipient_latency_us: report.last_recipient_latency_us,
        rss_kib_per_connection: report.rss_kib_per_connection,
        client_bound: report.client_bound,
        elapsed_s: report.elapsed_s,
        deliveries: report.deliveries,
        lost: report.lost,
        duplicated: report.duplicated,
        reordered: report.reordered,
        // What is not what was sent is a violation above.
        corrupted: 0,
    })
}

/// One group of all subscribers, the publishers among them.
fn scenario(load: Load) -> Scenario {
    let connections = Connections::default();
    let library_clients = connections.library_clients.max(load.publishers);
    Scenario {
        schema: 1,
        name: format!("peers-{}", load.shape.name()),
        people: People {
            members: load.subscribers,
            groups: 1,
            members_per_group: None,
        },
        connections: Connections {
            library_clients: library_clients.min(load.subscribers),
            ..connections
        },
        texts: load.texts(load.payload_bytes),
        publish: Some(Publish {
            senders: load.publishers,
            rate_per_s: load.rate_per_s,
            seconds: match load.rate_per_s > 0.0 {
                true => load.messages as f64 / load.rate_per_s,
                false => 0.0,
            },
            messages: Some(load.messages),
            at_once: 1,
            urgent_every: 0,
            window: load.window,
        }),
        mass_sends: None,
        away: None,
        gateways: None,
        viewers: None,
        crashes: Crashes::default(),
        server: Server::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::Shape;
    use super::*;

    #[test]
    fn the_scenario_has_exactly_the_load_of_the_others() {
        for shape in Shape::ALL {
            let load = shape.load(2_000, 7.3, 20.0);
            let scenario = scenario(load);
            scenario.check().unwrap();
            let publish = scenario.publish.as_ref().unwrap();
            assert_eq!(publish.count(), load.messages);
            assert_eq!(publish.senders, load.publishers);
            assert_eq!(scenario.texts.median_bytes, load.payload_bytes);
            assert!(scenario.texts.fixed_length);
            assert_eq!(scenario.members_per_group(), load.subscribers);
        }
    }
}
