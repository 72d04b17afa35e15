//! The sequencer: the one thread that owns all state and decides everything, in one order.
//!
//! Keeps invariant 1 (state changes only here, by applying the events that are also written),
//! invariant 3 (one order for records, sequences and effects) and invariant 6 (what a record costs
//! here depends on who is online where, never on how many members there are offline).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, after, select_biased};
use rustc_hash::FxHashMap;

use super::announcements::Announcements;
use super::budget::{Budget, Permit};
use super::clock::{Clock, DecisionClock};
use super::custody::Expiry;
use super::denials::Denials;
use super::door::Randomness;
use super::export;
use super::journal::{Pending, PendingRecord, ToJournal};
use super::online::Online;
use super::outbox::Outbox;
use super::port::{AttachedPerson, Item, PortId};
use super::record::{class_of, header_fields, stamp_of, view_of};
use super::sign_in::SignIn;
use super::slices::Sliced;
use super::stats::Counters;
use super::ticket::Answerer;
use crate::log::{Reader, Space, entry_len};
use crate::model::command::{Command, CommandBody, Reply};
use crate::model::{self, Context, Decision, Gone, OpenCall, Refusal, Stamp, State};
use crate::wire::{AttachedGroup, DeviceId, Draft, Envelope, PersonId, RecordNumber, TenantId};

/// Who is answered.
pub(crate) enum Asker {
    /// A shard, by its own number for the request.
    Port {
        /// Which.
        port: PortId,
        /// Its number.
        request: u64,
    },
    /// An embedder.
    Ticket(Answerer),
}

/// An admitted command.
pub(crate) struct Asked {
    pub(crate) command: Command,
    /// Of a mass send's body; a publish brings its own.
    pub(crate) body_digest: u64,
    pub(crate) draft: Option<Draft>,
    pub(crate) asker: Asker,
    pub(crate) permit: Permit,
}

/// What is not a command of the model.
pub(crate) enum Control {
    Attach {
        port: PortId,
        session: u64,
        tenant: TenantId,
        person: PersonId,
        device: DeviceId,
        permit: Permit,
    },
    Detach {
        port: PortId,
        session: u64,
    },
    SignIn {
        port: PortId,
        request: u64,
        come: SignIn,
        permit: Permit,
    },
    OpenPort {
        port: PortId,
        outbox: Arc<Outbox>,
    },
    ClosePort {
        port: PortId,
    },
    /// The state's hash, for tests and checks.
    Hash(oneshot::Sender<(RecordNumber, [u8; 32])>),
    /// What content is gone, and the first record that is not in that.
    #[cfg(feature = "search")]
    Gone(oneshot::Sender<(RecordNumber, Gone)>),
    /// Decide what has been admitted, then stop.
    Finish,
}

pub(crate) struct Sequencer {
    pub(crate) state: State,
    pub(crate) next: RecordNumber,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) decision_clock: DecisionClock,
    pub(crate) randomness: Randomness,
    pub(crate) online: Online,
    /// Messages of mass sends that have targets left, by their parent record.
    pub(crate) mass_sends: FxHashMap<RecordNumber, Envelope>,
    /// Texts that stand in groups.
    pub(crate) announcements: Announcements,
    /// What is counted for the audit trail instead of being recorded.
    pub(crate) denials: Denials,
    pub(crate) expiry: Expiry,
    /// What is gone, kept up record by record.
    pub(crate) gone: Gone,
    /// Wakes an idle sequencer, so that a day that ends is noticed.
    pub(crate) minutes: Receiver<Instant>,
    pub(crate) reader: Reader,
    pub(crate) space: Arc<Space>,
    pub(crate) record_bytes_max: u64,
    /// What slices may have on their way.
    pub(crate) slices: Budget,
    pub(crate) commands: Receiver<Asked>,
    pub(crate) control: Receiver<Control>,
    pub(crate) journal: Sender<ToJournal>,
    /// Told of records that grant an export, where somebody carries it out.
    pub(crate) exports: Option<Sender<RecordNumber>>,
    pub(crate) counters: Arc<Counters>,
}

/// How long a slice waits for room: about a sync.
const ROOM_RETRY: Duration = Duration::from_millis(1);

/// Where a decision's answer goes, and what it holds meanwhile.
pub(super) struct Origin {
    pub(super) asker: Option<Asker>,
    pub(super) permit: Option<Permit>,
}

