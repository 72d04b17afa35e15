use proptest::prelude::*;

use super::*;
use crate::model::Refusal;
use crate::model::command::RefusedMessageV1;

/// Groups are named g1, g2, …, and people u1, u2, … up to u9.
struct Names;

impl Lookup for Names {
    fn group(&self, key: &str) -> Option<GroupId> {
        key.strip_prefix('g')?.parse().ok().map(GroupId)
    }

    fn person(&self, key: &str) -> Option<PersonId> {
        let number = key.strip_prefix('u')?.parse().ok()?;
        (1..=9).contains(&number).then_some(PersonId(number))
    }
}

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Refused(#[from] Refusal);

/// Keeps every chunk in order and refuses, as the model does, what is of before 1990.
#[derive(Default)]
struct Naive {
    chunks: Vec<ImportHistoryV1>,
}

impl History for Naive {
    type Error = Refused;

    fn import(&mut self, chunk: &ImportHistoryV1) -> Result<HistoryImportedV1, Refused> {
        assert!(chunk.messages.len() <= CHUNK_MESSAGES);
        let bytes = chunk.messages.iter().map(|it| it.body.len());
        assert!(bytes.sum::<usize>() <= CHUNK_BYTES);
        let old = |it: &&(u32, &ImportedMessageV1)| it.1.sent_at < Timestamp(631_152_000_000_000);
        let numbered: Vec<_> = (0..).zip(&chunk.messages).collect();
        let refused: Vec<_> = numbered
            .iter()
            .filter(old)
            .map(|(index, _)| RefusedMessageV1 {
                index: *index,
                why: ImportRefusal::TooOld,
            })
            .collect();
        let expected = u32::try_from(self.chunks.len()).unwrap() + 1;
        let duplicate = chunk.chunk < expected;
        if !duplicate {
            if chunk.chunk > expected {
                return Err(Refusal::ImportOutOfOrder { expected }.into());
            }
            self.chunks.push(chunk.clone());
        }
        Ok(HistoryImportedV1 {
            imported: u32::try_from(chunk.messages.len() - refused.len()).unwrap(),
            refused,
            duplicate,
        })
    }
}

fn run(history: &mut Naive, text: &[u8]) -> Report {
    read(text, Options::default(), &Names, history, |_| {}).unwrap()
}

fn line(group: &str, text: &str) -> String {
    format!(
        "{{\"group\":\"{group}\",\"sender\":\"u1\",\"time\":\"2024-05-01T09:30:00+08:00\",\"text\":\"{text}\"}}\n"
    )
}

#[test]
fn a_message_keeps_its_time_its_offset_and_its_body_as_written() {
    let mut history = Naive::default();
    let text = concat!(
        "\u{feff}{\"group\":\"g1\",\"sender\":\"u7\",\"time\":\"2024-05-01T09:30:00.5+08:00\",\"text\":\"你好\"}\r\n",
        "\n",
        "{\"group\":\"g1\",\"sender\":42,\"sender_name\":\"Ghost\",\"time\":\"2024-05-01T01:30:00Z\",",
        "\"kind\":\"file\",\"body\":{\"z\":1.50, \"a\":2},\"reactions\":[1]}",
    );
    let report = run(&mut history, text.as_bytes());
    assert_eq!((report.created, report.rows), (2, 3), "{report}");
    let chunk = &history.chunks[0];
    assert_eq!((chunk.group, chunk.chunk), (GroupId(1), 1));
    let [first, second] = chunk.messages.as_slice() else {
        panic!("two messages")
    };
    assert_eq!(first.sent_at.to_string(), "2024-05-01T01:30:00.5Z");
    assert_eq!(first.offset_s, 8 * 3_600);
    assert_eq!(
        (first.sender, first.body.as_slice()),
        (PersonId(7), "你好".as_bytes())
    );
    assert_eq!(second.offset_s, 0);
    assert_eq!(
        (second.sender, second.sender_name.as_str()),
        (PersonId(0), "Ghost")
    );
    assert_eq!(second.body, b"{\"z\":1.50, \"a\":2}");
}

#[test]
fn a_bad_line_is_named_and_costs_itself_only() {
    let mut text = line("g1", "one").into_bytes();
    for bad in [
        "not json",
        r#"{"group":"g1"}"#,
        r#"{"group":"sales","sender":"u1","time":"2024-05-01T09:30:00Z","text":"a"}"#,
        r#"{"group":"g1","sender":"x","time":"2024-05-01T09:30:00Z","text":"a"}"#,
        r#"{"group":"g1","sender":"u1","time":"2024-05-01T09:30:00","text":"a"}"#,
        r#"{"group":"g1","sender":"u1","time":"2024-05-01T09:30:00Z","kind":"poll","text":"a"}"#,
        r#"{"group":"g1","sender":"u1","time":"2024-05-01T09:30:00Z","kind":"image","text":"a"}"#,
        r#"{"group":"g1","sender":"u1","time":"1970-05-01T09:30:00Z","text":"a"}"#,
    ] {
        text.extend_from_slice(bad.as_bytes());
        text.push(b'\n');
    }
    text.extend_from_slice(b"\xff\xfe\n");
    text.extend_from_slice(line("g1", &"x".repeat(LINE_BYTES_MAX)).as_bytes());
    text.extend_from_slice(line("g1", "two").as_bytes());
    let mut history = Naive::default();
    let report = run(&mut history, &text);
    assert_eq!((report.created, report.refused), (2, 10));
    let rows: Vec<_> = report
        .problems
        .iter()
        .map(|it| (it.row, it.column.as_str()))
        .collect();
    assert_eq!(
        rows,
        [
            (2, ""),
            (3, ""),
            (4, "group"),
            (5, "sender"),
            (6, "time"),
            (7, "kind"),
            (8, "body"),
            (9, "time"),
            (10, ""),
            (11, ""),
        ]
    );
    let told = report.problems[1].to_string();
    assert!(told.contains("missing field `sender`"), "{told}");
}

#[test]
fn chunks_are_bounded_and_keep_each_groups_order() {
    let mut text = String::new();
    for number in 0..1_200 {
        text += &line(&format!("g{}", number % 2 + 1), &number.to_string());
    }
    for _ in 0..40 {
        text += &line("g3", &"x".repeat(60_000));
    }
    let mut history = Naive::default();
    assert_eq!(run(&mut history, text.as_bytes()).created, 1_240);
    let of_first = history.chunks.iter().filter(|it| it.group == GroupId(1));
    let texts: Vec<_> = of_first
        .flat_map(|it| &it.messages)
        .map(|it| {
            String::from_utf8(it.body.clone())
                .unwrap()
                .parse::<u32>()
                .unwrap()
        })
        .collect();
    assert_eq!(texts, (0..1_200).step_by(2).collect::<Vec<_>>());
    let chunks: Vec<_> = history.chunks.iter().map(|it| it.chunk).collect();
    assert_eq!(
        chunks,
        (1..=u32::try_from(chunks.len()).unwrap()).collect::<Vec<_>>()
    );
}

#[test]
fn the_same_file_again_changes_nothing() {
    let text = line("g1", "one") + &line("g2", "two");
    let mut history = Naive::default();
    assert_eq!(run(&mut history, text.as_bytes()).created, 2);
    let again = run(&mut history, text.as_bytes());
    assert_eq!((again.created, again.unchanged), (0, 2));
    assert_eq!(history.chunks.len(), 2);
}

#[test]
fn a_dry_run_sends_nothing() {
    let options = Options {
        dry_run: true,
        import: 1,
    };
    let mut history = Naive::default();
    let text = line("g1", "one");
    let report = read(text.as_bytes(), options, &Names, &mut history, |_| {}).unwrap();
    assert_eq!((report.created, history.chunks.len()), (1, 0));
}

#[test]
fn a_reader_that_fails_is_told_as_such() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unplugged"))
        }
    }
    let end = read(
        Broken,
        Options::default(),
        &Names,
        &mut Naive::default(),
        |_| {},
    );
    assert!(end.unwrap_err().to_string().contains("unplugged"));
}

proptest! {
    #[test]
    fn any_bytes_end_and_every_line_is_accounted_for(
        bytes in proptest::collection::vec(any::<u8>(), 0..300)
    ) {
        let report = run(&mut Naive::default(), &bytes);
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        prop_assert_eq!((report.created + report.refused) as usize, lines.count());
    }
}
