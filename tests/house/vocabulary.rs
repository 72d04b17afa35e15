//! docs/vocabulary.md is what the model's forms say: written by this test, and checked by it.
//!
//! `THRONG_WRITE=1 cargo test --test house vocabulary` writes it anew.

use std::fmt::Write;
use std::path::Path;

use throng::model::command::{Reply, TaggedCommand};
use throng::model::event::Event;
use throng::wire::tagged::Form;

const INTRODUCTION: &str = "\
# Vocabulary

What can be asked of Throng, what it answers, and what a record says happened: every tag with its fields.
Made from the source by `THRONG_WRITE=1 cargo test --test house vocabulary`; `throng admin` is made from the same.

Bodies are [rkyv](https://rkyv.org) 0.8 archives: little endian, 32-bit relative pointers, aligned, root at the end. A tag
and its type never change; a new shape is a new tag. A set of names (a role, a kind) may gain one. Tags of commands
below 0x100 change state, others only read. Field types are Rust's; ids are the integers of docs/wire.md.
";

fn meaning(lines: &[&str]) -> String {
    lines.concat().trim().replace('|', "\\|")
}

fn section(out: &mut String, title: &str, forms: &[Form]) {
    let mut forms = forms.to_vec();
    forms.sort_by_key(|form| form.tag);
    let _ = writeln!(
        out,
        "\n## {title}\n\n| tag | name | meaning | fields |\n|---|---|---|---|"
    );
    for form in forms {
        let fields = form.fields.iter().map(|field| {
            let meaning = meaning(field.meaning);
            format!("`{}: {}` {meaning}", field.name, field.kind)
        });
        let fields: Vec<_> = fields.collect();
        let _ = writeln!(
            out,
            "| 0x{:03x} | `{}` | {} | {} |",
            form.tag,
            form.name,
            meaning(form.meaning),
            fields.join("<br>")
        );
    }
}

fn written() -> String {
    let mut out = INTRODUCTION.to_owned();
    section(&mut out, "Commands", TaggedCommand::FORMS);
    section(&mut out, "Replies", Reply::FORMS);
    section(&mut out, "Events", Event::FORMS);
    out
}

#[test]
fn the_vocabulary_is_written_down_as_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/vocabulary.md");
    if std::env::var_os("THRONG_WRITE").is_some() {
        std::fs::write(&path, written()).expect("docs is writable");
    }
    let document = std::fs::read_to_string(&path).expect("docs/vocabulary.md is there");
    assert!(
        document == written(),
        "docs/vocabulary.md is not what the source says: THRONG_WRITE=1 cargo test --test house vocabulary"
    );
}
