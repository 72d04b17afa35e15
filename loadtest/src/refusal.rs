//! Refusal codes by name, as docs/wire.md lists them.

/// The document that codes are looked up in.
const DOCUMENT: &str = include_str!("../../docs/wire.md");

/// The name of the rule with this code.
pub(crate) fn name(code: u16) -> &'static str {
    let named = rows().find(|(known, _)| *known == code);
    named.map_or("Unknown", |(_, name)| name)
}

/// A quota is used up.
pub(crate) const QUOTA_EXCEEDED: &str = "QuotaExceeded";
/// The sender is frozen.
pub(crate) const FROZEN: &str = "Frozen";

/// Codes and names of the table of refusals.
fn rows() -> impl Iterator<Item = (u16, &'static str)> {
    let table = DOCUMENT.split_once("\n## Refusals\n");
    let lines = table.map_or("", |(_, table)| table).lines();
    let lines = lines.take_while(|line| !line.starts_with("## "));
    lines.filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let code = cells.next()?.parse().ok()?;
        Some((code, cells.next()?.trim_matches('`')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_the_name_that_the_document_gives_it() {
        assert_eq!(name(15), QUOTA_EXCEEDED);
        assert_eq!(name(16), FROZEN);
        assert_eq!(name(65_000), "Unknown");
        assert!(rows().count() > 60, "the table is read as it is written");
    }
}
