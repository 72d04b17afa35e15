//! Making groups as a snapshot has it: what the groups' own part does not say of them, and what is
//! kept beside them.

mod audience;

use rustc_hash::FxHashMap;

use crate::model::body::body;
use crate::model::command::{Creators, NewGroupV1};
use crate::model::group::direct;
use crate::model::group::matrix::Matrix;
use crate::model::quota::Window;
use crate::model::state::{DepartmentIndex, GroupIndex, PersonIndex, Tenant};
use crate::wire::{ClientMessageId, DepartmentId, GroupId, PersonId, RecordNumber, Timestamp};

use self::audience::{AudienceStateV1, GuessV1};
use super::batch::{Batch, Batches, Outcome};
use super::{Count, Creation, Notice, Policy, Scope};

body! {
    /// What an enterprise keeps about making groups.
    CreationStateV1 {
        policy: PolicyV1,
        selectable: ScopeV1,
        contact_scopes: Vec<ContactScopeV1>,
        counts: Vec<CountV1>,
        notice_version: u32,
        notice: String,
        unpulled: Vec<GroupId>,
        teams: Vec<TeamV1>,
        audiences: Vec<AudienceStateV1>,
        guesses: Vec<GuessV1>,
        batches: Vec<BatchStateV1>,
        matrices: Vec<MatrixStateV1>,
    }
}
body! {
    /// Who may create groups.
    PolicyV1 {
        who: Creators,
        scope: ScopeV1,
        bar_mobile: bool,
        binding_off: bool,
    }
}
body! {
    /// A part of the people.
    ScopeV1 {
        departments: Vec<DepartmentId>,
        people: Vec<PersonId>,
    }
}
body! {
    /// Whom one creator may select.
    ContactScopeV1 {
        person: PersonId,
        scope: ScopeV1,
    }
}
body! {
    /// What one person has created.
    CountV1 {
        person: PersonId,
        day_starts: Timestamp,
        day_ends: Timestamp,
        created: u32,
        tripped: Option<Timestamp>,
    }
}
body! {
    /// The project team that a group belongs to.
    TeamV1 {
        group: GroupId,
        team: String,
    }
}
body! {
    /// One batch.
    BatchStateV1 {
        record: RecordNumber,
        client_message_id: ClientMessageId,
        digest: u64,
        accepted_at: Timestamp,
        count: u32,
        outcomes: Vec<OutcomeV1>,
        groups: Vec<NewGroupV1>,
    }
}
body! {
    /// What became of one group of a batch.
    OutcomeV1 {
        group: GroupId,
        code: u16,
        text: String,
    }
}
body! {
    /// One set of groups.
    MatrixStateV1 {
        name: String,
        groups: Vec<GroupId>,
    }
}

pub(crate) fn write(tenant: &Tenant, clock: Timestamp) -> CreationStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let Creation {
        policy,
        selectable,
        contact_scopes,
        counts,
        notice,
        unpulled,
        directs: _,
        batches,
        matrices,
        audiences: _,
    } = &tenant.creation;
    let scopes = contact_scopes.iter().map(|(person, scope)| ContactScopeV1 {
        person: person.id(),
        scope: write_scope(scope),
    });
    let mut contact_scopes: Vec<_> = scopes.collect();
    contact_scopes.sort_unstable_by_key(|scope| scope.person);
    let mut counts: Vec<_> = counts.iter().map(write_count).collect();
    counts.sort_unstable_by_key(|count| count.person);
    let mut unpulled: Vec<_> = unpulled.iter().map(|index| index.id()).collect();
    unpulled.sort_unstable();
    let matrices = matrices.list.iter().map(|matrix| MatrixStateV1 {
        name: matrix.name.to_string(),
        groups: matrix.groups.iter().map(|index| index.id()).collect(),
    });
    CreationStateV1 {
        policy: write_policy(policy),
        selectable: write_scope(selectable),
        contact_scopes,
        counts,
        notice_version: notice.version,
        notice: notice.text.to_string(),
        unpulled,
        teams: write_teams(tenant),
        audiences: audience::write(tenant),
        guesses: audience::write_guesses(tenant, clock),
        batches: batches.list.iter().map(write_batch).collect(),
        matrices: matrices.collect(),
    }
}

