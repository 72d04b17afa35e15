//! When to connect again: later after each failure, spread by chance, and never before the server
//! asked for.
//!
//! Many clients lose their server at the same moment. Those that all come back at the same next moment
//! make a storm of it, so each waits a time of its own.

use std::time::Duration;

/// Counts failures and says how long to wait. Randomness is passed in.
#[derive(Clone, Debug)]
pub struct Backoff {
    least: Duration,
    most: Duration,
    failures: u32,
}

impl Default for Backoff {
    /// From 250 ms to 30 s.
    fn default() -> Self {
        Self::new(Duration::from_millis(250), Duration::from_secs(30))
    }
}

impl Backoff {
    /// Waits from about `least`, doubled at each failure up to about `most`.
    #[must_use]
    pub fn new(least: Duration, most: Duration) -> Self {
        Self {
            least,
            most: most.max(least),
            failures: 0,
        }
    }

    /// How long to wait before the next attempt. `retry_after` is what the server asked for, as in
    /// [`super::CloseReason::retry_after`] and [`super::ConnectError::retry_after`]; `random` is any
    /// number, of which each call is given another.
    ///
    /// The wait is spread over the upper half of what this failure's number allows, or over half as
    /// long again as the server asked for, whichever is later.
    pub fn after_failure(&mut self, retry_after: Option<Duration>, random: u64) -> Duration {
        let doubled = self.least.saturating_mul(1 << self.failures.min(16));
        let own = doubled.min(self.most);
        self.failures = self.failures.saturating_add(1);
        let chance = random as f64 / u64::MAX as f64;
        let own = own / 2 + (own / 2).mul_f64(chance);
        let asked = retry_after.map(|asked| asked + (asked / 2).mul_f64(chance));
        asked.unwrap_or_default().max(own)
    }

    /// A connection was welcomed: the next failure is the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn waits_double_up_to_the_most_and_begin_anew_after_a_welcome() {
        let mut backoff = Backoff::new(ms(100), ms(500));
        let mut waits = || backoff.after_failure(None, u64::MAX);
        assert_eq!(
            [waits(), waits(), waits(), waits()],
            [100, 200, 400, 500].map(ms)
        );
        backoff.reset();
        assert_eq!(backoff.after_failure(None, u64::MAX), ms(100));
    }

    #[test]
    fn chance_spreads_a_wait_over_its_upper_half() {
        let wait = |random| Backoff::new(ms(100), ms(500)).after_failure(None, random);
        assert_eq!((wait(0), wait(u64::MAX)), (ms(50), ms(100)));
        let half = wait(u64::MAX / 2);
        assert!(half > ms(74) && half < ms(76), "{half:?}");
    }

    #[test]
    fn nobody_comes_back_before_the_server_asked_for() {
        let wait = |random| Backoff::default().after_failure(Some(ms(2_000)), random);
        assert_eq!((wait(0), wait(u64::MAX)), (ms(2_000), ms(3_000)));
        let mut weary = Backoff::new(ms(100), ms(5_000));
        for _ in 0..100 {
            weary.after_failure(None, 0);
        }
        assert_eq!(weary.after_failure(Some(ms(10)), u64::MAX), ms(5_000));
    }
}
