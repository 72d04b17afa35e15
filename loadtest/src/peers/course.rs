//! The course of one round: which message is due, and what every subscriber has got of them.
//!
//! Sans-IO and told the time. A message is outstanding until its last subscriber has it; every payload
//! is compared whole with what was published, so that what is counted was really received.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::shape::{Load, number_of};
use crate::ledger::latencies;

/// What the subscribers got.
#[derive(Clone, Debug)]
pub(super) struct Books {
    /// Payloads that were right, each counted once a subscriber.
    pub(super) deliveries: u64,
    /// The same message twice to one subscriber.
    pub(super) duplicated: u64,
    /// After a later one of the same publisher.
    pub(super) reordered: u64,
    /// Not what was published.
    pub(super) corrupted: u64,
    /// Microseconds from due to the first subscriber of each message.
    pub(super) first: Histogram<u64>,
    /// Microseconds from due to the last subscriber of each message.
    pub(super) last: Histogram<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Message {
    /// When it counts as sent, from the start.
    sent_us: u64,
    /// Subscribers that lack it.
    remaining: u32,
}

/// What one subscriber has got.
#[derive(Clone, Debug)]
struct Inbox {
    /// One bit a message.
    seen: Vec<u64>,
    /// Per publisher, the number above its latest message.
    next: Vec<usize>,
}

/// One round.
pub(super) struct Course {
    load: Load,
    payloads: Vec<Vec<u8>>,
    messages: Vec<Message>,
    inboxes: Vec<Inbox>,
    /// The next message to publish.
    next: usize,
    outstanding: usize,
    start: Option<Instant>,
    finished_us: u64,
    books: Books,
}

impl Course {
    /// A round of `load` that has not started.
    pub(super) fn new(load: Load) -> Self {
        let inbox = Inbox {
            seen: vec![0; load.messages.div_ceil(64)],
            next: vec![0; load.publishers],
        };
        let message = Message {
            sent_us: 0,
            remaining: load.subscribers as u32,
        };
        Self {
            payloads: load.payloads(),
            messages: vec![message; load.messages],
            inboxes: vec![inbox; load.subscribers],
            next: 0,
            outstanding: 0,
            start: None,
            finished_us: 0,
            books: Books {
                deliveries: 0,
                duplicated: 0,
                reordered: 0,
                corrupted: 0,
                first: latencies(),
                last: latencies(),
            },
            load,
        }
    }

    /// The first message is due now.
    pub(super) fn start(&mut self, now: Instant) {
        self.start = Some(now);
    }

    fn micros(&self, now: Instant) -> u64 {
        let start = self.start.unwrap_or(now);
        now.saturating_duration_since(start).as_micros() as u64
    }

    /// The next message when it is due: who publishes it, and what.
    pub(super) fn publish(&mut self, now: Instant) -> Option<(usize, &[u8])> {
        if self.wait(now)? > Duration::ZERO {
            return None;
        }
        let number = self.next;
        // Paced, it counts from when it was due; otherwise from when there was room.
        self.messages[number].sent_us = match self.load.rate_per_s > 0.0 {
            true => self.load.due_us(number),
            false => self.micros(now),
        };
        self.next += 1;
        self.outstanding += 1;
        Some((self.load.publisher(number), &self.payloads[number]))
    }

    /// How long until the next message is due; none while only a delivery makes one due.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let open = self.start.is_some()
            && self.next < self.messages.len()
            && self.outstanding < self.load.window;
        open.then(|| {
            let due_us = self.load.due_us(self.next);
            Duration::from_micros(due_us.saturating_sub(self.micros(now)))
        })
    }

    /// `subscriber` got `payload`.
    pub(super) fn delivered(&mut self, subscriber: usize, payload: &[u8], now: Instant) {
        let number = number_of(payload)
            .filter(|number| *number < self.next && self.payloads[*number].as_slice() == payload);
        let Some(number) = number else {
            self.books.corrupted += 1;
            return;
        };
        let inbox = &mut self.inboxes[subscriber];
        let (word, bit) = (number / 64, 1 << (number % 64));
        if inbox.seen[word] & bit != 0 {
            self.books.duplicated += 1;
            return;
        }
        inbox.seen[word] |= bit;
        let next = &mut inbox.next[self.load.publisher(number)];
        if number < *next {
            self.books.reordered += 1;
        }
        *next = (*next).max(number + 1);
        self.books.deliveries += 1;
        self.count_down(number, now);
    }

    fn count_down(&mut self, number: usize, now: Instant) {
        let now_us = self.micros(now);
        let message = &mut self.messages[number];
        let latency_us = now_us.saturating_sub(message.sent_us);
        if message.remaining as usize == self.load.subscribers {
            self.books.first.saturating_record(latency_us);
        }
        message.remaining -= 1;
        if message.remaining == 0 {
            self.books.last.saturating_record(latency_us);
            self.outstanding -= 1;
            self.finished_us = self.finished_us.max(now_us);
        }
    }

