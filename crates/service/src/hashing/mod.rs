//! Password hashing with admission control. New hashes are Argon2id; stored ones keep their scheme until the next
//! sign-in.
//!
//! A hash takes tens of milliseconds of a core and 19 MiB, so it must not compete with requests that take microseconds.
//! Hashing has a fixed number of threads at the lowest scheduling priority, a bounded queue and a bounded wait. What
//! does not fit is [`HashError::Busy`] at once, a 503.
//!
//! - `pool` has the queue and the threads; it knows nothing of passwords.
//! - `engine` computes, with memory that each thread reuses.
//! - `imported` computes imported hashes: bcrypt, scrypt, PBKDF2.
//! - `stored` parses a stored hash and checks `limits` *before* anything is computed.
//! - `settings` has the validated settings.
//!
//! Not here: the password policy (`core`), rate limits (`service::rate_limit`), replacing a hash (the use case does, on
//! [`VerifyOutcome::Match`] with `needs_rehash`).
//!
//! # Timing
//! An unknown user costs one hash with the current parameters, and so does a wrong password for a user with a current
//! hash. A wrong password against an *outdated* hash costs that hash plus a current one, so that cheap old hashes do
//! not answer faster than unknown users. They answer somewhat slower, until the user's next sign-in replaces the hash.
//! For imported accounts the difference is large: bcrypt at cost 12 takes ten times a current hash. Until its owner
//! signs in, an attempt therefore reveals that such an account exists. Hiding it would cost every unknown user as much
//! as the most expensive hash in the store.

mod engine;
mod imported;
mod limits;
mod outcome;
mod pool;
mod settings;
mod stored;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::Instrument as _;
use zeroize::Zeroizing;

use userd_core::random::Random;
use userd_core::{Password, PasswordAttempt, PasswordHash};
use userd_metrics::Metrics;

use engine::{HashEngine, PasswordCandidate};
use pool::HashPool;
use stored::HashCost;

pub use outcome::{HashError, VerifyOutcome};
pub use settings::{HashSettings, HashSettingsError};

/// Whether a [`PasswordHasher`] with these settings can verify `hash`. Imports use it, because a user with another hash
/// could never sign in.
///
/// # Errors
/// [`HashError::Unreadable`] with the limit that it exceeds.
pub fn check_stored_hash(hash: &PasswordHash, settings: &HashSettings) -> Result<(), HashError> {
    stored::parse_stored(hash, &HashCost::current(settings)).map(|_| ())
}

/// Hashes and verifies passwords. Dropping it waits for the hashes in progress and ends the threads.
pub struct PasswordHasher {
    pool: HashPool<HashEngine>,
    current: HashCost,
    hashes: Arc<AtomicU64>,
}

impl PasswordHasher {
    /// Starts the threads, `userd-hash-0` and so on. They allocate memory with their first hash, and count in
    /// `metrics`.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] with a [`HashSettingsError`] if [`HashSettings::check`] fails; otherwise the
    /// reason why a thread can't be started.
    #[expect(clippy::needless_pass_by_value, reason = "each worker keeps a handle of its own to it")]
    pub fn start(settings: &HashSettings, random: Arc<dyn Random>, metrics: Arc<Metrics>) -> Result<Self, io::Error> {
        settings.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let current = HashCost::current(settings);
        let hashes = Arc::new(AtomicU64::new(0));
        let engines = (0..settings.workers).map(|_| HashEngine::new(current, Arc::clone(&random), Arc::clone(&hashes)));
        let pool = HashPool::start("userd-hash", engines, settings.queue, settings.wait, metrics)?;
        Ok(Self { pool, current, hashes })
    }

    /// Hashes `password` with a fresh salt.
    ///
    /// # Errors
    /// [`HashError::Busy`], or [`HashError::Failed`].
    pub async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let text = Zeroizing::new(password.expose().to_owned());
        self.run(move |engine| engine.hash(text.as_bytes())).await
    }

    /// Hashes a verified password again, to replace an outdated hash. It hashes the normalised form, whichever form was
    /// verified.
    ///
    /// # Errors
    /// [`HashError::Busy`], or [`HashError::Failed`].
    pub async fn rehash(&self, attempt: &PasswordAttempt) -> Result<PasswordHash, HashError> {
        let normalised = attempt.normalised();
        self.run(move |engine| engine.hash(normalised.as_bytes())).await
    }

    /// Verifies `attempt` against `stored`. Without a stored hash the result is [`VerifyOutcome::Mismatch`], at the
    /// cost of one hash with the current parameters; the module describes the rest.
    ///
    /// The normalised form is tried first. Other programs hash the password as typed, so an outdated hash is also
    /// compared with that form if it differs.
    ///
    /// # Errors
    /// [`HashError::Busy`], [`HashError::Failed`], and [`HashError::Unreadable`] before anything is computed.
    pub async fn verify(
        &self,
        attempt: &PasswordAttempt,
        stored: Option<&PasswordHash>,
    ) -> Result<VerifyOutcome, HashError> {
        let stored = stored.map(|hash| stored::parse_stored(hash, &self.current)).transpose()?;
        let normalised = attempt.normalised();
        let typed = (*normalised != attempt.expose()).then(|| Zeroizing::new(attempt.expose().to_owned()));
        let candidate = PasswordCandidate { normalised, typed };
        self.run(move |engine| engine.verify(&candidate, stored.as_ref())).await
    }

    /// The number of hashes computed since the start.
    #[must_use]
    pub fn hashes_done(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }

    /// Runs `work` on a hash thread.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut HashEngine) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let span = tracing::info_span!(target: "userd::trace", "hash");
        self.pool.run(work).instrument(span).await?
    }
}
