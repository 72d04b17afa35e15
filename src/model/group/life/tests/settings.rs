use super::{invalid, not_permitted};
use crate::model::command::{
    Actor, JoinSource, NewcomerHistory, RenameGroupV1, SettingsChangeV1, TaggedCommand as T,
};
use crate::model::event::{self, Event, MembersJoinedV2};
use crate::model::town::life::NO_CHANGE;
use crate::model::town::{ALICE, BOB, CAROL, DAVE, Town, by};
use crate::model::{Refusal, State, announcements};
use crate::wire::{GroupId, Kind, PersonId, RecordNumber, Timestamp};

fn rename(town: &mut Town, actor: Actor, group: GroupId) -> Result<(), Refusal> {
    let name = "New".to_owned();
    let renamed = town.ask(actor, T::RenameGroup(RenameGroupV1 { group, name }));
    renamed.map(drop)
}

fn lock(on: bool) -> SettingsChangeV1 {
    SettingsChangeV1 {
        name_locked: Some(on),
        ..NO_CHANGE
    }
}

fn town() -> (Town, GroupId) {
    let mut town = Town::with_employees(5);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.appoint(group, BOB);
    (town, group)
}

#[test]
fn a_group_that_was_never_configured_says_the_defaults_and_costs_a_pointer() {
    let (mut town, group) = town();
    let settings = town.settings(by(CAROL), group).unwrap();
    assert!(!settings.confirm && settings.confirm_above == 40);
    assert!(settings.receipts && !settings.name_locked && !settings.hide_contacts);
    assert_eq!(settings.history, NewcomerHistory::Nothing);
    town.say(CAROL, group).unwrap();
    assert!(town.state.tenants[0].groups[0].settings.is_none());
}

#[test]
fn only_what_is_given_changes_and_the_group_learns_that_something_did() {
    let (mut town, group) = town();
    let welcome = SettingsChangeV1 {
        welcome: Some("欢迎".to_owned()),
        history: Some(NewcomerHistory::All),
        ..NO_CHANGE
    };
    let sequence = town.configure(by(BOB), group, welcome).unwrap();
    let shown = &town.projection().envelopes[0];
    let header = shown.header();
    assert_eq!(
        (header.kind(), header.sequence()),
        (Kind::Configured, sequence)
    );
    let quiet = SettingsChangeV1 {
        receipts: Some(false),
        ..NO_CHANGE
    };
    town.configure(Actor::Enterprise, group, quiet).unwrap();
    let settings = town.settings(by(CAROL), group).unwrap();
    assert_eq!(settings.welcome, "欢迎");
    assert_eq!(settings.history, NewcomerHistory::All);
    assert!(!settings.receipts);
}

#[test]
fn plain_members_configure_and_announce_nothing() {
    let (mut town, group) = town();
    let change = SettingsChangeV1 {
        hide_contacts: Some(true),
        ..NO_CHANGE
    };
    for person in [CAROL, DAVE] {
        let configured = town.configure(by(person), group, change.clone());
        assert!(not_permitted(configured));
        assert!(not_permitted(town.announce(by(person), group, "x")));
    }
}

#[test]
fn a_change_of_nothing_and_a_welcome_without_end_are_refused() {
    let (mut town, group) = town();
    assert!(invalid(
        town.configure(by(ALICE), group, NO_CHANGE),
        "change"
    ));
    let welcome = |chars| SettingsChangeV1 {
        welcome: Some("群".repeat(chars)),
        ..NO_CHANGE
    };
    town.configure(by(ALICE), group, welcome(1_024)).unwrap();
    let refused = town.configure(by(ALICE), group, welcome(1_025));
    assert!(invalid(refused, "welcome"));
}

#[test]
fn an_admin_renames_a_group_unless_its_name_is_locked() {
    let (mut town, group) = town();
    let boss = town.super_admin();
    rename(&mut town, by(BOB), group).unwrap();
    assert!(not_permitted(rename(&mut town, by(CAROL), group)));
    town.configure(by(boss), group, lock(true)).unwrap();
    for person in [ALICE, BOB] {
        assert!(not_permitted(rename(&mut town, by(person), group)));
        let unlocked = town.configure(by(person), group, lock(false));
        assert!(not_permitted(unlocked), "else the lock would hold nobody");
    }
    rename(&mut town, by(boss), group).unwrap();
    town.configure(Actor::Enterprise, group, lock(false))
        .unwrap();
    rename(&mut town, by(BOB), group).unwrap();
}

