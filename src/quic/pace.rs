//! How long a wave waits for company, by how busy the loop is.
//!
//! A loop with time to spare sends at once. The busier one is, the longer a member's normal messages
//! wait for the next ones, so that they share a packet and its cost: the cost of a delivery falls as
//! the load rises, and a queue that would grow anyway is turned into fuller packets. Urgent messages
//! never wait, and while one is on its way through the sequencer and the log, normal ones stand back
//! for a moment: they would take the processor from those two, and fill the clients' sockets before it.

use std::time::{Duration, Instant};

/// Up to this share of its time a loop sends at once.
const BUSY_FROM: f64 = 0.7;
/// From this share on a wave waits as long as it may.
const BUSY_TO: f64 = 0.95;
/// What the share is taken over, about.
const MEMORY: Duration = Duration::from_millis(250);
/// The longest that normal messages stand back for an urgent one: a sync of the log, and some.
const STAND_BACK_MAX: Duration = Duration::from_millis(3);
/// From one to the next: somebody who sends nothing but urgent messages slows the rest by a tenth.
const STAND_BACK_EVERY: Duration = Duration::from_millis(30);

/// One loop's pace.
pub(super) struct Pace {
    /// The longest wait.
    wait_max: Duration,
    /// The share of its time that the loop has been busy of late, 0 to 1.
    busy: f64,
    /// Since when a wave waits.
    waits_since: Option<Instant>,
    /// The urgent request that normal messages stand back for.
    urgent: Option<u64>,
    /// Since when they do, or last did.
    stood_back_at: Option<Instant>,
}

impl Pace {
    pub(super) fn new(wait_max: Duration) -> Self {
        Self {
            wait_max,
            busy: 0.0,
            waits_since: None,
            urgent: None,
            stood_back_at: None,
        }
    }

    /// An urgent message is on its way to the sequencer, as this request; whether normal ones stand
    /// back for it.
    pub(super) fn urgent_asked(&mut self, request: u64, now: Instant) -> bool {
        let rested = |at: Instant| now >= at + STAND_BACK_EVERY;
        let stands_back = self.stood_back_at.is_none_or(rested);
        if stands_back {
            self.stood_back_at = Some(now);
            self.urgent = Some(request);
        }
        stands_back
    }

    /// A request has its answer: if it was that one, normal messages go on behind what it brought.
    pub(super) fn answered(&mut self, request: u64) {
        self.urgent.take_if(|urgent| *urgent == request);
    }

    /// There is an urgent message to hand out: whoever stood back goes on behind it.
    pub(super) fn urgent_came(&mut self) {
        self.urgent = None;
    }

    /// Until when normal messages stand back at the latest, if they do now.
    pub(super) fn stands_back_until(&self, now: Instant) -> Option<Instant> {
        let until = self.urgent.and(self.stood_back_at)? + STAND_BACK_MAX;
        (now < until).then_some(until)
    }

    /// Whether a turn hands out what is urgent and nothing else, of a wave that `begins` now or did
    /// before: because it waits for company, or stands back.
    pub(super) fn is_for_urgent(&mut self, begins: bool, now: Instant) -> bool {
        let holds = begins && self.holds(now);
        if !holds {
            self.release();
        }
        holds || self.stands_back_until(now).is_some()
    }

    /// A turn of the loop took `elapsed`, its waiting included, and was busy for `busy` of it.
    pub(super) fn note(&mut self, busy: Duration, elapsed: Duration) {
        if elapsed.is_zero() {
            return;
        }
        let share = busy.as_secs_f64() / elapsed.as_secs_f64();
        let weight = (elapsed.as_secs_f64() / MEMORY.as_secs_f64()).min(1.0);
        self.busy += (share - self.busy) * weight;
    }

    /// How long a wave waits now.
    fn wait(&self) -> Duration {
        let over = (self.busy - BUSY_FROM) / (BUSY_TO - BUSY_FROM);
        self.wait_max.mul_f64(over.clamp(0.0, 1.0))
    }

    /// Whether a wave that is there to be sent waits; it does so until [`Pace::waits_until`].
    fn holds(&mut self, now: Instant) -> bool {
        let since = *self.waits_since.get_or_insert(now);
        now < since + self.wait()
    }

