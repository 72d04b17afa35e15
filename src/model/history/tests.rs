use super::command::*;
use crate::model::command::{Actor, Reply, TaggedCommand as T};
use crate::model::event::{self, Event};
use crate::model::town::{ALICE, BOB, CAROL, Town, at, by};
use crate::model::{Limits, Refusal, State};
use crate::wire::{BODY_LEN_MAX, GroupId, Kind, PersonId, Sequence, Timestamp};

fn town() -> (Town, GroupId) {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    (town, group)
}

fn message() -> ImportedMessageV1 {
    ImportedMessageV1 {
        sender: ALICE,
        sender_name: "爱丽丝".to_owned(),
        sent_at: at("2019-05-01T12:00:00+08:00"),
        offset_s: 8 * 3_600,
        kind: Kind::Text as u8,
        body: "旧消息".as_bytes().to_vec(),
    }
}

/// An imported message with what it says.
fn whole((kept, body): (&event::ImportedV1, &[u8])) -> ImportedMessageV1 {
    assert_eq!(kept.body_len as usize, body.len());
    ImportedMessageV1 {
        sender: kept.sender,
        sender_name: kept.sender_name.clone(),
        sent_at: kept.sent_at,
        offset_s: kept.offset_s,
        kind: kept.kind,
        body: body.to_vec(),
    }
}

fn chunk(group: GroupId, chunk: u32, messages: Vec<ImportedMessageV1>) -> ImportHistoryV1 {
    ImportHistoryV1 {
        import: 7,
        chunk,
        group,
        messages,
    }
}

fn import(town: &mut Town, import: ImportHistoryV1) -> Result<HistoryImportedV1, Refusal> {
    match town.ask(Actor::Enterprise, T::ImportHistory(import))? {
        Reply::HistoryImported(imported) => Ok(imported),
        other => panic!("{other:?}"),
    }
}

#[test]
fn imported_history_is_archived_with_its_own_times_and_reaches_nobody() {
    let (mut town, group) = town();
    let head = town.look_at(group).head;
    let messages = vec![message(); 2];
    let imported = import(&mut town, chunk(group, 1, messages.clone())).unwrap();
    assert_eq!((imported.imported, imported.duplicate), (2, false));
    let record = town.last.clone().unwrap();
    let [Event::HistoryImported(kept)] = &*record.events else {
        panic!("{:?}", record.events);
    };
    assert_eq!(event::content_of(&record.events), Some(group));
    let whole: Vec<_> = kept.said(&record.view).map(whole).collect();
    assert_eq!(whole, messages);
    assert_eq!(record.stamp.kind, Kind::Administrative);
    assert!(record.applied.takes.is_empty());
    let shown = record.project();
    assert!(shown.envelopes.is_empty() && shown.deltas.is_empty());
    assert_eq!(town.look_at(group).head, head, "no sequence is taken");
}

#[test]
fn a_bad_message_is_named_and_never_loses_the_good_ones() {
    let (mut town, group) = town();
    let now = town.now;
    let with = |change: &dyn Fn(&mut ImportedMessageV1)| {
        let mut message = message();
        change(&mut message);
        message
    };
    let messages = vec![
        with(&|message| message.sent_at = Timestamp(super::OLDEST.0 - 1)),
        with(&|message| message.sent_at = super::OLDEST),
        with(&|message| message.sent_at = now.plus_micros(1)),
        with(&|message| message.sent_at = now),
        with(&|message| message.offset_s = -18 * 3_600 - 1),
        with(&|message| message.offset_s = i32::MIN),
        with(&|message| message.kind = Kind::Administrative as u8),
        with(&|message| message.body = vec![0; BODY_LEN_MAX + 1]),
        with(&|message| message.sender = PersonId(99)),
        with(&|message| (message.sender, message.sender_name) = (PersonId(0), String::new())),
        with(&|message| message.sender = PersonId(0)),
        with(&|message| message.sender_name = "名".repeat(65)),
    ];
    let imported = import(&mut town, chunk(group, 1, messages)).unwrap();
    use ImportRefusal as R;
    let refused: Vec<_> = imported
        .refused
        .iter()
        .map(|it| (it.index, it.why))
        .collect();
    let expected = [
        (0, R::TooOld),
        (2, R::InTheFuture),
        (4, R::Offset),
        (5, R::Offset),
        (6, R::Kind),
        (7, R::TooLong),
        (8, R::Sender),
        (9, R::SenderName),
        (11, R::SenderName),
    ];
    assert_eq!(refused, expected);
    assert_eq!(imported.imported, 3);
}

#[test]
fn a_chunk_that_was_imported_before_changes_nothing_and_says_the_same() {
    let (mut town, group) = town();
    let mut bad = message();
    bad.kind = 0;
    let first = chunk(group, 1, vec![message(), bad]);
    let said = import(&mut town, first.clone()).unwrap();
    import(&mut town, chunk(group, 2, vec![message()])).unwrap();
    let again = import(&mut town, first).unwrap();
    assert!(town.last.is_none(), "no record");
    assert!(again.duplicate);
    assert_eq!(
        (again.imported, again.refused),
        (said.imported, said.refused)
    );
}