#[test]
fn the_name_of_a_group_bound_to_a_department_is_locked_until_it_is_unlocked() {
    use crate::model::state::DepartmentIndex;
    use crate::wire::DepartmentId;
    let (mut town, group) = town();
    let bound = DepartmentIndex::within(DepartmentId(1), 1);
    town.state.tenants[0].groups[0].department = bound;
    assert!(town.settings(by(ALICE), group).unwrap().name_locked);
    assert!(not_permitted(rename(&mut town, by(ALICE), group)));
    town.configure(Actor::Enterprise, group, lock(false))
        .unwrap();
    rename(&mut town, by(ALICE), group).unwrap();
}

#[test]
fn an_announcement_of_4_kib_is_shown_to_everybody_and_can_be_taken_down() {
    let (mut town, group) = town();
    let text = "a".repeat(4 * 1_024);
    let sequence = town.announce(by(BOB), group, &text).unwrap();
    let shown = town.projection().envelopes.remove(0);
    assert_eq!(shown.header().kind(), Kind::Announced);
    assert_eq!(shown.header().sequence(), sequence);
    assert_eq!(shown.body(), text.as_bytes());
    let record = shown.header().record();
    let settings = town.settings(by(CAROL), group).unwrap();
    assert_eq!(
        (settings.announced_in, settings.announced_by),
        (record, BOB),
        "the text is asked of its record"
    );
    assert_eq!(settings.announced_at, town.now);
    assert!(settings.announcement.is_empty() && !settings.announcement_gone);
    let standing: Vec<_> = announcements(&town.state).collect();
    assert_eq!(standing, [(town.tenant, group, record)]);
    let longer = town.announce(by(BOB), group, &(text + "a"));
    assert!(invalid(longer, "text"));
    town.announce(by(ALICE), group, "").unwrap();
    let settings = town.settings(by(CAROL), group).unwrap();
    assert_eq!(settings.announced_by, PersonId(0));
    assert_eq!(settings.announced_in, RecordNumber(0));
    assert_eq!(announcements(&town.state).count(), 0);
}

#[test]
fn no_event_and_no_snapshot_has_the_text_of_an_announcement() {
    let (mut town, group) = town();
    let text = "the merger is on Friday";
    town.announce(by(BOB), group, text).unwrap();
    let record = town.last.as_ref().unwrap();
    assert_eq!(record.view, text.as_bytes());
    let mut events = Vec::new();
    event::encode_all(&record.events, &mut events);
    for bytes in [events, town.state.to_snapshot()] {
        let says = |bytes: &[u8]| bytes.windows(6).any(|some| some == b"merger");
        assert!(!says(&bytes));
    }
}

#[test]
fn members_are_listed_by_the_directorys_name() {
    let (mut town, group) = town();
    let members = town.members_as(by(CAROL), group).unwrap();
    let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["Person"; 3]);
    assert!(
        members
            .iter()
            .all(|member| member.source == JoinSource::Created)
    );
}

#[test]
fn where_contacts_are_hidden_plain_members_see_leaders_and_themselves() {
    let (mut town, group) = town();
    town.add(by(ALICE), group, &[DAVE]).unwrap();
    let hide = SettingsChangeV1 {
        hide_contacts: Some(true),
        ..NO_CHANGE
    };
    town.configure(by(ALICE), group, hide).unwrap();
    let mut seen = |actor| {
        let members = town.members_as(actor, group).unwrap();
        let people: Vec<_> = members.iter().map(|member| member.person).collect();
        people
    };
    assert_eq!(seen(by(DAVE)), [ALICE, BOB, DAVE]);
    assert_eq!(seen(by(CAROL)), [ALICE, BOB, CAROL]);
    for leader in [by(ALICE), by(BOB), Actor::Enterprise] {
        assert_eq!(seen(leader), [ALICE, BOB, CAROL, DAVE]);
    }
    let listed = T::ListMembers(crate::model::command::ListMembersV1 {
        group,
        after: PersonId(0),
        limit: 10,
    });
    match town.ask(by(DAVE), listed) {
        Ok(crate::model::command::Reply::Members(page)) => assert_eq!(page.members.len(), 3),
        other => panic!("{other:?}"),
    }
}

#[test]
fn tags_are_noted_by_leaders_and_shown_to_employees_only() {
    let mut town = Town::with_employees(3);
    let customer = town.customers(1)[0];
    let group = town.external_group(ALICE, &[BOB, customer]);
    let tags = ["VIP", "华东"];
    assert!(not_permitted(town.tag(by(BOB), group, customer, &tags)));
    town.tag(by(ALICE), group, customer, &tags).unwrap();
    let mut shown = |actor| {
        let members = town.members_as(actor, group).unwrap();
        members.last().unwrap().tags.clone()
    };
    assert_eq!(shown(by(BOB)), tags);
    assert_eq!(shown(Actor::Enterprise), tags);
    assert!(shown(by(customer)).is_empty());

    let many: Vec<_> = (0..17).map(|n| n.to_string()).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert!(invalid(town.tag(by(ALICE), group, customer, &many), "tags"));
    let twice = town.tag(by(ALICE), group, customer, &["a", "a"]);
    assert!(invalid(twice, "tags"));
    town.tag(by(ALICE), group, customer, &[]).unwrap();
    let members = town.members_as(by(BOB), group).unwrap();
    assert!(members.last().unwrap().tags.is_empty());
}