impl Sequencer {
    /// Runs until it is told to finish, or the log thread is gone.
    pub(crate) fn run(mut self) {
        loop {
            self.count_denials();
            let finish = match self.slice() {
                Sliced::One => self.take_waiting(),
                Sliced::NoRoom => self.wait(&after(ROOM_RETRY)),
                Sliced::Nothing if !self.expiry.is_done() => {
                    self.expire_next();
                    self.take_waiting()
                }
                Sliced::Nothing if self.announcements.is_forgetting() => {
                    self.announcements.forget_some(&self.state);
                    self.take_waiting()
                }
                Sliced::Nothing => {
                    let timer = self.denials.timer(&*self.clock);
                    self.wait(&timer.unwrap_or_else(|| self.minutes.clone()))
                }
            };
            if finish {
                break;
            }
        }
        while let Ok(asked) = self.commands.try_recv() {
            self.decide(asked);
        }
        self.denials.end();
        while self.count_denials() {}
        let _ = self.journal.send(ToJournal::Finish);
    }

    /// Waits for something to do, or for `timer`; attaches and the like before commands.
    fn wait(&mut self, timer: &Receiver<Instant>) -> bool {
        select_biased! {
            recv(self.control) -> control => control.map_or(true, |control| self.control(control)),
            recv(self.commands) -> asked => match asked {
                Ok(asked) => { self.decide(asked); false }
                Err(_) => true,
            },
            recv(timer) -> _ => {
                let now = self.decision_clock.now(&*self.clock);
                self.expiry.look_again(now);
                false
            }
        }
    }

    /// Takes what has come while something is being worked off slice by slice.
    pub(super) fn take_waiting(&mut self) -> bool {
        match self.control.try_recv() {
            Ok(control) => return self.control(control),
            Err(TryRecvError::Disconnected) => return true,
            Err(TryRecvError::Empty) => {}
        }
        if let Ok(asked) = self.commands.try_recv() {
            self.decide(asked);
        }
        false
    }

    fn control(&mut self, control: Control) -> bool {
        match control {
            Control::Attach {
                port,
                session,
                tenant,
                person,
                device,
                permit,
            } => {
                self.detach(port, session);
                let result = self.attach(port, session, (tenant, person), device);
                let item = Item::Attached {
                    session,
                    position: self.next,
                    result,
                };
                self.send(Pending {
                    record: None,
                    position: self.position(),
                    items: vec![(port, item)],
                    answer: None,
                    calls: Vec::new(),
                    gone: None,
                    permit: Some(permit),
                });
            }
            Control::Detach { port, session } => self.detach(port, session),
            Control::SignIn {
                port,
                request,
                come,
                permit,
            } => self.sign_in(port, request, &come, permit),
            Control::OpenPort { port, outbox } => {
                self.online.open(port);
                let _ = self.journal.send(ToJournal::Open(port, outbox));
            }
            Control::ClosePort { port } => {
                for session in self.online.sessions_of(port) {
                    self.detach(port, session);
                }
                self.online.close(port);
                let _ = self.journal.send(ToJournal::Close(port));
            }
            Control::Hash(answer) => drop(answer.send((self.next, self.state.hash()))),
            #[cfg(feature = "search")]
            Control::Gone(answer) => {
                drop(answer.send((self.next, self.gone.clone())));
            }
            Control::Finish => return true,
        }
        self.counters
            .sessions
            .store(self.online.session_count() as u64, Ordering::Relaxed);
        false
    }

    /// Counts a person as online, if they may be, and says what they may read.
    fn attach(
        &mut self,
        port: PortId,
        session: u64,
        who: (TenantId, PersonId),
        device: DeviceId,
    ) -> Result<AttachedPerson, Refusal> {
        let (tenant, person) = who;
        let mut groups = model::attach(&self.state, tenant, person)?;
        model::check_device(&self.state, tenant, person, device)?;
        let member_of = model::memberships(&self.state, tenant, person);
        let seats = model::seats(&self.state, tenant, person);
        let mut watched = Vec::new();
        if !seats.is_empty() {
            let now = self.decision_clock.now(&*self.clock);
            for open in model::watched(&self.state, tenant, person, now) {
                groups.push(open.group);
                watched.push((open.group.group(), open.closes));
            }
            groups.sort_unstable_by_key(AttachedGroup::group);
        }
        self.online
            .attach(port, session, who, member_of.into_iter(), seats);
        Ok(AttachedPerson {
            tenant,
            person,
            device,
            groups,
            watched,
        })
    }

    fn detach(&mut self, port: PortId, session: u64) {
        let Some((tenant, person)) = self.online.person(port, session) else {
            return;
        };
        // Somebody who has left the company is in no group any more.
        let groups = model::memberships(&self.state, tenant, person);
        self.online.detach(port, session, groups.into_iter());
    }

    fn decide(&mut self, asked: Asked) {
        let Asked {
            command,
            body_digest,
            draft,
            asker,
            permit,
        } = asked;
        let origin = Origin {
            asker: Some(asker),
            permit: Some(permit),
        };
        let mut decision = self.decision(&command, body_digest);
        self.announcements
            .show(command.tenant, &mut decision.outcome);
        self.commit(&command, decision, draft, origin);
    }

