//! Nobody exports alone, and what the engine exports is itself a record.

use crate::town::Town;
use crate::world::{approve, everything, request, super_admin};
use throng::archive::export::{ExportError, Grant};
use throng::wire::ExportId;

#[test]
fn nobody_exports_alone() {
    let town = Town::in_memory(3);
    let not_granted = || {
        let found = Grant::find(&town.engine.reader(), Some(town.tenant), ExportId(1));
        matches!(found, Err(ExportError::NotGranted { .. }))
    };
    let admin = super_admin(&town);
    let alone = request(&town, admin, everything()).unwrap_err();
    assert!(alone.contains("super admin"), "{alone}");
    let other = super_admin(&town);
    request(&town, town.people[0], everything()).unwrap_err();
    let pending = request(&town, admin, everything()).unwrap();
    assert!(not_granted(), "it is only asked for");
    approve(&town, admin, &pending).unwrap_err();
    approve(&town, town.people[0], &pending).unwrap_err();
    assert!(not_granted(), "nobody else has agreed");
    assert_eq!(approve(&town, other, &pending), Ok(ExportId(1)));
    assert!(!not_granted());
}
