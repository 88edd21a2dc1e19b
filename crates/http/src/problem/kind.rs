//! The kinds of problems: the only place with statuses, slugs and titles.
//!
//! A slug is API: added, never renamed, listed in `docs/API.md`; a test holds the list and the page equal.
//! To add one: a variant, its place in `ALL`, its line in each of the three matches, its row on the page.

use rocket::http::Status;

/// What kind of problem it is: what a client decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The request can't be understood at all.
    BadRequest,
    /// The body is no JSON.
    MalformedJson,
    /// The password is not the user's.
    InvalidCredentials,
    /// Nobody is signed in with what was shown.
    AuthenticationRequired,
    /// The refresh token is worth nothing.
    InvalidRefreshToken,
    /// Who asks may not do that.
    Forbidden,
    /// The password is right, and an administrator has shut the account.
    AccountDisabled,
    /// The password is right, and good for nothing but being changed.
    PasswordExpired,
    /// A browser asks on behalf of another site.
    CrossSite,
    /// There is nothing at this path.
    NotFound,
    /// There is no such user.
    UserNotFound,
    /// The user has no such session.
    SessionNotFound,
    /// The path does not have this method.
    MethodNotAllowed,
    /// The body took too long to arrive.
    BodyTimeout,
    /// Another user has the e-mail.
    EmailTaken,
    /// The user is not in a state that `If-Match` names.
    PreconditionFailed,
    /// The body is too large.
    BodyTooLarge,
    /// The body is of a kind that is not taken.
    UnsupportedMediaType,
    /// Fields of the body are wrong.
    InvalidFields,
    /// Too many passwords were tried.
    TooManyAttempts,
    /// A mistake in userd.
    Internal,
    /// What is kept of this user can't be read.
    RecordUnreadable,
    /// Too many password hashes are under way.
    Busy,
    /// The user changed under every attempt.
    Contended,
    /// The store is lost, slow or full.
    StoreUnavailable,
}

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 25] = [
        Self::BadRequest,
        Self::MalformedJson,
        Self::InvalidCredentials,
        Self::AuthenticationRequired,
        Self::InvalidRefreshToken,
        Self::Forbidden,
        Self::AccountDisabled,
        Self::PasswordExpired,
        Self::CrossSite,
        Self::NotFound,
        Self::UserNotFound,
        Self::SessionNotFound,
        Self::MethodNotAllowed,
        Self::BodyTimeout,
        Self::EmailTaken,
        Self::PreconditionFailed,
        Self::BodyTooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidFields,
        Self::TooManyAttempts,
        Self::Internal,
        Self::RecordUnreadable,
        Self::Busy,
        Self::Contended,
        Self::StoreUnavailable,
    ];

    /// The status of the answer.
    #[must_use]
    pub fn status_code(self) -> u16 {
        match self {
            Self::BadRequest | Self::MalformedJson => 400,
            Self::InvalidCredentials | Self::AuthenticationRequired | Self::InvalidRefreshToken => 401,
            Self::Forbidden | Self::AccountDisabled | Self::PasswordExpired | Self::CrossSite => 403,
            Self::NotFound | Self::UserNotFound | Self::SessionNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::BodyTimeout => 408,
            Self::EmailTaken => 409,
            Self::PreconditionFailed => 412,
            Self::BodyTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::InvalidFields => 422,
            Self::TooManyAttempts => 429,
            Self::Internal | Self::RecordUnreadable => 500,
            Self::Busy | Self::Contended | Self::StoreUnavailable => 503,
        }
    }

    /// The last part of `urn:userd:problem:<slug>`.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::MalformedJson => "malformed-json",
            Self::InvalidCredentials => "invalid-credentials",
            Self::AuthenticationRequired => "authentication-required",
            Self::InvalidRefreshToken => "invalid-refresh-token",
            Self::Forbidden => "forbidden",
            Self::AccountDisabled => "account-disabled",
            Self::PasswordExpired => "password-expired",
            Self::CrossSite => "cross-site",
            Self::NotFound => "not-found",
            Self::UserNotFound => "user-not-found",
            Self::SessionNotFound => "session-not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::BodyTimeout => "body-timeout",
            Self::EmailTaken => "email-taken",
            Self::PreconditionFailed => "precondition-failed",
            Self::BodyTooLarge => "body-too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::InvalidFields => "invalid-fields",
            Self::TooManyAttempts => "too-many-attempts",
            Self::Internal => "internal",
            Self::RecordUnreadable => "record-unreadable",
            Self::Busy => "busy",
            Self::Contended => "contended",
            Self::StoreUnavailable => "store-unavailable",
        }
    }

    /// The kind in a few words, the same for every problem of the kind.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "Bad request",
            Self::MalformedJson => "Malformed JSON",
            Self::InvalidCredentials => "Invalid credentials",
            Self::AuthenticationRequired => "Authentication required",
            Self::InvalidRefreshToken => "Invalid refresh token",
            Self::Forbidden => "Forbidden",
            Self::AccountDisabled => "Account disabled",
            Self::PasswordExpired => "Password expired",
            Self::CrossSite => "Cross-site request blocked",
            Self::NotFound => "Not found",
            Self::UserNotFound => "User not found",
            Self::SessionNotFound => "Session not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::BodyTimeout => "Request body timeout",
            Self::EmailTaken => "E-mail address already in use",
            Self::PreconditionFailed => "Precondition failed",
            Self::BodyTooLarge => "Request body too large",
            Self::UnsupportedMediaType => "Unsupported media type",
            Self::InvalidFields => "Invalid fields",
            Self::TooManyAttempts => "Too many attempts",
            Self::Internal => "Internal server error",
            Self::RecordUnreadable => "Unreadable user record",
            Self::Busy => "Server busy",
            Self::Contended => "Too much contention",
            Self::StoreUnavailable => "Store unavailable",
        }
    }

    pub(crate) fn status(self) -> Status {
        Status::new(self.status_code())
    }

    /// Headers that RFC 9110 asks for with some statuses. A password travels in the body, for which no
    /// authentication scheme is registered; one that no browser knows keeps it from asking for a password.
    /// What is waited for after a 503 is one hash or one reconnection: both are a matter of a second.
    pub(super) fn header(self) -> Option<(&'static str, &'static str)> {
        match self.status_code() {
            401 if self == Self::InvalidCredentials => Some(("WWW-Authenticate", "Password-In-Body realm=\"userd\"")),
            401 => Some(("WWW-Authenticate", "Bearer realm=\"userd\"")),
            408 | 413 => Some(("Connection", "close")),
            503 => Some(("Retry-After", "1")),
            _ => None,
        }
    }
}
