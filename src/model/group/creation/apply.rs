//! What groups and their creators are after an event.

use crate::model::command::GroupRole;
use crate::model::command::{GroupKind, PersonKind};
use crate::model::event::{ArchivePullSetV1, FollowingEndedV1, GroupCreatedV2};
use crate::model::group::training::Training;
use crate::model::group::{direct, found};
use crate::model::quota::Window;
use crate::model::state::{PersonIndex, Tenant};
use crate::wire::{Take, Timestamp};

use super::Count;

pub(crate) fn create(tenant: &mut Tenant, created: &GroupCreatedV2) -> Option<Take> {
    let owner = tenant.find_person(created.owner)?;
    if created.kind == GroupKind::Direct
        && let [other] = created.members[..]
        && let Some(other) = tenant.find_person(other)
        && direct::between(tenant, owner, other).is_some()
    {
        return None;
    }
    let (name, members) = (created.name.as_str(), &created.members);
    let (index, take) = found(tenant, created.group, created.kind, name, owner, members)?;
    let creator = tenant.find_person(created.creator);
    let department = tenant.departments.find(created.department);
    let admins = created.admins.iter();
    let admins: Vec<_> = admins.filter_map(|id| tenant.find_person(*id)).collect();
    for admin in admins {
        let is_member = tenant.person(admin).membership(index).is_some();
        let is_employee = tenant.person(admin).kind == PersonKind::Employee;
        let group = tenant.group_mut(index);
        if is_member && is_employee && group.role(admin) == GroupRole::Member {
            group.admins.push(admin);
        }
    }
    let group = tenant.group_mut(index);
    group.creator = creator;
    group.department = department;
    group.team = (!created.team.is_empty()).then(|| created.team.as_str().into());
    group.follows_department = created.follows_department;
    if let Some(watch) = &created.watch {
        group.training = Some(Box::new(Training::new(watch)));
    }
    direct::index(tenant, index);
    if let Some(creator) = creator.filter(|_| created.day_starts < created.day_ends) {
        let day = Window {
            starts: created.day_starts,
            ends: created.day_ends,
        };
        let count = count_of(tenant, creator);
        if count.day != day {
            (count.day, count.created) = (day, 0);
        }
        count.created = count.created.saturating_add(1);
    }
    Some(take)
}

/// The person's count; a new one is of a day that ended before any time there is.
pub(super) fn count_of(tenant: &mut Tenant, person: PersonIndex) -> &mut Count {
    let never = Timestamp(i64::MIN);
    tenant.creation.counts.entry(person).or_insert(Count {
        day: Window {
            starts: never,
            ends: never,
        },
        created: 0,
        tripped: None,
    })
}

pub(crate) fn end_following(tenant: &mut Tenant, ended: &FollowingEndedV1) {
    if let Some(index) = tenant.find_group(ended.group) {
        tenant.group_mut(index).follows_department = false;
    }
}

pub(crate) fn set_archive_pull(tenant: &mut Tenant, set: &ArchivePullSetV1) {
    let Some(index) = tenant.find_group(set.group) else {
        return;
    };
    if set.pulled {
        tenant.creation.unpulled.remove(&index);
    } else {
        tenant.creation.unpulled.insert(index);
    }
}
