//! What a text comes to when it is compared: a row of units.
//!
//! A Chinese text has no spaces between its words, and where they begin and end is a matter of opinion: so
//! every character of a script without spaces is a unit of its own, and any part of such a text is found by
//! it. Elsewhere a unit is a word. Width, case and composition do not count (Unicode NFKC, then lower case).
//!
//! Indexed are single characters and pairs of neighbours, each with its place: a longer part is found as a
//! row of pairs. [`matches()`] is what a text must pass; the index may offer more, never less.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Bytes of what is asked for.
pub const WORDS_LEN_MAX: usize = 1024;
/// Bytes of a word that are indexed; the rest is compared where it is found.
const WORD_LEN_MAX: usize = 64;

/// One step of a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    /// A character of a script that is written without spaces.
    Character(char),
    /// A word of another.
    Word(String),
    /// What stands between two characters and is neither: they are no neighbours.
    Break,
}

/// Scripts that are written without spaces between words: Chinese, Japanese, Korean, Thai and its relatives.
/// (Korean has spaces, but its endings are written on.)
fn is_unspaced(c: char) -> bool {
    matches!(c as u32,
        0x0e01..=0x0e4e // Thai
        | 0x0e81..=0x0ecd // Lao
        | 0x1000..=0x103f // Myanmar
        | 0x1100..=0x11ff // Hangul jamo
        | 0x1780..=0x17d3 // Khmer
        | 0x2e80..=0x2fdf // radicals
        | 0x3005..=0x3007 // 々〆〇
        | 0x3021..=0x3029
        | 0x3031..=0x3035
        | 0x3038..=0x303c
        | 0x3041..=0x3096 // Hiragana
        | 0x309d..=0x309f
        | 0x30a1..=0x30fa // Katakana
        | 0x30fc..=0x30ff
        | 0x3105..=0x312f // Bopomofo
        | 0x3131..=0x318e
        | 0x31a0..=0x31bf
        | 0x31f0..=0x31ff
        | 0x3400..=0x4dbf // Han, extension A
        | 0x4e00..=0x9fff // Han
        | 0xac00..=0xd7a3 // Hangul
        | 0xf900..=0xfaff
        | 0x20000..=0x3ffff // Han, further extensions
    )
}

/// Characters that nobody sees: they hide no word.
fn is_invisible(c: char) -> bool {
    matches!(c as u32,
        0x00ad | 0x034f | 0x061c | 0x180b..=0x180e | 0x200b..=0x200f | 0x202a..=0x202e
        | 0x2060..=0x206f | 0xfe00..=0xfe0f | 0xfeff | 0xe0000..=0xe0fff)
}

/// The units of a text; it neither begins nor ends with a break.
pub(crate) fn units(text: &str) -> Vec<Unit> {
    let mut units = Vec::new();
    append_units(text, &mut units);
    units
}

/// Appends the units of a text, which is no neighbour of what is there.
pub(crate) fn append_units(text: &str, units: &mut Vec<Unit>) {
    let (mut word, mut apart) = (String::new(), true);
    let visible = text.chars().filter(|c| !is_invisible(*c));
    for c in visible.nfkc().flat_map(char::to_lowercase) {
        let is_mark = !is_unspaced(c) && is_combining_mark(c);
        if is_mark && word.is_empty() {
            continue; // A mark on nothing that could carry it.
        }
        if is_mark || (!is_unspaced(c) && c.is_alphanumeric()) {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            units.push(Unit::Word(std::mem::take(&mut word)));
            apart = false;
        }
        if is_unspaced(c) {
            if apart && matches!(units.last(), Some(Unit::Character(_))) {
                units.push(Unit::Break);
            }
            units.push(Unit::Character(c));
            apart = false;
        } else {
            apart = true;
        }
    }
    if !word.is_empty() {
        units.push(Unit::Word(word));
    }
}

/// A word as it is indexed.
fn indexed(word: &str) -> &str {
    let mut len = word.len().min(WORD_LEN_MAX);
    while !word.is_char_boundary(len) {
        len -= 1;
    }
    &word[..len]
}

/// Calls for every term under which a text is indexed, and its place.
pub(crate) fn each_term(units: &[Unit], mut each: impl FnMut(usize, &str)) {
    let mut pair = String::new();
    for (at, unit) in units.iter().enumerate() {
        match unit {
            Unit::Word(word) => each(at, indexed(word)),
            Unit::Break => {}
            Unit::Character(c) => {
                pair.clear();
                pair.push(*c);
                each(at, &pair);
                if let Some(Unit::Character(next)) = units.get(at + 1) {
                    pair.push(*next);
                    each(at, &pair);
                }
            }
        }
    }
}

