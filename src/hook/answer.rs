//! What is answered: `{"verdict":"admitted"}` or `{"verdict":"refused"}`, and nothing else.

use serde::Deserialize;

use crate::engine::CallError;
use crate::model::command::CallVerdict;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    verdict: Verdict,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Admitted,
    Refused,
}

pub(super) fn verdict(bytes: &[u8]) -> Result<CallVerdict, CallError> {
    let answer: Answer = serde_json::from_slice(bytes).map_err(|_| garbage())?;
    Ok(match answer.verdict {
        Verdict::Admitted => CallVerdict::Admitted,
        Verdict::Refused => CallVerdict::Refused,
    })
}

pub(super) fn garbage() -> CallError {
    CallError::Garbage {
        expected: r#"{"verdict":"admitted"} or {"verdict":"refused"}, at most 4 KiB"#,
    }
}
