//! What has a fixed layout: clients in other languages read and write it.

use throng::wire::{
    Ack, AckItem, Attach, AttachEntry, Attached, AttachedGroup, Busy, ClientMessageId, Cursor,
    Detach, DeviceId, Envelope, FRAME_LEN_MAX, FrameDecoder, FrameKind, GroupId, Header,
    HeaderFields, Hello, Kind, MembershipBody, PersonId, Priority, Published, Reader, ReaderChange,
    ReadersBody, RecordNumber, Refused, RemovalBody, Role, Sequence, SkipBody, SkipReason,
    StreamClass, TenantId, Timestamp, Welcome, encode_frame, stream_opening,
};

use super::{assert_golden, golden};

/// Every field different, so that no two can be exchanged unnoticed.
fn fields() -> HeaderFields {
    HeaderFields {
        kind: Kind::Text,
        priority: Priority::Urgent,
        tenant: TenantId(0x0403_0201),
        group: GroupId(0x1817_1615_1413_1211),
        sequence: Sequence(0x2827_2625_2423_2221),
        sender: PersonId(0x3837_3635_3433_3231),
        device: DeviceId(0x4443_4241),
        timestamp: Timestamp(0x5857_5655_5453_5251),
        record: RecordNumber(0x6867_6665_6463_6261),
        membership_sequence: Sequence(0x7877_7675_7473_7271),
        message_ordinal: 0x8887_8685_8483_8281,
        client_message_id: ClientMessageId(0x9F9E_9D9C_9B9A_9998_9796_9594_9392_9190),
        body_len: 18,
    }
}

#[test]
fn envelope_and_header() {
    let envelope = Envelope::new(&fields(), "早上好，Throng".as_bytes()).unwrap();
    assert_golden("envelope", envelope.bytes());
    let read = Envelope::read(&golden("envelope")).unwrap();
    assert_eq!(read.header().fields(), fields());
    assert_eq!(read.body(), "早上好，Throng".as_bytes());
    assert_eq!(
        Header::read(&golden("envelope")).unwrap(),
        &Header::new(&fields())
    );
}

#[test]
fn a_frame_of_each_kind() {
    let kinds = [
        ("frame-hello", FrameKind::Hello),
        ("frame-publish", FrameKind::Publish),
        ("frame-attach", FrameKind::Attach),
        ("frame-detach", FrameKind::Detach),
        ("frame-ack", FrameKind::Ack),
        ("frame-goodbye", FrameKind::Goodbye),
        ("frame-welcome", FrameKind::Welcome),
        ("frame-published", FrameKind::Published),
        ("frame-refused", FrameKind::Refused),
        ("frame-busy", FrameKind::Busy),
        ("frame-attached", FrameKind::Attached),
        ("frame-closing", FrameKind::Closing),
        ("frame-pulled", FrameKind::Pulled),
        ("frame-command-0x103", FrameKind::command(0x103)),
        ("frame-reply-0x006", FrameKind::reply(0x006)),
    ];
    for (name, kind) in kinds {
        let mut bytes = Vec::new();
        encode_frame(kind, 0x0807_0605_0403_0201, b"payload", &mut bytes);
        assert_golden(name, &bytes);
        let golden = golden(name);
        let mut rest = golden.as_slice();
        let frame = FrameDecoder::new(FRAME_LEN_MAX)
            .next(&mut rest)
            .unwrap()
            .unwrap();
        assert_eq!(
            (frame.kind, frame.request, frame.payload(), rest),
            (kind, 0x0807_0605_0403_0201, &b"payload"[..], &[][..])
        );
    }
}

#[test]
fn hello_and_welcome() {
    let hello = Hello {
        token: "header.claims.signature",
        tenant: TenantId(0x0403_0201),
    };
    assert_golden("hello", &hello.encode());
    assert_eq!(Hello::read(&golden("hello")), Ok(hello));
    for (name, role) in [
        ("welcome-person", Role::Person),
        ("welcome-gateway", Role::Gateway),
        ("welcome-operator", Role::Operator),
    ] {
        let welcome = Welcome {
            tenant: TenantId(0x0403_0201),
            device: DeviceId(0x1413_1211),
            person: PersonId(0x2827_2625_2423_2221),
            incarnation: 0x3837_3635_3433_3231,
            expires: Timestamp(0x4847_4645_4443_4241),
            now: Timestamp(0x5857_5655_5453_5251),
            role,
        };
        assert_golden(name, &welcome.encode());
        assert_eq!(Welcome::read(&golden(name)), Ok(welcome));
    }
}

