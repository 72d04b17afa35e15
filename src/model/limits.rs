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
    /// Default 10,000. Range 1 to 100,000. Costs up to 1 KiB each.
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
            wrong_codes_per_minute_max: 5,
            join_codes_per_group_max: 1_000,
            live_code_threshold: 200,
            open_calls_max: 10_000,
            call_expiry_s: 60,
            face_to_face_valid_s: 600,
            face_to_face_open_max: 10_000,
            face_to_face_per_person_max: 5,
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
