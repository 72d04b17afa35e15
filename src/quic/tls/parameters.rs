//! How a client's transport parameters (RFC 9000, section 18) are understood here, which is not always
//! how they were sent: a server may take a client to be able to do less, and that is what is done here.
//!
//! A client keeps two connection ids, of however many it would: each is remembered by connection and
//! endpoint.
//!
//! And a client that can be asked to acknowledge less often (draft-ietf-quic-ack-frequency) is taken to
//! wait for [`super::super::Limits::acknowledgement_delay`] always. quinn-proto asks for a delay of at
//! most a round trip, or 25 ms, but for no less than the client says it needs; and it allows for what the
//! client says in its own timers. So both are raised to what we want.

use core::time::Duration;

use quinn_proto::VarInt;
use quinn_proto::coding::Codec;

/// How many connection ids a client keeps for us: without the parameter it is two, the fewest that are
/// allowed and one to spare when it changes its path (RFC 9000, sections 5.1.1 and 18.2).
const ACTIVE_CONNECTION_ID_LIMIT: u64 = 0x0e;
/// The longest a client waits before it acknowledges, in milliseconds (RFC 9000, section 18.2).
const MAX_ACK_DELAY: u64 = 0x0b;
/// The shortest delay that a client can be asked for, in microseconds (draft-ietf-quic-ack-frequency-07,
/// section 3). One who sends it understands ACK_FREQUENCY frames.
const MIN_ACK_DELAY: u64 = 0xff04_de1b;
/// What a client may say it waits, in milliseconds (RFC 9000, section 18.2).
const MAX_ACK_DELAY_MS_END: u64 = 1 << 14;

/// Well-formed parameters as they are to be understood, with the delay that is wanted of acknowledgements.
pub(super) fn understood(encoded: &[u8], delay: Duration) -> Vec<u8> {
    let mut kept = without(encoded, ACTIVE_CONNECTION_ID_LIMIT);
    let delay_ms = delay.as_millis().min(u128::from(MAX_ACK_DELAY_MS_END - 1)) as u64;
    let least_us = value_of(encoded, MIN_ACK_DELAY);
    if least_us.is_some_and(|least_us| least_us < 1_000 * delay_ms) {
        for (id, value) in [(MAX_ACK_DELAY, delay_ms), (MIN_ACK_DELAY, 1_000 * delay_ms)] {
            kept = without(&kept, id);
            let value = shortest(value);
            kept.extend(shortest(id));
            kept.push(value.len() as u8);
            kept.extend(value);
        }
    }
    kept
}

/// The parameters but for the one with this id, as far as they are well formed.
fn without(encoded: &[u8], id: u64) -> Vec<u8> {
    let others = each(encoded).filter(|(found, _, _)| *found != id);
    others.fold(
        Vec::with_capacity(encoded.len()),
        |mut kept, (_, _, all)| {
            kept.extend_from_slice(all);
            kept
        },
    )
}

/// The integer with this id.
fn value_of(encoded: &[u8], id: u64) -> Option<u64> {
    let (_, value, _) = each(encoded).find(|(found, _, _)| *found == id)?;
    Some(variable(value)?.0)
}

/// Each parameter's id, value, and all of its bytes, as far as they are well formed.
fn each(encoded: &[u8]) -> impl Iterator<Item = (u64, &[u8], &[u8])> {
    let mut rest = encoded;
    core::iter::from_fn(move || {
        let (id, after) = variable(rest)?;
        let (len, after) = variable(after)?;
        let (value, after) = after.split_at_checked(usize::try_from(len).ok()?)?;
        let all = &rest[..rest.len() - after.len()];
        rest = after;
        Some((id, value, all))
    })
}

/// A variable-length integer (RFC 9000, section 16) and what follows it.
fn variable(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let len = 1 << (bytes.first()? >> 6);
    let (integer, rest) = bytes.split_at_checked(len)?;
    let folded = integer
        .iter()
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    Some((folded & (u64::MAX >> (64 - 8 * len as u32 + 2)), rest))
}

/// The same integer written, as short as it can be: quinn-proto takes no other.
fn shortest(value: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8);
    VarInt::from_u64(value)
        .expect("a constant, or below 2^24")
        .encode(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_left_out_wherever_it_stands_and_rubbish_is_no_trouble() {
        // Ids and lengths of one, two, four and eight bytes.
        let one = [0x0e, 1, 5];
        let two = [0x40, 0x03, 0x40, 2, 0x45, 0xdc];
        let four = [0x80, 0, 0, 0x01, 1, 30];
        let eight = [0xc0, 0, 0, 0, 0, 0, 0, 0x0e, 1, 7];
        let all = [&one[..], &two, &eight, &four].concat();
        assert_eq!(without(&all, 0x0e), [&two[..], &four].concat());
        assert_eq!(without(&all, 0x03), [&one[..], &eight, &four].concat());
        assert_eq!(value_of(&all, 0x03), Some(0x5dc));
        for end in 0..all.len() {
            assert!(without(&all[..end], 0x99).len() <= end);
        }
        assert!(without(&[0xff; 9], 1).is_empty());
    }

    #[test]
    fn only_a_client_that_can_be_asked_is_taken_to_acknowledge_later() {
        let wanted = Duration::from_millis(200);
        let plain = [MAX_ACK_DELAY as u8, 1, 25];
        assert_eq!(understood(&plain, wanted), plain);
        // One that needs 1 ms, and one that needs longer than is wanted.
        let able = [&plain[..], &shortest(MIN_ACK_DELAY), &[2, 0x43, 0xe8]].concat();
        let slow = [&shortest(MIN_ACK_DELAY)[..], &[4, 0x80, 0x03, 0x0d, 0x40]].concat();
        assert_eq!(understood(&slow, wanted), slow);
        let raised = understood(&able, wanted);
        assert_eq!(value_of(&raised, MAX_ACK_DELAY), Some(200));
        assert_eq!(value_of(&raised, MIN_ACK_DELAY), Some(200_000));
        assert_eq!(each(&raised).count(), 2);
        let most = understood(&able, Duration::MAX);
        assert_eq!(value_of(&most, MAX_ACK_DELAY), Some(16_383));
        assert_eq!(understood(&able, Duration::ZERO), able);
    }
}
