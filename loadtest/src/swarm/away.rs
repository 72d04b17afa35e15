//! Members who are away: absent, stalled or vanished, as [`crate::away`] says.
//!
//! They have sockets of their own, so that leaving those unread holds up nobody else's datagrams.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::member::{Link, Member, Stage};
use super::{Loop, NOBODY, mark, note_stage};
use crate::away::Mode;

impl Loop {
    /// Does what the mode asked for needs, once; whether members may be away now.
    pub(super) fn take_mode(&mut self, now: Instant) -> anyhow::Result<()> {
        let asked = Mode::from_u8(self.away.load(Ordering::Acquire));
        let before = core::mem::replace(&mut self.mode, asked);
        if before == asked {
            return Ok(());
        }
        if before == Mode::Stalled {
            self.read_on(now)?;
        }
        match asked {
            Mode::Here | Mode::Stalled => {}
            Mode::Absent => self.part(now),
            Mode::Vanished => self.vanish(now),
        }
        Ok(())
    }

    /// Whether this socket is left unread.
    pub(super) fn is_stalled_socket(&self, number: usize) -> bool {
        self.mode == Mode::Stalled && number >= self.staying_sockets
    }

    /// Whether nothing is done for this member now.
    pub(super) fn is_stalled(&self, index: usize) -> bool {
        self.mode == Mode::Stalled && index >= self.staying
    }

    /// Whether this member does not connect now.
    pub(super) fn is_absent(&self, index: usize) -> bool {
        self.mode == Mode::Absent && index >= self.staying
    }

    /// Reads all that has waited, then does what was due meanwhile.
    fn read_on(&mut self, now: Instant) -> anyhow::Result<()> {
        while self.next_readable(self.staying_sockets).is_some() {
            self.receive()?;
        }
        for index in self.staying..self.members.len() {
            if let Some(link) = &mut self.members[index].link {
                link.scheduled = u64::MAX;
                link.connection.handle_timeout(now);
                mark(link, index, &mut self.dirty);
            }
        }
        Ok(())
    }

    /// They say goodbye, and are let back when the mode changes.
    fn part(&mut self, now: Instant) {
        for index in self.staying..self.members.len() {
            let Member { link, cursors, .. } = &mut self.members[index];
            let Some(link) = link else {
                continue;
            };
            // A connection that this side closes is not said to be lost.
            let before = core::mem::replace(&mut link.stage, Stage::Lost("absent".to_owned()));
            if before == Stage::Online {
                *cursors = link.session.cursors().clone();
                self.tally.redelivered += link.session.redelivered();
            }
            note_stage(&before, &link.stage, &mut self.connecting, &self.progress);
            let reason = bytes::Bytes::from_static(b"absent");
            link.connection.close(now, 0u32.into(), reason);
            mark(link, index, &mut self.dirty);
        }
    }

    /// Their connections are forgotten, as by a process that is killed, and made again at once.
    fn vanish(&mut self, now: Instant) {
        for index in self.staying..self.members.len() {
            let Member {
                link,
                cursors,
                socket,
                ..
            } = &mut self.members[index];
            let Some(Link {
                handle,
                session,
                stage,
                ..
            }) = link.take()
            else {
                continue;
            };
            match stage {
                Stage::Online => {
                    *cursors = session.cursors().clone();
                    self.tally.redelivered += session.redelivered();
                    self.progress.online.fetch_sub(1, Ordering::Relaxed);
                }
                Stage::Connecting => self.connecting -= 1,
                Stage::Lost(_) => {}
            }
            self.handles[*socket][handle.0] = NOBODY;
            self.waiting.push_front((now, index));
        }
    }
}
