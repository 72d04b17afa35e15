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
    SendActivations {
        codes: Vec<Activation<'a>>,
    },
}

#[derive(Serialize)]
struct Activation<'a> {
    person: u64,
    code: &'a str,
}

pub(super) fn json(call: &OpenCall) -> String {
    let what = match &call.what {
        CallV1::VerifyJoin(verify) => What::VerifyJoin {
            group: verify.group.0,
            person: verify.person.0,
            label: &verify.label,
            question: STANDARD.encode(&verify.question),
        },
        CallV1::SendActivations(send) => {
            let codes = send.codes.iter().map(|activation| Activation {
                person: activation.person.0,
                code: &activation.code,
            });
            What::SendActivations {
                codes: codes.collect(),
            }
        }
    };
    let question = Question {
        event: format!("{}-{}", call.tenant, call.call),
        tenant: call.tenant.0,
        call: call.call.0,
        what,
    };
    serde_json::to_string(&question).expect("plain fields with text keys")
}
