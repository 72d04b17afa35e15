//! Clients that send, and send again until they are answered, whatever becomes of the server.

use throng::engine::{ExecuteError, Message, Ticket};
use throng::log::storage::Random;
use throng::model::Refusal;
use throng::model::command::{MassSendV1, Reply};
use throng::wire::{ClientMessageId, GroupId, Kind, PersonId, Priority, RecordNumber};

use super::World;

/// What somebody wants to say.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// A mass send.
    Send(PersonId, Vec<GroupId>),
    /// A message.
    Say(PersonId, GroupId),
}

impl Ask {
    pub(crate) fn sender(&self) -> PersonId {
        match self {
            Self::Send(sender, _) | Self::Say(sender, _) => *sender,
        }
    }
}

/// What was asked under one name, and every answer to it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    pub(crate) id: ClientMessageId,
    pub(crate) answers: Vec<Answer>,
}

/// One answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Accepted {
        record: RecordNumber,
        duplicate: bool,
    },
    Refused(Refusal),
    /// Something that these clients never get.
    Strange(String),
}

impl Asked {
    pub(crate) fn was_accepted(&self) -> bool {
        let mut answers = self.answers.iter();
        answers.any(|answer| matches!(answer, Answer::Accepted { .. }))
    }
}

/// One thread.
pub(crate) struct Client<'a> {
    pub(crate) world: &'a World,
    pub(crate) random: Random,
    /// Client message ids begin here.
    pub(crate) first_id: u128,
}

impl Client<'_> {
    /// Asks for everything, until each is answered.
    pub(crate) fn run(mut self, asks: Vec<Ask>) -> Vec<Asked> {
        let mut all: Vec<Asked> = Vec::new();
        for (id, ask) in (self.first_id..).zip(asks) {
            let id = ClientMessageId(id);
            // An impatient client sends again before it is answered.
            let times = if self.random.below(4) == 0 { 2 } else { 1 };
            let answers = self.insist(&ask, id, times);
            all.push(Asked { ask, id, answers });
            self.world.step();
            // A forgetful one asks again for what it was told already.
            if self.random.below(3) == 0 {
                let again = self.random.below(all.len() as u64) as usize;
                let Asked { ask, id, .. } = all[again].clone();
                if all[again].was_accepted() {
                    all[again].answers.extend(self.insist(&ask, id, 1));
                }
            }
        }
        all
    }

    /// Sends `times` at once, and again in the engine's next life if it stopped in between.
    fn insist(&self, ask: &Ask, id: ClientMessageId, times: usize) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Some((engine, life)) = self.world.engine() {
            let submit = |_| match ask {
                Ask::Send(sender, groups) => {
                    engine.mass_send(self.world.tenant(), mass_send(*sender, groups, id))
                }
                Ask::Say(sender, group) => {
                    let message = Message::text(*group, *sender, id, "again and again");
                    engine.publish(self.world.tenant(), &message)
                }
            };
            let tickets: Vec<_> = (0..times).map(submit).collect();
            let results = tickets.into_iter().map(|it| it.and_then(Ticket::wait));
            let (mut stopped, mut busy) = (false, false);
            for result in results {
                match result {
                    Ok(reply) => answers.push(accepted(&reply)),
                    // Segments are reserved ahead: a disk that is about to fail may have no more.
                    Err(ExecuteError::Refused(Refusal::DiskFull)) => busy = true,
                    Err(ExecuteError::Refused(refusal)) => answers.push(Answer::Refused(refusal)),
                    Err(ExecuteError::Stopped) => stopped = true,
                    Err(ExecuteError::Busy(_)) => busy = true,
                    Err(other) => answers.push(Answer::Strange(other.to_string())),
                }
            }
            drop(engine);
            if stopped {
                self.world.wait_after(life);
            } else if busy {
                std::thread::yield_now();
            } else {
                break;
            }
        }
        answers
    }
}

fn mass_send(sender: PersonId, groups: &[GroupId], id: ClientMessageId) -> MassSendV1 {
    MassSendV1 {
        sender,
        groups: groups.to_vec(),
        kind: Kind::Text as u8,
        priority: Priority::Normal as u8,
        client_message_id: id,
        body: b"to everybody".to_vec(),
    }
}

fn accepted(reply: &Reply) -> Answer {
    let (record, duplicate) = match reply {
        Reply::Published(published) => (published.record, published.duplicate),
        Reply::MassSendAccepted(accepted) => (accepted.mass_send, accepted.duplicate),
        other => return Answer::Strange(format!("{other:?}")),
    };
    Answer::Accepted { record, duplicate }
}
