//! The register of one user: absent, active, or deleted forever.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use super::search::RegisterModel;
use super::{ObservedUser, PasswordNumber};

/// The states of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserState<'a> {
    Absent,
    Active { version: u64, name: &'a str, email: &'a str, password: PasswordNumber },
    Gone,
}

/// An operation on one user. Texts are borrowed from the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserOperation<'a> {
    SignUp {
        name: &'a str,
        email: &'a str,
        password: PasswordNumber,
    },
    /// The version after it, if the answer has it.
    Change {
        name: &'a str,
        email: &'a str,
        password: PasswordNumber,
        version: Option<u64>,
    },
    Password {
        password: PasswordNumber,
        new: PasswordNumber,
    },
    /// The user as it was, if the answer has it.
    Remove {
        password: PasswordNumber,
        was: Option<&'a ObservedUser>,
    },
    Found(&'a ObservedUser),
    NotFound,
    WrongPassword(PasswordNumber),
    RightPassword(PasswordNumber),
}

impl UserOperation<'_> {
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Found(_) | Self::NotFound | Self::WrongPassword(_) | Self::RightPassword(_))
    }
}

/// One user. Each change raises the version by one, so a version in the answer to one change belongs to no other.
pub struct UserRegister<'a> {
    versions_given: BTreeSet<u64>,
    texts: PhantomData<&'a str>,
}

impl UserRegister<'_> {
    pub fn new(versions_given: BTreeSet<u64>) -> Self {
        Self { versions_given, texts: PhantomData }
    }
}

impl<'a> RegisterModel for UserRegister<'a> {
    type State = UserState<'a>;
    type Act = UserOperation<'a>;

    fn apply(&self, state: &Self::State, act: &Self::Act) -> Option<Self::State> {
        let UserState::Active { version, name, email, password } = *state else {
            return match (*act, *state) {
                (UserOperation::SignUp { name, email, password }, UserState::Absent) => {
                    Some(UserState::Active { version: 1, name, email, password })
                }
                (UserOperation::NotFound, other) => Some(other),
                _ => None,
            };
        };
        let is_shown = |seen: &ObservedUser| {
            seen.name == name && seen.email == email && seen.version.is_none_or(|shown| shown == version)
        };
        let next = version + 1;
        let ours = |given: Option<u64>| given.map_or(!self.versions_given.contains(&next), |given| given == next);
        match *act {
            UserOperation::Change { name, email, password: proof, version: given }
                if proof == password && ours(given) =>
            {
                Some(UserState::Active { version: next, name, email, password })
            }
            UserOperation::Password { password: proof, new } if proof == password && ours(None) => {
                Some(UserState::Active { version: next, name, email, password: new })
            }
            UserOperation::Remove { password: proof, was } if proof == password && was.is_none_or(is_shown) => {
                Some(UserState::Gone)
            }
            UserOperation::Found(seen) if is_shown(seen) => Some(*state),
            UserOperation::WrongPassword(other) if other != password => Some(*state),
            UserOperation::RightPassword(proof) if proof == password => Some(*state),
            _ => None,
        }
    }
}
