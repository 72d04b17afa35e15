//! Custody as a snapshot has it.

use std::sync::Arc;

use super::{CLASSES, Custody, Erased, Hold, NEVER, Rule, Scope, TEXTS};
use crate::model::body::body;
use crate::model::state::Tenant;
use crate::wire::{ExportId, GroupId, HoldId, PersonId, Timestamp};

/// From which day on a hold is of the audit trail, where nothing of that had expired when it was placed.
const TRAIL_FROM: i32 = NEVER + 1;

body! {
    /// What a tenant keeps.
    CustodyStateV1 {
        rules: Vec<RuleStateV1>,
        holds: Vec<HoldStateV1>,
        erased: Vec<ErasedStateV1>,
        finished: Vec<ExportId>,
    }
}
body! {
    /// How long one class is kept, in the order of the classes.
    RuleStateV1 {
        days: u32,
        expired_through: i32,
    }
}
body! {
    /// One hold.
    HoldStateV1 {
        id: HoldId,
        groups: Vec<GroupId>,
        first: i32,
        last: i32,
        by: PersonId,
        placed_at: Timestamp,
        reason: String,
        from: Vec<i32>,
        released: bool,
    }
}
body! {
    /// Days of a group that were erased.
    ErasedStateV1 {
        group: GroupId,
        first: i32,
        last: i32,
    }
}

pub(crate) fn write(tenant: &Tenant) -> CustodyStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let Custody {
        rules,
        holds,
        erased,
        finished,
    } = &tenant.custody;
    let rule = |rule: &Rule| {
        let Rule {
            days,
            expired_through,
        } = *rule;
        RuleStateV1 {
            days,
            expired_through,
        }
    };
    let erased = erased
        .all()
        .map(|(group, first, last)| ErasedStateV1 { group, first, last });
    // The rule of the audit trail comes last, and is there once it says anything.
    let has_trail = rules[TEXTS] != Custody::default().rules[TEXTS];
    let rules = &rules[..if has_trail { CLASSES } else { TEXTS }];
    CustodyStateV1 {
        rules: rules.iter().map(rule).collect(),
        holds: holds.iter().map(|hold| write_hold(hold)).collect(),
        erased: erased.collect(),
        finished: finished.to_vec(),
    }
}

fn write_hold(hold: &Hold) -> HoldStateV1 {
    let Hold {
        id,
        scope,
        by,
        placed_at,
        reason,
        from,
        released,
    } = hold;
    HoldStateV1 {
        id: *id,
        groups: scope.groups.to_vec(),
        first: scope.first,
        last: scope.last,
        by: *by,
        placed_at: *placed_at,
        reason: reason.to_string(),
        from: match from[TEXTS] {
            TRAIL_FROM => from[..TEXTS].to_vec(),
            _ => from.to_vec(),
        },
        released: *released,
    }
}

pub(crate) fn read(tenant: &mut Tenant, state: CustodyStateV1) -> Result<(), &'static str> {
    // One less where the audit trail has none.
    if ![TEXTS, CLASSES].contains(&state.rules.len()) {
        return Err("the classes of retention");
    }
    let mut custody = Custody::default();
    for (rule, read) in custody.rules.iter_mut().zip(&state.rules) {
        *rule = Rule {
            days: read.days,
            expired_through: read.expired_through,
        };
    }
    if !state.holds.is_sorted_by(|one, next| one.id < next.id) {
        return Err("the order of holds");
    }
    for hold in state.holds {
        custody.holds.push(Arc::new(read_hold(hold)?));
    }
    let mut erased = Erased::default();
    for range in &state.erased {
        erased.add(range.group, range.first, range.last);
    }
    if erased.count != state.erased.len() {
        return Err("the days that were erased");
    }
    custody.erased = erased;
    if !state.finished.is_sorted_by(|one, next| one < next) {
        return Err("the exports that are complete");
    }
    custody.finished = Arc::new(state.finished);
    tenant.custody = custody;
    Ok(())
}

fn read_hold(hold: HoldStateV1) -> Result<Hold, &'static str> {
    let mut from = hold.from;
    if from.len() == TEXTS {
        from.push(TRAIL_FROM);
    }
    let from: [i32; CLASSES] = from.try_into().map_err(|_| "the classes of a hold")?;
    if !hold.groups.is_sorted_by(|one, next| one < next) {
        return Err("the groups of a hold");
    }
    Ok(Hold {
        id: hold.id,
        scope: Scope {
            groups: hold.groups.into(),
            first: hold.first,
            last: hold.last,
        },
        by: hold.by,
        placed_at: hold.placed_at,
        reason: hold.reason.into(),
        from,
        released: hold.released,
    })
}
