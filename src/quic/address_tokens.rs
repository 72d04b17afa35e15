//! Address tokens: what a client shows when it comes back (RFC 9000, 8.1.3), each taken once.
//!
//! A token is sealed by the server and says from which address and when, so that nothing is kept of a
//! client that left. What is kept is which tokens were used: up to a number, and of older ones none is
//! taken any more. A token that is forged, stolen, expired, used before or from before the last reload
//! is no error: its holder is a newcomer.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use quinn_proto::{TokenLog, TokenReuseError};

/// How long a token can be used after it was sent.
pub(super) const LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Used tokens remembered, in each of two generations. Costs up to 4 MiB in all.
const GENERATION_MAX: usize = 64 * 1024;

/// Tokens that were used. Shared by the shards and asked once a handshake, never on the delivery path.
#[derive(Debug)]
pub(super) struct UsedTokens(Mutex<Used>);

#[derive(Debug)]
struct Used {
    latest: HashSet<u128>,
    before: HashSet<u128>,
    generation_max: usize,
    /// The latest issue of a token in each generation: what is forgotten with it.
    latest_issued: SystemTime,
    before_issued: SystemTime,
    /// Of tokens issued up to then it is not known any more which were used.
    forgotten: SystemTime,
}

impl UsedTokens {
    pub(super) fn new() -> Self {
        Self::with_generations_of(GENERATION_MAX)
    }

    fn with_generations_of(generation_max: usize) -> Self {
        let never = SystemTime::UNIX_EPOCH;
        Self(Mutex::new(Used {
            latest: HashSet::new(),
            before: HashSet::new(),
            generation_max,
            latest_issued: never,
            before_issued: never,
            forgotten: never,
        }))
    }
}

impl TokenLog for UsedTokens {
    fn check_and_insert(
        &self,
        nonce: u128,
        issued: SystemTime,
        _lifetime: Duration,
    ) -> Result<(), TokenReuseError> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used.take(nonce, issued) {
            Ok(())
        } else {
            Err(TokenReuseError)
        }
    }
}

impl Used {
    /// Whether the token is taken: it was not used before, as far as can be known.
    fn take(&mut self, nonce: u128, issued: SystemTime) -> bool {
        if issued <= self.forgotten || self.before.contains(&nonce) || !self.latest.insert(nonce) {
            return false;
        }
        self.latest_issued = self.latest_issued.max(issued);
        if self.latest.len() >= self.generation_max {
            self.forgotten = self.forgotten.max(self.before_issued);
            self.before_issued = self.latest_issued;
            self.before = core::mem::take(&mut self.latest);
            self.latest_issued = SystemTime::UNIX_EPOCH;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(second)
    }

    fn takes(used: &UsedTokens, nonce: u128, second: u64) -> bool {
        used.check_and_insert(nonce, at(second), LIFETIME).is_ok()
    }

    #[test]
    fn a_token_is_taken_once() {
        let used = UsedTokens::new();
        assert!(takes(&used, 7, 100));
        assert!(!takes(&used, 7, 100));
        assert!(takes(&used, 8, 100));
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_forgotten_is_not_taken_again() {
        let used = UsedTokens::with_generations_of(10);
        for nonce in 0..1_000 {
            assert!(takes(&used, nonce, 100 + nonce as u64));
            let kept = used.0.lock().unwrap();
            assert!(kept.latest.len() + kept.before.len() <= 20);
        }
        for nonce in 0..1_000 {
            assert!(!takes(&used, nonce, 100 + nonce as u64), "{nonce}");
        }
        assert!(takes(&used, 5_000, 2_000));
    }
}
