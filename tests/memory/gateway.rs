//! What a shard keeps of somebody on a gateway, counted by the allocator (SPEC L1: flat per viewer).

use crate::counting_allocator::bytes_kept_by;
use bytes::Bytes;
use throng::engine::AttachedPerson;
use throng::shard::{Config, Core, Sink};
use throng::wire::{AttachedGroup, DeviceId, GroupId, PersonId, Sequence, TenantId, Timestamp};

const TENANT: TenantId = TenantId(1);
const VIEWERS: u64 = 100_000;
/// What the gateway is told of each meanwhile is not kept.
const BYTES_PER_VIEWER_MAX: f64 = 128.0;

/// A gateway that takes everything.
struct Open;

impl Sink for Open {
    fn write(&mut self, _: u64, chunks: &[Bytes]) -> usize {
        chunks.len()
    }
}

fn viewer(person: u64) -> AttachedPerson {
    let (group, head) = (GroupId(1), Sequence(9));
    AttachedPerson {
        tenant: TENANT,
        person: PersonId(person),
        device: DeviceId(1),
        groups: vec![AttachedGroup::new(group, head.next(), head, head)],
        watched: vec![(group, Timestamp(i64::MAX))],
    }
}

#[test]
fn a_viewer_on_a_gateway_costs_the_shard_at_most_128_bytes() {
    let mut core = Core::new(Config::default());
    core.open_gateway(1, TENANT);
    let ((), bytes) = bytes_kept_by(|| {
        for person in 1..=VIEWERS {
            core.attach_through(1, &viewer(person), &[], true);
            if person % 1_000 == 0 {
                core.flush(&mut Open, || true);
            }
        }
    });
    let per_viewer = bytes as f64 / VIEWERS as f64;
    println!("{per_viewer:.1} bytes a viewer");
    assert!(
        per_viewer <= BYTES_PER_VIEWER_MAX,
        "{per_viewer:.1} bytes a viewer"
    );
    for person in 1..=VIEWERS {
        core.detach_through(1, PersonId(person), DeviceId(1));
    }
    core.flush(&mut Open, || true);
    assert_eq!(core.groups(), 0);
}
