//! The number a connection is closed with: why, and when to come back.
//!
//! The low 8 bits are the code of docs/wire.md; what is above them is how long to wait before
//! connecting again, in milliseconds, 0 where the server has nothing to say about it.

use core::time::Duration;

const CODE_BITS: u32 = 8;
/// The longest wait that is said, and believed: a day.
const RETRY_MAX: Duration = Duration::from_secs(24 * 3600);

/// The number for `code`, asking to come back after `retry_after`.
#[must_use]
pub fn close_number(code: u8, retry_after: Option<Duration>) -> u64 {
    let retry = retry_after.unwrap_or_default().min(RETRY_MAX);
    u64::from(code) | (retry.as_millis() as u64) << CODE_BITS
}

/// The code in a number, and when to come back. A wait beyond a day is taken for one.
#[must_use]
pub fn read_close_number(number: u64) -> (u64, Option<Duration>) {
    let code = number & ((1 << CODE_BITS) - 1);
    let retry = Duration::from_millis(number >> CODE_BITS).min(RETRY_MAX);
    (code, (!retry.is_zero()).then_some(retry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_says_why_and_when_to_come_back() {
        let number = close_number(4, Some(Duration::from_millis(1_500)));
        assert_eq!(number, 4 + 1_500 * 256);
        let read = read_close_number(number);
        assert_eq!(read, (4, Some(Duration::from_millis(1_500))));
        assert_eq!(read_close_number(close_number(6, None)), (6, None));
    }

    #[test]
    fn no_number_asks_for_more_than_a_day() {
        let (code, retry) = read_close_number(u64::MAX >> 2);
        assert_eq!((code, retry), (255, Some(RETRY_MAX)));
        assert!(
            close_number(255, Some(Duration::MAX)) < 1 << 62,
            "a QUIC varint"
        );
    }
}
