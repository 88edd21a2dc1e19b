//! The gate in front of the one expensive thing: hashing passwords. New ones with Argon2; kept ones as they were made.
//!
//! A hash takes tens of milliseconds of a core and 19 MiB, so it must never compete freely with the requests
//! that take microseconds. It has its own fixed threads at the lowest scheduling priority, a queue with an
//! end and a wait with an end; what does not fit is [`HashError::Busy`] at once, and the caller answers 503.
//!
//! - `pool` is the queue and the threads; it knows nothing of passwords.
//! - `engine` computes, on memory that each worker keeps.
//! - `imported` computes what comes with imported accounts: bcrypt, scrypt, PBKDF2.
//! - `stored` reads a kept hash and caps what it may cost, *before* anything is computed.
//! - `settings` are the numbers, checked.
//!
//! Not here: what a good password is (`domain`), how often one may guess (`service::rate_limit`), when a hash is replaced
//! (the use case does, on [`VerifyOutcome::Match`] with `needs_rehash`).
//!
//! # What a stranger can learn from the time
//! An unknown user costs one hash with today's parameters, and so does a wrong password of a user whose hash
//! is of today. A wrong password against an *outdated* hash costs that hash and one of today on top, so that
//! cheap old hashes don't answer faster than unknown users. They answer somewhat slower; that difference ends
//! with the user's next sign-in, which replaces the hash. Of imported accounts it is large: bcrypt at cost 12 takes ten times
//! a hash of today. So until its owner signs in, a try tells that such an account is there. It is not hidden: everybody
//! unknown would have to cost as much as the dearest hash in the store.

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
use pool::{HashPool, HashPoolError};
use stored::HashCost;

pub use outcome::{HashError, VerifyOutcome};
pub use settings::{HashSettings, HashSettingsError};
/// Would a [`PasswordHasher`] with these settings compute `hash`? For imports, so that nobody is taken in who could never sign in.
///
/// # Errors
/// [`HashError::Unreadable`] with the limit that it breaks.
pub fn check_stored_hash(hash: &PasswordHash, settings: &HashSettings) -> Result<(), HashError> {
    stored::parse_stored(hash, &HashCost::current(settings)).map(|_| ())
}

/// The gate in front of the one expensive thing. Dropping it ends its threads, after the hashes under way.
pub struct PasswordHasher {
    pool: HashPool<HashEngine>,
    current: HashCost,
    hashes: Arc<AtomicU64>,
}

impl PasswordHasher {
    /// Starts the worker threads, `userd-hash-0` and on. Their memory is taken with their first hash.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] around a [`HashSettingsError`] if [`HashSettings::check`] refuses the
    /// settings; otherwise why a thread can't be started.
    pub fn start(settings: &HashSettings, random: Arc<dyn Random>) -> Result<Self, io::Error> {
        Self::start_with_metrics(settings, random, Arc::default())
    }

    /// The same; what happens is counted in `metrics`.
    ///
    /// # Errors
    /// As [`Self::start`].
    #[expect(clippy::needless_pass_by_value, reason = "each worker keeps a handle of its own to it")]
    pub fn start_with_metrics(
        settings: &HashSettings,
        random: Arc<dyn Random>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, io::Error> {
        settings.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let current = HashCost::current(settings);
        let hashes = Arc::new(AtomicU64::new(0));
        let engines = (0..settings.workers).map(|_| HashEngine::new(current, Arc::clone(&random), Arc::clone(&hashes)));
        let pool = HashPool::start("userd-hash", engines, settings.queue, settings.wait, metrics)?;
        Ok(Self { pool, current, hashes })
    }

    /// A fresh hash of `password` with a fresh salt.
    ///
    /// # Errors
    /// [`HashError::Busy`], or [`HashError::Failed`].
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, HashError> {
        self.run(move |engine| engine.hash(password.expose().as_bytes())).await
    }

    /// A fresh hash of a password that was just found right, to replace an outdated one; of its normalised
    /// form, whichever form was found right.
    ///
    /// # Errors
    /// [`HashError::Busy`], or [`HashError::Failed`].
    pub async fn rehash(&self, attempt: &PasswordAttempt) -> Result<PasswordHash, HashError> {
        let normalised = attempt.normalised();
        self.run(move |engine| engine.hash(normalised.as_bytes())).await
    }

    /// Is `attempt` the password that `stored` was made of? Without a stored hash the answer is
    /// [`VerifyOutcome::Mismatch`] at the cost of one hash with today's parameters; see the module for the rest.
    ///
    /// The normalised form is tried first. Other programs, services of the older design among them, hashed what was
    /// typed, so an outdated hash is also tried with that, where it differs.
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

    /// How many hashes were computed since the start.
    #[must_use]
    pub fn hashes_done(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }

    /// Runs `work` on a worker.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut HashEngine) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let span = tracing::info_span!(target: "userd::trace", "hash");
        match self.pool.run(work).instrument(span).await {
            Ok(outcome) => outcome,
            Err(HashPoolError::Busy) => Err(HashError::Busy),
            Err(HashPoolError::Panicked) => Err(HashError::Failed),
        }
    }
}
