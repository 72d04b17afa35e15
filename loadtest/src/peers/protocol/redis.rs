//! Redis' publish and subscribe over RESP 2 (redis.io, "Redis serialization protocol").

use std::io::Write as _;

use super::{Dialect, GROUP, Heard, Parsed, ProtocolError};

const REDIS: Dialect = Dialect::Redis;
/// Elements of the longest array that is taken: what kind, which channel, and the payload or a count.
const ELEMENTS: usize = 3;

/// A value that is no array.
enum Value<'a> {
    Status,
    Number,
    Text(&'a [u8]),
}

/// One frame of the server: a status, a number, or an array of three about a subscription.
pub(super) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some((line, mut used)) = REDIS.line(bytes)? else {
        return Ok(None);
    };
    let Some(count) = line.strip_prefix(b"*") else {
        return Ok(value(bytes)?.map(|(len, value)| match value {
            // Only a publisher asks anything, and only its first question matters.
            Value::Status => (len, Heard::Ready),
            Value::Number | Value::Text(_) => (len, Heard::Nothing),
        }));
    };
    if REDIS.length(count)? != ELEMENTS {
        return Err(REDIS.malformed("an array is not of three"));
    }
    let mut elements = [&[][..]; ELEMENTS];
    for element in &mut elements {
        let Some((len, value)) = value(&bytes[used..])? else {
            return Ok(None);
        };
        used += len;
        if let Value::Text(text) = value {
            *element = text;
        }
    }
    let heard = match elements {
        [b"message", _, payload] => Heard::Message(payload),
        [b"subscribe", ..] => Heard::Ready,
        _ => return Err(REDIS.malformed("an array of unknown kind")),
    };
    Ok(Some((used, heard)))
}

fn value(bytes: &[u8]) -> Result<Option<(usize, Value<'_>)>, ProtocolError> {
    let Some((line, len)) = REDIS.line(bytes)? else {
        return Ok(None);
    };
    match line.split_first() {
        Some((b'+', _)) => Ok(Some((len, Value::Status))),
        Some((b':', _)) => Ok(Some((len, Value::Number))),
        Some((b'$', length)) => {
            let text = REDIS.counted(bytes, len, REDIS.length(length)?)?;
            Ok(text.map(|(text, end)| (end, Value::Text(text))))
        }
        Some((b'-', reason)) => {
            let reason = String::from_utf8_lossy(reason).into_owned();
            Err(ProtocolError::Refused(reason))
        }
        _ => Err(REDIS.malformed("a value of unknown kind")),
    }
}

/// Asks for a sign of life.
pub(super) fn ping(out: &mut Vec<u8>) {
    command(out, &[b"PING"]);
}

/// Subscribes.
pub(super) fn subscribe(out: &mut Vec<u8>) {
    command(out, &[b"SUBSCRIBE", GROUP.as_bytes()]);
}

/// Publishes `payload`.
pub(super) fn publish(out: &mut Vec<u8>, payload: &[u8]) {
    command(out, &[b"PUBLISH", GROUP.as_bytes(), payload]);
}

fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    write!(out, "*{}\r\n", words.len()).expect("a vector takes what is written");
    for word in words {
        write!(out, "${}\r\n", word.len()).expect("a vector takes what is written");
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}
