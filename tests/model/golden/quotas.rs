//! Quotas: policies, charges, freezes.

use throng::model::command::*;
use throng::model::event::{self, Event};
use throng::wire::{GroupId, PersonId, Timestamp};

use crate::golden::Section;
use crate::golden::core::TIME;

pub(crate) const SECTION: Section = Section {
    golden: include_str!("model_quotas.txt"),
    commands,
    replies,
    events,
};

const POLICY: PolicyId = PolicyId(0x1020);
const GROUP: GroupId = GroupId(0x1112_1314_1516_1718);
const PERSON: PersonId = PersonId(0x0102_0304_0506_0708);

pub(crate) fn policy() -> PolicyV1 {
    PolicyV1 {
        policy: POLICY,
        scope: QuotaScope::Member,
        unit: QuotaUnit::Messages,
        senders: QuotaSenders::Personal,
        window: QuotaWindow::IsoWeek,
        zone: "America/Argentina/Buenos_Aires".to_owned(),
        length_s: 0,
        limit: 0x0203_0405,
        exceeded: WhenExceeded::Freeze,
    }
}

fn commands() -> Vec<TaggedCommand> {
    use TaggedCommand as T;
    vec![
        T::SetPolicy(SetPolicyV1 { policy: policy() }),
        T::RemovePolicy(RemovePolicyV1 { policy: POLICY }),
        T::ReleaseFreezeV2(ReleaseFreezeV2 {
            policy: POLICY,
            group: GROUP,
            person: PERSON,
        }),
        T::SetSenderClass(SetSenderClassV1 {
            person: PERSON,
            class: SenderClass::Personal,
        }),
        T::GetQuotasV2(GetQuotasV2 {
            group: GROUP,
            person: PERSON,
        }),
        T::ListPolicies(ListPoliciesV1 {}),
    ]
}

fn replies() -> Vec<Reply> {
    let balance = QuotaBalanceV1 {
        policy: POLICY,
        scope: QuotaScope::Customer,
        unit: QuotaUnit::MassSends,
        used: 3,
        limit: 4,
        window_ends: TIME,
        frozen_since: Timestamp(1),
    };
    let state = PolicyStateV1 {
        now: Some(policy()),
        next_from: TIME,
        next: None,
    };
    vec![
        Reply::QuotasV2(QuotasV2 {
            quotas: vec![balance],
        }),
        Reply::Policies(PoliciesV1 {
            policies: vec![state],
        }),
    ]
}

fn events() -> Vec<Event> {
    let account = event::QuotaAccountV1 {
        policy: POLICY,
        group: GROUP,
        person: PERSON,
    };
    let charge = event::ChargeV1 {
        policy: POLICY,
        group: GROUP,
        person: PERSON,
        amount: 0x0102_0304,
        window_starts: TIME,
        window_ends: TIME.plus_micros(86_400_000_000),
    };
    vec![
        Event::Charged(event::ChargedV1 {
            charges: vec![charge],
        }),
        Event::QuotaFrozen(account.clone()),
        Event::QuotaFreezeLifted(account),
        Event::PolicySet(event::PolicySetV1 {
            policy: policy(),
            from: TIME,
        }),
        Event::PolicyRemoved(event::PolicyRemovedV1 {
            policy: POLICY,
            from: TIME,
        }),
        Event::SenderClassSet(event::SenderClassSetV1 {
            person: PERSON,
            class: SenderClass::Personal,
        }),
    ]
}
