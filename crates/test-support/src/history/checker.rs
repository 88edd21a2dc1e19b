//! Takes a history apart into the registers that it concerns, and has each of them judged.
//!
//! A sign-up whose answer was lost has no id. Its name is its own, so the first answer that shows a user of that
//! name tells which id it made; a second id with the same name is a sign-up that happened twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Write as _};
use std::time::Duration;

use super::emails::{EmailAct, EmailRegister};
use super::search::{Kind, Timed, Unexplained, explain, states_max};
use super::users::{UserAct, UserRegister, UserState};
use super::{Call, Entry, Moment, Outcome, Seen};

/// How many calls of a register are shown before the one that can't be explained.
const SHOWN: usize = 30;

/// When "taken" may be said of an e-mail that is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenToo {
    /// Never.
    Never,
    /// While another attempt at the same e-mail is under way, and for this long after one was left unfinished.
    WhileOthersTry(Duration),
}

/// What the judge found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Each a story with the calls that belong to it. Empty: the history is good.
    pub violations: Vec<String>,
    /// How many registers were judged.
    pub registers: usize,
    /// How many answers of "taken" were not looked at, because others were trying.
    pub excused: usize,
}

/// Judges a whole history.
pub fn judge(entries: &[Entry], taken_too: TakenToo) -> Findings {
    judge_all(entries, taken_too, Moment::ZERO, states_max())
}

/// The same, but of look-ups, and of refusals that rest on one (no such user, wrong password), only those count that
/// were made at `looks_from` or later.
pub fn judge_with_looks_from(entries: &[Entry], taken_too: TakenToo, looks_from: Moment) -> Findings {
    judge_all(entries, taken_too, looks_from, states_max())
}

/// The same with another limit on the states that may be looked at.
pub fn judge_within(entries: &[Entry], taken_too: TakenToo, states_max: usize) -> Findings {
    judge_all(entries, taken_too, Moment::ZERO, states_max)
}

fn judge_all(entries: &[Entry], taken_too: TakenToo, looks_from: Moment, states_max: usize) -> Findings {
    let mut findings = Findings::default();
    let saw_only = |entry: &Entry| matches!(entry.outcome, Outcome::Missing | Outcome::WrongPassword);
    let counts = |entry: &Entry| (entry.call.is_write() && !saw_only(entry)) || entry.called >= looks_from;
    let ids = Ids::of(entries, &counts, &mut findings.violations);
    let excused = excused(entries, taken_too);
    findings.excused = excused.len();
    let mut registers = Registers { ids: &ids, excused: &excused, emails: BTreeMap::new(), users: BTreeMap::new() };
    for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| counts(entry)) {
        if let Err(why) = registers.sort_in(place, entry) {
            findings.violations.push(format!("{why}\n  {entry}"));
        }
    }
    findings.registers = registers.emails.len() + registers.users.len();
    for (email, acts) in &mut registers.emails {
        leave_out_unseen(acts);
        let verdict = explain(&EmailRegister::new(), None, acts, states_max);
        findings.violations.extend(story(&format!("the e-mail {email}"), verdict, acts, entries));
    }
    for (id, acts) in &registers.users {
        let given = acts.iter().filter_map(|act| match act.act {
            UserAct::Change { version, .. } => version,
            _ => None,
        });
        let verdict = explain(&UserRegister::new(given.collect()), UserState::Absent, acts, states_max);
        findings.violations.extend(story(&format!("the user {id}"), verdict, acts, entries));
    }
    findings
}

/// Who is who.
struct Ids<'a> {
    /// The id that a sign-up of this name made.
    by_name: BTreeMap<&'a str, &'a str>,
    /// Every e-mail that a user may ever have had.
    emails: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// When an answer first showed a user with this name: by then, whatever gave it has happened.
    shown: BTreeMap<&'a str, Moment>,
    /// When an answer first said that this user is no more: nothing of theirs happens later.
    gone: BTreeMap<&'a str, Moment>,
}

