//! The dispatcher: which call is made when, and what becomes of those that do not come back.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, select};
use rustc_hash::FxHashMap;

use super::{CallError, Callee};
use crate::engine::Clock;
use crate::engine::door::Door;
use crate::engine::sequencer::Asker;
use crate::engine::stats::Counters;
use crate::engine::ticket::Ticket;
use crate::model::OpenCall;
use crate::model::command::{Actor, CallVerdict, CloseCallV1, Command, TaggedCommand};
use crate::wire::{RecordNumber, TenantId};

/// How often calls that wait for a place are looked at: whether their time is over.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Threads that hang are given up and left alone; so many times the calls made at once, at most.
const HUNG_PER_PLACE_MAX: usize = 4;

/// How much at a time.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Calls being made.
    pub(crate) at_once_max: usize,
    /// Of these, one tenant's, threads that hang included.
    pub(crate) at_once_per_tenant_max: usize,
    /// Calls that wait for their turn.
    pub(crate) waiting_max: usize,
    /// How long one may take.
    pub(crate) timeout: Duration,
}

/// Makes calls until it is told to stop. Threads that hang then end with the process.
pub(crate) struct Dispatcher {
    pub(crate) callee: Arc<dyn Callee>,
    pub(crate) bounds: Bounds,
    pub(crate) door: Door,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) queue: Receiver<OpenCall>,
    pub(crate) stop: Receiver<()>,
}

/// A call being made, or given up while its thread hangs.
struct Flight {
    tenant: TenantId,
    call: RecordNumber,
    deadline: Instant,
    given_up: bool,
}

/// What a thread came back with.
struct Landed {
    flight: u64,
    answer: Result<CallVerdict, CallError>,
}

struct Closing {
    tenant: TenantId,
    call: RecordNumber,
    verdict: CallVerdict,
}

#[derive(Default)]
struct Calls {
    waiting: VecDeque<OpenCall>,
    flights: FxHashMap<u64, Flight>,
    next_flight: u64,
    closings: VecDeque<Closing>,
}

impl Dispatcher {
    /// Begins with what was open when the engine was.
    pub(crate) fn run(self, open: Vec<OpenCall>) {
        let (landings, landed) = crossbeam_channel::unbounded();
        let mut calls = Calls {
            waiting: open.into(),
            ..Calls::default()
        };
        loop {
            self.give_up_late(&mut calls);
            self.close_expired(&mut calls);
            while self.start_next(&mut calls, &landings) {}
            let busy_until = self.close(&mut calls);
            let wake = after(self.pause(&calls, busy_until));
            select! {
                recv(self.stop) -> _ => return,
                recv(self.queue) -> call => match call {
                    Ok(call) => self.take(&mut calls, call),
                    Err(_) => return,
                },
                recv(landed) -> landed => if let Ok(landed) = landed {
                    self.land(&mut calls, landed);
                },
                recv(wake) -> _ => {}
            }
        }
    }

    fn take(&self, calls: &mut Calls, call: OpenCall) {
        if calls.waiting.len() < self.bounds.waiting_max {
            calls.waiting.push_back(call);
        } else {
            self.counters.count_dropped(&call);
        }
    }

    /// Makes the first call whose tenant has a place; whether there was one.
    fn start_next(&self, calls: &mut Calls, landings: &Sender<Landed>) -> bool {
        let hung = calls.flights.values().filter(|flight| flight.given_up);
        let hung = hung.count();
        let made = calls.flights.len() - hung;
        let hung_max = self.bounds.at_once_max * HUNG_PER_PLACE_MAX;
        if made >= self.bounds.at_once_max || hung >= hung_max {
            return false;
        }
        let mut of_tenant = FxHashMap::<TenantId, usize>::default();
        for flight in calls.flights.values() {
            *of_tenant.entry(flight.tenant).or_default() += 1;
        }
        let place_max = self.bounds.at_once_per_tenant_max;
        let has_place = |call: &OpenCall| {
            let made = of_tenant.get(&call.tenant);
            made.is_none_or(|made| *made < place_max)
        };
        let Some(at) = calls.waiting.iter().position(has_place) else {
            return false;
        };
        if let Some(call) = calls.waiting.remove(at) {
            self.start(calls, call, landings);
        }
        true
    }

