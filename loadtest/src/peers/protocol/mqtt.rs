//! MQTT 3.1.1 at QoS 0 (OASIS standard, 29 October 2014; section numbers are its own).

use super::{Dialect, FRAME_MAX, GROUP, Heard, Parsed, ProtocolError};

const MQTT: Dialect = Dialect::Mqtt;
/// Bytes of a remaining length at most (2.2.3).
const LENGTH_BYTES_MAX: usize = 4;

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
/// Its reserved flags are 0010 (3.8.1).
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;
/// A SUBACK's code for a subscription that was refused (3.9.3).
const FAILURE: u8 = 0x80;

/// One packet of the server.
pub(super) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some((first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let Some((remaining, length_bytes)) = remaining_length(rest)? else {
        return Ok(None);
    };
    let Some(body) = rest.get(length_bytes..length_bytes + remaining) else {
        return Ok(None);
    };
    let heard = match (*first, body) {
        (PUBLISH, [high, low, after @ ..]) => {
            let topic = usize::from(u16::from_be_bytes([*high, *low]));
            match after.get(topic..) {
                Some(payload) => Heard::Message(payload),
                None => return Err(MQTT.malformed("a topic is longer than its packet")),
            }
        }
        (CONNACK, [_, 0]) => Heard::Greeting,
        (CONNACK, [_, code]) => return Err(refused("the connection", *code)),
        (SUBACK, [_, _, FAILURE]) => return Err(refused("the subscription", FAILURE)),
        (SUBACK, [_, _, _]) => Heard::Ready,
        _ => return Err(MQTT.malformed("an unknown packet")),
    };
    Ok(Some((1 + length_bytes + remaining, heard)))
}

fn refused(what: &str, code: u8) -> ProtocolError {
    ProtocolError::Refused(format!("{what}, code {code}"))
}

/// Seven bits a byte, the lowest first, and how many bytes that were (2.2.3).
fn remaining_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, ProtocolError> {
    let mut length = 0;
    for (at, byte) in bytes.iter().take(LENGTH_BYTES_MAX).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            if length > FRAME_MAX {
                return Err(MQTT.too_long());
            }
            return Ok(Some((length, at + 1)));
        }
    }
    if bytes.len() >= LENGTH_BYTES_MAX {
        return Err(MQTT.malformed("a length of more than four bytes"));
    }
    Ok(None)
}

/// Connects client `number` with a clean session and without keep-alive (3.1).
pub(super) fn connect(out: &mut Vec<u8>, number: usize) {
    const CLEAN_SESSION: u8 = 2;
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, CLEAN_SESSION, 0, 0];
    text(&mut body, &format!("c{number}"));
    packet(out, CONNECT, &[&body]);
}

/// Subscribes at QoS 0 (3.8).
pub(super) fn subscribe(out: &mut Vec<u8>) {
    let mut body = vec![0, 1];
    text(&mut body, GROUP);
    body.push(0);
    packet(out, SUBSCRIBE, &[&body]);
}

/// Publishes `payload` (3.3).
pub(super) fn publish(out: &mut Vec<u8>, payload: &[u8]) {
    let mut topic = Vec::new();
    text(&mut topic, GROUP);
    packet(out, PUBLISH, &[&topic, payload]);
}

fn text(out: &mut Vec<u8>, text: &str) {
    let len = u16::try_from(text.len()).expect("names are short");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn packet(out: &mut Vec<u8>, first: u8, parts: &[&[u8]]) {
    let mut length: usize = parts.iter().map(|part| part.len()).sum();
    out.push(first);
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    for part in parts {
        out.extend_from_slice(part);
    }
}
