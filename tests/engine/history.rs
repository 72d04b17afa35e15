//! History from elsewhere in the log (SPEC D10): it reaches nobody, and what it says is kept, held and erased
//! as what was said in its group on the day of its record (SPEC A4, A5).

use std::sync::Arc;

use crate::custody::{erase, hold, leaves, options, retain, wait_until};
use crate::pull::{everything, page};
use crate::town::{NOON, Town, is_on};
use throng::archive;
use throng::engine::{Engine, Item, Options};
use throng::log::Record;
use throng::log::storage::Faulty;
use throng::model::command::{
    ImportHistoryV1, ImportedMessageV1, ReleaseHoldV1, Reply, TaggedCommand as T,
};
use throng::model::event::{Event, HistoryImportedV1, decode_all};
use throng::model::{Projection, project};
use throng::wire::{BODY_LEN_MAX, DeviceId, GroupId, Kind, PersonId, RecordNumber, Timestamp};

const DAY_US: u64 = 86_400_000_000;
const TEXTS: [&str; 2] = ["收购定于星期五 merger", "what stays between us"];

fn message(body: &[u8]) -> ImportedMessageV1 {
    ImportedMessageV1 {
        sender: PersonId(0),
        sender_name: "外人".to_owned(),
        sent_at: Timestamp(NOON.0 - 1),
        offset_s: 28_800,
        kind: Kind::Text as u8,
        body: body.to_vec(),
    }
}

/// The record of a chunk that is imported.
fn import(town: &Town, number: u64, group: GroupId, messages: Vec<ImportedMessageV1>) -> Record {
    let (record, count) = (town.engine.durable(), messages.len());
    let import = ImportHistoryV1 {
        import: number,
        chunk: 1,
        group,
        messages,
    };
    let answer = town.call(T::ImportHistory(import));
    let Ok(Reply::HistoryImported(imported)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(
        (imported.imported as usize, imported.duplicate),
        (count, false)
    );
    assert_eq!(town.engine.durable(), RecordNumber(record.0 + 1));
    record_at(town, record)
}

fn record_at(town: &Town, record: RecordNumber) -> Record {
    let read = town.engine.reader().read(record, 1);
    read.expect("it is in the log").remove(0)
}

fn event_of(record: &Record) -> HistoryImportedV1 {
    let events = decode_all(&record.private).expect("events");
    match <[Event; 1]>::try_from(events) {
        Ok([Event::HistoryImported(imported)]) => imported,
        other => panic!("{other:?}"),
    }
}

/// What the messages of a record say, as far as it is there.
fn said(record: &Record) -> Vec<String> {
    let imported = event_of(record);
    let said = imported.said(record.envelope.body());
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).expect("text");
    said.map(|(_, body)| text(body)).collect()
}

fn secrets() -> Vec<ImportedMessageV1> {
    TEXTS.iter().map(|text| message(text.as_bytes())).collect()
}

#[test]
fn the_largest_chunk_is_one_record_that_no_group_sees() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let mut port = town.engine.port(|| {});
    let (tenant, person) = (town.tenant, town.people[1]);
    port.attach(1, tenant, person, DeviceId(1)).expect("room");
    let count = Options::default().limits.history_messages_per_command_max as usize;
    let mut messages = vec![message(&[7; 100]); count];
    messages[0].body = vec![8; BODY_LEN_MAX - (count - 1) * 100];
    messages[1].sender_name = "名".repeat(64);
    let record = import(&town, 1, group, messages.clone());
    let header = record.envelope.header();
    assert_eq!(header.kind(), Kind::Administrative);
    assert_eq!((header.group(), header.sequence().0), (group, 0));
    assert!(record.takes.is_empty());
    assert_eq!(record.envelope.body().len(), BODY_LEN_MAX);
    let kept = event_of(&record);
    for ((kept, body), message) in kept.said(record.envelope.body()).zip(&messages) {
        assert_eq!(
            (body, &kept.sender_name),
            (&*message.body, &message.sender_name)
        );
        assert_eq!(
            (kept.sent_at, kept.offset_s),
            (message.sent_at, message.offset_s)
        );
    }
    assert_eq!(kept.messages.len(), count);

    let next = town.say(group, town.people[0], 1, "next");
    let next = next.expect("a member may speak");
    assert_eq!(next.sequence.0, 2, "no sequence was taken");
    let fetched = town.fetched(group, 2);
    assert_eq!(fetched.len(), 2);
    assert_eq!(fetched[1].body(), b"next");
    let (mut items, mut delivered) = (Vec::new(), Vec::new());
    wait_until("the message does not come", || {
        port.poll(&mut items);
        delivered.extend(items.drain(..).filter_map(|item| match item {
            Item::Deliver(envelope) => Some(envelope),
            _ => None,
        }));
        !delivered.is_empty()
    });
    assert_eq!(delivered.len(), 1, "the import reaches nobody");
    assert_eq!(delivered[0].header().sequence(), next.sequence);
    // Nor whoever reads the records from the log instead, as a port that was too slow does.
    let events = decode_all(&record.private).expect("events");
    let shown = project(&record.envelope, &record.takes, &events);
    assert_eq!(shown, Projection::default());
}

