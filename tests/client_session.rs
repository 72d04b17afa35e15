//! The client's protocol as a state machine, against a server that is a few lines of script.
#![cfg(feature = "client")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use throng::client::{
    Answer, Arrival, CursorError, Cursors, Event, Lane, Limits, Message, NotMade, Session,
    SessionError,
};
use throng::model::command::{DoneV1, GroupV1, Reply, TaggedCommand};
use throng::wire::{
    Ack, Attach, Attached, AttachedGroup, Busy, ClientMessageId, DeliveryDecoder, DeviceId,
    Envelope, FRAME_LEN_MAX, Frame, FrameDecoder, FrameKind, GroupId, HeaderFields, Hello, Kind,
    PersonId, Priority, Published, RecordNumber, Refused, Role, Sequence, SkipBody, SkipReason,
    StreamClass, TenantId, Timestamp, Welcome, encode_frame, stream_opening,
};

const TENANT: TenantId = TenantId(3);
const ME: PersonId = PersonId(11);
const GROUP: GroupId = GroupId(21);
const INCARNATION: u64 = 5;

/// A session and the server's end of its streams.
struct Scene {
    session: Session,
    now: Instant,
    from_client: [FrameDecoder; 2],
    deliveries: DeliveryDecoder,
}

fn frame(kind: FrameKind, request: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_frame(kind, request, payload, &mut bytes);
    bytes
}

