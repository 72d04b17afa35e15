//! What one member got, compared with what was sent to it. Independent of the client's own cursors:
//! those drop what comes twice, this counts what they let through.

use hdrhistogram::Histogram;
use throng::client::Arrival;
use throng::wire::{GroupId, Header, Priority, Sequence};

use crate::ledger::{Ledger, latencies};

/// What many members got.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Messages that were right.
    pub(crate) deliveries: u64,
    /// The same sequence twice, or the same message under two sequences.
    pub(crate) duplicated: u64,
    /// Not urgent, and before something that had come already.
    pub(crate) reordered: u64,
    /// Not what was sent: another body, sender or group, or nothing that was ever sent.
    pub(crate) corrupted: u64,
    /// Dropped by the client because it had come before.
    pub(crate) redelivered: u64,
    /// Microseconds from due to delivered.
    pub(crate) latency: Histogram<u64>,
    /// Of this, members who stay while others are away: in each [`Window`](crate::away::Window).
    pub(crate) windows: [Histogram<u64>; 2],
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            deliveries: 0,
            duplicated: 0,
            reordered: 0,
            corrupted: 0,
            redelivered: 0,
            latency: latencies(),
            windows: [latencies(), latencies()],
        }
    }
}

impl Tally {
    /// Adds what others got.
    pub(crate) fn add(&mut self, other: &Self) {
        self.deliveries += other.deliveries;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.corrupted += other.corrupted;
        self.redelivered += other.redelivered;
        self.latency += &other.latency;
        for (own, other) in self.windows.iter_mut().zip(&other.windows) {
            *own += other;
        }
    }
}

/// A set of sequences, dense from 1.
#[derive(Clone, Debug, Default)]
struct Seen(Vec<u64>);

impl Seen {
    /// Adds `sequence`; false when it was in.
    fn insert(&mut self, sequence: Sequence) -> bool {
        let (word, bit) = ((sequence.0 / 64) as usize, 1 << (sequence.0 % 64));
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        new
    }
}

#[derive(Clone, Debug)]
struct Place {
    id: GroupId,
    number: usize,
    last: Sequence,
    seen: Seen,
}

/// What one member got.
#[derive(Clone, Debug)]
pub(crate) struct Inbox {
    places: Vec<Place>,
    /// Its member is never away.
    stays: bool,
}

/// Sequences beyond this are no group's of a run: a set of them would have no bound.
const SEQUENCE_MAX: u64 = 1 << 26;

impl Inbox {
    /// The empty inbox of member number `member`.
    pub(crate) fn new(ledger: &Ledger, member: usize) -> Self {
        let groups = ledger.plan.groups_of(member);
        let place = |number: usize| Place {
            id: ledger.group_ids[number],
            number,
            last: Sequence(0),
            seen: Seen::default(),
        };
        Self {
            places: groups.into_iter().map(place).collect(),
            stays: {
                let schedule = ledger.plan.schedule.as_ref();
                schedule.is_some_and(|schedule| schedule.stays(member))
            },
        }
    }

    /// Checks one arrival. Skips move cursors and say nothing of messages: what they hide is lost.
    pub(crate) fn take(
        &mut self,
        ledger: &Ledger,
        tally: &mut Tally,
        arrival: &Arrival<'_>,
        now_us: u64,
    ) {
        if let Arrival::Envelope { header, body } = arrival {
            self.envelope(ledger, tally, header, body, now_us);
        }
    }

    fn envelope(
        &mut self,
        ledger: &Ledger,
        tally: &mut Tally,
        header: &Header,
        body: &[u8],
        now_us: u64,
    ) {
        let sequence = header.sequence();
        let place = self.places.iter_mut().find(|p| p.id == header.group());
        let Some(place) = place.filter(|_| sequence.0 <= SEQUENCE_MAX) else {
            tally.corrupted += 1;
            return;
        };
        if !place.seen.insert(sequence) {
            tally.duplicated += 1;
            return;
        }
        if header.priority() != Priority::Urgent {
            if sequence < place.last {
                tally.reordered += 1;
            }
            place.last = place.last.max(sequence);
        }
        if !header.kind().is_message() {
            return;
        }
        let Some((number, copy)) = identify(ledger, header, body, place.number) else {
            tally.corrupted += 1;
            return;
        };
        if !ledger.place(copy, sequence) {
            tally.duplicated += 1;
            return;
        }
        tally.deliveries += 1;
        let latency = ledger.delivered(number, copy, now_us);
        tally.latency.saturating_record(latency);
        if let Some(window) = ledger.plan.window(number).filter(|_| self.stays) {
            tally.windows[window as usize].saturating_record(latency);
        }
    }
}

