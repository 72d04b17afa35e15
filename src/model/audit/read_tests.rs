use super::command::{AuditGrantedV1, ReadAuditV1};
use crate::model::Refusal;
use crate::model::command::{Actor, OrgRole, Reply, TaggedCommand as T};
use crate::model::event::Event;
use crate::model::permission::{Operation, number_of};
use crate::model::town::{ALICE, BOB, CAROL, Town, by};
use crate::wire::{GroupId, PersonId, RecordNumber, Timestamp};

fn everything() -> ReadAuditV1 {
    ReadAuditV1 {
        actor: PersonId(0),
        person: PersonId(0),
        group: GroupId(0),
        kinds: Vec::new(),
        from: Timestamp(i64::MIN),
        until: Timestamp(i64::MAX),
        before: RecordNumber(0),
        entries: 100,
    }
}

fn read(town: &mut Town, actor: Actor, asked: ReadAuditV1) -> Result<AuditGrantedV1, Refusal> {
    match town.ask(actor, T::ReadAudit(asked))? {
        Reply::AuditGranted(granted) => Ok(*granted),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_trail_is_read_by_management_and_every_page_is_on_record() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let admin = town.super_admin();
    for actor in [Actor::Enterprise, Actor::Node, by(admin)] {
        let asked = ReadAuditV1 {
            actor: ALICE,
            person: BOB,
            group,
            kinds: vec![0x174],
            before: RecordNumber(7),
            ..everything()
        };
        for _ in 0..2 {
            let next = town.next;
            let granted = read(&mut town, actor, asked.clone()).unwrap();
            let expected = (town.tenant, next, asked.clone());
            assert_eq!((granted.tenant, granted.query, granted.asked), expected);
            let events = &town.last.as_ref().unwrap().events;
            let [Event::AuditRead(read), ..] = &events[..] else {
                panic!("{events:?}");
            };
            assert_eq!((read.actor, read.person, read.group), (ALICE, BOB, group));
            assert_eq!((&*read.kinds, read.before), (&[0x174][..], RecordNumber(7)));
        }
    }
}

#[test]
fn who_may_not_read_the_trail_is_refused_and_the_denial_is_recorded() {
    let mut town = Town::with_employees(3);
    let head = town.with_role(OrgRole::DepartmentAdmin);
    let apps = town.with_role(OrgRole::AppAdmin);
    for person in [ALICE, head, apps] {
        let refused = read(&mut town, by(person), everything()).unwrap_err();
        assert!(matches!(refused, Refusal::NotPermitted { .. }), "{refused}");
        let events = &town.last.as_ref().unwrap().events;
        let [Event::OperationDenied(denied)] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(denied.operation, number_of(Operation::ReadAudit));
    }
}

#[test]
fn what_cannot_be_read_of_the_trail_is_refused_by_name_and_is_not_recorded() {
    let mut town = Town::with_employees(2);
    let mut refused = |change: &dyn Fn(&mut ReadAuditV1)| {
        let mut asked = everything();
        change(&mut asked);
        let before = town.next;
        let refused = read(&mut town, Actor::Enterprise, asked).unwrap_err();
        assert_eq!(town.next, before);
        refused
    };
    for entries in [0, 101, u32::MAX] {
        let why = refused(&|asked| asked.entries = entries);
        assert!(
            matches!(
                why,
                Refusal::Invalid {
                    field: "entries",
                    ..
                }
            ),
            "{why}"
        );
    }
    let why = refused(&|asked| asked.until = asked.from);
    assert!(
        matches!(why, Refusal::Invalid { field: "until", .. }),
        "{why}"
    );
    let why = refused(&|asked| asked.kinds = vec![0xfff]);
    assert!(
        matches!(why, Refusal::Invalid { field: "kinds", .. }),
        "{why}"
    );
    let why = refused(&|asked| asked.kinds = vec![0x174; 33]);
    assert!(
        matches!(
            why,
            Refusal::TooMuchAtOnce {
                what: "kinds",
                limit: 32
            }
        ),
        "{why}"
    );
    // Of another tenant or of none: the same answer.
    let group = GroupId(77);
    assert_eq!(
        refused(&|asked| asked.group = group),
        Refusal::NoSuchGroup { group }
    );
    let person = PersonId(77);
    let nobody = Refusal::NoSuchPerson { person };
    assert_eq!(refused(&|asked| asked.person = person), nobody);
    assert_eq!(refused(&|asked| asked.actor = person), nobody);
}
