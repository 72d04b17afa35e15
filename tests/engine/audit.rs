//! The audit trail by actor, subject, kind and time, against a naive reading of the same log (SPEC A1, P).

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use std::sync::Arc;

use throng::engine::{ExecuteError, Options};
use throng::log::Memory;
use throng::log::storage::Faulty;
use throng::model::Refusal;
use throng::model::command::{
    Actor, AddPeopleV2, AuditEntryV1, AuditPageV1, Binding, Command, ConfigureWatchV1,
    CreateTrainingGroupV1, GroupKind, GroupV1, NewGroupV1, NewPersonV2, OpenFaceToFaceV1, OrgRole,
    PersonKind, PersonV1, ReadAuditV1, Reply, TaggedCommand as T, WatchV1,
};
use throng::model::event::{Event, decode_all};
use throng::wire::{DepartmentId, DeviceId, GroupId, PersonId, RecordNumber, TenantId, Timestamp};

use crate::export::world::{World, records_to};
use crate::town::{NOON, Town};

pub(crate) fn everything() -> ReadAuditV1 {
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

pub(crate) fn read(town: &Town, asked: &ReadAuditV1) -> AuditPageV1 {
    let page = town
        .engine
        .audit(town.tenant, Actor::Enterprise, false, asked.clone());
    page.unwrap()
}

/// Every page, and how many there were.
pub(crate) fn pages(town: &Town, asked: &ReadAuditV1) -> (Vec<AuditEntryV1>, usize) {
    let (mut entries, mut asked, mut count) = (Vec::new(), asked.clone(), 0);
    loop {
        let page = read(town, &asked);
        assert!(page.entries.len() <= asked.entries as usize && !page.damaged);
        entries.extend(page.entries);
        count += 1;
        if page.before == RecordNumber(0) {
            return (entries, count);
        }
        assert!(
            asked.before.0 == 0 || page.before < asked.before,
            "it gets on"
        );
        asked.before = page.before;
    }
}

fn is_of_a_message(event: &Event) -> bool {
    matches!(
        event,
        Event::Published(_)
            | Event::Charged(_)
            | Event::MassSendDelivered(_)
            | Event::MassSendReached(_)
    )
}

/// What a naive reader finds, the latest first: whom an event names is told by how it is printed.
pub(crate) fn naive(
    town: &Town,
    asked: &ReadAuditV1,
    end: RecordNumber,
) -> Vec<(RecordNumber, Vec<Event>)> {
    let reader = town.engine.reader();
    let mut found = Vec::new();
    for (record, events) in records_to(&reader, RecordNumber(end.0 - 1)) {
        let header = record.envelope.header();
        let events: Vec<_> = events
            .into_iter()
            .filter(|event| match &*asked.kinds {
                [] => !is_of_a_message(event),
                kinds => kinds.contains(&event.tag()),
            })
            .collect();
        let text = format!("{events:?}");
        let newcomer = events.iter().any(|event| match event {
            Event::PeopleAdded(added) => {
                (added.first.0..added.first.0 + added.people.len() as u64).contains(&asked.person.0)
            }
            _ => false,
        });
        let in_group = header.group() == asked.group
            || record.takes.iter().any(|take| take.group == asked.group)
            || text.contains(&format!("{:?}", asked.group));
        let is_wanted = header.tenant() == town.tenant
            && !events.is_empty()
            && (asked.actor.0 == 0 || header.sender() == asked.actor)
            && (asked.person.0 == 0 || newcomer || text.contains(&format!("{:?}", asked.person)))
            && (asked.group.0 == 0 || in_group)
            && (asked.from..asked.until).contains(&header.timestamp());
        if is_wanted {
            found.push((header.record(), events));
        }
    }
    found.reverse();
    found
}

pub(crate) fn told(entries: &[AuditEntryV1]) -> Vec<(RecordNumber, Vec<Event>)> {
    let events = |it: &AuditEntryV1| decode_all(&it.events).unwrap();
    entries.iter().map(|it| (it.record, events(it))).collect()
}

#[test]
fn the_trail_by_actor_subject_kind_and_time_is_what_a_naive_reader_finds() {
    let world = World::on(Arc::new(Memory::new()), Options::default());
    world.live();
    let (town, [first, second], people) = (&world.town, world.groups, &world.town.people);
    let of = |change: &dyn Fn(&mut ReadAuditV1)| {
        let mut asked = everything();
        change(&mut asked);
        asked
    };
    let kinds = [Event::TAGS[2], 0x001, 0x1a0];
    let asked = [
        everything(),
        of(&|it| it.actor = people[1]),
        of(&|it| it.actor = world.admins[0]),
        of(&|it| it.person = people[2]),
        of(&|it| it.person = people[4]),
        of(&|it| it.person = world.admins[1]),
        of(&|it| it.group = first),
        of(&|it| it.group = second),
        of(&|it| (it.group, it.person) = (second, people[4])),
        of(&|it| (it.actor, it.group) = (people[1], first)),
        of(&|it| it.kinds = kinds.to_vec()),
        of(&|it| it.kinds = vec![Event::TAGS[5]]),
        of(&|it| it.from = Timestamp(NOON.0 + 1)),
        of(&|it| it.until = Timestamp(NOON.0 + 1)),
        of(&|it| it.from = Timestamp(i64::MAX - 1)),
    ];
    let mut found = 0;
    for asked in asked {
        for entries in [100, 1, 3] {
            let asked = ReadAuditV1 {
                entries,
                ..asked.clone()
            };
            // Later pages show that earlier ones were read: nothing of that is before this one.
            let end = town.engine.durable();
            let expected = naive(town, &asked, end);
            let (entries, pages) = pages(town, &asked);
            assert_eq!(told(&entries), expected, "{asked:?}");
            assert!(pages >= expected.len() / asked.entries as usize);
            found += expected.len();
        }
    }
    assert!(found > 100, "{found}");
}

#[test]
fn a_page_says_who_when_and_where_and_that_it_was_read_is_on_the_next() {
    let town = Town::in_memory(4);
    let group = town.group(3);
    town.clock.advance(1_000_000);
    town.leave(group, town.people[1]).unwrap();
    let asked = ReadAuditV1 {
        group,
        ..everything()
    };
    let page = read(&town, &asked);
    assert_eq!(page.query, RecordNumber(town.engine.durable().0 - 1));
    let [left, created] = &page.entries[..] else {
        panic!("{:?}", page.entries);
    };
    assert_eq!((left.actor, left.device), (town.people[1], DeviceId(1)));
    assert_eq!(
        (left.at, left.group),
        (Timestamp(NOON.0 + 1_000_000), group)
    );
    assert_eq!(created.at, NOON);
    let next = read(&town, &asked);
    assert_eq!(next.entries[0].record, page.query);
    let events = decode_all(&next.entries[0].events).unwrap();
    assert!(matches!(&events[..], [Event::AuditRead(it)] if it.group == group));
}

#[test]
fn another_tenants_trail_is_not_there_and_cannot_be_asked_about() {
    let town = Town::in_memory(3);
    let theirs = town.neighbour(5);
    let _ours = town.group(3);
    theirs.group(3);
    let second = theirs.group(3);
    let (all, _) = pages(&town, &everything());
    let log = records_to(&town.engine.reader(), all[0].record);
    for entry in &all {
        let header = log[entry.record.0 as usize].0.envelope.header();
        assert_eq!(header.tenant(), town.tenant);
    }
    let ask = |tenant, asked: ReadAuditV1| {
        let asked = town.engine.audit(tenant, Actor::Enterprise, false, asked);
        match asked {
            Err(ExecuteError::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    };
    // A group and a person of theirs that we have none of: as those whom nobody has.
    for group in [second, GroupId(99)] {
        let asked = ReadAuditV1 {
            group,
            ..everything()
        };
        assert_eq!(ask(town.tenant, asked), Refusal::NoSuchGroup { group });
    }
    for person in [theirs.people[4], PersonId(99)] {
        let nobody = Refusal::NoSuchPerson { person };
        for asked in [
            ReadAuditV1 {
                person,
                ..everything()
            },
            ReadAuditV1 {
                actor: person,
                ..everything()
            },
        ] {
            assert_eq!(ask(town.tenant, asked), nobody);
        }
    }
    let tenant = TenantId(77);
    let refused = ask(tenant, everything());
    assert_eq!(refused, Refusal::NoSuchTenant);
}

#[test]
fn a_request_for_approval_is_found_by_what_its_command_is_about() {
    let mut options = Options::default();
    options.log = options.log.with_segment_bytes(1 << 20);
    let town = Town::on(Arc::new(Faulty::new(1)), options, 3);
    let (group, other) = (town.group(3), town.group(3));
    let admin = town.people[0];
    let role = throng::model::command::SetOrgRoleV1 {
        person: admin,
        role: OrgRole::SuperAdmin,
        departments: Vec::new(),
    };
    town.call(T::SetOrgRole(role)).unwrap();
    let erase = throng::model::command::EraseContentV1 {
        group,
        first_day: 1,
        last_day: 2,
        reason: "他们的要求".to_owned(),
    };
    let ticket = town.engine.execute(Command {
        tenant: town.tenant,
        actor: Actor::Person {
            person: admin,
            device: DeviceId(1),
        },
        second_factor: true,
        body: T::EraseContent(erase).into(),
    });
    let asked = ticket.unwrap().wait();
    assert!(matches!(asked, Ok(Reply::ApprovalPending(_))), "{asked:?}");
    let found = |group| {
        let about = ReadAuditV1 {
            group,
            ..everything()
        };
        let entries = pages(&town, &about).0;
        let events = told(&entries).into_iter().flat_map(|(_, events)| events);
        events
            .filter(|event| matches!(event, Event::ApprovalRequested(_)))
            .count()
    };
    assert_eq!((found(group), found(other)), (1, 0));
}

#[test]
fn one_time_codes_are_on_no_page() {
    let town = Town::in_memory(3);
    let person = NewPersonV2 {
        name: "新人".into(),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
        employee_number: String::new(),
        mobile: "+8613800138000".into(),
        email: String::new(),
        position: String::new(),
        departments: Vec::new(),
        invited: true,
    };
    town.call(T::AddPeopleV2(AddPeopleV2 {
        people: vec![person],
    }))
    .unwrap();
    let person = PersonId(4);
    town.call(T::InviteAgain(PersonV1 { person })).unwrap();
    let codes = |events: &[Event]| -> Vec<String> {
        let issued = events.iter().filter_map(|event| match event {
            Event::ActivationsIssued(issued) => Some(&issued.codes),
            _ => None,
        });
        issued.flatten().map(|it| it.code.clone()).collect()
    };
    let end = town.engine.durable();
    let logged = naive(&town, &everything(), end);
    let logged: Vec<_> = logged
        .iter()
        .flat_map(|(_, events)| codes(events))
        .collect();
    assert!(logged.len() >= 2 && logged.iter().all(|code| code.len() >= 6));
    let (entries, _) = pages(&town, &everything());
    let shown = told(&entries);
    let shown: Vec<_> = shown.iter().flat_map(|(_, events)| codes(events)).collect();
    assert_eq!(shown.len(), logged.len());
    assert!(shown.iter().all(String::is_empty));
    for code in logged {
        let is_there = |entry: &AuditEntryV1| {
            let mut windows = entry.events.windows(code.len());
            windows.any(|window| window == code.as_bytes())
        };
        assert!(!entries.iter().any(is_there));
    }
}

#[test]
fn what_lets_people_into_a_group_is_on_no_page() {
    let town = Town::in_memory(3);
    let watch = |password: &str| WatchV1 {
        password: password.into(),
        opens: NOON,
        closes: NOON.plus_micros(3_600_000_000),
    };
    let group = NewGroupV1 {
        kind: GroupKind::Training,
        name: "induction".into(),
        owner: town.people[0],
        members: Vec::new(),
        departments: Vec::new(),
        binding: Binding::None,
        department: DepartmentId(0),
        team: String::new(),
        follows_department: false,
    };
    let create = CreateTrainingGroupV1 {
        group,
        watch: watch("sesame"),
    };
    let Reply::GroupCreated(created) = town.call(T::CreateTrainingGroup(create)).unwrap() else {
        panic!("a group");
    };
    town.call(T::ConfigureWatch(ConfigureWatchV1 {
        group: created.group,
        watch: watch("open sesame"),
    }))
    .unwrap();
    town.call(T::OpenFaceToFace(OpenFaceToFaceV1 {
        person: town.people[1],
        digits: "4711".into(),
        location: "wx4g0s8q3jf9".into(),
        name: "lunch".into(),
        kind: GroupKind::Internal,
    }))
    .unwrap();
    let (entries, _) = pages(&town, &everything());
    let events: Vec<_> = told(&entries).into_iter().flat_map(|it| it.1).collect();
    let hashes = events.iter().filter_map(|event| match event {
        Event::GroupCreatedV2(created) => created.watch.as_ref(),
        Event::WatchSet(set) => Some(&set.watch),
        _ => None,
    });
    let hashes: Vec<_> = hashes.map(|watch| (watch.salt, watch.hash)).collect();
    assert_eq!(hashes, [(0, [0; 32]); 2]);
    let opened = events.iter().find_map(|event| match event {
        Event::FaceToFaceOpened(opened) => Some((opened.digits, &*opened.location, &*opened.name)),
        _ => None,
    });
    assert_eq!(opened, Some((0, "", "lunch")));
}

#[test]
fn a_denial_is_found_by_whom_and_what_it_was_about() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let ask = |body: T| {
        let actor = Actor::Person {
            person: town.people[1],
            device: DeviceId(1),
        };
        let command = Command {
            tenant: town.tenant,
            actor,
            second_factor: false,
            body: body.into(),
        };
        town.engine.execute(command).unwrap().wait().unwrap_err()
    };
    ask(T::DissolveGroup(GroupV1 { group }));
    let person = town.people[2];
    ask(T::DepartPerson(PersonV1 { person }));
    let denials = |asked: ReadAuditV1| {
        let (entries, _) = pages(&town, &asked);
        let events = told(&entries).into_iter().flat_map(|it| it.1);
        let denied = events.filter(|event| matches!(event, Event::OperationDenied(_)));
        denied.count()
    };
    let all = everything;
    assert_eq!(denials(ReadAuditV1 { group, ..all() }), 1);
    assert_eq!(denials(ReadAuditV1 { person, ..all() }), 1);
    assert_eq!(denials(all()), 2);
    let person = town.people[0];
    assert_eq!(denials(ReadAuditV1 { person, ..all() }), 0);
}
