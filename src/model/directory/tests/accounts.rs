use crate::model::command::{
    ActivationV1, Actor, CallV1, GroupKind, ListCallsV1, MassSendV1, PersonStatus, PersonV1, Reply,
    TaggedCommand as T,
};
use crate::model::event::Event;
use crate::model::limits::Limits;
use crate::model::town::{ALICE, BOB, CAROL, Town, at, by, directory::invited, mass_send, message};
use crate::model::{OpenCall, Refusal, attach};
use crate::wire::{FRAME_LEN_MAX, PersonId, RecordNumber, Timestamp};

fn wrong(person: PersonId, left: u32) -> Result<Reply, Refusal> {
    Err(Refusal::WrongActivationCode { person, left })
}

fn invite_again(town: &mut Town, actor: Actor, person: PersonId) -> Result<Reply, Refusal> {
    town.ask(actor, T::InviteAgain(PersonV1 { person }))
}

fn status(town: &mut Town, person: PersonId) -> PersonStatus {
    town.entry(Actor::Enterprise, person).unwrap().status
}

#[test]
fn an_account_is_activated_once_with_the_code_that_was_sent() {
    let mut town = Town::with_employees(1);
    let (person, code) = town.invite("Li");
    assert!(code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(status(&mut town, person), PersonStatus::Invited);
    let stranger = town.activate(by(ALICE), person, &code);
    assert!(matches!(stranger, Err(Refusal::NotPermitted { .. })));
    town.activate(by(person), person, &code).unwrap();
    assert_eq!(status(&mut town, person), PersonStatus::Active);
    let again = Err(Refusal::AlreadyActivated { person });
    assert_eq!(town.activate(by(person), person, &code), again);
    assert_eq!(invite_again(&mut town, Actor::Enterprise, person), again);
    assert!(
        town.tenant().activations.is_empty(),
        "nothing is left of it"
    );
    town.assert_kept();
}

#[test]
fn a_code_expires_after_72_hours() {
    let mut town = Town::with_employees(0);
    let (person, code) = town.invite("Li");
    town.clock("2026-03-04T09:00:00+08:00");
    assert_eq!(town.activate(by(person), person, &code), wrong(person, 0));
    town.clock("2026-03-04T08:59:59+08:00");
    town.activate(by(person), person, &code).unwrap();
}

#[test]
fn a_new_code_voids_the_one_before_and_only_admins_ask_for_one() {
    let mut town = Town::with_employees(0);
    let (person, first) = town.invite("Li");
    let by_themself = invite_again(&mut town, by(person), person);
    assert!(
        matches!(by_themself, Err(Refusal::NotPermitted { .. })),
        "it would give them as many guesses as they like"
    );
    invite_again(&mut town, Actor::Enterprise, person).unwrap();
    let second = town.code_sent();
    assert_ne!(first, second);
    assert_eq!(town.activate(by(person), person, &first), wrong(person, 4));
    town.activate(by(person), person, &second).unwrap();
}

#[test]
fn every_wrong_guess_is_recorded_and_after_five_the_code_is_void() {
    let mut town = Town::with_employees(0);
    let (person, code) = town.invite("Li");
    for left in (0..5).rev() {
        let guess = town.activate(by(person), person, "no");
        assert_eq!(guess, wrong(person, left));
        let record = town.last.clone().expect("each guess is a record");
        assert!(matches!(
            record.events[..],
            [Event::ActivationFailed(ref failed)] if failed.exhausted == (left == 0)
        ));
    }
    assert_eq!(town.activate(by(person), person, &code), wrong(person, 0));
    assert!(town.last.is_none(), "nothing is left to guess at");
    town.assert_kept();
    invite_again(&mut town, Actor::Enterprise, person).unwrap();
    let code = town.code_sent();
    assert_eq!(
        town.activate(Actor::Enterprise, person, ""),
        wrong(person, 4),
        "guesses count from the start again, whoever guesses"
    );
    town.activate(Actor::Enterprise, person, &code).unwrap();
}

#[test]
fn a_higher_limit_does_not_revive_a_void_code() {
    let limits = |guesses| Limits {
        activation_guesses_max: guesses,
        ..Limits::default()
    };
    let mut town = Town::with_employees(0).limited(limits(1));
    let (person, code) = town.invite("Li");
    assert_eq!(town.activate(by(person), person, "no"), wrong(person, 0));
    let mut town = town.limited(limits(10));
    assert_eq!(town.activate(by(person), person, &code), wrong(person, 0));
}

#[test]
fn everybody_invited_in_one_command_gets_a_code_of_their_own() {
    let mut town = Town::with_employees(0);
    town.hire(vec![invited("Li"); 100]).unwrap();
    let record = town.last.clone().unwrap();
    let Event::ActivationsIssued(issued) = &record.events[1] else {
        panic!("{record:?}", record = record.events);
    };
    let mut codes: Vec<_> = issued.codes.iter().map(|code| &code.code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), 100);
    assert_eq!(issued.expires, at("2026-03-04T09:00:00+08:00"));
}

