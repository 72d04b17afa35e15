//! `throng archive search`, and its knobs, where this build searches nothing. Where it does, see tests/search.

use crate::command::{CANNOT_RUN, Serving, place, run, run_well, serve, text};

#[test]
#[cfg(not(feature = "search"))]
fn a_knob_of_search_is_one_clear_line_in_a_build_that_does_not_search() {
    use std::fs;

    use crate::command::{complaint, throng};

    let place = place();
    let file = place.path().join("throng.toml");
    fs::write(&file, "[search]\nenabled = true\n").unwrap();
    let checked = complaint(&mut throng(&["config", "check", text(&file)]));
    assert!(checked.contains("--features search"), "{checked}");
    let by_file = complaint(&mut serve(place.path(), &["--config", text(&file)]));
    let by_flag = complaint(&mut serve(place.path(), &["--search-every", "5 s"]));
    assert_eq!((&by_file, &by_flag), (&checked, &checked));
    fs::write(&file, "[search]\nenabled = false\n").unwrap();
    run_well(&["config", "check", text(&file)]);
}

#[test]
fn a_server_that_does_not_search_says_so_in_one_line() {
    let place = place();
    let data = place.path().join("data");
    run_well(&["bootstrap", "--data", text(&data)]);
    let serving = Serving::start(&mut serve(&data, &[]));
    let server = serving.quic.to_string();
    let refused = run(&[
        "archive",
        "search",
        "预算",
        "--server",
        &server,
        "--data",
        text(&data),
        "--tenant",
        "1",
    ]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(CANNOT_RUN));
    assert!(
        said.lines().count() == 1 && said.contains("search.enabled"),
        "{said}"
    );
    assert!(refused.stdout.is_empty());
}