/// Imported on the first day into one group, and another; then a day goes by.
fn imported(disk: &Faulty, is_sealed: bool) -> (Town, [GroupId; 2], [Record; 2]) {
    let town = Town::on(Arc::new(disk.clone()), options(is_sealed), 3);
    let groups = [town.group(3), town.group(3)];
    let secret = import(&town, 1, groups[0], secrets());
    let other = import(&town, 2, groups[1], vec![message(b"elsewhere")]);
    assert_eq!(said(&secret), TEXTS);
    town.clock.advance(DAY_US);
    (town, groups, [secret, other])
}

/// Of all that an enterprise can pull, how much is marked as erased, and whether some of it says this.
fn pulled(town: &Town, text: &str) -> (usize, bool) {
    let page = page(town, &everything());
    assert!(!page.header.more);
    let erased = page.records.iter().filter(|it| it.erased).count();
    let says = |bytes: &[u8]| {
        bytes
            .windows(text.len())
            .any(|some| some == text.as_bytes())
    };
    (erased, page.records.iter().any(|it| says(&it.content)))
}

fn is_forgotten(town: &Town, disk: &Faulty) {
    wait_until("it is on disk still", || {
        let stats = town.engine.stats();
        !stats.custody_is_pending && stats.custody_views >= 1
    });
    for text in TEXTS {
        assert!(!is_on(disk, text.as_bytes()), "{text}");
    }
}

#[test]
fn erased_history_is_read_by_nobody_leaves_every_file_and_breaks_no_leaf() {
    for is_sealed in [false, true] {
        let disk = Faulty::new(1);
        let (town, [group, _], [secret, other]) = imported(&disk, is_sealed);
        assert_eq!(is_on(&disk, TEXTS[0].as_bytes()), !is_sealed);
        assert_eq!(pulled(&town, TEXTS[1]), (0, true));
        let before = leaves(&town);
        // The day of its record counts, not that of its messages.
        town.call(erase(group, NOON.utc_day() - 1)).expect("erased");
        let number = secret.envelope.header().record();
        assert_eq!(said(&record_at(&town, number)), TEXTS);

        town.call(erase(group, NOON.utc_day())).expect("erased");
        let gone = record_at(&town, number);
        assert!(gone.erased && gone.envelope.body().is_empty());
        assert_eq!(gone.private, secret.private, "who sent what kind, and when");
        assert_eq!(said(&gone), [""; 2]);
        assert!(!pulled(&town, TEXTS[1]).1, "as soon as it is answered");
        is_forgotten(&town, &disk);
        assert_eq!(
            is_on(&disk, b"elsewhere"),
            !is_sealed,
            "what stays is there"
        );
        assert_eq!(leaves(&town)[..before.len()], before[..]);
        assert!(pulled(&town, TEXTS[1]).0 >= 1 && !pulled(&town, TEXTS[1]).1);
        assert!(pulled(&town, "elsewhere").1);

        let hash = town.engine.state_hash();
        town.engine.clone().close().expect("a clean close");
        let report = archive::verify(&disk, 1, &|_| {}).expect("it can be read");
        assert!(report.is_sound(), "{report:?}");
        let storage = Arc::new(disk.clone());
        let engine = Engine::open_on(storage, options(is_sealed), town.clock.clone(), [9; 32]);
        let town = town.reopened(engine.expect("it opens again"));
        assert_eq!(town.engine.state_hash(), hash);
        assert_eq!(record_at(&town, number), gone);
        let other = other.envelope.header().record();
        assert_eq!(said(&record_at(&town, other)), ["elsewhere"]);
        assert_eq!(leaves(&town)[..before.len()], before[..]);
        // A chunk that is imported once more is known by its number: what was erased does not come back.
        let again = ImportHistoryV1 {
            import: 1,
            chunk: 1,
            group,
            messages: secrets(),
        };
        let answer = town.call(T::ImportHistory(again));
        let is_known = matches!(&answer, Ok(Reply::HistoryImported(it)) if it.duplicate);
        assert!(is_known, "{answer:?}");
        assert!(!is_on(&disk, TEXTS[0].as_bytes()));
    }
}

#[test]
fn imported_history_expires_with_the_day_of_its_record_unless_it_is_held() {
    for is_sealed in [false, true] {
        let disk = Faulty::new(2);
        let (town, [group, other], [secret, elsewhere]) = imported(&disk, is_sealed);
        let (secret, elsewhere) = (secret.envelope.header(), elsewhere.envelope.header());
        retain(&town, 1);
        let held = hold(&town, other, NOON.utc_day());
        town.call(erase(other, NOON.utc_day())).expect_err("held");
        assert_eq!(said(&record_at(&town, secret.record())), TEXTS);
        town.clock.advance(DAY_US);
        // Any decision of the next day.
        town.say(group, town.people[0], 11, "later").expect("said");
        wait_until("nothing expired", || {
            record_at(&town, secret.record()).erased
        });
        is_forgotten(&town, &disk);
        let kept = record_at(&town, elsewhere.record());
        assert_eq!(
            (said(&kept), kept.erased),
            (vec!["elsewhere".to_owned()], false)
        );
        let release = ReleaseHoldV1 {
            hold: held,
            reason: "over".to_owned(),
        };
        town.call(T::ReleaseHold(release)).expect("released");
        assert!(
            record_at(&town, elsewhere.record()).erased,
            "due long since"
        );
        wait_until("it is on disk still", || !is_on(&disk, b"elsewhere"));
    }
}
