//! The checker of histories on random ones: on short ones it agrees with brute force; long ones of a real register
//! pass, and with one answer changed they do not. (Hand-made ones are in `history_checker`.)

use std::time::Duration;

use proptest::prelude::*;
use userd_core::random::{Random, SeededRandom};

use super::history_checker::{by_email, by_id, former_user, history_entry, sign_up, user};
use userd_test_support::linearizability::checker::{SpuriousTaken, check_history};
use userd_test_support::linearizability::email_register::{EmailOperation, EmailRegister};
use userd_test_support::linearizability::search::{
    NotLinearizable, OperationKind, RegisterModel, TimedOperation, linearize, states_max,
};
use userd_test_support::linearizability::{CallOutcome, HistoryCall, HistoryEntry, ObservedUser};

/// Brute force over all orders; right for a handful of operations and too slow for more.
fn explained_by_some_order(
    acts: &[TimedOperation<EmailOperation<'static>>],
    state: Option<&'static str>,
    left: &[usize],
) -> bool {
    let must = |place: &usize| acts[*place].kind != OperationKind::Perhaps;
    if !left.iter().any(must) {
        return true;
    }
    left.iter().any(|&first| {
        let comes_first = left.iter().all(|&other| !must(&other) || acts[other].answered >= acts[first].called);
        let rest: Vec<usize> = left.iter().copied().filter(|&other| other != first).collect();
        let after = EmailRegister::new().apply(&state, &acts[first].act);
        comes_first && after.is_some_and(|after| explained_by_some_order(acts, after, &rest))
    })
}

fn any_act() -> impl Strategy<Value = TimedOperation<EmailOperation<'static>>> {
    let id = prop_oneof![Just("1"), Just("2")];
    let act = (id, 0..7).prop_map(|(id, which)| match which {
        0 => EmailOperation::Take(id),
        1 => EmailOperation::Move(id),
        2 => EmailOperation::Leave(id),
        3 => EmailOperation::Free(id),
        4 => EmailOperation::Owned(id),
        5 => EmailOperation::Unowned,
        _ => EmailOperation::Taken(Some(id)),
    });
    (act, 0_u64..30, 1_u64..15, prop::bool::weighted(0.25)).prop_map(|(act, from, long, lost)| {
        let kind = match (act.is_read(), lost) {
            (true, _) => OperationKind::Read,
            (false, true) => OperationKind::Perhaps,
            (false, false) => OperationKind::Write,
        };
        let ms = Duration::from_millis;
        let answered = if kind == OperationKind::Perhaps { Duration::MAX } else { ms(from + long) };
        TimedOperation { act, kind, called: ms(from), answered, entry: 0 }
    })
}

#[test]
fn on_short_histories_the_checker_agrees_with_brute_force() {
    let verdicts = std::cell::Cell::new((0, 0));
    proptest!(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() },
    |(acts in prop::collection::vec(any_act(), 1..7))| {
        let every: Vec<usize> = (0..acts.len()).collect();
        let expected = explained_by_some_order(&acts, None, &every);
        let found = linearize(&EmailRegister::new(), None, &acts, states_max());
        let gave_up = matches!(found, Err(NotLinearizable::GaveUp { .. }));
            prop_assert!(!gave_up);
        prop_assert_eq!(found.is_ok(), expected);
        let (good, bad) = verdicts.get();
        verdicts.set(if expected { (good + 1, bad) } else { (good, bad + 1) });
    });
    let (good, bad) = verdicts.get();
    assert!(good > 400 && bad > 400, "{good} good and {bad} bad histories: one kind was hardly tried");
}

/// Histories of several clients made by a real register, one call after the other, each answered from the state
/// at some moment between its making and its answer.
struct SimulatedHistory {
    random: SeededRandom,
    /// E-mail, name, version, password; by id, which is a number.
    users: Vec<Option<(usize, String, u64, u64)>>,
    entries: Vec<HistoryEntry>,
}

const EMAILS: [&str; 4] = ["a@x", "b@x", "c@x", "d@x"];

impl SimulatedHistory {
    fn history(seed: u64, calls: u64) -> Vec<HistoryEntry> {
        let mut imagined = Self { random: SeededRandom::from_seed(seed), users: Vec::new(), entries: Vec::new() };
        for number in 0..calls {
            imagined.call(number);
        }
        imagined.entries
    }

    fn below(&self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        u64::from_le_bytes(bytes) % end
    }

