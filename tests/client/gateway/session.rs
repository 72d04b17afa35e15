//! A gateway's session: many people in few frames, answers by person, acknowledgements together.

use std::time::{Duration, Instant};

use throng::client::gateway::{
    GatewayEvent, GatewaySession, Newcomer, Newcomers, PEOPLE_PER_CALL_MAX, ReaderKey, TableError,
    TableLimits,
};
use throng::client::{Event, GroupCursor, Lane, Limits, NotMade, SessionError};
use throng::wire::{
    Ack, Attach, Attached, DeliveryDecoder, Detach, DeviceId, Envelope, FRAME_LEN_MAX, Frame,
    FrameDecoder, FrameKind, GroupId, HeaderFields, Hello, Kind, PersonId, Reader, ReaderChange,
    ReadersBody, RecordNumber, Refused, Role, Sequence, StreamClass, TenantId, Timestamp, Welcome,
    encode_frame, stream_opening,
};

use super::scene::{Call, Calls, GROUP, begin, cursor};

const TENANT: TenantId = TenantId(3);
const INCARNATION: u64 = 5;

struct Gate {
    session: GatewaySession,
    now: Instant,
    from_client: [FrameDecoder; 2],
    deliveries: DeliveryDecoder,
    calls: Calls,
}

fn newcomer(person: u64, device: u32, cursors: Vec<GroupCursor>) -> Newcomer {
    Newcomer {
        person: PersonId(person),
        device: DeviceId(device),
        key: ReaderKey(10 * person + u64::from(device)),
        cursors,
    }
}

fn newcomers(people: impl IntoIterator<Item = u64>) -> Newcomers {
    let people = people.into_iter();
    Newcomers {
        people: people.map(|person| newcomer(person, 1, vec![])).collect(),
        ..Newcomers::default()
    }
}

fn envelope(fields: &HeaderFields, body: &[u8]) -> Vec<u8> {
    let fields = HeaderFields {
        tenant: TENANT,
        ..*fields
    };
    Envelope::new(&fields, body)
        .expect("the scene keeps to the rules")
        .bytes()
        .to_vec()
}

fn readers(live_next: u64, readers: Vec<Reader>) -> Vec<u8> {
    let fields = HeaderFields {
        kind: Kind::Readers,
        group: GROUP,
        membership_sequence: Sequence(live_next),
        ..HeaderFields::default()
    };
    envelope(&fields, &ReadersBody { readers }.encode())
}

fn gone(person: u64) -> Vec<u8> {
    let fields = HeaderFields {
        kind: Kind::Readers,
        ..HeaderFields::default()
    };
    let reader = Reader {
        change: ReaderChange::Gone,
        at: Sequence(0),
        ..begin(person, 0)
    };
    let readers = vec![reader];
    envelope(&fields, &ReadersBody { readers }.encode())
}

fn message(sequence: u64) -> Vec<u8> {
    let fields = HeaderFields {
        kind: Kind::Text,
        group: GROUP,
        sequence: Sequence(sequence),
        ..HeaderFields::default()
    };
    envelope(&fields, format!("message {sequence}").as_bytes())
}

impl Gate {
    fn welcomed() -> Self {
        let hello = Hello {
            token: "",
            tenant: TenantId(0),
        };
        let mut gate = Self {
            session: GatewaySession::new(&hello, Limits::default(), TableLimits::default()),
            now: Instant::now(),
            from_client: [0, 1].map(|_| FrameDecoder::new(FRAME_LEN_MAX)),
            deliveries: DeliveryDecoder::new(),
            calls: Calls::default(),
        };
        assert_eq!(
            gate.session.attach(newcomers([1])),
            Err(NotMade::NotWelcomed)
        );
        let welcome = Welcome {
            tenant: TENANT,
            person: PersonId(0),
            device: DeviceId(0),
            role: Role::Gateway,
            incarnation: INCARNATION,
            expires: Timestamp(i64::MAX),
            now: Timestamp(0),
        };
        let events = gate.answer(Lane::Requests, FrameKind::Welcome, 0, &welcome.encode());
        let expected = GatewayEvent::Connection(Event::Welcome(welcome));
        assert_eq!(events, Ok(vec![expected]));
        gate
    }

