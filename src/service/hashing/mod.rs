//! PLACEHOLDER written so that other layers compile; the real gate (own worker threads, bounded queue,
//! bounded wait) replaces the bodies and keeps these signatures.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{Password, PasswordAttempt, PasswordHash};
use crate::random::Random;

/// How expensive a hash is and how many may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashSettings {
    /// Argon2 memory in KiB.
    pub memory_kib: u32,
    /// Argon2 passes.
    pub passes: u32,
    /// Argon2 lanes.
    pub lanes: u32,
    /// Worker threads.
    pub workers: usize,
    /// Requests that may wait for a worker.
    pub queue: usize,
    /// How long a request may wait for a worker.
    pub wait: Duration,
}

/// What a check of a password found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password; `outdated` says that the hash should be made again with today's parameters.
    Match {
        /// The hash was made with other parameters or another scheme than today's.
        outdated: bool,
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
}

/// The gate in front of the one expensive thing.
pub struct Hasher {
    _random: Arc<dyn Random>,
}

impl Hasher {
    /// Starts the worker threads.
    ///
    /// # Errors
    /// If the settings are no Argon2 parameters or a thread can't be started.
    pub fn start(_settings: &HashSettings, random: Arc<dyn Random>) -> Result<Self, std::io::Error> {
        Ok(Self { _random: random })
    }

    /// A fresh hash of `password` with a fresh salt.
    ///
    /// # Errors
    /// [`HashError::Busy`].
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, HashError> {
        PasswordHash::parse(&format!("$fake$v=1$x=1$salt${}", password.expose())).map_err(|_| HashError::Busy)
    }

    /// A fresh hash of a password that was just found right, to replace an outdated one.
    ///
    /// # Errors
    /// [`HashError::Busy`].
    pub async fn rehash(&self, attempt: &PasswordAttempt) -> Result<PasswordHash, HashError> {
        PasswordHash::parse(&format!("$fake$v=1$x=1$salt${}", attempt.expose())).map_err(|_| HashError::Busy)
    }

    /// Is `attempt` the password that `stored` was made of? Without a stored hash the answer is
    /// [`Verdict::Mismatch`] at the same cost.
    ///
    /// # Errors
    /// [`HashError::Busy`] and [`HashError::Unreadable`].
    pub async fn verify(&self, attempt: &PasswordAttempt, stored: Option<&PasswordHash>) -> Result<Verdict, HashError> {
        let matches = stored.is_some_and(|hash| hash.as_str().ends_with(&format!("${}", attempt.expose())));
        Ok(if matches { Verdict::Match { outdated: false } } else { Verdict::Mismatch })
    }
}