    fn start(&self, calls: &mut Calls, call: OpenCall, landings: &Sender<Landed>) {
        let flight = calls.next_flight;
        calls.next_flight += 1;
        let (tenant, record) = (call.tenant, call.call);
        let (callee, landing) = (Arc::clone(&self.callee), landings.clone());
        let fly = move || {
            let answer = catch_unwind(AssertUnwindSafe(|| callee.call(&call)));
            let answer = answer.unwrap_or(Err(CallError::Panicked));
            // After a stop nobody waits for it: it is asked again when the engine is opened.
            let _ = landing.send(Landed { flight, answer });
        };
        let started = thread::Builder::new()
            .name("throng-call".to_owned())
            .spawn(fly);
        let flying = Flight {
            tenant,
            call: record,
            deadline: Instant::now() + self.bounds.timeout,
            given_up: false,
        };
        calls.flights.insert(flight, flying);
        if let Err(error) = started {
            let answer = Err(CallError::NoThread(error));
            self.land(calls, Landed { flight, answer });
        }
    }

    fn land(&self, calls: &mut Calls, landed: Landed) {
        let Some(flight) = calls.flights.remove(&landed.flight) else {
            return;
        };
        if flight.given_up {
            return;
        }
        let verdict = landed
            .answer
            .unwrap_or_else(|error| self.failed(&flight, &error));
        calls.closings.push_back(Closing {
            tenant: flight.tenant,
            call: flight.call,
            verdict,
        });
    }

    fn failed(&self, flight: &Flight, error: &CallError) -> CallVerdict {
        self.counters.calls_failed.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(tenant = flight.tenant.0, call = flight.call.0, %error, "an outward call failed");
        CallVerdict::Failed
    }

    fn give_up_late(&self, calls: &mut Calls) {
        let now = Instant::now();
        for flight in calls.flights.values_mut() {
            if flight.given_up || now < flight.deadline {
                continue;
            }
            flight.given_up = true;
            calls.closings.push_back(Closing {
                tenant: flight.tenant,
                call: flight.call,
                verdict: self.failed(flight, &CallError::TimedOut),
            });
        }
    }

    /// What waited too long for a place is answered by nobody any more.
    fn close_expired(&self, calls: &mut Calls) {
        let now = self.clock.wall();
        let closings = &mut calls.closings;
        calls.waiting.retain(|call| {
            let in_time = now < call.expires;
            if !in_time {
                closings.push_back(Closing {
                    tenant: call.tenant,
                    call: call.call,
                    verdict: CallVerdict::Failed,
                });
            }
            in_time
        });
    }

    /// Brings answers to the door; where that is busy, says for how long.
    fn close(&self, calls: &mut Calls) -> Option<Duration> {
        while let Some(closing) = calls.closings.front() {
            let close = CloseCallV1 {
                call: closing.call,
                verdict: closing.verdict,
            };
            let command = Command {
                tenant: closing.tenant,
                actor: Actor::System,
                second_factor: false,
                body: TaggedCommand::CloseCall(close).into(),
            };
            // Nobody waits for what comes of it.
            let (answerer, _) = Ticket::new();
            if let Err(busy) = self.door.submit(command, None, Asker::Ticket(answerer)) {
                return Some(Duration::from_micros(busy.retry_after_us));
            }
            calls.closings.pop_front();
        }
        None
    }

    /// Until something is due without anybody saying so.
    fn pause(&self, calls: &Calls, busy: Option<Duration>) -> Duration {
        let now = Instant::now();
        let flying = calls.flights.values().filter(|flight| !flight.given_up);
        let deadline = flying.map(|flight| flight.deadline.saturating_duration_since(now));
        let look = (!calls.waiting.is_empty()).then_some(LOOK_EVERY);
        let due = deadline.chain(look).chain(busy).min();
        due.unwrap_or(Duration::from_secs(3_600))
    }
}
