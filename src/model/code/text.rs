//! The text of a join code: 80 random bits in Crockford's base 32, as people can read and type them.

use core::fmt;

/// No I, L, O, U: what is easily taken for another, and what makes words.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SYMBOLS: u32 = 16;
const BITS_PER_SYMBOL: u32 = 5;
const BITS: u32 = SYMBOLS * BITS_PER_SYMBOL;
/// Symbols between two dashes.
const CHUNK: u32 = 4;

/// A join code's text as a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct CodeText(u128);

impl CodeText {
    /// The text that so much randomness gives.
    pub(super) fn from_random(random: u128) -> Self {
        Self(random >> (u128::BITS - BITS))
    }

    /// The text after this one.
    pub(super) fn next(self) -> Self {
        Self((self.0 + 1) & ((1 << BITS) - 1))
    }

    /// Reads what somebody typed: any case, dashes anywhere, and the letters that look like digits
    /// as those digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut value = 0;
        let mut symbols = 0;
        for byte in text.bytes().filter(|byte| *byte != b'-') {
            let byte = match byte.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                byte => byte,
            };
            let digit = ALPHABET.iter().position(|symbol| *symbol == byte)?;
            symbols += 1;
            if symbols > SYMBOLS {
                return None;
            }
            value = value << BITS_PER_SYMBOL | digit as u128;
        }
        (symbols == SYMBOLS).then_some(Self(value))
    }
}

impl fmt::Display for CodeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for at in 0..SYMBOLS {
            if at > 0 && at % CHUNK == 0 {
                f.write_str("-")?;
            }
            let shift = (SYMBOLS - 1 - at) * BITS_PER_SYMBOL;
            let digit = (self.0 >> shift) as usize % ALPHABET.len();
            write!(f, "{}", char::from(ALPHABET[digit]))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_80_bits_in_four_groups_of_four() {
        assert_eq!(CodeText::from_random(0).to_string(), "0000-0000-0000-0000");
        assert_eq!(
            CodeText::from_random(u128::MAX).to_string(),
            "ZZZZ-ZZZZ-ZZZZ-ZZZZ"
        );
        let counted = CodeText::from_random(0x0044_3214_c742_54b6_35cf << 48);
        assert_eq!(counted.to_string(), "0123-4567-89AB-CDEF");
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = CodeText::parse("0123-4567-89AB-CDEF");
        assert!(code.is_some());
        for typed in [
            "0123456789abcdef",
            "o123-4567-89ab-cdef-",
            "OL23456789ABCDEF",
            "0i2345-6789-ABcdEF",
        ] {
            assert_eq!(CodeText::parse(typed), code, "{typed}");
        }
    }

    #[test]
    fn what_is_no_code_is_not_read() {
        for typed in [
            "",
            "0123",
            "0123-4567-89AB-CDEU",
            "0123-4567-89AB-CDEF-0",
            "0123 4567 89AB CDEF",
            "群群群群群群群群群群群群群群群群",
        ] {
            assert_eq!(CodeText::parse(typed), None, "{typed}");
        }
    }
}
