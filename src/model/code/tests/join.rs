use crate::model::command::{
    Actor, CreateJoinCodeV1, GroupKind, JoinCodeV1, JoinSource, ListJoinCodesV1, Reply,
    TaggedCommand as T, ValidityV1,
};
use crate::model::event::Event;
use crate::model::town::codes::{Came, plain_code};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, ERIN, Town, at, by};
use crate::model::{Limits, Refusal};
use crate::wire::{GroupId, JoinCodeId, Kind, PersonId, Timestamp};

use super::assert_kept;

const MINUTE_US: i64 = 60_000_000;

fn town_with_a_group() -> (Town, GroupId) {
    let mut town = Town::with_employees(9);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    (town, group)
}

#[test]
fn whoever_knows_the_code_joins_in_one_record_that_counts_it() {
    let (mut town, group) = town_with_a_group();
    let code = town.code(CreateJoinCodeV1 {
        label: "春招".to_owned(),
        ..plain_code(group)
    });
    assert_eq!(town.join_by(DAVE, &code.text), Ok(Came::Into(group)));
    let record = town.last.clone().unwrap();
    assert!(matches!(
        record.events.as_slice(),
        [Event::MembersJoinedV2(joined), Event::JoinCodeUsed(_)]
            if joined.source == JoinSource::Code && joined.label == "春招"
    ));
    assert_eq!(
        record.stamp.kind,
        Kind::Joined,
        "what members see is a join"
    );
    assert_eq!(record.applied.takes.len(), 1);
    let envelopes = town.projection().envelopes;
    assert_eq!(envelopes.len(), 1);
    town.say(DAVE, group).expect("DAVE is a member");
    let state = town.code_state(code.code);
    assert_eq!((state.label.as_str(), state.joined), ("春招", 1));
    assert_eq!(state.last_join, town.now);
    assert_kept(&town);
}

#[test]
fn a_code_is_read_whatever_its_case_and_dashes() {
    let (mut town, group) = town_with_a_group();
    let code = town.code(plain_code(group));
    let typed = code.text.to_lowercase().replace('-', "");
    assert_eq!(town.join_by(DAVE, &typed), Ok(Came::Into(group)));
}

#[test]
fn two_codes_are_never_alike_and_follow_from_the_decisions_randomness() {
    let (mut town, group) = town_with_a_group();
    let mut texts: Vec<_> = (0..100)
        .map(|_| town.code(plain_code(group)).text)
        .collect();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), 100);
}

#[test]
fn a_code_ends_with_its_time() {
    let start = at("2026-03-01T09:00:00+08:00");
    let three_days = start.plus_micros(72 * 60 * MINUTE_US);
    let soon = start.plus_micros(1);
    for (validity, end) in [
        (ValidityV1::Hours72, three_days),
        (ValidityV1::Until(soon), soon),
    ] {
        let (mut town, group) = town_with_a_group();
        let code = town.code(CreateJoinCodeV1 {
            validity,
            ..plain_code(group)
        });
        town.now = end.plus_micros(-1);
        town.join_by(DAVE, &code.text).expect("the last moment");
        town.now = end;
        let expired = Err(Refusal::JoinCodeExpired { at: end });
        assert_eq!(town.join_by(ERIN, &code.text), expired);
    }
}

#[test]
fn a_code_does_not_end_before_it_begins() {
    let (mut town, group) = town_with_a_group();
    let past = CreateJoinCodeV1 {
        validity: ValidityV1::Until(town.now),
        ..plain_code(group)
    };
    let refused = town.try_code(Actor::Enterprise, past);
    assert!(matches!(
        refused,
        Err(Refusal::Invalid {
            field: "validity",
            ..
        })
    ));
}

#[test]
fn a_permanent_code_outlives_a_century() {
    let (mut town, group) = town_with_a_group();
    let code = town.code(plain_code(group));
    town.now = at("2126-03-01T09:00:00+08:00");
    assert_eq!(town.join_by(DAVE, &code.text), Ok(Came::Into(group)));
}

#[test]
fn a_revoked_code_lets_nobody_in_and_says_so() {
    let (mut town, group) = town_with_a_group();
    let code = town.code(plain_code(group));
    town.revoke(code.code);
    assert_eq!(
        town.join_by(DAVE, &code.text),
        Err(Refusal::JoinCodeRevoked)
    );
    let records = town.log.len();
    town.revoke(code.code);
    assert_eq!(town.log.len(), records, "revoking again changes nothing");
    assert!(town.code_state(code.code).revoked);
}

