//! docs/wire.md names every number there is.

use throng::model::Refusal;
use throng::model::command::{PolicyId, Reply, TaggedCommand};
use throng::wire::{FrameKind, GroupId, Kind, PersonId, Timestamp};

const DOCUMENT: &str = include_str!("../../docs/wire.md");

/// The second cells of the rows of the first table below `heading` whose first cell is `number`.
fn row<'a>(heading: &str, number: &str) -> Vec<&'a str> {
    let section = DOCUMENT.split_once(&format!("\n{heading}\n")).unwrap().1;
    let table = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows = table.map_while(|line| line.strip_prefix('|'));
    let cells = rows.map(|line| line.split('|').map(str::trim));
    cells
        .filter_map(|mut cells| (cells.next()? == number).then(|| cells.next().unwrap_or_default()))
        .collect()
}

#[track_caller]
fn assert_named(heading: &str, number: &str, debug: &str) {
    let name: String = debug.chars().take_while(|c| c.is_alphanumeric()).collect();
    assert_eq!(
        row(heading, number),
        [format!("`{name}`")],
        "{heading}, {number}"
    );
}

#[test]
fn every_kind_is_documented() {
    for number in 0..=u8::MAX {
        if let Some(kind) = Kind::from_u8(number) {
            assert_named("## Kinds", &number.to_string(), &format!("{kind:?}"));
        }
    }
}

#[test]
fn every_frame_is_documented() {
    for number in 0..=u16::MAX {
        match FrameKind::from_u16(number) {
            None | Some(FrameKind::Command(_) | FrameKind::Reply(_)) => {}
            Some(kind) => {
                assert_named("## Frames", &format!("{number:#06x}"), &format!("{kind:?}"));
            }
        }
    }
}

#[test]
fn every_command_and_reply_is_documented() {
    for (heading, tags) in [
        ("## Commands", TaggedCommand::TAGS),
        ("## Replies", Reply::TAGS),
    ] {
        for tag in tags {
            assert_eq!(row(heading, &format!("{tag:#05x}")).len(), 1, "{tag:#05x}");
        }
    }
}

#[test]
fn every_refusal_is_documented() {
    let (person, group, policy) = (PersonId(1), GroupId(1), PolicyId(16));
    let refusals = [
        Refusal::NoSuchTenant,
        Refusal::NoSuchPerson { person },
        Refusal::NoSuchGroup { group },
        Refusal::NoSuchMassSend { mass_send: 1 },
        Refusal::NotAMember { person, group },
        Refusal::AlreadyAMember { person, group },
        Refusal::GroupFull { group, cap: 1 },
        Refusal::GroupDissolved { group },
        Refusal::TooFewMembers { need: 2, have: 1 },
        Refusal::NotAnEmployee { person },
        Refusal::NotPermitted {
            operation: "this",
            needs: "that",
        },
        Refusal::NotVerified,
        Refusal::TooManySuperAdmins { limit: 3 },
        Refusal::Departed { person },
        Refusal::QuotaExceeded {
            policy,
            group,
            person,
            used: 1,
            limit: 1,
            retry_at: Timestamp(1),
            frozen: true,
        },
        Refusal::Frozen {
            policy,
            group,
            person,
            since: Timestamp(1),
        },
        Refusal::IdempotencyMismatch,
        Refusal::KindNotAllowed,
        Refusal::Invalid {
            field: "this",
            rule: "that",
        },
        Refusal::DuplicateExternalId,
        Refusal::NoSuchPolicy { policy },
        Refusal::TooManyPolicies { limit: 32 },
        Refusal::DiskFull,
    ];
    for refusal in &refusals {
        let code = refusal.code().to_string();
        assert_named("## Refusals", &code, &format!("{refusal:?}"));
    }
}