    fn call(&mut self, number: u64) {
        let email = usize::try_from(self.below(4)).expect("small");
        let holder = self.users.iter().position(|user| user.as_ref().is_some_and(|user| user.0 == email));
        let id = usize::try_from(self.below(self.users.len().max(1) as u64)).expect("small");
        let name = format!("n{number}");
        let (call, outcome) = match (self.below(10), self.users.get(id).cloned()) {
            (0..=2, _) | (_, None) => (sign_up(EMAILS[email], &name), self.signed_up(holder, email, name)),
            (3..=4, _) => {
                (by_email(EMAILS[email]), holder.map_or(CallOutcome::Missing, |holder| self.observed(holder)))
            }
            (5, Some(there)) => (by_id(&id.to_string()), there.map_or(CallOutcome::Missing, |_| self.observed(id))),
            (6..=7, Some(there)) => {
                let password = there.as_ref().map_or(0, |user| user.3);
                let (id_text, email_text) = (id.to_string(), EMAILS[email].to_owned());
                let call = HistoryCall::Change { id: id_text, name: name.clone(), email: email_text, password };
                let outcome = match there {
                    None => CallOutcome::Missing,
                    Some(_) if holder.is_some_and(|holder| holder != id) => CallOutcome::Taken,
                    Some((_, _, version, password)) => {
                        self.users[id] = Some((email, name, version + 1, password));
                        self.observed(id)
                    }
                };
                (call, outcome)
            }
            (8, Some(there)) => {
                let password = self.below(3);
                let call = HistoryCall::Password { id: id.to_string(), password, new: self.below(3) };
                let HistoryCall::Password { new, .. } = call else { unreachable!("it was just made") };
                let outcome = match there {
                    None => CallOutcome::Missing,
                    Some(user) if user.3 != password => CallOutcome::WrongPassword,
                    Some((email, name, version, _)) => {
                        self.users[id] = Some((email, name, version + 1, new));
                        CallOutcome::Done
                    }
                };
                (call, outcome)
            }
            (_, Some(there)) => {
                let password = there.as_ref().map_or(0, |user| user.3);
                let outcome = there.map_or(CallOutcome::Missing, |user| {
                    self.users[id] = None;
                    former_user(&id.to_string(), &user.1, EMAILS[user.0])
                });
                (HistoryCall::Remove { id: id.to_string(), password }, outcome)
            }
        };
        // It happens at 10 ms for each call; up to four overlap on each side. Some answers are lost.
        let (at, lost) = (100 + number * 10, self.below(12) == 0);
        let (from, to) = (at - self.below(40), at + 1 + self.below(40));
        if !lost {
            self.entries.push(history_entry(from, to, call, outcome));
            return;
        }
        let look = match (&call, &outcome) {
            (HistoryCall::SignUp { email, .. }, CallOutcome::User(_)) => Some(by_email(email)),
            _ => None,
        };
        self.entries.push(history_entry(from, to, call, CallOutcome::Unknown));
        // A user who is never read belongs to no sign-up, so the user is read at once.
        self.entries.extend(look.map(|look| history_entry(at, at + 1, look, outcome)));
    }

    fn signed_up(&mut self, holder: Option<usize>, email: usize, name: String) -> CallOutcome {
        if holder.is_some() {
            return CallOutcome::Taken;
        }
        self.users.push(Some((email, name, 1, 0)));
        self.observed(self.users.len() - 1)
    }

    fn observed(&self, id: usize) -> CallOutcome {
        let (email, name, version, _) = self.users[id].as_ref().expect("there");
        user(&id.to_string(), *version, name, EMAILS[*email])
    }
}

/// An answer that is another one than the register gave to the call at `place`; where there is an older answer
/// that was right once, that one.
fn with_wrong_answer(entries: &[HistoryEntry], place: usize) -> Option<CallOutcome> {
    let HistoryEntry { call, outcome, .. } = &entries[place];
    let older = |fits: &dyn Fn(&ObservedUser) -> bool| {
        let mut observed = entries[..place].iter().rev().map(|entry| &entry.outcome);
        observed
            .find(|observed| matches!(observed, CallOutcome::User(seen) if seen.version.is_some() && fits(seen)))
            .cloned()
    };
    match (call, outcome) {
        (_, CallOutcome::User(ObservedUser { id, version: Some(version), name, email })) => {
            Some(user(id, version + 1, name, email))
        }
        (HistoryCall::SignUp { email, name, .. }, CallOutcome::Taken) => Some(user("new", 1, name, email)),
        (HistoryCall::ById { id }, CallOutcome::Missing) => older(&|seen| seen.id == *id),
        (HistoryCall::ByEmail { email }, CallOutcome::Missing) => older(&|seen| seen.email == *email),
        (_, CallOutcome::User(_) | CallOutcome::Done | CallOutcome::WrongPassword | CallOutcome::Taken) => {
            Some(CallOutcome::Missing)
        }
        (_, CallOutcome::Missing | CallOutcome::Unknown) => None,
    }
}

#[test]
fn histories_of_a_real_register_are_valid_and_with_one_answer_changed_they_are_not() {
    let (mut changed, mut found) = (0, 0);
    for seed in 0..40 {
        let good = SimulatedHistory::history(seed, 200);
        let verdict = check_history(&good, SpuriousTaken::Never);
        assert_eq!(verdict.violations, Vec::<String>::new(), "seed {seed}");
        for place in (usize::try_from(seed % 7).expect("small")..good.len()).step_by(7) {
            let Some(outcome) = with_wrong_answer(&good, place) else { continue };
            let mut bad = good.clone();
            bad[place].outcome = outcome;
            changed += 1;
            found += usize::from(!check_history(&bad, SpuriousTaken::Never).violations.is_empty());
        }
    }
    assert!(changed > 500, "only {changed} answers were changed");
    assert!(found * 5 > changed * 4, "of {changed} changed answers only {found} were found");
}
