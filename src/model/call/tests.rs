use crate::model::command::{
    ActivationV1, Actor, CallState, CallV1, CallVerdict, CloseCallV1, GetCallV1, JoinByCodeV1,
    ListCallsV1, Reply, SendActivationsV1, TaggedCommand as T,
};
use crate::model::event::{CallOpenedV1, Event};
use crate::model::town::codes::{Came, plain_code, verified_code};
use crate::model::town::{ALICE, BOB, CAROL, DAVE, ERIN, Town, by};
use crate::model::{Limits, OpenCall, Refusal, Stamp, State, apply};
use crate::wire::{GroupId, Kind, PersonId, RecordNumber, TenantId, Timestamp};

const MINUTE_US: i64 = 60_000_000;

fn parents() -> (Town, GroupId, String) {
    let mut town = Town::with_employees(9);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let code = town.code(verified_code(group)).text;
    (town, group, code)
}

#[track_caller]
fn assert_kept(town: &Town) {
    let read = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(read.hash(), town.state.hash(), "from a snapshot");
    let open = |state: &State| state.open_calls().collect::<Vec<_>>();
    assert_eq!(open(&read), open(&town.state));
    assert_eq!(town.replayed().hash(), town.state.hash(), "from the log");
}

#[test]
fn a_verified_join_waits_for_the_answer_and_is_decided_with_it() {
    let (mut town, group, code) = parents();
    let call = town.pending(DAVE, &code);
    let opened = town.last.clone().unwrap();
    let calls: Vec<_> = OpenCall::opened_by(town.tenant, &opened.events).collect();
    assert_eq!(calls, town.state.open_calls().collect::<Vec<_>>());
    let [
        OpenCall {
            what: CallV1::VerifyJoin(asked),
            ..
        },
    ] = calls.as_slice()
    else {
        panic!("{calls:?}");
    };
    assert_eq!((asked.group, asked.person), (group, DAVE));
    assert_eq!(asked.question, b"which child");
    assert!(
        town.say(DAVE, group).is_err(),
        "nobody is in before the answer"
    );
    assert_kept(&town);

    let state = town.answer(call, CallVerdict::Admitted).unwrap();
    assert_eq!((state.state, state.group), (CallState::Admitted, group));
    let record = town.last.clone().unwrap();
    let [
        Event::MembersJoinedV2(_),
        Event::JoinCodeUsed(_),
        Event::CallClosed(_),
    ] = record.events.as_slice()
    else {
        panic!("one record: {:?}", record.events);
    };
    assert_eq!(record.stamp.kind, Kind::Joined);
    town.say(DAVE, group).expect("DAVE is in");
    assert_eq!(town.state.open_calls().count(), 0);
    assert_kept(&town);
}

#[test]
fn refused_and_failed_verifications_let_nobody_in() {
    let (mut town, group, code) = parents();
    for (verdict, state) in [
        (CallVerdict::Refused, CallState::Refused),
        (CallVerdict::Failed, CallState::Failed),
    ] {
        let call = town.pending(DAVE, &code);
        assert_eq!(town.answer(call, verdict).unwrap().state, state);
        assert_eq!(town.call_state(call), state);
        assert!(town.say(DAVE, group).is_err());
    }
}

#[test]
fn an_answer_is_given_once() {
    let (mut town, group, code) = parents();
    let call = town.pending(DAVE, &code);
    town.answer(call, CallVerdict::Refused).unwrap();
    let again = town.answer(call, CallVerdict::Admitted);
    assert_eq!(again, Err(Refusal::CallAnswered { call: call.0 }));
    assert!(town.say(DAVE, group).is_err());
    let call = town.pending(DAVE, &code);
    town.answer(call, CallVerdict::Admitted).unwrap();
    let again = town.answer(call, CallVerdict::Admitted);
    assert_eq!(again, Err(Refusal::CallAnswered { call: call.0 }));
    assert_eq!(town.look_at(group).members, 4);
}

#[test]
fn an_answer_after_its_time_is_too_late() {
    let (mut town, group, code) = parents();
    let call = town.pending(DAVE, &code);
    town.now = town.now.plus_micros(MINUTE_US);
    assert_eq!(town.call_state(call), CallState::Expired);
    let late = Err(Refusal::CallExpired { call: call.0 });
    assert_eq!(town.answer(call, CallVerdict::Admitted), late);
    assert_eq!(town.answer(call, CallVerdict::Refused), late);
    assert!(town.say(DAVE, group).is_err());
    let given_up = town.answer(call, CallVerdict::Failed).unwrap();
    assert_eq!(
        given_up.state,
        CallState::Failed,
        "giving up is never too late"
    );
    let again = town.pending(DAVE, &code);
    assert_ne!(again, call, "whoever was too late may ask again");
    assert_kept(&town);
}

