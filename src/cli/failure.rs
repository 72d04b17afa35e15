//! How an error is told: one line, from what failed to why, and what to do.

use anyhow::Error;

/// The error and its causes on one line. Most of our errors name their cause themselves; it is not
/// said twice.
pub(super) fn one_line(error: &Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let said = cause.to_string();
        if line.contains(&said) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&said);
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Says what to do about an error.
pub(super) trait Advise<T> {
    /// Adds `advice` after the error's own words.
    fn advise(self, advice: impl FnOnce() -> String) -> anyhow::Result<T>;
}

impl<T, E: Into<Error>> Advise<T> for Result<T, E> {
    fn advise(self, advice: impl FnOnce() -> String) -> anyhow::Result<T> {
        self.map_err(|error| {
            let error = error.into();
            anyhow::anyhow!("{}; {}", one_line(&error), advice())
        })
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn causes_follow_on_one_line_and_none_is_said_twice() {
        let io = std::io::Error::other("no\nspace");
        let error = Err::<(), _>(io)
            .context("cannot write a.pem: no\nspace")
            .context("cannot start")
            .unwrap_err();
        assert_eq!(
            one_line(&error),
            "cannot start: cannot write a.pem: no space"
        );
    }

    #[test]
    fn advice_comes_after_the_causes() {
        let advised = Err::<(), _>(anyhow!("in use"))
            .context("UDP 4433")
            .advise(|| "choose another".to_owned());
        assert_eq!(
            one_line(&advised.unwrap_err()),
            "UDP 4433: in use; choose another"
        );
    }
}
