//! A serving node's cache of the signing keys. It is read again after a second, so that a rotation takes effect
//! everywhere within a second, and a token costs no round trip.
//!
//! While the store is unavailable, the last keys stay published, so that other services can verify tokens.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use serde::Serialize;

use super::key::SigningKey;
use super::lifecycle::{self, CACHE_TTL_MS, SigningKeyState};
use super::{Jwk, SigningAlgorithm, unusable};
use crate::single_flight::SingleFlight;
use crate::{Error, KeyDecryptError, KeyDependencies};
use userd_core::Timestamp;
use userd_store::{KeyKind, StoreError, StoredKey};

/// How often a node tries to create or read the first key; the second attempt finds it.
const CAS_ATTEMPTS_MAX: u32 = 3;

/// The number of the first key.
const FIRST: u64 = 1;

/// A cache of the signing keys.
pub struct SigningKeySet {
    dependencies: KeyDependencies,
    algorithm: SigningAlgorithm,
    cached: ArcSwapOption<CachedKeySet>,
    read_flight: SingleFlight,
}

/// The result of a read.
struct CachedKeySet {
    key_set: Arc<LoadedKeySet>,
    read_at: Timestamp,
}

impl SigningKeySet {
    /// Uses `dependencies`; `algorithm` is that of the first key, if there is none yet.
    #[must_use]
    pub fn new(dependencies: KeyDependencies, algorithm: SigningAlgorithm) -> Self {
        Self { dependencies, algorithm, cached: ArcSwapOption::empty(), read_flight: SingleFlight::default() }
    }

    /// Creates the first key if there is none, and checks that all are usable.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`], [`Error::Store`], [`Error::SigningFailed`].
    pub async fn check(&self) -> Result<(), Error> {
        match self.key_set().await?.unusable.first() {
            Some((id, source)) => Err(unusable(KeyKind::Signing, id, *source)),
            None => Ok(()),
        }
    }

    /// The public keys of tokens that are valid now or will be soon.
    ///
    /// # Errors
    /// As [`SigningKeySet::check`].
    pub async fn published(&self) -> Result<Vec<Jwk>, Error> {
        Ok(self.key_set().await?.published(self.dependencies.clock.now()))
    }

    /// Signs a token with `claims`, with the key that is active at `at`.
    pub(crate) async fn sign(&self, claims: &impl Serialize, at: Timestamp) -> Result<String, Error> {
        let key_set = self.key_set().await?;
        let key = key_set.signing(at).ok_or_else(|| unusable(KeyKind::Signing, "", KeyDecryptError::Corrupt))?;
        key.sign(claims).map_err(Error::signing)
    }

    /// The last keys that were read, if they are fresh at `now`.
    fn fresh(&self, now: Timestamp) -> Option<Arc<LoadedKeySet>> {
        // A clock that was set back makes the cache stale, not fresh.
        let cached = self.cached.load_full()?;
        let is_fresh = cached.read_at <= now && now < cached.read_at.plus_millis(CACHE_TTL_MS);
        is_fresh.then(|| Arc::clone(&cached.key_set))
    }

    async fn key_set(&self) -> Result<Arc<LoadedKeySet>, Error> {
        if let Some(key_set) = self.fresh(self.dependencies.clock.now()) {
            return Ok(key_set);
        }
        // Single-flight: one request reads, the others get its result, success or failure.
        let guard = self.read_flight.acquire().await?;
        let mut read_at = self.dependencies.clock.now();
        if let Some(key_set) = self.fresh(read_at) {
            return Ok(key_set);
        }
        let before = self.cached.load_full().map(|cached| Arc::clone(&cached.key_set));
        let key_set = match (self.read(before.as_ref()).await, before) {
            (Ok(read), _) => read,
            (Err(Error::Store(error)), Some(before)) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the signing keys can't be read; userd continues with the cached ones");
                // Fresh for a second from now: requests that waited must not wait again.
                read_at = self.dependencies.clock.now();
                before
            }
            (Err(error), _) => {
                // Not the previous keys: a removed key must not sign.
                self.cached.store(None);
                return guard.finish(Err(error));
            }
        };
        self.cached.store(Some(Arc::new(CachedKeySet { key_set: Arc::clone(&key_set), read_at })));
        Ok(key_set)
    }

    /// Reads the keys, and creates the first one if there is none.
    async fn read(&self, before: Option<&Arc<LoadedKeySet>>) -> Result<Arc<LoadedKeySet>, Error> {
        for _ in 0..CAS_ATTEMPTS_MAX {
            let stored = self.dependencies.stored().await?;
            if let Some(same) = before.filter(|before| before.stored == stored) {
                return Ok(Arc::clone(same));
            }
            if !stored.is_empty() {
                return LoadedKeySet::decrypt(stored, &self.dependencies).map(Arc::new);
            }
            let now = self.dependencies.clock.now();
            if let Some((key, text)) = self.dependencies.create(FIRST, self.algorithm, now).await? {
                tracing::debug!(kid = key.record.kid, "created the first signing key");
                let stored = vec![StoredKey { id: FIRST.to_string(), text }];
                return Ok(Arc::new(LoadedKeySet { stored, keys: vec![key], unusable: Vec::new() }));
            }
        }
        Err(Error::Store(StoreError::unavailable("the first signing key neither exists nor can be created")))
    }
}

/// Keys in the order in which they sign.
struct LoadedKeySet {
    stored: Vec<StoredKey>,
    keys: Vec<SigningKey>,
    /// Keys that can't be decrypted. The others stay in use: one wrong encryption key must not stop every node.
    unusable: Vec<(String, KeyDecryptError)>,
}

impl LoadedKeySet {
    fn decrypt(stored: Vec<StoredKey>, dependencies: &KeyDependencies) -> Result<Self, Error> {
        let (mut keys, mut unusable_ones) = (Vec::new(), Vec::new());
        for one in &stored {
            match SigningKey::decrypt(one, &dependencies.key_encryption) {
                Ok(key) => keys.push(key),
                Err(source) => {
                    tracing::error!(id = one.id, %source, "a signing key can't be used and is not published");
                    unusable_ones.push((one.id.clone(), source));
                }
            }
        }
        keys.sort_by_key(|key| (key.record.signs_from, key.record.number));
        match unusable_ones.first() {
            Some((id, source)) if keys.is_empty() => Err(unusable(KeyKind::Signing, id, *source)),
            _ => Ok(Self { stored, keys, unusable: unusable_ones }),
        }
    }

    fn starts(&self) -> Vec<Timestamp> {
        self.keys.iter().map(|key| key.record.signs_from).collect()
    }

    fn signing(&self, at: Timestamp) -> Option<&SigningKey> {
        self.keys.get(lifecycle::signing(&self.starts(), at)?)
    }

    fn published(&self, now: Timestamp) -> Vec<Jwk> {
        let starts = self.starts();
        let good = |(place, _): &(usize, _)| lifecycle::state(&starts, *place, now) != SigningKeyState::Expired;
        self.keys.iter().enumerate().filter(good).map(|(_, key)| key.jwk.clone()).collect()
    }
}
