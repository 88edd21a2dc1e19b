//! The path segment that names a user: an id, an e-mail, or neither.

use crate::problem::{Problem, ProblemKind};
use userd_core::{User, UserId};
use userd_service::UserService;

/// How many characters of the segment a response repeats. An e-mail has at most 254 bytes.
const ECHO_CHARS_MAX: usize = 254;

/// The `@` and its two variants of other widths.
const AT: [char; 3] = ['@', '\u{ff20}', '\u{fe6b}'];

/// The user in a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UserRef<'r> {
    /// The segment as it was written.
    raw: &'r str,
    /// The id, if the segment parses as a UUID. Self-service needs the id.
    pub(super) parsed_id: Option<UserId>,
}

impl<'r> UserRef<'r> {
    /// The user whom the segment `raw` names.
    pub(super) fn new(raw: &'r str) -> Self {
        Self { raw, parsed_id: UserId::parse(raw) }
    }

    /// The id, for endpoints that accept only an id: users are changed by id.
    pub(super) fn id(self) -> Result<UserId, Problem> {
        self.parsed_id.ok_or_else(|| self.not_found())
    }

    /// The user, by id or e-mail.
    pub(super) async fn find(self, users: &UserService) -> Result<User, Problem> {
        let found = match self.parsed_id {
            Some(id) => users.user(id).await,
            None if self.is_email() => users.user_by_email(self.raw).await,
            None => return Err(self.not_found()),
        };
        found.map_err(|error| self.problem(error))
    }

    /// The problem of `error`. An unknown user is named as in the request.
    pub(super) fn problem(self, error: userd_service::Error) -> Problem {
        let problem = Problem::from(error);
        if problem.kind == ProblemKind::UserNotFound { self.not_found() } else { problem }
    }

    /// The user does not exist.
    pub(super) fn not_found(self) -> Problem {
        let noun = if self.is_email() { "user" } else { "id" };
        Problem::new(ProblemKind::UserNotFound, format!("{noun} {} not found", truncate(self.raw)))
    }

    /// Whether it is no id and has an `@` of any width; the look-up checks whether it is an e-mail.
    fn is_email(self) -> bool {
        self.parsed_id.is_none() && self.raw.contains(AT)
    }
}

fn truncate(text: &str) -> &str {
    text.char_indices().nth(ECHO_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}
