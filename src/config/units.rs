//! Sizes and times as people write them: a whole number and its unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount of memory or disk, written `256 KiB`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ByteSize(u64);

/// A length of time, written `10 s`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TimeSpan(Duration);

/// Why a size or a time could not be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UnitError {
    /// Not a size.
    #[error("expected a whole number and B, KiB, MiB, GiB or TiB, such as `256 KiB`")]
    NotASize,
    /// Not a time.
    #[error("expected a whole number and us, ms, s, min, h or d, such as `10 s`")]
    NotATime,
    /// More than 2^64 bytes or microseconds.
    #[error("too large to be counted")]
    TooLarge,
}

/// From large to small, so that the first that divides evenly is the shortest to write.
const SIZES: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// In microseconds, from large to small.
const TIMES: [(&str, u64); 6] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("min", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

impl ByteSize {
    /// In bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl TimeSpan {
    /// As the standard library has it.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0
    }
}

fn read(text: &str, units: &[(&str, u64)], wrong: UnitError) -> Result<u64, UnitError> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(wrong);
    };
    if number.is_empty() {
        return Err(wrong);
    }
    // All digits: the only way to fail is to be too long.
    let number: u64 = number.parse().map_err(|_| UnitError::TooLarge)?;
    number.checked_mul(*factor).ok_or(UnitError::TooLarge)
}

fn write(
    f: &mut fmt::Formatter<'_>,
    amount: u64,
    units: &[(&str, u64)],
    zero: &str,
) -> fmt::Result {
    match units
        .iter()
        .find(|(_, factor)| amount.is_multiple_of(*factor))
    {
        Some((unit, factor)) if amount > 0 => write!(f, "{} {unit}", amount / factor),
        _ => f.write_str(zero),
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        read(text, &SIZES, UnitError::NotASize).map(Self)
    }
}

impl FromStr for TimeSpan {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        read(text, &TIMES, UnitError::NotATime).map(|micros| Self(Duration::from_micros(micros)))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, &SIZES, "0 B")
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        write(f, micros, &TIMES, "0 s")
    }
}

/// Reads a knob from text, and tells a bare number what it lacks.
struct WithUnit<T>(UnitError, std::marker::PhantomData<T>);

impl<T: FromStr<Err = UnitError>> Visitor<'_> for WithUnit<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.0.to_string();
        f.write_str(message.strip_prefix("expected ").unwrap_or(&message))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|error| match error {
            UnitError::TooLarge => E::custom(error),
            _ => E::invalid_value(Unexpected::Str(text), &self),
        })
    }
}

macro_rules! as_text {
    ($type:ident, $wrong:ident) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let visitor = WithUnit(UnitError::$wrong, std::marker::PhantomData);
                deserializer.deserialize_str(visitor)
            }
        }
    };
}

as_text!(ByteSize, NotASize);
as_text!(TimeSpan, NotATime);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_and_times_are_read_with_or_without_a_space() {
        let size = |text: &str| text.parse::<ByteSize>().map(ByteSize::bytes);
        assert_eq!(size("256 KiB"), Ok(256 * 1024));
        assert_eq!(size("256KiB"), Ok(256 * 1024));
        assert_eq!(size(" 1 TiB "), Ok(1 << 40));
        assert_eq!(size("0 B"), Ok(0));
        let time = |text: &str| text.parse::<TimeSpan>().map(TimeSpan::duration);
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(time("24 h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(time("90 min"), Ok(Duration::from_secs(5400)));
    }

    #[test]
    fn what_has_no_unit_or_another_one_is_refused() {
        for text in [
            "", "5", "KiB", "5 KB", "5 kib", "-5 KiB", "1.5 MiB", "5 Ki B",
        ] {
            assert_eq!(text.parse::<ByteSize>(), Err(UnitError::NotASize), "{text}");
        }
        for text in ["", "5", "s", "5 m", "5 S", "-5 s", "1.5 s", "10 KiB"] {
            assert_eq!(text.parse::<TimeSpan>(), Err(UnitError::NotATime), "{text}");
        }
        for text in ["18446744073709551616 B", "16777216 TiB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(UnitError::TooLarge), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(amount in any::<u64>()) {
            let size = ByteSize(amount);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
            let span = TimeSpan(Duration::from_micros(amount));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "\\PC{0,30}") {
            let _ = text.parse::<ByteSize>();
            let _ = text.parse::<TimeSpan>();
        }
    }
}