#[test]
fn a_missing_chunk_is_asked_for() {
    let (mut town, group) = town();
    for (number, expected) in [(0, 1), (2, 1)] {
        let refused = import(&mut town, chunk(group, number, vec![message()]));
        assert_eq!(refused, Err(Refusal::ImportOutOfOrder { expected }));
    }
    import(&mut town, chunk(group, 1, vec![message()])).unwrap();
    let refused = import(&mut town, chunk(group, 3, vec![message()]));
    assert_eq!(refused, Err(Refusal::ImportOutOfOrder { expected: 2 }));
}

#[test]
fn imports_at_a_time_are_bounded_and_forgotten_after_30_days() {
    let (town, group) = town();
    let mut town = town.limited(Limits {
        imports_max: 1,
        ..Limits::default()
    });
    import(&mut town, chunk(group, 1, vec![message()])).unwrap();
    let other = ImportHistoryV1 {
        import: 8,
        ..chunk(group, 1, vec![message()])
    };
    let refused = import(&mut town, other.clone());
    assert_eq!(refused, Err(Refusal::TooManyImports { limit: 1 }));
    town.clock("2026-03-31T09:00:00+08:00");
    import(&mut town, other).unwrap();
    assert_eq!(town.state.tenants[0].imports.list.len(), 1);
}

#[test]
fn a_chunk_as_large_as_the_limits_is_taken_and_a_larger_one_refused() {
    let (mut town, group) = town();
    let limits = Limits::default();
    let count = limits.history_messages_per_command_max as usize;
    let mut large = message();
    large.sender_name = "名".repeat(64);
    large.body = vec![1; BODY_LEN_MAX / count];
    import(&mut town, chunk(group, 1, vec![large.clone(); count])).unwrap();
    assert_eq!(
        town.last.as_ref().unwrap().view.len(),
        large.body.len() * count
    );
    let mut largest = message();
    largest.body = vec![1; BODY_LEN_MAX];
    import(&mut town, chunk(group, 2, vec![largest.clone()])).unwrap();
    assert_eq!(town.last.as_ref().unwrap().view.len(), BODY_LEN_MAX);

    let mut refused = |messages| {
        let refused = import(&mut town, chunk(group, 3, messages));
        assert!(
            matches!(refused, Err(Refusal::Invalid { .. })),
            "{refused:?}"
        );
    };
    refused(vec![message(); count + 1]);
    large.body = vec![1; BODY_LEN_MAX / count + 1];
    refused(vec![large; count]);
    refused(vec![largest, message()]);
    refused(Vec::new());
}

#[test]
fn what_is_left_out_is_not_in_the_view_and_takes_no_room_in_it() {
    let (mut town, group) = town();
    let mut bad = message();
    bad.kind = 0;
    bad.body = vec![1; BODY_LEN_MAX];
    let messages = vec![bad.clone(), message(), bad, message()];
    let imported = import(&mut town, chunk(group, 1, messages)).unwrap();
    assert_eq!(imported.imported, 2);
    let view = town.last.as_ref().unwrap().view.clone();
    assert_eq!(view, "旧消息旧消息".as_bytes());
}

#[test]
fn a_view_that_is_gone_or_does_not_fit_says_nothing() {
    let one = |body_len| event::ImportedV1 {
        sender: ALICE,
        sender_name: String::new(),
        sent_at: Timestamp(0),
        offset_s: 0,
        kind: Kind::Text as u8,
        body_len,
    };
    let imported = event::HistoryImportedV1 {
        import: 1,
        chunk: 1,
        group: GroupId(1),
        messages: vec![one(2), one(u32::MAX), one(1)],
    };
    let said = |view| -> Vec<&[u8]> { imported.said(view).map(|(_, body)| body).collect() };
    assert_eq!(said(b"abcd"), [&b"ab"[..], b"", b""]);
    assert_eq!(said(b""), [b""; 3]);
}

#[test]
fn history_is_imported_by_the_enterprise_and_its_super_admins() {
    let (mut town, group) = town();
    let admin = town.super_admin();
    let first = T::ImportHistory(chunk(group, 1, vec![message()]));
    let refused = town.ask(by(ALICE), first.clone());
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    assert!(town.ask(by(admin), first).is_ok());
}

#[test]
fn a_log_and_a_snapshot_with_imports_give_the_same_state() {
    let (mut town, group) = town();
    for number in 1..=3 {
        import(&mut town, chunk(group, number, vec![message()])).unwrap();
    }
    let hash = town.state.hash();
    assert_eq!(town.replayed().hash(), hash);
    let mut restored = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(restored.hash(), hash);
    std::mem::swap(&mut town.state, &mut restored);
    let again = import(&mut town, chunk(group, 3, vec![message()])).unwrap();
    assert!(again.duplicate);
    assert_eq!(town.look_at(group).head, Sequence(1));
}