#[test]
fn do_not_disturb_is_ones_own_and_shown_to_oneself() {
    let (mut town, group) = town();
    assert!(not_permitted(town.do_not_disturb(by(ALICE), group, CAROL)));
    town.do_not_disturb(by(CAROL), group, CAROL).unwrap();
    assert!(town.settings(by(CAROL), group).unwrap().do_not_disturb);
    assert!(!town.settings(by(ALICE), group).unwrap().do_not_disturb);
    let quiet = |members: Vec<crate::model::command::MemberStateV2>| {
        members
            .iter()
            .filter(|member| member.do_not_disturb)
            .count()
    };
    assert_eq!(quiet(town.members_as(by(CAROL), group).unwrap()), 1);
    assert_eq!(quiet(town.members_as(by(ALICE), group).unwrap()), 0);
    let outsider = town.do_not_disturb(by(DAVE), group, DAVE);
    assert!(matches!(outsider, Err(Refusal::NotAMember { .. })));
}

#[test]
fn nothing_is_noted_of_who_has_left_but_that_they_are_silent() {
    let (mut town, group) = town();
    town.do_not_disturb(by(CAROL), group, CAROL).unwrap();
    town.tag(by(ALICE), group, CAROL, &["VIP"]).unwrap();
    town.hide(CAROL, group).unwrap();
    let forever = Timestamp(i64::MAX);
    town.mute(by(ALICE), group, CAROL, forever).unwrap();
    town.leave(CAROL, group).unwrap();
    town.add(by(ALICE), group, &[CAROL]).unwrap();
    assert_eq!(town.groups_of(CAROL), [group]);
    let settings = town.settings(by(CAROL), group).unwrap();
    assert!(!settings.do_not_disturb && !settings.hidden);
    assert_eq!(settings.muted_until, forever);
    let members = town.members_as(by(ALICE), group).unwrap();
    assert!(members.iter().all(|member| member.tags.is_empty()));
}

#[test]
fn how_somebody_came_in_is_kept_where_it_is_unusual() {
    let (mut town, group) = town();
    let joined = Event::MembersJoinedV2(MembersJoinedV2 {
        group,
        people: vec![DAVE],
        source: JoinSource::Code,
        label: "展会".to_owned(),
        notice: 0,
    });
    let stamp = town.last.as_ref().unwrap().stamp;
    crate::model::apply(&mut town.state, &stamp, &[joined]);
    town.add(by(ALICE), group, &[PersonId(5)]).unwrap();
    let members = town.members_as(by(ALICE), group).unwrap();
    let sources: Vec<_> = members.iter().map(|member| member.source).collect();
    let (created, code) = (JoinSource::Created, JoinSource::Code);
    let expected = [created, created, created, code, JoinSource::Added];
    assert_eq!(sources, expected);
    assert_eq!(members[3].label, "展会");
    let settings = town.state.tenants[0].groups[0].settings();
    assert_eq!(settings.sources.len(), 1);
}

#[test]
fn all_of_it_is_in_a_snapshot() {
    let (mut town, group) = town();
    town.announce(by(BOB), group, "明天放假").unwrap();
    town.configure(Actor::Enterprise, group, lock(true))
        .unwrap();
    town.slow_mode(by(ALICE), group, 10).unwrap();
    town.say(CAROL, group).unwrap();
    town.mute(by(ALICE), group, CAROL, Timestamp(i64::MAX))
        .unwrap();
    town.tag(by(ALICE), group, CAROL, &["VIP"]).unwrap();
    town.do_not_disturb(by(CAROL), group, CAROL).unwrap();
    town.hide(CAROL, group).unwrap();
    let other = town.internal_group(BOB, &[ALICE, CAROL]);
    town.dissolve(by(BOB), other).unwrap();
    town.delete_group(Actor::Enterprise, other).unwrap();
    let read = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(read.hash(), town.state.hash());
    assert_eq!(town.replayed().hash(), town.state.hash());
    let before = town.settings(by(CAROL), group).unwrap();
    town.state = read;
    assert_eq!(town.settings(by(CAROL), group).unwrap(), before);
    assert_eq!(town.hidden_from(CAROL), [group]);
}
