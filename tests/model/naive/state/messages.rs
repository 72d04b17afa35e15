//! Messages, mass sends and what is only read, plainly.

use super::*;

impl Tenant {
    pub(crate) fn publish(
        &mut self,
        actor: Actor,
        publish: &Publish,
        now: Timestamp,
        record: RecordNumber,
    ) -> Expected {
        let mut takes = Vec::new();
        let outcome = self.published(actor, publish, now, record, &mut takes);
        Expected { outcome, takes }
    }

    pub(super) fn published(
        &mut self,
        actor: Actor,
        publish: &Publish,
        now: Timestamp,
        record: RecordNumber,
        takes: &mut Vec<Take>,
    ) -> Outcome {
        self.oneself_or_backend(actor, publish.sender)?;
        self.active(publish.sender)?;
        self.group(publish.group)?;
        let id = publish.client_message_id.0;
        if let Some(first) = self.first(publish.sender, publish.group, id, now) {
            if first.digest != publish.body_digest {
                return Err(Refusal::IdempotencyMismatch);
            }
            let Reply::Published(first) = &first.reply else {
                panic!("a message was published");
            };
            let duplicate = true;
            return Ok(Reply::Published(PublishedV1 {
                duplicate,
                ..first.clone()
            }));
        }
        self.may_say(publish.group, publish.sender, publish.kind)?;
        let group = self.group_mut(publish.group);
        group.order.push(Entry::Message);
        let take = group.take(publish.group);
        takes.push(take);
        let reply = Reply::Published(PublishedV1 {
            group: publish.group,
            sequence: take.sequence,
            record,
            timestamp: now,
            duplicate: false,
        });
        self.sent.push(Sent {
            sender: publish.sender,
            group: publish.group,
            id,
            digest: publish.body_digest,
            groups: Vec::new(),
            at: now,
            reply: reply.clone(),
        });
        Ok(reply)
    }

    /// No history here is long enough for 1,024 messages of one sender.
    pub(super) fn first(
        &self,
        sender: PersonId,
        group: GroupId,
        id: u128,
        now: Timestamp,
    ) -> Option<&Sent> {
        let same = |sent: &&Sent| {
            let named = (sent.sender, sent.group, sent.id) == (sender, group, id);
            named && now.0 - sent.at.0 < DAY_US
        };
        self.sent.iter().find(same).filter(|_| id != 0)
    }

    pub(super) fn may_say(&self, id: GroupId, sender: PersonId, kind: Kind) -> Result<(), Refusal> {
        self.in_use(id)?;
        self.member(id, sender)?;
        let group = self.group(id)?;
        if !kind.is_message() || (kind == Kind::Opaque && group.kind == GroupKind::External) {
            return Err(Refusal::KindNotAllowed);
        }
        Ok(())
    }

    /// The window is the local day, by division.
    pub(super) fn window(&self, now: Timestamp) -> (i64, i64) {
        let starts = (now.0 + self.offset_us).div_euclid(DAY_US) * DAY_US - self.offset_us;
        (starts, starts + DAY_US)
    }

    pub(super) fn used(&self, sender: PersonId, now: Timestamp) -> u32 {
        let (starts, ends) = self.window(now);
        let of_today =
            |(who, at): &&(PersonId, Timestamp)| *who == sender && starts <= at.0 && at.0 < ends;
        self.charges.iter().filter(of_today).count() as u32
    }

    pub(super) fn limit(&self, now: Timestamp) -> u32 {
        match self.next_limit {
            Some((from, limit)) if from <= now.0 => limit,
            _ => self.limit,
        }
    }

    /// From tomorrow on, or at once where nobody has sent to many today.
    pub(super) fn set_limit(&mut self, actor: Actor, limit: u32, now: Timestamp) -> Outcome {
        let set_last = self.next_limit.map_or(self.limit, |(_, limit)| limit);
        let is_person = matches!(actor, Actor::Person { .. });
        if is_person && limit > set_last {
            let operation = "";
            return Err(Refusal::NeedsApproval { operation });
        }
        self.limit = self.limit(now);
        let (starts, ends) = self.window(now);
        let mut charges = self.charges.iter();
        if charges.any(|(_, at)| starts <= at.0 && at.0 < ends) {
            self.next_limit = Some((ends, limit));
        } else {
            self.limit = limit;
            self.next_limit = None;
        }
        Ok(Reply::Done(DoneV1 {}))
    }

    pub(super) fn frozen_since(&self, person: PersonId) -> Option<Timestamp> {
        let frozen = self.frozen.iter().find(|(who, _)| *who == person);
        frozen.map(|(_, since)| *since)
    }

