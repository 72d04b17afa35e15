//! What has been charged to one account: an amount for each end of a window.
//!
//! A charge counts until the end its record states and not longer. An account of a calendar window
//! has one end; one of a rolling window has one for each instant something was charged, at most as
//! many as its limit, so that no charge is ever counted a moment too long or too short (SPEC Q3).

use std::collections::VecDeque;

use crate::wire::Timestamp;

/// So much counts before `ends`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    pub(crate) ends: Timestamp,
    pub(crate) amount: u32,
}

/// What has been charged to one account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Account {
    /// Of all parts, those that have ended and are still here too.
    total: u64,
    /// The part that ends last.
    latest: Part,
    /// The others, in the order they end.
    #[allow(clippy::box_collection)] // Most accounts have none: 8 bytes instead of 32.
    older: Option<Box<VecDeque<Part>>>,
}

const _: () = assert!(size_of::<Account>() == 32);

impl Account {
    pub(crate) fn new(part: Part) -> Self {
        Self {
            total: u64::from(part.amount),
            latest: part,
            older: None,
        }
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        let older = self.older.iter().flat_map(|older| older.iter());
        older.chain([&self.latest])
    }

    /// The parts that count at `now`, in the order they end.
    pub(crate) fn living(&self, now: Timestamp) -> impl Iterator<Item = &Part> {
        self.parts().skip_while(move |part| part.ends <= now)
    }

    /// How much counts at `now`.
    pub(crate) fn used(&self, now: Timestamp) -> u32 {
        let ended = self.parts().take_while(|part| part.ends <= now);
        let ended: u64 = ended.map(|part| u64::from(part.amount)).sum();
        u32::try_from(self.total - ended).unwrap_or(u32::MAX)
    }

    /// When `amount` of what counts at `now` will have ended; the last end where never so much does.
    pub(crate) fn frees(&self, amount: u64, now: Timestamp) -> Timestamp {
        let mut freed = 0;
        let enough = self.living(now).find(|part| {
            freed += u64::from(part.amount);
            freed >= amount
        });
        enough.unwrap_or(&self.latest).ends
    }

    /// Whether nothing counts any more.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.latest.ends <= now
    }

    /// Adds `part`, and forgets what has ended.
    pub(crate) fn add(&mut self, part: Part, now: Timestamp) {
        self.forget_ended(now);
        if self.is_over(now) {
            *self = Self::new(part);
            return;
        }
        let before = self.parts().find(|other| other.ends == part.ends);
        let before = before.map_or(0, |other| other.amount);
        let amount = before.saturating_add(part.amount);
        self.total += u64::from(amount - before);
        let part = Part { amount, ..part };
        if part.ends == self.latest.ends {
            self.latest = part;
            return;
        }
        let older = self.older.get_or_insert_default();
        if part.ends > self.latest.ends {
            older.push_back(core::mem::replace(&mut self.latest, part));
            return;
        }
        match older.binary_search_by_key(&part.ends, |other| other.ends) {
            Ok(at) => older[at] = part,
            Err(at) => older.insert(at, part),
        }
    }

    pub(crate) fn forget_ended(&mut self, now: Timestamp) {
        let Some(older) = &mut self.older else {
            return;
        };
        while let Some(oldest) = older.front()
            && oldest.ends <= now
        {
            self.total -= u64::from(oldest.amount);
            older.pop_front();
        }
        if older.is_empty() {
            self.older = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(ends: i64, amount: u32) -> Part {
        let ends = Timestamp(ends);
        Part { ends, amount }
    }

    #[test]
    fn a_charge_counts_until_it_ends_and_not_longer() {
        let mut account = Account::new(part(10, 1));
        account.add(part(30, 2), Timestamp(1));
        account.add(part(20, 4), Timestamp(1));
        account.add(part(20, 8), Timestamp(1));
        account.add(part(30, 16), Timestamp(1));
        for (now, used) in [(9, 31), (10, 30), (19, 30), (20, 18), (29, 18), (30, 0)] {
            assert_eq!(account.used(Timestamp(now)), used, "at {now}");
        }
        account.add(part(40, 1), Timestamp(25));
        assert_eq!(account.used(Timestamp(25)), 19);
        assert_eq!(account.used(Timestamp(30)), 1);
    }

    #[test]
    fn room_comes_when_enough_has_ended() {
        let mut account = Account::new(part(10, 1));
        account.add(part(20, 2), Timestamp(0));
        account.add(part(30, 4), Timestamp(0));
        for (amount, at) in [(1, 10), (2, 20), (3, 20), (4, 30), (7, 30), (8, 30)] {
            assert_eq!(account.frees(amount, Timestamp(0)), Timestamp(at));
        }
    }

    #[test]
    fn what_no_count_can_hold_stays_at_the_most() {
        let mut account = Account::new(part(10, u32::MAX));
        account.add(part(10, u32::MAX), Timestamp(0));
        account.add(part(20, u32::MAX), Timestamp(0));
        assert_eq!(account.used(Timestamp(0)), u32::MAX);
        assert_eq!(account.used(Timestamp(10)), u32::MAX);
        assert_eq!(account.used(Timestamp(20)), 0);
    }
}
