//! Quotas as a snapshot has them.

use rustc_hash::FxHashMap;

use crate::model::body::body;
use crate::model::state::{PersonIndex, Tenant};
use crate::wire::{PersonId, Timestamp};

use super::{Account, Window};

body! {
    /// The tenant's limits, and what is used of them.
    QuotasStateV1 {
        mass_sends_per_day_max: Option<u32>,
        accounts: Vec<AccountV1>,
    }
}
body! {
    /// What one sender has used.
    AccountV1 {
        sender: PersonId,
        window_starts: Timestamp,
        window_ends: Timestamp,
        used: u32,
        frozen_since: Option<Timestamp>,
    }
}

pub(crate) fn write(tenant: &Tenant) -> QuotasStateV1 {
    let accounts = tenant.mass_send_accounts.iter();
    let mut accounts: Vec<_> = accounts.map(write_account).collect();
    accounts.sort_unstable_by_key(|account| account.sender);
    QuotasStateV1 {
        mass_sends_per_day_max: tenant.mass_sends_per_day_max,
        accounts,
    }
}

fn write_account((sender, account): (&PersonIndex, &Account)) -> AccountV1 {
    AccountV1 {
        sender: sender.id(),
        window_starts: account.window.starts,
        window_ends: account.window.ends,
        used: account.used,
        frozen_since: account.frozen_since,
    }
}

pub(crate) fn read(tenant: &mut Tenant, state: QuotasStateV1) -> Result<(), &'static str> {
    tenant.mass_sends_per_day_max = state.mass_sends_per_day_max;
    let mut accounts = FxHashMap::default();
    for account in state.accounts {
        let sender = tenant.find_person(account.sender).ok_or("an account")?;
        accounts.insert(sender, read_account(&account));
    }
    tenant.mass_send_accounts = accounts;
    Ok(())
}

fn read_account(v1: &AccountV1) -> Account {
    Account {
        window: Window {
            starts: v1.window_starts,
            ends: v1.window_ends,
        },
        used: v1.used,
        frozen_since: v1.frozen_since,
    }
}
