use proptest::prelude::*;

use super::*;
use crate::model::command::Platform;
use crate::model::command::{CreateTenantV1, GroupV1, GroupsV1, MassSendV1, Succession};
use crate::wire::{
    AttachEntry, ClientMessageId, FRAME_PREFIX_LEN, FrameDecoder, GroupId, HeaderFields, Refused,
    Sequence,
};

fn identity(role: Role, tenant: u32, person: u64, device: u32) -> Identity {
    Identity {
        role,
        tenant: TenantId(tenant),
        person: PersonId(person),
        device: DeviceId(device),
        platform: Platform::Unknown,
        second_factor: false,
        expires: Timestamp(0),
    }
}

fn alice() -> Identity {
    identity(Role::Person, 7, 3, 9)
}

fn frame(kind: FrameKind, payload: &[u8]) -> Frame {
    let mut bytes = Vec::new();
    encode_frame(kind, 5, payload, &mut bytes);
    frames(&bytes).remove(0)
}

fn frames(bytes: &[u8]) -> Vec<Frame> {
    let mut decoder = FrameDecoder::new(FRAME_LEN_MAX);
    let mut rest = bytes;
    core::iter::from_fn(|| decoder.next(&mut rest).unwrap()).collect()
}

fn envelope(fields: &HeaderFields, body: &[u8]) -> Frame {
    let envelope = Envelope::new(fields, body).unwrap();
    frame(FrameKind::Publish, envelope.bytes())
}

fn text() -> HeaderFields {
    HeaderFields {
        kind: Kind::Text,
        group: GroupId(11),
        client_message_id: ClientMessageId(1),
        ..HeaderFields::default()
    }
}

fn request(frame: &Frame, identity: &Identity) -> Result<Asked, Rejected> {
    read_request(frame, identity, |kind, priority, body| {
        kind as u64 + priority as u64 + body.len() as u64
    })
}

fn asked(frame: &Frame, identity: &Identity) -> (Command, Option<Draft>) {
    match request(frame, identity) {
        Ok(Asked::Command { command, draft }) => (command, draft),
        other => panic!("{other:?} is no command"),
    }
}

#[test]
fn a_publish_becomes_a_command_of_who_the_connection_speaks_for() {
    let (command, draft) = asked(&envelope(&text(), "你好".as_bytes()), &alice());
    assert_eq!(command.tenant, TenantId(7));
    let (person, device) = (PersonId(3), DeviceId(9));
    assert_eq!(command.actor, Actor::Person { person, device });
    let CommandBody::Publish(publish) = command.body else {
        panic!("a publish");
    };
    assert_eq!((publish.sender, publish.device), (person, device));
    assert_eq!(publish.body_digest, Kind::Text as u64 + 6);
    assert_eq!(draft.unwrap().body(), "你好".as_bytes());
}

#[test]
fn a_gateway_speaks_for_the_people_it_names_and_a_person_for_nobody_else() {
    let fields = HeaderFields {
        sender: PersonId(4),
        device: DeviceId(2),
        ..text()
    };
    let gateway = identity(Role::Gateway, 7, 0, 0);
    let (command, _) = asked(&envelope(&fields, b"x"), &gateway);
    assert_eq!(command.actor, Actor::Enterprise);
    let CommandBody::Publish(publish) = command.body else {
        panic!("a publish");
    };
    assert_eq!((publish.sender, publish.device), (PersonId(4), DeviceId(2)));
    let refused = request(&envelope(&fields, b"x"), &alice());
    let Err(Rejected::Refused(Refusal::NotPermitted { .. })) = refused else {
        panic!("{refused:?}");
    };
}

#[test]
fn only_the_nodes_operator_names_a_tenant() {
    let node = identity(Role::Operator, 0, 0, 0);
    let named = in_tenant(node, TenantId(8)).unwrap();
    assert_eq!(named, identity(Role::Operator, 8, 0, 0));
    let fields = HeaderFields {
        tenant: TenantId(8),
        ..text()
    };
    assert_eq!(
        asked(&envelope(&fields, b"x"), &named).0.tenant,
        TenantId(8)
    );
    for other in [
        alice(),
        identity(Role::Gateway, 7, 0, 0),
        identity(Role::Operator, 7, 0, 0),
    ] {
        let own = TenantId(7);
        let refused = CloseReason::OtherTenant { own };
        assert_eq!(in_tenant(other, TenantId(8)), Err(refused));
        assert_eq!(in_tenant(other, TenantId(7)), Ok(other));
        assert_eq!(in_tenant(other, TenantId(0)), Ok(other));
        let closed = request(&envelope(&fields, b"x"), &other).unwrap_err();
        assert_eq!(closed, Rejected::Closed(CloseReason::OtherTenant { own }));
    }
}

