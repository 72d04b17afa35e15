//! State as bytes: what a replay starts from instead of the first record.
//!
//! A tag and a canonical rkyv body, checked before it is used: damaged bytes are an error, never a
//! panic (invariant 8). Memberships are written once, in their groups, and found again from there.

use rustc_hash::FxHashMap;

use crate::model::body::body;
use crate::model::command::{GroupKind, OrgRole, PersonKind, Succession};
use crate::model::directory::Person;
use crate::model::event::GroupStatus;
use crate::model::group::Group;
use crate::model::mass_send::{MassSend, MassSends};
use crate::model::message::{Key, Original, Remembered};
use crate::model::quota::{Account, Window};
use crate::model::state::{GroupIndex, PersonIndex, State, Tenant};
use crate::wire::tagged::{self, TaggedError};
use crate::wire::{
    ALIGNMENT, ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, RecordNumber,
    Sequence, TenantId, Timestamp,
};

const STATE_V1: u16 = 1;
/// No group gets so far; beyond it, counting on would overflow.
const HEAD_MAX: Sequence = Sequence(u64::MAX / 2);

/// Why bytes are not a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// Fewer bytes than the tag in front takes.
    #[error("a snapshot takes at least {ALIGNMENT} bytes, {have} are there")]
    Truncated {
        /// Bytes there are.
        have: usize,
    },
    /// A tag of another build, or a body that is not what it says.
    #[error(transparent)]
    Body(#[from] TaggedError),
    /// What is named in one place is missing in another.
    #[error("tenant {tenant}: {what} does not fit the rest of the snapshot")]
    Inconsistent {
        /// In which tenant; 0 for what is of none.
        tenant: TenantId,
        /// What.
        what: &'static str,
    },
}

body! {
    /// A whole state.
    StateV1 {
        clock: Timestamp,
        tenants: Vec<TenantStateV1>,
        sending: Vec<TenantId>,
    }
}
body! {
    /// One tenant.
    TenantStateV1 {
        name: String,
        zone: String,
        verified_until: Timestamp,
        succession: Succession,
        mass_sends_per_day_max: Option<u32>,
        people: Vec<PersonStateV1>,
        external_ids: Vec<ExternalIdV1>,
        groups: Vec<GroupStateV1>,
        remembered: Vec<SentV1>,
        accounts: Vec<AccountV1>,
        mass_sends: Vec<MassSendStateV1>,
    }
}
body! {
    /// One person, without memberships.
    PersonStateV1 {
        name: String,
        kind: PersonKind,
        role: OrgRole,
        departed: bool,
    }
}
body! {
    /// A backend's own id of a person.
    ExternalIdV1 {
        external_id: String,
        person: PersonId,
    }
}
body! {
    /// One group.
    GroupStateV1 {
        kind: GroupKind,
        name: String,
        status: GroupStatus,
        owner: PersonId,
        admins: Vec<PersonId>,
        members: Vec<MembershipV1>,
        head: Sequence,
        membership_sequence: Sequence,
        message_ordinal: u64,
    }
}
body! {
    /// One member, in join order.
    MembershipV1 {
        person: PersonId,
        joined: Sequence,
    }
}
body! {
    /// What one sender has sent, oldest first.
    SentV1 {
        sender: PersonId,
        originals: Vec<OriginalV1>,
    }
}
body! {
    /// The first result of a message.
    OriginalV1 {
        group: GroupId,
        client_message_id: ClientMessageId,
        body_digest: u64,
        place: u64,
        record: RecordNumber,
        timestamp: Timestamp,
    }
}
body! {
    /// What one sender has used.
    AccountV1 {
        sender: PersonId,
        window_starts: Timestamp,
        window_ends: Timestamp,
        used: u32,
        frozen_since: Option<Timestamp>,
    }
}
body! {
    /// One mass send.
    MassSendStateV1 {
        record: RecordNumber,
        sender: PersonId,
        device: DeviceId,
        kind: u8,
        priority: u8,
        client_message_id: ClientMessageId,
        accepted_at: Timestamp,
        targets: u32,
        sent: u32,
        refused: u32,
        groups: Vec<GroupId>,
    }
}

impl State {
    /// The state as bytes; canonical, so equal states give equal bytes.
    #[must_use]
    pub fn to_snapshot(&self) -> Vec<u8> {
        let state = StateV1 {
            clock: self.clock,
            tenants: self
                .tenants
                .iter()
                .map(|t| tenant_to_v1(t, self.clock))
                .collect(),
            sending: self.sending.iter().copied().collect(),
        };
        let body = tagged::encode(&state);
        let mut bytes = Vec::with_capacity(ALIGNMENT + body.len());
        bytes.extend_from_slice(&STATE_V1.to_le_bytes());
        bytes.resize(ALIGNMENT, 0);
        bytes.extend_from_slice(&body);
        bytes
    }