    /// People online on device 1.
    fn with(people: impl IntoIterator<Item = u64>) -> Self {
        let mut gate = Self::welcomed();
        gate.session
            .attach(newcomers(people))
            .expect("the scene keeps to the rules");
        for frame in gate.sent(Lane::Attach) {
            for entry in Attach::read(frame.payload())
                .expect("the scene keeps to the rules")
                .people
            {
                gate.attached(frame.request, entry.person.0, entry.device.0)
                    .expect("the scene keeps to the rules");
            }
        }
        gate.deliver(&stream_opening(StreamClass::Normal))
            .expect("the scene keeps to the rules");
        gate
    }

    fn sent(&mut self, lane: Lane) -> Vec<Frame> {
        let bytes = self.session.unsent(lane).to_vec();
        self.session.sent(lane, bytes.len());
        let mut rest = bytes.as_slice();
        let decoder = &mut self.from_client[lane as usize];
        std::iter::from_fn(|| {
            decoder
                .next(&mut rest)
                .expect("the scene keeps to the rules")
        })
        .collect()
    }

    fn answer(
        &mut self,
        lane: Lane,
        kind: FrameKind,
        request: u64,
        payload: &[u8],
    ) -> Result<Vec<GatewayEvent>, SessionError> {
        let mut bytes = Vec::new();
        encode_frame(kind, request, payload, &mut bytes);
        let mut events = Vec::new();
        self.session
            .on_frames(lane, &bytes, |event| events.push(event))?;
        Ok(events)
    }

    fn attached(
        &mut self,
        request: u64,
        person: u64,
        device: u32,
    ) -> Result<Vec<GatewayEvent>, SessionError> {
        let attached = Attached {
            person: PersonId(person),
            device: DeviceId(device),
            incarnation: INCARNATION,
            position: RecordNumber(90),
            more: false,
            groups: vec![],
        };
        self.answer(
            Lane::Attach,
            FrameKind::Attached,
            request,
            &attached.encode(),
        )
    }

    fn refused(&mut self, request: u64, person: u64) -> Result<Vec<GatewayEvent>, SessionError> {
        let refused = Refused {
            code: 14,
            policy: 0,
            subject: person,
            used: 0,
            limit: 0,
            retry_at: Timestamp(0),
            text: "left the company".to_owned(),
        };
        self.answer(Lane::Attach, FrameKind::Refused, request, &refused.encode())
    }

    fn deliver(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        self.session
            .on_deliveries(&mut self.deliveries, bytes, self.now, &mut self.calls)
    }

    fn acks(&mut self) -> Vec<(u64, u64)> {
        self.session.on_timeout(self.now);
        let frames = self.sent(Lane::Attach);
        let items = frames.iter().flat_map(|frame| {
            assert_eq!(frame.kind, FrameKind::Ack);
            Ack::read(frame.payload()).expect("the scene keeps to the rules")
        });
        let items = items.map(|item| (item.person().0, item.floor().0));
        let mut items: Vec<_> = items.collect();
        items.sort_unstable();
        items
    }
}

