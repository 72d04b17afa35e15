//! Whether somebody joins by a code, and where: refusals first, and the last place goes to one.

use crate::model::call::{self, QUESTION_LEN_MAX};
use crate::model::command::{
    CallV1, GroupChangedV1, GroupKind, JoinByCodeV1, JoinPendingV1, JoinSource, PersonStatus,
    Reply, VerifyJoinV1,
};
use crate::model::decision::{Decision, Request};
use crate::model::event::{CodeGuessedV1, Event, GroupCreatedV2, JoinCodeMovedV1, JoinCodeUsedV1};
use crate::model::group;
use crate::model::group::creation::{self, Belongs, NewGroup};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::{JoinCodeIndex, PersonIndex};
use crate::wire::{GroupId, PersonId, Sequence};

use super::text::CodeText;
use super::{JoinCode, Live, guesses};

pub(crate) fn decide_join(request: &Request<'_>, join: &JoinByCodeV1) -> Result<Decision, Refusal> {
    let person = newcomer(request, join.person)?;
    guesses::check(request, person)?;
    if join.question.len() > QUESTION_LEN_MAX {
        let (field, rule) = ("question", "at most 1 KiB");
        return Err(Refusal::Invalid { field, rule });
    }
    let codes = &request.tenant.codes;
    let text = CodeText::parse(&join.code);
    let Some(index) = text.and_then(|text| codes.by_text.get(&text).copied()) else {
        return Ok(guessed_wrong(join.person, Refusal::NoSuchJoinCode));
    };
    let admission = admit(request, index, join.person)?;
    if codes.get(index).verification {
        return ask_first(request, index, join);
    }

    let reply = Reply::Joined(GroupChangedV1 {
        group: admission.group,
        sequence: admission.sequence,
    });
    Ok(Decision::new(admission.into_events(), Ok(reply)))
}

/// Whoever may use codes at all: whoever asks, with an account in use.
pub(super) fn newcomer(request: &Request<'_>, person: PersonId) -> Result<PersonIndex, Refusal> {
    request.permit(Operation::JoinByCode, Subject::Person(person))?;
    let index = request.tenant.usable_person(person)?;
    if request.tenant.person(index).status == PersonStatus::Invited {
        return Err(Refusal::NotActivated { person });
    }
    Ok(index)
}

/// A refusal that is an event: never coalesced, or codes could be tried faster than they are counted.
pub(super) fn guessed_wrong(person: PersonId, refusal: Refusal) -> Decision {
    Decision::new(
        vec![Event::CodeGuessed(CodeGuessedV1 { person })],
        Err(refusal),
    )
}

/// Opens the call that says whether the join is decided; asking again finds the same call.
fn ask_first(
    request: &Request<'_>,
    index: JoinCodeIndex,
    join: &JoinByCodeV1,
) -> Result<Decision, Refusal> {
    let tenant = request.tenant;
    let person = tenant.active_person(join.person)?;
    if let Some((call, expires)) = tenant.calls.of_joiner(index, person, request.now) {
        let pending = JoinPendingV1 { call, expires };
        return Ok(Decision::answered(Reply::JoinPending(pending)));
    }
    let code = tenant.codes.get(index);
    let verify = VerifyJoinV1 {
        code: index.id(),
        group: code.target().id(),
        person: join.person,
        label: code.label.to_string(),
        question: join.question.clone(),
    };
    let opened = call::opened(request, CallV1::VerifyJoin(verify))?;

    let reply = Reply::JoinPending(JoinPendingV1 {
        call: opened.call,
        expires: opened.expires,
    });
    Ok(Decision::accepted(Event::CallOpened(opened), reply))
}

/// A join that nothing refuses, and what it takes.
pub(crate) struct Admission {
    /// Where.
    pub(crate) group: GroupId,
    /// Which place it takes there.
    pub(crate) sequence: Sequence,
    code: JoinCodeIndex,
    person: PersonId,
    entry: Entry,
}

/// How a newcomer comes in: one place in one group, so a group that is made for them has them among
/// its first members.
enum Entry {
    Joined(Event),
    Created(GroupCreatedV2),
}

impl Admission {
    pub(crate) fn into_events(self) -> Vec<Event> {
        let Self {
            group,
            sequence: _,
            code,
            person,
            entry,
        } = self;
        let code = code.id();
        let mut events = match entry {
            Entry::Joined(joined) => vec![joined],
            Entry::Created(created) => vec![
                Event::GroupCreatedV2(created),
                Event::JoinCodeMoved(JoinCodeMovedV1 { code, group }),
            ],
        };
        events.push(Event::JoinCodeUsed(JoinCodeUsedV1 { code, person }));
        events
    }
}

