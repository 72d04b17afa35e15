//! `throng archive hold | release | retention` against the real server, as an operator uses them.

#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

mod command;

use command::{Serving, bootstrapped, complaint, place, run_well, serve, text, throng};

#[test]
fn an_operator_holds_releases_and_sets_what_is_kept() {
    let place = place();
    let data = place.path();
    bootstrapped(data);
    let served = Serving::start(&mut serve(data, &[]));
    let address = served.quic.to_string();
    let target = ["--data", text(data), "--server", &address, "--tenant", "1"];
    let archive = |what: &[&'static str]| -> Vec<String> {
        let all = [&["archive"], what, &target].concat();
        all.into_iter().map(str::to_owned).collect()
    };

    assert_eq!(run_well(&archive(&["hold"])), "no holds\n");
    let place = [
        "hold",
        "--from",
        "2026-01-01",
        "--until",
        "2026-03-31",
        "--reason",
        "case 17",
    ];
    let said = run_well(&archive(&place));
    let hold = said
        .strip_prefix("hold ")
        .and_then(|rest| rest.strip_suffix(" stands\n"));
    let hold = hold.unwrap_or_else(|| panic!("{said}"));
    let listed = run_well(&archive(&["hold"]));
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
    let said = run_well(&archive(&[&["retention"], &keep[..]].concat()));
    assert_eq!(said, "the retention is set\n");
    let shown = run_well(&archive(&["retention"]));
    assert!(shown.contains("External   180 days"), "{shown}");
    assert!(shown.contains("Internal   for ever"), "{shown}");

    let said = run_well(&archive(&["release", hold, "--reason", "closed"]));
    assert_eq!(said, format!("hold {hold} is released\n"));
    let line = complaint(&mut throng(&archive(&[
        "release", hold, "--reason", "again",
    ])));
    assert!(line.contains("one that stands"), "{line}");
    let line = complaint(&mut throng(&archive(&["hold", "--from", "yesterday"])));
    assert!(line.contains("2026-01-31"), "{line}");
    assert!(served.stop().0.success());
}
