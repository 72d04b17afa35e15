//! Members and viewers that come through gateways: one connection for many people, each of whom
//! checks every delivery.
//!
//! Each connection has a thread and a runtime of its own, so that what a gateway costs is known apart
//! from the rest of this process. A gateway that is lost ends the run: it is what is measured.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context, anyhow, ensure};
use throng::client::gateway::{
    Delivery, Gateway, Newcomer, Newcomers, PEOPLE_PER_CALL_MAX, ReaderKey, Readers, TableLimits,
};
use throng::client::{Credentials, Settings};
use throng::wire::{DeviceId, PersonId};
use tokio::sync::watch;

use crate::check::{Tally, identify};
use crate::ledger::Ledger;
use crate::measure::thread_cpu_us;
use crate::swarm::SERVER_NAME;

/// What gateways need to know.
#[derive(Clone)]
pub(crate) struct Options {
    /// The server.
    pub(crate) server: SocketAddr,
    /// Whom to trust.
    pub(crate) settings: Settings,
    /// A gateway's certificate.
    pub(crate) credentials: Credentials,
    /// Connections, among which the people are spread evenly.
    pub(crate) connections: usize,
    /// Where groups without a cursor begin.
    pub(crate) live_only: bool,
    /// Who comes through them, each on device 1.
    pub(crate) people: Vec<PersonId>,
}

#[derive(Debug, Default)]
struct Progress {
    online: AtomicUsize,
    trouble: Mutex<Option<String>>,
}

impl Progress {
    fn set_trouble(&self, reason: String) {
        let trouble = self.trouble.lock();
        *trouble.unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }
}

/// Running gateways.
pub(crate) struct Gateways {
    threads: Vec<JoinHandle<anyhow::Result<Tally>>>,
    /// The system's numbers of those threads.
    thread_ids: Vec<String>,
    progress: Arc<Progress>,
    stop: watch::Sender<bool>,
}

impl Gateways {
    /// Connects all gateways and begins to attach their people.
    pub(crate) fn start(options: &Options, ledger: &Arc<Ledger>) -> anyhow::Result<Self> {
        let progress = Arc::new(Progress::default());
        let (stop, stopped) = watch::channel(false);
        let (name, names) = mpsc::channel();
        let per_gateway = options.people.len().div_ceil(options.connections).max(1);
        let mut threads = Vec::new();
        for people in options.people.chunks(per_gateway) {
            let carrier = Carrier {
                options: Options {
                    people: people.to_vec(),
                    ..options.clone()
                },
                ledger: ledger.clone(),
                progress: progress.clone(),
                stopped: stopped.clone(),
            };
            let name = name.clone();
            let work = move || {
                // "<process>/task/<thread>"; missing where there is no /proc.
                let own = std::fs::read_link("/proc/thread-self").unwrap_or_default();
                let _ = name.send(own.to_string_lossy().into_owned());
                let progress = carrier.progress.clone();
                let carried = carrier.run();
                if let Err(error) = &carried {
                    progress.set_trouble(format!("{error:#}"));
                }
                carried
            };
            let thread = std::thread::Builder::new().name("gateway".to_owned());
            threads.push(thread.spawn(work)?);
        }
        let thread_ids = names.iter().take(threads.len()).collect();
        Ok(Self {
            threads,
            thread_ids,
            progress,
            stop,
        })
    }

    /// People online now.
    pub(crate) fn online(&self) -> usize {
        self.progress.online.load(Ordering::Relaxed)
    }

    /// Why a gateway is over.
    pub(crate) fn trouble(&self) -> Option<String> {
        let trouble = self.progress.trouble.lock();
        trouble.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a gateway has ended by itself.
    pub(crate) fn has_failed(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// CPU time of all gateways so far, in microseconds.
    pub(crate) fn cpu_us(&self) -> Option<u64> {
        self.thread_ids.iter().map(|id| thread_cpu_us(id)).sum()
    }

    /// Closes every gateway and says what their people got.
    pub(crate) fn stop(self) -> anyhow::Result<Tally> {
        // Gateways that have ended need no word.
        let _ = self.stop.send(true);
        let mut all = Tally::default();
        for thread in self.threads {
            let tally = thread.join().map_err(|_| anyhow!("a gateway panicked"))?;
            all.add(&tally?);
        }
        Ok(all)
    }
}

struct Carrier {
    options: Options,
    ledger: Arc<Ledger>,
    progress: Arc<Progress>,
    stopped: watch::Receiver<bool>,
}

impl Carrier {
    fn run(self) -> anyhow::Result<Tally> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.carry())
    }

