//! Outward calls through the engine: hooks that answer, fail, hang, talk nonsense and panic.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::gated::{Gate, Gated};
use crate::town::Town;
use throng::engine::{Busy, CallError, Callee, Engine, ExecuteError, Options, Ticket};
use throng::log::Memory;
use throng::model::command::{
    ActivatePersonV1, ActivationV1, Actor, AddPeopleV2, CallState, CallV1, CallVerdict,
    CloseCallV1, Command, CreateJoinCodeV1, GetCallV1, JoinByCodeV1, NewPersonV2, OrgRole,
    PersonKind, Reply, TaggedCommand as T, ValidityV1,
};
use throng::model::{OpenCall, Refusal};
use throng::wire::{DeviceId, GroupId, PersonId, RecordNumber};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

type Answer = Result<CallVerdict, CallError>;

/// A hook in a few lines, and the calls it got.
struct Scripted<F> {
    answer: F,
    calls: Mutex<Vec<(u32, RecordNumber)>>,
}

impl<F: Fn(PersonId) -> Answer + Send + Sync> Scripted<F> {
    fn new(answer: F) -> Arc<Self> {
        let calls = Mutex::default();
        Arc::new(Self { answer, calls })
    }

    fn calls(&self) -> Vec<(u32, RecordNumber)> {
        self.calls.lock().expect("nobody panics with it").clone()
    }
}

impl<F: Fn(PersonId) -> Answer + Send + Sync> Callee for Scripted<F> {
    fn call(&self, call: &OpenCall) -> Answer {
        let CallV1::VerifyJoin(verify) = &call.what else {
            panic!("nothing else is asked here");
        };
        let mut calls = self.calls.lock().expect("nobody panics with it");
        calls.push((call.tenant.0, call.call));
        drop(calls);
        (self.answer)(verify.person)
    }
}

fn options(callee: Option<Arc<dyn Callee>>) -> Options {
    let mut options = Options::default();
    options.callee = callee;
    options
}

fn town_with(callee: Arc<dyn Callee>) -> Town {
    Town::on(Arc::new(Memory::new()), options(Some(callee)), 80)
}

impl Town {
    fn join_code(&self, group: GroupId, verification: bool) -> String {
        let create = CreateJoinCodeV1 {
            group,
            validity: ValidityV1::Permanent,
            label: String::new(),
            uses_max: 0,
            verification,
            live: None,
        };
        match self.call(T::CreateJoinCode(create)) {
            Ok(Reply::JoinCodeCreated(created)) => created.text,
            other => panic!("{other:?}"),
        }
    }

    fn join_by(&self, person: PersonId, code: &str) -> Result<Reply, ExecuteError> {
        self.ask_to_join(person, code)?.wait()
    }

    fn ask_to_join(&self, person: PersonId, code: &str) -> Result<Ticket, Busy> {
        let join = JoinByCodeV1 {
            person,
            code: code.to_owned(),
            question: Vec::new(),
        };
        let actor = Actor::Person {
            person,
            device: DeviceId(1),
        };
        let command = Command {
            tenant: self.tenant,
            actor,
            second_factor: false,
            body: T::JoinByCode(join).into(),
        };
        self.engine.execute(command)
    }

    fn pending(&self, person: PersonId, code: &str) -> RecordNumber {
        match self.join_by(person, code) {
            Ok(Reply::JoinPending(pending)) => pending.call,
            other => panic!("{other:?}"),
        }
    }

    fn state_of(&self, call: RecordNumber) -> CallState {
        match self.call(T::GetCall(GetCallV1 { call })) {
            Ok(Reply::Call(state)) => state.state,
            other => panic!("{other:?}"),
        }
    }

    /// What has become of the call once it is over.
    fn settled(&self, call: RecordNumber) -> CallState {
        let mut state = CallState::Open;
        until("the call is over", || {
            state = self.state_of(call);
            state != CallState::Open
        });
        state
    }
}

fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < patience, "in vain: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Where hooks hang until a test is over.
#[derive(Default)]
struct Trap(Mutex<bool>, Condvar);

impl Trap {
    fn hang(&self) {
        let open = self.0.lock().expect("nobody panics with it");
        drop(
            self.1
                .wait_while(open, |open| !*open)
                .expect("nobody panics with it"),
        );
    }

    fn open(&self) {
        *self.0.lock().expect("nobody panics with it") = true;
        self.1.notify_all();
    }
}

#[test]
fn a_hooks_answer_decides_the_join() {
    let hook = Scripted::new(|person| {
        Ok(match person {
            PersonId(4) => CallVerdict::Admitted,
            _ => CallVerdict::Refused,
        })
    });
    let town = town_with(hook.clone());
    let group = town.group(3);
    let code = town.join_code(group, true);
    let (admitted, refused) = (town.people[3], town.people[4]);
    let call = town.pending(admitted, &code);
    assert_eq!(town.settled(call), CallState::Admitted);
    town.say(group, admitted, 1, "hello").expect("a member");
    let second = town.pending(refused, &code);
    assert_eq!(town.settled(second), CallState::Refused);
    assert!(town.say(group, refused, 1, "hello").is_err());
    let calls = [call, second].map(|call| (town.tenant.0, call));
    assert_eq!(hook.calls(), calls, "each is made once, by its own name");
}

/// Sends codes, as far as these tests can see.
#[derive(Default)]
struct Post(Mutex<Vec<ActivationV1>>);

impl Callee for Post {
    fn call(&self, call: &OpenCall) -> Answer {
        let CallV1::SendActivations(send) = &call.what else {
            panic!("nothing else is asked here");
        };
        let mut sent = self.0.lock().expect("nobody panics with it");
        sent.extend(send.codes.iter().cloned());
        Ok(CallVerdict::Admitted)
    }
}

#[test]
fn a_newcomers_code_reaches_the_hook_and_activates_the_account() {
    let post = Arc::new(Post::default());
    let town = town_with(post.clone());
    let newcomer = NewPersonV2 {
        name: "Li".to_owned(),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
        employee_number: String::new(),
        mobile: String::new(),
        email: String::new(),
        position: String::new(),
        departments: Vec::new(),
        invited: true,
    };
    let add = AddPeopleV2 {
        people: vec![newcomer; 2],
    };
    let people = match town.call(T::AddPeopleV2(add)) {
        Ok(Reply::PeopleAdded(added)) => added.people,
        other => panic!("{other:?}"),
    };
    until("the codes are sent", || sent(&post).len() == 2);
    for (person, activation) in people.into_iter().zip(sent(&post)) {
        assert_eq!(activation.person, person);
        let ActivationV1 { person, code } = activation;
        town.call(T::ActivatePerson(ActivatePersonV1 { person, code }))
            .expect("the code is right");
    }
}

fn sent(post: &Post) -> Vec<ActivationV1> {
    post.0.lock().expect("nobody panics with it").clone()
}

#[test]
fn nothing_is_asked_before_the_question_is_durable() {
    let gate = Gate::default();
    let hook = Scripted::new(|_| Ok(CallVerdict::Admitted));
    let disk = Arc::new(Gated(Memory::new(), gate.clone()));
    let town = Town::on(disk, options(Some(hook.clone())), 5);
    let code = town.join_code(town.group(3), true);
    let decided = town.engine.stats().decided;
    gate.set(true);
    let asked = town.ask_to_join(town.people[3], &code);
    let asked = asked.expect("the door is open");
    until("it is decided", || town.engine.stats().decided > decided);
    // Long enough for a call that did not wait.
    thread::sleep(Duration::from_millis(50));
    let calls = hook.calls();
    gate.set(false);
    assert_eq!(calls, [], "decided, and not durable");
    assert!(asked.wait().is_ok());
    until("it is asked", || hook.calls().len() == 1);
}