#[test]
fn an_operator_of_the_node_who_names_no_tenant_asks_as_the_node() {
    let node = identity(Role::Operator, 0, 0, 0);
    let create = TaggedCommand::CreateTenant(CreateTenantV1 {
        name: "Acme".into(),
        zone: "Asia/Shanghai".into(),
        verified_until: Timestamp(i64::MAX),
        succession: Succession::AdminFirst,
    });
    let kind = FrameKind::command(create.tag());
    let (command, draft) = asked(&frame(kind, &create.encode()), &node);
    assert_eq!((command.tenant, command.actor), (TenantId(0), Actor::Node));
    assert_eq!(command.body, CommandBody::from(create));
    assert!(draft.is_none());
}

#[test]
fn what_people_do_not_write_is_refused_and_the_connection_goes_on() {
    let skip = HeaderFields {
        kind: Kind::Joined,
        ..text()
    };
    let refused = request(&envelope(&skip, b""), &alice()).unwrap_err();
    assert_eq!(refused, Rejected::Refused(Refusal::KindNotAllowed));
    let refused = request(&envelope(&text(), &[0xff, 0xfe]), &alice()).unwrap_err();
    assert!(matches!(
        refused,
        Rejected::Refused(Refusal::Invalid { field: "body", .. })
    ));
    let opaque = HeaderFields {
        kind: Kind::Opaque,
        ..text()
    };
    asked(&envelope(&opaque, &[0xff, 0xfe]), &alice());
}

fn mass_send(sender: u64, kind: u8, priority: u8, body: &[u8]) -> Frame {
    let command = TaggedCommand::MassSend(MassSendV1 {
        sender: PersonId(sender),
        groups: vec![GroupId(1), GroupId(2)],
        kind,
        priority,
        client_message_id: ClientMessageId(5),
        body: body.to_vec(),
    });
    frame(FrameKind::command(command.tag()), &command.encode())
}

#[test]
fn a_mass_sends_body_becomes_its_draft_and_its_sender_is_the_person_who_asks() {
    let (command, draft) = asked(&mass_send(0, 1, 0, b"news"), &alice());
    assert_eq!(draft.unwrap().body(), b"news");
    let CommandBody::Tagged(tagged) = command.body else {
        panic!("tagged");
    };
    let TaggedCommand::MassSend(mass_send) = *tagged else {
        panic!("a mass send");
    };
    assert_eq!(mass_send.sender, PersonId(3));
}

#[test]
fn a_mass_send_that_could_not_be_published_is_refused_at_the_door() {
    let long = vec![b'x'; 64 * 1024 + 1];
    for frame in [
        mass_send(4, 1, 0, b"in another's name"),
        mass_send(3, 200, 0, b"no kind"),
        mass_send(3, Kind::Left as u8, 0, b"no message"),
        mass_send(3, 1, 9, b"no priority"),
        mass_send(3, 1, 0, &[0xff]),
        mass_send(3, 1, 0, &long),
    ] {
        let refused = request(&frame, &alice());
        assert!(matches!(refused, Err(Rejected::Refused(_))), "{refused:?}");
    }
}

#[test]
fn a_person_attaches_alone_as_themselves() {
    let entry = |person, device| AttachEntry {
        person: PersonId(person),
        device: DeviceId(device),
        cursors: vec![Cursor::new(GroupId(1), Sequence(5))],
    };
    let attach = |people| {
        let live_only = true;
        frame(FrameKind::Attach, &Attach { live_only, people }.encode())
    };
    let own = attach(vec![entry(3, 9)]);
    let Ok(AttachAsked::Attach { cursors, live_only }) = read_attachment(&own, &alice()) else {
        panic!("an attach");
    };
    assert_eq!((cursors.len(), live_only), (1, true));
    for people in [
        vec![],
        vec![entry(4, 9)],
        vec![entry(3, 8)],
        vec![entry(3, 9), entry(3, 9)],
    ] {
        let refused = read_attachment(&attach(people), &alice()).err();
        assert_eq!(refused, Some(Rejected::Refused(not_oneself())));
    }
    let operator = identity(Role::Operator, 7, 3, 9);
    let refused = read_attachment(&own, &operator).err();
    assert_eq!(refused, Some(Rejected::Refused(not_oneself())));
}

#[test]
fn an_attach_answer_comes_in_pages_of_a_thousand_groups() {
    for (count, pages) in [(0, 1), (1000, 1), (1001, 2), (2500, 3)] {
        let group =
            |number| AttachedGroup::new(GroupId(number), Sequence(1), Sequence(2), Sequence(1));
        let groups: Vec<_> = (0..count).map(group).collect();
        let mut out = Vec::new();
        write_attached(
            5,
            (PersonId(3), DeviceId(9)),
            1,
            RecordNumber(4),
            &groups,
            &mut out,
        );
        let read: Vec<_> = frames(&out)
            .iter()
            .map(|frame| Attached::read(frame.payload()).unwrap())
            .collect();
        assert_eq!(read.len(), pages);
        let more: Vec<_> = read.iter().map(|page| page.more).collect();
        assert!(more.iter().rev().skip(1).all(|more| *more) && !more[pages - 1]);
        let all: Vec<_> = read.into_iter().flat_map(|page| page.groups).collect();
        assert_eq!(all, groups);
    }
}

