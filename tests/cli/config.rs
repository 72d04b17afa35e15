//! `throng config`, and where `throng serve` takes its configuration from.

#![allow(clippy::unwrap_used)] // Also in what the tests share.

use std::fs;

use crate::command::{Serving, complaint, place, run_well, serve, text, throng};

#[test]
fn the_printed_configuration_is_accepted_as_it_is() {
    let place = place();
    let file = place.path().join("throng.toml");
    fs::write(&file, run_well(&["config", "print"])).unwrap();
    let said = run_well(&["config", "check", text(&file)]);
    assert_eq!(said, format!("{} is good\n", text(&file)));
}

#[test]
fn check_refuses_what_serve_would_refuse_in_the_same_words() {
    let place = place();
    let file = place.path().join("throng.toml");
    for wrong in [
        "[server]\nshards = 65\n",
        "[sever]\n",
        "[server\n",
        "[http]\nlisten = 1\n",
    ] {
        fs::write(&file, wrong).unwrap();
        let checked = complaint(&mut throng(&["config", "check", text(&file)]));
        let served = complaint(&mut serve(place.path(), &["--config", text(&file)]));
        assert_eq!(checked, served, "{wrong}");
    }
}

#[test]
fn a_running_server_takes_flags_over_the_environment_over_the_file() {
    let place = place();
    let file = place.path().join("throng.toml");
    let shards_of = |more: &[&str], variable: Option<&str>| {
        let mut command = serve(place.path(), more);
        command.env("THRONG_CONFIG", &file);
        if let Some(shards) = variable {
            command.env("THRONG_SERVER_SHARDS", shards);
        }
        let serving = Serving::start(&mut command);
        let (_, metrics) = serving.get("/metrics");
        let of_shards = metrics
            .lines()
            .filter(|line| line.starts_with("throng_connections{"));
        of_shards.count()
    };
    fs::write(&file, "[server]\nshards = 3\n").unwrap();
    assert_eq!(shards_of(&[], None), 3, "file");
    assert_eq!(shards_of(&[], Some("4")), 4, "environment");
    assert_eq!(shards_of(&["--shards", "5"], Some("4")), 5, "flag");
}
