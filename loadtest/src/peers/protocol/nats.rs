//! NATS: lines of text, payloads behind those that announce them (docs.nats.io, "Client Protocol").

use std::io::Write as _;

use super::{Dialect, GROUP, Heard, Parsed, ProtocolError, Role};

const NATS: Dialect = Dialect::Nats;

/// One frame of the server.
pub(super) fn parse(bytes: &[u8]) -> Parsed<'_> {
    let Some((line, len)) = NATS.line(bytes)? else {
        return Ok(None);
    };
    // `MSG <subject> <subscription> [reply-to] <length>`; the payload follows.
    if let Some(fields) = line.strip_prefix(b"MSG ") {
        let length = fields.rsplit(|byte| *byte == b' ').next().unwrap_or(&[]);
        let payload = NATS.counted(bytes, len, NATS.length(length)?)?;
        return Ok(payload.map(|(payload, end)| (end, Heard::Message(payload))));
    }
    let heard = match line {
        b"PING" => Heard::Ping,
        b"PONG" => Heard::Ready,
        b"+OK" => Heard::Nothing,
        line if line.starts_with(b"INFO ") => Heard::Greeting,
        line => match line.strip_prefix(b"-ERR ") {
            Some(reason) => {
                let reason = String::from_utf8_lossy(reason).into_owned();
                return Err(ProtocolError::Refused(reason));
            }
            None => return Err(NATS.malformed("an unknown line")),
        },
    };
    Ok(Some((len, heard)))
}

/// Introduces this side; the answer to the ping says that all of it holds.
pub(super) fn connect(out: &mut Vec<u8>, role: Role) {
    out.extend_from_slice(
        b"CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false,\"lang\":\"rust\",\"version\":\"1\"}\r\n",
    );
    if role == Role::Subscriber {
        put(out, format_args!("SUB {GROUP} 1\r\n"));
    }
    out.extend_from_slice(b"PING\r\n");
}

/// Answers a ping.
pub(super) fn pong(out: &mut Vec<u8>) {
    out.extend_from_slice(b"PONG\r\n");
}

/// Publishes `payload`.
pub(super) fn publish(out: &mut Vec<u8>, payload: &[u8]) {
    put(out, format_args!("PUB {GROUP} {}\r\n", payload.len()));
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a vector takes what is written");
}
