//! What the loop allocates and locks, counted in tests: ours, and the transport's apart (invariant 4).
//!
//! Outside tests nothing here does anything but run what it is given.

#[cfg(test)]
#[path = "../../tests/support/counting_allocator.rs"]
mod counting_allocator;

#[cfg(test)]
pub(super) use counting_allocator::bytes_kept_by;

/// Runs what quinn-proto does.
#[inline]
pub(super) fn transport<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(test)]
    return counts::transport(work);
    #[cfg(not(test))]
    work()
}

/// Makes what this thread has counted so far seen by others.
#[inline]
pub(super) fn publish() {
    #[cfg(test)]
    counts::publish();
}

#[cfg(test)]
mod counts {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::counting_allocator::allocations;

    thread_local! {
        static IN_TRANSPORT: Cell<u64> = const { Cell::new(0) };
        static DEPTH: Cell<u32> = const { Cell::new(0) };
    }

    static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
    static OF_TRANSPORT: AtomicU64 = AtomicU64::new(0);
    static LOCKS: AtomicU64 = AtomicU64::new(0);

    pub(super) fn transport<T>(work: impl FnOnce() -> T) -> T {
        let before = allocations();
        DEPTH.set(DEPTH.get() + 1);
        let done = work();
        DEPTH.set(DEPTH.get() - 1);
        if DEPTH.get() == 0 {
            IN_TRANSPORT.set(IN_TRANSPORT.get() + allocations() - before);
        }
        done
    }

    pub(super) fn publish() {
        ALLOCATIONS.store(allocations(), Relaxed);
        OF_TRANSPORT.store(IN_TRANSPORT.get(), Relaxed);
        LOCKS.store(crate::engine::locks_taken(), Relaxed);
    }

    /// What the loop that published last has counted.
    #[derive(Clone, Copy, Debug)]
    pub(super) struct Counts {
        pub(super) ours: u64,
        pub(super) transports: u64,
        pub(super) locks: u64,
    }

    #[cfg(feature = "client")]
    pub(super) fn published() -> Counts {
        let transports = OF_TRANSPORT.load(Relaxed);
        Counts {
            ours: ALLOCATIONS.load(Relaxed) - transports,
            transports,
            locks: LOCKS.load(Relaxed),
        }
    }
}

#[cfg(all(test, feature = "client"))]
mod tests {
    use std::time::Duration;

    use super::counts::{Counts, published};
    use crate::engine::Message;
    use crate::quic::house::{Client, House, token_of, until};
    use crate::wire::{ClientMessageId, GroupId, PersonId, TenantId};

    const MEMBERS: u64 = 40;
    const WAVES: u64 = 400;

    struct Wave {
        counts: Counts,
        deliveries: u64,
        turns: u64,
    }

    fn now(house: &House) -> Wave {
        let stats = house.server.stats()[0];
        Wave {
            counts: published(),
            deliveries: stats.deliveries,
            turns: stats.turns,
        }
    }

    /// Publishes, each once the one before is with everybody, and waits for the last.
    async fn publish(house: &House, group: GroupId) {
        let begun = now(house).deliveries;
        for wave in 1..=WAVES {
            let message = Message::text(group, PersonId(1), ClientMessageId(0), "good morning");
            let ticket = house.engine.publish(TenantId(1), &message).expect("taken");
            ticket.wait().expect("published");
            until("a wave", || now(house).deliveries >= begun + wave * MEMBERS).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_delivery_over_quic_allocates_nothing_of_ours_and_takes_no_lock_of_ours() {
        let house = House::open();
        let group = house.with_a_group(MEMBERS).await;
        let mut members: Vec<(Client, _)> = Vec::new();
        for person in 1..=MEMBERS {
            let mut client = house.enter(&token_of(person)).await;
            let attached = client.attach(person).await;
            let mut deliveries = client.deliveries().await;
            tokio::spawn(async move { deliveries.drain().await });
            members.push((client, attached));
        }
        publish(&house, group).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        let before = now(&house);
        publish(&house, group).await;
        let after = now(&house);
        let deliveries = after.deliveries - before.deliveries;
        let ours = after.counts.ours - before.counts.ours;
        let transports = after.counts.transports - before.counts.transports;
        let locks = after.counts.locks - before.counts.locks;
        let turns = after.turns - before.turns;
        println!(
            "{deliveries} deliveries in {turns} turns: {ours} allocations of ours, {transports} of the \
             transport's, {locks} locks"
        );
        assert_eq!(deliveries, WAVES * MEMBERS);
        // What a loop's lists still grow by is not by delivery.
        assert!(ours * 100 <= deliveries, "{ours} allocations");
        // One look a turn at what the engine released.
        assert!(locks <= turns + 1, "{locks} locks in {turns} turns");
        assert!(transports > 0, "the count sees allocations");
    }
}
