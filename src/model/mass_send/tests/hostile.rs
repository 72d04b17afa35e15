//! Events that no `decide` made: they change nothing they should not, and nothing panics.

use proptest::prelude::*;

use crate::model::command::PolicyId;
use crate::model::event::{
    Event, MassSendAcceptedV2, MassSendCancelledV1, MassSendReachedV1, MassSendTargetRefusedV2,
    MassSendTargetV1,
};
use crate::model::town::{ALICE, BOB, CAROL, Town};
use crate::model::{Stamp, State, apply};
use crate::wire::{ClientMessageId, DeviceId, GroupId, PersonId, RecordNumber, Timestamp};

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![12 => 0..6_u64, 1 => Just(u64::from(u32::MAX)), 1 => Just(u64::MAX)]
}

fn record() -> impl Strategy<Value = RecordNumber> {
    (0..12_u64).prop_map(RecordNumber)
}

fn event() -> impl Strategy<Value = Event> {
    let ids = || prop::collection::vec(number(), 0..3);
    prop_oneof![
        (number(), ids(), ids(), 0..16_u8).prop_map(|(sender, groups, customers, kind)| {
            Event::MassSendAcceptedV2(MassSendAcceptedV2 {
                sender: PersonId(sender),
                device: DeviceId(0),
                groups: groups.into_iter().map(GroupId).collect(),
                customers: customers.into_iter().map(PersonId).collect(),
                kind,
                priority: kind % 4,
                client_message_id: ClientMessageId(kind.into()),
                body_digest: 0,
            })
        }),
        (record(), number(), number()).prop_map(|(mass_send, customer, group)| {
            Event::MassSendReached(MassSendReachedV1 {
                mass_send,
                customer: PersonId(customer),
                group: GroupId(group),
            })
        }),
        (record(), number()).prop_map(|(mass_send, group)| {
            let group = GroupId(group);
            Event::MassSendDelivered(MassSendTargetV1 { mass_send, group })
        }),
        (record(), number(), number()).prop_map(|(mass_send, customer, group)| {
            Event::MassSendTargetRefusedV2(MassSendTargetRefusedV2 {
                mass_send,
                group: GroupId(group),
                customer: PersonId(customer),
                code: 15,
                policy: PolicyId(2),
            })
        }),
        record().prop_map(|mass_send| Event::MassSendCancelled(MassSendCancelledV1 { mass_send })),
    ]
}

proptest! {
    #[test]
    fn any_events_of_mass_sends_make_a_state_that_a_snapshot_keeps(
        records in prop::collection::vec((record(), prop::collection::vec(event(), 0..4)), 0..30),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u32), 0..3),
    ) {
        let mut town = Town::with_employees(3);
        town.customers(2);
        town.internal_group(ALICE, &[BOB, CAROL]);
        let stamp = town.last.clone().unwrap().stamp;
        for (record, events) in &records {
            let stamp = Stamp { record: *record, ..stamp };
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
        town.next = RecordNumber(99);
        for _ in 0..40 {
            if town.state.has_continuation() {
                town.slice();
            }
        }
        town.now = Timestamp(i64::MAX);
        let _ = town.state.hash();
    }
}
