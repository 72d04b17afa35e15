//! A record's events as bytes, and back.

use crate::model::event::Event;
use crate::wire::tagged::TaggedError;

/// Why bytes are not a list of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
    /// The bytes end before the event at `offset` does.
    #[error("the event at byte {offset} takes {need} bytes, {have} are there")]
    Truncated {
        /// Where the event begins.
        offset: usize,
        /// Bytes it takes.
        need: usize,
        /// Bytes there are.
        have: usize,
    },
    /// Bits that must be zero are not.
    #[error("the event at byte {offset} has reserved bits set")]
    Reserved {
        /// Where the event begins.
        offset: usize,
    },
    /// The event's body is none.
    #[error("the event at byte {offset} cannot be read")]
    Event {
        /// Where the event begins.
        offset: usize,
        /// Why.
        #[source]
        why: TaggedError,
    },
}

/// Bytes before each event's body: tag (u16), zero (u16), body length (u32), little endian.
const EVENT_PREFIX_LEN: usize = 8;

/// Appends the bytes of `events`: what a record's private part holds.
pub fn encode_all(events: &[Event], out: &mut Vec<u8>) {
    for event in events {
        let body = event.encode();
        let body_len = u32::try_from(body.len()).expect("events are bounded by their commands");
        out.extend_from_slice(&event.tag().to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&body_len.to_le_bytes());
        out.extend_from_slice(&body);
    }
}

/// Reads what [`encode_all`] wrote, checking everything first (invariant 8).
pub fn decode_all(bytes: &[u8]) -> Result<Vec<Event>, EventsError> {
    let mut events = Vec::new();
    let mut offset = 0;
    while offset < bytes.len() {
        let rest = &bytes[offset..];
        let truncated = |need| EventsError::Truncated {
            offset,
            need,
            have: rest.len(),
        };
        let Some((prefix, rest_of)) = rest.split_first_chunk::<EVENT_PREFIX_LEN>() else {
            return Err(truncated(EVENT_PREFIX_LEN));
        };
        let [tag_0, tag_1, zero_0, zero_1, len @ ..] = *prefix;
        if [zero_0, zero_1] != [0; 2] {
            return Err(EventsError::Reserved { offset });
        }
        let body_len = u32::from_le_bytes(len) as usize;
        let need = EVENT_PREFIX_LEN.saturating_add(body_len);
        let body = rest_of.get(..body_len).ok_or_else(|| truncated(need))?;
        let tag = u16::from_le_bytes([tag_0, tag_1]);
        let event = Event::decode(tag, body).map_err(|why| EventsError::Event { offset, why })?;
        events.push(event);
        offset += need;
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{GroupRenamedV1, PublishedV1};
    use crate::wire::GroupId;

    fn published() -> Event {
        Event::Published(PublishedV1 {
            group: GroupId(7),
            body_digest: 9,
        })
    }

    #[test]
    fn a_list_of_events_comes_back_as_it_went() {
        let events = vec![
            published(),
            Event::GroupRenamed(GroupRenamedV1 {
                group: GroupId(1),
                name: "项目组".to_owned(),
            }),
            published(),
        ];
        let mut bytes = vec![0xaa];
        encode_all(&events, &mut bytes);
        assert_eq!(decode_all(&bytes[1..]), Ok(events));
        assert_eq!(decode_all(&[]), Ok(vec![]));
    }

    #[test]
    fn every_cut_of_the_bytes_is_refused_or_a_shorter_list() {
        let mut bytes = Vec::new();
        encode_all(&[published(), published()], &mut bytes);
        let half = bytes.len() / 2;
        for cut in 1..bytes.len() {
            match decode_all(&bytes[..cut]) {
                Ok(events) => assert!(cut == half && events.len() == 1),
                Err(error) => assert!(matches!(error, EventsError::Truncated { .. }), "{error}"),
            }
        }
    }

    #[test]
    fn an_unknown_tag_and_a_reserved_bit_are_named() {
        let mut bytes = Vec::new();
        encode_all(&[published()], &mut bytes);
        let mut unknown = bytes.clone();
        unknown[..2].copy_from_slice(&[0xff, 0x7f]);
        assert_eq!(
            decode_all(&unknown),
            Err(EventsError::Event {
                offset: 0,
                why: TaggedError::Tag { found: 0x7fff }
            })
        );
        bytes[2] = 1;
        assert_eq!(decode_all(&bytes), Err(EventsError::Reserved { offset: 0 }));
    }
}
