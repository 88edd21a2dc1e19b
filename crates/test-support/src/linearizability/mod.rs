//! A history of calls and answers, and a checker that decides whether one register for each e-mail address and one for
//! each user could have given these answers.
//!
//! - `recorder` records calls and answers with their times.
//! - `search` is the method: is there one order of the calls that explains every answer?
//! - `email_register` and `user_register` are the two kinds of register; `checker` splits a history into them.
//!
//! A linearizable history proves uniqueness (an address has one owner), read-your-writes (an answer counts from when it
//! was given), no resurrection (deleted is forever) and no lost acknowledged user. The checker knows nothing of stores,
//! protocols and HTTP: only what clients saw.
//!
//! Names identify writes: every recorded sign-up and change has a unique name.

pub mod checker;
pub mod email_register;
pub mod recorder;
pub mod search;
pub mod user_register;

use std::fmt;
use std::time::Duration;

/// Time since the recording began.
pub type HistoryTime = Duration;

/// Passwords are identified by number; the client knows the text.
pub type PasswordNumber = u64;

/// A client's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryCall {
    SignUp { email: String, name: String, password: PasswordNumber },
    ById { id: String },
    ByEmail { email: String },
    Change { id: String, name: String, email: String, password: PasswordNumber },
    Password { id: String, password: PasswordNumber, new: PasswordNumber },
    Remove { id: String, password: PasswordNumber },
}

/// A user as an answer shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedUser {
    pub id: String,
    /// The version, if the answer has one.
    pub version: Option<u64>,
    pub name: String,
    pub email: String,
}

/// The outcome of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// Done, with this user; after a deletion the user as it was.
    User(ObservedUser),
    /// Done, without a user in the answer.
    Done,
    /// The e-mail address belongs to another user, or is about to.
    Taken,
    /// There is no such user.
    Missing,
    /// It is not the user's password.
    WrongPassword,
    /// Rejected for now, late, or the connection broke: it may take effect any time after the call, or never.
    Unknown,
}

/// A call with its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    pub client: usize,
    pub call: HistoryCall,
    pub called: HistoryTime,
    /// When the answer arrived, or when it was clear that the call can have no further effect.
    pub answered: HistoryTime,
    pub outcome: CallOutcome,
}

impl HistoryCall {
    /// The e-mail address that the call requests for a user.
    pub fn wanted_email(&self) -> Option<&str> {
        match self {
            Self::SignUp { email, .. } | Self::Change { email, .. } => Some(email),
            _ => None,
        }
    }

    /// Whether it is a write.
    pub fn is_write(&self) -> bool {
        !matches!(self, Self::ById { .. } | Self::ByEmail { .. })
    }
}

impl fmt::Display for HistoryCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignUp { email, name, password } => write!(f, "sign up {email} as {name:?} with password {password}"),
            Self::ById { id } => write!(f, "look up {id}"),
            Self::ByEmail { email } => write!(f, "look up {email}"),
            Self::Change { id, name, email, password } => {
                write!(f, "change {id} to {name:?} {email}, password {password}")
            }
            Self::Password { id, password, new } => write!(f, "give {id} password {new} for {password}"),
            Self::Remove { id, password } => write!(f, "delete {id}, password {password}"),
        }
    }
}

impl fmt::Display for CallOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(ObservedUser { id, version, name, email }) => {
                let version = version.map(|version| format!(" v{version}")).unwrap_or_default();
                write!(f, "{id}{version} {name:?} {email}")
            }
            Self::Done => f.write_str("done"),
            Self::Taken => f.write_str("taken"),
            Self::Missing => f.write_str("no user"),
            Self::WrongPassword => f.write_str("wrong password"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl fmt::Display for HistoryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |moment: HistoryTime| moment.as_secs_f64() * 1000.0;
        let (called, answered) = (ms(self.called), ms(self.answered));
        write!(f, "{called:10.2} – {answered:10.2} ms  client {}: {} → {}", self.client, self.call, self.outcome)
    }
}
