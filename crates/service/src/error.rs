//! Errors of use cases: one variant for each case that callers treat differently.
//!
//! They are not responses: `http` alone maps them to a status and a problem.

use std::error::Error as StdError;

use crate::admin::InvalidCursor;
use crate::hashing::HashError;
use crate::key_encryption::KeyDecryptError;
use userd_core::{PasswordError, RateLimit, UserId};
use userd_store::StoreError;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another user has the e-mail, or is about to get it.
    #[error("another user has the e-mail")]
    EmailTaken,
    /// There is no user with this id or e-mail.
    #[error("there is no such user")]
    UnknownUser,
    /// The password is not the user's.
    #[error("the password is not the user's")]
    NotAuthenticated,
    /// The password is right, and the account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The password is right, and has expired.
    #[error("the password has expired")]
    PasswordExpired,
    /// The user's version does not meet the precondition.
    #[error("the user has another version than the precondition requires")]
    PreconditionFailed,
    /// The new password breaks a rule that depends on the user.
    #[error("the new password is rejected")]
    PasswordRejected {
        /// The field of the request: `password` or `new_password`.
        field: &'static str,
        /// The rule broken.
        #[source]
        rule: PasswordError,
    },
    /// Too many password hashes are in progress.
    #[error("too many password hashes are in progress")]
    Busy,
    /// The user changed during each attempt; nothing was written.
    #[error("the user changed during each of {attempts} attempts")]
    Contended {
        /// How many attempts were made.
        attempts: u32,
    },
    /// A rate limit rejected the attempt.
    #[error("too many password attempts; the rate limit {} allows the next one in {} ms", .0.name, .0.retry_after_ms)]
    RateLimited(LimitExceeded),
    /// The session has ended or never existed.
    #[error("the session has ended or never existed")]
    NoSession,
    /// The user has no such session.
    #[error("the user has no such session")]
    UnknownSession,
    /// The refresh token was used before or is invalid.
    #[error("the refresh token is invalid: {0}")]
    RefreshRejected(&'static str),
    /// The cursor is invalid or belongs to another list.
    #[error("the cursor {0}")]
    InvalidCursor(#[source] InvalidCursor),
    /// The requested audience is not configured.
    #[error("the audience is not one of those configured")]
    UnknownAudience,
    /// A key of the service can't be used.
    #[error("the key {id} of kind {kind} can't be used")]
    KeyUnusable {
        /// The kind of key.
        kind: &'static str,
        /// The id.
        id: String,
        /// The cause.
        #[source]
        source: KeyDecryptError,
    },
    /// A token could not be signed, or a signing key not be created.
    #[error("a token could not be signed")]
    SigningFailed(#[source] Box<dyn StdError + Send + Sync>),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The user's stored password hash can't be verified.
    #[error("the password hash of user {id} can't be checked: {reason}")]
    HashUnreadable {
        /// The user.
        id: UserId,
        /// The reason; never contains the hash.
        reason: &'static str,
    },
    /// The hash could not be computed.
    #[error("a password hash could not be computed")]
    HashFailed(#[source] HashError),
}

/// The rate limit that rejected a password attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitExceeded {
    /// Its name, as the headers have it.
    pub name: &'static str,
    /// Its rate.
    pub rate: RateLimit,
    /// How long until it allows the next attempt, in milliseconds.
    pub retry_after_ms: u64,
}

impl Error {
    /// Wraps an error of signing or of creating a signing key.
    pub(super) fn signing(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::SigningFailed(Box::new(source))
    }

    /// Maps an error of the hash pool; `id` is the user whose stored hash was verified.
    pub(super) fn from_hashing(error: HashError, id: Option<UserId>) -> Self {
        match (error, id) {
            (HashError::Busy, _) => Self::Busy,
            (HashError::Unreadable(reason), Some(id)) => Self::HashUnreadable { id, reason },
            (HashError::Unreadable(_) | HashError::Failed, _) => Self::HashFailed(error),
        }
    }
}