    /// The state that [`State::to_snapshot`] wrote, under default limits.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let Some((head, body)) = bytes.split_at_checked(ALIGNMENT) else {
            let have = bytes.len();
            return Err(SnapshotError::Truncated { have });
        };
        let found = u16::from_le_bytes([head[0], head[1]]);
        if found != STATE_V1 {
            return Err(TaggedError::Tag { found }.into());
        }
        if head[2..].iter().any(|byte| *byte != 0) {
            return Err(TaggedError::Invalid { tag: found }.into());
        }
        let v1: StateV1 = tagged::decode(STATE_V1, body)?;
        let mut state = Self::new();
        state.clock = v1.clock;
        for (index, tenant) in v1.tenants.into_iter().enumerate() {
            let id = u32::try_from(index + 1).map_or(TenantId(0), TenantId);
            let inconsistent = |what| SnapshotError::Inconsistent { tenant: id, what };
            state
                .tenants
                .push(tenant_from_v1(tenant).map_err(inconsistent)?);
        }
        state.sending = v1.sending.into();
        state.check_sending()?;
        Ok(state)
    }

    /// The tenants in turn are exactly those with something to send.
    fn check_sending(&self) -> Result<(), SnapshotError> {
        let inconsistent = |tenant| SnapshotError::Inconsistent {
            tenant,
            what: "the turn of mass sends",
        };
        let mut in_turn: Vec<_> = self.sending.iter().copied().collect();
        in_turn.sort_unstable();
        let ids = (1..).map(TenantId).zip(&self.tenants);
        let pending = ids.filter(|(_, tenant)| tenant.mass_sends.current().is_some());
        let pending: Vec<_> = pending.map(|(id, _)| id).collect();
        if in_turn == pending {
            return Ok(());
        }
        Err(inconsistent(TenantId(0)))
    }
}

fn tenant_to_v1(tenant: &Tenant, clock: Timestamp) -> TenantStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let Tenant {
        name,
        zone_name,
        zone: _,
        verified_until,
        succession,
        mass_sends_per_day_max,
        people,
        external_ids,
        groups,
        remembered,
        mass_send_accounts,
        mass_sends,
    } = tenant;
    let external_ids = external_ids.iter().map(|(id, person)| ExternalIdV1 {
        external_id: id.to_string(),
        person: person.id(),
    });
    let groups = (1..).map(GroupId).zip(groups);
    let groups = groups.map(|(id, group)| group_to_v1(tenant, id, group));
    let remembered = remembered.living(clock).into_iter();
    let remembered = remembered.map(|(sender, originals)| SentV1 {
        sender: sender.id(),
        originals: originals.iter().map(original_to_v1).collect(),
    });
    let mut accounts: Vec<_> = mass_send_accounts.iter().map(account_to_v1).collect();
    accounts.sort_unstable_by_key(|account| account.sender);
    TenantStateV1 {
        name: name.to_string(),
        zone: zone_name.to_string(),
        verified_until: *verified_until,
        succession: *succession,
        mass_sends_per_day_max: *mass_sends_per_day_max,
        people: people.iter().map(person_to_v1).collect(),
        external_ids: external_ids.collect(),
        groups: groups.collect(),
        remembered: remembered.collect(),
        accounts,
        mass_sends: mass_sends.list.iter().map(mass_send_to_v1).collect(),
    }
}

fn tenant_from_v1(v1: TenantStateV1) -> Result<Tenant, &'static str> {
    let mut tenant = Tenant::new(&v1.name, &v1.zone, v1.verified_until, v1.succession);
    tenant.mass_sends_per_day_max = v1.mass_sends_per_day_max;
    for person in v1.people {
        let mut known = Person::new(&person.name, person.kind, person.role);
        known.departed = person.departed;
        tenant.people.push(known);
    }
    for entry in v1.external_ids {
        let person = tenant.find_person(entry.person).ok_or("an external id")?;
        tenant.external_ids.insert(entry.external_id.into(), person);
    }
    for group in v1.groups {
        group_from_v1(&mut tenant, group)?;
    }
    let mut accounts = FxHashMap::default();
    for account in v1.accounts {
        let sender = tenant.find_person(account.sender).ok_or("an account")?;
        accounts.insert(sender, account_from_v1(&account));
    }
    tenant.mass_send_accounts = accounts;
    tenant.remembered = remembered_from_v1(&tenant, v1.remembered)?;
    tenant.mass_sends = mass_sends_from_v1(&tenant, v1.mass_sends)?;
    Ok(tenant)
}

fn person_to_v1(person: &Person) -> PersonStateV1 {
    PersonStateV1 {
        name: person.name.to_string(),
        kind: person.kind,
        role: person.role,
        departed: person.departed,
    }
}

