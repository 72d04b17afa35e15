use super::command::{PullGrantedV1, PullRecordsV1};
use crate::model::command::{Actor, OrgRole, Reply, SetArchivePullV1, TaggedCommand as T};
use crate::model::event::Event;
use crate::model::permission::{Operation, number_of};
use crate::model::town::{ALICE, BOB, CAROL, Town, at, by};
use crate::model::{Refusal, State};
use crate::wire::{GroupId, PersonId, RecordNumber, Timestamp};

fn everything() -> PullRecordsV1 {
    PullRecordsV1 {
        from: RecordNumber(0),
        to: RecordNumber(u64::MAX),
        groups: Vec::new(),
        people: Vec::new(),
        since: Timestamp(i64::MIN),
        until: Timestamp(i64::MAX),
        records: 1_000,
        bytes: 256 * 1024,
        public_key: Vec::new(),
    }
}

fn pull(town: &mut Town, actor: Actor, pull: PullRecordsV1) -> Result<PullGrantedV1, Refusal> {
    match town.ask(actor, T::PullRecords(pull))? {
        Reply::PullGranted(granted) => Ok(*granted),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_archive_is_pulled_by_the_enterprise_as_of_the_next_record() {
    let mut town = Town::with_employees(3);
    let next = town.next;
    let granted = pull(&mut town, Actor::Enterprise, everything()).unwrap();
    assert_eq!((granted.tenant, granted.position), (town.tenant, next));
    assert_eq!((granted.pull, granted.without), (everything(), vec![]));
}

#[test]
fn who_may_not_pull_is_refused_and_the_denial_is_recorded() {
    let mut town = Town::with_employees(3);
    let head = town.with_role(OrgRole::DepartmentAdmin);
    // One admin alone takes nothing out: an export needs two.
    let admin = town.super_admin();
    for person in [ALICE, head, admin] {
        let refused = pull(&mut town, by(person), everything()).unwrap_err();
        assert!(matches!(refused, Refusal::NotPermitted { .. }), "{refused}");
        let events = &town.last.as_ref().unwrap().events;
        let [Event::OperationDenied(denied)] = &events[..] else {
            panic!("{events:?}");
        };
        let expected = (person, number_of(Operation::PullArchive), refused.code());
        assert_eq!((denied.person, denied.operation, denied.refusal), expected);
    }
    let node = pull(&mut town, Actor::Node, everything());
    assert!(matches!(node, Err(Refusal::NotPermitted { .. })));
}

#[test]
fn the_archive_of_a_tenant_that_is_not_verified_is_not_pulled() {
    let mut town = Town::with_employees(1);
    town.clock("2036-01-01T00:00:00Z");
    assert_eq!(
        pull(&mut town, Actor::Enterprise, everything()),
        Err(Refusal::NotVerified)
    );
}

/// How often a pull was recorded.
fn recorded(town: &Town) -> Option<RecordNumber> {
    let events = &town.last.as_ref()?.events;
    match &events[..] {
        [] => None,
        [Event::ArchivePulled(pulled)] => Some(pulled.from),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pull_is_one_record_however_many_pages_it_takes_and_whoever_reads_further_back_another() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let from = |record| PullRecordsV1 {
        from: RecordNumber(record),
        ..everything()
    };
    let of_group = |record| PullRecordsV1 {
        groups: vec![group],
        ..from(record)
    };
    let ask = |town: &mut Town, asked| {
        pull(town, Actor::Enterprise, asked).unwrap();
        recorded(town).map(|from| from.0)
    };
    assert_eq!(
        ask(&mut town, from(5)),
        Some(5),
        "who asks for what, from where"
    );
    for record in [5, 6, 1_000, 5] {
        assert_eq!(
            ask(&mut town, from(record)),
            None,
            "the next page, or one again"
        );
    }
    let smaller = PullRecordsV1 {
        records: 1,
        bytes: 4_096,
        ..from(7)
    };
    assert_eq!(ask(&mut town, smaller), None, "in other pages");
    assert_eq!(ask(&mut town, from(4)), Some(4), "further back");
    assert_eq!(ask(&mut town, from(4)), None);
    assert_eq!(ask(&mut town, of_group(9)), Some(9), "something else");
    let sealed = PullRecordsV1 {
        public_key: vec![7; 32],
        ..from(9)
    };
    assert_eq!(ask(&mut town, sealed), Some(9), "to another key");
    let up_to = PullRecordsV1 {
        to: RecordNumber(99),
        ..from(9)
    };
    assert_eq!(ask(&mut town, up_to), Some(9), "another range");
    assert_eq!(ask(&mut town, of_group(10)), None);

    town.clock("2026-03-03T00:00:00+08:00");
    assert_eq!(ask(&mut town, from(9)), Some(9), "a day later");
    assert_eq!(ask(&mut town, from(10)), None);
}

#[test]
fn recent_pulls_are_bounded_and_a_snapshot_has_them() {
    let mut town = Town::with_employees(1);
    let up_to = |record| PullRecordsV1 {
        to: RecordNumber(record),
        ..everything()
    };
    for record in 0..300 {
        pull(&mut town, Actor::Enterprise, up_to(record)).unwrap();
        assert_eq!(recorded(&town), Some(RecordNumber(0)));
    }
    let bytes = town.state.to_snapshot();
    let read = State::from_snapshot(&bytes).unwrap();
    assert!(read.to_snapshot() == bytes);
    town.state = read;
    for record in 44..300 {
        pull(&mut town, Actor::Enterprise, up_to(record)).unwrap();
        assert_eq!(recorded(&town), None, "{record} is remembered");
    }
    pull(&mut town, Actor::Enterprise, up_to(43)).unwrap();
    assert!(recorded(&town).is_some(), "the oldest of more are not");

    town.clock("2026-04-01T00:00:00Z");
    pull(&mut town, Actor::Enterprise, up_to(43)).unwrap();
    let tenant = town.state.tenant(town.tenant).unwrap();
    assert_eq!(
        tenant.pulls.recorded.len(),
        1,
        "what covers nothing any more is forgotten"
    );
}

#[test]
fn a_page_is_no_larger_than_the_server_allows() {
    let mut town = Town::with_employees(1);
    let asked = PullRecordsV1 {
        records: u32::MAX,
        bytes: u32::MAX,
        ..everything()
    };
    let granted = pull(&mut town, Actor::Enterprise, asked).unwrap().pull;
    assert_eq!((granted.records, granted.bytes), (1_000, 256 * 1024));
    town.state.limits.pull_page_records_max = 7;
    town.state.limits.pull_page_bytes_max = 5_000;
    let granted = pull(&mut town, Actor::Enterprise, everything())
        .unwrap()
        .pull;
    assert_eq!((granted.records, granted.bytes), (7, 5_000));
}

#[test]
fn what_cannot_be_pulled_is_refused_by_name() {
    let mut town = Town::with_employees(3);
    let field = |town: &mut Town, change: &dyn Fn(&mut PullRecordsV1)| {
        let mut asked = everything();
        change(&mut asked);
        match pull(town, Actor::Enterprise, asked) {
            Err(Refusal::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    let backwards = |pull: &mut PullRecordsV1| {
        (pull.from, pull.to) = (RecordNumber(9), RecordNumber(8));
    };
    assert_eq!(field(&mut town, &backwards), "to");
    assert_eq!(field(&mut town, &|pull| pull.until = pull.since), "until");
    assert_eq!(field(&mut town, &|pull| pull.records = 0), "records");
    for bytes in [0, 4_095] {
        assert_eq!(field(&mut town, &|pull| pull.bytes = bytes), "bytes");
    }
    for len in [1, 31, 33] {
        let key = |pull: &mut PullRecordsV1| pull.public_key = vec![9; len];
        assert_eq!(field(&mut town, &key), "public_key");
    }
    let many = PullRecordsV1 {
        groups: vec![GroupId(1); 8_192],
        ..everything()
    };
    let refused = Refusal::TooMuchAtOnce {
        what: "groups",
        limit: 1_000,
    };
    assert_eq!(pull(&mut town, Actor::Enterprise, many), Err(refused));
    let many = PullRecordsV1 {
        people: vec![ALICE; 1_001],
        ..everything()
    };
    let refused = Refusal::TooMuchAtOnce {
        what: "people",
        limit: 1_000,
    };
    assert_eq!(pull(&mut town, Actor::Enterprise, many), Err(refused));
    let group = GroupId(77);
    let unknown = PullRecordsV1 {
        groups: vec![group],
        ..everything()
    };
    assert_eq!(
        pull(&mut town, Actor::Enterprise, unknown),
        Err(Refusal::NoSuchGroup { group })
    );
    let person = PersonId(77);
    let unknown = PullRecordsV1 {
        people: vec![person],
        ..everything()
    };
    assert_eq!(
        pull(&mut town, Actor::Enterprise, unknown),
        Err(Refusal::NoSuchPerson { person })
    );
}

#[test]
fn a_group_whose_pull_is_switched_off_is_left_out_and_cannot_be_asked_for() {
    let mut town = Town::with_employees(3);
    let kept = town.internal_group(ALICE, &[BOB, CAROL]);
    let off = town.internal_group(ALICE, &[BOB, CAROL]);
    let set = SetArchivePullV1 {
        group: off,
        pulled: false,
    };
    town.ask(Actor::Enterprise, T::SetArchivePull(set)).unwrap();
    let granted = pull(&mut town, Actor::Enterprise, everything()).unwrap();
    assert_eq!(granted.without, [off]);
    let of = |groups: &[GroupId]| PullRecordsV1 {
        groups: groups.to_vec(),
        ..everything()
    };
    let refused = pull(&mut town, Actor::Enterprise, of(&[kept, off])).unwrap_err();
    assert!(
        matches!(
            refused,
            Refusal::Invalid {
                field: "groups",
                ..
            }
        ),
        "{refused}"
    );
    let granted = pull(&mut town, Actor::Enterprise, of(&[kept, kept])).unwrap();
    assert_eq!(granted.pull.groups, [kept], "each once");
}

#[test]
fn those_who_have_left_and_groups_that_are_over_can_still_be_asked_for() {
    let mut town = Town::with_employees(4);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    town.dissolve(by(ALICE), group).unwrap();
    town.depart(BOB).unwrap();
    let asked = PullRecordsV1 {
        groups: vec![group],
        people: vec![BOB],
        since: at("2026-03-01T00:00:00Z"),
        ..everything()
    };
    pull(&mut town, Actor::Enterprise, asked).unwrap();
}
