//! `throng archive hold | release | retention` against the real server, as an operator uses them.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use crate::command::{
    CANNOT_RUN, Serving, bootstrapped, complaint, place, run, run_well, serve, text, throng,
};

#[test]
fn an_operator_holds_releases_and_sets_what_is_kept() {
    let place = place();
    let data = place.path();
    bootstrapped(data);
    let served = Serving::start(&mut serve(data, &[]));
    let address = served.quic.to_string();
    let target = ["--data", text(data), "--server", &address, "--tenant", "1"];
    let archive = |what: &[&str]| {
        let all = [&["archive"], what, &target].concat();
        all.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let well = |what: &[&str]| run_well(&as_texts(&archive(what)));
    let refused = |what: &[&str]| complaint(&mut throng(&as_texts(&archive(what))));

    assert_eq!(well(&["hold"]), "no holds\n");
    let place = [
        "hold",
        "--from",
        "2026-01-01",
        "--until",
        "2026-03-31",
        "--reason",
        "case 17",
    ];
    let said = well(&place);
    let hold = said
        .strip_prefix("hold ")
        .and_then(|rest| rest.strip_suffix(" stands\n"));
    let hold = hold.unwrap_or_else(|| panic!("{said}"));
    let listed = well(&["hold"]);
    assert!(
        listed.contains("all groups, 2026-01-01 to 2026-03-31"),
        "{listed}"
    );
    assert!(listed.contains("case 17"), "{listed}");

    let keep = [
        "--class",
        "external",
        "--keep-days",
        "180",
        "--reason",
        "policy",
    ];
    let said = well(&[&["retention"], &keep[..]].concat());
    assert_eq!(said, "the retention is set\n");
    let shown = well(&["retention"]);
    assert!(shown.contains("External    180 days"), "{shown}");
    assert!(shown.contains("Internal    for ever"), "{shown}");

    let said = well(&["release", hold, "--reason", "closed"]);
    assert_eq!(said, format!("hold {hold} is released\n"));
    let line = refused(&["release", hold, "--reason", "again"]);
    assert!(line.contains("one that stands"), "{line}");
    let output = run(&as_texts(&archive(&["hold", "--from", "yesterday"])));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(CANNOT_RUN));
    assert!(errors.contains("2026-01-31"), "{errors}");
    assert!(served.stop().0.success());
}

fn as_texts(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}
