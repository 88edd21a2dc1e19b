//! What the clients of a storm know together: existing users with their passwords, and deleted ones.
//!
//! It may be wrong, since answers get lost. The history checker does not use it; it only makes calls likely to succeed.

use std::collections::VecDeque;

use userd_core::random::SeededRandom;

use crate::linearizability::{CallOutcome, HistoryCall, ObservedUser, PasswordNumber};
use crate::random_numbers::{random_below, random_index};

/// How many deleted users are still looked up.
const DELETED_MAX: usize = 200;

/// How many passwords are tried in turn.
const PASSWORDS_MAX: usize = 4;

/// A user whom clients change and delete.
#[derive(Debug, Clone)]
pub(crate) struct KnownAccount {
    pub id: String,
    pub email: String,
    /// The first is believed to be the current one.
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
    /// E-mail address and id of users that are never changed.
    uncontested: Vec<(String, String)>,
}

/// The name of a sign-up; its number is that of the password, too.
pub(crate) fn sign_up_name(number: u64) -> String {
    format!("s{number}")
}

/// Whether an e-mail address is contended.
pub(crate) fn is_contested(email: &str) -> bool {
    email.starts_with("contested")
}

impl KnownAccounts {
    /// A random user that may be changed.
    pub(crate) fn random_account(&self, random: &SeededRandom) -> Option<&KnownAccount> {
        pick(&self.accounts, random)
    }

    /// The id of a random user: existing, never changed, or deleted.
    pub(crate) fn any_id(&self, random: &SeededRandom) -> Option<&str> {
        match random_below(random, 10) {
            0 if !self.deleted.is_empty() => self.deleted.get(random_index(random, self.deleted.len())),
            1 | 2 if !self.uncontested.is_empty() => pick(&self.uncontested, random).map(|(_, id)| id),
            _ => pick(&self.accounts, random).map(|account| &account.id),
        }
        .map(String::as_str)
    }

    /// The e-mail address of a user that is never changed.
    pub(crate) fn uncontested_email(&self, random: &SeededRandom) -> Option<&str> {
        pick(&self.uncontested, random).map(|(email, _)| email.as_str())
    }

    /// Learns from a call and its outcome.
    pub(crate) fn learn(&mut self, call: &HistoryCall, outcome: &CallOutcome) {
        match (call, outcome) {
            (HistoryCall::SignUp { email, password, .. }, CallOutcome::User(seen)) if is_contested(email) => {
                self.add(seen, *password);
            }
            (HistoryCall::SignUp { email, .. }, CallOutcome::User(seen)) => {
                self.uncontested.push((email.clone(), seen.id.clone()));
            }
            (HistoryCall::ById { .. } | HistoryCall::ByEmail { .. }, CallOutcome::User(seen)) => {
                // A user whose sign-up was not answered first appears here; the name implies the password.
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
    (!list.is_empty()).then(|| &list[random_index(random, list.len())])
}