/// Whether `person` may join by the code now: its state, the group's state, kind and cap.
pub(crate) fn admit(
    request: &Request<'_>,
    index: JoinCodeIndex,
    person: PersonId,
) -> Result<Admission, Refusal> {
    let tenant = request.tenant;
    let code = tenant.codes.get(index);
    check_usable(request, code)?;
    let target = code.target();
    let group = tenant.group(target);
    group.check_active(target.id())?;
    let newcomer = tenant.usable_person(person)?;
    group::admissible(request, group.kind, &[person])?;
    for group in code.groups() {
        if tenant.person(newcomer).membership(group).is_some() {
            let group = group.id();
            return Err(Refusal::AlreadyAMember { person, group });
        }
    }
    let cap = group::cap(tenant, request.limits, group.kind, request.now);
    let members = u32::try_from(group.members.len()).unwrap_or(u32::MAX);
    match &code.live {
        Some(live) if members >= live.threshold.min(cap) => {
            next_group(request, index, live, newcomer)
        }
        None if members >= cap => {
            let group = target.id();
            Err(Refusal::GroupFull { group, cap })
        }
        _ => {
            let people = vec![person];
            let how = (JoinSource::Code, &*code.label);
            let joined = creation::joined_event(tenant, group.kind, target.id(), people, how);
            Ok(Admission {
                group: target.id(),
                sequence: group.head.next(),
                code: index,
                person,
                entry: Entry::Joined(joined),
            })
        }
    }
}

fn check_usable(request: &Request<'_>, code: &JoinCode) -> Result<(), Refusal> {
    let uses_max = code.uses_max;
    if code.revoked {
        return Err(Refusal::JoinCodeRevoked);
    }
    if code.valid_until <= request.now {
        let at = code.valid_until;
        return Err(Refusal::JoinCodeExpired { at });
    }
    if uses_max != 0 && code.joined >= uses_max {
        return Err(Refusal::JoinCodeUsedUp { uses_max });
    }
    Ok(())
}

/// The group that a live code moves on to: named by its number, owned by the next admin in turn.
fn next_group(
    request: &Request<'_>,
    index: JoinCodeIndex,
    live: &Live,
    newcomer: PersonIndex,
) -> Result<Admission, Refusal> {
    let tenant = request.tenant;
    let code = tenant.codes.get(index);
    let last = tenant.group(code.target());
    let owner = owner_in_turn(request, live).or(last.owner);
    let owner = owner.ok_or(Refusal::NoSuchPerson {
        person: PersonId(0),
    })?;
    let number = u32::try_from(live.next_groups.len() + 2).unwrap_or(u32::MAX);
    let newcomer = newcomer.id();
    let members = [newcomer];
    let created = creation::plan(
        request,
        &NewGroup {
            kind: last.kind,
            name: &live.name(number),
            owner: owner.id(),
            admins: &[],
            members: if owner.id() == newcomer {
                &[]
            } else {
                &members
            },
            departments: &[],
            // Bound as the last one, but a department's people are not its members.
            belongs: match last.kind {
                GroupKind::Internal => Belongs::Team(last.team.as_deref().unwrap_or(&last.name)),
                GroupKind::External | GroupKind::Training | GroupKind::Direct => Belongs::Nowhere,
            },
            follows_department: false,
            may_be_small: true,
        },
    )?;
    let created = match last.department {
        Some(department) => GroupCreatedV2 {
            department: department.id(),
            team: String::new(),
            ..created
        },
        None => created,
    };
    Ok(Admission {
        group: created.group,
        sequence: Sequence(1),
        code: index,
        person: newcomer,
        entry: Entry::Created(GroupCreatedV2 {
            creator: code.creator.map_or(PersonId(0), PersonIndex::id),
            ..created
        }),
    })
}

/// The first from the next in turn on who is still there to own a group.
fn owner_in_turn(request: &Request<'_>, live: &Live) -> Option<PersonIndex> {
    let turn = live.next_groups.len() % live.admins.len().max(1);
    let (before, from) = live.admins.split_at_checked(turn)?;
    let in_turn = from.iter().chain(before).copied();
    let mut there = in_turn.filter(|admin| {
        let admin = request.tenant.person(*admin);
        admin.status == PersonStatus::Active
    });
    there.next()
}