    async fn carry(mut self) -> anyhow::Result<Tally> {
        let Options {
            server,
            settings,
            credentials,
            live_only,
            people,
            ..
        } = &self.options;
        let ward = Ward::new(self.ledger.clone(), people.len());
        let limits = TableLimits::default();
        let (gateway, driver) =
            Gateway::connect(*server, SERVER_NAME, credentials, settings, limits, ward)
                .await
                .context("a gateway cannot connect")?;
        let mut driving = tokio::spawn(driver.run());
        for (call, people) in people.chunks(PEOPLE_PER_CALL_MAX).enumerate() {
            let newcomer = |(at, person): (usize, &PersonId)| Newcomer {
                person: *person,
                device: DeviceId(1),
                key: ReaderKey((call * PEOPLE_PER_CALL_MAX + at) as u64),
                cursors: Vec::new(),
            };
            let newcomers = Newcomers {
                people: people.iter().enumerate().map(newcomer).collect(),
                incarnation: None,
                live_only: *live_only,
            };
            let attached = gateway.attach(newcomers).await?;
            for (person, _, result) in &attached {
                if let Err(refused) = result {
                    return Err(anyhow!("person {person} is refused: {}", refused.text));
                }
            }
            self.progress
                .online
                .fetch_add(attached.len(), Ordering::Relaxed);
        }
        tokio::select! {
            // Nobody stops a run that has been given up.
            _ = self.stopped.wait_for(|stop| *stop) => gateway.close().await,
            over = &mut driving => return Err(anyhow!("a gateway was lost: {}", over?.reason)),
        }
        let over = driving.await?;
        let mut tally = over.readers.tally;
        tally.redelivered = over.table.repeated();
        ensure!(
            over.table.readers().count() == people.len(),
            "people on a gateway were sent away"
        );
        Ok(tally)
    }
}

/// The people of one gateway, numbered from 0: how far each has got in each group.
struct Ward {
    ledger: Arc<Ledger>,
    last: Vec<Vec<u64>>,
    tally: Tally,
}

/// Adds up a body, eight bytes at a time: every byte of it is read.
fn sum(body: &[u8]) -> u64 {
    let (words, rest) = body.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = rest.iter().map(|byte| u64::from(*byte));
    words.chain(rest).fold(0, u64::wrapping_add)
}

impl Ward {
    fn new(ledger: Arc<Ledger>, people: usize) -> Self {
        Self {
            last: vec![vec![0; people]; ledger.group_ids.len()],
            ledger,
            tally: Tally::default(),
        }
    }
}

impl Readers for Ward {
    fn deliver(&mut self, reader: ReaderKey, delivery: &Delivery<'_>) {
        self.deliver_all(&[reader], delivery);
    }

    fn deliver_all(&mut self, readers: &[ReaderKey], delivery: &Delivery<'_>) {
        let (header, body) = (delivery.header(), delivery.body());
        let (ledger, tally) = (&self.ledger, &mut self.tally);
        let group = ledger.group_ids.iter().position(|id| *id == header.group());
        let Some(group) = group else {
            tally.corrupted += readers.len() as u64;
            return;
        };
        let is_message = header.kind().is_message();
        let sent = identify(ledger, header, body, group);
        let sent = sent.filter(|(_, copy)| ledger.place(*copy, header.sequence()));
        let planned = sent.map(|(number, _)| sum(&ledger.plan.messages[number].body));
        let mut right = 0;
        for reader in readers {
            let last = &mut self.last[group][reader.0 as usize];
            if header.sequence().0 <= *last {
                let again = header.sequence().0 == *last;
                tally.duplicated += u64::from(again);
                tally.reordered += u64::from(!again);
                continue;
            }
            *last = header.sequence().0;
            if is_message {
                let as_sent = Some(sum(std::hint::black_box(body))) == planned;
                right += u32::from(as_sent);
                tally.corrupted += u64::from(!as_sent);
            }
        }
        if let Some((number, copy)) = sent.filter(|_| right > 0) {
            let now_us = ledger.micros(Instant::now());
            let latency = ledger.delivered_to(right, number, copy, now_us);
            tally.latency.saturating_record_n(latency, right.into());
            tally.deliveries += u64::from(right);
        }
    }
}