#[test]
fn codes_are_sent_by_a_call_of_the_record_that_issues_them() {
    let mut town = Town::with_employees(0);
    let people = town.hire(vec![invited("Li"), invited("Wang")]).unwrap();
    let mut sent = sent_by_the_last(&town);
    let to: Vec<_> = sent.iter().map(|code| code.person).collect();
    assert_eq!(to, people);
    invite_again(&mut town, Actor::Enterprise, people[0]).unwrap();
    let anew = sent_by_the_last(&town).remove(0);
    assert_ne!(anew.code, sent[0].code);
    for ActivationV1 { person, code } in [anew, sent.remove(1)] {
        town.activate(by(person), person, &code).unwrap();
    }
    town.assert_kept();
}

#[test]
fn people_come_while_nobody_can_be_called_and_are_invited_again() {
    let limits = Limits {
        open_calls_max: 1,
        ..Limits::default()
    };
    let mut town = Town::with_employees(0).limited(limits);
    town.invite("Li");
    let (person, code) = town.invite("Wang");
    assert_eq!(sent_by_the_last(&town), [], "one waits already");
    assert_eq!(town.state.open_calls().count(), 1);
    town.now = town.now.plus_micros(60_000_000);
    invite_again(&mut town, Actor::Enterprise, person).unwrap();
    let anew = sent_by_the_last(&town).remove(0);
    assert_eq!(anew.person, person);
    assert_ne!(anew.code, code);
    town.activate(by(person), person, &anew.code).unwrap();
}

#[test]
fn a_page_of_calls_that_send_many_codes_fits_a_frame() {
    let mut town = Town::with_employees(0);
    for _ in 0..10 {
        town.hire(vec![invited("Li"); 500]).unwrap();
    }
    let (mut after, mut seen) = (RecordNumber(0), 0);
    loop {
        let list = T::ListCalls(ListCallsV1 { after, limit: 100 });
        let reply = town.ask(Actor::Enterprise, list).unwrap();
        assert!(reply.encode().len() < FRAME_LEN_MAX as usize);
        let Reply::Calls(page) = reply else {
            panic!("{reply:?}");
        };
        seen += page.calls.len();
        after = page.calls.last().unwrap().call;
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, 10);
}

/// What the call of the latest record sends.
fn sent_by_the_last(town: &Town) -> Vec<ActivationV1> {
    let record = town.last.as_ref().unwrap();
    let mut calls = OpenCall::opened_by(town.tenant, &record.events);
    let sent = calls.next().map(|call| match call.what {
        CallV1::SendActivations(send) => send.codes,
        other @ CallV1::VerifyJoin(_) => panic!("{other:?}"),
    });
    sent.unwrap_or_default()
}