#[test]
fn asking_again_while_it_waits_is_the_same_call() {
    let (mut town, _, code) = parents();
    let call = town.pending(DAVE, &code);
    let records = town.log.len();
    assert_eq!(town.pending(DAVE, &code), call);
    assert_eq!(town.log.len(), records);
    assert_ne!(
        town.pending(ERIN, &code),
        call,
        "another person is another call"
    );
}

#[test]
fn a_code_revoked_meanwhile_lets_nobody_in() {
    let (mut town, group, code) = parents();
    let call = town.pending(DAVE, &code);
    town.revoke(crate::wire::JoinCodeId(1));
    let state = town.answer(call, CallVerdict::Admitted).unwrap();
    let revoked = Refusal::JoinCodeRevoked.code();
    assert_eq!(
        (state.state, state.refusal),
        (CallState::NotJoined, revoked)
    );
    assert_eq!(town.call_state(call), CallState::NotJoined);
    assert_eq!(town.look_at(group).members, 3);
    assert_kept(&town);
}

#[test]
fn a_group_dissolved_meanwhile_lets_nobody_in() {
    let (mut town, group, code) = parents();
    let call = town.pending(DAVE, &code);
    town.dissolve(Actor::Enterprise, group).unwrap();
    let state = town.answer(call, CallVerdict::Admitted).unwrap();
    let dissolved = Refusal::GroupDissolved { group }.code();
    assert_eq!(
        (state.state, state.refusal),
        (CallState::NotJoined, dissolved)
    );
}

#[test]
fn the_last_place_goes_to_the_first_answer() {
    let limits = Limits {
        internal_members_max: 4,
        ..Limits::default()
    };
    let (town, group, code) = parents();
    let mut town = town.limited(limits);
    let (first, second) = (town.pending(DAVE, &code), town.pending(ERIN, &code));
    let state = town.answer(second, CallVerdict::Admitted).unwrap();
    assert_eq!(state.state, CallState::Admitted);
    let state = town.answer(first, CallVerdict::Admitted).unwrap();
    let full = Refusal::GroupFull { group, cap: 4 }.code();
    assert_eq!((state.state, state.refusal), (CallState::NotJoined, full));
    assert_eq!(town.look_at(group).members, 4);
}

#[test]
fn a_joiner_who_left_the_company_meanwhile_is_not_let_in() {
    let (mut town, group, code) = parents();
    let call = town.pending(DAVE, &code);
    town.depart(DAVE).unwrap();
    let state = town.answer(call, CallVerdict::Admitted).unwrap();
    assert_eq!(state.state, CallState::NotJoined);
    assert_eq!(town.look_at(group).members, 3);
}

#[test]
fn nothing_is_asked_about_a_join_that_would_be_refused() {
    let (mut town, group, code) = parents();
    let already = Err(Refusal::AlreadyAMember { person: BOB, group });
    assert_eq!(town.join_by(BOB, &code), already);
    assert_eq!(town.state.open_calls().count(), 0);
}

#[test]
fn only_the_enterprise_and_throng_itself_answer() {
    let (mut town, _, code) = parents();
    let admin = town.super_admin();
    let call = town.pending(DAVE, &code);
    let close = CloseCallV1 {
        call,
        verdict: CallVerdict::Admitted,
    };
    for person in [DAVE, ALICE, admin] {
        let refused = town.ask(by(person), T::CloseCall(close.clone()));
        assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    }
    town.ask(Actor::Enterprise, T::CloseCall(close)).unwrap();
}

#[test]
fn the_joiner_sees_how_the_call_stands_and_others_do_not() {
    let (mut town, _, code) = parents();
    let call = town.pending(DAVE, &code);
    let get = T::GetCall(GetCallV1 { call });
    let state = town.ask(by(DAVE), get.clone());
    assert!(matches!(state, Ok(Reply::Call(state)) if state.state == CallState::Open));
    let refused = town.ask(by(ERIN), get.clone());
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    town.tenant = town.create_tenant("UTC", Timestamp(0));
    let elsewhere = town.ask(Actor::Enterprise, get);
    assert_eq!(elsewhere, Err(Refusal::NoSuchCall { call: call.0 }));
}

