//! Who may have content kept, held or erased, and what then happens.

use super::command::{
    ContentClass, EraseContentV1, FinishExportV1, HoldPlacedV1, PlaceHoldV1, ReleaseHoldV1,
    SearchArchiveV1, SearchGrantedV1, SetRetentionV1,
};
use super::event;
use super::{ALL_CLASSES, Scope, TEXTS, class_of};
use crate::model::command::{DoneV1, Reply};
use crate::model::decision::{Decision, Request};
use crate::model::event::Event;
use crate::model::permission::{Operation, Subject, check_node};
use crate::model::refusal::Refusal;
use crate::model::state::{State, Tenant};
use crate::wire::{GroupId, HoldId, TenantId, Timestamp};

/// The longest retention: a hundred years.
const DAYS_MAX: u32 = 36_500;
/// Enterprises that one look through them takes in: about 0.1 ms.
const LOOKED_AT_MAX: usize = 1_000;
/// The years 0 and 9999, roughly: days that people mean.
const DAY_MIN: i32 = -719_528;
const DAY_MAX: i32 = 2_932_896;
const REASON_CHARS_MAX: usize = 200;
const WORDS_CHARS_MAX: usize = 200;
/// Hits of one page of a search.
const HITS_MAX: u32 = 100;

pub(crate) fn decide_set_retention(
    request: &Request<'_>,
    set: &SetRetentionV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::SetRetention, Subject::Tenant)?;
    check_reason(&set.reason)?;
    if set.days > DAYS_MAX {
        return Err(Refusal::Invalid {
            field: "days",
            rule: "from 1 to 36,500, or 0 for ever",
        });
    }
    let event = Event::RetentionSet(event::RetentionSetV1 {
        class: set.class,
        days: set.days,
        reason: set.reason.clone(),
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

pub(crate) fn decide_place(
    request: &Request<'_>,
    place: &PlaceHoldV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::PlaceHold, Subject::Tenant)?;
    check_reason(&place.reason)?;
    check_days(place.first_day, place.last_day)?;
    if place.groups.len() > request.limits.hold_groups_max as usize {
        return Err(Refusal::Invalid {
            field: "groups",
            rule: "no longer than the limit of one hold; none for all groups",
        });
    }
    let mut groups = place.groups.clone();
    groups.sort_unstable();
    if groups.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Refusal::Invalid {
            field: "groups",
            rule: "each group once",
        });
    }
    for group in &groups {
        check_group(request, *group)?;
    }
    let custody = &request.tenant.custody;
    let limit = request.limits.holds_max;
    if custody.holds.len() >= limit as usize {
        return Err(Refusal::Invalid {
            field: "groups",
            rule: "of no more holds than a tenant may have: release those that are over",
        });
    }
    let classes = |group: &GroupId| vec![class_of(request.tenant, *group)];
    let mut concerned: Vec<ContentClass> = match groups.as_slice() {
        [] => ALL_CLASSES[..TEXTS].into(),
        groups => groups.iter().flat_map(classes).collect(),
    };
    // A trail that is kept for ever needs no hold.
    let trail = ContentClass::AuditTrail;
    if custody.rules[trail as usize].days > 0 {
        concerned.push(trail);
    }
    let expired =
        |class: &ContentClass| place.last_day <= custody.rules[*class as usize].expired_through;
    let scope = Scope {
        groups: groups.as_slice().into(),
        first: place.first_day,
        last: place.last_day,
    };
    let is_kept = custody.holds.iter().any(|hold| hold.scope.overlaps(&scope));
    if !is_kept && concerned.iter().all(expired) {
        return Err(Refusal::Invalid {
            field: "last_day",
            rule: "a day of which anything is kept still",
        });
    }
    let hold = HoldId(request.record.0);
    let event = Event::HoldPlaced(event::HoldPlacedV1 {
        hold,
        groups,
        first_day: place.first_day,
        last_day: place.last_day,
        reason: place.reason.clone(),
    });
    Ok(Decision::accepted(
        event,
        Reply::HoldPlaced(HoldPlacedV1 { hold }),
    ))
}

