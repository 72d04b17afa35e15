//! Coarse lazy timers: a wheel of 1,024 ticks of one millisecond.
//!
//! A connection's deadline moves with every packet, nearly always further away. So the wheel only
//! remembers *when to look again*: a deadline that has moved on is found when its old place comes up,
//! and one beyond the wheel is looked at once a round. Arming is a push, never a search.

use std::time::{Duration, Instant};

const SLOTS: u64 = 1024;
/// Entries a slot has room for from the start: 64 KiB in all, so that a loop is soon warm.
const SLOT_ROOM: usize = 16;
const TICK: Duration = Duration::from_millis(1);

/// When a connection's entry in the wheel comes up, in ticks since the wheel began.
pub(super) type Tick = u64;

/// The wheel. It holds indexes of connections and nothing of them.
pub(super) struct Wheel {
    begun: Instant,
    /// Every tick before this one has been taken out.
    next: Tick,
    slots: Vec<Vec<u32>>,
    /// One bit a slot that holds anything.
    occupied: [u64; (SLOTS / 64) as usize],
}

impl Wheel {
    pub(super) fn new(begun: Instant) -> Self {
        Self {
            begun,
            next: 0,
            slots: (0..SLOTS).map(|_| Vec::with_capacity(SLOT_ROOM)).collect(),
            occupied: [0; (SLOTS / 64) as usize],
        }
    }

    /// The first tick at which `at` has passed.
    pub(super) fn tick_after(&self, at: Instant) -> Tick {
        let since = at.saturating_duration_since(self.begun);
        since.as_millis() as Tick + 1
    }

    /// Puts `index` where it comes up at `due`, or before where that is beyond the wheel; returns
    /// when that is.
    pub(super) fn arm(&mut self, index: u32, due: Tick) -> Tick {
        let at = due.clamp(self.next, self.next + SLOTS - 1);
        let slot = at % SLOTS;
        self.slots[slot as usize].push(index);
        self.occupied[(slot / 64) as usize] |= 1 << (slot % 64);
        at
    }

    /// Takes out one slot that has come up by `now`: its tick, and its indexes appended to `out`.
    /// Call until it returns `None`.
    pub(super) fn take_due(&mut self, now: Instant, out: &mut Vec<u32>) -> Option<Tick> {
        let passed = now.saturating_duration_since(self.begun).as_millis() as Tick;
        while self.next <= passed {
            let tick = self.next;
            let slot = tick % SLOTS;
            self.next += 1;
            let (word, bit) = ((slot / 64) as usize, 1u64 << (slot % 64));
            if self.occupied[word] & bit != 0 {
                self.occupied[word] &= !bit;
                out.append(&mut self.slots[slot as usize]);
                return Some(tick);
            }
        }
        None
    }

    /// How long from `now` until the next slot comes up; `None` when nothing is armed.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let ahead = self.first_occupied_after(self.next % SLOTS)?;
        let at = self.begun + TICK * u32::try_from(self.next + ahead).unwrap_or(u32::MAX);
        Some(at.saturating_duration_since(now))
    }

    /// How many slots from `slot` on the first occupied one is.
    fn first_occupied_after(&self, slot: u64) -> Option<u64> {
        let words = self.occupied.len();
        let (word, bit) = ((slot / 64) as usize, slot % 64);
        // The starting word is visited twice: its upper part first, its lower part last.
        for step in 0..=words {
            let mut bits = self.occupied[(word + step) % words];
            if step == 0 {
                bits &= !0 << bit;
            } else if step == words {
                bits &= !(!0 << bit);
            }
            if bits != 0 {
                let found = ((word + step) % words) as u64 * 64 + u64::from(bits.trailing_zeros());
                return Some((found + SLOTS - slot) % SLOTS);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(wheel: &mut Wheel, now: Instant) -> Vec<u32> {
        let mut all = Vec::new();
        while wheel.take_due(now, &mut all).is_some() {}
        all
    }

    #[test]
    fn an_index_comes_up_once_and_not_before_its_deadline() {
        let begun = Instant::now();
        let mut wheel = Wheel::new(begun);
        let at = begun + Duration::from_millis(40);
        let tick = wheel.tick_after(at);
        assert_eq!(wheel.arm(7, tick), tick);
        assert_eq!(wheel.wait(begun), Some(Duration::from_millis(41)));
        assert!(due(&mut wheel, at).is_empty());
        assert_eq!(due(&mut wheel, at + TICK), [7]);
        assert!(due(&mut wheel, at + TICK).is_empty());
        assert_eq!(wheel.wait(at), None);
    }

    #[test]
    fn a_deadline_beyond_the_wheel_is_looked_at_within_a_round() {
        let begun = Instant::now();
        let mut wheel = Wheel::new(begun);
        let far = wheel.tick_after(begun + Duration::from_secs(60));
        let at = wheel.arm(1, far);
        assert_eq!(at, SLOTS - 1);
        assert_eq!(due(&mut wheel, begun + Duration::from_millis(at)), [1]);
    }

    #[test]
    fn a_deadline_in_the_past_comes_up_at_once() {
        let begun = Instant::now();
        let mut wheel = Wheel::new(begun);
        let now = begun + Duration::from_millis(500);
        assert!(due(&mut wheel, now).is_empty());
        wheel.arm(3, 2);
        assert_eq!(due(&mut wheel, now + TICK), [3]);
    }

    #[test]
    fn the_wait_finds_the_nearest_slot_from_any_position() {
        for start in [0u64, 1, 63, 64, 700, 1023] {
            for ahead in [0u64, 1, 62, 64, 500, 1023] {
                let begun = Instant::now();
                let mut wheel = Wheel::new(begun);
                let now = begun + Duration::from_millis(start);
                assert!(due(&mut wheel, now).is_empty());
                let at = wheel.arm(1, wheel.next + ahead);
                assert_eq!(
                    wheel.wait(begun),
                    Some(TICK * at as u32),
                    "{start} + {ahead}"
                );
            }
        }
    }
}
