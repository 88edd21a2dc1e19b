//! What clients asked and were told, and a judge who decides whether one register for each e-mail and one for
//! each user could have told them that.
//!
//! - `recorder` writes down calls and answers with their times.
//! - `search` is the judge's method: can these calls be put in one order that explains every answer?
//! - `emails` and `users` are the two kinds of register; `checker` takes a history apart into them.
//!
//! Judged like this, a history proves uniqueness (an e-mail's register has one owner), read-your-writes (an
//! answer counts from when it was given), no resurrection (gone is for ever) and no lost acknowledged user. It
//! knows nothing of stores, protocols and HTTP: only what clients saw.
//!
//! Names tell writes apart: whoever records gives every sign-up and every change a name that nobody else gives.

pub mod checker;
pub mod email_register;
pub mod recorder;
pub mod search;
pub mod user_register;

use std::fmt;
use std::time::Duration;

/// Time since the recording began.
pub type HistoryTime = Duration;

/// Passwords are told apart by number; which text belongs to it is the client's affair.
pub type PasswordNumber = u64;

/// What a client asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryCall {
    SignUp { email: String, name: String, password: PasswordNumber },
    ById { id: String },
    ByEmail { email: String },
    Change { id: String, name: String, email: String, password: PasswordNumber },
    Password { id: String, password: PasswordNumber, new: PasswordNumber },
    Remove { id: String, password: PasswordNumber },
}

/// A user as an answer showed them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedUser {
    pub id: String,
    /// Where the answer says it.
    pub version: Option<u64>,
    pub name: String,
    pub email: String,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// Done, and this is the user; after a removal the user that was.
    User(ObservedUser),
    /// Done, and no user was shown.
    Done,
    /// The e-mail is somebody else's, or just about to be.
    Taken,
    /// There is no such user.
    Missing,
    /// It is not the user's password.
    WrongPassword,
    /// Refused for now, late, or the connection broke: it may have happened any time after the call, or never.
    Unknown,
}

/// One call and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    pub client: usize,
    pub call: HistoryCall,
    pub called: HistoryTime,
    /// When the answer was there, or when it was clear that nobody works on the call any more.
    pub answered: HistoryTime,
    pub outcome: CallOutcome,
}

impl HistoryCall {
    /// The e-mail that the call wants for a user.
    pub fn wanted_email(&self) -> Option<&str> {
        match self {
            Self::SignUp { email, .. } | Self::Change { email, .. } => Some(email),
            _ => None,
        }
    }

    /// Whether it wants to change something.
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
            Self::Missing => f.write_str("nobody"),
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
