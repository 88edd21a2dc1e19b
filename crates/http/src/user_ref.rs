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
pub(super) enum UserRef<'r> {
    /// It parses as a UUID.
    Id {
        /// The id.
        id: UserId,
        /// As it was written.
        raw: &'r str,
    },
    /// It has an `@` of any width; whether it is an address is found out later.
    Email(&'r str),
    /// Neither: nobody.
    Invalid(&'r str),
}

impl UserRef<'_> {
    /// The id, where only an id will do: users are changed by their id.
    pub(super) fn id(self) -> Result<UserId, Problem> {
        match self {
            Self::Id { id, .. } => Ok(id),
            Self::Email(_) | Self::Invalid(_) => Err(self.not_found()),
        }
    }

    /// The id, if it is one: nobody is known as their own by anything else.
    pub(super) fn as_id(self) -> Option<UserId> {
        match self {
            Self::Id { id, .. } => Some(id),
            Self::Email(_) | Self::Invalid(_) => None,
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
            Self::Id { raw, .. } | Self::Invalid(raw) => format!("id {} not found", truncate(raw)),
            Self::Email(raw) => format!("user {} not found", truncate(raw)),
        };
        Problem::new(ProblemKind::UserNotFound, detail)
    }
}

impl<'r> FromParam<'r> for UserRef<'r> {
    /// Never: a failing parameter guard would be a 422 of Rocket's.
    type Error = Infallible;

    fn from_param(param: &'r str) -> Result<Self, Infallible> {
        Ok(match UserId::parse(param) {
            Some(id) => Self::Id { id, raw: param },
            None if param.contains(AT) => Self::Email(param),
            None => Self::Invalid(param),
        })
    }
}

fn truncate(text: &str) -> &str {
    text.char_indices().nth(ECHO_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}
