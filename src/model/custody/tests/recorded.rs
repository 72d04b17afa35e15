//! Searches and finished exports are records.

use super::*;
use crate::wire::{ExportId, PersonId, Timestamp};

#[test]
fn a_search_is_a_record_and_a_person_without_the_right_has_none() {
    let (mut town, team, _) = town();
    let admin = town.super_admin();
    let search = |words: &str| {
        T::SearchArchive(SearchArchiveV1 {
            words: words.to_owned(),
            group: team,
            person: PersonId(0),
            from: Timestamp(0),
            until: town.now,
            after: 7,
            hits: 100,
        })
    };
    let (some, long) = (search("合同"), search(&"合".repeat(201)));
    let before = town.next;
    let granted = town.ask(by(admin), some.clone());
    let T::SearchArchive(asked) = some.clone() else {
        unreachable!("a search");
    };
    let search = SearchGrantedV1 {
        tenant: town.tenant,
        search: before,
        asked: asked.clone(),
    };
    assert_eq!(granted, Ok(Reply::SearchGranted(Box::new(search))));
    for hits in [0, 101] {
        let asked = SearchArchiveV1 {
            hits,
            ..asked.clone()
        };
        let refused = town.ask(by(admin), T::SearchArchive(asked));
        let invalid = matches!(refused, Err(Refusal::Invalid { field: "hits", .. }));
        assert!(invalid, "{refused:?}");
    }
    assert_eq!(town.next.0, before.0 + 1);
    let refused = town.ask(by(ALICE), some);
    assert!(
        matches!(refused, Err(Refusal::NotPermitted { .. })),
        "{refused:?}"
    );
    let refused = town.ask(by(admin), long);
    assert!(matches!(
        refused,
        Err(Refusal::Invalid { field: "words", .. })
    ));
}

#[test]
fn an_export_that_was_not_granted_cannot_be_finished_and_one_is_finished_once() {
    let (mut town, ..) = town();
    let finish = |export| {
        T::FinishExport(FinishExportV1 {
            export,
            records: 7,
            manifest: [9; 32],
        })
    };
    let refused = town.ask(Actor::System, finish(ExportId(1)));
    assert!(matches!(
        refused,
        Err(Refusal::Invalid {
            field: "export",
            ..
        })
    ));
    let (admin, other) = (town.super_admin(), town.super_admin());
    let export = T::RequestExport(crate::model::command::RequestExportV1 {
        scope: crate::model::command::ExportScopeV1 {
            groups: Vec::new(),
            from: Timestamp(0),
            until: town.now,
        },
    });
    let Ok(Reply::ApprovalPending(pending)) = town.ask(by(admin), export) else {
        panic!("an export waits for approval")
    };
    town.decide(by(other), pending.approval, true).unwrap();
    let by_a_person = town.ask(by(admin), finish(ExportId(1)));
    assert!(matches!(by_a_person, Err(Refusal::NotPermitted { .. })));
    town.ask(Actor::System, finish(ExportId(1))).unwrap();
    let before = town.next;
    town.ask(Actor::System, finish(ExportId(1))).unwrap();
    assert_eq!(town.next, before, "once is enough");
}