/// The terms, with their places, of which a text that holds `pattern` has all: as few as will do.
pub(crate) fn terms_of(pattern: &[Unit]) -> Vec<(usize, String)> {
    let mut terms = Vec::new();
    for (at, unit) in pattern.iter().enumerate() {
        match (unit, pattern.get(at + 1)) {
            (Unit::Word(word), _) => terms.push((at, indexed(word).to_owned())),
            (Unit::Character(a), Some(Unit::Character(b))) => {
                terms.push((at, String::from_iter([a, b])));
            }
            (Unit::Character(c), _) => {
                let before = at.checked_sub(1).map(|before| &pattern[before]);
                if !matches!(before, Some(Unit::Character(_))) {
                    terms.push((at, c.to_string()));
                }
            }
            (Unit::Break, _) => {}
        }
    }
    terms
}

/// What is looked for: patterns, all of which a text must hold.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Words {
    pub(crate) patterns: Vec<Vec<Unit>>,
}

impl Words {
    /// Reads what somebody typed: words apart from each other, and phrases in quotes.
    pub(crate) fn read(typed: &str) -> Self {
        let mut patterns = Vec::new();
        let is_quote = |c: char| matches!(c, '"' | '“' | '”' | '„' | '＂');
        for (number, part) in typed.split(is_quote).enumerate() {
            if number % 2 == 1 {
                patterns.push(units(part));
            } else {
                patterns.extend(part.split_whitespace().map(units));
            }
        }
        patterns.retain(|pattern: &Vec<Unit>| !pattern.is_empty());
        patterns.dedup();
        Self { patterns }
    }

    /// Whether a text has them all.
    pub(crate) fn are_in(&self, text: &[Unit]) -> bool {
        let holds = |pattern: &Vec<Unit>| text.windows(pattern.len()).any(|some| some == pattern);
        self.patterns.iter().all(holds)
    }
}

/// Whether a search for `words` finds `text`: all words, each where the text has all of its characters in a
/// row, a phrase in quotes where it has all of its words in a row.
#[must_use]
pub fn matches(words: &str, text: &str) -> bool {
    Words::read(words).are_in(&units(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_of_a_chinese_text_is_found_by_it_and_width_and_case_do_not_count() {
        let text = "项目组的ＡＰＩ Review 改到明天下午3点，请大家准时参加。ﾃｽﾄ";
        for found in [
            "项",
            "目组的",
            "改到明天",
            "api",
            "API",
            "ｒｅｖｉｅｗ",
            "准时参加",
            "明天下午3点",
            "3",
            "テスト",
            "的api",
            "api review",
            "\"API review 改到\"",
            "下午 参加 项目",
            "加。テ",
            "點",
        ] {
            assert_eq!(matches(found, text), found != "點", "{found}");
        }
        for missed in [
            "组目",
            "点请",
            "rev",
            "re view",
            "\"review api\"",
            "加テ",
            "项目 没有",
        ] {
            assert!(!matches(missed, text), "{missed}");
        }
    }

    #[test]
    fn what_nobody_sees_hides_no_word() {
        assert!(matches("机密", "机\u{200b}密"));
        assert!(matches("secret", "se\u{ad}cret"));
        assert!(matches("“e\u{301}tude”", "une Étude"));
    }

    #[test]
    fn words_and_phrases_are_read_as_they_are_typed() {
        let read = |typed| Words::read(typed).patterns.len();
        assert_eq!(read(""), 0);
        assert_eq!(read("，。！ \"  \""), 0);
        assert_eq!(read("one two"), 2);
        assert_eq!(read("one “two three” four"), 3);
        assert_eq!(read("\"never closed phrase"), 1);
        assert_eq!(units("foo-bar"), units("foo bar"));
    }

    #[test]
    fn a_long_word_is_found_by_its_front_and_told_apart_by_all_of_it() {
        let (long, other) = ("a".repeat(500), format!("{}b", "a".repeat(499)));
        assert_eq!(terms_of(&units(&long)), terms_of(&units(&other)));
        assert!(matches(&long, &long) && !matches(&other, &long));
    }

    proptest::proptest! {
        /// What the index is built of has, for every pattern in a text, all of the pattern's terms in a row.
        #[test]
        fn a_pattern_has_only_terms_that_the_text_has(text in "[ab 群聊测，Ａ]{0,20}", from: usize, len in 1_usize..8) {
            let units = units(&text);
            let mut indexed = std::collections::HashSet::new();
            each_term(&units, |at, term| {
                indexed.insert((at, term.to_owned()));
            });
            let from = from % (units.len() + 1);
            let pattern = &units[from..units.len().min(from + len)];
            for (at, term) in terms_of(pattern) {
                proptest::prop_assert!(indexed.contains(&(from + at, term)));
            }
        }
    }
}