#[test]
fn published_refused_and_busy() {
    let published = Published {
        group: GroupId(0x0807_0605_0403_0201),
        sequence: Sequence(0x1817_1615_1413_1211),
        record: RecordNumber(0x2827_2625_2423_2221),
        timestamp: Timestamp(0x3837_3635_3433_3231),
        duplicate: true,
    };
    assert_golden("published", &published.encode());
    assert_eq!(Published::read(&golden("published")), Ok(published));
    let refused = Refused {
        code: 0x0201,
        policy: 0x0403,
        subject: 0x1817_1615_1413_1211,
        used: 0x2827_2625_2423_2221,
        limit: 0x3837_3635_3433_3231,
        retry_at: Timestamp(0x4847_4645_4443_4241),
        text: "used up".to_owned(),
    };
    assert_golden("refused", &refused.encode());
    assert_eq!(Refused::read(&golden("refused")), Ok(refused));
    let busy = Busy {
        retry_after_us: 0x0807_0605_0403_0201,
    };
    assert_golden("busy", &busy.encode());
    assert_eq!(Busy::read(&golden("busy")), Ok(busy));
}

#[test]
fn attach_detach_and_attached() {
    let entry = |person, cursors| AttachEntry {
        person: PersonId(person),
        device: DeviceId(0x1413_1211),
        cursors,
    };
    let cursor = Cursor::new(
        GroupId(0x2827_2625_2423_2221),
        Sequence(0x3837_3635_3433_3231),
    );
    let attach = Attach {
        live_only: true,
        people: vec![entry(0x0807_0605_0403_0201, vec![cursor]), entry(2, vec![])],
    };
    assert_golden("attach", &attach.encode());
    assert_eq!(Attach::read(&golden("attach")), Ok(attach));
    let detach = Detach {
        people: vec![(PersonId(0x0807_0605_0403_0201), DeviceId(0x1413_1211))],
    };
    assert_golden("detach", &detach.encode());
    assert_eq!(Detach::read(&golden("detach")), Ok(detach));
    let attached = Attached {
        person: PersonId(0x0807_0605_0403_0201),
        device: DeviceId(0x1413_1211),
        incarnation: 0x2827_2625_2423_2221,
        position: RecordNumber(0x3837_3635_3433_3231),
        more: true,
        groups: vec![AttachedGroup::new(
            GroupId(0x4847_4645_4443_4241),
            Sequence(0x5857_5655_5453_5251),
            Sequence(0x6867_6665_6463_6261),
            Sequence(0x7877_7675_7473_7271),
        )],
    };
    assert_golden("attached", &attached.encode());
    assert_eq!(Attached::read(&golden("attached")), Ok(attached));
}

#[test]
fn ack() {
    let ack = Ack {
        items: vec![AckItem::new(
            PersonId(0x0807_0605_0403_0201),
            GroupId(0x1817_1615_1413_1211),
            Sequence(0x2827_2625_2423_2221),
        )],
    };
    assert_golden("ack", &ack.encode());
    assert_eq!(Ack::read(&golden("ack")), Ok(&ack.items[..]));
}

#[test]
fn the_delivery_stream() {
    assert_golden("opening-normal", &stream_opening(StreamClass::Normal));
    assert_golden("opening-urgent", &stream_opening(StreamClass::Urgent));
    let skip = SkipBody {
        from: Sequence(0x0807_0605_0403_0201),
        to: Sequence(0x1817_1615_1413_1211),
        why: SkipReason::Expired,
    };
    assert_golden("skip", &skip.encode());
    assert_eq!(SkipBody::read(&golden("skip")), Ok(skip));
    let membership = MembershipBody {
        detail: 2,
        people: vec![PersonId(0x0807_0605_0403_0201), PersonId(9)],
    };
    assert_golden("membership", &membership.encode());
    assert_eq!(MembershipBody::read(&golden("membership")), Ok(membership));
    let removal = RemovalBody {
        sequence: Sequence(0x0807_0605_0403_0201),
        by: 2,
    };
    assert_golden("removal", &removal.encode());
    assert_eq!(RemovalBody::read(&golden("removal")), Ok(removal));
    let reader = |change, viewer| Reader {
        person: PersonId(0x0807_0605_0403_0201),
        device: DeviceId(0x1413_1211),
        change,
        viewer,
        at: Sequence(0x2827_2625_2423_2221),
    };
    let readers = ReadersBody {
        readers: vec![
            reader(ReaderChange::Begin, true),
            reader(ReaderChange::End, false),
            reader(ReaderChange::Gone, false),
            reader(ReaderChange::ViewersEnd, true),
        ],
    };
    assert_golden("readers", &readers.encode());
    assert_eq!(ReadersBody::read(&golden("readers")), Ok(readers));
}
