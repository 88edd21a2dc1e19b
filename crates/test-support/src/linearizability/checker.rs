//! Splits a history into the registers that it concerns, and checks each of them.
//!
//! A sign-up whose answer was lost has no id. Its name is unique, so the first answer with a user of that name tells
//! which id it created; a second id with the same name is a sign-up that was carried out twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Write as _};
use std::time::Duration;

use super::email_register::{EmailOperation, EmailRegister};
use super::search::{NotLinearizable, OperationKind, TimedOperation, linearize, states_max};
use super::user_register::{UserOperation, UserRegister, UserState};
use super::{CallOutcome, HistoryCall, HistoryEntry, HistoryTime, ObservedUser};

/// How many calls of a register are shown before the one without an explanation.
const SHOWN: usize = 30;

/// When an e-mail address without a user may be reported as taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpuriousTaken {
    /// Never.
    Never,
    /// While another attempt at the same e-mail is under way, and for this long after one was left unfinished.
    WhileOthersTry(Duration),
}

/// The result of a check.
#[derive(Debug, Default)]
pub struct HistoryFindings {
    /// Each with the calls that belong to it. Empty: the history is linearizable.
    pub violations: Vec<String>,
    /// How many registers were checked.
    pub registers: usize,
    /// How many "taken" answers were ignored because of concurrent attempts.
    pub excused: usize,
}

/// Checks a whole history.
pub fn check_history(entries: &[HistoryEntry], spurious_taken: SpuriousTaken) -> HistoryFindings {
    check_all(entries, spurious_taken, HistoryTime::ZERO, states_max())
}

/// The same, but look-ups, and rejections that depend on one (no such user, wrong password), only count if they were
/// called at `reads_from` or later.
pub fn check_history_with_reads_from(
    entries: &[HistoryEntry],
    spurious_taken: SpuriousTaken,
    reads_from: HistoryTime,
) -> HistoryFindings {
    check_all(entries, spurious_taken, reads_from, states_max())
}

/// The same with another limit on visited states.
pub fn check_history_within(
    entries: &[HistoryEntry],
    spurious_taken: SpuriousTaken,
    states_max: usize,
) -> HistoryFindings {
    check_all(entries, spurious_taken, HistoryTime::ZERO, states_max)
}

fn check_all(
    entries: &[HistoryEntry],
    spurious_taken: SpuriousTaken,
    reads_from: HistoryTime,
    states_max: usize,
) -> HistoryFindings {
    let mut findings = HistoryFindings::default();
    let saw_only = |entry: &HistoryEntry| matches!(entry.outcome, CallOutcome::Missing | CallOutcome::WrongPassword);
    let counts = |entry: &HistoryEntry| (entry.call.is_write() && !saw_only(entry)) || entry.called >= reads_from;
    let ids = UserIdentities::of(entries, &counts, &mut findings.violations);
    let excused = excused(entries, spurious_taken);
    findings.excused = excused.len();
    let mut registers = RegisterSet { ids: &ids, excused: &excused, emails: BTreeMap::new(), users: BTreeMap::new() };
    for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| counts(entry)) {
        if let Err(why) = registers.add_entry(place, entry) {
            findings.violations.push(format!("{why}\n  {entry}"));
        }
    }
    findings.registers = registers.emails.len() + registers.users.len();
    for (email, acts) in &mut registers.emails {
        drop_unobserved_sign_ups(acts);
        let verdict = linearize(&EmailRegister::new(), None, acts, states_max);
        findings.violations.extend(describe_violation(&format!("the e-mail {email}"), verdict, acts, entries));
    }
    for (id, acts) in &registers.users {
        let given = acts.iter().filter_map(|act| match act.act {
            UserOperation::Change { version, .. } => version,
            _ => None,
        });
        let verdict = linearize(&UserRegister::new(given.collect()), UserState::Absent, acts, states_max);
        findings.violations.extend(describe_violation(&format!("the user {id}"), verdict, acts, entries));
    }
    findings
}

/// Which names and e-mail addresses belong to which user.
struct UserIdentities<'a> {
    /// The id that a sign-up with this name created.
    by_name: BTreeMap<&'a str, &'a str>,
    /// Every e-mail address that a user may have had.
    emails: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// When an answer first showed a user with this name: its write has happened by then.
    shown: BTreeMap<&'a str, HistoryTime>,
    /// When an answer first said that this user is gone: nothing happens to them later.
    gone: BTreeMap<&'a str, HistoryTime>,
}