    /// Whether every subscriber has every message.
    pub(super) fn is_complete(&self) -> bool {
        self.next == self.messages.len() && self.outstanding == 0
    }

    /// Deliveries that never came.
    pub(super) fn lost(&self) -> u64 {
        self.load.deliveries() as u64 - self.books.deliveries
    }

    /// From the first message's due time to the last delivery.
    pub(super) fn elapsed(&self) -> Duration {
        Duration::from_micros(self.finished_us)
    }

    /// What the subscribers got so far.
    pub(super) fn books(&self) -> &Books {
        &self.books
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape::Shape;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A course that has published `count` messages by now.
    fn course(shape: Shape, subscribers: usize, count: usize) -> (Course, Instant) {
        let mut course = Course::new(shape.load(subscribers, 10.0, 20.0));
        let start = Instant::now();
        course.start(start);
        let now = start + Duration::from_secs(5);
        for _ in 0..count {
            course.publish(now).expect("it is due");
        }
        (course, now)
    }

    fn counts(course: &Course) -> [u64; 4] {
        let b = course.books();
        [b.deliveries, b.duplicated, b.reordered, b.corrupted]
    }

    fn deliver(course: &mut Course, subscriber: usize, number: usize, now: Instant) {
        let payload = course.payloads[number].clone();
        course.delivered(subscriber, &payload, now);
    }

    #[test]
    fn a_paced_message_is_published_when_it_is_due_and_not_before() {
        let mut course = Course::new(Shape::Lone.load(3, 10.0, 20.0));
        let start = Instant::now();
        assert_eq!(course.wait(start), None, "it has not started");
        course.start(start);
        assert!(course.publish(start).is_some());
        assert!(course.publish(start).is_none());
        assert_eq!(course.wait(start + 20 * MS), Some(30 * MS));
        assert!(course.publish(start + 50 * MS).is_some());
    }

    #[test]
    fn a_burst_waits_until_the_last_subscriber_has_an_outstanding_message() {
        let (mut course, now) = course(Shape::Burst, 2, 64);
        assert!(course.publish(now).is_none());
        deliver(&mut course, 0, 0, now);
        assert!(course.publish(now).is_none(), "one of two lacks it");
        deliver(&mut course, 1, 0, now);
        assert!(course.publish(now).is_some());
    }

    #[test]
    fn the_first_and_the_last_subscriber_of_each_message_are_timed_from_its_due_time() {
        let mut course = Course::new(Shape::Lone.load(3, 10.0, 20.0));
        let start = Instant::now();
        course.start(start);
        course.publish(start + 4 * MS);
        for (subscriber, after) in [(1, 5), (0, 6), (2, 9)] {
            deliver(&mut course, subscriber, 0, start + after * MS);
        }
        let books = course.books();
        assert_eq!((books.first.len(), books.last.len()), (1, 1));
        assert!(books.first.max().abs_diff(5_000) < 10);
        assert!(books.last.max().abs_diff(9_000) < 10);
        assert_eq!(course.elapsed(), 9 * MS);
    }

    #[test]
    fn a_message_twice_is_a_duplicate_and_behind_a_later_one_is_reordered() {
        let (mut course, now) = course(Shape::Lone, 3, 3);
        for number in [0, 2, 2, 1] {
            deliver(&mut course, 0, number, now);
        }
        assert_eq!(counts(&course), [3, 1, 1, 0]);
    }

    #[test]
    fn messages_of_different_publishers_have_no_order_among_them() {
        let (mut course, now) = course(Shape::Published, 3, 12);
        deliver(&mut course, 0, 1, now);
        deliver(&mut course, 0, 0, now);
        assert_eq!(counts(&course), [2, 0, 0, 0]);
        deliver(&mut course, 0, 11, now);
        deliver(&mut course, 1, 11, now);
        deliver(&mut course, 1, 1, now);
        assert_eq!(
            counts(&course),
            [5, 0, 1, 0],
            "1 and 11 are of one publisher"
        );
    }

    #[test]
    fn what_was_not_published_is_corrupt() {
        let (mut course, now) = course(Shape::Lone, 3, 2);
        let mut changed = course.payloads[1].clone();
        changed[200] ^= 1;
        course.delivered(0, &changed, now);
        deliver(&mut course, 0, 5, now);
        course.delivered(0, b"", now);
        assert_eq!(counts(&course), [0, 0, 0, 3]);
    }

    #[test]
    fn a_round_is_complete_when_everybody_has_everything_and_lost_is_what_is_missing() {
        let mut course = Course::new(Shape::Lone.load(2, 0.1, 20.0));
        let now = Instant::now();
        course.start(now);
        for number in 0..2 {
            let now = now + Duration::from_secs(1);
            course.publish(now);
            deliver(&mut course, 0, number, now);
            assert!(!course.is_complete());
            assert_eq!(course.lost(), 3 - 2 * number as u64);
            deliver(&mut course, 1, number, now);
        }
        assert!(course.is_complete());
        assert_eq!(course.lost(), 0);
    }
}
