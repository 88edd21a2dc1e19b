//! Why a use case did not do what was asked: a variant for each thing that a caller treats differently.
//!
//! What it is not: an answer. Which status and which words a variant becomes is decided in `http` alone.

use std::error::Error as StdError;

use crate::admin::InvalidCursor;
use crate::hashing::HashError;
use crate::key_encryption::KeyDecryptError;
use userd_core::{PasswordError, RateLimit, UserId};
use userd_store::StoreError;

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another user has, or is just about to get, the e-mail.
    #[error("another user has the e-mail")]
    EmailTaken,
    /// There is no user with this id or e-mail.
    #[error("there is no such user")]
    UnknownUser,
    /// The password is not the user's.
    #[error("the password is not the user's")]
    NotAuthenticated,
    /// The password is the user's, and an administrator has shut the account.
    #[error("the account is disabled")]
    Disabled,
    /// The password is the user's, and good for nothing but being changed.
    #[error("the password has expired")]
    PasswordExpired,
    /// The user is not in a state that the caller asked the change for.
    #[error("the user has changed since the state that the change was asked for")]
    PreconditionFailed,
    /// The new password breaks a rule that needs the user to be known.
    #[error("the new password is refused")]
    PasswordRejected {
        /// Which of the passwords in the request.
        field: PasswordField,
        /// The rule broken.
        #[source]
        rule: PasswordError,
    },
    /// Too many password hashes are under way.
    #[error("too many password hashes are under way")]
    Busy,
    /// The user changed under every attempt; nothing was changed here.
    #[error("the user changed under each of {attempts} attempts")]
    Contended {
        /// How many attempts were made.
        attempts: u32,
    },
    /// Too many passwords were tried.
    #[error("too many passwords were tried; the limit {} lets the next one through in {} ms", .0.name, .0.retry_after_ms)]
    RateLimited(LimitExceeded),
    /// The session has ended, or never was.
    #[error("the session has ended, or never was")]
    NoSession,
    /// The user has no such session.
    #[error("the user has no such session")]
    UnknownSession,
    /// The refresh token was used before, or is none.
    #[error("the refresh token is worth nothing: {0}")]
    RefreshRejected(&'static str),
    /// The cursor is none, or one of another list.
    #[error("the cursor {0}")]
    InvalidCursor(#[source] InvalidCursor),
    /// Tokens are for nobody of this name.
    #[error("the audience is none of those that are configured")]
    UnknownAudience,
    /// A key of the service can't be used.
    #[error("the key {id} of kind {kind} can't be used")]
    KeyUnusable {
        /// Which kind.
        kind: &'static str,
        /// Which.
        id: String,
        /// Why.
        #[source]
        source: KeyDecryptError,
    },
    /// A token could not be signed, or a key for it not be made.
    #[error("a token could not be signed")]
    SigningFailed(#[source] Box<dyn StdError + Send + Sync>),
    /// The store could not do its work.
    #[error("the store could not do its work")]
    Store(#[from] StoreError),
    /// What is kept of the user's password can't be checked.
    #[error("the password hash of user {id} can't be checked: {reason}")]
    HashUnreadable {
        /// Whose hash.
        id: UserId,
        /// What is wrong with it; never the hash.
        reason: &'static str,
    },
    /// The hash itself could not be computed.
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

/// Which of the passwords in a request a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordField {
    /// The only one.
    Password,
    /// The one that shall hold from now on.
    NewPassword,
}

impl Error {
    /// Signing, or making a key for it, failed because of `source`.
    pub(super) fn signing(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::SigningFailed(Box::new(source))
    }

    /// What the gate could not do when no stored hash was involved.
    pub(super) fn from_hashing(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            HashError::Unreadable(_) | HashError::Failed => Self::HashFailed(error),
        }
    }

    /// What the gate could not do with the hash of user `id`.
    pub(super) fn from_checking(error: HashError, id: UserId) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            HashError::Unreadable(reason) => Self::HashUnreadable { id, reason },
            HashError::Failed => Self::HashFailed(error),
        }
    }
}