impl<'a> UserIdentities<'a> {
    fn of(entries: &'a [HistoryEntry], counts: &dyn Fn(&HistoryEntry) -> bool, violations: &mut Vec<String>) -> Self {
        let mut ids =
            Self { by_name: BTreeMap::new(), emails: BTreeMap::new(), shown: BTreeMap::new(), gone: BTreeMap::new() };
        ids.collect_evidence(entries, counts);
        let sign_ups: BTreeSet<&str> = entries.iter().filter_map(|entry| sign_up_name(&entry.call)).collect();
        let mut known = BTreeSet::new();
        for entry in entries {
            if let HistoryCall::Change { id, email, .. } = &entry.call {
                ids.emails.entry(id).or_default().insert(email);
            }
            let CallOutcome::User(ObservedUser { id, name, email, .. }) = &entry.outcome else { continue };
            ids.emails.entry(id).or_default().insert(email);
            if sign_ups.contains(name.as_str()) {
                known.insert(id.as_str());
                if let Some(other) = ids.by_name.insert(name, id).filter(|other| other != id) {
                    violations.push(format!("one sign-up made two users, {other} and {id}\n  {entry}"));
                }
            }
        }
        for entry in entries {
            if let CallOutcome::User(ObservedUser { id, .. }) = &entry.outcome
                && known.insert(id)
            {
                violations.push(format!("no sign-up made {id}\n  {entry}"));
            }
        }
        ids
    }

    fn collect_evidence(&mut self, entries: &'a [HistoryEntry], counts: &dyn Fn(&HistoryEntry) -> bool) {
        for entry in entries.iter().filter(|entry| counts(entry)) {
            let at = entry.answered;
            let gone = match (&entry.call, &entry.outcome) {
                (
                    HistoryCall::ById { id }
                    | HistoryCall::Change { id, .. }
                    | HistoryCall::Password { id, .. }
                    | HistoryCall::Remove { id, .. },
                    CallOutcome::Missing,
                )
                | (HistoryCall::Remove { id, .. }, CallOutcome::User(_)) => Some(id),
                _ => None,
            };
            if let Some(id) = gone {
                let first = self.gone.entry(id).or_insert(at);
                *first = (*first).min(at);
            }
            if let CallOutcome::User(seen) = &entry.outcome {
                let first = self.shown.entry(&seen.name).or_insert(at);
                *first = (*first).min(at);
            }
        }
    }

    /// By when a call takes effect, and whether it has to. A call without an answer has happened if a later answer
    /// shows its name, and does not happen after its user was gone.
    fn kind(&self, entry: &HistoryEntry, is_read: bool) -> (OperationKind, HistoryTime) {
        if is_read || entry.outcome != CallOutcome::Unknown {
            return (if is_read { OperationKind::Read } else { OperationKind::Write }, entry.answered);
        }
        let (name, id) = match &entry.call {
            HistoryCall::SignUp { name, .. } => (Some(name), None),
            HistoryCall::Change { id, name, .. } => (Some(name), Some(id)),
            HistoryCall::Password { id, .. } | HistoryCall::Remove { id, .. } => (None, Some(id)),
            HistoryCall::ById { .. } | HistoryCall::ByEmail { .. } => (None, None),
        };
        if let Some(shown) = name.and_then(|name| self.shown.get(name.as_str())) {
            return (OperationKind::Write, (*shown).max(entry.called));
        }
        let gone = id.and_then(|id| self.gone.get(id.as_str())).copied().unwrap_or(HistoryTime::MAX);
        (OperationKind::Perhaps, gone.max(entry.called))
    }
}

fn sign_up_name(call: &HistoryCall) -> Option<&str> {
    match call {
        HistoryCall::SignUp { name, .. } => Some(name),
        _ => None,
    }
}

