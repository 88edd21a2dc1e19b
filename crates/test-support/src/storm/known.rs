//! What the clients of a storm know together: who is there, with which password, and who is gone.
//!
//! It may be wrong, since answers get lost. The judge does not look at it; it only makes calls that have a chance.

use std::collections::VecDeque;

use userd_core::random::SeededRandom;

use super::place::below;
use crate::history::{Call, Outcome, PasswordNumber, Seen};

/// How many of those who are gone are still asked for.
const GONE_MAX: usize = 200;

/// How many passwords are tried in turn.
const PASSWORDS_MAX: usize = 4;

/// Somebody whom clients change and delete.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub id: String,
    pub email: String,
    /// The first is believed to be right.
    passwords: VecDeque<PasswordNumber>,
}

impl Person {
    pub(crate) fn password(&self) -> PasswordNumber {
        self.passwords.front().copied().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub struct Known {
    people: Vec<Person>,
    gone: VecDeque<String>,
    /// E-mail and id of those whom nobody changes.
    settled: Vec<(String, String)>,
}

/// The name that a sign-up gives; its number is that of the password, too.
pub(crate) fn sign_up_name(number: u64) -> String {
    format!("s{number}")
}

/// Whether an e-mail is one that many want.
pub(crate) fn is_contested(email: &str) -> bool {
    email.starts_with("contested")
}

impl Known {
    /// Anybody of those who may be changed.
    pub(crate) fn anybody(&self, random: &SeededRandom) -> Option<&Person> {
        pick(&self.people, random)
    }

    /// Somebody's id: somebody who is there, settled or not, or gone.
    pub(crate) fn any_id(&self, random: &SeededRandom) -> Option<&str> {
        match below(random, 10) {
            0 if !self.gone.is_empty() => self.gone.get(usize::try_from(below(random, self.gone.len() as u64)).ok()?),
            1 | 2 if !self.settled.is_empty() => pick(&self.settled, random).map(|(_, id)| id),
            _ => pick(&self.people, random).map(|person| &person.id),
        }
        .map(String::as_str)
    }

    /// The e-mail of somebody settled.
    pub(crate) fn settled_email(&self, random: &SeededRandom) -> Option<&str> {
        pick(&self.settled, random).map(|(email, _)| email.as_str())
    }

    /// Learns from a call and its answer.
    pub(crate) fn learn(&mut self, call: &Call, outcome: &Outcome) {
        match (call, outcome) {
            (Call::SignUp { email, password, .. }, Outcome::User(seen)) if is_contested(email) => {
                self.add(seen, *password);
            }
            (Call::SignUp { email, .. }, Outcome::User(seen)) => self.settled.push((email.clone(), seen.id.clone())),
            (Call::ById { .. } | Call::ByEmail { .. }, Outcome::User(seen)) => {
                // Whose sign-up was unanswered is met here; the name tells the password.
                if let Some(number) = seen.name.strip_prefix('s').and_then(|number| number.parse().ok())
                    && is_contested(&seen.email)
                {
                    self.add(seen, number);
                }
            }
            (Call::Remove { id, .. }, Outcome::User(_))
            | (
                Call::ById { id } | Call::Change { id, .. } | Call::Password { id, .. } | Call::Remove { id, .. },
                Outcome::Missing,
            ) => self.bury(id),
            (Call::Change { id, email, .. }, Outcome::User(_)) => {
                self.with(id, |person| person.email.clone_from(email));
            }
            (Call::Password { id, new, .. }, Outcome::Done) => self.with(id, |person| {
                person.passwords.push_front(*new);
                person.passwords.truncate(PASSWORDS_MAX);
            }),
            (Call::Password { id, new, .. }, Outcome::Unknown) => self.with(id, |person| {
                person.passwords.push_back(*new);
                if person.passwords.len() > PASSWORDS_MAX {
                    person.passwords.remove(1);
                }
            }),
            (
                Call::Change { id, password, .. } | Call::Password { id, password, .. } | Call::Remove { id, password },
                Outcome::WrongPassword,
            ) => self.with(id, |person| {
                if person.passwords.front() == Some(password) {
                    person.passwords.rotate_left(1);
                }
            }),
            _ => {}
        }
    }

    fn add(&mut self, seen: &Seen, password: PasswordNumber) {
        if self.gone.contains(&seen.id) || self.people.iter().any(|person| person.id == seen.id) {
            return;
        }
        let (id, email) = (seen.id.clone(), seen.email.clone());
        self.people.push(Person { id, email, passwords: VecDeque::from([password]) });
    }

    fn bury(&mut self, id: &str) {
        if let Some(place) = self.people.iter().position(|person| person.id == id) {
            self.gone.push_back(self.people.swap_remove(place).id);
            if self.gone.len() > GONE_MAX {
                self.gone.pop_front();
            }
        }
    }

    fn with(&mut self, id: &str, change: impl FnOnce(&mut Person)) {
        if let Some(person) = self.people.iter_mut().find(|person| person.id == id) {
            change(person);
        }
    }
}

fn pick<'a, T>(list: &'a [T], random: &SeededRandom) -> Option<&'a T> {
    if list.is_empty() {
        return None;
    }
    list.get(usize::try_from(below(random, list.len() as u64)).ok()?)
}
