//! `throng archive audit` against a running server, as an auditor asks.
#![allow(clippy::unwrap_used)] // A test's own helpers may panic.

use serde_json::Value;

use crate::command::{CANNOT_RUN, Serving, bootstrapped, place, run, run_well, serve, text};

#[test]
fn an_auditor_reads_what_happened_the_latest_first_and_goes_on_where_they_stopped() {
    let place = place();
    let data = place.path();
    bootstrapped(data);
    let serving = Serving::start(&mut serve(data, &[]));
    let server = serving.quic.to_string();
    let target = ["--server", &server, "--data", text(data), "--tenant", "1"];
    for name in ["North", "South"] {
        let create = ["admin", "department", "create-department", "--name", name];
        run_well(&[&create[..], &["--parent", "0"], &target].concat());
    }
    let audit = |more: &[&str]| -> Vec<Value> {
        let said = run_well(&[&["archive", "audit"], &target[..], more].concat());
        let lines = said.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let departments = audit(&["--kind", "department-created"]);
    let names: Vec<_> = departments
        .iter()
        .map(|line| {
            line["events"][0]["department-created"]["name"]
                .as_str()
                .unwrap()
        })
        .collect();
    assert_eq!(names, ["South", "North"]);
    let first = audit(&["--kind", "DepartmentCreated", "--count", "1"]);
    assert_eq!(first, departments[..1]);
    let before = first[0]["record"].to_string();
    let rest = audit(&["--kind", "department-created", "--before", &before]);
    assert_eq!(rest, departments[1..]);
    let reads = audit(&["--kind", "audit-read"]);
    assert_eq!(reads.len(), 3, "each was recorded");
    let later = audit(&["--from", "2999-01-01T00:00:00Z"]);
    assert!(later.is_empty());
    let unknown = run(&[&["archive", "audit", "--kind", "no-such"], &target[..]].concat());
    assert_eq!(unknown.status.code(), Some(CANNOT_RUN));
    let person = run(&[&["archive", "audit", "--person", "99"], &target[..]].concat());
    assert_eq!(person.status.code(), Some(CANNOT_RUN));
    assert!(serving.stop().0.success());
}