#[test]
fn ten_thousand_people_attach_in_frames_that_each_fit() {
    let mut gate = Gate::welcomed();
    let mut call = newcomers(1..=10_000);
    for newcomer in &mut call.people {
        for group in 1..=newcomer.person.0 % 60 {
            newcomer.cursors.push(GroupCursor {
                group: GroupId(group),
                ..cursor(7, &[])
            });
        }
    }
    gate.session
        .attach(call.clone())
        .expect("the scene keeps to the rules");
    let frames = gate.sent(Lane::Attach);
    assert!(frames.len() > 30, "{} frames", frames.len());
    let mut people = Vec::new();
    for frame in &frames {
        assert!(frame.payload().len() <= FRAME_LEN_MAX as usize);
        people.extend(
            Attach::read(frame.payload())
                .expect("the scene keeps to the rules")
                .people,
        );
    }
    assert_eq!(people.len(), 10_000);
    for (asked, given) in people.iter().zip(&call.people) {
        assert_eq!((asked.person, asked.device), (given.person, given.device));
        assert_eq!(asked.cursors.len(), given.cursors.len());
    }
    let too_many = newcomers(1..=PEOPLE_PER_CALL_MAX as u64 + 1);
    assert!(matches!(
        gate.session.attach(too_many),
        Err(NotMade::TooManyAtOnce { .. })
    ));
}

#[test]
fn an_attach_is_all_or_nothing() {
    let mut gate = Gate::with([5]);
    let error = gate.session.attach(newcomers([6, 7, 5, 8]));
    assert!(matches!(error, Err(NotMade::AttachedTwice { .. })));
    assert!(gate.sent(Lane::Attach).is_empty());
    gate.session
        .attach(newcomers([6, 7, 8]))
        .expect("the scene keeps to the rules");
}

#[test]
fn each_person_is_answered_for_themselves() {
    let mut gate = Gate::welcomed();
    let mut call = newcomers([1, 2]);
    call.people.push(newcomer(1, 2, vec![]));
    gate.session
        .attach(call)
        .expect("the scene keeps to the rules");
    let frames = gate.sent(Lane::Attach);
    let [first, second] = frames.as_slice() else {
        panic!("a person is named once a frame: {frames:?}");
    };
    let attached = gate
        .attached(first.request, 1, 1)
        .expect("the scene keeps to the rules");
    assert!(matches!(
        attached.as_slice(),
        [GatewayEvent::Attached {
            person: PersonId(1),
            device: DeviceId(1),
            ..
        }]
    ));
    let refused = gate
        .refused(second.request, 1)
        .expect("the scene keeps to the rules");
    assert!(matches!(
        refused.as_slice(),
        [GatewayEvent::Refused {
            person: PersonId(1),
            device: DeviceId(2),
            ..
        }]
    ));
    let readers: Vec<_> = gate.session.table().readers().collect();
    assert_eq!(readers.len(), 2, "who was refused is not here");
    let request = second.request;
    assert_eq!(
        gate.refused(request, 1),
        Err(SessionError::UnknownRequest { request })
    );
}

#[test]
fn cursors_of_another_log_are_void() {
    let mut gate = Gate::welcomed();
    let call = Newcomers {
        people: vec![newcomer(1, 1, vec![cursor(7, &[])])],
        incarnation: Some(INCARNATION - 1),
        live_only: false,
    };
    gate.session
        .attach(call)
        .expect("the scene keeps to the rules");
    let frame = gate.sent(Lane::Attach).remove(0);
    let attach = Attach::read(frame.payload()).expect("the scene keeps to the rules");
    assert!(attach.people[0].cursors.is_empty());
    let events = gate
        .attached(frame.request, 1, 1)
        .expect("the scene keeps to the rules");
    let [GatewayEvent::Attached { attachment, .. }] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert!(attachment.cursors_void);
}