fn welcome() -> Welcome {
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

fn attached(groups: &[(u64, u64, u64)], more: bool) -> Vec<u8> {
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

fn envelope(sequence: u64, priority: Priority) -> Vec<u8> {
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

fn skip(from: u64, to: u64) -> Vec<u8> {
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

fn message(id: u128) -> Message {
    Message {
        group: GROUP,
        kind: Kind::Text,
        priority: Priority::Normal,
        client_message_id: ClientMessageId(id),
        body: Bytes::from_static("早上好".as_bytes()),
    }
}

impl Scene {
    fn with_limits(limits: Limits) -> Self {
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

    fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    fn welcomed() -> Self {
        let mut scene = Self::new();
        scene.welcome();
        scene
    }

    fn welcome(&mut self) {
        self.sent(Lane::Requests);
        let events = self.answer(
            Lane::Requests,
            &frame(FrameKind::Welcome, 0, &welcome().encode()),
        );
        assert_eq!(events, Ok(vec![Event::Welcome(welcome())]));
    }

    /// Online in one group of which `1..=head` may be read, with `cursors`.
    fn online(cursors: Cursors, live_only: bool, head: u64) -> Self {
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
    fn sent(&mut self, lane: Lane) -> Vec<Frame> {
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

    fn answer(&mut self, lane: Lane, bytes: &[u8]) -> Result<Vec<Event>, SessionError> {
        let mut events = Vec::new();
        self.session
            .on_frames(lane, bytes, |event| events.push(event))?;
        Ok(events)
    }

    /// Delivers `bytes` and says which sequences came out; a skip as its negative end.
    fn deliver(&mut self, bytes: &[u8]) -> Result<Vec<i64>, SessionError> {
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

    fn open_deliveries(&mut self) {
        assert_eq!(
            self.deliver(&stream_opening(StreamClass::Normal)),
            Ok(vec![])
        );
    }

    fn acks(&mut self) -> Vec<(u64, u64)> {
        self.session.on_timeout(self.now);
        let frames = self.sent(Lane::Attach);
        let items = frames.iter().flat_map(|frame| {
            assert_eq!(frame.kind, FrameKind::Ack);
            Ack::read(frame.payload()).unwrap()
        });
        items.map(|item| (item.group().0, item.floor().0)).collect()
    }
}

#[test]
fn a_session_says_hello_first_and_asks_nothing_before_its_welcome() {
    let mut scene = Scene::new();
    assert_eq!(
        scene.session.publish(&message(1)),
        Err(NotMade::NotWelcomed)
    );
    assert_eq!(
        scene.session.attach(Cursors::default(), false),
        Err(NotMade::NotWelcomed)
    );
    let hello = scene.sent(Lane::Requests).remove(0);
    assert_eq!(Hello::read(hello.payload()).unwrap().token, "a.b.c");
    assert!(scene.sent(Lane::Attach).is_empty());
}

#[test]
fn answers_in_any_order_find_their_requests() {
    let mut scene = Scene::welcomed();
    let publish = scene.session.publish(&message(1)).unwrap();
    let ask = TaggedCommand::LeaveGroup(GroupV1 { group: GROUP });
    let command = scene.session.command(&ask).unwrap();
    let frames = scene.sent(Lane::Requests);
    let envelope = Envelope::read(frames[0].payload()).unwrap();
    assert_eq!(envelope.body(), "早上好".as_bytes());
    assert_eq!(envelope.header().client_message_id(), ClientMessageId(1));
    assert_eq!(frames[1].kind, FrameKind::Command(ask.tag()));

    let done = Reply::Done(DoneV1 {});
    let published = Published {
        group: GROUP,
        sequence: Sequence(4),
        record: RecordNumber(90),
        timestamp: Timestamp(8),
        duplicate: false,
    };
    let mut answers = frame(FrameKind::reply(done.tag()), command, &done.encode());
    answers.extend(frame(FrameKind::Published, publish, &published.encode()));
    let expected = vec![
        Event::Answered {
            request: command,
            answer: Answer::Reply(Box::new(done)),
        },
        Event::Answered {
            request: publish,
            answer: Answer::Published(published),
        },
    ];
    assert_eq!(scene.answer(Lane::Requests, &answers), Ok(expected));
}

#[test]
fn busy_answers_one_request_and_the_session_goes_on() {
    let mut scene = Scene::welcomed();
    let request = scene.session.publish(&message(1)).unwrap();
    let busy = Busy {
        retry_after_us: 700,
    };
    let answer = Answer::Busy(busy);
    assert_eq!(
        scene.answer(
            Lane::Requests,
            &frame(FrameKind::Busy, request, &busy.encode())
        ),
        Ok(vec![Event::Answered { request, answer }])
    );
    scene.session.publish(&message(1)).unwrap();
}

#[test]
fn requests_in_flight_are_bounded_and_answers_make_room() {
    let limits = Limits {
        in_flight_max: 2,
        ..Limits::default()
    };
    let mut scene = Scene::with_limits(limits);
    scene.welcome();
    let first = scene.session.publish(&message(1)).unwrap();
    scene.session.publish(&message(2)).unwrap();
    assert_eq!(scene.session.publish(&message(3)), Err(NotMade::Full));
    let busy = Busy { retry_after_us: 1 }.encode();
    scene
        .answer(Lane::Requests, &frame(FrameKind::Busy, first, &busy))
        .unwrap();
    scene.session.publish(&message(3)).unwrap();
}

#[test]
fn unsent_bytes_are_bounded() {
    let limits = Limits {
        unsent_bytes_max: 300,
        ..Limits::default()
    };
    let mut scene = Scene::with_limits(limits);
    scene.welcome();
    while scene.session.has_room() {
        scene.session.publish(&message(1)).unwrap();
    }
    assert_eq!(scene.session.publish(&message(1)), Err(NotMade::Full));
    assert!(scene.session.unsent(Lane::Requests).len() < 600);
}

#[test]
fn a_body_no_message_may_have_is_not_sent() {
    let mut scene = Scene::welcomed();
    let long = Message {
        body: vec![0; 65_537].into(),
        ..message(1)
    };
    let error = NotMade::TooLong {
        len: 65_537,
        limit: 65_536,
    };
    assert_eq!(scene.session.publish(&long), Err(error));
}

#[test]
fn an_answer_to_nothing_and_an_answer_of_the_wrong_kind_end_the_session() {
    let mut scene = Scene::welcomed();
    let stray = frame(FrameKind::Busy, 77, &Busy { retry_after_us: 1 }.encode());
    assert_eq!(
        scene.answer(Lane::Requests, &stray),
        Err(SessionError::UnknownRequest { request: 77 })
    );
    let mut scene = Scene::welcomed();
    let request = scene.session.publish(&message(1)).unwrap();
    let done = Reply::Done(DoneV1 {});
    let wrong = frame(FrameKind::reply(done.tag()), request, &done.encode());
    let error = scene.answer(Lane::Requests, &wrong).unwrap_err();
    assert!(matches!(error, SessionError::UnexpectedFrame { .. }));
}

#[test]
fn a_refusal_before_the_welcome_is_why_the_server_closes() {
    let mut scene = Scene::new();
    let refused = Refused {
        code: 11,
        policy: 0,
        subject: 0,
        used: 0,
        limit: 0,
        retry_at: Timestamp(0),
        text: "the token has expired".to_owned(),
    };
    let answer = frame(FrameKind::Refused, 0, &refused.encode());
    assert_eq!(
        scene.answer(Lane::Requests, &answer),
        Ok(vec![Event::Closing(refused)])
    );
}

#[test]
fn attach_sends_the_floors_and_gathers_all_pages() {
    let mut scene = Scene::welcomed();
    let mut cursors = Cursors::default();
    cursors.bind(INCARNATION);
    for sequence in 1..=6 {
        cursors.take(GROUP, Sequence(sequence), true).unwrap();
    }
    scene.session.attach(cursors, false).unwrap();
    let asked = scene.sent(Lane::Attach).remove(0);
    let attach = Attach::read(asked.payload()).unwrap();
    assert_eq!(attach.people[0].person, ME);
    assert_eq!(attach.people[0].cursors[0].floor(), Sequence(6));

    let page = frame(
        FrameKind::Attached,
        asked.request,
        &attached(&[(GROUP.0, 1, 9)], true),
    );
    assert_eq!(scene.answer(Lane::Attach, &page), Ok(vec![]));
    let page = frame(
        FrameKind::Attached,
        asked.request,
        &attached(&[(22, 4, 4)], false),
    );
    let events = scene.answer(Lane::Attach, &page).unwrap();
    let [Event::Attached(attachment)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(attachment.groups.len(), 2);
    assert!(!attachment.cursors_void);
    assert_eq!(scene.session.cursors().floor(GROUP), Some(Sequence(6)));
    assert_eq!(
        scene.session.cursors().floor(GroupId(22)),
        Some(Sequence(3))
    );
    let again = scene.session.attach(Cursors::default(), false);
    assert_eq!(again, Err(NotMade::AlreadyAttached));
}

#[test]
fn cursors_of_another_incarnation_are_dropped_and_the_attachment_says_so() {
    let mut scene = Scene::welcomed();
    let mut cursors = Cursors::default();
    cursors.bind(INCARNATION - 1);
    cursors.take(GROUP, Sequence(6), true).unwrap();
    scene.session.attach(cursors, false).unwrap();
    let asked = scene.sent(Lane::Attach).remove(0);
    let attach = Attach::read(asked.payload()).unwrap();
    assert!(attach.people[0].cursors.is_empty());
    let answer = frame(FrameKind::Attached, asked.request, &attached(&[], false));
    let events = scene.answer(Lane::Attach, &answer).unwrap();
    assert!(matches!(&events[..], [Event::Attached(a)] if a.cursors_void));
}

#[test]
fn a_refused_attach_may_be_tried_again() {
    let mut scene = Scene::welcomed();
    scene.session.attach(Cursors::default(), false).unwrap();
    let asked = scene.sent(Lane::Attach).remove(0);
    let busy = frame(
        FrameKind::Busy,
        asked.request,
        &Busy { retry_after_us: 9 }.encode(),
    );
    let events = scene.answer(Lane::Attach, &busy).unwrap();
    assert!(matches!(
        &events[..],
        [Event::AttachFailed(Answer::Busy(_))]
    ));
    scene.session.attach(Cursors::default(), false).unwrap();
}

#[test]
fn deliveries_come_out_once_however_often_and_however_cut_they_arrive() {
    let mut scene = Scene::online(Cursors::default(), false, 0);
    let mut bytes = stream_opening(StreamClass::Normal).to_vec();
    for sequence in [1, 2, 2, 1, 3] {
        bytes.extend(envelope(sequence, Priority::Normal));
    }
    let mut out = Vec::new();
    for piece in bytes.chunks(7) {
        out.extend(scene.deliver(piece).unwrap());
    }
    assert_eq!(out, [1, 2, 3]);
    assert_eq!(scene.session.redelivered(), 2);
}

#[test]
fn an_urgent_message_may_come_early_and_is_not_new_in_its_turn() {
    let mut scene = Scene::online(Cursors::default(), false, 0);
    scene.open_deliveries();
    assert_eq!(scene.deliver(&envelope(3, Priority::Urgent)), Ok(vec![3]));
    for sequence in [1, 2] {
        scene
            .deliver(&envelope(sequence, Priority::Normal))
            .unwrap();
    }
    assert_eq!(scene.deliver(&envelope(3, Priority::Urgent)), Ok(vec![]));
    assert_eq!(scene.session.cursors().floor(GROUP), Some(Sequence(3)));
}

#[test]
fn a_skip_moves_the_cursor_and_is_handed_on() {
    let mut scene = Scene::online(Cursors::default(), false, 0);
    scene.open_deliveries();
    assert_eq!(scene.deliver(&skip(1, 4)), Ok(vec![-4]));
    assert_eq!(scene.deliver(&envelope(5, Priority::Normal)), Ok(vec![5]));
    assert_eq!(scene.session.cursors().floor(GROUP), Some(Sequence(5)));
}

#[test]
fn acknowledgements_are_coalesced_to_one_a_second() {
    let mut scene = Scene::online(Cursors::default(), false, 0);
    scene.open_deliveries();
    for sequence in 1..=5 {
        scene
            .deliver(&envelope(sequence, Priority::Normal))
            .unwrap();
        assert_eq!(scene.acks(), [], "not yet due");
        scene.now += Duration::from_millis(100);
    }
    scene.now += Duration::from_millis(499);
    assert_eq!(scene.acks(), []);
    scene.now += Duration::from_millis(1);
    assert_eq!(scene.acks(), [(GROUP.0, 5)]);
    assert_eq!(
        scene.session.timeout(),
        None,
        "nothing new, nothing to acknowledge"
    );
}

#[test]
fn an_urgent_message_is_acknowledged_at_once() {
    let mut scene = Scene::online(Cursors::default(), false, 0);
    scene.open_deliveries();
    scene.deliver(&envelope(1, Priority::Urgent)).unwrap();
    // It is first in no order; the floor is the one the attach began with.
    scene.deliver(&envelope(2, Priority::Normal)).unwrap();
    assert_eq!(scene.acks(), [(GROUP.0, 2)]);
}

#[test]
fn the_next_session_attaches_where_this_one_ended() {
    let mut scene = Scene::online(Cursors::default(), true, 40);
    scene.open_deliveries();
    for sequence in 41..=43 {
        scene
            .deliver(&envelope(sequence, Priority::Normal))
            .unwrap();
    }
    let mut scene = Scene::online(scene.session.into_cursors(), true, 50);
    scene.open_deliveries();
    assert_eq!(scene.deliver(&envelope(43, Priority::Normal)), Ok(vec![]));
    assert_eq!(scene.deliver(&envelope(44, Priority::Normal)), Ok(vec![44]));
}

#[test]
fn deliveries_of_another_tenant_or_before_an_attach_end_the_session() {
    let mut scene = Scene::welcomed();
    scene.open_deliveries();
    let error = scene
        .deliver(&envelope(1, Priority::Normal))
        .expect_err("nothing is attached");
    assert!(matches!(error, SessionError::StrayDelivery { .. }));

    let mut scene = Scene::online(Cursors::default(), false, 0);
    scene.open_deliveries();
    let fields = HeaderFields {
        tenant: TenantId(TENANT.0 + 1),
        group: GROUP,
        sequence: Sequence(1),
        kind: Kind::Text,
        ..HeaderFields::default()
    };
    let foreign = Envelope::new(&fields, b"").unwrap();
    let error = scene.deliver(foreign.bytes()).expect_err("another tenant");
    assert!(matches!(error, SessionError::StrayDelivery { .. }));
}

#[test]
fn endless_gaps_end_the_session() {
    let mut limits = Limits::default();
    limits.cursors.early_runs_max = 2;
    let mut scene = Scene::with_limits(limits);
    scene.welcome();
    scene
        .session
        .attach(Cursors::new(limits.cursors), false)
        .unwrap();
    scene.open_deliveries();
    let mut bytes = Vec::new();
    for sequence in [1, 3, 5, 7, 9] {
        bytes.extend(envelope(sequence, Priority::Normal));
    }
    let error = scene.deliver(&bytes).unwrap_err();
    assert!(matches!(
        error,
        SessionError::Cursor(CursorError::TooManyGaps { limit: 2, .. })
    ));
}
