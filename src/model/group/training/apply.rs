//! Who watches what after an event. None of them takes a sequence.

use crate::model::Stamp;
use crate::model::event::GroupStatus;
use crate::model::event::{ViewerLeftV1, WatchPasswordWrongV1, WatchSetV1};
use crate::model::state::{GroupIndex, PersonIndex, Tenant};
use crate::wire::{GroupId, PersonId};

use super::guesses::Guess;
use super::{Training, Watch};

pub(crate) fn set_watch(tenant: &mut Tenant, set: &WatchSetV1) -> Option<()> {
    let index = tenant.find_group(set.group)?;
    let training = tenant.group_mut(index).training.as_mut()?;
    training.watch = Watch::new(&set.watch);
    Some(())
}

pub(crate) fn let_in(
    tenant: &mut Tenant,
    group: GroupId,
    viewer: PersonId,
    seat: u32,
) -> Option<()> {
    let index = tenant.find_group(group)?;
    let viewer = tenant.find_person(viewer)?;
    let training = audience_for(tenant, index, viewer)?;
    if training.sit(viewer, seat) {
        remember(tenant, index, viewer);
    }
    Some(())
}

/// Seats the viewers of a snapshot; none where they do not fit.
pub(crate) fn take_seats(
    tenant: &mut Tenant,
    index: GroupIndex,
    viewers: &[Option<PersonIndex>],
) -> Option<()> {
    if viewers.last() == Some(&None) {
        return None;
    }
    for viewer in viewers {
        let Some(viewer) = *viewer else {
            tenant.group_mut(index).training.as_mut()?.skip_seat();
            continue;
        };
        audience_for(tenant, index, viewer)?
            .sit_down(viewer)
            .then_some(())?;
        remember(tenant, index, viewer);
    }
    Some(())
}

/// The audience of the group, if the person may be in it.
fn audience_for(
    tenant: &mut Tenant,
    index: GroupIndex,
    viewer: PersonIndex,
) -> Option<&mut Training> {
    let person = tenant.person(viewer);
    let is_over = tenant.group(index).status == GroupStatus::Dissolved;
    if is_over || person.has_departed() || person.membership(index).is_some() {
        return None;
    }
    tenant.group_mut(index).training.as_deref_mut()
}

fn remember(tenant: &mut Tenant, index: GroupIndex, viewer: PersonIndex) {
    let groups = tenant
        .creation
        .audiences
        .watching
        .entry(viewer)
        .or_default();
    if let Err(at) = groups.binary_search(&index) {
        groups.insert(at, index);
    }
}

pub(crate) fn leave(tenant: &mut Tenant, left: &ViewerLeftV1) -> Option<()> {
    let index = tenant.find_group(left.group)?;
    let viewer = tenant.find_person(left.viewer)?;
    let_out(tenant, index, viewer);
    Some(())
}

/// Takes the person out of the group's audience, if they are in it: who becomes a member watches
/// no longer.
pub(crate) fn let_out(tenant: &mut Tenant, index: GroupIndex, viewer: PersonIndex) {
    let Some(training) = tenant.group_mut(index).training.as_mut() else {
        return;
    };
    if training.rise(viewer) {
        forget(tenant, index, viewer);
    }
}

/// Somebody has left the company.
pub(crate) fn let_out_of_all(tenant: &mut Tenant, leaver: PersonIndex) {
    let watching = tenant.creation.audiences.watching.remove(&leaver);
    for group in watching.unwrap_or_default() {
        if let Some(training) = tenant.group_mut(group).training.as_mut() {
            training.rise(leaver);
        }
    }
}

/// The group is over.
pub(crate) fn close_audience(tenant: &mut Tenant, index: GroupIndex) {
    let Some(training) = tenant.group_mut(index).training.as_mut() else {
        return;
    };
    training.seats = Vec::new();
    training.vacant.clear();
    for viewer in core::mem::take(&mut training.by_viewer).into_keys() {
        forget(tenant, index, viewer);
    }
}

fn forget(tenant: &mut Tenant, index: GroupIndex, viewer: PersonIndex) {
    let watching = &mut tenant.creation.audiences.watching;
    if let Some(groups) = watching.get_mut(&viewer) {
        groups.retain(|group| *group != index);
        if groups.is_empty() {
            watching.remove(&viewer);
        }
    }
}

pub(crate) fn guess_wrong(
    tenant: &mut Tenant,
    stamp: &Stamp,
    wrong: &WatchPasswordWrongV1,
) -> Option<()> {
    let group = tenant.find_group(wrong.group)?;
    let viewer = tenant.find_person(wrong.viewer)?;
    let at = stamp.timestamp;
    tenant
        .creation
        .audiences
        .guesses
        .add(Guess { group, viewer, at });
    Some(())
}
