//! The data-use notice of external groups (SPEC G1): shown to who joins, and every join names its version.

use crate::model::command::{DoneV1, GroupKind, Reply, SetDataUseNoticeV1};
use crate::model::decision::{Decision, Request};
use crate::model::event::{DataUseNoticeSetV1, Event, MembersJoinedV1, MembersJoinedV2};
use crate::model::permission::{Operation, Subject};
use crate::model::refusal::Refusal;
use crate::model::state::Tenant;
use crate::wire::{GroupId, PersonId};

/// Characters a notice may have.
const TEXT_CHARS_MAX: usize = 4_000;

/// What holds until an enterprise has a text of its own; its version is 1.
const DEFAULT_TEXT: &str = "本群为企业外部群，聊天内容由企业依法存档。This group is run by an enterprise, \
     which keeps what is written in it.";

/// What those who join an external group are told now.
pub(crate) struct Notice {
    pub(crate) version: u32,
    pub(crate) text: Box<str>,
}

impl Default for Notice {
    fn default() -> Self {
        Self {
            version: 1,
            text: DEFAULT_TEXT.into(),
        }
    }
}

/// The version that who joins a group of `kind` is shown; 0 where none is due.
pub(super) fn due(tenant: &Tenant, kind: GroupKind) -> u32 {
    match kind {
        GroupKind::External => tenant.creation.notice.version,
        GroupKind::Internal | GroupKind::Training | GroupKind::Direct => 0,
    }
}

/// The joining of `people`, with the notice they are shown where one is due. Every way into a group
/// that exists says it so.
pub(crate) fn joined_event(
    tenant: &Tenant,
    kind: GroupKind,
    group: GroupId,
    people: Vec<PersonId>,
) -> Event {
    match due(tenant, kind) {
        0 => Event::MembersJoined(MembersJoinedV1 { group, people }),
        notice => Event::MembersJoinedV2(MembersJoinedV2 {
            group,
            people,
            notice,
        }),
    }
}

pub(crate) fn decide_set_notice(
    request: &Request<'_>,
    set: &SetDataUseNoticeV1,
) -> Result<Decision, Refusal> {
    request.permit(Operation::SetTenantPolicy, Subject::Tenant)?;
    let too_long = set.text.chars().nth(TEXT_CHARS_MAX).is_some();
    let version = request.tenant.creation.notice.version.checked_add(1);
    let (Some(version), false, false) = (version, too_long, set.text.is_empty()) else {
        return Err(Refusal::Invalid {
            field: "text",
            rule: "1 to 4,000 characters",
        });
    };

    let event = Event::DataUseNoticeSet(DataUseNoticeSetV1 {
        version,
        text: set.text.clone(),
    });
    Ok(Decision::accepted(event, Reply::Done(DoneV1 {})))
}

pub(crate) fn set_notice(tenant: &mut Tenant, set: &DataUseNoticeSetV1) {
    if set.version > tenant.creation.notice.version {
        tenant.creation.notice = Notice {
            version: set.version,
            text: set.text.as_str().into(),
        };
    }
}
