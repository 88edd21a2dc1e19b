//! The problem of each error of a use case. Exhaustive: a new error does not compile without one.

use super::details::{FieldError, Problem};
use super::kind::ProblemKind;
use userd_service::{Error, LimitExceeded};
use userd_store::StoreError;

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::EmailTaken => ProblemKind::EmailTaken,
            Error::UnknownUser => return Self::new(ProblemKind::UserNotFound, "user not found").with_cause(error),
            Error::NotAuthenticated => ProblemKind::InvalidCredentials,
            Error::Disabled => ProblemKind::AccountDisabled,
            Error::PasswordExpired => ProblemKind::PasswordExpired,
            Error::PreconditionFailed => ProblemKind::PreconditionFailed,
            Error::PasswordRejected { field, rule } => return invalid_field(field, rule.to_string()),
            Error::UnknownAudience => {
                let rule = "is not an allowed audience (token.audience in userd's configuration)";
                return invalid_field("audience", rule);
            }
            Error::InvalidCursor(reason) => return invalid_field("cursor", reason.to_string()),
            Error::RateLimited(limit) => {
                let problem = Self::usual(ProblemKind::TooManyAttempts);
                let each = rate_limit_headers(limit).into_iter();
                return each.fold(problem, |problem, (name, value)| problem.with_header(name, value)).with_cause(error);
            }
            Error::NoSession => ProblemKind::AuthenticationRequired,
            Error::UnknownSession => ProblemKind::SessionNotFound,
            Error::RefreshRejected(_) => ProblemKind::InvalidRefreshToken,
            Error::Busy => ProblemKind::Busy,
            Error::Contended { .. } => ProblemKind::Contended,
            Error::Store(StoreError::Unavailable(_)) => ProblemKind::StoreUnavailable,
            Error::Store(StoreError::Corrupt { .. }) | Error::HashUnreadable { .. } => ProblemKind::RecordUnreadable,
            Error::HashFailed(_) | Error::SigningFailed(_) | Error::KeyUnusable { .. } => ProblemKind::Internal,
        };
        Self::usual(kind).with_cause(error)
    }
}

fn invalid_field(name: &str, rule: impl Into<String>) -> Problem {
    let error = FieldError::new(name, rule);
    Problem::invalid_fields(error.sentence(), vec![error])
}

/// When to try again, and the limit (draft-ietf-httpapi-ratelimit-headers): `q` requests at once in a window of `w`
/// seconds; `r` are left, and in `t` seconds there is one more.
fn rate_limit_headers(limit: &LimitExceeded) -> [(&'static str, String); 3] {
    let LimitExceeded { name, rate, retry_after_ms } = limit;
    let seconds = retry_after_ms.div_ceil(1000).max(1);
    let window = rate.interval_ms.saturating_mul(rate.burst).div_ceil(1000).max(1);
    [
        ("Retry-After", seconds.to_string()),
        ("RateLimit-Policy", format!("\"{name}\";q={};w={window}", rate.burst)),
        ("RateLimit", format!("\"{name}\";r=0;t={seconds}")),
    ]
}
