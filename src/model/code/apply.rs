//! What join codes are after an event. An event that does not fit changes nothing.

use crate::model::Stamp;
use crate::model::event::{
    CodeGuessedV1, JoinCodeCreatedV1, JoinCodeMovedV1, JoinCodeRevokedV1, JoinCodeUsedV1,
};
use crate::model::state::Tenant;
use crate::wire::{JoinCodeId, Timestamp};

use super::text::CodeText;
use super::{JoinCode, Live};

pub(crate) fn create(tenant: &mut Tenant, created: &JoinCodeCreatedV1) -> Option<()> {
    if created.code != JoinCodeId(tenant.codes.list.len() as u64 + 1) {
        return None;
    }
    let live = created.live.as_ref().map(|live| {
        let admins = live.admins.iter();
        Box::new(Live {
            threshold: live.threshold,
            name_template: live.name_template.as_str().into(),
            admins: admins
                .filter_map(|admin| tenant.find_person(*admin))
                .collect(),
            next_groups: Vec::new(),
        })
    });
    let code = JoinCode {
        text: CodeText::parse(&created.text)?,
        group: tenant.find_group(created.group)?,
        creator: tenant.find_person(created.creator),
        valid_until: created.valid_until,
        label: created.label.as_str().into(),
        uses_max: created.uses_max,
        verification: created.verification,
        live,
        revoked: false,
        joined: 0,
        last_join: Timestamp(0),
    };
    tenant.codes.add(code).then_some(())
}

pub(crate) fn revoke(tenant: &mut Tenant, revoked: &JoinCodeRevokedV1) -> Option<()> {
    let index = tenant.codes.find(revoked.code)?;
    tenant.codes.get_mut(index).revoked = true;
    Some(())
}

pub(crate) fn lead_to(tenant: &mut Tenant, moved: &JoinCodeMovedV1) -> Option<()> {
    let index = tenant.codes.find(moved.code)?;
    let group = tenant.find_group(moved.group)?;
    let live = tenant.codes.get_mut(index).live.as_mut()?;
    live.next_groups.push(group);
    Some(())
}

pub(crate) fn count(tenant: &mut Tenant, stamp: &Stamp, used: &JoinCodeUsedV1) -> Option<()> {
    let index = tenant.codes.find(used.code)?;
    let code = tenant.codes.get_mut(index);
    code.joined = code.joined.saturating_add(1);
    code.last_join = stamp.timestamp;
    Some(())
}

pub(crate) fn count_guess(
    tenant: &mut Tenant,
    stamp: &Stamp,
    guessed: &CodeGuessedV1,
) -> Option<()> {
    let person = tenant.find_person(guessed.person)?;
    tenant.codes.guesses.add(person, stamp.timestamp);
    Some(())
}