fn write_policy(policy: &Policy) -> PolicyV1 {
    let Policy {
        who,
        departments,
        people,
        bar_mobile,
        binding_off,
    } = policy;
    PolicyV1 {
        who: *who,
        scope: ScopeV1 {
            departments: departments.iter().map(|index| index.id()).collect(),
            people: people.iter().map(|index| index.id()).collect(),
        },
        bar_mobile: *bar_mobile,
        binding_off: *binding_off,
    }
}

fn write_scope(scope: &Scope) -> ScopeV1 {
    let Scope {
        departments,
        people,
    } = scope;
    ScopeV1 {
        departments: departments.iter().map(|index| index.id()).collect(),
        people: people.iter().map(|index| index.id()).collect(),
    }
}

fn write_count((person, count): (&PersonIndex, &Count)) -> CountV1 {
    let Count {
        day,
        created,
        tripped,
    } = *count;
    CountV1 {
        person: person.id(),
        day_starts: day.starts,
        day_ends: day.ends,
        created,
        tripped,
    }
}

fn write_teams(tenant: &Tenant) -> Vec<TeamV1> {
    let groups = (1..).map(GroupId).zip(&tenant.groups);
    let teams = groups.filter_map(|(id, group)| {
        let team = group.team.as_ref()?;
        Some(TeamV1 {
            group: id,
            team: team.to_string(),
        })
    });
    teams.collect()
}

fn write_batch(batch: &Batch) -> BatchStateV1 {
    let Batch {
        record,
        client_message_id,
        digest,
        accepted_at,
        count,
        outcomes,
        groups,
    } = batch;
    let outcome = |outcome: &Outcome| match outcome {
        Outcome::Created(group) => OutcomeV1 {
            group: group.id(),
            code: 0,
            text: String::new(),
        },
        Outcome::Refused(code, text) => OutcomeV1 {
            group: GroupId(0),
            code: *code,
            text: text.to_string(),
        },
    };
    BatchStateV1 {
        record: *record,
        client_message_id: *client_message_id,
        digest: *digest,
        accepted_at: *accepted_at,
        count: *count,
        outcomes: outcomes.iter().map(outcome).collect(),
        groups: groups.clone(),
    }
}

/// After people, departments and groups.
pub(crate) fn read(tenant: &mut Tenant, state: CreationStateV1) -> Result<(), &'static str> {
    let CreationStateV1 {
        policy,
        selectable,
        contact_scopes,
        counts,
        notice_version,
        notice,
        unpulled,
        teams,
        audiences,
        guesses,
        batches,
        matrices,
    } = state;
    read_teams(tenant, teams)?;
    index_directs(tenant);
    let scope = read_scope(tenant, &policy.scope)?;
    tenant.creation.policy = Policy {
        who: policy.who,
        departments: scope.departments,
        people: scope.people,
        bar_mobile: policy.bar_mobile,
        binding_off: policy.binding_off,
    };
    tenant.creation.selectable = read_scope(tenant, &selectable)?;
    for contact in contact_scopes {
        let person = tenant.find_person(contact.person).ok_or("a creator")?;
        let scope = read_scope(tenant, &contact.scope)?;
        tenant.creation.contact_scopes.insert(person, scope);
    }
    tenant.creation.counts = read_counts(tenant, &counts)?;
    tenant.creation.notice = Notice {
        version: notice_version,
        text: notice.into(),
    };
    for group in unpulled {
        let index = tenant.find_group(group).ok_or("a group of the archive")?;
        tenant.creation.unpulled.insert(index);
    }
    tenant.creation.batches = read_batches(tenant, batches)?;
    for matrix in matrices {
        let matrix = read_matrix(tenant, matrix)?;
        tenant.creation.matrices.list.push(matrix);
    }
    audience::read(tenant, audiences)?;
    audience::read_guesses(tenant, &guesses)
}

