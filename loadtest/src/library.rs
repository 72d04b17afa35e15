//! Members that connect through the client library, the senders among them.
//!
//! Each is one task that connects, attaches with its cursors, checks what it takes, and connects
//! again when the connection is over. Whoever sends borrows the member's client while there is one.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use throng::client::{Arrival, Client, Credentials, Cursors, Delivery, Settings};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::check::{Inbox, Tally};
use crate::ledger::Ledger;
use crate::swarm::SERVER_NAME;

const RECONNECT_AFTER: Duration = Duration::from_millis(50);

/// A member's client, while it is online.
pub(crate) type Seat = watch::Receiver<Option<Client>>;

type Stop = watch::Receiver<bool>;

struct Shared {
    server: SocketAddr,
    settings: Settings,
    live_only: bool,
    ledger: Arc<Ledger>,
    online: AtomicUsize,
    trouble: Mutex<Option<String>>,
}

/// All members that connect through the library.
pub(crate) struct Library {
    /// Their clients, by member number.
    pub(crate) seats: Vec<Seat>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<Tally>,
}

impl Library {
    /// Connects members `0..tokens.len()`, on this runtime.
    pub(crate) fn start(
        server: SocketAddr,
        settings: Settings,
        live_only: bool,
        tokens: Vec<String>,
        ledger: Arc<Ledger>,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            server,
            settings,
            live_only,
            ledger,
            online: AtomicUsize::new(0),
            trouble: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        let mut seats = Vec::new();
        for (number, token) in tokens.into_iter().enumerate() {
            let (client, seat) = watch::channel(None);
            seats.push(seat);
            let inbox = Inbox::new(&shared.ledger, number);
            let member = Member {
                credentials: Credentials::Token(token),
                inbox,
                tally: Tally::default(),
                cursors: Cursors::default(),
                client,
                shared: shared.clone(),
            };
            tasks.spawn(member.run(stopped.clone()));
        }
        Self {
            seats,
            shared,
            stop,
            tasks,
        }
    }

    /// Members online now.
    pub(crate) fn online(&self) -> usize {
        self.shared.online.load(Ordering::Relaxed)
    }

    /// Why the last connection was lost or not made.
    pub(crate) fn trouble(&self) -> Option<String> {
        let trouble = self.shared.trouble.lock();
        trouble.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes every connection and says what the members got.
    pub(crate) async fn stop(mut self) -> anyhow::Result<Tally> {
        // Members that have ended need no word.
        let _ = self.stop.send(true);
        let mut all = Tally::default();
        while let Some(tally) = self.tasks.join_next().await {
            all.add(&tally?);
        }
        Ok(all)
    }
}

struct Member {
    credentials: Credentials,
    inbox: Inbox,
    tally: Tally,
    cursors: Cursors,
    client: watch::Sender<Option<Client>>,
    shared: Arc<Shared>,
}

impl Member {
    async fn run(mut self, mut stop: Stop) -> Tally {
        while !*stop.borrow() {
            if let Err(error) = self.stay_online(&mut stop).await {
                let trouble = self.shared.trouble.lock();
                *trouble.unwrap_or_else(PoisonError::into_inner) = Some(format!("{error:#}"));
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => {}
                () = tokio::time::sleep(RECONNECT_AFTER) => {}
            }
        }
        self.tally
    }

    /// One connection, from its beginning to its end.
    async fn stay_online(&mut self, stop: &mut Stop) -> anyhow::Result<()> {
        let shared = self.shared.clone();
        let connecting = Client::connect(
            shared.server,
            SERVER_NAME,
            &self.credentials,
            &shared.settings,
        );
        let (client, driver) = tokio::select! {
            connected = connecting => connected?,
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        };
        let mut driver = pin!(driver.run());
        let mut member = pin!(self.attend(client, &shared, stop));
        tokio::select! {
            left = &mut member => left,
            reason = &mut driver => {
                // What had arrived before the end is taken still.
                member.await?;
                Err(reason.into())
            }
        }
    }

    /// Attaches and takes deliveries until the connection is over or the run is.
    async fn attend(
        &mut self,
        client: Client,
        shared: &Shared,
        stop: &mut Stop,
    ) -> anyhow::Result<()> {
        let Self {
            inbox,
            tally,
            cursors,
            client: seat,
            ..
        } = self;
        let attached = client.attach(cursors.clone(), shared.live_only).await;
        let (_, mut deliveries) = attached?;
        let _online = Online::new(&shared.online, seat, client);
        loop {
            let delivery = tokio::select! {
                delivery = deliveries.next() => delivery,
                _ = stop.wait_for(|stop| *stop) => None,
            };
            match delivery {
                Some(delivery) => take(inbox, tally, &delivery, &shared.ledger),
                None => break,
            }
        }
        *cursors = deliveries.cursors().clone();
        tally.redelivered += deliveries.redelivered();
        Ok(())
    }
}

fn take(inbox: &mut Inbox, tally: &mut Tally, delivery: &Delivery, ledger: &Ledger) {
    if let Delivery::Envelope(envelope) = delivery {
        let arrival = Arrival::Envelope {
            header: envelope.header(),
            body: envelope.body(),
        };
        let now_us = ledger.micros(Instant::now());
        inbox.take(ledger, tally, &arrival, now_us);
    }
}

/// While it lives the member counts as online and its client may be borrowed.
struct Online<'a> {
    count: &'a AtomicUsize,
    seat: &'a watch::Sender<Option<Client>>,
}

impl<'a> Online<'a> {
    fn new(
        count: &'a AtomicUsize,
        seat: &'a watch::Sender<Option<Client>>,
        client: Client,
    ) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        seat.send_replace(Some(client));
        Self { count, seat }
    }
}

impl Drop for Online<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        self.seat.send_replace(None);
    }
}
