//! Who makes and ends join codes, and what came of them.

use crate::model::command::{
    Actor, CreateJoinCodeV1, DoneV1, GroupKind, JoinCodeCreatedV1, JoinCodeStateV1, JoinCodeV1,
    JoinCodesPageV1, ListJoinCodesV1, LiveCodeV1, Reply, ValidityV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{self, Event};
use crate::model::group;
use crate::model::limits::{check_count, check_name};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{JoinCodeIndex, PersonIndex};
use crate::wire::{JoinCodeId, PersonId, Timestamp};

use super::text::CodeText;
use super::{END_OF_TIME, JoinCode, numbered};

const HOURS_72_US: i64 = 72 * 3_600 * 1_000_000;
/// Admins that take turns with a live code's groups, at most.
const LIVE_ADMINS_MAX: u32 = 100;
/// Codes of a page, at most: with their live parts they fit one frame.
const PAGE_MAX: usize = 100;

pub(crate) fn decide_create(
    request: &Request<'_>,
    create: &CreateJoinCodeV1,
) -> Result<Decision, Refusal> {
    let tenant = request.tenant;
    let index = tenant.known_group(create.group)?;
    request.permit(Operation::ManageJoinCode, Subject::Group(index))?;
    let group = tenant.group(index);
    group.check_active(create.group)?;
    if group.kind == GroupKind::Direct {
        let (field, rule) = ("group", "one that more than two people can be in");
        return Err(Refusal::Invalid { field, rule });
    }
    let limit = request.limits.join_codes_per_group_max;
    if tenant.codes.of_group(index).len() >= limit as usize {
        return Err(Refusal::TooManyJoinCodes { limit });
    }
    if !create.label.is_empty() {
        check_name("label", &create.label)?;
    }
    let valid_until = end_of(request, create.validity)?;
    let live = create.live.as_ref();
    let live = live.map(|live| checked_live(request, group.kind, live));
    let live = live.transpose()?;

    let text = unused_text(request);
    let code = JoinCodeId(tenant.codes.list.len() as u64 + 1);
    let event = Event::JoinCodeCreated(event::JoinCodeCreatedV1 {
        code,
        text: text.to_string(),
        group: create.group,
        creator: match request.actor {
            Actor::Person { person, .. } => person,
            Actor::Node | Actor::Enterprise | Actor::System => PersonId(0),
        },
        valid_until,
        label: create.label.clone(),
        uses_max: create.uses_max,
        verification: create.verification,
        live,
    });
    let text = text.to_string();
    let reply = Reply::JoinCodeCreated(JoinCodeCreatedV1 { code, text });
    Ok(Decision::accepted(event, reply))
}

fn end_of(request: &Request<'_>, validity: ValidityV1) -> Result<Timestamp, Refusal> {
    match validity {
        ValidityV1::Permanent => Ok(END_OF_TIME),
        ValidityV1::Hours72 => Ok(request.now.plus_micros(HOURS_72_US)),
        ValidityV1::Until(at) if request.now < at => Ok(at),
        ValidityV1::Until(_) => Err(Refusal::Invalid {
            field: "validity",
            rule: "a time to come",
        }),
    }
}

/// The live part as it will be: with a threshold that its group can reach.
fn checked_live(
    request: &Request<'_>,
    kind: GroupKind,
    live: &LiveCodeV1,
) -> Result<LiveCodeV1, Refusal> {
    if kind == GroupKind::Training {
        let (field, rule) = ("live", "a code of an internal or external group");
        return Err(Refusal::Invalid { field, rule });
    }
    check_name("name_template", &live.name_template)?;
    check_name("name_template", &numbered(&live.name_template, u32::MAX))?;
    check_count("admins", live.admins.len(), LIVE_ADMINS_MAX)?;
    for admin in &live.admins {
        let index = request.tenant.active_person(*admin)?;
        if !request.tenant.is_employee(index) {
            return Err(Refusal::NotAnEmployee { person: *admin });
        }
    }
    let cap = group::cap(request.tenant, request.limits, kind, request.now);
    let threshold = match live.threshold {
        0 => request.limits.live_code_threshold.min(cap),
        threshold => threshold,
    };
    if !(2..=cap).contains(&threshold) {
        let (field, rule) = ("threshold", "2 to the group's cap");
        return Err(Refusal::Invalid { field, rule });
    }
    Ok(LiveCodeV1 {
        threshold,
        ..live.clone()
    })
}

/// What this decision's randomness gives; the next one in the unheard-of case that it is taken.
fn unused_text(request: &Request<'_>) -> CodeText {
    let mut text = CodeText::from_random(request.random);
    while request.tenant.codes.by_text.contains_key(&text) {
        text = text.next();
    }
    text
}

pub(crate) fn decide_revoke(
    request: &Request<'_>,
    revoke: &JoinCodeV1,
) -> Result<Decision, Refusal> {
    let index = run_by(request, revoke.code)?;
    let reply = Reply::Done(DoneV1 {});
    if request.tenant.codes.get(index).revoked {
        return Ok(Decision::answered(reply));
    }

    let event = Event::JoinCodeRevoked(event::JoinCodeRevokedV1 { code: revoke.code });
    Ok(Decision::accepted(event, reply))
}

pub(crate) fn get(request: &Request<'_>, get: &JoinCodeV1) -> Result<Reply, Refusal> {
    let index = run_by(request, get.code)?;
    Ok(Reply::JoinCode(state_of(request, index)))
}

pub(crate) fn list(request: &Request<'_>, list: &ListJoinCodesV1) -> Result<Reply, Refusal> {
    let group = request.tenant.known_group(list.group)?;
    request.permit(Operation::ManageJoinCode, Subject::Group(group))?;
    let page = PAGE_MAX.min(list.limit as usize);
    let codes = request.tenant.codes.of_group(group);
    let (_, after) = codes.split_at(codes.partition_point(|code| code.id() <= list.after));
    let of_page = after.iter().take(page);
    let of_page = of_page.map(|code| state_of(request, *code));
    Ok(Reply::JoinCodes(JoinCodesPageV1 {
        codes: of_page.collect(),
        more: after.len() > page,
    }))
}

/// The code, whose group the actor runs.
fn run_by(request: &Request<'_>, code: JoinCodeId) -> Result<JoinCodeIndex, Refusal> {
    let codes = &request.tenant.codes;
    let index = codes.find(code).ok_or(Refusal::NoSuchJoinCode)?;
    let subject = Subject::Group(codes.get(index).group);
    request.permit(Operation::ManageJoinCode, subject)?;
    Ok(index)
}

fn state_of(request: &Request<'_>, index: JoinCodeIndex) -> JoinCodeStateV1 {
    let code: &JoinCode = request.tenant.codes.get(index);
    let live = code.live.as_ref();
    JoinCodeStateV1 {
        code: index.id(),
        text: code.text.to_string(),
        group: code.group.id(),
        target: code.target().id(),
        creator: code.creator.map_or(PersonId(0), PersonIndex::id),
        valid_until: code.valid_until,
        label: code.label.to_string(),
        uses_max: code.uses_max,
        verification: code.verification,
        live: live.map(|live| live.to_v1()),
        groups: u32::try_from(code.groups().count()).unwrap_or(u32::MAX),
        revoked: code.revoked,
        joined: code.joined,
        last_join: code.last_join,
    }
}
