//! What hashing and verifying return.

/// What a check of a password found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyOutcome {
    /// It is the password; `needs_rehash` says that the hash should be made again with today's parameters.
    Match {
        /// The hash was made with other parameters or another scheme than today's.
        needs_rehash: bool,
    },
    /// It is not the password.
    Mismatch,
}

/// Why there is no hash and no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Too many are waiting, or this one waited too long. Try again later.
    #[error("too many password hashes are under way")]
    Busy,
    /// The stored hash is of a scheme or a cost that is never computed here.
    #[error("the stored hash can't be checked: {0}")]
    Unreadable(&'static str),
    /// The computation itself failed: no memory, or a defect that the log names.
    #[error("the hash could not be computed")]
    Failed,
}
