//! The path segment that names a user: an id, an e-mail, or neither.

use std::convert::Infallible;

use rocket::request::FromParam;

use crate::problem::{Problem, ProblemKind};
use userd_core::{User, UserId};
use userd_service::UserService;

/// How many characters of the segment a response repeats. An e-mail has at most 254 bytes.
const ECHO_CHARS_MAX: usize = 254;

/// The `@` and its two variants of other widths.
const AT: [char; 3] = ['@', '\u{ff20}', '\u{fe6b}'];

/// The user in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserRef<'r> {
    /// It parses as a UUID.
    Id {
        /// The id.
        id: UserId,
        /// The segment as it was written.
        raw: &'r str,
    },
    /// It has an `@` of any width; the look-up checks whether it is an e-mail.
    Email(&'r str),
    /// Neither: no user has it.
    Invalid(&'r str),
}

impl UserRef<'_> {
    /// The id, for endpoints that accept only an id: users are changed by id.
    pub(super) fn id(self) -> Result<UserId, Problem> {
        self.as_id().ok_or_else(|| self.not_found())
    }

    /// The id, if it is one: self-service needs the id.
    pub(super) fn as_id(self) -> Option<UserId> {
        match self {
            Self::Id { id, .. } => Some(id),
            Self::Email(_) | Self::Invalid(_) => None,
        }
    }

    /// The user, by id or e-mail.
    pub(super) async fn find(self, users: &UserService) -> Result<User, Problem> {
        let found = match self {
            Self::Id { id, .. } => users.user(id).await,
            Self::Email(address) => users.user_by_email(address).await,
            Self::Invalid(_) => return Err(self.not_found()),
        };
        found.map_err(|error| self.problem(error))
    }

    /// The problem of `error`. An unknown user is named as in the request.
    pub(super) fn problem(self, error: userd_service::Error) -> Problem {
        let problem = Problem::from(error);
        if problem.kind() == ProblemKind::UserNotFound { self.not_found() } else { problem }
    }

    /// The user does not exist.
    pub(super) fn not_found(self) -> Problem {
        let detail = match self {
            Self::Id { raw, .. } | Self::Invalid(raw) => format!("id {} not found", truncate(raw)),
            Self::Email(raw) => format!("user {} not found", truncate(raw)),
        };
        Problem::new(ProblemKind::UserNotFound, detail)
    }
}

impl<'r> FromParam<'r> for UserRef<'r> {
    /// Never fails: Rocket answers a failing parameter guard with 422.
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