pub(crate) fn decide_release(
    request: &Request<'_>,
    release: &ReleaseHoldV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::ReleaseHold, Subject::Tenant)?;
    check_reason(&release.reason)?;
    let hold = release.hold;
    let mut standing = request.tenant.custody.holds.iter();
    if !standing.any(|one| one.id == hold && !one.released) {
        return Err(Refusal::Invalid {
            field: "hold",
            rule: "one that stands: it does not exist, or was released",
        });
    }
    let reason = release.reason.clone();
    let event = Event::HoldReleased(event::HoldReleasedV1 { hold, reason });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

pub(crate) fn decide_erase(
    request: &Request<'_>,
    erase: &EraseContentV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::EraseContent, Subject::Tenant)?;
    check_reason(&erase.reason)?;
    check_days(erase.first_day, erase.last_day)?;
    if erase.group != GroupId(0) {
        check_group(request, erase.group)?;
    }
    if erase.last_day >= request.now.utc_day() {
        return Err(Refusal::Invalid {
            field: "last_day",
            rule: "a UTC day that is over: what is said today is not erased with it",
        });
    }
    if erase.group == GroupId(0) && request.tenant.mass_sends.current().is_some() {
        return Err(Refusal::Invalid {
            field: "group",
            rule: "not 0 while a mass send goes out: its text is needed until then",
        });
    }
    let custody = &request.tenant.custody;
    let (first, last) = (erase.first_day, erase.last_day);
    let mut holds = custody.holds.iter();
    if let Some(hold) = holds.find(|hold| hold.protects(erase.group, first, last)) {
        return Err(Refusal::Held { hold: hold.id });
    }
    let limit = request.limits.erasures_max;
    if custody.erased.count >= limit as usize {
        return Err(Refusal::Invalid {
            field: "first_day",
            rule: "of no more erased ranges of days than a tenant may have",
        });
    }
    let event = Event::ContentErased(event::ContentErasedV1 {
        group: erase.group,
        first_day: first,
        last_day: last,
        reason: erase.reason.clone(),
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

/// Expires what is due; nothing is recorded where nothing is.
pub(crate) fn decide_expire(request: &Request<'_>) -> Result<Decision, Refusal> {
    check_node(request.actor, Operation::Continue)?;
    let classes: Vec<_> = due(request.tenant, request.now).collect();
    let reply = Reply::Done(DoneV1 {});
    if classes.is_empty() {
        return Ok(Decision::answered(reply));
    }
    let event = Event::ContentExpired(event::ContentExpiredV1 { classes });
    Ok(Decision::accepted(event, reply))
}

/// What is to expire at `now`, by the retention.
fn due(tenant: &Tenant, now: Timestamp) -> impl Iterator<Item = event::ExpiredClassV1> {
    let today = now.utc_day();
    // The text of a mass send is needed until all have it.
    let is_sending = tenant.mass_sends.current().is_some();
    let classes = ALL_CLASSES.into_iter();
    let classes = classes.filter(move |class| !is_sending || *class != ContentClass::Ungrouped);
    classes.filter_map(move |class| {
        let rule = tenant.custody.rules[class as usize];
        let days = i32::try_from(rule.days).ok().filter(|days| *days > 0)?;
        let through_day = today.saturating_sub(days).saturating_sub(1);
        let class = event::ExpiredClassV1 { class, through_day };
        (through_day > rule.expired_through).then_some(class)
    })
}

/// What a look through some enterprises came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LookedThrough {
    /// Of which something is to expire: Throng decides `ExpireContent`.
    pub due: Option<TenantId>,
    /// Where the next look begins; `None` where all have been looked at.
    pub next: Option<TenantId>,
}

/// Looks for an enterprise of which something is to expire at `now`, from `from` on, in a bounded number of
/// them.
#[must_use]
pub fn due_to_expire(state: &State, from: TenantId, now: Timestamp) -> LookedThrough {
    let before = (from.0 as usize).saturating_sub(1);
    let mut tenants = (1..).map(TenantId).zip(&state.tenants).skip(before);
    let mut looked_at = tenants.by_ref().take(LOOKED_AT_MAX);
    let due = looked_at.find(|(_, tenant)| due(tenant, now).next().is_some());
    LookedThrough {
        due: due.map(|(id, _)| id),
        next: tenants.next().map(|(id, _)| id),
    }
}

/// Records a search before it is made: reading what others said is never without a trace (SPEC P1).
pub(crate) fn decide_search(
    request: &Request<'_>,
    tenant: TenantId,
    search: &SearchArchiveV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::SearchArchive, Subject::Tenant)?;
    if search.words.chars().nth(WORDS_CHARS_MAX).is_some() {
        return Err(Refusal::Invalid {
            field: "words",
            rule: "at most 200 characters",
        });
    }
    let narrowed = search.group != GroupId(0) || search.person.0 != 0;
    if search.words.trim().is_empty() && !narrowed {
        return Err(Refusal::Invalid {
            field: "words",
            rule: "not empty where neither a group nor a person is named",
        });
    }
    if search.hits == 0 || search.hits > HITS_MAX {
        return Err(Refusal::Invalid {
            field: "hits",
            rule: "from 1 to 100 a page",
        });
    }
    if search.from >= search.until {
        return Err(Refusal::Invalid {
            field: "until",
            rule: "later than from",
        });
    }
    if search.group != GroupId(0) {
        check_group(request, search.group)?;
    }
    let person = search.person;
    if person.0 != 0 && request.tenant.find_person(person).is_none() {
        return Err(Refusal::NoSuchPerson { person });
    }
    let event = Event::ArchiveSearched(event::ArchiveSearchedV1 {
        words: search.words.clone(),
        group: search.group,
        person,
        from: search.from,
        until: search.until,
        after: search.after,
    });
    let reply = Reply::SearchGranted(Box::new(SearchGrantedV1 {
        tenant,
        search: request.record,
        asked: search.clone(),
    }));
    Ok(Decision::accepted(event, reply))
}

