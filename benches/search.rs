//! How long a search of the archive takes: an index of 200,000 messages on this disk, and pages of it.
//!
//! `cargo bench --features search --bench search`; `-- 1000000` for another number of messages. Each search is
//! what a server does for one: permitted, recorded durably, looked up, and its hits read from the log.
//! `TMPDIR` chooses the device.

use std::sync::Arc;
use std::time::{Duration, Instant};

use throng::archive::search::Query;
use throng::engine::{Engine, Message, Options, Searching};
use throng::log::Directory;
use throng::model::command::{
    Actor, CreateGroupV1, CreateTenantV1, GroupKind, NewPersonV1, OrgRole, PersonKind, Succession,
};
use throng::wire::{ClientMessageId, GroupId, PersonId, TenantId, Timestamp};

const MESSAGES: u64 = 200_000;
const GROUPS: usize = 50;
const PEOPLE: usize = 100;
/// Searches of each kind.
const SEARCHES: usize = 200;
/// Messages on their way at a time.
const BATCH: u64 = 2_000;

/// Words of a working day, from common to rare: word `n` is in about one message of `n + 1`.
const WORDS: [&str; 12] = [
    "好的",
    "今天",
    "会议",
    "项目",
    "预算",
    "客户",
    "合同",
    "发票",
    "budget",
    "review",
    "出差",
    "年终奖",
];

/// Texts that differ, in Chinese and English.
fn text(number: u64) -> String {
    let mut text = format!("第{number}条 ");
    for (rank, word) in WORDS.iter().enumerate() {
        // A number that has nothing to do with the one before.
        let dice = number
            .wrapping_add(rank as u64 * 0x9e37)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        if (dice >> 33) % (rank as u64 * rank as u64 + 1) == 0 {
            text.push_str(word);
            text.push_str("，请看一下 please ");
        }
    }
    if number % 50_000 == 17 {
        text.push_str("并购");
    }
    text
}

fn filled(engine: &Engine, messages: u64) -> (TenantId, Vec<GroupId>, Vec<PersonId>) {
    let tenant = engine.create_tenant(CreateTenantV1 {
        name: "Acme".into(),
        zone: "Asia/Shanghai".into(),
        verified_until: Timestamp(i64::MAX),
        succession: Succession::AdminFirst,
    });
    let tenant = tenant.expect("a tenant");
    let person = |number: usize| NewPersonV1 {
        name: format!("Person {number}"),
        external_id: format!("e{number}"),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
    };
    let people = engine.add_people(tenant, (0..PEOPLE).map(person).collect());
    let people = people.expect("people");
    let groups = (0..GROUPS).map(|number| {
        let create = CreateGroupV1 {
            kind: GroupKind::Internal,
            name: format!("Group {number}"),
            owner: people[number],
            members: people
                .iter()
                .copied()
                .filter(|it| *it != people[number])
                .collect(),
        };
        engine.create_group(tenant, create).expect("a group")
    });
    // A person creates so many groups a day: each has an owner of its own.
    let groups: Vec<_> = groups.collect();
    for from in (0..messages).step_by(BATCH as usize) {
        let said = (from..messages.min(from + BATCH)).map(|number| {
            let group = groups[(number / 7) as usize % GROUPS];
            let sender = people[(number / 3) as usize % PEOPLE];
            let text = text(number);
            let message = Message::text(group, sender, ClientMessageId(number.into()), &text);
            engine.publish(tenant, &message).expect("room")
        });
        for ticket in said.collect::<Vec<_>>() {
            ticket.wait().expect("it is said");
        }
    }
    (tenant, groups, people)
}

fn main() {
    let asked = std::env::args().skip(1).find_map(|it| it.parse().ok());
    let messages = asked.unwrap_or(MESSAGES);
    let place = tempfile::tempdir().expect("a directory");
    let index = Directory::open(&place.path().join("search")).expect("a directory");
    let mut options = Options::default();
    options.search = Some(Searching::new(Arc::new(index)));
    let engine = Engine::open(&place.path().join("log"), options).expect("an empty log opens");

    let began = Instant::now();
    let (tenant, groups, people) = filled(&engine, messages);
    let said = began.elapsed();
    while engine.stats().search_lag > 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    let indexed = began.elapsed();
    println!(
        "{messages} messages said in {:.1} s, {:.1} s after that indexed",
        said.as_secs_f64(),
        (indexed - said).as_secs_f64()
    );

    let of = |words: &str| Query::new(tenant, words);
    let queries = [
        ("a word in every message", of("请看")),
        ("a common word", of("会议")),
        ("a rare word", of("并购")),
        ("two words", of("会议 budget")),
        ("a phrase", of("\"请看一下 please\"")),
        ("a word that is in none", of("不存在")),
        (
            "a word in a group",
            Query {
                group: Some(groups[3]),
                ..of("预算")
            },
        ),
        (
            "what a person said",
            Query {
                person: Some(people[5]),
                ..of("")
            },
        ),
    ];
    println!("searches of a page of 100, in milliseconds:");
    for (what, query) in queries {
        let mut hits = 0;
        let mut times: Vec<_> = (0..SEARCHES)
            .map(|_| {
                let began = Instant::now();
                let found = engine.search(Actor::Enterprise, false, &query);
                hits = found.expect("it is searched").page.hits.len();
                began.elapsed()
            })
            .collect();
        times.sort_unstable();
        let ms = |at: usize| times[at].as_secs_f64() * 1_000.0;
        println!(
            "{what:<24} {hits:>3} hits  p50 {:>7.2}  p99 {:>7.2}  most {:>7.2}",
            ms(SEARCHES / 2),
            ms(SEARCHES * 99 / 100),
            ms(SEARCHES - 1)
        );
    }
    engine.close().expect("it stops");
}