/// The indexes of "taken" answers that prove nothing.
fn excused(entries: &[HistoryEntry], spurious_taken: SpuriousTaken) -> BTreeSet<usize> {
    let SpuriousTaken::WhileOthersTry(after) = spurious_taken else { return BTreeSet::new() };
    let mut attempts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        if let Some(email) = entry.call.wanted_email() {
            attempts.entry(email).or_default().push(place);
        }
    }
    let until = |place: usize| {
        let entry = &entries[place];
        entry.answered + if entry.outcome == CallOutcome::Unknown { after } else { HistoryTime::ZERO }
    };
    let mut excused = BTreeSet::new();
    for mut places in attempts.into_values() {
        places.sort_by_key(|&place| entries[place].called);
        // The two longest attempts so far: at least one of them is not the attempt in question.
        let mut longest = Vec::with_capacity(places.len());
        let mut two: Vec<usize> = Vec::new();
        for &place in &places {
            two.push(place);
            two.sort_by_key(|&place| std::cmp::Reverse(until(place)));
            two.truncate(2);
            longest.push(two.clone());
        }
        for &place in places.iter().filter(|&&place| entries[place].outcome == CallOutcome::Taken) {
            let this = &entries[place];
            let made = places.partition_point(|&other| entries[other].called <= this.answered);
            let mut others = longest[made - 1].iter().filter(|&&other| other != place);
            if others.any(|&other| until(other) >= this.called) {
                excused.insert(place);
            }
        }
    }
    excused
}

/// The history, split into registers.
struct RegisterSet<'a> {
    ids: &'a UserIdentities<'a>,
    excused: &'a BTreeSet<usize>,
    emails: BTreeMap<&'a str, Vec<TimedOperation<EmailOperation<'a>>>>,
    users: BTreeMap<&'a str, Vec<TimedOperation<UserOperation<'a>>>>,
}

impl<'a> RegisterSet<'a> {
    fn email(&mut self, email: &'a str, place: usize, entry: &'a HistoryEntry, act: EmailOperation<'a>) {
        let (kind, answered) = self.ids.kind(entry, act.is_read());
        let called = entry.called;
        self.emails.entry(email).or_default().push(TimedOperation { act, kind, called, answered, entry: place });
    }

    fn user(&mut self, id: &'a str, place: usize, entry: &'a HistoryEntry, act: UserOperation<'a>) {
        let (kind, answered) = self.ids.kind(entry, act.is_read());
        let called = entry.called;
        self.users.entry(id).or_default().push(TimedOperation { act, kind, called, answered, entry: place });
    }

    /// The user has none of their e-mail addresses any more except `except`.
    fn leaves(&mut self, id: &'a str, except: Option<&str>, place: usize, entry: &'a HistoryEntry) {
        let ids = self.ids;
        for &email in ids.emails.get(id).into_iter().flatten().filter(|&&email| Some(email) != except) {
            self.email(email, place, entry, EmailOperation::Leave(id));
        }
    }