#[test]
fn who_has_not_activated_is_in_no_external_group() {
    let mut town = Town::with_employees(3);
    let customers = town.customers(2);
    let (person, code) = town.invite("Li");
    let external = town.external_group(ALICE, &[BOB, customers[0]]);
    let refused = Refusal::NotActivated { person };
    assert_eq!(
        town.add(Actor::Enterprise, external, &[person]),
        Err(refused.clone())
    );
    let kind = GroupKind::External;
    assert_eq!(
        town.create(Actor::Enterprise, kind, person, &customers),
        Err(refused.clone()),
        "not as its owner either"
    );
    let internal = town.internal_group(ALICE, &[BOB, person]);
    town.say(person, internal).expect("among colleagues");
    town.freeze(person);
    town.thaw(person);
    assert_eq!(
        town.add(Actor::Enterprise, external, &[person]),
        Err(refused),
        "being frozen activates nobody"
    );
    town.activate(by(person), person, &code).unwrap();
    town.add(Actor::Enterprise, external, &[person]).unwrap();
    town.assert_kept();
}

#[test]
fn a_frozen_account_asks_for_nothing_whoever_carries_it() {
    let mut town = Town::with_employees(3);
    let group = town.internal_group(ALICE, &[BOB, CAROL]);
    let pending = town.mass_send(ALICE, &[group], 1).unwrap();
    town.freeze(ALICE);
    assert_eq!(town.projection().departed, [ALICE], "for sessions to end");
    let frozen = Refusal::AccountFrozen { person: ALICE };
    assert_eq!(town.say(ALICE, group), Err(frozen.clone()));
    let publish = message(ALICE, group, 9, 9);
    let by_a_gateway = town.publish(Actor::Enterprise, publish);
    assert_eq!(by_a_gateway.unwrap_err(), frozen);
    let send: MassSendV1 = mass_send(ALICE, &[group], 2);
    assert_eq!(
        town.ask(Actor::Enterprise, T::MassSend(send)),
        Err(frozen.clone())
    );
    assert_eq!(town.leave(ALICE, group), Err(frozen.clone()));
    assert_eq!(attach(&town.state, town.tenant, ALICE), Err(frozen));
    town.send_all();
    assert_eq!(town.progress(pending).refused, 1, "nor what is on its way");
    assert_eq!(town.look_at(group).owner, ALICE, "they stay who they are");
    town.thaw(ALICE);
    town.say(ALICE, group).unwrap();
    town.assert_kept();
}

#[test]
fn freezing_twice_is_one_record_and_thawing_the_warm_none() {
    let mut town = Town::with_employees(1);
    town.freeze(ALICE);
    let records = town.log.len();
    town.freeze(ALICE);
    assert_eq!(town.log.len(), records);
    town.thaw(ALICE);
    town.thaw(ALICE);
    assert_eq!(town.log.len(), records + 1);
}

#[test]
fn an_account_thaws_to_what_it_was() {
    let mut town = Town::with_employees(1);
    let (person, code) = town.invite("Li");
    for (who, before) in [
        (ALICE, PersonStatus::Active),
        (person, PersonStatus::Invited),
    ] {
        town.freeze(who);
        assert_eq!(status(&mut town, who), PersonStatus::Frozen);
        town.assert_kept();
        town.thaw(who);
        assert_eq!(status(&mut town, who), before);
    }
    town.freeze(person);
    let frozen = Err(Refusal::AccountFrozen { person });
    assert_eq!(town.activate(Actor::Enterprise, person, &code), frozen);
    assert_eq!(invite_again(&mut town, Actor::Enterprise, person), frozen);
}

#[test]
fn an_account_of_another_tenant_is_not_there() {
    let mut town = Town::with_employees(0);
    let (person, code) = town.invite("Li");
    town.tenant = town.create_tenant("UTC", Timestamp(0));
    let nobody = Err(Refusal::NoSuchPerson { person });
    assert_eq!(town.activate(Actor::Enterprise, person, &code), nobody);
    for command in [
        T::FreezePerson(PersonV1 { person }),
        T::ThawPerson(PersonV1 { person }),
        T::InviteAgain(PersonV1 { person }),
        T::GetPerson(PersonV1 { person }),
        T::ListDevices(PersonV1 { person }),
    ] {
        assert_eq!(town.ask(Actor::Enterprise, command), nobody);
    }
}