#[test]
fn a_hook_that_fails_talks_nonsense_or_panics_fails_alone() {
    let hook = Scripted::new(|person| match person {
        PersonId(4) => Err(CallError::Unreachable("no route".into())),
        PersonId(5) => Err(CallError::Garbage { expected: "sense" }),
        PersonId(6) => panic!("a bug in the hook"),
        _ => Ok(CallVerdict::Admitted),
    });
    let town = town_with(hook);
    let code = town.join_code(town.group(3), true);
    let calls: Vec<_> = (3..7)
        .map(|at| town.pending(town.people[at], &code))
        .collect();
    let states: Vec<_> = calls.iter().map(|call| town.settled(*call)).collect();
    let failed = CallState::Failed;
    assert_eq!(states, [failed, failed, failed, CallState::Admitted]);
    assert_eq!(town.engine.stats().calls_failed, 3);
}

#[test]
fn a_hook_that_hangs_fails_in_time_and_holds_up_neither_others_nor_the_close() {
    let trap = Arc::new(Trap::default());
    let hanging = Arc::clone(&trap);
    let hook = Scripted::new(move |person| {
        if person.0 <= 20 {
            hanging.hang();
        }
        Ok(CallVerdict::Admitted)
    });
    let mut options = options(Some(hook.clone()));
    options.calls_at_once_max = 2;
    options.calls_at_once_per_tenant_max = 2;
    options.call_timeout = Duration::from_millis(50);
    let town = Town::on(Arc::new(Memory::new()), options, 30);
    let group = town.group(3);
    let code = town.join_code(group, true);
    let hangs: Vec<_> = (3..5)
        .map(|at| town.pending(town.people[at], &code))
        .collect();
    for call in hangs {
        assert_eq!(town.settled(call), CallState::Failed);
    }
    town.say(group, town.people[0], 1, "hello")
        .expect("nobody decides more slowly");

    // Its own places are taken by what hangs; another tenant has its own.
    let stuck = town.pending(town.people[25], &code);
    let other = another_tenant(&town.engine);
    let other = Town {
        engine: town.engine.clone(),
        clock: town.clock.clone(),
        people: other.1,
        tenant: other.0,
    };
    let code = other.join_code(other.group(3), true);
    let call = other.pending(other.people[25], &code);
    assert_eq!(other.settled(call), CallState::Admitted);
    assert_eq!(town.state_of(stuck), CallState::Open);
    assert_eq!(hook.calls().len(), 3, "what is stuck was not asked");

    drop(other);
    town.engine.close().expect("closing waits for no hook");
    trap.open();
}

fn another_tenant(engine: &Engine) -> (throng::wire::TenantId, Vec<PersonId>) {
    use throng::model::command::{CreateTenantV1, NewPersonV1, OrgRole, PersonKind, Succession};
    let tenant = engine.create_tenant(CreateTenantV1 {
        name: "Other".to_owned(),
        zone: "UTC".to_owned(),
        verified_until: throng::wire::Timestamp(i64::MAX),
        succession: Succession::AdminFirst,
    });
    let tenant = tenant.expect("another tenant");
    let person = NewPersonV1 {
        name: "Person".to_owned(),
        external_id: String::new(),
        kind: PersonKind::Employee,
        role: OrgRole::Employee,
    };
    let people = engine.add_people(tenant, vec![person; 30]);
    (tenant, people.expect("people"))
}

#[test]
fn what_waited_too_long_for_a_place_is_closed() {
    let trap = Arc::new(Trap::default());
    let hanging = Arc::clone(&trap);
    let hook = Scripted::new(move |_| {
        hanging.hang();
        Ok(CallVerdict::Admitted)
    });
    let mut options = options(Some(hook));
    options.calls_at_once_per_tenant_max = 1;
    options.call_timeout = Duration::from_secs(600);
    let town = Town::on(Arc::new(Memory::new()), options, 6);
    let code = town.join_code(town.group(3), true);
    town.pending(town.people[3], &code);
    let waiting = town.pending(town.people[4], &code);
    town.clock.advance(60_000_000);
    until("it is given up", || {
        town.state_of(waiting) == CallState::Failed
    });
    trap.open();
}

