//! The mass sends of a day: as many as the quota allows pass, the next is refused and freezes the
//! sender, the one after finds the freeze, and another sender notices nothing (SPEC Q2, Q3).

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{bail, ensure};
use throng::client::Client;
use throng::model::command::{GetMassSendV1, MassSendV1, PersonV1, Reply, TaggedCommand};
use throng::wire::{Kind, Priority, RecordNumber, Sequence};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::ledger::{Acknowledged, Ledger};
use crate::library::Seat;
use crate::publish::until_answered;
use crate::refusal;
use crate::scenario::MassSends;

/// Runs the whole day; an error names the rule that did not hold.
pub(crate) async fn run(
    ledger: &Arc<Ledger>,
    seats: &[Seat],
    mass_sends: &MassSends,
) -> anyhow::Result<()> {
    let pass = mass_sends.pass;
    let others = pass + 2..ledger.plan.messages.len();
    let middle = others.start + others.len() / 2;
    let window = mass_sends.window;

    let before = send_all(ledger, seats, others.start..middle, window);
    let (sent, before) = tokio::join!(send_all(ledger, seats, 0..pass, window), before);
    let (sent, before) = (sent?, before?);
    ensure!(
        sent.refused.is_empty(),
        "refused within the quota: {:?}",
        sent.refused
    );
    let over = send_all(ledger, seats, pass..pass + 1, 1).await?;
    ensure!(
        over.refused == [refusal::QUOTA_EXCEEDED],
        "mass send {} of the day was answered with {:?}, not {}",
        pass + 1,
        over.refused,
        refusal::QUOTA_EXCEEDED
    );
    let frozen = send_all(ledger, seats, pass + 1..pass + 2, 1).await?;
    ensure!(
        frozen.refused == [refusal::FROZEN],
        "the next was answered with {:?}, not {}",
        frozen.refused,
        refusal::FROZEN
    );
    let after = send_all(ledger, seats, middle..others.end, window).await?;
    ensure!(
        before.refused.is_empty() && after.refused.is_empty(),
        "another sender was refused: {:?} {:?}",
        before.refused,
        after.refused
    );
    check_quota(ledger, seats, 0, pass, true).await?;
    check_quota(ledger, seats, 1, others.len(), false).await?;
    for mass_send in sent.accepted {
        check_progress(&seats[0], mass_send, ledger.plan.groups.len()).await?;
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Sent {
    accepted: Vec<RecordNumber>,
    refused: Vec<&'static str>,
}

/// Sends the messages numbered `numbers`, up to `window` at a time.
async fn send_all(
    ledger: &Arc<Ledger>,
    seats: &[Seat],
    numbers: Range<usize>,
    window: usize,
) -> anyhow::Result<Sent> {
    let room = Arc::new(Semaphore::new(window));
    let mut sending = JoinSet::new();
    for number in numbers {
        let permit = room.clone().acquire_owned().await?;
        let seat = seats[ledger.plan.messages[number].sender].clone();
        let ledger = ledger.clone();
        sending.spawn(async move {
            let sent = send(&ledger, seat, number).await;
            drop(permit);
            sent
        });
    }
    let mut all = Sent::default();
    while let Some(sent) = sending.join_next().await {
        match sent?? {
            Ok(mass_send) => all.accepted.push(mass_send),
            Err(rule) => all.refused.push(rule),
        }
    }
    Ok(all)
}

async fn send(
    ledger: &Ledger,
    seat: Seat,
    number: usize,
) -> anyhow::Result<Result<RecordNumber, &'static str>> {
    let planned = &ledger.plan.messages[number];
    let groups = planned.groups.iter().map(|group| ledger.group_ids[*group]);
    let command = TaggedCommand::MassSend(MassSendV1 {
        sender: ledger.person_ids[planned.sender],
        groups: groups.collect(),
        kind: Kind::Text as u8,
        priority: Priority::Normal as u8,
        client_message_id: ledger.plan.client_message_id(number),
        body: planned.body.to_vec(),
    });
    ledger.sent(number, ledger.micros(Instant::now()));
    match ask(seat, command).await? {
        Ok(Reply::MassSendAccepted(accepted)) => {
            for (copy, _) in ledger.plan.copies_of(number) {
                // The answer names the parent record; each group's copy is one of its own.
                let acknowledged = Acknowledged {
                    sequence: Sequence(0),
                    record: None,
                };
                ledger.acknowledged(copy, acknowledged);
            }
            ledger.answered();
            Ok(Ok(accepted.mass_send))
        }
        Ok(other) => bail!("MassSend was answered with {other:?}"),
        Err(rule) => {
            ledger.refused(number, rule);
            Ok(Err(rule))
        }
    }
}

/// The sender's count is exact, and it is frozen or not.
async fn check_quota(
    ledger: &Ledger,
    seats: &[Seat],
    sender: usize,
    used: usize,
    frozen: bool,
) -> anyhow::Result<()> {
    let person = ledger.person_ids[sender];
    let command = TaggedCommand::GetQuotas(PersonV1 { person });
    let Ok(Reply::Quotas(quotas)) = ask(seats[sender].clone(), command).await? else {
        bail!("GetQuotas was not answered with quotas");
    };
    let quota = quotas.quotas.first();
    ensure!(
        quota.is_some_and(|quota| quota.used as usize == used && quota.frozen == frozen),
        "the count is not exact: {used} used and frozen {frozen} expected, {quota:?} answered"
    );
    Ok(())
}

/// The mass send has gone to every group.
async fn check_progress(seat: &Seat, mass_send: RecordNumber, groups: usize) -> anyhow::Result<()> {
    let command = TaggedCommand::GetMassSend(GetMassSendV1 { mass_send });
    let Ok(Reply::MassSendProgress(progress)) = ask(seat.clone(), command).await? else {
        bail!("GetMassSend was not answered with progress");
    };
    let (targets, sent) = (progress.targets as usize, progress.sent as usize);
    ensure!(
        targets == groups && sent <= groups && progress.refused == 0,
        "mass send {mass_send} was to go to {groups} groups: {progress:?}"
    );
    Ok(())
}

async fn ask(seat: Seat, command: TaggedCommand) -> anyhow::Result<Result<Reply, &'static str>> {
    let ask = |client: Client| {
        let command = command.clone();
        async move { client.command(command).await }
    };
    Ok(until_answered(seat, ask).await?.map_err(refusal::name))
}
