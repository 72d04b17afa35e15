//! How much of everything: numbers of this node that refuse, but that never change what a record means.
//!
//! Only `decide` reads them, so a node may change them without its replayed state changing.

use crate::model::Refusal;

/// Characters a name may have.
const NAME_CHARS_MAX: usize = 64;

/// The node's limits; a tenant's own quotas are state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// People in an internal group (SPEC G1).
    ///
    /// Default 2,000. Range 3 to 8,000: a membership change must fit one envelope.
    pub internal_members_max: u32,
    /// People in an external group of a verified tenant (SPEC G1).
    ///
    /// Default 500. Range 3 to 8,000.
    pub external_members_max: u32,
    /// People in an external group of a tenant that is not verified (SPEC D1, G1).
    ///
    /// Default 200. Range 3 to `external_members_max`.
    pub external_members_max_unverified: u32,
    /// Super admins of a tenant (SPEC D5).
    ///
    /// Default 3. Range 1 to 100.
    pub super_admins_max: u32,
    /// People in one command.
    ///
    /// Default 2,000. Range 1 to 8,000. Applying one record must stay below 2 ms.
    pub people_per_command_max: u32,
    /// Targets of one mass send, groups and customers.
    ///
    /// Default 10,000. Range 1 to 20,000. Checking them holds the sequencer about 0.1 µs each.
    pub mass_send_groups_max: u32,
    /// Mass sends of a sender in a calendar day, where the tenant has set no other (SPEC Q2).
    ///
    /// Default 500.
    pub mass_sends_per_day_max: u32,
    // Quotas
    /// Mass sends a customer receives from a tenant in a calendar month, where the tenant has set
    /// no other (SPEC Q2).
    ///
    /// Default 4.
    pub mass_sends_per_customer_and_month_max: u32,
    /// Person-times of a sender of class `personal` in a calendar day, where the tenant has set no
    /// other (SPEC Q2).
    ///
    /// Default 200.
    pub personal_person_times_per_day_max: u32,
    /// Commands of a tenant's backend in any minute, where the tenant has set no other (SPEC Q2).
    ///
    /// Default 0: as many as it likes.
    pub api_calls_per_minute_max: u32,
    /// Quota policies a tenant may have, presets among them.
    ///
    /// Default 32. Range 4 to 256. One that counts messages costs every publish of the tenant a
    /// look-up.
    pub quota_policies_max: u32,
    /// The limit a policy with a rolling window may have: its charges are kept one by one.
    ///
    /// Default 10,000. Range 1 to 100,000. Costs 16 bytes each for every account that uses it up.
    pub rolling_quota_max: u32,
    // Making groups
    /// Groups a person creates in a calendar day; the next one trips risk control (SPEC G4).
    ///
    /// Default 5. Range 1 to 100,000.
    pub groups_created_per_day_max: u32,
    /// Groups of one batch (SPEC G3).
    ///
    /// Default 500. Range 1 to 10,000.
    pub batch_groups_max: u32,
    /// People and departments named in one batch.
    ///
    /// Default 100,000. Range 1 to 200,000. Each is 8 bytes of one record, kept until the batch is done.
    pub batch_people_max: u32,
    /// Viewers of a training group (SPEC G1).
    ///
    /// Default 100,000. Range 1 to 1,000,000. Each costs about 80 bytes.
    pub training_viewers_max: u32,
    /// Viewers in one room of a training group (SPEC G1).
    ///
    /// Default 2,000. Range 1 to 10,000. Another number gives viewers other rooms.
    pub training_room_people_max: u32,
    /// Wrong guesses of a person at one watch password in a minute.
    ///
    /// Default 5. Range 1 to 60. Each is a record.
    pub watch_guesses_per_minute_max: u32,
    /// Sets of groups of a tenant (SPEC G10).
    ///
    /// Default 1,000. Range 0 to 100,000.
    pub matrices_max: u32,
    /// Groups of one set (SPEC G10).
    ///
    /// Default 1,000. Range 1 to 10,000.
    pub matrix_groups_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            internal_members_max: 2_000,
            external_members_max: 500,
            external_members_max_unverified: 200,
            super_admins_max: 3,
            people_per_command_max: 2_000,
            mass_send_groups_max: 10_000,
            mass_sends_per_day_max: 500,
            // Quotas
            mass_sends_per_customer_and_month_max: 4,
            personal_person_times_per_day_max: 200,
            api_calls_per_minute_max: 0,
            quota_policies_max: 32,
            rolling_quota_max: 10_000,
            groups_created_per_day_max: 5,
            batch_groups_max: 500,
            batch_people_max: 100_000,
            training_viewers_max: 100_000,
            training_room_people_max: 2_000,
            watch_guesses_per_minute_max: 5,
            matrices_max: 1_000,
            matrix_groups_max: 1_000,
        }
    }
}

/// Refuses a name that is empty or longer than 64 characters.
pub(crate) fn check_name(field: &'static str, name: &str) -> Result<(), Refusal> {
    let short = name.chars().nth(NAME_CHARS_MAX).is_none();
    if name.is_empty() || !short {
        let rule = "1 to 64 characters";
        return Err(Refusal::Invalid { field, rule });
    }
    Ok(())
}

/// Refuses a list that is empty or longer than `max`.
pub(crate) fn check_count(field: &'static str, count: usize, max: u32) -> Result<(), Refusal> {
    if count == 0 || count > max as usize {
        let rule = "not empty, and no longer than the limit of one command";
        return Err(Refusal::Invalid { field, rule });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_characters_not_bytes() {
        assert_eq!(check_name("name", &"群".repeat(64)), Ok(()));
        assert!(check_name("name", &"群".repeat(65)).is_err());
        assert!(check_name("name", "").is_err());
    }
}
