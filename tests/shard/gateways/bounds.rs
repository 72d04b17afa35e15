//! What a gateway that does not read costs, and how it ends.

use crate::gateways::order::{GATEWAY, attach, open};
use crate::shard_world::{ALICE, TEAM, World};

#[test]
fn a_gateway_too_slow_for_its_changes_is_given_up_and_says_so_once() {
    let mut world = World::with_small_rings();
    world.join(TEAM, ALICE);
    open(&mut world);
    world.give_room(GATEWAY, Some(0));
    attach(&mut world, ALICE, true);
    world.flush();
    for _ in 0..32 * 1024 {
        assert_eq!(world.core.take_overrun(), None);
        world.leave(TEAM, ALICE);
        world.join(TEAM, ALICE);
    }
    assert_eq!(world.core.take_overrun(), Some(GATEWAY));
    assert_eq!(world.core.take_overrun(), None);
    assert_eq!(
        world.core.changes_untold(GATEWAY),
        0,
        "nothing is kept for it"
    );
    world.leave(TEAM, ALICE);
    assert_eq!(world.core.changes_untold(GATEWAY), 0);
    world.core.close_gateway(GATEWAY);
    assert_eq!((world.core.sessions(), world.core.groups()), (0, 0));
}

#[test]
fn a_gateway_with_no_room_keeps_its_changes_in_order_until_it_has() {
    let mut world = World::with_small_rings();
    for person in 1..=1_000 {
        world.join(TEAM, person);
    }
    open(&mut world);
    world.give_room(GATEWAY, Some(0));
    for person in 1..=1_000 {
        attach(&mut world, person, true);
    }
    world.publish(TEAM, b"1,001");
    world.flush();
    assert_eq!(world.core.changes_untold(GATEWAY), 1_000);
    assert!(world.streams.of[&GATEWAY].chunks.is_empty());
    world.give_room(GATEWAY, None);
    world.flush();
    assert_eq!(world.core.changes_untold(GATEWAY), 0);
    assert_eq!(world.streams.of[&GATEWAY].chunks.len(), 2);
}