#[cfg(test)]
mod tests {
    use throng::client::gateway::Table;
    use throng::wire::{
        Envelope, GroupId, HeaderFields, Kind, Reader, ReaderChange, ReadersBody, Sequence,
    };

    use super::*;
    use crate::plan::tests::{plan, scenario};

    const GROUP: GroupId = GroupId(21);

    /// Three members of one group on a gateway, to whom `sequences` come, each with its message.
    fn carry(sequences: &[(usize, u64)]) -> Ward {
        let plan = plan(&scenario(3, 1, 3));
        let people = vec![PersonId(11), PersonId(12), PersonId(13)];
        let ledger = Ledger::new(plan, vec![GROUP], people.clone(), 64, Instant::now());
        let ledger = Arc::new(ledger);
        let mut ward = Ward::new(ledger.clone(), 3);
        let mut table = Table::new(TableLimits::default());
        let begin = |person: &PersonId| Reader {
            person: *person,
            device: DeviceId(1),
            change: ReaderChange::Begin,
            viewer: false,
            at: Sequence(2),
        };
        for (key, person) in (0..).zip(&people) {
            let key = ReaderKey(key);
            table.attach(*person, DeviceId(1), key, []).unwrap();
        }
        let fields = HeaderFields {
            kind: Kind::Readers,
            group: GROUP,
            membership_sequence: Sequence(2),
            ..HeaderFields::default()
        };
        let body = ReadersBody {
            readers: people.iter().map(begin).collect(),
        };
        let change = Envelope::new(&fields, &body.encode()).unwrap();
        table.on_readers(change.header(), &body, &mut ward).unwrap();
        for &(number, sequence) in sequences {
            let message = &ledger.plan.messages[number];
            let fields = HeaderFields {
                kind: Kind::Text,
                group: GROUP,
                sequence: Sequence(sequence),
                sender: people[message.sender],
                client_message_id: ledger.plan.client_message_id(number),
                ..HeaderFields::default()
            };
            ledger.sent(number, 1);
            let envelope = Envelope::new(&fields, &message.body).unwrap();
            table
                .on_message(envelope.header(), envelope.body(), &mut ward)
                .unwrap();
        }
        ward
    }

    #[test]
    fn every_reader_of_a_gateway_is_counted_and_completes_the_message() {
        let ward = carry(&[(0, 2), (1, 3)]);
        let tally = &ward.tally;
        assert_eq!((tally.deliveries, tally.corrupted), (6, 0));
        assert_eq!((tally.duplicated, tally.reordered), (0, 0));
        assert_eq!(ward.ledger.last_recipient().len(), 2);
    }

    #[test]
    fn what_comes_twice_or_late_or_was_never_sent_is_seen() {
        let mut ward = carry(&[(0, 2)]);
        let ledger = ward.ledger.clone();
        let message = |number: usize, sequence: u64, body: &[u8]| {
            let fields = HeaderFields {
                kind: Kind::Text,
                group: GROUP,
                sequence: Sequence(sequence),
                sender: ledger.person_ids[ledger.plan.messages[number].sender],
                client_message_id: ledger.plan.client_message_id(number),
                ..HeaderFields::default()
            };
            Envelope::new(&fields, body).unwrap()
        };
        let body = ledger.plan.messages[1].body.clone();
        // Given past the table, which lets none of this through.
        for (sequence, body) in [(2, body.as_ref()), (1, &body), (3, b"another")] {
            let envelope = message(1, sequence, body);
            let delivery = Delivery::new(envelope.header(), envelope.body());
            ward.deliver(ReaderKey(1), &delivery);
        }
        let tally = &ward.tally;
        let counts = (tally.duplicated, tally.reordered, tally.corrupted);
        assert_eq!(counts, (1, 1, 1));
    }
}
