//! Requests, their answers and attaches.

use throng::client::{Answer, Cursors, Event, Lane, Limits, Message, NotMade, SessionError};
use throng::model::command::{DoneV1, GroupV1, Reply, TaggedCommand};
use throng::wire::{
    Attach, Busy, ClientMessageId, Envelope, FrameKind, GroupId, Hello, Published, RecordNumber,
    Refused, Sequence, Timestamp,
};

use super::scene::{GROUP, INCARNATION, ME, Scene, attached, frame, message};

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
