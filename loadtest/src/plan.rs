//! Everything that will be sent, decided before the first connection: who, where, when and what.
//!
//! A message's client message id is the run's nonce and its number here, so that every delivery and
//! every record can be compared with what was meant.

use std::time::Duration;

use bytes::Bytes;
use throng::wire::ClientMessageId;

use crate::away::{Schedule, Window};
use crate::corpus::Corpus;
use crate::scenario::Scenario;

/// One message to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Planned {
    /// Who sends it: a member's number.
    pub(crate) sender: usize,
    /// The groups it goes to, by number.
    pub(crate) groups: Vec<usize>,
    /// When it is due, in microseconds from the start.
    pub(crate) due_us: u64,
    /// What it says.
    pub(crate) body: Bytes,
    /// It goes ahead of others (SPEC S2).
    pub(crate) is_urgent: bool,
    /// The first of its copies, one a group.
    first_copy: usize,
}

/// Everything that will be sent.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    nonce: u64,
    /// Each group's members, by number, senders first.
    pub(crate) groups: Vec<Vec<usize>>,
    /// People who watch every group and are in none.
    pub(crate) viewers: usize,
    /// The messages, in the order they are due.
    pub(crate) messages: Vec<Planned>,
    /// Copies of all messages, one a group.
    pub(crate) copies: usize,
    /// Who is away when.
    pub(crate) schedule: Option<Schedule>,
}

impl Plan {
    /// The plan of `scenario`; `nonce` is this run's own.
    pub(crate) fn new(scenario: &Scenario, corpus: &mut Corpus, nonce: u64) -> Self {
        let mut plan = Self {
            nonce,
            groups: layout(scenario),
            viewers: scenario.viewers(),
            messages: Vec::new(),
            copies: 0,
            schedule: scenario
                .away
                .as_ref()
                .map(|away| Schedule::new(away, scenario.people.members)),
        };
        if let Some(publish) = &scenario.publish {
            for number in 0..publish.count() {
                let due_us = if publish.rate_per_s > 0.0 {
                    let first = number - number % publish.at_once;
                    (first as f64 * 1e6 / publish.rate_per_s) as u64
                } else {
                    0
                };
                let groups = vec![number % scenario.people.groups];
                plan.add(number % publish.senders, groups, due_us, corpus.next());
                let one_in = publish.urgent_every;
                plan.messages[number].is_urgent = one_in > 0 && (number + 1) % one_in == 0;
            }
        }
        if let Some(mass_sends) = &scenario.mass_sends {
            let all: Vec<_> = (0..scenario.people.groups).collect();
            // The two after the limit are refused: one that freezes, one that finds the freeze.
            for _ in 0..mass_sends.pass + 2 {
                plan.add(0, all.clone(), 0, corpus.next());
            }
            for _ in 0..mass_sends.other_sender {
                plan.add(1, all.clone(), 0, corpus.next());
            }
        }
        plan
    }

    fn add(&mut self, sender: usize, groups: Vec<usize>, due_us: u64, body: Bytes) {
        let first_copy = self.copies;
        self.copies += groups.len();
        self.messages.push(Planned {
            sender,
            groups,
            due_us,
            body,
            is_urgent: false,
            first_copy,
        });
    }

    /// Who is to be given what goes to `group`: its members, and who watches.
    pub(crate) fn recipients(&self, group: usize) -> usize {
        self.groups[group].len() + self.viewers
    }

    /// The name of message `number`.
    pub(crate) fn client_message_id(&self, number: usize) -> ClientMessageId {
        ClientMessageId((u128::from(self.nonce) << 64) | number as u128)
    }

    /// The message of that name.
    pub(crate) fn number(&self, id: ClientMessageId) -> Option<usize> {
        let number = usize::try_from(id.0 as u64).ok()?;
        let ours = (id.0 >> 64) as u64 == self.nonce && number < self.messages.len();
        ours.then_some(number)
    }

    /// The copy of message `number` for `group`.
    pub(crate) fn copy(&self, number: usize, group: usize) -> Option<usize> {
        let message = &self.messages[number];
        let at = message.groups.iter().position(|to| *to == group)?;
        Some(message.first_copy + at)
    }

    /// All copies of message `number`, with their groups.
    pub(crate) fn copies_of(&self, number: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let message = &self.messages[number];
        (message.first_copy..).zip(message.groups.iter().copied())
    }

    /// The groups a member is in, by number.
    pub(crate) fn groups_of(&self, member: usize) -> Vec<usize> {
        let groups = self.groups.iter().enumerate();
        groups
            .filter(|(_, members)| members.contains(&member))
            .map(|(group, _)| group)
            .collect()
    }

