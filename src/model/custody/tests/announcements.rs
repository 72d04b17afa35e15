//! Announcements are content of their group and day.

use super::*;
use crate::model::{announcement, announcements};

fn is_gone_for_members(town: &mut Town, group: GroupId) -> bool {
    let settings = town.settings(by(CAROL), group).unwrap();
    assert!(settings.announcement.is_empty());
    settings.announcement_gone
}

#[test]
fn an_announcement_is_erased_expires_and_is_held_with_its_group_and_day() {
    let (mut town, team, customers) = town();
    for group in [team, customers] {
        town.announce(by(ALICE), group, "the merger is on Friday")
            .unwrap();
    }
    let stands = announcement(&town.state, town.tenant, team);
    assert!(stands.is_some());
    retain(&mut town, ContentClass::Internal, 3);
    town.now = town.now.plus_micros(DAY_US);
    erase(&mut town, team, (TODAY - 1, TODAY - 1)).unwrap();
    assert!(!is_gone_for_members(&mut town, team), "of another day");
    let held = hold(&mut town, &[team], (TODAY, TODAY)).unwrap();
    erase(&mut town, team, (TODAY, TODAY)).expect_err("it is held");
    town.now = town.now.plus_micros(9 * DAY_US);
    expire(&mut town);
    assert!(!is_gone_for_members(&mut town, team), "a hold beats both");
    release(&mut town, held).unwrap();
    assert!(is_gone_for_members(&mut town, team));
    assert_eq!(announcement(&town.state, town.tenant, team), None);

    assert!(!is_gone_for_members(&mut town, customers), "kept for ever");
    erase(&mut town, customers, (TODAY, TODAY)).unwrap();
    assert!(is_gone_for_members(&mut town, customers));
    assert_eq!(announcements(&town.state).count(), 0);
    let read = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(read.hash(), town.state.hash());
    assert_eq!(town.replayed().hash(), town.state.hash());
    town.state = read;
    assert!(is_gone_for_members(&mut town, team));

    town.announce(by(ALICE), team, "another").unwrap();
    assert!(!is_gone_for_members(&mut town, team), "of today");
}
