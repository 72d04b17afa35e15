//! Events that no `decide` made: they change nothing they should not, and nothing panics.

use proptest::prelude::*;

use crate::model::command::{
    Actor, PolicyId, PolicyV1, QuotaScope, QuotaSenders, QuotaUnit, QuotaWindow, SenderClass,
    WhenExceeded,
};
use crate::model::event::{
    ChargeV1, ChargedV1, Event, PolicyRemovedV1, PolicySetV1, QuotaAccountV1, SenderClassSetV1,
};
use crate::model::town::{ALICE, BOB, CAROL, Town, by};
use crate::model::{State, apply};
use crate::wire::{GroupId, PersonId, Timestamp};

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 0..5_u64, 1 => Just(u64::from(u32::MAX)), 1 => Just(u64::MAX)]
}

fn time() -> impl Strategy<Value = Timestamp> {
    let sane = 1_772_377_200_000_000..1_772_377_200_000_100_i64;
    prop_oneof![8 => sane, 1 => Just(i64::MIN), 1 => Just(i64::MAX)].prop_map(Timestamp)
}

fn id() -> impl Strategy<Value = PolicyId> {
    prop_oneof![0..6_u16, 15..19_u16, Just(u16::MAX)].prop_map(PolicyId)
}

fn policy() -> impl Strategy<Value = PolicyV1> {
    let scope = prop::sample::select(vec![
        QuotaScope::Tenant,
        QuotaScope::Sender,
        QuotaScope::Member,
    ]);
    let unit = prop::sample::select(vec![QuotaUnit::Messages, QuotaUnit::MassSends]);
    let window = prop::sample::select(vec![QuotaWindow::Month, QuotaWindow::Rolling]);
    let zone = prop::sample::select(vec!["", "UTC", "nowhere"]);
    let terms = (window, zone, any::<u32>(), 0..4_u32);
    (id(), scope, unit, terms).prop_map(|(policy, scope, unit, terms)| PolicyV1 {
        policy,
        scope,
        unit,
        senders: QuotaSenders::All,
        window: terms.0,
        zone: terms.1.to_owned(),
        length_s: terms.2,
        limit: terms.3,
        exceeded: WhenExceeded::Freeze,
    })
}

fn account() -> impl Strategy<Value = QuotaAccountV1> {
    (id(), number(), number()).prop_map(|(policy, group, person)| QuotaAccountV1 {
        policy,
        group: GroupId(group),
        person: PersonId(person),
    })
}

fn event() -> impl Strategy<Value = Event> {
    let charge = (account(), any::<u32>(), time(), time());
    let charge = charge.prop_map(|(account, amount, window_starts, window_ends)| ChargeV1 {
        policy: account.policy,
        group: account.group,
        person: account.person,
        amount,
        window_starts,
        window_ends,
    });
    prop_oneof![
        4 => prop::collection::vec(charge, 0..4)
            .prop_map(|charges| Event::Charged(ChargedV1 { charges })),
        1 => account().prop_map(Event::QuotaFrozen),
        1 => account().prop_map(Event::QuotaFreezeLifted),
        2 => (policy(), time())
            .prop_map(|(policy, from)| Event::PolicySet(PolicySetV1 { policy, from })),
        1 => (id(), time())
            .prop_map(|(policy, from)| Event::PolicyRemoved(PolicyRemovedV1 { policy, from })),
        1 => number().prop_map(|person| Event::SenderClassSet(SenderClassSetV1 {
            person: PersonId(person),
            class: SenderClass::Personal,
        })),
    ]
}

proptest! {
    #[test]
    fn any_events_of_quotas_make_a_state_that_a_snapshot_keeps(
        records in prop::collection::vec((time(), prop::collection::vec(event(), 0..4)), 0..30),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 0..3),
    ) {
        let mut town = Town::with_employees(3);
        let group = town.internal_group(ALICE, &[BOB, CAROL]);
        let stamp = town.last.clone().unwrap().stamp;
        for (timestamp, events) in &records {
            let stamp = crate::model::Stamp { timestamp: *timestamp, ..stamp };
            apply(&mut town.state, &stamp, events);
        }
        let mut bytes = town.state.to_snapshot();
        let again = State::from_snapshot(&bytes).unwrap();
        prop_assert_eq!(again.hash(), town.state.hash());
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Ok(state) = State::from_snapshot(&bytes) {
            town.state = state;
        }
        for person in [ALICE, BOB] {
            let _ = town.say(person, group);
            let _ = town.mass_send(person, &[group], 0);
            let _ = town.remove_policy(Actor::Enterprise, 17);
            let _ = town.release_freeze(by(person), 17, group, person);
        }
        let _ = town.state.hash();
    }
}
