//! Who is online, where: which ports a group's records must be released to.
//!
//! Owned by the sequencer, told of attaches and of every membership change at the moment it is
//! decided, so that it always agrees with the state at the same position. Not part of the state:
//! after a restart nobody is online. An all-offline group has no entry and costs nothing (invariant 6).

use rustc_hash::FxHashMap;

use super::port::PortId;
use crate::model::MembershipDelta;
use crate::wire::{GroupId, PersonId, TenantId};

/// How many attached sessions something has on each port; few ports, so a list.
type PerPort = Vec<(PortId, u32)>;

#[derive(Default)]
pub(crate) struct Online {
    /// All that are open, whoever is online there.
    ports: Vec<PortId>,
    sessions: FxHashMap<(PortId, u64), (TenantId, PersonId)>,
    people: FxHashMap<(TenantId, PersonId), PerPort>,
    groups: FxHashMap<(TenantId, GroupId), PerPort>,
    /// What people online watch without being members: counted in `groups` for each of their sessions.
    seats: FxHashMap<(TenantId, PersonId), Vec<GroupId>>,
}

fn add(counts: &mut PerPort, port: PortId, by: u32) {
    match counts.iter_mut().find(|(at, _)| *at == port) {
        Some((_, count)) => *count += by,
        None => counts.push((port, by)),
    }
}

/// Takes `by` off; whether nothing is left anywhere.
fn remove(counts: &mut PerPort, port: PortId, by: u32) -> bool {
    if let Some((_, count)) = counts.iter_mut().find(|(at, _)| *at == port) {
        *count = count.saturating_sub(by);
    }
    counts.retain(|(_, count)| *count > 0);
    counts.is_empty()
}

impl Online {
    pub(crate) fn open(&mut self, port: PortId) {
        self.ports.push(port);
    }

    pub(crate) fn close(&mut self, port: PortId) {
        self.ports.retain(|open| *open != port);
    }

    pub(crate) fn all_ports(&self) -> &[PortId] {
        &self.ports
    }

    /// A session comes online; `groups` are those its person is a member of, seen or not, and `seats` those
    /// they watch, open or not. A session that is already there is replaced.
    pub(crate) fn attach(
        &mut self,
        port: PortId,
        session: u64,
        who: (TenantId, PersonId),
        groups: impl Iterator<Item = GroupId>,
        seats: Vec<GroupId>,
    ) {
        debug_assert!(
            !self.sessions.contains_key(&(port, session)),
            "detach comes first"
        );
        self.sessions.insert((port, session), who);
        add(self.people.entry(who).or_default(), port, 1);
        for group in groups.chain(seats.iter().copied()) {
            add(self.groups.entry((who.0, group)).or_default(), port, 1);
        }
        if !seats.is_empty() {
            self.seats.insert(who, seats);
        }
    }

    /// Whose session it is.
    pub(crate) fn person(&self, port: PortId, session: u64) -> Option<(TenantId, PersonId)> {
        self.sessions.get(&(port, session)).copied()
    }

    /// A session goes offline; `groups` are its person's groups now.
    pub(crate) fn detach(
        &mut self,
        port: PortId,
        session: u64,
        groups: impl Iterator<Item = GroupId>,
    ) {
        let Some(who) = self.sessions.remove(&(port, session)) else {
            return;
        };
        if self
            .people
            .get_mut(&who)
            .is_some_and(|counts| remove(counts, port, 1))
        {
            self.people.remove(&who);
        }
        for group in groups {
            self.take_from_group((who.0, group), port, 1);
        }
        // Whatever has become of the seats since: this is what was counted.
        let seats = self.seats.get(&who).cloned().unwrap_or_default();
        for group in seats {
            self.take_from_group((who.0, group), port, 1);
        }
        if !self.people.contains_key(&who) {
            self.seats.remove(&who);
        }
    }

    /// All sessions of a port.
    pub(crate) fn sessions_of(&self, port: PortId) -> Vec<u64> {
        self.sessions
            .keys()
            .filter(|(at, _)| *at == port)
            .map(|(_, session)| *session)
            .collect()
    }

    /// A membership changes. Who only sees a group no more is still counted as its member: so nothing
    /// is ever taken off twice.
    pub(crate) fn change(&mut self, delta: &MembershipDelta) {
        let who = (delta.tenant, delta.person);
        let Some(ports) = self.people.get(&who) else {
            return;
        };
        let key = (delta.tenant, delta.group);
        if delta.view_only {
            return;
        }
        let had_seat = self.seats.get_mut(&who).is_some_and(|seats| {
            let before = seats.len();
            seats.retain(|group| *group != delta.group);
            seats.len() < before
        });
        if delta.viewer && delta.joined {
            self.seats.entry(who).or_default().push(delta.group);
        }
        // A viewer who becomes a member was counted, and a member who watches no more was not as a viewer.
        let is_counted = had_seat || (!delta.joined && !delta.viewer);
        if is_counted == delta.joined {
            return;
        }
        if delta.joined {
            let counts = self.groups.entry(key).or_default();
            for (port, sessions) in ports {
                add(counts, *port, *sessions);
            }
        } else if let Some(counts) = self.groups.get_mut(&key) {
            let empty = ports.iter().fold(false, |_, (port, sessions)| {
                remove(counts, *port, *sessions)
            });
            if empty {
                self.groups.remove(&key);
            }
        }
    }

