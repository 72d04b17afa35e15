//! Direct groups (SPEC G1): two people and no others, one group a pair.
//!
//! An admin's private mailbox is the direct group of the admin and the employee who writes.

use rustc_hash::FxHashMap;

use crate::model::command::GroupKind;
use crate::model::state::{GroupIndex, PersonIndex, Tenant};

/// The direct group of each pair, found again from the groups themselves.
#[derive(Default)]
pub(crate) struct Directs(FxHashMap<(PersonIndex, PersonIndex), GroupIndex>);

/// The direct group of two people; none where they have none, or one of them is in it no longer.
pub(crate) fn between(tenant: &Tenant, a: PersonIndex, b: PersonIndex) -> Option<GroupIndex> {
    let group = *tenant.creation.directs.0.get(&pair(a, b))?;
    let is_in = |person: PersonIndex| tenant.person(person).membership(group).is_some();
    (is_in(a) && is_in(b)).then_some(group)
}

/// Takes note of `group`, if it is the direct group of a pair.
pub(crate) fn index(tenant: &mut Tenant, group: GroupIndex) {
    let direct = tenant.group(group);
    if direct.kind == GroupKind::Direct
        && let [a, b] = direct.members[..]
    {
        tenant.creation.directs.0.insert(pair(a, b), group);
    }
}

fn pair(a: PersonIndex, b: PersonIndex) -> (PersonIndex, PersonIndex) {
    (a.min(b), a.max(b))
}
