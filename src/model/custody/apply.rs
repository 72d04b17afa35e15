//! What custody events do.

use std::sync::Arc;

use super::event::{
    ContentErasedV1, ContentExpiredV1, ExportFinishedV1, HoldPlacedV1, HoldReleasedV1,
    RetentionSetV1,
};
use super::{Hold, Scope};
use crate::model::Stamp;
use crate::model::state::Tenant;

pub(crate) fn set_retention(tenant: &mut Tenant, set: &RetentionSetV1) {
    tenant.custody.rules[set.class as usize].days = set.days;
}

pub(crate) fn place(tenant: &mut Tenant, stamp: &Stamp, placed: &HoldPlacedV1) {
    let mut groups = placed.groups.clone();
    groups.sort_unstable();
    groups.dedup();
    let custody = &mut tenant.custody;
    // What has expired is gone, whatever is placed on it now.
    let from = custody
        .rules
        .map(|rule| rule.expired_through.saturating_add(1));
    custody.holds.push(Arc::new(Hold {
        id: placed.hold,
        scope: Scope {
            groups: groups.into(),
            first: placed.first_day,
            last: placed.last_day,
        },
        by: stamp.sender,
        placed_at: stamp.timestamp,
        reason: placed.reason.as_str().into(),
        from,
        released: false,
    }));
}

pub(crate) fn release(tenant: &mut Tenant, released: &HoldReleasedV1) {
    let holds = &mut tenant.custody.holds;
    let Ok(at) = holds.binary_search_by_key(&released.hold, |hold| hold.id) else {
        return;
    };
    Arc::make_mut(&mut holds[at]).released = true;
    let ended = Arc::clone(&holds[at]);
    let standing: Vec<_> = holds.iter().filter(|it| !it.released).cloned().collect();
    // Of those that only others kept, the others are looked for anew where this one was among them.
    holds.retain(|hold| {
        !hold.released
            || !hold.scope.overlaps(&ended.scope)
            || standing.iter().any(|it| it.scope.overlaps(&hold.scope))
    });
}

pub(crate) fn erase(tenant: &mut Tenant, erased: &ContentErasedV1) {
    let (first, last) = (erased.first_day, erased.last_day);
    if first <= last {
        tenant.custody.erased.add(erased.group, first, last);
    }
}

pub(crate) fn expire(tenant: &mut Tenant, expired: &ContentExpiredV1) {
    for class in &expired.classes {
        let rule = &mut tenant.custody.rules[class.class as usize];
        rule.expired_through = rule.expired_through.max(class.through_day);
    }
}

pub(crate) fn finish_export(tenant: &mut Tenant, finished: &ExportFinishedV1) {
    let list = Arc::make_mut(&mut tenant.custody.finished);
    if let Err(at) = list.binary_search(&finished.export) {
        list.insert(at, finished.export);
    }
}
