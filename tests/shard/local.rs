//! Sessions inside the process, on a whole engine.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::town::Town;
use throng::model::command::{PersonV1, TaggedCommand};
use throng::shard::local::{AttachError, Closed, Config, Session};
use throng::shard::{self, Local};
use throng::wire::{Cursor, DeviceId, Envelope, GroupId, Kind, PersonId, Sequence, SkipBody};

const PHONE: DeviceId = DeviceId(1);

fn local(town: &Town) -> Local {
    Local::start(&town.engine, Config::default()).expect("threads to be had")
}

/// The texts of the next `count` messages, in the order they come, whatever comes between.
fn texts(session: &mut Session, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        let envelope = next(session);
        if envelope.header().kind().is_message() {
            texts.push(text(&envelope));
        }
    }
    texts
}

fn text(envelope: &Envelope) -> String {
    String::from_utf8(envelope.body().to_vec()).expect("a text")
}

fn next(session: &mut Session) -> Envelope {
    let envelope = session.recv_timeout(Duration::from_secs(30));
    envelope.expect("open").expect("something comes")
}

fn say(town: &Town, group: GroupId, count: u32, text: impl Fn(u32) -> String) -> Vec<String> {
    let texts: Vec<_> = (0..count).map(text).collect();
    for (id, text) in texts.iter().enumerate() {
        let id = u128::try_from(id).expect("a small number") + 1;
        town.say(group, town.people[0], id, text)
            .expect("published");
    }
    texts
}

#[test]
fn a_session_reads_what_is_published_while_it_is_online() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let local = local(&town);
    let mut session = local
        .attach_live(town.tenant, town.people[1], PHONE, &[])
        .expect("online");
    assert_eq!(session.try_recv(), Ok(None));
    assert_eq!(session.recv_timeout(Duration::ZERO), Ok(None));
    town.say(group, town.people[0], 1, "早上好")
        .expect("published");
    let envelope = session.recv().expect("a message");
    assert_eq!(text(&envelope), "早上好");
    assert_eq!(envelope.header().group(), group);
}

#[test]
fn a_session_reads_on_after_its_cursor_and_without_one_from_the_join() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let said = say(&town, group, 20, |number| format!("message {number}"));
    let local = local(&town);
    let mut anew = local
        .attach(town.tenant, town.people[1], PHONE, &[])
        .expect("online");
    assert_eq!(next(&mut anew).header().kind(), Kind::GroupCreated);
    assert_eq!(texts(&mut anew, 20), said);
    let cursor = Cursor::new(group, Sequence(11));
    let mut back = local
        .attach(town.tenant, town.people[1], PHONE, &[cursor])
        .expect("online");
    assert_eq!(texts(&mut back, 10), said[10..]);
}

#[test]
fn a_session_that_does_not_read_holds_up_nobody_and_loses_nothing() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let config = Config {
        unsent_bytes: 4 * 1024,
        core: shard::Config {
            ring_bytes: 16 * 1024,
            ..shard::Config::default()
        },
        ..Config::default()
    };
    let local = Local::start(&town.engine, config).expect("threads to be had");
    let attach = |person: PersonId| {
        let session = local.attach_live(town.tenant, person, PHONE, &[]);
        session.expect("online")
    };
    let (mut slow, mut quick) = (attach(town.people[1]), attach(town.people[2]));
    let said = say(&town, group, 200, |number| {
        format!("{number} {}", "长".repeat(300))
    });
    assert_eq!(texts(&mut quick, 200), said);
    assert_eq!(
        texts(&mut slow, 200),
        said,
        "though the ring holds a tenth of it"
    );
}

#[test]
fn a_removed_member_is_told_by_a_skip_and_nothing_more() {
    let town = Town::in_memory(4);
    let group = town.group(4);
    let local = local(&town);
    let person = town.people[3];
    let mut session = local
        .attach_live(town.tenant, person, PHONE, &[])
        .expect("online");
    town.say(group, town.people[0], 1, "before")
        .expect("published");
    town.remove(group, person).expect("removed");
    town.say(group, town.people[0], 2, "after")
        .expect("published");
    town.add(group, person).expect("added");
    assert_eq!(text(&next(&mut session)), "before");
    // In one skip or in two, as it happens to be told of both changes at once or in turn.
    let mut skipped = 2;
    let shown = loop {
        let shown = next(&mut session);
        if shown.header().kind() != Kind::Skip {
            break shown;
        }
        let skip = SkipBody::read(shown.body()).expect("a skip");
        assert_eq!(skip.from.0, skipped + 1);
        skipped = skip.to.0;
    };
    assert_eq!(skipped, 4);
    assert_eq!(shown.header().kind(), Kind::Joined);
}

