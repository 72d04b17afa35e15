//! What messages say: office talk in Chinese and English of realistic lengths, or the lines of a file.
//!
//! The same seed gives the same texts, so that a run can be repeated byte by byte.

use std::path::Path;

use anyhow::{Context, ensure};
use bytes::Bytes;
use throng::wire::BODY_LEN_MAX;

use crate::scenario::Texts;

/// A small generator of random numbers: splitmix64 (Steele, Lea, Flood 2014). Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[(self.next() % from.len() as u64) as usize]
    }

    /// About a standard normal: the sum of 12 uniform numbers less its mean.
    fn normal(&mut self) -> f64 {
        let uniform = |random: &mut Self| (random.next() >> 11) as f64 / (1u64 << 53) as f64;
        (0..12).map(|_| uniform(self)).sum::<f64>() - 6.0
    }
}

const ENGLISH: &[&str] = &[
    "Good morning, everyone.",
    "The release notes for the new version are in the shared folder; please read the section on migration before Thursday.",
    "Can somebody check why the nightly report for the Hangzhou warehouse did not arrive?",
    "Thanks, looks good to me.",
    "We moved the customer visit to 14:30, meeting room 7, third floor.",
    "Reminder: expense claims for last month close on Friday at noon, and finance will not reopen them.",
    "I have restarted the gateway and the error rate is back to normal.",
    "Who is on call this weekend?",
    "Please update your emergency contact in the directory, it takes one minute.",
    "The supplier confirmed 1,200 units for the 18th; the rest follows a week later by sea.",
    "On it.",
    "Lunch is at the usual place, table for twelve.",
];

const CHINESE: &[&str] = &[
    "大家早上好。",
    "请各部门在本周五下班前把第三季度的预算表提交到共享文件夹，逾期系统将自动关闭。",
    "收到，谢谢！",
    "杭州仓库昨晚的日报没有发出来，麻烦值班的同事看一下是什么原因。",
    "客户来访改到下午两点半，地点是三楼七号会议室，请提前十分钟到场。",
    "新版本的发布说明已经放到群文件里了，升级前请务必阅读数据迁移那一节。",
    "我已经重启了网关，错误率恢复正常，后续会补一份复盘。",
    "周末谁值班？",
    "行政通知：下周一上午九点消防演练，听到警报后请走楼梯，不要乘坐电梯。",
    "供应商确认十八号先到一千二百件，剩下的一周后走海运。",
    "辛苦了。",
    "麻烦把合同扫描件再发我一份，财务那边要归档。",
];

/// The spread of lengths: with it one message in six is below half the median, one above twice it.
const SIGMA: f64 = 0.7;
const LEN_MIN: usize = 6;

/// Messages, one after another without end.
#[derive(Debug)]
pub(crate) enum Corpus {
    /// Made up.
    Generated { texts: Texts, random: SplitMix64 },
    /// The lines of a file, in turn.
    Lines { lines: Vec<Bytes>, at: usize },
}

impl Corpus {
    /// Made-up texts.
    pub(crate) fn generated(texts: &Texts) -> Self {
        Self::Generated {
            random: SplitMix64(texts.seed),
            texts: texts.clone(),
        }
    }

    /// The lines of the UTF-8 file at `path`, without the empty ones.
    pub(crate) fn from_file(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read corpus {} as UTF-8", path.display()))?;
        let lines: Vec<_> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| Bytes::copy_from_slice(prefix(line, BODY_LEN_MAX).as_bytes()))
            .collect();
        ensure!(!lines.is_empty(), "corpus {} has no lines", path.display());
        Ok(Self::Lines { lines, at: 0 })
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> Bytes {
        match self {
            Self::Generated { texts, random } => text(texts, random),
            Self::Lines { lines, at } => {
                *at += 1;
                lines[(*at - 1) % lines.len()].clone()
            }
        }
    }
}

fn text(texts: &Texts, random: &mut SplitMix64) -> Bytes {
    let len = if texts.fixed_length {
        texts.median_bytes
    } else {
        let len = texts.median_bytes as f64 * (SIGMA * random.normal()).exp();
        (len.round() as usize).clamp(LEN_MIN, BODY_LEN_MAX)
    };
    let sentences = *random.pick(&[ENGLISH, CHINESE]);
    let mut text = String::with_capacity(len + 128);
    while text.len() < len {
        if !text.is_empty() && sentences == ENGLISH {
            text.push(' ');
        }
        let sentence: &&str = random.pick(sentences);
        text.push_str(sentence);
    }
    text.truncate(prefix(&text, len).len());
    // A cut inside a character leaves a byte or two for a fixed length.
    while texts.fixed_length && text.len() < len {
        text.push('.');
    }
    text.into()
}

/// The longest front of `text` of at most `len` bytes that ends with a whole character.
fn prefix(text: &str, len: usize) -> &str {
    let mut end = len.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(texts: &Texts, count: usize) -> Vec<usize> {
        let mut corpus = Corpus::generated(texts);
        let mut lengths: Vec<_> = (0..count).map(|_| corpus.next().len()).collect();
        lengths.sort_unstable();
        lengths
    }

    #[test]
    fn lengths_spread_around_the_median() {
        let lengths = lengths(&Texts::default(), 2_001);
        assert!((235..=275).contains(&lengths[1_000]), "{}", lengths[1_000]);
        assert!(lengths[200] < 128 && lengths[1_800] > 512, "{lengths:?}");
    }

    #[test]
    fn a_fixed_length_is_exact() {
        let texts = Texts {
            fixed_length: true,
            ..Texts::default()
        };
        assert_eq!(lengths(&texts, 300), vec![256; 300]);
    }

    #[test]
    fn texts_are_in_both_languages_and_whole_characters() {
        let mut corpus = Corpus::generated(&Texts::default());
        let texts: Vec<_> = (0..50)
            .map(|_| String::from_utf8(corpus.next().to_vec()).expect("whole characters"))
            .collect();
        let chinese = texts.iter().filter(|text| !text.is_ascii()).count();
        assert!((10..=40).contains(&chinese), "{chinese} of 50");
    }

    #[test]
    fn the_same_seed_says_the_same() {
        let run = || {
            let mut corpus = Corpus::generated(&Texts::default());
            (0..20).map(|_| corpus.next()).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
    }

    #[test]
    fn a_file_is_read_line_by_line_and_over_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "早上好\n\n  hello \n").unwrap();
        let mut corpus = Corpus::from_file(file.path()).unwrap();
        let said: Vec<_> = (0..3).map(|_| corpus.next()).collect();
        assert_eq!(said, ["早上好", "hello", "早上好"].map(Bytes::from));
    }
}