impl<'a> Ids<'a> {
    fn of(entries: &'a [Entry], counts: &dyn Fn(&Entry) -> bool, violations: &mut Vec<String>) -> Self {
        let mut ids =
            Self { by_name: BTreeMap::new(), emails: BTreeMap::new(), shown: BTreeMap::new(), gone: BTreeMap::new() };
        ids.note_evidence(entries, counts);
        let sign_ups: BTreeSet<&str> = entries.iter().filter_map(|entry| sign_up_name(&entry.call)).collect();
        let mut known = BTreeSet::new();
        for entry in entries {
            if let Call::Change { id, email, .. } = &entry.call {
                ids.emails.entry(id).or_default().insert(email);
            }
            let Outcome::User(Seen { id, name, email, .. }) = &entry.outcome else { continue };
            ids.emails.entry(id).or_default().insert(email);
            if sign_ups.contains(name.as_str()) {
                known.insert(id.as_str());
                if let Some(other) = ids.by_name.insert(name, id).filter(|other| other != id) {
                    violations.push(format!("one sign-up made two users, {other} and {id}\n  {entry}"));
                }
            }
        }
        for entry in entries {
            if let Outcome::User(Seen { id, .. }) = &entry.outcome
                && known.insert(id)
            {
                violations.push(format!("nobody ever signed up as {id}\n  {entry}"));
            }
        }
        ids
    }

    fn note_evidence(&mut self, entries: &'a [Entry], counts: &dyn Fn(&Entry) -> bool) {
        for entry in entries.iter().filter(|entry| counts(entry)) {
            let at = entry.answered;
            let gone = match (&entry.call, &entry.outcome) {
                (
                    Call::ById { id } | Call::Change { id, .. } | Call::Password { id, .. } | Call::Remove { id, .. },
                    Outcome::Missing,
                )
                | (Call::Remove { id, .. }, Outcome::User(_)) => Some(id),
                _ => None,
            };
            if let Some(id) = gone {
                let first = self.gone.entry(id).or_insert(at);
                *first = (*first).min(at);
            }
            if let Outcome::User(seen) = &entry.outcome {
                let first = self.shown.entry(&seen.name).or_insert(at);
                *first = (*first).min(at);
            }
        }
    }

    /// When a call has its effect at the latest, and whether it has to. What was not answered has happened if a later
    /// answer shows its name, and not after its user was gone.
    fn kind(&self, entry: &Entry, is_read: bool) -> (Kind, Moment) {
        if is_read || entry.outcome != Outcome::Unknown {
            return (if is_read { Kind::Read } else { Kind::Write }, entry.answered);
        }
        let (name, id) = match &entry.call {
            Call::SignUp { name, .. } => (Some(name), None),
            Call::Change { id, name, .. } => (Some(name), Some(id)),
            Call::Password { id, .. } | Call::Remove { id, .. } => (None, Some(id)),
            Call::ById { .. } | Call::ByEmail { .. } => (None, None),
        };
        if let Some(shown) = name.and_then(|name| self.shown.get(name.as_str())) {
            return (Kind::Write, (*shown).max(entry.called));
        }
        let gone = id.and_then(|id| self.gone.get(id.as_str())).copied().unwrap_or(Moment::MAX);
        (Kind::Perhaps, gone.max(entry.called))
    }
}

fn sign_up_name(call: &Call) -> Option<&str> {
    match call {
        Call::SignUp { name, .. } => Some(name),
        _ => None,
    }
}