fn group_to_v1(tenant: &Tenant, id: GroupId, group: &Group) -> GroupStateV1 {
    let Group {
        kind,
        name,
        status,
        owner,
        admins,
        members,
        head,
        membership_sequence,
        message_ordinal,
    } = group;
    let index = tenant.find_group(id);
    let joined = |member: &PersonIndex| {
        let membership = index.and_then(|index| tenant.person(*member).membership(index));
        membership.map_or(Sequence(0), |membership| membership.joined)
    };
    let members = members.iter().map(|member| MembershipV1 {
        person: member.id(),
        joined: joined(member),
    });
    GroupStateV1 {
        kind: *kind,
        name: name.to_string(),
        status: *status,
        owner: owner.map_or(PersonId(0), PersonIndex::id),
        admins: admins.iter().map(|admin| admin.id()).collect(),
        members: members.collect(),
        head: *head,
        membership_sequence: *membership_sequence,
        message_ordinal: *message_ordinal,
    }
}

fn group_from_v1(tenant: &mut Tenant, v1: GroupStateV1) -> Result<(), &'static str> {
    let admins = v1.admins.iter().map(|admin| tenant.find_person(*admin));
    let admins = admins.collect::<Option<_>>().ok_or("a group's admin")?;
    if v1.message_ordinal > v1.head.0 || v1.membership_sequence > v1.head || v1.head > HEAD_MAX {
        return Err("a group's order");
    }
    let owner = tenant.find_person(v1.owner);
    if owner.is_none() && v1.owner != PersonId(0) {
        return Err("a group's owner");
    }
    tenant.groups.push(Group {
        kind: v1.kind,
        name: v1.name.into(),
        status: v1.status,
        owner,
        admins,
        members: Vec::with_capacity(v1.members.len()),
        head: v1.head,
        membership_sequence: v1.membership_sequence,
        message_ordinal: v1.message_ordinal,
    });
    let id = GroupId(tenant.groups.len() as u64);
    let index: GroupIndex = tenant.find_group(id).ok_or("a group")?;
    for member in v1.members {
        let person = tenant
            .find_person(member.person)
            .ok_or("a group's member")?;
        if !tenant.person_mut(person).join(index, member.joined) {
            return Err("a group's member");
        }
        tenant.group_mut(index).members.push(person);
    }
    Ok(())
}

fn original_to_v1(original: &Original) -> OriginalV1 {
    let key = original.key();
    OriginalV1 {
        group: key.group,
        client_message_id: key.client_message_id,
        body_digest: original.body_digest,
        place: original.place,
        record: original.record,
        timestamp: original.timestamp,
    }
}

fn remembered_from_v1(tenant: &Tenant, list: Vec<SentV1>) -> Result<Remembered, &'static str> {
    let mut remembered = Remembered::default();
    for sent in list {
        let sender = tenant.find_person(sent.sender).ok_or("a sender")?;
        for v1 in sent.originals {
            let key = Key {
                group: v1.group,
                client_message_id: v1.client_message_id,
            };
            let (record, timestamp) = (v1.record, v1.timestamp);
            let original = Original::new(key, v1.body_digest, v1.place, record, timestamp);
            remembered.remember(sender, original);
        }
    }
    Ok(remembered)
}

fn account_to_v1((sender, account): (&PersonIndex, &Account)) -> AccountV1 {
    AccountV1 {
        sender: sender.id(),
        window_starts: account.window.starts,
        window_ends: account.window.ends,
        used: account.used,
        frozen_since: account.frozen_since,
    }
}

fn account_from_v1(v1: &AccountV1) -> Account {
    Account {
        window: Window {
            starts: v1.window_starts,
            ends: v1.window_ends,
        },
        used: v1.used,
        frozen_since: v1.frozen_since,
    }
}

fn mass_send_to_v1(send: &MassSend) -> MassSendStateV1 {
    MassSendStateV1 {
        record: send.record,
        sender: send.sender.id(),
        device: send.device,
        kind: send.kind as u8,
        priority: send.priority as u8,
        client_message_id: send.client_message_id,
        accepted_at: send.accepted_at,
        targets: send.targets,
        sent: send.sent,
        refused: send.refused,
        groups: send.groups.clone(),
    }
}

fn mass_sends_from_v1(
    tenant: &Tenant,
    list: Vec<MassSendStateV1>,
) -> Result<MassSends, &'static str> {
    let mut sends = MassSends::default();
    for v1 in list {
        let what = "a mass send";
        let tried = v1.sent.checked_add(v1.refused).ok_or(what)?;
        let is_over = v1.groups.is_empty();
        let fits = if is_over {
            // What has gone out is in front of what has not.
            tried == v1.targets && sends.finished == sends.list.len()
        } else {
            tried < v1.targets && v1.groups.len() == v1.targets as usize
        };
        let follows = sends.list.back().is_none_or(|last| last.record < v1.record);
        if !fits || !follows {
            return Err(what);
        }
        sends.finished += usize::from(is_over);
        sends.list.push_back(MassSend {
            record: v1.record,
            sender: tenant.find_person(v1.sender).ok_or(what)?,
            device: v1.device,
            kind: Kind::from_u8(v1.kind).ok_or(what)?,
            priority: Priority::from_u8(v1.priority).ok_or(what)?,
            client_message_id: v1.client_message_id,
            accepted_at: v1.accepted_at,
            targets: v1.targets,
            sent: v1.sent,
            refused: v1.refused,
            groups: v1.groups,
        });
    }
    Ok(sends)
}
