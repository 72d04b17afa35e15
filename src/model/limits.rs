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
    /// Open invitations of a group (SPEC G7).
    ///
    /// Default 500. Range 1 to 2,000. About 60 bytes each.
    pub invitations_per_group_max: u32,
    /// Days an invitation can be accepted (SPEC G7).
    ///
    /// Default 7. Range 1 to 365.
    pub invitation_open_days: u32,
    /// Mass sends of a sender in a calendar day, where the tenant has set no other (SPEC Q2).
    ///
    /// Default 500.
    pub mass_sends_per_day_max: u32,
    // Join codes, face-to-face, outward calls
    /// Codes that one person may get wrong in a minute, of every sort together (SPEC G5, G6).
    ///
    /// Default 5. Range 1 to 100.
    pub wrong_codes_per_minute_max: u32,
    /// Join codes of a group, those that are over included.
    ///
    /// Default 1,000. Range 1 to 100,000. Costs about 150 bytes each.
    pub join_codes_per_group_max: u32,
    /// Members at which a live code moves on, where the code does not say (SPEC G5).
    ///
    /// Default 200. Range 2 to 8,000.
    pub live_code_threshold: u32,
    /// Outward calls of a tenant that wait for their answer.
    ///
    /// Default 10,000. Range 1 to 100,000. Costs up to 1 KiB each, or 32 B for each newcomer that it
    /// sends a code to.
    pub open_calls_max: u32,
    /// Seconds an outward call waits for its answer.
    ///
    /// Default 60. Range 1 to 86,400.
    pub call_expiry_s: u32,
    /// Seconds for which the digits of a face-to-face group hold (SPEC G6).
    ///
    /// Default 600. Range 10 to 86,400.
    pub face_to_face_valid_s: u32,
    /// Face-to-face groups of a tenant whose digits hold.
    ///
    /// Default 10,000. Range 1 to 100,000.
    pub face_to_face_open_max: u32,
    /// Face-to-face groups that one person may have open: as many digits can be tried by opening.
    ///
    /// Default 5. Range 1 to 100.
    pub face_to_face_per_person_max: u32,
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
    // Directory
    /// People with their entries in one command (SPEC D3).
    ///
    /// Default 500. Range 1 to 1,000. Applying one record must stay below 2 ms.
    pub new_people_max: u32,
    /// How long a one-time code to activate an account works, in hours (SPEC D3).
    ///
    /// Default 72. Range 1 to 8,760.
    pub activation_hours: u32,
    /// Wrong guesses after which a one-time code is void (SPEC D3).
    ///
    /// Default 5. Range 1 to 100. A guess finds an 8-digit code with a chance of 1 in 100 million.
    pub activation_guesses_max: u32,
    /// Devices of a person that are remembered (SPEC D9).
    ///
    /// Default 64. Range 1 to 1,000. Beyond, the oldest in use is forgotten: when it comes back, it
    /// is a new one.
    pub devices_per_person_max: u32,
    /// Networks in a tenant's IP allow-list (SPEC D9).
    ///
    /// Default 256. Range 1 to 4,096. All of them are compared when somebody connects.
    pub ip_allow_list_max: u32,
    /// External contacts of an employee (SPEC D4).
    ///
    /// Default 50,000. Range 1 to 200,000.
    pub contacts_per_employee_max: u32,
    /// External contacts an employee may have before each further one needs a tag (SPEC D4).
    ///
    /// Default 2,000. Range 0 to `contacts_per_employee_max`.
    pub untagged_contacts_max: u32,
    /// Tags of an employee for one contact (SPEC D4).
    ///
    /// Default 32. Range 1 to 256.
    pub tags_per_contact_max: u32,
    /// How long a contact may take to confirm a hand-over, in hours (SPEC D4).
    ///
    /// Default 168. Range 1 to 8,760.
    pub hand_over_hours: u32,
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
    // The pull of the archive
    /// For how long one record covers all pages of the same pull, in microseconds (SPEC A1).
    ///
    /// Default 24 h. Range 1 min to 30 d. Shorter costs more records while somebody keeps pulling.
    pub pull_window_us: i64,
    /// Records of one page of a pull.
    ///
    /// Default 1,000. Range 1 to 100,000.
    pub pull_page_records_max: u32,
    /// Bytes of one page of a pull; one longer record is a page all the same.
    ///
    /// Default 256 KiB. Range 4 KiB to 16 MiB. Costs up to this much memory for each page under way.
    pub pull_page_bytes_max: u32,
    // History from elsewhere
    /// Messages in one command that imports history (SPEC D10); their bodies are at most 64 KiB together.
    ///
    /// Default 500. Range 1 to 4,096: search looks at no more of one record.
    pub history_messages_per_command_max: u32,
    /// Imports of history that one tenant has going on within 30 days.
    ///
    /// Default 100. Range 1 to 10,000.
    pub imports_max: u32,
    // Custody of the archive
    /// Legal holds of a tenant (SPEC A5), those included that others keep.
    ///
    /// Default 1,000. Range 1 to 10,000. Each is asked for every record that is read or compacted.
    pub holds_max: u32,
    /// Groups that one hold names; a hold of none is of all groups.
    ///
    /// Default 1,000. Range 1 to 1,000.
    pub hold_groups_max: u32,
    /// Ranges of days of one group that were erased, of all groups of a tenant together.
    ///
    /// Default 100,000. Range 1 to 1,000,000. Costs about 16 bytes each.
    pub erasures_max: u32,
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
            invitations_per_group_max: 500,
            invitation_open_days: 7,
            mass_sends_per_day_max: 500,
            wrong_codes_per_minute_max: 5,
            join_codes_per_group_max: 1_000,
            live_code_threshold: 200,
            open_calls_max: 10_000,
            call_expiry_s: 60,
            face_to_face_valid_s: 600,
            face_to_face_open_max: 10_000,
            face_to_face_per_person_max: 5,
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
            departments_max: 100_000,
            department_levels_max: 100,
            departments_per_person_max: 20,
            moved_departments_max: 10_000,
            moved_people_max: 500,
            follow_changes_max: 5_000,
            sync_rows_max: 500,
            sync_departments_max: 2_000,
            new_people_max: 500,
            activation_hours: 72,
            activation_guesses_max: 5,
            devices_per_person_max: 64,
            ip_allow_list_max: 256,
            contacts_per_employee_max: 50_000,
            untagged_contacts_max: 2_000,
            tags_per_contact_max: 32,
            hand_over_hours: 168,
            approval_valid_us: 72 * 3_600_000_000,
            approvals_open_max: 1_000,
            approvals_open_per_person_max: 20,
            export_groups_max: 1_000,
            denial_window_us: 600_000_000,
            denials_recorded_max: 100,
            pull_window_us: 24 * 3_600_000_000,
            pull_page_records_max: 1_000,
            pull_page_bytes_max: 256 * 1024,
            history_messages_per_command_max: 500,
            imports_max: 100,
            holds_max: 1_000,
            hold_groups_max: 1_000,
            erasures_max: 100_000,
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

/// Refuses a text, which may be empty, that is longer than 64 characters.
pub(crate) fn check_length(field: &'static str, text: &str) -> Result<(), Refusal> {
    if text.chars().nth(NAME_CHARS_MAX).is_some() {
        let rule = "at most 64 characters";
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