#[test]
fn open_calls_are_bounded_and_those_that_expired_take_no_place() {
    let limits = Limits {
        open_calls_max: 2,
        ..Limits::default()
    };
    let (town, _, code) = parents();
    let mut town = town.limited(limits);
    town.pending(DAVE, &code);
    town.pending(ERIN, &code);
    let full = Err(Refusal::TooManyCalls { limit: 2 });
    assert_eq!(town.join_by(PersonId(6), &code), full);
    town.now = town.now.plus_micros(MINUTE_US);
    town.pending(PersonId(6), &code);
}

#[test]
fn calls_are_forgotten_an_hour_after_their_time() {
    let (mut town, _, code) = parents();
    let answered = town.pending(DAVE, &code);
    town.answer(answered, CallVerdict::Refused).unwrap();
    let expired = town.pending(ERIN, &code);
    town.now = town.now.plus_micros(60 * MINUTE_US);
    assert_eq!(town.call_state(answered), CallState::Refused);
    town.now = town.now.plus_micros(MINUTE_US);
    town.pending(PersonId(6), &code);
    for call in [answered, expired] {
        let get = T::GetCall(GetCallV1 { call });
        let gone = town.ask(Actor::Enterprise, get);
        assert_eq!(gone, Err(Refusal::NoSuchCall { call: call.0 }));
    }
    assert_kept(&town);
}

#[test]
fn an_enterprise_without_a_hook_reads_what_it_is_asked() {
    let (mut town, _, code) = parents();
    let calls: Vec<_> = (4..8).map(|id| town.pending(PersonId(id), &code)).collect();
    town.answer(calls[1], CallVerdict::Refused).unwrap();
    let mut page = |after, limit| match town.ask(
        Actor::Enterprise,
        T::ListCalls(ListCallsV1 { after, limit }),
    ) {
        Ok(Reply::Calls(page)) => {
            let calls: Vec<_> = page.calls.iter().map(|call| call.call).collect();
            (calls, page.more)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(page(RecordNumber(0), 2), (vec![calls[0], calls[2]], true));
    assert_eq!(page(calls[2], 2), (vec![calls[3]], false));
}

#[test]
fn a_question_is_at_most_a_kibibyte() {
    let (mut town, _, code) = parents();
    let mut join = JoinByCodeV1 {
        person: DAVE,
        code,
        question: vec![0; 1_025],
    };
    let refused = town.ask(by(DAVE), T::JoinByCode(join.clone()));
    assert!(matches!(
        refused,
        Err(Refusal::Invalid {
            field: "question",
            ..
        })
    ));
    join.question.pop();
    town.ask(by(DAVE), T::JoinByCode(join)).unwrap();
}

#[test]
fn what_is_open_in_any_tenant_is_asked_again() {
    let (mut town, _, code) = parents();
    let first = town.pending(DAVE, &code);
    let other = town.create_tenant("UTC", Timestamp(i64::MAX));
    town.tenant = other;
    town.employees(4);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let open_to_all = town.code(plain_code(group)).text;
    let code = town.code(verified_code(group)).text;
    assert_eq!(town.join_by(DAVE, &open_to_all), Ok(Came::Into(group)));
    town.leave(DAVE, group).unwrap();
    let second = town.pending(DAVE, &code);
    let open = town.replayed();
    let open: Vec<_> = open
        .open_calls()
        .map(|call| (call.tenant, call.call))
        .collect();
    assert_eq!(open, [(TenantId(1), first), (other, second)]);
}

#[test]
fn activation_codes_are_sent_by_a_call_that_nobody_joins_by() {
    let (mut town, ..) = parents();
    let call = town.next;
    let activation = ActivationV1 {
        person: DAVE,
        code: "12345678".to_owned(),
    };
    let opened = CallOpenedV1 {
        call,
        expires: town.now.plus_micros(MINUTE_US),
        what: CallV1::SendActivations(SendActivationsV1 {
            codes: vec![activation],
        }),
    };
    let stamp = Stamp {
        record: call,
        ..town.last.clone().unwrap().stamp
    };
    apply(&mut town.state, &stamp, &[Event::CallOpened(opened)]);
    town.next = call.next();
    assert_eq!(town.state.open_calls().count(), 1);
    let get = T::GetCall(GetCallV1 { call });
    let refused = town.ask(by(DAVE), get);
    assert!(matches!(refused, Err(Refusal::NotPermitted { .. })));
    let read = State::from_snapshot(&town.state.to_snapshot()).unwrap();
    assert_eq!(read.hash(), town.state.hash());
    let state = town.answer(call, CallVerdict::Admitted).unwrap();
    assert_eq!(
        (state.state, state.group),
        (CallState::Admitted, GroupId(0))
    );
    assert_eq!(town.call_state(call), CallState::Admitted);
}