    /// The stretch message `number` counts in, where members are away.
    pub(crate) fn window(&self, number: usize) -> Option<Window> {
        let due = Duration::from_micros(self.messages[number].due_us);
        self.schedule.as_ref()?.window_at(due)
    }

    /// The median length of a message, in bytes.
    pub(crate) fn payload_bytes(&self) -> usize {
        let mut lengths: Vec<_> = self.messages.iter().map(|m| m.body.len()).collect();
        lengths.sort_unstable();
        lengths.get(lengths.len() / 2).copied().unwrap_or(0)
    }
}

/// Each group's members: all senders, then others in turn, so that every one is in some group.
fn layout(scenario: &Scenario) -> Vec<Vec<usize>> {
    let (members, senders) = (scenario.people.members, scenario.senders());
    let others = members - senders;
    let per_group = scenario.members_per_group() - senders;
    let mut next = 0;
    let group = |_| {
        let mut group: Vec<_> = (0..senders).collect();
        for _ in 0..per_group {
            group.push(senders + next % others);
            next += 1;
        }
        group
    };
    (0..scenario.people.groups).map(group).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::scenario::{Crashes, MassSends, People, Publish, Server, Texts};

    pub(crate) fn scenario(members: usize, groups: usize, per_group: usize) -> Scenario {
        Scenario {
            schema: 1,
            name: "test".to_owned(),
            people: People {
                members,
                groups,
                members_per_group: Some(per_group),
            },
            connections: crate::scenario::Connections::default(),
            texts: Texts::default(),
            publish: Some(Publish {
                senders: 2,
                rate_per_s: 10.0,
                seconds: 0.6,
                messages: None,
                at_once: 1,
                urgent_every: 0,
                window: 64,
            }),
            mass_sends: None,
            away: None,
            gateways: None,
            viewers: None,
            crashes: Crashes::default(),
            server: Server::default(),
        }
    }

    pub(crate) fn plan(scenario: &Scenario) -> Plan {
        Plan::new(scenario, &mut Corpus::generated(&scenario.texts), 7)
    }

    #[test]
    fn messages_at_once_are_due_together() {
        let mut scenario = scenario(10, 3, 4);
        let publish = scenario.publish.as_mut().unwrap();
        (publish.at_once, publish.urgent_every) = (4, 3);
        let messages = plan(&scenario).messages.into_iter();
        let due: Vec<_> = messages.map(|m| (m.due_us, m.is_urgent)).collect();
        let (first, second) = (0, 400_000);
        assert_eq!(
            due,
            [
                (first, false),
                (first, false),
                (first, true),
                (first, false),
                (second, false),
                (second, true)
            ]
        );
    }

    #[test]
    fn senders_and_groups_take_turns_at_an_even_pace() {
        let plan = plan(&scenario(10, 3, 4));
        let turns: Vec<_> = plan
            .messages
            .iter()
            .map(|m| (m.sender, m.groups[0], m.due_us))
            .collect();
        assert_eq!(
            turns,
            [
                (0, 0, 0),
                (1, 1, 100_000),
                (0, 2, 200_000),
                (1, 0, 300_000),
                (0, 1, 400_000),
                (1, 2, 500_000)
            ]
        );
    }

    #[test]
    fn every_group_has_all_senders_and_nobody_twice() {
        let plan = plan(&scenario(10, 4, 4));
        for members in &plan.groups {
            let mut unique = members.clone();
            unique.sort_unstable();
            unique.dedup();
            assert_eq!(unique.len(), 4);
            assert!(members.starts_with(&[0, 1]));
        }
        assert!((0..10).all(|member| !plan.groups_of(member).is_empty()));
    }

    #[test]
    fn a_mass_send_has_a_copy_for_each_group() {
        let mut scenario = scenario(10, 3, 4);
        scenario.publish = None;
        scenario.mass_sends = Some(MassSends {
            pass: 5,
            other_sender: 1,
            window: 1,
        });
        let plan = plan(&scenario);
        assert_eq!((plan.messages.len(), plan.copies), (8, 24));
        let copies: Vec<_> = plan.copies_of(2).collect();
        assert_eq!(copies, [(6, 0), (7, 1), (8, 2)]);
        assert_eq!(plan.copy(2, 1), Some(7));
    }

    #[test]
    fn a_message_is_known_by_its_name_and_strangers_are_not() {
        let plan = plan(&scenario(10, 3, 4));
        let id = plan.client_message_id(5);
        assert_eq!(plan.number(id), Some(5));
        assert_eq!(
            plan.number(ClientMessageId(id.0 + 1)),
            None,
            "beyond the plan"
        );
        assert_eq!(plan.number(ClientMessageId(5)), None, "another nonce");
    }
}