    pub(super) fn decision(&mut self, command: &Command, body_digest: u64) -> Decision {
        let now = self.decision_clock.now(&*self.clock);
        self.expiry.notice(now);
        self.counters
            .clock_held_back_us
            .store(self.decision_clock.held_back_us(), Ordering::Relaxed);
        let (decision, repeated) = model::decide_counting(
            &self.state,
            command,
            Context {
                now,
                record: self.next,
                body_digest,
                random: match command.body {
                    CommandBody::Tagged(_) => self.randomness.of(self.next, now),
                    CommandBody::Publish(_) | CommandBody::Continue => 0,
                },
            },
        );
        if let Some(repeated) = repeated {
            let window_us = self.state.limits.denial_window_us;
            self.denials.note(repeated, now, &*self.clock, window_us);
        }
        decision
    }

    pub(super) fn commit(
        &mut self,
        command: &Command,
        decision: Decision,
        draft: Option<Draft>,
        origin: Origin,
    ) {
        let stamp = stamp_of(command, self.next, self.decision_clock.last());
        self.commit_stamped(command, stamp, decision, draft, origin);
    }

    /// Reserves space, applies, numbers and hands on; or only answers where nothing changes.
    pub(super) fn commit_stamped(
        &mut self,
        command: &Command,
        stamp: Stamp,
        decision: Decision,
        draft: Option<Draft>,
        origin: Origin,
    ) {
        let draft = view_of(&decision, draft);
        let (events, outcome) = (decision.events, decision.outcome);
        self.counters.decided.fetch_add(1, Ordering::Relaxed);
        if outcome.is_err() {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
        }
        if events.is_empty() {
            self.answer(origin, outcome);
            return;
        }
        let mut private = Vec::new();
        model::event::encode_all(&events, &mut private);
        let body_len = draft.as_ref().map_or(0, |draft| draft.body().len());
        let takes_max = model::event::takes_max(&events);
        let needed = entry_len(takes_max, body_len, private.len());
        if needed > self.record_bytes_max {
            let (field, rule) = (
                "the command",
                "one whose record fits `log.record_bytes_max`",
            );
            self.answer(origin, Err(Refusal::Invalid { field, rule }));
            return;
        }
        if self.space.reserve(needed, class_of(command)).is_err() {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
            self.answer(origin, Err(Refusal::DiskFull));
            return;
        }
        let applied = model::apply(&mut self.state, &stamp, &events);
        let fields = header_fields(&stamp, &events, &applied.takes);
        let envelope = match draft {
            Some(draft) => draft.seal(&fields),
            None => Envelope::new(&fields, &[]).expect("an empty body is under every limit"),
        };
        if let Some(cancelled) = model::event::cancels_mass_send(&events) {
            self.mass_sends.remove(&cancelled);
        }
        if model::event::starts_mass_send(&events) {
            self.mass_sends.insert(self.next, envelope.clone());
        }
        self.announcements.follow(&envelope, &events);
        let items = self.route(&envelope, &applied.takes, &events);
        let gone = model::changes_what_is_gone(&events)
            .then(|| self.gone.refresh(&self.state, stamp.tenant));
        self.expiry.follow(&events, self.decision_clock.last());
        let calls = OpenCall::opened_by(stamp.tenant, &events).collect();
        if let Some(exports) = &self.exports
            && export::grants(&events)
            && exports.try_send(self.next).is_err()
        {
            tracing::warn!(
                record = self.next.0,
                "too many exports wait: the next start carries this one out"
            );
        }
        // The header says the one take of a record of one group.
        let takes = if applied.takes.len() > 1 {
            applied.takes
        } else {
            Vec::new()
        };
        self.space
            .release(needed - entry_len(takes.len(), body_len, private.len()));
        self.next = self.next.next();
        let record = PendingRecord {
            envelope,
            takes,
            private,
        };
        self.send(Pending {
            record: Some(record),
            items,
            calls,
            gone,
            ..self.pending(origin, outcome)
        });
    }

    pub(super) fn answer(&mut self, origin: Origin, outcome: Result<Reply, Refusal>) {
        self.send(self.pending(origin, outcome));
    }

    /// What only goes back to whoever asked.
    fn pending(&self, origin: Origin, outcome: Result<Reply, Refusal>) -> Pending {
        Pending {
            record: None,
            position: self.position(),
            items: Vec::new(),
            answer: origin.asker.map(|asker| (asker, outcome)),
            calls: Vec::new(),
            gone: None,
            permit: origin.permit,
        }
    }

    /// Items of a record are marked with its number; answers without one with the last before.
    fn position(&self) -> RecordNumber {
        RecordNumber(self.next.0.saturating_sub(1))
    }

    fn send(&self, pending: Pending) {
        // A log thread that is gone has failed and said so; whoever waits finds out by its absence.
        let _ = self.journal.send(ToJournal::Pending(Box::new(pending)));
    }
}