    /// A wave is being sent, or there is none.
    pub(super) fn release(&mut self) {
        self.waits_since = None;
    }

    /// When the wave that waits goes.
    pub(super) fn waits_until(&self) -> Option<Instant> {
        Some(self.waits_since? + self.wait())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Duration = Duration::from_millis(10);
    const WAIT_MAX: Duration = Duration::from_millis(50);

    fn pace(share: f64) -> Pace {
        let mut pace = Pace::new(WAIT_MAX);
        for _ in 0..1_000 {
            pace.note(TURN.mul_f64(share), TURN);
        }
        pace
    }

    #[test]
    fn a_loop_with_time_to_spare_sends_at_once() {
        let now = Instant::now();
        for share in [0.0, 0.4, 0.69] {
            assert!(!pace(share).holds(now), "{share}");
        }
    }

    #[test]
    fn a_busy_loop_lets_a_wave_wait_the_longer_the_busier_it_is_and_never_too_long() {
        let now = Instant::now();
        let mut last = Duration::ZERO;
        for share in [0.75, 0.85, 0.95, 1.0] {
            let mut pace = pace(share);
            assert!(pace.holds(now));
            let until = pace.waits_until().expect("it waits") - now;
            assert!(until >= last && until <= WAIT_MAX, "{share}: {until:?}");
            assert!(!pace.holds(now + until));
            last = until;
        }
        assert_eq!(last, WAIT_MAX);
    }

    #[test]
    fn one_busy_turn_does_not_make_a_busy_loop() {
        let mut pace = pace(0.2);
        pace.note(TURN, TURN);
        assert!(!pace.holds(Instant::now()));
    }

    #[test]
    fn normal_messages_stand_back_until_the_urgent_one_is_answered_or_for_three_milliseconds() {
        let (mut pace, now) = (pace(0.2), Instant::now());
        assert!(!pace.is_for_urgent(true, now));
        assert!(pace.urgent_asked(7, now));
        pace.answered(6);
        for begins in [true, false] {
            assert!(pace.is_for_urgent(begins, now));
        }
        pace.answered(7);
        assert!(!pace.is_for_urgent(true, now));

        let now = now + STAND_BACK_EVERY;
        assert!(pace.urgent_asked(8, now));
        let (soon, over) = (now + STAND_BACK_MAX / 2, now + STAND_BACK_MAX);
        assert_eq!(pace.stands_back_until(soon), Some(over));
        assert!(pace.is_for_urgent(true, soon));
        assert_eq!(pace.stands_back_until(over), None, "nobody waits for it");
        assert!(!pace.is_for_urgent(true, over));

        let now = now + STAND_BACK_EVERY;
        assert!(pace.urgent_asked(9, now));
        pace.urgent_came();
        assert!(!pace.is_for_urgent(true, now));
    }

    #[test]
    fn a_wave_that_has_waited_goes_and_the_next_waits_anew() {
        let (mut pace, now) = (pace(1.0), Instant::now());
        assert!(pace.is_for_urgent(true, now));
        let until = pace.waits_until().expect("it waits");
        assert!(!pace.is_for_urgent(true, until));
        assert_eq!(pace.waits_until(), None);
        assert!(!pace.is_for_urgent(false, until), "the rest of it goes too");
        assert!(pace.is_for_urgent(true, until));
    }

    #[test]
    fn whoever_sends_urgent_messages_only_holds_the_rest_up_for_a_tenth_of_the_time() {
        let (mut pace, start) = (pace(0.2), Instant::now());
        let step = Duration::from_micros(100);
        let mut stood_back = Duration::ZERO;
        for number in 0..9_000 {
            let now = start + step * number;
            pace.urgent_asked(u64::from(number), now);
            if pace.is_for_urgent(true, now) {
                stood_back += step;
            }
        }
        assert!(stood_back <= step * 9_000 / 10, "{stood_back:?}");
    }

    #[test]
    fn nothing_waits_where_nothing_may() {
        let mut pace = Pace::new(Duration::ZERO);
        pace.note(TURN, MEMORY.min(TURN));
        pace.busy = 1.0;
        assert!(!pace.holds(Instant::now()));
    }
}