#[test]
fn a_code_for_two_lets_exactly_two_in() {
    let (mut town, group) = town_with_a_group();
    let code = town.code(CreateJoinCodeV1 {
        uses_max: 2,
        ..plain_code(group)
    });
    town.join_by(DAVE, &code.text).unwrap();
    town.join_by(ERIN, &code.text).unwrap();
    let used_up = Err(Refusal::JoinCodeUsedUp { uses_max: 2 });
    assert_eq!(town.join_by(PersonId(6), &code.text), used_up);
    assert_kept(&town);
}

#[test]
fn the_last_place_by_code_goes_to_one() {
    let limits = Limits {
        internal_members_max: 4,
        ..Limits::default()
    };
    let mut town = Town::with_employees(9).limited(limits);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let code = town.code(plain_code(group));
    town.join_by(DAVE, &code.text).unwrap();
    let full = Err(Refusal::GroupFull { group, cap: 4 });
    assert_eq!(town.join_by(ERIN, &code.text), full);
    assert_eq!(
        town.code_state(code.code).joined,
        1,
        "a refusal is not counted"
    );
}

#[test]
fn a_member_does_not_join_again() {
    let (mut town, group) = town_with_a_group();
    let code = town.code(plain_code(group));
    let already = |person| Err(Refusal::AlreadyAMember { person, group });
    assert_eq!(town.join_by(BOB, &code.text), already(BOB));
    town.join_by(DAVE, &code.text).unwrap();
    assert_eq!(town.join_by(DAVE, &code.text), already(DAVE));
}

#[test]
fn customers_join_external_groups_only() {
    let (mut town, group) = town_with_a_group();
    let customer = town.customers(1)[0];
    let external = town.external_group(ALICE, &[BOB, CAROL]);
    let inside = town.code(plain_code(group));
    let outside = town.code(plain_code(external));
    let refused = Err(Refusal::NotAnEmployee { person: customer });
    assert_eq!(town.join_by(customer, &inside.text), refused);
    assert_eq!(
        town.join_by(customer, &outside.text),
        Ok(Came::Into(external))
    );
}

#[test]
fn who_is_not_activated_frozen_or_gone_joins_nothing() {
    use crate::model::command::PersonStatus;
    let (mut town, group) = town_with_a_group();
    let code = town.code(plain_code(group));
    let mut refused = |status| {
        town.state.tenants[0].people[3].status = status;
        town.join_as(Actor::Enterprise, DAVE, &code.text)
    };
    let person = DAVE;
    assert_eq!(
        refused(PersonStatus::Invited),
        Err(Refusal::NotActivated { person })
    );
    assert_eq!(
        refused(PersonStatus::Frozen),
        Err(Refusal::AccountFrozen { person })
    );
    assert_eq!(
        refused(PersonStatus::Departed),
        Err(Refusal::Departed { person })
    );
    assert_eq!(refused(PersonStatus::Active), Ok(Came::Into(group)));
}

#[test]
fn nobody_joins_for_another_but_the_enterprise() {
    let (mut town, group) = town_with_a_group();
    let code = town.code(plain_code(group));
    let refused = town.join_as(by(ALICE), DAVE, &code.text);
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    assert_eq!(
        town.join_as(Actor::Enterprise, DAVE, &code.text),
        Ok(Came::Into(group))
    );
}

#[test]
fn a_group_that_is_over_is_joined_by_no_code() {
    let (mut town, group) = town_with_a_group();
    let code = town.code(plain_code(group));
    town.dissolve(Actor::Enterprise, group).unwrap();
    let dissolved = Refusal::GroupDissolved { group };
    assert_eq!(town.join_by(DAVE, &code.text), Err(dissolved.clone()));
    let refused = town.try_code(Actor::Enterprise, plain_code(group));
    assert_eq!(refused, Err(dissolved));
}