/// Records that a granted export is complete; again, it changes nothing.
pub(crate) fn decide_finish_export(
    request: &Request<'_>,
    finish: &FinishExportV1,
) -> Result<Decision, Refusal> {
    check_node(request.actor, Operation::Continue)?;
    let tenant = request.tenant;
    let mut granted = tenant.approvals.exports.iter();
    if !granted.any(|export| export.export == finish.export) {
        return Err(Refusal::Invalid {
            field: "export",
            rule: "one that was granted",
        });
    }
    let reply = Reply::Done(DoneV1 {});
    if tenant
        .custody
        .finished
        .binary_search(&finish.export)
        .is_ok()
    {
        return Ok(Decision::answered(reply));
    }
    let event = Event::ExportFinished(event::ExportFinishedV1 {
        export: finish.export,
        records: finish.records,
        manifest: finish.manifest,
    });
    Ok(Decision::accepted(event, reply))
}

/// A group of the tenant, also one whose view is deleted: its records are there.
fn check_group(request: &Request<'_>, group: GroupId) -> Result<(), Refusal> {
    match request.tenant.find_group(group) {
        Some(_) => Ok(()),
        None => Err(Refusal::NoSuchGroup { group }),
    }
}

fn check_days(first: i32, last: i32) -> Result<(), Refusal> {
    if first > last {
        return Err(Refusal::Invalid {
            field: "last_day",
            rule: "not before the first",
        });
    }
    if first < DAY_MIN || last > DAY_MAX {
        return Err(Refusal::Invalid {
            field: "first_day",
            rule: "UTC days of the years 0 to 9999, counted from 1970-01-01",
        });
    }
    Ok(())
}

fn check_reason(reason: &str) -> Result<(), Refusal> {
    let chars = reason.chars().take(REASON_CHARS_MAX + 1).count();
    if reason.trim().is_empty() || chars > REASON_CHARS_MAX {
        return Err(Refusal::Invalid {
            field: "reason",
            rule: "from 1 to 200 characters",
        });
    }
    Ok(())
}
