//! A session and the server's end of its streams, a few lines of script.

use std::time::Instant;

use bytes::Bytes;
use throng::client::{Arrival, Cursors, Event, Lane, Limits, Message, Session, SessionError};
use throng::wire::{
    Ack, Attached, AttachedGroup, ClientMessageId, DeliveryDecoder, DeviceId, Envelope,
    FRAME_LEN_MAX, Frame, FrameDecoder, FrameKind, GroupId, HeaderFields, Hello, Kind, PersonId,
    Priority, RecordNumber, Role, Sequence, SkipBody, SkipReason, StreamClass, TenantId, Timestamp,
    Welcome, encode_frame, stream_opening,
};

pub(crate) const TENANT: TenantId = TenantId(3);
pub(crate) const ME: PersonId = PersonId(11);
pub(crate) const GROUP: GroupId = GroupId(21);
pub(crate) const INCARNATION: u64 = 5;

/// A session and the server's end of its streams.
pub(crate) struct Scene {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    pub(crate) from_client: [FrameDecoder; 2],
    pub(crate) deliveries: DeliveryDecoder,
}

pub(crate) fn frame(kind: FrameKind, request: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_frame(kind, request, payload, &mut bytes);
    bytes
}

pub(crate) fn welcome() -> Welcome {
    Welcome {
        tenant: TENANT,
        person: ME,
        device: DeviceId(1),
        role: Role::Person,
        incarnation: INCARNATION,
        expires: Timestamp(i64::MAX),
        now: Timestamp(0),
    }
}

pub(crate) fn attached(groups: &[(u64, u64, u64)], more: bool) -> Vec<u8> {
    let group = |(group, first, head)| {
        AttachedGroup::new(
            GroupId(group),
            Sequence(first),
            Sequence(head),
            Sequence(first),
        )
    };
    Attached {
        person: ME,
        device: DeviceId(1),
        incarnation: INCARNATION,
        position: RecordNumber(90),
        more,
        groups: groups.iter().copied().map(group).collect(),
    }
    .encode()
}

pub(crate) fn envelope(sequence: u64, priority: Priority) -> Vec<u8> {
    let fields = HeaderFields {
        kind: Kind::Text,
        priority,
        tenant: TENANT,
        group: GROUP,
        sequence: Sequence(sequence),
        ..HeaderFields::default()
    };
    Envelope::new(&fields, format!("message {sequence}").as_bytes())
        .unwrap()
        .bytes()
        .to_vec()
}

pub(crate) fn skip(from: u64, to: u64) -> Vec<u8> {
    let fields = HeaderFields {
        kind: Kind::Skip,
        tenant: TENANT,
        group: GROUP,
        ..HeaderFields::default()
    };
    let body = SkipBody {
        from: Sequence(from),
        to: Sequence(to),
        why: SkipReason::NotAMember,
    };
    Envelope::new(&fields, &body.encode())
        .unwrap()
        .bytes()
        .to_vec()
}

pub(crate) fn message(id: u128) -> Message {
    Message {
        group: GROUP,
        kind: Kind::Text,
        priority: Priority::Normal,
        client_message_id: ClientMessageId(id),
        body: Bytes::from_static("早上好".as_bytes()),
    }
}

impl Scene {
    pub(crate) fn with_limits(limits: Limits) -> Self {
        let hello = Hello {
            token: "a.b.c",
            tenant: TenantId(0),
        };
        Self {
            session: Session::new(&hello, limits),
            now: Instant::now(),
            from_client: [0, 1].map(|_| FrameDecoder::new(FRAME_LEN_MAX)),
            deliveries: DeliveryDecoder::new(),
        }
    }

    pub(crate) fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    pub(crate) fn welcomed() -> Self {
        let mut scene = Self::new();
        scene.welcome();
        scene
    }

    pub(crate) fn welcome(&mut self) {
        self.sent(Lane::Requests);
        let events = self.answer(
            Lane::Requests,
            &frame(FrameKind::Welcome, 0, &welcome().encode()),
        );
        assert_eq!(events, Ok(vec![Event::Welcome(welcome())]));
    }

    /// Online in one group of which `1..=head` may be read, with `cursors`.
    pub(crate) fn online(cursors: Cursors, live_only: bool, head: u64) -> Self {
        let mut scene = Self::welcomed();
        scene.session.attach(cursors, live_only).unwrap();
        let asked = scene.sent(Lane::Attach).remove(0);
        let answer = frame(
            FrameKind::Attached,
            asked.request,
            &attached(&[(GROUP.0, 1, head)], false),
        );
        scene.answer(Lane::Attach, &answer).unwrap();
        scene
    }

    /// The frames the client sent on `lane`.
    pub(crate) fn sent(&mut self, lane: Lane) -> Vec<Frame> {
        let bytes = self.session.unsent(lane).to_vec();
        self.session.sent(lane, bytes.len());
        let mut rest = bytes.as_slice();
        let decoder = &mut self.from_client[lane as usize];
        let mut frames = Vec::new();
        while let Some(frame) = decoder.next(&mut rest).unwrap() {
            frames.push(frame);
        }
        frames
    }

    pub(crate) fn answer(&mut self, lane: Lane, bytes: &[u8]) -> Result<Vec<Event>, SessionError> {
        let mut events = Vec::new();
        self.session
            .on_frames(lane, bytes, |event| events.push(event))?;
        Ok(events)
    }

    /// Delivers `bytes` and says which sequences came out; a skip as its negative end.
    pub(crate) fn deliver(&mut self, bytes: &[u8]) -> Result<Vec<i64>, SessionError> {
        let mut out = Vec::new();
        let decoder = &mut self.deliveries;
        self.session
            .on_deliveries(decoder, bytes, self.now, |arrival| {
                out.push(match arrival {
                    Arrival::Envelope { header, body } => {
                        let sequence = header.sequence().0;
                        assert_eq!(body, format!("message {sequence}").as_bytes());
                        i64::try_from(sequence).unwrap()
                    }
                    Arrival::Skip { skip, .. } => -i64::try_from(skip.to.0).unwrap(),
                });
            })?;
        Ok(out)
    }

    pub(crate) fn open_deliveries(&mut self) {
        assert_eq!(
            self.deliver(&stream_opening(StreamClass::Normal)),
            Ok(vec![])
        );
    }

    pub(crate) fn acks(&mut self) -> Vec<(u64, u64)> {
        self.session.on_timeout(self.now);
        let frames = self.sent(Lane::Attach);
        let items = frames.iter().flat_map(|frame| {
            assert_eq!(frame.kind, FrameKind::Ack);
            Ack::read(frame.payload()).unwrap()
        });
        items.map(|item| (item.group().0, item.floor().0)).collect()
    }
}
