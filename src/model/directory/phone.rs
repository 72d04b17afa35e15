//! Telephone numbers: E.164 inside, whatever people write at the door.
//!
//! The model keeps E.164 and checks its form only: which numbers are in use changes every few weeks,
//! and what was decided once must not.

use phonenumber::Mode;
use phonenumber::country::Id;

/// Digits of an E.164 number, country code included (ITU-T E.164, 6.2.1); shorter ones reach nobody abroad.
const DIGITS: core::ops::RangeInclusive<usize> = 7..=15;

/// Why a text is no telephone number.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// Not the ISO 3166 code of a region with telephones.
    #[error("region {region} is not known: use an ISO 3166 code, such as CN")]
    Region {
        /// As given.
        region: String,
    },
    /// Not of the form of a number.
    #[error("not a telephone number")]
    Malformed,
    /// No number of the country's plan, by the metadata of this build.
    #[error("not a number that is in use")]
    NotInUse,
}

/// The number as E.164; one without a country code counts as one of `region` (ISO 3166, such as CN).
pub fn normalise(text: &str, region: &str) -> Result<String, PhoneError> {
    let region: Id = region.parse().map_err(|_| PhoneError::Region {
        region: region.to_owned(),
    })?;
    let number =
        phonenumber::parse(Some(region), text.trim()).map_err(|_| PhoneError::Malformed)?;
    if !phonenumber::is_valid(&number) {
        return Err(PhoneError::NotInUse);
    }
    let e164 = number.format().mode(Mode::E164).to_string();
    if is_e164(&e164) {
        Ok(e164)
    } else {
        Err(PhoneError::NotInUse)
    }
}

/// Whether `text` has the form of an E.164 number: a plus and up to 15 digits without a leading zero.
pub(crate) fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        DIGITS.contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_normalised_however_people_write_it() {
        for text in [
            "13800138000",
            "138 0013 8000",
            "+86 138-0013-8000",
            "0086 13800138000",
            " +8613800138000 ",
        ] {
            assert_eq!(normalise(text, "CN").as_deref(), Ok("+8613800138000"));
        }
        let abroad = normalise("+1 650 253 0000", "CN");
        assert_eq!(abroad.as_deref(), Ok("+16502530000"), "its own country");
        let at_home = normalise("(650) 253-0000", "US");
        assert_eq!(at_home.as_deref(), Ok("+16502530000"));
    }

    #[test]
    fn what_is_no_number_is_refused_by_what_is_wrong_with_it() {
        assert_eq!(normalise("", "CN"), Err(PhoneError::Malformed));
        assert_eq!(normalise("王小明", "CN"), Err(PhoneError::Malformed));
        assert_eq!(normalise("1380013800", "CN"), Err(PhoneError::NotInUse));
        let nowhere = PhoneError::Region {
            region: "Mars".to_owned(),
        };
        assert_eq!(normalise("13800138000", "Mars"), Err(nowhere));
    }

    #[test]
    fn the_form_of_e164_is_a_plus_and_up_to_15_digits() {
        for right in ["+8613800138000", "+1234567", "+123456789012345"] {
            assert!(is_e164(right), "{right}");
        }
        for wrong in [
            "",
            "+",
            "8613800138000",
            "+0123456789",
            "+86 13800138000",
            "+123456",
            "+1234567890123456",
            "+86１３８００１３８０００",
        ] {
            assert!(!is_e164(wrong), "{wrong}");
        }
    }
}
