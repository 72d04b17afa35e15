use std::io::Cursor;

use proptest::prelude::*;

use super::super::encoding::{Text, detect};
use super::*;

fn table(bytes: &[u8]) -> Table<Cursor<&[u8]>> {
    let found = detect(&mut Cursor::new(bytes), 1 << 30).unwrap();
    Table::new(
        Text::new(Cursor::new(bytes), 0, found).unwrap(),
        u32::MAX - 1,
    )
}

fn rows(bytes: &[u8]) -> Vec<(u32, u32, Vec<String>)> {
    let mut table = table(bytes);
    let mut rows = Vec::new();
    while let Some((place, row)) = table.next().unwrap() {
        let cells = match row {
            Row::Cells(cells) => cells.iter().map(str::to_owned).collect(),
            Row::QuoteOpen(line) => vec![format!("open: {line}")],
            Row::TooLong => vec!["too long".to_owned()],
        };
        rows.push((place.row, place.line, cells));
    }
    rows
}

fn row(row: u32, line: u32, cells: &[&str]) -> (u32, u32, Vec<String>) {
    (
        row,
        line,
        cells.iter().map(|cell| (*cell).to_owned()).collect(),
    )
}

#[test]
fn a_quoted_line_break_shifts_the_line_and_not_the_row() {
    let found = rows(b"a,b\r\n\"x\r\ny\",\"he said \"\"no\"\"\"\r\n1,2");
    assert_eq!(
        found,
        [
            row(1, 1, &["a", "b"]),
            row(2, 2, &["x\r\ny", "he said \"no\""]),
            row(3, 4, &["1", "2"]),
        ]
    );
}

#[test]
fn blank_lines_and_rows_of_empty_cells_count_and_are_left_out() {
    let found = rows(b"a,b\n\n,,,\n1,2\n\n\n");
    assert_eq!(found, [row(1, 1, &["a", "b"]), row(4, 4, &["1", "2"])]);
}

#[test]
fn every_kind_of_line_end_ends_a_row() {
    for text in ["a,b\n1,2\n", "a,b\r\n1,2\r\n", "a,b\r1,2\r", "a,b\r\n1,2"] {
        assert_eq!(
            rows(text.as_bytes()),
            [row(1, 1, &["a", "b"]), row(2, 2, &["1", "2"])],
            "{text:?}"
        );
    }
}

#[test]
fn a_quote_that_never_closes_costs_its_own_line_only() {
    let mut text = String::from("a,b\n1,\"2\n");
    for number in 0..20_000 {
        text += &format!("{number},x\n");
    }
    let found = rows(text.as_bytes());
    assert_eq!(found.len(), 20_002);
    assert_eq!(found[1], row(2, 2, &["open: 1,\"2"]));
    assert_eq!(found[2], row(3, 3, &["0", "x"]));
    assert_eq!(found[20_001], row(20_002, 20_002, &["19999", "x"]));
}

#[test]
fn a_line_longer_than_a_row_may_be_is_passed_over() {
    let text = format!("a\n{}\n1\n", "x".repeat(3 * ROW_BYTES_MAX));
    assert_eq!(
        rows(text.as_bytes()),
        [
            row(1, 1, &["a"]),
            row(2, 2, &["too long"]),
            row(3, 3, &["1"])
        ]
    );
}

#[test]
fn a_file_made_of_open_quotes_is_given_up() {
    let line = "a\"b,\"\n";
    let text = line.repeat(ROW_BYTES_MAX / line.len() * 2);
    let mut table = table(text.as_bytes());
    let end = loop {
        match table.next() {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(end, Err(FileError::QuotesOpen { .. })));
}

#[test]
fn more_rows_than_allowed_are_refused() {
    let bytes = b"a\n1\n2\n3\n";
    let found = detect(&mut Cursor::new(bytes), 1 << 30).unwrap();
    let mut table = Table::new(Text::new(Cursor::new(bytes), 0, found).unwrap(), 2);
    for _ in 0..3 {
        table.next().unwrap().unwrap();
    }
    assert!(matches!(
        table.next(),
        Err(FileError::TooManyRows { rows_max: 2 })
    ));
}

/// The rows as the `csv` crate reads them all at once.
fn naive(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let records = reader.records().map(Result::unwrap);
    records
        .map(|record| record.iter().map(str::to_owned).collect::<Vec<_>>())
        .filter(|cells| !cells.concat().trim().is_empty())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_gives_the_rows_of_a_naive_parse(text in "[a\",\n\r 王]{0,60}") {
        // A quote that stays open has rules of its own; closing it makes the text comparable.
        let mut quotes = Quotes::default();
        let text = if quotes.open_after(text.as_bytes()) { text + "\"" } else { text };
        let found: Vec<_> = rows(text.as_bytes()).into_iter().map(|(_, _, cells)| cells).collect();
        prop_assert_eq!(found, naive(&text));
    }

    #[test]
    fn any_bytes_end_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let bytes = bytes.as_slice();
        if let Ok(found) = detect(&mut Cursor::new(bytes), 1 << 30) {
            let mut table = Table::new(Text::new(Cursor::new(bytes), 0, found).unwrap(), 1_000);
            let mut last = Place::default();
            while let Some((place, _)) = table.next().unwrap() {
                prop_assert!(place.row > last.row && place.line > last.line);
                last = place;
            }
        }
    }
}
