use std::collections::HashSet;
use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

use super::*;

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn flag(name: &str, text: &str) -> Flag {
    let knob = Config::KNOBS.iter().find(|knob| knob.name() == name);
    Flag {
        knob: knob.unwrap(),
        text: text.to_owned(),
    }
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

fn error_of_file(text: &str) -> String {
    let file = file(text);
    load(Some(file.path()), [], &[]).unwrap_err().to_string()
}

#[test]
fn flags_win_over_the_environment_over_the_file_over_defaults() {
    let file = file("[server]\nshards = 2\ndrain = '2 s'\nsocket_buffer_bytes = '2 MiB'\n");
    let environment = variables(&[
        ("THRONG_SERVER_SHARDS", "3"),
        ("THRONG_SERVER_DRAIN", "3 s"),
    ]);
    let flags = [flag("server.shards", "4")];
    let server = load(Some(file.path()), environment, &flags).unwrap().server;
    assert_eq!(server.shards, 4, "flag");
    assert_eq!(server.drain.to_string(), "3 s", "environment");
    assert_eq!(server.socket_buffer_bytes.to_string(), "2 MiB", "file");
    assert_eq!(server.listen.to_string(), "127.0.0.1:4433", "default");
}

#[test]
fn a_flag_that_is_not_given_never_clobbers_the_file() {
    let file = file("[logging]\nformat = 'json'\nlevel = 'debug'\n");
    let flags = [flag("logging.level", "warn")];
    let logging = load(Some(file.path()), [], &flags).unwrap().logging;
    assert_eq!(logging.format, LogFormat::Json);
    assert_eq!(logging.level, "warn");
}

#[test]
fn every_knob_can_be_set_by_file_variable_and_flag() {
    let defaults = toml::Table::try_from(Config::default()).unwrap();
    for knob in Config::KNOBS {
        let literal = &defaults[knob.section][knob.key];
        let line = format!("[{}]\n{} = {literal}\n", knob.section, knob.key);
        let file = file(&line);
        assert_eq!(
            load(Some(file.path()), [], &[]).unwrap(),
            Config::default(),
            "{line}"
        );
        let environment = [(knob.variable(), knob.default.to_owned())];
        assert_eq!(load(None, environment, &[]).unwrap(), Config::default());
        let flags = [flag(&knob.name(), knob.default)];
        assert_eq!(load(None, [], &flags).unwrap(), Config::default());
    }
}

#[test]
fn variables_and_flags_name_one_knob_each() {
    let mut names = HashSet::new();
    for knob in Config::KNOBS {
        assert!(names.insert(knob.variable()), "{}", knob.variable());
        assert!(names.insert(knob.flag()), "{}", knob.flag());
    }
}

#[test]
fn both_ends_of_every_range_are_accepted_and_belong_to_it() {
    for knob in Config::KNOBS {
        let Some((min, max)) = knob.range else {
            continue;
        };
        for end in [min, max] {
            // One knob may not exceed another: leave it all the room there is.
            let apart = [
                flag("model.external_members_max", "8000"),
                flag("model.external_members_max_unverified", "3"),
            ];
            let flags = [&apart[..], &[flag(&knob.name(), end)]].concat();
            let accepted = load(None, [], &flags);
            // In range, but of no use to this build.
            let is_idle = knob.section == "search" && cfg!(not(feature = "search"));
            match accepted {
                Err(ConfigError::NoSearch) if is_idle => {}
                accepted => assert!(accepted.is_ok(), "{}: {accepted:?}", knob.name()),
            }
        }
    }
}

#[test]
fn a_value_outside_its_range_is_refused_with_the_range() {
    let refused = load(None, [], &[flag("shard.ring_bytes", "8 KiB")]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "shard.ring_bytes is 8 KiB; set it to 16 KiB to 64 MiB"
    );
    let from_file = error_of_file("[shard]\nring_bytes = '128 MiB'\n");
    assert_eq!(
        from_file,
        "shard.ring_bytes is 128 MiB; set it to 16 KiB to 64 MiB"
    );
}

#[test]
fn the_printed_configuration_reads_back_as_the_defaults_and_has_every_knob() {
    let printed = documented_defaults();
    let read: Config = toml::from_str(&printed).unwrap();
    assert_eq!(read, Config::default());
    for knob in Config::KNOBS {
        assert!(printed.contains(&format!("\n{} = ", knob.key)));
        assert!(printed.contains(&knob.variable()));
    }
}

#[test]
fn an_unknown_key_or_section_is_refused_naming_file_line_and_key() {
    let error = error_of_file("[shard]\n\nrng_bytes = '1 MiB'\n");
    assert!(
        error.contains(" line 3: unknown field `rng_bytes`"),
        "{error}"
    );
    let error = error_of_file("[sharp]\n");
    assert!(error.contains(" line 1: unknown field `sharp`"), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn a_value_of_the_wrong_kind_says_what_was_expected() {
    let error = error_of_file("[shard]\nring_bytes = 262144\n");
    assert!(error.contains(" line 2: "), "{error}");
    assert!(error.contains("such as `256 KiB`"), "{error}");
    let environment = variables(&[("THRONG_SHARD_RING_BYTES", "lots")]);
    let error = load(None, environment, &[]).unwrap_err().to_string();
    assert!(
        error.starts_with("THRONG_SHARD_RING_BYTES is `lots`: expected"),
        "{error}"
    );
    let error = load(None, [], &[flag("server.shards", "many")]).unwrap_err();
    assert!(error.to_string().starts_with("--server-shards is `many`"));
}

#[test]
fn what_is_not_toml_is_refused_in_one_line() {
    let error = error_of_file("[server\nshards = 2\n");
    assert!(error.contains(" line 1: "), "{error}");
    assert!(!error.contains('\n'), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let missing = load(Some(Path::new("/nowhere/throng.toml")), [], &[]).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/throng.toml"));
}

#[test]
fn a_misspelt_variable_of_a_section_is_refused_and_a_stranger_only_reported() {
    let misspelt = variables(&[("THRONG_SHARD_RNG_BYTES", "1 MiB")]);
    let error = load(None, misspelt, &[]).unwrap_err();
    assert!(matches!(error, ConfigError::UnknownVariable { .. }));
    let platform = variables(&[
        ("THRONG_PORT_4433_UDP", "udp://10.0.0.1:4433"),
        ("PATH", ""),
    ]);
    assert!(load(None, platform.clone(), &[]).is_ok());
    assert_eq!(
        unknown_variables(platform.into_iter().map(|(name, _)| name)),
        ["THRONG_PORT_4433_UDP"]
    );
}

#[test]
fn the_http_port_stays_on_loopback_unless_allowed_to_leave_it() {
    let wide = flag("http.listen", "0.0.0.0:9464");
    let refused = load(None, [], std::slice::from_ref(&wide)).unwrap_err();
    assert!(matches!(refused, ConfigError::RemoteHttp { .. }));
    assert!(load(None, [], &[wide, flag("http.allow_remote", "true")]).is_ok());
    assert!(load(None, [], &[flag("http.listen", "[::1]:9464")]).is_ok());
}

#[test]
fn an_unverified_tenants_groups_may_not_be_larger_than_a_verified_ones() {
    let refused = load(None, [], &[flag("model.external_members_max", "100")]).unwrap_err();
    assert!(matches!(refused, ConfigError::UnverifiedAbove { .. }));
}

#[test]
fn a_log_level_that_means_nothing_is_refused() {
    let refused = load(None, [], &[flag("logging.level", "throng=loud")]).unwrap_err();
    assert!(matches!(refused, ConfigError::Level { .. }), "{refused}");
}