#[test]
fn an_answer_is_never_longer_than_a_frame() {
    let groups = (0..100_000).map(GroupId).collect();
    let mut out = Vec::new();
    write_answer(5, &Ok(Reply::Groups(GroupsV1 { groups })), &mut out);
    let answer = &frames(&out)[0];
    assert_eq!((answer.kind, answer.request), (FrameKind::Refused, 5));
    assert_eq!(Refused::read(answer.payload()).unwrap().code, 19);
}

#[test]
fn the_longest_usual_answers_fit_what_is_reserved_for_them() {
    use crate::model::command::{
        GroupRole, MemberStateV1, MembersPageV1, PeopleAddedV1, PublishedV1,
    };
    let member = |person| MemberStateV1 {
        person: PersonId(person),
        role: GroupRole::Member,
        joined: Sequence(1),
    };
    let members = (0..1000).map(member).collect();
    let page = Reply::Members(MembersPageV1 {
        members,
        more: true,
    });
    let people = (0..2000).map(PersonId).collect();
    let added = Reply::PeopleAdded(PeopleAddedV1 { people });
    for reply in [page, added] {
        let mut out = Vec::new();
        write_answer(5, &Ok(reply), &mut out);
        assert!(
            out.len() <= answer_len_max(FrameKind::Command(0)),
            "{}",
            out.len()
        );
    }
    let published = Reply::Published(PublishedV1 {
        group: GroupId(1),
        sequence: Sequence(1),
        record: RecordNumber(1),
        timestamp: Timestamp(1),
        duplicate: false,
    });
    let refusal = Refusal::NotAMember {
        person: PersonId(u64::MAX),
        group: GroupId(u64::MAX),
    };
    for result in [Ok(published), Err(refusal)] {
        let mut out = Vec::new();
        write_answer(5, &result, &mut out);
        assert!(
            out.len() <= answer_len_max(FrameKind::Publish),
            "{}",
            out.len()
        );
    }
}

fn is_no_envelope(result: &Result<Asked, Rejected>) -> bool {
    matches!(result, Err(Rejected::Closed(CloseReason::Envelope { .. })))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_payload_panics_whatever_its_kind_and_whoever_sends_it(
        number in prop_oneof![0u16..8, 0x1000u16..0x1120, 0x8000u16..0x8008],
        payload in proptest::collection::vec(any::<u8>(), 0..512),
        role in 0usize..3,
        tenant in 0u32..2,
    ) {
        let role = [Role::Person, Role::Gateway, Role::Operator][role];
        let identity = identity(role, tenant, 3, 9);
        if let Some(kind) = FrameKind::from_u16(number) {
            let frame = frame(kind, &payload);
            let _ = read_hello(&frame);
            let _ = request(&frame, &identity);
            let _ = read_attachment(&frame, &identity);
            let _ = read_gateway_attachment(&frame);
        }
    }

    #[test]
    fn a_publish_that_changed_on_its_way_is_never_taken_for_another(
        body in "\\PC{0,64}",
        flip in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let envelope = Envelope::new(&text(), body.as_bytes()).unwrap();
        let whole = envelope.bytes();
        let cut = cut.index(whole.len());
        let cut = request(&frame(FrameKind::Publish, &whole[..cut]), &alice());
        prop_assert!(is_no_envelope(&cut));
        let mut changed = whole.to_vec();
        changed[flip.index(HEADER_LEN)] ^= 1;
        let changed = request(&frame(FrameKind::Publish, &changed), &alice());
        prop_assert!(is_no_envelope(&changed));
    }

    #[test]
    fn a_command_in_shifted_or_damaged_bytes_is_read_or_rejected(
        group in any::<u64>(),
        flip in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let command = TaggedCommand::GetGroup(GroupV1 { group: GroupId(group) });
        let kind = FrameKind::command(command.tag());
        let mut payload = command.encode().to_vec();
        let own = asked(&frame(kind, &payload), &alice());
        prop_assert_eq!(own.0.body, CommandBody::from(command));
        let flip = flip.index(payload.len());
        payload[flip] ^= 1 << bit;
        let _ = request(&frame(kind, &payload), &alice());
        payload.insert(0, 0);
        let _ = request(&frame(kind, &payload), &alice());
    }

    #[test]
    fn any_bytes_on_a_stream_are_frames_or_an_error_and_hold_no_more_than_came(
        bytes in proptest::collection::vec(any::<u8>(), 0..4096),
        step in 1usize..64,
    ) {
        let mut decoder = FrameDecoder::new(8192);
        let mut payload = 0;
        'stream: for chunk in bytes.chunks(step) {
            let mut rest = chunk;
            while let Some(frame) = match decoder.next(&mut rest) {
                Ok(frame) => frame,
                Err(_) => break 'stream,
            } {
                payload += FRAME_PREFIX_LEN + frame.payload().len();
            }
        }
        prop_assert!(payload <= bytes.len());
    }
}