#[test]
fn many_sessions_on_two_threads_each_read_everything_in_order() {
    let town = Town::in_memory(40);
    let group = town.group(40);
    let config = Config {
        threads: 2,
        ..Config::default()
    };
    let local = Local::start(&town.engine, config).expect("threads to be had");
    let sessions = town.people.iter().map(|person| {
        let session = local.attach_live(town.tenant, *person, PHONE, &[]);
        session.expect("online")
    });
    let mut sessions: Vec<_> = sessions.collect();
    let said = say(&town, group, 50, |number| format!("message {number}"));
    for session in &mut sessions {
        assert_eq!(texts(session, 50), said);
        assert_eq!(session.try_recv(), Ok(None));
    }
}

#[test]
fn somebody_who_does_not_exist_is_refused() {
    let town = Town::in_memory(3);
    let local = local(&town);
    let stranger = local.attach(town.tenant, PersonId(404), PHONE, &[]);
    assert!(matches!(stranger, Err(AttachError::Refused(_))));
}

#[test]
fn the_sessions_of_one_who_leaves_the_company_end() {
    let town = Town::in_memory(4);
    let local = local(&town);
    let person = town.people[3];
    let mut session = local
        .attach_live(town.tenant, person, PHONE, &[])
        .expect("online");
    town.call(TaggedCommand::DepartPerson(PersonV1 { person }))
        .expect("departed");
    assert_eq!(session.recv(), Err(Closed::Departed));
}

#[test]
fn a_dropped_session_is_offline() {
    let town = Town::in_memory(3);
    let local = local(&town);
    let session = local
        .attach_live(town.tenant, town.people[1], PHONE, &[])
        .expect("online");
    assert_eq!(town.engine.stats().sessions, 1);
    drop(session);
    let limit = Instant::now() + Duration::from_secs(30);
    while town.engine.stats().sessions > 0 {
        assert!(Instant::now() < limit, "it stays online");
        thread::yield_now();
    }
}

#[test]
fn stopping_closes_every_session_after_what_it_has_already() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let local = local(&town);
    let mut quick = local
        .attach_live(town.tenant, town.people[1], PHONE, &[])
        .expect("online");
    let mut slow = local
        .attach_live(town.tenant, town.people[2], PHONE, &[])
        .expect("online");
    town.say(group, town.people[0], 1, "last")
        .expect("published");
    assert_eq!(texts(&mut quick, 1), ["last"]);
    local.stop();
    assert_eq!(quick.recv(), Err(Closed::Stopped));
    assert_eq!(texts(&mut slow, 1), ["last"]);
    assert_eq!(slow.recv(), Err(Closed::Stopped));
}

#[test]
fn closing_the_engine_closes_the_sessions_and_lets_nobody_in() {
    let town = Town::in_memory(3);
    let local = local(&town);
    let mut session = local
        .attach_live(town.tenant, town.people[1], PHONE, &[])
        .expect("online");
    town.engine.clone().close().expect("closed");
    assert_eq!(session.recv(), Err(Closed::Stopped));
    let late = local.attach(town.tenant, town.people[1], PHONE, &[]);
    assert!(matches!(late, Err(AttachError::Stopped)));
}

/// The smallest executor there is.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn attaching_and_receiving_can_be_awaited_without_a_runtime() {
    let town = Town::in_memory(3);
    let group = town.group(3);
    let local = local(&town);
    let attaching = local
        .begin(town.tenant, town.people[1], PHONE, &[], true)
        .expect("asked");
    let mut session = block_on(attaching.into_future()).expect("online");
    thread::scope(|scope| {
        let reader = scope.spawn(|| block_on(session.recv_async()).expect("a message"));
        town.say(group, town.people[0], 1, "hello")
            .expect("published");
        let envelope = reader.join().expect("the reader ends");
        assert_eq!(text(&envelope), "hello");
    });
    local.stop();
    assert_eq!(block_on(session.recv_async()), Err(Closed::Stopped));
}