    pub(super) fn mass_send(
        &mut self,
        actor: Actor,
        send: &MassSendV1,
        now: Timestamp,
        record: RecordNumber,
    ) -> Outcome {
        let sender = send.sender;
        self.oneself_or_backend(actor, sender)?;
        self.active(sender)?;
        let id = send.client_message_id.0;
        if let Some(first) = self.first(sender, GroupId(0), id, now) {
            if first.digest != digest(send) || first.groups != send.groups {
                return Err(Refusal::IdempotencyMismatch);
            }
            let Reply::MassSendAccepted(first) = &first.reply else {
                panic!("a mass send was accepted");
            };
            let duplicate = true;
            return Ok(Reply::MassSendAccepted(MassSendAcceptedV1 {
                duplicate,
                ..first.clone()
            }));
        }
        if let Some(since) = self.frozen_since(sender) {
            return Err(Refusal::Frozen {
                policy: POLICY,
                group: GroupId(0),
                person: sender,
                since,
            });
        }
        if !self.is_employee(sender) {
            return Err(Refusal::NotAnEmployee { person: sender });
        }
        let kind = Kind::from_u8(send.kind).unwrap();
        if !kind.is_message() {
            return Err(Refusal::KindNotAllowed);
        }
        if send.groups.is_empty() || has_twice(&send.groups) {
            return invalid();
        }
        let mut groups = send.groups.clone();
        groups.sort();
        for group in groups {
            self.may_say(group, sender, kind)?;
        }
        let (used, limit) = (self.used(sender, now), self.limit(now));
        if used >= limit {
            self.frozen.push((sender, now));
            return Err(Refusal::QuotaExceeded {
                policy: POLICY,
                group: GroupId(0),
                person: sender,
                used,
                limit,
                retry_at: Timestamp(self.window(now).1),
                frozen: true,
            });
        }
        self.charges.push((sender, now));
        let reply = Reply::MassSendAccepted(MassSendAcceptedV1 {
            mass_send: record,
            targets: send.groups.len() as u32,
            duplicate: false,
        });
        self.sent.push(Sent {
            sender,
            group: GroupId(0),
            id,
            digest: digest(send),
            groups: send.groups.clone(),
            at: now,
            reply: reply.clone(),
        });
        self.mass_sends.push(MassSend {
            record,
            sender,
            kind,
            groups: send.groups.clone(),
            sent: 0,
            refused: 0,
        });
        Ok(reply)
    }

    pub(crate) fn has_more_to_send(&self) -> bool {
        self.mass_sends.iter().any(MassSend::goes_on)
    }

    /// The next target of the oldest mass send that is not through.
    pub(crate) fn slice(&mut self, now: Timestamp, record: RecordNumber) -> Expected {
        let at = self.mass_sends.iter().position(MassSend::goes_on).unwrap();
        let send = &self.mass_sends[at];
        let id = send.groups[(send.sent + send.refused) as usize];
        let may = self
            .active(send.sender)
            .and_then(|_| self.may_say(id, send.sender, send.kind));
        let mut takes = Vec::new();
        if may.is_err() {
            self.mass_sends[at].refused += 1;
            let outcome = Ok(Reply::Done(DoneV1 {}));
            return Expected { outcome, takes };
        }
        self.mass_sends[at].sent += 1;
        let group = self.group_mut(id);
        group.order.push(Entry::Message);
        takes.push(group.take(id));
        let outcome = Ok(Reply::Published(PublishedV1 {
            group: id,
            sequence: takes[0].sequence,
            record,
            timestamp: now,
            duplicate: false,
        }));
        Expected { outcome, takes }
    }

    pub(super) fn readable(&self, actor: Actor, group: GroupId) -> Result<&Group, Refusal> {
        if self.role(actor, group)? == Some(None) {
            self.manager(actor)?;
        }
        let known = self.group(group)?;
        self.shown(actor, known, group)?;
        Ok(known)
    }

    pub(super) fn get_group(&self, actor: Actor, id: GroupId, now: Timestamp) -> Outcome {
        let group = self.readable(actor, id)?;
        Ok(Reply::Group(GroupStateV1 {
            group: id,
            kind: group.kind,
            name: group.name.clone(),
            owner: group.owner.unwrap_or(PersonId(0)),
            members: group.members.len() as u32,
            cap: self.cap(group.kind, now) as u32,
            head: Sequence(group.order.len() as u64),
            dissolved: group.status == Status::Dissolved,
        }))
    }

    pub(super) fn list_members(&self, actor: Actor, id: GroupId) -> Outcome {
        let group = self.readable(actor, id)?;
        let members = group.members.iter().map(|(person, joined)| MemberStateV1 {
            person: *person,
            role: group.role(*person).unwrap(),
            joined: *joined,
        });
        let mut members: Vec<_> = members.collect();
        members.sort_by_key(|member| member.person);
        let more = false;
        Ok(Reply::Members(MembersPageV1 { members, more }))
    }

    pub(super) fn quotas(&self, person: PersonId, now: Timestamp) -> Reply {
        Reply::Quotas(QuotasV1 {
            quotas: vec![QuotaStateV1 {
                policy: QuotaPolicy::MassSendsPerSenderPerDay,
                used: self.used(person, now),
                limit: self.limit(now),
                window_ends: Timestamp(self.window(now).1),
                frozen: self.frozen_since(person).is_some(),
            }],
        })
    }

    pub(super) fn progress(&self, actor: Actor, record: RecordNumber) -> Outcome {
        let send = self.mass_sends.iter().find(|send| send.record == record);
        let send = send.ok_or(Refusal::NoSuchMassSend {
            mass_send: record.0,
        })?;
        self.oneself_or_manager(actor, send.sender)?;
        Ok(Reply::MassSendProgress(MassSendProgressV1 {
            targets: send.groups.len() as u32,
            sent: send.sent,
            refused: send.refused,
        }))
    }

    pub(crate) fn attach(&self, person: PersonId) -> Result<Vec<AttachedGroup>, Refusal> {
        self.active(person)?;
        let entry = |id: &GroupId| {
            let group = self.group(*id).unwrap();
            let joined = group.members.iter().find(|(who, _)| *who == person);
            let take = group.take(*id);
            AttachedGroup::new(
                *id,
                joined.unwrap().1,
                take.sequence,
                take.membership_sequence,
            )
        };
        Ok(self.groups_seen_by(person).iter().map(entry).collect())
    }
}
