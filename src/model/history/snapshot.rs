//! Imports as a snapshot has them.

use super::{Import, Imports};
use crate::model::body::body;
use crate::model::state::Tenant;
use crate::wire::Timestamp;

body! {
    /// Imports by the caller's own numbers.
    ImportsStateV1 {
        list: Vec<ImportStateV1>,
    }
}
body! {
    /// How far one import has got.
    ImportStateV1 {
        import: u64,
        chunk: u32,
        imported_at: Timestamp,
    }
}

pub(crate) fn write(tenant: &Tenant) -> ImportsStateV1 {
    // Destructured, so that a new field cannot be forgotten.
    let Imports { list } = &tenant.imports;
    let write_one = |(import, begun): (&u64, &Import)| {
        let Import { chunk, imported_at } = *begun;
        ImportStateV1 {
            import: *import,
            chunk,
            imported_at,
        }
    };
    ImportsStateV1 {
        list: list.iter().map(write_one).collect(),
    }
}

pub(crate) fn read(tenant: &mut Tenant, state: ImportsStateV1) -> Result<(), &'static str> {
    let numbers = state.list.iter().map(|begun| begun.import);
    if !numbers.is_sorted_by(|one, next| one < next) {
        return Err("the order of imports");
    }
    let list = state.list.into_iter().map(|begun| {
        let ImportStateV1 {
            import,
            chunk,
            imported_at,
        } = begun;
        (import, Import { chunk, imported_at })
    });
    tenant.imports.list = list.collect();
    Ok(())
}
