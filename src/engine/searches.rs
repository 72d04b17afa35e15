//! Searches that come through a port: how many at once, and on their way to the thread that makes them.
//!
//! Room is taken before the model is asked, so that no search is on record that was never made for want of
//! it. From there a search goes a pull's way: permitted and recorded by the model, then made by a thread that
//! nobody else waits for (invariant 5), from what is durable (invariant 2).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::Sender;

use super::outbox::Outbox;
use super::{Busy, Engine, Port};
use crate::model::command::{SearchArchiveV1, SearchGrantedV1};
use crate::model::{NotSearched, Refusal};

/// When trying again is likely to work, in microseconds: some searches take a few milliseconds each.
pub(super) const RETRY_US: u64 = 20_000;

/// Room for one search, or one page of the audit trail; it is given back when this is dropped.
#[derive(Debug)]
pub struct SearchRoom(Arc<AtomicUsize>);

impl SearchRoom {
    /// Room for one more, where fewer than `max` are open.
    pub(super) fn of(open: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        let taken = open.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
            (count < max).then_some(count + 1)
        });
        taken.ok().map(|_| Self(Arc::clone(open)))
    }
}

impl Drop for SearchRoom {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Why a search is not even asked of the model. Nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TurnedAway {
    /// It cannot be made here, whoever asks.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// As many as may be are under way.
    #[error(transparent)]
    Busy(#[from] Busy),
}

/// A search to be made.
#[cfg_attr(
    not(feature = "search"),
    expect(dead_code, reason = "nobody makes them")
)]
pub(crate) struct SearchJob {
    /// The owner's number for it.
    pub(crate) request: u64,
    /// What may be looked for.
    pub(crate) granted: Box<SearchGrantedV1>,
    /// Who asked.
    pub(crate) outbox: Arc<Outbox>,
    /// Given back when the page is made.
    pub(crate) room: SearchRoom,
}

/// The way to the thread that makes them.
#[derive(Clone)]
pub(super) struct Searches {
    pub(super) jobs: Sender<SearchJob>,
    pub(super) open: Arc<AtomicUsize>,
    /// 0 where the archive is not searched.
    pub(super) at_once_max: usize,
}

impl Engine {
    /// Takes room for a search, which is then submitted as any command and, once granted, made by
    /// [`Port::search`]. Refuses what can find nothing.
    pub fn search_room(&self, asked: &SearchArchiveV1) -> Result<SearchRoom, TurnedAway> {
        if self.inner.searches.at_once_max == 0 {
            return Err(Refusal::from(NotSearched::Off).into());
        }
        #[cfg(feature = "search")]
        self.check_search(asked)?;
        #[cfg(not(feature = "search"))]
        let _ = asked;
        let searches = &self.inner.searches;
        let room = SearchRoom::of(&searches.open, searches.at_once_max);
        room.ok_or(TurnedAway::Busy(Busy {
            retry_after_us: RETRY_US,
        }))
    }
}

impl Port {
    /// Makes a search that was granted; answered by [`super::Item::Answer`] with the same `request`.
    pub fn search(
        &self,
        request: u64,
        granted: Box<SearchGrantedV1>,
        room: SearchRoom,
    ) -> Result<(), Refusal> {
        let outbox = Arc::clone(&self.outbox);
        let job = SearchJob {
            request,
            granted,
            outbox,
            room,
        };
        let sent = self.searches.send(job);
        sent.map_err(|_| NotSearched::Off.into())
    }
}