#[test]
fn who_is_detached_before_the_answer_goes_after_it() {
    let mut gate = Gate::welcomed();
    gate.session
        .attach(newcomers([1]))
        .expect("the scene keeps to the rules");
    let request = gate.sent(Lane::Attach)[0].request;
    let who = (PersonId(1), DeviceId(1));
    gate.session
        .detach(&[who])
        .expect("the scene keeps to the rules");
    assert!(gate.sent(Lane::Attach).is_empty());
    let error = gate.session.attach(newcomers([1]));
    assert!(matches!(error, Err(NotMade::AttachedTwice { .. })));
    gate.attached(request, 1, 1)
        .expect("the scene keeps to the rules");
    let frame = gate.sent(Lane::Attach).remove(0);
    assert_eq!(
        Detach::read(frame.payload())
            .expect("the scene keeps to the rules")
            .people,
        [who]
    );

    gate.session
        .attach(newcomers([1]))
        .expect("the scene keeps to the rules");
    gate.deliver(&stream_opening(StreamClass::Normal))
        .expect("the scene keeps to the rules");
    gate.deliver(&readers(5, vec![begin(1, 5)]))
        .expect("the scene keeps to the rules");
    assert!(gate.calls.of(11).is_empty(), "of the first attach");
    gate.deliver(&gone(1))
        .expect("the scene keeps to the rules");
    gate.deliver(&readers(5, vec![begin(1, 5)]))
        .expect("the scene keeps to the rules");
    assert_eq!(gate.calls.of(11), [Call::Began(5)]);
}

#[test]
fn deliveries_reach_their_readers_however_cut_they_arrive() {
    let mut gate = Gate::with([1, 2]);
    let mut bytes = readers(5, vec![begin(1, 5), begin(2, 4)]);
    for sequence in [5, 4, 5, 6] {
        bytes.extend(message(sequence));
    }
    for piece in bytes.chunks(7) {
        gate.deliver(piece).expect("the scene keeps to the rules");
    }
    assert_eq!(gate.calls.given(11, GROUP), [5, 6]);
    assert_eq!(gate.calls.given(21, GROUP), [4, 5, 6]);
}

#[test]
fn acknowledgements_are_coalesced_to_one_a_second() {
    let mut gate = Gate::with([1, 2]);
    gate.deliver(&readers(5, vec![begin(1, 5), begin(2, 4)]))
        .expect("the scene keeps to the rules");
    for sequence in [5, 6, 7, 4] {
        gate.deliver(&message(sequence))
            .expect("the scene keeps to the rules");
        assert_eq!(gate.acks(), [], "not yet due");
        gate.now += Duration::from_millis(250);
    }
    assert_eq!(gate.acks(), [(1, 7), (2, 4)]);
    assert_eq!(gate.session.timeout(), None);
}

#[test]
fn who_goes_says_how_far_they_got() {
    let mut gate = Gate::with([1]);
    gate.deliver(&readers(5, vec![begin(1, 5)]))
        .expect("the scene keeps to the rules");
    gate.deliver(&message(5))
        .expect("the scene keeps to the rules");
    let people = [(PersonId(1), DeviceId(1)), (PersonId(2), DeviceId(1))];
    let cursors = gate
        .session
        .detach(&people)
        .expect("the scene keeps to the rules");
    assert_eq!(cursors, [Some(vec![cursor(5, &[])]), None]);
    let frame = gate.sent(Lane::Attach).remove(0);
    assert_eq!(
        Detach::read(frame.payload())
            .expect("the scene keeps to the rules")
            .people,
        people[..1]
    );
}

#[test]
fn what_cannot_be_true_ends_the_session() {
    let mut gate = Gate::with([1]);
    let error = gate.deliver(&message(5));
    let unknown = TableError::UnknownGroup { group: GROUP };
    assert_eq!(error, Err(SessionError::Table(unknown)));

    let mut gate = Gate::with([1]);
    let fields = HeaderFields {
        kind: Kind::Text,
        tenant: TenantId(TENANT.0 + 1),
        group: GROUP,
        sequence: Sequence(5),
        ..HeaderFields::default()
    };
    let foreign = Envelope::new(&fields, b"").expect("the scene keeps to the rules");
    let error = gate.deliver(foreign.bytes());
    assert!(matches!(error, Err(SessionError::StrayDelivery { .. })));

    let mut gate = Gate::with([1]);
    gate.deliveries = DeliveryDecoder::new();
    let mut bytes = stream_opening(StreamClass::Urgent).to_vec();
    bytes.extend(readers(5, vec![begin(1, 5)]));
    let error = gate.deliver(&bytes);
    assert!(matches!(error, Err(SessionError::StrayDelivery { .. })));
}
