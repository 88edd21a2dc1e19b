//! What hashing and verifying return.

/// The result of verifying a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyOutcome {
    /// The password matches.
    Match {
        /// Whether the hash has other parameters or another scheme than the current ones, and should be replaced.
        needs_rehash: bool,
    },
    /// The password does not match.
    Mismatch,
}

/// Why nothing was hashed or verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The queue is full, or the wait was too long. Retry later.
    #[error("too many password hashes are in progress")]
    Busy,
    /// The stored hash has a scheme or a cost that is never computed.
    #[error("the stored hash can't be checked: {0}")]
    Unreadable(&'static str),
    /// The computation failed: out of memory, or a defect that the log names.
    #[error("the hash could not be computed")]
    Failed,
}