    /// Finds the registers that one entry concerns. An answer that does not belong to its call is an error.
    fn add_entry(&mut self, place: usize, entry: &'a HistoryEntry) -> Result<(), &'static str> {
        const WRONG_ANSWER: &str = "the answer is about another user, or does not belong to this call";
        let outcome = &entry.outcome;
        match (&entry.call, outcome) {
            (HistoryCall::SignUp { email, name, password }, _) => {
                let id = match outcome {
                    CallOutcome::User(seen) if seen.name == *name && seen.email == *email => Some(seen.id.as_str()),
                    CallOutcome::Unknown => self.ids.by_name.get(name.as_str()).copied(),
                    CallOutcome::Taken => {
                        self.taken(email, None, place, entry);
                        return Ok(());
                    }
                    _ => return Err(WRONG_ANSWER),
                };
                // A user who never appeared in an answer is identified by name.
                self.email(email, place, entry, EmailOperation::Take(id.unwrap_or(name)));
                if let Some(id) = id {
                    self.user(id, place, entry, UserOperation::SignUp { name, email, password: *password });
                }
            }
            (HistoryCall::ById { .. } | HistoryCall::ByEmail { .. }, CallOutcome::Unknown) => {}
            (HistoryCall::ById { id }, CallOutcome::User(seen)) if seen.id == *id => self.shown(seen, place, entry),
            (HistoryCall::ByEmail { email }, CallOutcome::User(seen)) if seen.email == *email => {
                self.shown(seen, place, entry);
            }
            (HistoryCall::ByEmail { email }, CallOutcome::Missing) => {
                self.email(email, place, entry, EmailOperation::Unowned);
            }
            (
                HistoryCall::ById { id }
                | HistoryCall::Change { id, .. }
                | HistoryCall::Password { id, .. }
                | HistoryCall::Remove { id, .. },
                CallOutcome::Missing,
            ) => self.user(id, place, entry, UserOperation::NotFound),
            (
                HistoryCall::Change { id, password, .. }
                | HistoryCall::Password { id, password, .. }
                | HistoryCall::Remove { id, password },
                CallOutcome::WrongPassword,
            ) => self.user(id, place, entry, UserOperation::WrongPassword(*password)),
            (HistoryCall::Change { id, email, password, .. }, CallOutcome::Taken) => {
                self.user(id, place, entry, UserOperation::RightPassword(*password));
                self.taken(email, Some(id), place, entry);
            }
            (HistoryCall::Change { id, name, email, password }, _) => {
                let version = match outcome {
                    CallOutcome::User(seen) if seen.id == *id && seen.name == *name && seen.email == *email => {
                        seen.version
                    }
                    CallOutcome::Unknown => None,
                    _ => return Err(WRONG_ANSWER),
                };
                self.email(email, place, entry, EmailOperation::Move(id));
                self.leaves(id, Some(email), place, entry);
                self.user(id, place, entry, UserOperation::Change { name, email, password: *password, version });
            }
            (HistoryCall::Password { id, password, new }, CallOutcome::Done | CallOutcome::Unknown) => {
                self.user(id, place, entry, UserOperation::Password { password: *password, new: *new });
            }
            (HistoryCall::Remove { id, password }, CallOutcome::User(seen)) if seen.id == *id => {
                self.email(&seen.email, place, entry, EmailOperation::Free(id));
                self.leaves(id, Some(&seen.email), place, entry);
                self.user(id, place, entry, UserOperation::Remove { password: *password, was: Some(seen) });
            }
            (HistoryCall::Remove { id, password }, CallOutcome::Unknown) => {
                self.leaves(id, None, place, entry);
                self.user(id, place, entry, UserOperation::Remove { password: *password, was: None });
            }
            _ => return Err(WRONG_ANSWER),
        }
        Ok(())
    }

    fn shown(&mut self, seen: &'a ObservedUser, place: usize, entry: &'a HistoryEntry) {
        self.email(&seen.email, place, entry, EmailOperation::Owned(&seen.id));
        self.user(&seen.id, place, entry, UserOperation::Found(seen));
    }

    fn taken(&mut self, email: &'a str, id: Option<&'a str>, place: usize, entry: &'a HistoryEntry) {
        if !self.excused.contains(&place) {
            self.email(email, place, entry, EmailOperation::Taken(id));
        }
    }
}

/// Drops sign-ups without an answer whose user never appeared, where they explain nothing: such a user has the e-mail
/// address forever, so that only "taken" can follow.
fn drop_unobserved_sign_ups(acts: &mut Vec<TimedOperation<EmailOperation<'_>>>) {
    let is_unseen = |act: &TimedOperation<EmailOperation<'_>>| {
        act.kind == OperationKind::Perhaps && matches!(act.act, EmailOperation::Take(_))
    };
    let says_otherwise = |act: &&TimedOperation<EmailOperation<'_>>| {
        act.kind != OperationKind::Perhaps && !matches!(act.act, EmailOperation::Taken(_) | EmailOperation::Leave(_))
    };
    let last = acts.iter().filter(says_otherwise).map(|act| act.called).max();
    let taken = |act: &TimedOperation<EmailOperation<'_>>| {
        matches!(act.act, EmailOperation::Taken(_)) && Some(act.answered) >= last
    };
    if !acts.iter().any(taken) {
        acts.retain(|act| !is_unseen(act));
    }
}

/// Describes a violation of one register, with the calls that led to it.
fn describe_violation<A: Debug>(
    what: &str,
    verdict: Result<(), NotLinearizable>,
    acts: &[TimedOperation<A>],
    entries: &[HistoryEntry],
) -> Option<String> {
    let (act, why) = match verdict {
        Ok(()) => return None,
        Err(NotLinearizable::Answer { act, states }) => {
            (act, format!("fits no order of the calls; before it, the register was one of {}", states.join(", ")))
        }
        Err(NotLinearizable::GaveUp { act }) => (act, "needs too many states: undecided".to_owned()),
    };
    let judged = &acts[act];
    let mut before: Vec<&TimedOperation<A>> =
        acts.iter().filter(|other| other.called <= judged.answered && other.entry != judged.entry).collect();
    before.sort_by_key(|other| other.called);
    let left_out = before.len().saturating_sub(SHOWN);
    let mut story = format!("{what}: the last answer here {why}\n");
    if left_out > 0 {
        let _ = writeln!(story, "  ({left_out} earlier calls)");
    }
    for other in before[left_out..].iter().copied().chain([judged]) {
        let _ = writeln!(story, "  {}  [{:?}]", entries[other.entry], other.act);
    }
    Some(story)
}