    /// A group is over: it has no members and no viewers.
    pub(crate) fn end_group(&mut self, tenant: TenantId, group: GroupId) {
        self.groups.remove(&(tenant, group));
    }

    /// The ports with an attached member of the group.
    pub(crate) fn ports(&self, tenant: TenantId, group: GroupId) -> &[(PortId, u32)] {
        self.groups.get(&(tenant, group)).map_or(&[], Vec::as_slice)
    }

    /// The ports where a person is online.
    pub(crate) fn ports_of(&self, who: (TenantId, PersonId)) -> &[(PortId, u32)] {
        self.people.get(&who).map_or(&[], Vec::as_slice)
    }

    /// How many sessions are online.
    pub(crate) fn session_count(&self) -> usize {
        self.sessions.len()
    }

    fn take_from_group(&mut self, key: (TenantId, GroupId), port: PortId, by: u32) {
        if self
            .groups
            .get_mut(&key)
            .is_some_and(|counts| remove(counts, port, by))
        {
            self.groups.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Sequence;

    const TENANT: TenantId = TenantId(1);
    const ALICE: PersonId = PersonId(1);
    const TEAM: GroupId = GroupId(9);

    fn delta(joined: bool) -> MembershipDelta {
        MembershipDelta {
            tenant: TENANT,
            group: TEAM,
            person: ALICE,
            joined,
            view_only: false,
            viewer: false,
            at: Sequence(1),
        }
    }

    #[test]
    fn a_group_is_online_where_its_members_sessions_are() {
        let mut online = Online::default();
        online.attach(
            PortId(0),
            7,
            (TENANT, ALICE),
            [TEAM].into_iter(),
            Vec::new(),
        );
        online.attach(
            PortId(1),
            7,
            (TENANT, ALICE),
            [TEAM].into_iter(),
            Vec::new(),
        );
        assert_eq!(online.ports(TENANT, TEAM), [(PortId(0), 1), (PortId(1), 1)]);
        online.detach(PortId(0), 7, [TEAM].into_iter());
        assert_eq!(online.ports(TENANT, TEAM), [(PortId(1), 1)]);
        online.detach(PortId(1), 7, [TEAM].into_iter());
        assert!(
            online.ports(TENANT, TEAM).is_empty()
                && online.groups.is_empty()
                && online.people.is_empty()
        );
    }

    #[test]
    fn joining_and_leaving_while_online_moves_the_group_with_the_person() {
        let mut online = Online::default();
        online.attach(PortId(2), 1, (TENANT, ALICE), [].into_iter(), Vec::new());
        online.change(&delta(true));
        assert_eq!(online.ports(TENANT, TEAM), [(PortId(2), 1)]);
        online.change(&delta(false));
        assert!(online.ports(TENANT, TEAM).is_empty());
        online.detach(PortId(2), 1, [].into_iter());
        assert!(online.groups.is_empty());
    }

    #[test]
    fn who_sees_a_group_no_more_is_still_counted_as_its_member() {
        let mut online = Online::default();
        online.attach(
            PortId(2),
            1,
            (TENANT, ALICE),
            [TEAM].into_iter(),
            Vec::new(),
        );
        for again in [false, true] {
            let seen = MembershipDelta {
                view_only: true,
                ..delta(again)
            };
            online.change(&seen);
            assert_eq!(online.ports(TENANT, TEAM), [(PortId(2), 1)]);
        }
        online.change(&delta(false));
        assert!(online.ports(TENANT, TEAM).is_empty());
    }

    #[test]
    fn a_change_of_someone_offline_concerns_no_port() {
        let mut online = Online::default();
        online.change(&delta(true));
        assert!(online.ports_of((TENANT, ALICE)).is_empty());
        assert!(online.groups.is_empty());
    }

    #[test]
    fn a_viewers_seat_counts_until_it_is_given_up_or_the_viewer_goes() {
        let mut online = Online::default();
        let seat = |joined| MembershipDelta {
            viewer: true,
            ..delta(joined)
        };
        online.attach(PortId(2), 1, (TENANT, ALICE), [].into_iter(), vec![TEAM]);
        online.attach(PortId(2), 2, (TENANT, ALICE), [].into_iter(), vec![TEAM]);
        online.change(&seat(true));
        assert_eq!(online.ports(TENANT, TEAM), [(PortId(2), 2)], "once each");
        online.change(&seat(false));
        online.change(&seat(false));
        assert!(online.ports(TENANT, TEAM).is_empty());
        online.change(&seat(true));
        online.change(&delta(true));
        assert_eq!(online.ports(TENANT, TEAM), [(PortId(2), 2)], "a member now");
        online.change(&delta(false));
        assert!(online.ports(TENANT, TEAM).is_empty());
        online.change(&seat(true));
        online.detach(PortId(2), 1, [].into_iter());
        assert_eq!(online.ports(TENANT, TEAM), [(PortId(2), 1)]);
        // Let out of everything with the company: the state knows of no seat any more.
        online.detach(PortId(2), 2, [].into_iter());
        assert!(online.groups.is_empty() && online.seats.is_empty());
    }
}
