//! What the clients of a storm know together: who is there, with which password, and who is gone.
//!
//! It may be wrong, since answers get lost. The judge does not look at it; it only makes calls that have a chance.

use std::collections::VecDeque;

use userd_core::random::SeededRandom;

use super::target::below;
use crate::linearizability::{CallOutcome, HistoryCall, ObservedUser, PasswordNumber};

/// How many of those who are gone are still asked for.
const DELETED_MAX: usize = 200;

/// How many passwords are tried in turn.
const PASSWORDS_MAX: usize = 4;

/// Somebody whom clients change and delete.
#[derive(Debug, Clone)]
pub(crate) struct KnownAccount {
    pub id: String,
    pub email: String,
    /// The first is believed to be right.
    passwords: VecDeque<PasswordNumber>,
}

impl KnownAccount {
    pub(crate) fn password(&self) -> PasswordNumber {
        self.passwords.front().copied().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub struct KnownAccounts {
    accounts: Vec<KnownAccount>,
    deleted: VecDeque<String>,
    /// E-mail and id of those whom nobody changes.
    uncontested: Vec<(String, String)>,
}

/// The name that a sign-up gives; its number is that of the password, too.
pub(crate) fn sign_up_name(number: u64) -> String {
    format!("s{number}")
}

/// Whether an e-mail is one that many want.
pub(crate) fn is_contested(email: &str) -> bool {
    email.starts_with("contested")
}

impl KnownAccounts {
    /// Anybody of those who may be changed.
    pub(crate) fn random_account(&self, random: &SeededRandom) -> Option<&KnownAccount> {
        pick(&self.accounts, random)
    }

    /// Somebody's id: somebody who is there, settled or not, or gone.
    pub(crate) fn any_id(&self, random: &SeededRandom) -> Option<&str> {
        match below(random, 10) {
            0 if !self.deleted.is_empty() => {
                self.deleted.get(usize::try_from(below(random, self.deleted.len() as u64)).ok()?)
            }
            1 | 2 if !self.uncontested.is_empty() => pick(&self.uncontested, random).map(|(_, id)| id),
            _ => pick(&self.accounts, random).map(|account| &account.id),
        }
        .map(String::as_str)
    }

    /// The e-mail of somebody settled.
    pub(crate) fn uncontested_email(&self, random: &SeededRandom) -> Option<&str> {
        pick(&self.uncontested, random).map(|(email, _)| email.as_str())
    }

    /// Learns from a call and its answer.
    pub(crate) fn learn(&mut self, call: &HistoryCall, outcome: &CallOutcome) {
        match (call, outcome) {
            (HistoryCall::SignUp { email, password, .. }, CallOutcome::User(seen)) if is_contested(email) => {
                self.add(seen, *password);
            }
            (HistoryCall::SignUp { email, .. }, CallOutcome::User(seen)) => {
                self.uncontested.push((email.clone(), seen.id.clone()))
            }
            (HistoryCall::ById { .. } | HistoryCall::ByEmail { .. }, CallOutcome::User(seen)) => {
                // Whose sign-up was unanswered is met here; the name tells the password.
                if let Some(number) = seen.name.strip_prefix('s').and_then(|number| number.parse().ok())
                    && is_contested(&seen.email)
                {
                    self.add(seen, number);
                }
            }
            (HistoryCall::Remove { id, .. }, CallOutcome::User(_))
            | (
                HistoryCall::ById { id }
                | HistoryCall::Change { id, .. }
                | HistoryCall::Password { id, .. }
                | HistoryCall::Remove { id, .. },
                CallOutcome::Missing,
            ) => self.mark_deleted(id),
            (HistoryCall::Change { id, email, .. }, CallOutcome::User(_)) => {
                self.with(id, |account| account.email.clone_from(email));
            }
            (HistoryCall::Password { id, new, .. }, CallOutcome::Done) => self.with(id, |account| {
                account.passwords.push_front(*new);
                account.passwords.truncate(PASSWORDS_MAX);
            }),
            (HistoryCall::Password { id, new, .. }, CallOutcome::Unknown) => self.with(id, |account| {
                account.passwords.push_back(*new);
                if account.passwords.len() > PASSWORDS_MAX {
                    account.passwords.remove(1);
                }
            }),
            (
                HistoryCall::Change { id, password, .. }
                | HistoryCall::Password { id, password, .. }
                | HistoryCall::Remove { id, password },
                CallOutcome::WrongPassword,
            ) => self.with(id, |account| {
                if account.passwords.front() == Some(password) {
                    account.passwords.rotate_left(1);
                }
            }),
            _ => {}
        }
    }

    fn add(&mut self, seen: &ObservedUser, password: PasswordNumber) {
        if self.deleted.contains(&seen.id) || self.accounts.iter().any(|account| account.id == seen.id) {
            return;
        }
        let (id, email) = (seen.id.clone(), seen.email.clone());
        self.accounts.push(KnownAccount { id, email, passwords: VecDeque::from([password]) });
    }

    fn mark_deleted(&mut self, id: &str) {
        if let Some(place) = self.accounts.iter().position(|account| account.id == id) {
            self.deleted.push_back(self.accounts.swap_remove(place).id);
            if self.deleted.len() > DELETED_MAX {
                self.deleted.pop_front();
            }
        }
    }

    fn with(&mut self, id: &str, change: impl FnOnce(&mut KnownAccount)) {
        if let Some(account) = self.accounts.iter_mut().find(|account| account.id == id) {
            change(account);
        }
    }
}

fn pick<'a, T>(list: &'a [T], random: &SeededRandom) -> Option<&'a T> {
    if list.is_empty() {
        return None;
    }
    list.get(usize::try_from(below(random, list.len() as u64)).ok()?)
}