#[test]
fn owner_and_admins_make_codes_and_members_do_not() {
    let (mut town, group) = town_with_a_group();
    town.appoint(group, BOB);
    let code = town.try_code(by(ALICE), plain_code(group)).unwrap();
    town.try_code(by(BOB), plain_code(group)).unwrap();
    let refused = town.try_code(by(CAROL), plain_code(group));
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    let code = code.code;
    for command in [
        T::RevokeJoinCode(JoinCodeV1 { code }),
        T::GetJoinCode(JoinCodeV1 { code }),
        T::ListJoinCodes(ListJoinCodesV1 {
            group,
            after: JoinCodeId(0),
            limit: 10,
        }),
    ] {
        let refused = town.ask(by(CAROL), command);
        assert!(
            matches!(refused, Err(Refusal::NotPermitted { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(town.code_state(code).creator, ALICE);
}

#[test]
fn a_direct_group_has_no_code() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.state.tenants[0].groups[0].kind = GroupKind::Direct;
    let refused = town.try_code(Actor::Enterprise, plain_code(group));
    assert!(matches!(
        refused,
        Err(Refusal::Invalid { field: "group", .. })
    ));
}

#[test]
fn a_groups_codes_are_listed_in_pages_and_bounded() {
    let limits = Limits {
        join_codes_per_group_max: 3,
        ..Limits::default()
    };
    let mut town = Town::with_employees(3).limited(limits);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let other = town.internal_group(ALICE, &[BOB, CAROL]);
    let codes: Vec<_> = (0..3).map(|_| town.code(plain_code(group)).code).collect();
    let refused = town.try_code(Actor::Enterprise, plain_code(group));
    assert_eq!(refused, Err(Refusal::TooManyJoinCodes { limit: 3 }));
    town.code(plain_code(other));
    let mut page = |after, limit| {
        let list = ListJoinCodesV1 {
            group,
            after,
            limit,
        };
        match town.ask(by(ALICE), T::ListJoinCodes(list)) {
            Ok(Reply::JoinCodes(page)) => {
                let ids: Vec<_> = page.codes.iter().map(|code| code.code).collect();
                (ids, page.more)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(page(JoinCodeId(0), 2), (codes[..2].to_vec(), true));
    assert_eq!(page(codes[1], 2), (codes[2..].to_vec(), false));
}

#[test]
fn the_sixth_guess_of_a_minute_is_not_looked_at() {
    let (mut town, group) = town_with_a_group();
    let code = town.code(plain_code(group));
    let start = town.now;
    for second in 0..5 {
        town.now = start.plus_micros(second * 1_000_000);
        assert_eq!(town.join_by(DAVE, "no code"), Err(Refusal::NoSuchJoinCode));
        let record = town.last.clone().unwrap();
        assert!(
            matches!(record.events.as_slice(), [Event::CodeGuessed(_)]),
            "each is a record"
        );
    }
    let barred = Err(Refusal::TooManyGuesses {
        retry_at: start.plus_micros(MINUTE_US),
    });
    let records = town.log.len();
    assert_eq!(town.join_by(DAVE, "no code"), barred);
    assert_eq!(
        town.join_by(DAVE, &code.text),
        barred,
        "the right one neither"
    );
    assert_eq!(
        town.log.len(),
        records,
        "what is not looked at costs nothing"
    );
    assert_eq!(
        town.join_by(ERIN, &code.text),
        Ok(Came::Into(group)),
        "another person is untouched"
    );
    assert_kept(&town);
    town.now = start.plus_micros(MINUTE_US);
    assert_eq!(
        town.join_by(DAVE, "no code"),
        Err(Refusal::NoSuchJoinCode),
        "one is forgotten"
    );
    let next = Err(Refusal::TooManyGuesses {
        retry_at: start.plus_micros(MINUTE_US + 1_000_000),
    });
    assert_eq!(town.join_by(DAVE, &code.text), next, "and one only");
    town.now = start.plus_micros(MINUTE_US + 1_000_000);
    assert_eq!(town.join_by(DAVE, &code.text), Ok(Came::Into(group)));
    assert_kept(&town);
}

#[test]
fn an_unknown_code_and_another_tenants_are_one_answer() {
    let (mut town, group) = town_with_a_group();
    let code = town.code(plain_code(group));
    let other = town.create_tenant("UTC", Timestamp(0));
    town.tenant = other;
    let stranger = town.employees(1)[0];
    let unknown = town.join_by(stranger, "0000-0000-0000-0000");
    assert_eq!(town.join_by(stranger, &code.text), unknown);
    assert_eq!(unknown, Err(Refusal::NoSuchJoinCode));
    let by_id = town.ask(
        Actor::Enterprise,
        T::GetJoinCode(JoinCodeV1 { code: code.code }),
    );
    assert_eq!(by_id, Err(Refusal::NoSuchJoinCode));
}

#[test]
fn a_known_code_that_lets_nobody_in_is_no_guess() {
    let (mut town, group) = town_with_a_group();
    let code = town.code(plain_code(group));
    town.revoke(code.code);
    for _ in 0..10 {
        assert_eq!(
            town.join_by(DAVE, &code.text),
            Err(Refusal::JoinCodeRevoked)
        );
    }
}
