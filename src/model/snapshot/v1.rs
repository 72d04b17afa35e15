//! The state as version 1 wrote it; only read.

use crate::model::body::body;
use crate::model::command::{GroupKind, OrgRole, PersonKind, PersonStatus, PolicyId, Succession};
use crate::model::directory::{Person, profile};
use crate::model::event::{ChargeV1, GroupStatus, QuotaAccountV1};
use crate::model::group::{Activity, Group};
use crate::model::mass_send::{MassSend, MassSends, Outcome, Target, To};
use crate::model::message::{Key, Original, Remembered};
use crate::model::quota;
use crate::model::state::{GroupIndex, Tenant};
use crate::wire::{
    ClientMessageId, DeviceId, GroupId, Kind, PersonId, Priority, RecordNumber, Sequence, TenantId,
    Timestamp,
};

use super::HEAD_MAX;

/// The only policy there was.
const MASS_SENDS: PolicyId = PolicyId::MASS_SENDS_PER_SENDER_AND_DAY;

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

pub(super) fn read_tenant(v1: TenantStateV1, clock: Timestamp) -> Result<Tenant, &'static str> {
    let mut tenant = Tenant::new(&v1.name, &v1.zone, v1.verified_until, v1.succession);
    for person in v1.people {
        let mut known = Person::new(&person.name, person.kind, person.role);
        if person.departed {
            known.status = PersonStatus::Departed;
        }
        tenant.push_person(known).ok_or("a person")?;
    }
    for entry in v1.external_ids {
        let person = tenant.find_person(entry.person).ok_or("an external id")?;
        profile::set_external_id(&mut tenant, person, &entry.external_id);
    }
    for group in v1.groups {
        group_from_v1(&mut tenant, group)?;
    }
    if let Some(limit) = v1.mass_sends_per_day_max {
        quota::set_preset_limit(&mut tenant, MASS_SENDS, limit);
    }
    for account in v1.accounts {
        tenant.find_person(account.sender).ok_or("an account")?;
        account_from_v1(&mut tenant, &account, clock);
    }
    tenant.remembered = remembered_from_v1(&tenant, v1.remembered)?;
    tenant.mass_sends = mass_sends_from_v1(&tenant, v1.mass_sends)?;
    Ok(tenant)
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
        creator: None,
        department: None,
        follows_department: false,
        team: None,
        training: None,
        owner,
        admins,
        members: Vec::with_capacity(v1.members.len()),
        head: v1.head,
        membership_sequence: v1.membership_sequence,
        message_ordinal: v1.message_ordinal,
        settings: None,
        activity: Activity::default(),
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

fn account_from_v1(tenant: &mut Tenant, v1: &AccountV1, clock: Timestamp) {
    let (policy, group, person) = (MASS_SENDS, GroupId(0), v1.sender);
    let charge = ChargeV1 {
        policy,
        group,
        person,
        amount: v1.used,
        window_starts: v1.window_starts,
        window_ends: v1.window_ends,
    };
    quota::charge(tenant, clock, &charge);
    if let Some(since) = v1.frozen_since {
        let account = QuotaAccountV1 {
            policy,
            group,
            person,
        };
        quota::freeze(tenant, &account, since);
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
        let targets = v1.groups.iter().enumerate().map(|(at, group)| {
            let target = Target::new(To::Group(*group))?;
            let is_tried = at < tried as usize;
            Some(if is_tried {
                target.with(Outcome::Untold)
            } else {
                target
            })
        });
        let send = MassSend {
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
            cancelled: 0,
            list: targets.collect::<Option<_>>().ok_or(what)?,
        };
        let last = sends.list.back();
        if !send.adds_up() || last.is_some_and(|last| last.record >= send.record) {
            return Err(what);
        }
        sends.list.push_back(send);
    }
    sends.pass_finished();
    Ok(sends)
}
