//! Mobile numbers: checked by a phone-number library and written in one form (SPEC D3).

use std::fmt;
use std::str::FromStr;

use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, Type, country};
use serde::Deserialize;

/// Characters of a number with its blanks; the longest number has 15 digits (ITU-T E.164).
const CHARS_MAX: usize = 32;

/// The country whose numbers need no country code, by ISO 3166 code. Default `CN`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Region(country::Id);

impl Default for Region {
    fn default() -> Self {
        Self(country::Id::CN)
    }
}

/// No country has this code.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code} is no ISO 3166 country code such as CN")]
pub struct UnknownRegion {
    /// What was given.
    pub code: String,
}

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(code: &str) -> Result<Self, UnknownRegion> {
        let unknown = |_| UnknownRegion {
            code: code.to_owned(),
        };
        code.to_ascii_uppercase().parse().map(Self).map_err(unknown)
    }
}

impl TryFrom<String> for Region {
    type Error = UnknownRegion;

    fn try_from(code: String) -> Result<Self, UnknownRegion> {
        code.parse()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref())
    }
}

/// `text` in E.164 (`+8613800138000`), if it is a mobile number.
///
/// Without a country code it is one of `region`. Digits may be full-width and have blanks, hyphens,
/// dots and brackets between them; nothing else, so that no other syntax reaches the library.
#[must_use]
pub(super) fn normalise(text: &str, region: Region) -> Option<String> {
    if text.chars().count() > CHARS_MAX {
        return None;
    }
    let plain = text.chars().map(|c| match c {
        '０'..='９' => char::from_u32(u32::from(c) - u32::from('０') + u32::from('0')),
        '＋' => Some('+'),
        '－' | '\u{2010}'..='\u{2015}' => Some('-'),
        '\u{3000}' | '\u{a0}' => Some(' '),
        '0'..='9' | '+' | ' ' | '-' | '.' | '(' | ')' => Some(c),
        _ => None,
    });
    let plain = plain.collect::<Option<String>>()?;
    let number = phonenumber::parse(Some(region.0), plain).ok()?;
    let mobile = matches!(
        number.number_type(&DATABASE),
        Type::Mobile | Type::FixedLineOrMobile | Type::PersonalNumber
    );
    let valid = mobile && phonenumber::is_valid(&number);
    valid.then(|| number.format().mode(Mode::E164).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cn(text: &str) -> Option<String> {
        normalise(text, Region::default())
    }

    #[test]
    fn every_way_to_write_a_number_gives_one() {
        for text in [
            "13800138000",
            "138 0013 8000",
            "138-0013-8000",
            "+8613800138000",
            "+86 138 0013 8000",
            "(+86) 138-0013-8000",
            "008613800138000",
            "１３８００１３８０００",
        ] {
            assert_eq!(cn(text).as_deref(), Some("+8613800138000"), "{text}");
        }
    }

    #[test]
    fn numbers_of_other_countries_need_their_code_or_their_region() {
        assert_eq!(cn("+852 9123 4567").as_deref(), Some("+85291234567"));
        assert_eq!(cn("+1 415-555-2671").as_deref(), Some("+14155552671"));
        let hong_kong = "hk".parse().unwrap();
        assert_eq!(
            normalise("9123 4567", hong_kong).as_deref(),
            Some("+85291234567")
        );
        assert_eq!(hong_kong.to_string(), "HK");
        assert!("Atlantis".parse::<Region>().is_err());
    }

    #[test]
    fn what_is_no_mobile_number_is_refused() {
        for text in [
            "",
            "1380013800",
            "138001380000",
            "23800138000",
            "1.38E+10",
            "010-62345678",
            "400-820-8820",
            "tel:+8613800138000",
            "13800138000;ext=1",
            "+",
            "+++++++",
        ] {
            assert_eq!(cn(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_number_or_none_and_a_number_stays_itself(text in "[0-9+() .\\-０a;]{0,40}") {
            if let Some(number) = cn(&text) {
                prop_assert_eq!(cn(&number), Some(number.clone()));
            }
        }
    }
}