/// The message and copy this is, when its body and sender are what was sent.
pub(crate) fn identify(
    ledger: &Ledger,
    header: &Header,
    body: &[u8],
    group: usize,
) -> Option<(usize, usize)> {
    let number = ledger.plan.number(header.client_message_id())?;
    let copy = ledger.plan.copy(number, group)?;
    let message = &ledger.plan.messages[number];
    let right = message.body == body && header.sender() == ledger.person_ids[message.sender];
    right.then_some((number, copy))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use throng::wire::{Envelope, HeaderFields, Kind, PersonId, RecordNumber};

    use super::*;
    use crate::ledger::Acknowledged;
    use crate::plan::tests::{plan, scenario};

    struct Scene {
        ledger: Ledger,
        inbox: Inbox,
        tally: Tally,
    }

    /// Member 2 of one group of three, to whom six messages go.
    fn scene() -> Scene {
        let plan = plan(&scenario(3, 1, 3));
        let people = vec![PersonId(11), PersonId(12), PersonId(13)];
        let ledger = Ledger::new(plan, vec![GroupId(21)], people, 64, Instant::now());
        for number in 0..6 {
            ledger.sent(number, 1_000);
        }
        Scene {
            inbox: Inbox::new(&ledger, 2),
            tally: Tally::default(),
            ledger,
        }
    }

    impl Scene {
        /// Message `number` arrives under `sequence`, after `change`.
        fn arrives(&mut self, number: usize, sequence: u64, change: impl Fn(&mut HeaderFields)) {
            let message = self.ledger.plan.messages[number].clone();
            let mut fields = HeaderFields {
                kind: Kind::Text,
                group: GroupId(21),
                sequence: Sequence(sequence),
                sender: self.ledger.person_ids[message.sender],
                client_message_id: self.ledger.plan.client_message_id(number),
                ..HeaderFields::default()
            };
            change(&mut fields);
            let envelope = Envelope::new(&fields, &message.body).unwrap();
            let arrival = Arrival::Envelope {
                header: envelope.header(),
                body: envelope.body(),
            };
            self.inbox
                .take(&self.ledger, &mut self.tally, &arrival, 1_500);
        }

        fn counts(&self) -> [u64; 4] {
            let t = &self.tally;
            [t.deliveries, t.duplicated, t.reordered, t.corrupted]
        }
    }

    #[test]
    fn what_was_sent_is_counted_once_with_its_latency() {
        let mut scene = scene();
        scene.arrives(0, 2, |_| {});
        scene.arrives(1, 3, |_| {});
        assert_eq!(scene.counts(), [2, 0, 0, 0]);
        assert_eq!(scene.tally.latency.max(), 500);
    }

    #[test]
    fn a_sequence_twice_is_a_duplicate_and_so_is_a_message_twice() {
        let mut scene = scene();
        scene.arrives(0, 2, |_| {});
        scene.arrives(0, 2, |_| {});
        assert_eq!(scene.counts(), [1, 1, 0, 0]);
        scene.arrives(0, 3, |_| {});
        assert_eq!(scene.counts(), [1, 2, 0, 0]);
    }

    #[test]
    fn a_message_behind_a_later_one_is_reordered_unless_that_was_urgent() {
        let mut scene = scene();
        scene.arrives(1, 3, |_| {});
        scene.arrives(0, 2, |_| {});
        assert_eq!(scene.counts(), [2, 0, 1, 0]);
        scene.arrives(3, 5, |fields| fields.priority = Priority::Urgent);
        scene.arrives(2, 4, |_| {});
        assert_eq!(scene.counts(), [4, 0, 1, 0]);
    }

    #[test]
    fn another_body_sender_group_or_name_is_corrupt() {
        let mut scene = scene();
        let next = scene.ledger.plan.client_message_id(1);
        scene.arrives(0, 2, |fields| fields.client_message_id = next);
        scene.arrives(1, 3, |fields| fields.sender = PersonId(99));
        scene.arrives(2, 4, |fields| fields.group = GroupId(99));
        scene.arrives(3, 5, |fields| fields.client_message_id.0 = 4);
        scene.arrives(4, u64::MAX, |_| {});
        assert_eq!(scene.counts(), [0, 0, 0, 5]);
    }

    #[test]
    fn membership_changes_are_no_messages_but_keep_their_order() {
        let mut scene = scene();
        scene.arrives(0, 2, |_| {});
        scene.arrives(0, 1, |fields| fields.kind = Kind::GroupCreated);
        assert_eq!(scene.counts(), [1, 0, 1, 0]);
    }

    #[test]
    fn what_is_acknowledged_and_does_not_reach_everybody_is_lost() {
        let mut scene = scene();
        scene.arrives(0, 2, |_| {});
        assert_eq!(scene.ledger.lost(), 0, "nothing is acknowledged");
        let acknowledged = Acknowledged {
            sequence: Sequence(2),
            record: Some(RecordNumber(9)),
        };
        scene.ledger.acknowledged(0, acknowledged);
        assert_eq!(scene.ledger.lost(), 2, "two of three have not had it");
        assert_eq!(scene.ledger.first_recipient().len(), 1);
        assert_eq!(scene.ledger.last_recipient().len(), 0);
        for member in 0..2 {
            scene.inbox = Inbox::new(&scene.ledger, member);
            scene.arrives(0, 2, |_| {});
        }
        assert_eq!(scene.ledger.lost(), 0);
        assert_eq!(scene.ledger.first_recipient().len(), 1);
        assert_eq!(scene.ledger.last_recipient().len(), 1);
    }

    #[test]
    fn a_run_is_complete_when_all_is_answered_and_with_everybody() {
        let mut scene = scene();
        for number in 0..5 {
            scene.ledger.refused(number, "GroupDissolved");
        }
        scene.ledger.answered();
        for member in 0..3 {
            assert!(
                !scene.ledger.is_complete(),
                "member {member} has not had it"
            );
            scene.inbox = Inbox::new(&scene.ledger, member);
            scene.arrives(5, 2, |_| {});
        }
        assert!(scene.ledger.is_complete());
        assert_eq!(scene.ledger.refusals()["GroupDissolved"], 5);
    }
}