/// The places of the answers of "taken" that prove nothing.
fn excused(entries: &[Entry], taken_too: TakenToo) -> BTreeSet<usize> {
    let TakenToo::WhileOthersTry(after) = taken_too else { return BTreeSet::new() };
    let mut attempts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        if let Some(email) = entry.call.wanted_email() {
            attempts.entry(email).or_default().push(place);
        }
    }
    let until = |place: usize| {
        let entry = &entries[place];
        entry.answered + if entry.outcome == Outcome::Unknown { after } else { Moment::ZERO }
    };
    let mut excused = BTreeSet::new();
    for mut places in attempts.into_values() {
        places.sort_by_key(|&place| entries[place].called);
        // The two that last longest of the attempts made so far: one of them is not the one in question.
        let mut longest = Vec::with_capacity(places.len());
        let mut two: Vec<usize> = Vec::new();
        for &place in &places {
            two.push(place);
            two.sort_by_key(|&place| std::cmp::Reverse(until(place)));
            two.truncate(2);
            longest.push(two.clone());
        }
        for &place in places.iter().filter(|&&place| entries[place].outcome == Outcome::Taken) {
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

/// The history, taken apart.
struct Registers<'a> {
    ids: &'a Ids<'a>,
    excused: &'a BTreeSet<usize>,
    emails: BTreeMap<&'a str, Vec<Timed<EmailAct<'a>>>>,
    users: BTreeMap<&'a str, Vec<Timed<UserAct<'a>>>>,
}

impl<'a> Registers<'a> {
    fn email(&mut self, email: &'a str, place: usize, entry: &'a Entry, act: EmailAct<'a>) {
        let (kind, answered) = self.ids.kind(entry, act.is_read());
        let called = entry.called;
        self.emails.entry(email).or_default().push(Timed { act, kind, called, answered, entry: place });
    }

    fn user(&mut self, id: &'a str, place: usize, entry: &'a Entry, act: UserAct<'a>) {
        let (kind, answered) = self.ids.kind(entry, act.is_read());
        let called = entry.called;
        self.users.entry(id).or_default().push(Timed { act, kind, called, answered, entry: place });
    }

    /// The user is at none of their e-mails any more but at `except`.
    fn leaves(&mut self, id: &'a str, except: Option<&str>, place: usize, entry: &'a Entry) {
        let ids = self.ids;
        for &email in ids.emails.get(id).into_iter().flatten().filter(|&&email| Some(email) != except) {
            self.email(email, place, entry, EmailAct::Leave(id));
        }
    }

    /// Finds the registers that one entry concerns. An answer that can belong to no such call is an error.
    fn sort_in(&mut self, place: usize, entry: &'a Entry) -> Result<(), &'static str> {
        const FOREIGN: &str = "the answer is about somebody else, or is none to this call";
        let outcome = &entry.outcome;
        match (&entry.call, outcome) {
            (Call::SignUp { email, name, password }, _) => {
                let id = match outcome {
                    Outcome::User(seen) if seen.name == *name && seen.email == *email => Some(seen.id.as_str()),
                    Outcome::Unknown => self.ids.by_name.get(name.as_str()).copied(),
                    Outcome::Taken => {
                        self.taken(email, None, place, entry);
                        return Ok(());
                    }
                    _ => return Err(FOREIGN),
                };
                // A user whom nobody ever saw goes by their name.
                self.email(email, place, entry, EmailAct::Take(id.unwrap_or(name)));
                if let Some(id) = id {
                    self.user(id, place, entry, UserAct::SignUp { name, email, password: *password });
                }
            }
            (Call::ById { .. } | Call::ByEmail { .. }, Outcome::Unknown) => {}
            (Call::ById { id }, Outcome::User(seen)) if seen.id == *id => self.shown(seen, place, entry),
            (Call::ByEmail { email }, Outcome::User(seen)) if seen.email == *email => self.shown(seen, place, entry),
            (Call::ByEmail { email }, Outcome::Missing) => self.email(email, place, entry, EmailAct::Nobody),
            (
                Call::ById { id } | Call::Change { id, .. } | Call::Password { id, .. } | Call::Remove { id, .. },
                Outcome::Missing,
            ) => self.user(id, place, entry, UserAct::Nobody),
            (
                Call::Change { id, password, .. } | Call::Password { id, password, .. } | Call::Remove { id, password },
                Outcome::WrongPassword,
            ) => self.user(id, place, entry, UserAct::WrongPassword(*password)),
            (Call::Change { id, email, password, .. }, Outcome::Taken) => {
                self.user(id, place, entry, UserAct::RightPassword(*password));
                self.taken(email, Some(id), place, entry);
            }
            (Call::Change { id, name, email, password }, _) => {
                let version = match outcome {
                    Outcome::User(seen) if seen.id == *id && seen.name == *name && seen.email == *email => seen.version,
                    Outcome::Unknown => None,
                    _ => return Err(FOREIGN),
                };
                self.email(email, place, entry, EmailAct::Move(id));
                self.leaves(id, Some(email), place, entry);
                self.user(id, place, entry, UserAct::Change { name, email, password: *password, version });
            }
            (Call::Password { id, password, new }, Outcome::Done | Outcome::Unknown) => {
                self.user(id, place, entry, UserAct::Password { password: *password, new: *new });
            }
            (Call::Remove { id, password }, Outcome::User(seen)) if seen.id == *id => {
                self.email(&seen.email, place, entry, EmailAct::Free(id));
                self.leaves(id, Some(&seen.email), place, entry);
                self.user(id, place, entry, UserAct::Remove { password: *password, was: Some(seen) });
            }
            (Call::Remove { id, password }, Outcome::Unknown) => {
                self.leaves(id, None, place, entry);
                self.user(id, place, entry, UserAct::Remove { password: *password, was: None });
            }
            _ => return Err(FOREIGN),
        }
        Ok(())
    }

    fn shown(&mut self, seen: &'a Seen, place: usize, entry: &'a Entry) {
        self.email(&seen.email, place, entry, EmailAct::Owned(&seen.id));
        self.user(&seen.id, place, entry, UserAct::Shown(seen));
    }

    fn taken(&mut self, email: &'a str, id: Option<&'a str>, place: usize, entry: &'a Entry) {
        if !self.excused.contains(&place) {
            self.email(email, place, entry, EmailAct::Taken(id));
        }
    }
}

/// Leaves out the sign-ups that were not answered and whose user nobody ever saw, where they explain nothing: whoever
/// got the e-mail like that has it for ever, so that nothing but "taken" can be said of it afterwards.
fn leave_out_unseen(acts: &mut Vec<Timed<EmailAct<'_>>>) {
    let is_unseen = |act: &Timed<EmailAct<'_>>| act.kind == Kind::Perhaps && matches!(act.act, EmailAct::Take(_));
    let says_otherwise = |act: &&Timed<EmailAct<'_>>| {
        act.kind != Kind::Perhaps && !matches!(act.act, EmailAct::Taken(_) | EmailAct::Leave(_))
    };
    let last = acts.iter().filter(says_otherwise).map(|act| act.called).max();
    let taken = |act: &Timed<EmailAct<'_>>| matches!(act.act, EmailAct::Taken(_)) && Some(act.answered) >= last;
    if !acts.iter().any(taken) {
        acts.retain(|act| !is_unseen(act));
    }
}

/// What went wrong with one register, with the calls that led to it.
fn story<A: Debug>(
    what: &str,
    verdict: Result<(), Unexplained>,
    acts: &[Timed<A>],
    entries: &[Entry],
) -> Option<String> {
    let (act, why) = match verdict {
        Ok(()) => return None,
        Err(Unexplained::Answer { act, states }) => {
            (act, format!("fits no order of what happened; before it, the register was one of {}", states.join(", ")))
        }
        Err(Unexplained::GaveUp { act }) => (act, "was too much for the judge: nothing is decided".to_owned()),
    };
    let judged = &acts[act];
    let mut before: Vec<&Timed<A>> =
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
