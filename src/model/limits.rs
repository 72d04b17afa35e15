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
    /// Groups of one mass send.
    ///
    /// Default 10,000. Range 1 to 20,000. Checking them holds the sequencer about 0.1 µs each.
    pub mass_send_groups_max: u32,
    /// Mass sends of a sender in a calendar day, where the tenant has set no other (SPEC Q2).
    ///
    /// Default 500.
    pub mass_sends_per_day_max: u32,
    /// Departments of a tenant (SPEC D2).
    ///
    /// Default 100,000. Range 1 to 1,000,000. Each costs about 150 bytes of memory.
    pub departments_max: u32,
    /// Levels of departments, roots included (SPEC D2).
    ///
    /// Default 100. Range 1 to 1,000. Asking who runs or sees a department walks up this far.
    pub department_levels_max: u32,
    /// Departments that a person is in.
    ///
    /// Default 20. Range 1 to 1,000.
    pub departments_per_person_max: u32,
    /// Departments, with all below them, that are moved or followed at once.
    ///
    /// Default 10,000. Range 1 to 20,000. Applying one record must stay below 2 ms.
    pub moved_departments_max: u32,
    /// People below a department that is moved where other groups follow it (SPEC D8).
    ///
    /// Default 500. Range 1 to 2,000. Applying one record must stay below 2 ms.
    pub moved_people_max: u32,
    /// Memberships that begin or end in one record as groups follow their departments (SPEC D8).
    ///
    /// Default 5,000. Range 1 to 10,000. Applying one record must stay below 2 ms.
    pub follow_changes_max: u32,
    /// Rows of a roster in one command (SPEC D6).
    ///
    /// Default 500. Range 1 to 1,000. Applying one record must stay below 2 ms.
    pub sync_rows_max: u32,
    /// Departments made by one command's rows (SPEC D6).
    ///
    /// Default 2,000. Range 1 to 5,000. Applying one record must stay below 2 ms.
    pub sync_departments_max: u32,
    // Approvals and the audit trail
    /// How long a request for approval can be decided, in microseconds (SPEC P2).
    ///
    /// Default 72 h. Range 1 min to 30 d.
    pub approval_valid_us: i64,
    /// Requests for approval of one tenant that wait at a time.
    ///
    /// Default 1,000. Range 1 to 10,000. Costs the command's bytes each, at most 64 KiB.
    pub approvals_open_max: u32,
    /// Requests for approval of one person that wait at a time.
    ///
    /// Default 20. Range 1 to 1,000.
    pub approvals_open_per_person_max: u32,
    /// Groups that one export names.
    ///
    /// Default 1,000. Range 1 to 1,000.
    pub export_groups_max: u32,
    /// For how long a denied admin operation of one person is only counted after its first denial was
    /// recorded, in microseconds (SPEC P3).
    ///
    /// Default 10 min. Range 1 s to 24 h. Shorter costs more records while somebody keeps trying.
    pub denial_window_us: i64,
    /// Denials of one tenant that are recorded one by one within a window; more are counted.
    ///
    /// Default 100. Range 1 to 1,000. A window costs at most this many records and one more.
    pub denials_recorded_max: u32,
    // History from elsewhere
    /// Messages in one command that imports history (SPEC D10).
    ///
    /// Default 500. Range 1 to 5,000.
    pub history_messages_per_command_max: u32,
    /// Bytes of messages in one command that imports history.
    ///
    /// Default 1 MiB. Range 64 KiB to 2 MiB: its record must fit the log's `record_bytes_max`.
    pub history_bytes_per_command_max: u32,
    /// Imports of history that one tenant has going on within 30 days.
    ///
    /// Default 100. Range 1 to 10,000.
    pub imports_max: u32,
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
            departments_max: 100_000,
            department_levels_max: 100,
            departments_per_person_max: 20,
            moved_departments_max: 10_000,
            moved_people_max: 500,
            follow_changes_max: 5_000,
            sync_rows_max: 500,
            sync_departments_max: 2_000,
            approval_valid_us: 72 * 3_600_000_000,
            approvals_open_max: 1_000,
            approvals_open_per_person_max: 20,
            export_groups_max: 1_000,
            denial_window_us: 600_000_000,
            denials_recorded_max: 100,
            history_messages_per_command_max: 500,
            history_bytes_per_command_max: 1 << 20,
            imports_max: 100,
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
