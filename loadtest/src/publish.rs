//! Sends what is planned: each message when it is due, again under the same name until it is
//! answered, however often the server dies meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use throng::client::{Client, Message, NotMade, RequestError};
use throng::wire::{Kind, Priority};
use tokio::task::JoinSet;

use crate::ledger::{Acknowledged, Ledger};
use crate::library::Seat;
use crate::refusal;

/// How long to wait for a connection or for room before trying again.
const AGAIN_AFTER: Duration = Duration::from_millis(5);
/// The longest a busy server is given, whatever it asks for.
const BUSY_MAX: Duration = Duration::from_millis(200);

/// Publishes all messages, from the senders' seats, until all are answered.
pub(crate) async fn publish_all(ledger: &Arc<Ledger>, seats: &[Seat]) -> anyhow::Result<()> {
    let start = Instant::now();
    let start_us = ledger.micros(start);
    let mut publishing = JoinSet::new();
    for number in 0..ledger.plan.messages.len() {
        let due_us = ledger.plan.messages[number].due_us;
        let due = start + Duration::from_micros(due_us);
        tokio::time::sleep_until(due.into()).await;
        ledger.window.acquire().await?.forget();
        // Without a rate everything is due at once: it counts from when there was room.
        let due_us = match due_us {
            0 => ledger.micros(Instant::now()),
            due_us => start_us + due_us,
        };
        ledger.sent(number, due_us);
        let seat = seats[ledger.plan.messages[number].sender].clone();
        publishing.spawn(publish(ledger.clone(), seat, number));
        while let Some(published) = publishing.try_join_next() {
            published??;
        }
    }
    while let Some(published) = publishing.join_next().await {
        published??;
    }
    Ok(())
}

async fn publish(ledger: Arc<Ledger>, seat: Seat, number: usize) -> anyhow::Result<()> {
    let planned = &ledger.plan.messages[number];
    let message = Message {
        group: ledger.group_ids[planned.groups[0]],
        kind: Kind::Text,
        priority: if planned.is_urgent {
            Priority::Urgent
        } else {
            Priority::Normal
        },
        client_message_id: ledger.plan.client_message_id(number),
        body: planned.body.clone(),
    };
    let publish = |client: Client| {
        let message = message.clone();
        async move { client.publish(message).await }
    };
    match until_answered(seat, publish).await? {
        Ok(published) => {
            let acknowledged = Acknowledged {
                sequence: published.sequence,
                record: Some(published.record),
            };
            for (copy, _) in ledger.plan.copies_of(number) {
                ledger.acknowledged(copy, acknowledged);
            }
            ledger.answered();
        }
        Err(code) => ledger.refused(number, refusal::name(code)),
    }
    Ok(())
}

/// Asks until there is an answer: it, or the code of the rule that refused.
pub(crate) async fn until_answered<T, F>(
    mut seat: Seat,
    ask: impl Fn(Client) -> F,
) -> anyhow::Result<Result<T, u16>>
where
    F: Future<Output = Result<T, RequestError>>,
{
    loop {
        let client = seat.wait_for(Option::is_some).await;
        let client = client.map_err(|_| anyhow!("the sender is gone"))?.clone();
        let Some(client) = client else { continue };
        match ask(client).await {
            Ok(answer) => return Ok(Ok(answer)),
            Err(RequestError::Refused(refused)) => return Ok(Err(refused.code)),
            Err(RequestError::Busy { retry_after }) => {
                tokio::time::sleep(retry_after.clamp(AGAIN_AFTER, BUSY_MAX)).await;
            }
            Err(
                RequestError::Closed(_) | RequestError::Over | RequestError::NotMade(NotMade::Full),
            ) => tokio::time::sleep(AGAIN_AFTER).await,
            Err(error) => bail!("a request could not be made: {error}"),
        }
    }
}
