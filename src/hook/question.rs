//! What is asked, as JSON. Fields are added, never changed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::model::OpenCall;
use crate::model::command::CallV1;

#[derive(Serialize)]
struct Question<'a> {
    /// The same however often it is asked.
    event: String,
    tenant: u32,
    call: u64,
    #[serde(flatten)]
    what: What<'a>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum What<'a> {
    VerifyJoin {
        group: u64,
        person: u64,
        label: &'a str,
        question: String,
    },
    SendActivation {
        person: u64,
        code: &'a str,
    },
}

pub(super) fn json(call: &OpenCall) -> String {
    let what = match &call.what {
        CallV1::VerifyJoin(verify) => What::VerifyJoin {
            group: verify.group.0,
            person: verify.person.0,
            label: &verify.label,
            question: STANDARD.encode(&verify.question),
        },
        CallV1::SendActivation(send) => What::SendActivation {
            person: send.person.0,
            code: &send.code,
        },
    };
    let question = Question {
        event: format!("{}-{}", call.tenant, call.call),
        tenant: call.tenant.0,
        call: call.call.0,
        what,
    };
    serde_json::to_string(&question).expect("plain fields with text keys")
}