/// Direct groups are found again from the groups that have two people.
fn index_directs(tenant: &mut Tenant) {
    let ids = (1..=tenant.groups.len() as u64).map(GroupId);
    let groups: Vec<GroupIndex> = ids.filter_map(|id| tenant.find_group(id)).collect();
    for group in groups {
        direct::index(tenant, group);
    }
}

fn read_teams(tenant: &mut Tenant, teams: Vec<TeamV1>) -> Result<(), &'static str> {
    for v1 in teams {
        let index = tenant.find_group(v1.group).ok_or("a group's team")?;
        tenant.group_mut(index).team = Some(v1.team.into());
    }
    Ok(())
}

fn read_scope(tenant: &Tenant, scope: &ScopeV1) -> Result<Scope, &'static str> {
    let departments = scope.departments.iter();
    let departments = departments.map(|id| tenant.departments.find(*id));
    let departments: Option<Box<[DepartmentIndex]>> = departments.collect();
    let people = scope.people.iter().map(|id| tenant.find_person(*id));
    let people: Option<Box<[PersonIndex]>> = people.collect();
    let (Some(departments), Some(people)) = (departments, people) else {
        return Err("a scope");
    };
    if !departments.is_sorted_by(|one, next| one < next)
        || !people.is_sorted_by(|one, next| one < next)
    {
        return Err("the order of a scope");
    }
    Ok(Scope {
        departments,
        people,
    })
}

fn read_counts(
    tenant: &Tenant,
    counts: &[CountV1],
) -> Result<FxHashMap<PersonIndex, Count>, &'static str> {
    let read = |v1: &CountV1| {
        let day = Window {
            starts: v1.day_starts,
            ends: v1.day_ends,
        };
        let count = Count {
            day,
            created: v1.created,
            tripped: v1.tripped,
        };
        Ok((tenant.find_person(v1.person).ok_or("a count")?, count))
    };
    counts.iter().map(read).collect()
}

fn read_batches(tenant: &Tenant, list: Vec<BatchStateV1>) -> Result<Batches, &'static str> {
    let what = "a batch";
    let mut batches = Batches::default();
    for v1 in list {
        let is_over = v1.groups.is_empty();
        let fits = if is_over {
            // What is done is in front of what is not.
            v1.outcomes.len() == v1.count as usize && batches.finished == batches.list.len()
        } else {
            v1.outcomes.len() < v1.groups.len() && v1.groups.len() == v1.count as usize
        };
        let last = batches.list.back();
        let follows = last.is_none_or(|last| last.record < v1.record);
        if !fits || !follows || v1.count == 0 {
            return Err(what);
        }
        let outcomes = v1.outcomes.into_iter().map(|outcome| {
            if outcome.group == GroupId(0) {
                return Ok(Outcome::Refused(outcome.code, outcome.text.into()));
            }
            let group = tenant.find_group(outcome.group);
            group.map(Outcome::Created).ok_or(what)
        });
        batches.finished += usize::from(is_over);
        batches.list.push_back(Batch {
            record: v1.record,
            client_message_id: v1.client_message_id,
            digest: v1.digest,
            accepted_at: v1.accepted_at,
            count: v1.count,
            outcomes: outcomes.collect::<Result<_, _>>()?,
            groups: v1.groups,
        });
    }
    Ok(batches)
}

fn read_matrix(tenant: &Tenant, v1: MatrixStateV1) -> Result<Matrix, &'static str> {
    let groups = v1.groups.iter().map(|id| tenant.find_group(*id));
    Ok(Matrix {
        name: v1.name.into(),
        groups: groups.collect::<Option<_>>().ok_or("a set of groups")?,
    })
}
