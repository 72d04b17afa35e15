//! Refusal codes by name, as docs/wire.md lists them.

/// The name of the rule with this code.
pub(crate) fn name(code: u16) -> &'static str {
    match code {
        1 => "NoSuchTenant",
        2 => "NoSuchPerson",
        3 => "NoSuchGroup",
        4 => "NoSuchMassSend",
        5 => "NotAMember",
        6 => "AlreadyAMember",
        7 => "GroupFull",
        8 => "GroupDissolved",
        9 => "TooFewMembers",
        10 => "NotAnEmployee",
        11 => "NotPermitted",
        12 => "NotVerified",
        13 => "TooManySuperAdmins",
        14 => "Departed",
        15 => QUOTA_EXCEEDED,
        16 => FROZEN,
        17 => "IdempotencyMismatch",
        18 => "KindNotAllowed",
        19 => "Invalid",
        20 => "DuplicateExternalId",
        21 => "DiskFull",
        _ => "Unknown",
    }
}

/// A quota is used up.
pub(crate) const QUOTA_EXCEEDED: &str = "QuotaExceeded";
/// The sender is frozen.
pub(crate) const FROZEN: &str = "Frozen";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_document() {
        let document = include_str!("../../docs/wire.md");
        let table = document.split_once("\n## Refusals\n").unwrap().1;
        let rows: Vec<_> = table
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
                let code: u16 = cells.next()?.parse().ok()?;
                Some((code, cells.next()?.trim_matches('`')))
            })
            .collect();
        assert_eq!(rows.len(), 21);
        for (code, documented) in rows {
            assert_eq!(name(code), documented);
        }
    }
}
