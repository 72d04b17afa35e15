//! The thread that has the published checkpoint timestamped by an authority (RFC 3161).
//!
//! What it stores is evidence and is never removed by it: one timestamp each interval at most, and only when
//! there are new records.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::bounded;
use sha2::{Digest, Sha256};

use super::attest::{AskError, Authority, Now, NowError, Of, Said, Stop, answer, aside, wait};
use crate::archive::tlog::{
    NONCE_LEN, Stamp, StampFile, TimestampError, TimestampRequest, Token, stamps,
};
use crate::log::StorageError;

/// A failed try is repeated after this time, or after the interval where that is shorter.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// How checkpoints are timestamped.
pub struct Timestamping {
    /// Who is asked.
    pub authority: Arc<dyn Authority>,
    /// How often, where there are new records.
    ///
    /// Default 1 h. Range 1 s to 30 d. Costs about 7 KiB of disk each time, kept for ever.
    pub every: Duration,
}

impl core::fmt::Debug for Timestamping {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            authority: _,
            every,
        } = self;
        f.debug_struct("Timestamping")
            .field("every", every)
            .finish_non_exhaustive()
    }
}

/// Why a checkpoint was not timestamped.
#[derive(Debug, thiserror::Error)]
enum StampError {
    #[error("the authority: {0}")]
    Ask(#[from] AskError),
    #[error("the authority's reply is refused: {0}")]
    Reply(#[from] TimestampError),
    #[error(transparent)]
    Now(#[from] NowError),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What the thread of the timestamps works with.
pub(super) struct Stamper {
    pub(super) timestamping: Timestamping,
    pub(super) of: Of,
    pub(super) stop: Stop,
}

impl Stamper {
    /// Runs until it is told to stop.
    pub(super) fn run(self) {
        let mut said = Said::default();
        let mut asked = 0;
        // What was timestamped last; looked up until that succeeds.
        let mut last = None;
        let mut pause = Duration::ZERO;
        while wait(&self.stop, pause) {
            pause = self.timestamping.every.min(AGAIN_AFTER);
            let looked = match last {
                Some(last) => self.look(last, &mut asked),
                None => self.begin().map(|(size, due)| {
                    pause = due;
                    Some(size)
                }),
            };
            match looked {
                Ok(Some(size)) => {
                    self.of.counters.timestamped.store(size, Ordering::Relaxed);
                    if last.replace(size).is_some() {
                        self.of.counters.timestamps.fetch_add(1, Ordering::Relaxed);
                        pause = self.timestamping.every;
                    }
                    if said.is_over() {
                        tracing::info!(size, "checkpoints are timestamped again");
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    let failures = &self.of.counters.timestamp_failures;
                    failures.fetch_add(1, Ordering::Relaxed);
                    if said.is_new(&error.to_string()) {
                        tracing::error!(%error, "the checkpoint could not be timestamped: it is tried again, and published without");
                    }
                }
            }
        }
    }

    /// The records that were timestamped last, and when it is time again.
    fn begin(&self) -> Result<(u64, Duration), StampError> {
        let every = self.timestamping.every;
        let all = stamps(&*self.of.storage)?;
        let ours = |it: &&Stamp| it.incarnation == self.of.incarnation;
        let Some(last) = all.iter().rev().find(ours) else {
            return Ok((0, Duration::ZERO));
        };
        let reply = last.read(&*self.of.storage, StampFile::Reply)?;
        // One that cannot be read is for `archive verify` to name.
        let stamped_s = Token::read(&reply).map_or(0, |token| token.time_s);
        let now_s = u64::try_from(self.of.clock.wall().0 / 1_000_000).unwrap_or(0);
        let gone = Duration::from_secs(now_s.saturating_sub(stamped_s));
        Ok((last.size, every.saturating_sub(gone)))
    }

    /// Has the checkpoint timestamped if it has grown; its size then.
    fn look(&self, last: u64, asked: &mut u64) -> Result<Option<u64>, StampError> {
        let now = Now::read(&*self.of.storage, &self.of.key)?;
        let Some(now) = now.filter(|now| now.checkpoint.size > last) else {
            return Ok(None);
        };
        *asked += 1;
        let request = TimestampRequest::of(now.note.as_bytes(), self.nonce(*asked));
        let (sender, answers) = bounded(1);
        let authority = Arc::clone(&self.timestamping.authority);
        let bytes = request.der().to_vec();
        aside(
            "throng-tsa",
            &sender,
            move || authority.ask(&bytes),
            |it| it,
        );
        let Some(reply) = answer(&self.stop, &answers) else {
            return Ok(None);
        };
        let reply = reply?;
        request.check(&reply)?;
        let stamp = Stamp {
            incarnation: self.of.incarnation,
            size: now.checkpoint.size,
        };
        stamp.store(&*self.of.storage, now.note.as_bytes(), &reply)?;
        Ok(Some(stamp.size))
    }

    /// Nobody can know it before, and none comes twice.
    fn nonce(&self, asked: u64) -> [u8; NONCE_LEN] {
        let hash = Sha256::new()
            .chain_update(b"throng timestamp nonce\0")
            .chain_update(self.of.entropy)
            .chain_update(self.of.clock.wall().0.to_le_bytes())
            .chain_update(asked.to_le_bytes())
            .finalize();
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&hash[..NONCE_LEN]);
        nonce
    }
}