#[test]
fn a_call_too_many_is_not_made_and_is_counted() {
    let trap = Arc::new(Trap::default());
    let hanging = Arc::clone(&trap);
    let hook = Scripted::new(move |_| {
        hanging.hang();
        Ok(CallVerdict::Admitted)
    });
    let mut options = options(Some(hook));
    options.calls_at_once_max = 1;
    options.calls_at_once_per_tenant_max = 1;
    options.calls_waiting_max = 1;
    options.call_timeout = Duration::from_secs(600);
    let town = Town::on(Arc::new(Memory::new()), options, 40);
    let code = town.join_code(town.group(3), true);
    for at in 3..33 {
        town.pending(town.people[at], &code);
    }
    // One is being made and one waits; one more may still be between the two.
    until("most were not made", || {
        town.engine.stats().calls_dropped >= 27
    });
    town.say(GroupId(1), town.people[0], 1, "hello")
        .expect("nobody waits for a hook");
    trap.open();
}

#[test]
fn open_calls_are_made_again_after_a_restart_and_a_replay_makes_none() {
    let storage = Arc::new(Memory::new());
    let town = Town::on(storage.clone(), options(None), 8);
    let code = town.join_code(town.group(3), true);
    let answered = town.pending(town.people[3], &code);
    let close = CloseCallV1 {
        call: answered,
        verdict: CallVerdict::Admitted,
    };
    town.call(T::CloseCall(close))
        .expect("without a hook the enterprise answers");
    let open = town.pending(town.people[4], &code);
    let mut town = town;
    let clock = town.clock.clone();
    let (tenant, people) = (town.tenant, std::mem::take(&mut town.people));
    town.engine.close().expect("a clean close");

    let hook = Scripted::new(|_| Ok(CallVerdict::Admitted));
    let engine = Engine::open_on(storage, options(Some(hook.clone())), clock.clone(), [8; 32]);
    let town = Town {
        engine: engine.expect("the same log"),
        clock,
        tenant,
        people,
    };
    assert_eq!(town.settled(open), CallState::Admitted);
    assert_eq!(town.state_of(answered), CallState::Admitted);
    assert_eq!(
        hook.calls(),
        [(tenant.0, open)],
        "the answered one is history"
    );
}

#[test]
fn of_64_threads_with_the_code_of_the_last_place_one_gets_in() {
    let mut options = options(None);
    options.limits.internal_members_max = 8;
    let town = Town::on(Arc::new(Memory::new()), options, 71);
    let group = town.group(7);
    let code = town.join_code(group, false);
    let start = Barrier::new(64);
    let joined = AtomicUsize::new(0);
    thread::scope(|threads| {
        for person in &town.people[7..] {
            let (town, code, start, joined) = (&town, &code, &start, &joined);
            threads.spawn(move || {
                start.wait();
                match town.join_by(*person, code) {
                    Ok(Reply::Joined(_)) => {
                        joined.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(ExecuteError::Refused(Refusal::GroupFull { cap, .. })) => {
                        assert_eq!(cap, 8);
                    }
                    other => panic!("{other:?}"),
                }
            });
        }
    });
    assert_eq!(joined.into_inner(), 1);
}

#[test]
fn an_enterprise_that_answers_twice_is_told_so() {
    let town = Town::on(Arc::new(Memory::new()), options(None), 5);
    let code = town.join_code(town.group(3), true);
    let call = town.pending(town.people[3], &code);
    let close = |verdict| town.call(T::CloseCall(CloseCallV1 { call, verdict }));
    close(CallVerdict::Refused).expect("the first answer");
    let again = close(CallVerdict::Admitted);
    let answered = Refusal::CallAnswered { call: call.0 };
    assert_eq!(again, Err(ExecuteError::Refused(answered)));
}
