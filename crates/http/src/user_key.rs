//! The path segment that names a user: an id, an e-mail, or nothing that could name one.

use std::convert::Infallible;

use rocket::request::FromParam;

use super::problem::{Problem, ProblemKind};
use userd_core::UserId;

/// How much of what was asked for an answer repeats, in characters. An e-mail has at most 254 bytes.
const ECHO_CHARS_MAX: usize = 254;

/// The `@` and the two characters that stand for it in other widths.
const AT: [char; 3] = ['@', '\u{ff20}', '\u{fe6b}'];

/// The user that a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserKey<'r> {
    /// It parses as a UUID.
    Id {
        /// The id.
        id: UserId,
        /// As it was written.
        asked: &'r str,
    },
    /// It has an `@` of any width; whether it is an address is found out later.
    Email(&'r str),
    /// Neither: nobody.
    Other(&'r str),
}

impl UserKey<'_> {
    /// The id, where only an id will do: users are changed by their id.
    pub(super) fn id(self) -> Result<UserId, Problem> {
        match self {
            Self::Id { id, .. } => Ok(id),
            Self::Email(_) | Self::Other(_) => Err(self.not_found()),
        }
    }

    /// The id, if it is one: nobody is known as their own by anything else.
    pub(super) fn own(self) -> Option<UserId> {
        match self {
            Self::Id { id, .. } => Some(id),
            Self::Email(_) | Self::Other(_) => None,
        }
    }

    /// The problem that `error` is. That a user is unknown is said in the words of the request.
    pub(super) fn problem(self, error: userd_service::Error) -> Problem {
        let problem = Problem::from(error);
        if problem.kind() == ProblemKind::UserNotFound { self.not_found() } else { problem }
    }

    /// There is nobody of that name.
    pub(super) fn not_found(self) -> Problem {
        let detail = match self {
            Self::Id { asked, .. } | Self::Other(asked) => format!("id {} not found", capped(asked)),
            Self::Email(asked) => format!("user {} not found", capped(asked)),
        };
        Problem::new(ProblemKind::UserNotFound, detail)
    }
}

impl<'r> FromParam<'r> for UserKey<'r> {
    /// Never: a failing parameter guard would be a 422 of Rocket's.
    type Error = Infallible;

    fn from_param(param: &'r str) -> Result<Self, Infallible> {
        Ok(match UserId::parse(param) {
            Some(id) => Self::Id { id, asked: param },
            None if param.contains(AT) => Self::Email(param),
            None => Self::Other(param),
        })
    }
}

fn capped(text: &str) -> &str {
    text.char_indices().nth(ECHO_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}
