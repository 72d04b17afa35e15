//! What accounts are after a charge, a freeze or a release.

use crate::model::command::QuotaPolicy;
use crate::model::event::QuotaSetV1;
use crate::model::state::{PersonIndex, Tenant};
use crate::wire::Timestamp;

use super::Account;
use super::window::Window;

pub(crate) fn charge(tenant: &mut Tenant, sender: PersonIndex, window: Window) {
    let account = account(tenant, sender);
    if account.window != window {
        account.window = window;
        account.used = 0;
    }
    account.used = account.used.saturating_add(1);
}

pub(crate) fn freeze(tenant: &mut Tenant, sender: PersonIndex, since: Timestamp) {
    account(tenant, sender).frozen_since.get_or_insert(since);
}

pub(crate) fn release(tenant: &mut Tenant, sender: PersonIndex) {
    account(tenant, sender).frozen_since = None;
}

pub(crate) fn set_limit(tenant: &mut Tenant, set: &QuotaSetV1) {
    match set.policy {
        QuotaPolicy::MassSendsPerSenderPerDay => tenant.mass_sends_per_day_max = Some(set.limit),
    }
}

/// The sender's account; a new one is of a window that ended before any time there is.
fn account(tenant: &mut Tenant, sender: PersonIndex) -> &mut Account {
    let never = Timestamp(i64::MIN);
    tenant.mass_send_accounts.entry(sender).or_insert(Account {
        window: Window {
            starts: never,
            ends: never,
        },
        used: 0,
        frozen_since: None,
    })
}
