//! The operator's use cases of signing keys: list and rotate. Serving nodes notice with their next read.

use super::key::SigningKeyInfo;
use super::lifecycle::{self, SigningKeyState, propagation_delay_ms};
use super::{SigningAlgorithm, SigningKey, unusable};
use crate::{Error, KeyDependencies};
use userd_core::Timestamp;
use userd_store::{KeyKind, StoreError, StoredKey};

/// How often a rotation is retried when it conflicts with another one.
const CAS_ATTEMPTS_MAX: u32 = 5;

/// The operator's use cases of signing keys.
pub struct SigningKeyService {
    dependencies: KeyDependencies,
    algorithm: SigningAlgorithm,
    ttl_ms: u64,
}

/// A key with its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKeyEntry {
    /// The properties of the key.
    pub record: SigningKeyInfo,
    /// Its state now.
    pub state: SigningKeyState,
}

/// The result of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationOutcome {
    /// The next key was created.
    Created(SigningKeyInfo),
    /// The next key existed already and is pending; nothing was changed.
    Pending(SigningKeyInfo),
}

impl SigningKeyService {
    /// Uses `dependencies`; new keys use `algorithm`, and tokens live `ttl_ms`.
    #[must_use]
    pub fn new(dependencies: KeyDependencies, algorithm: SigningAlgorithm, ttl_ms: u64) -> Self {
        Self { dependencies, algorithm, ttl_ms }
    }

    /// All keys in the order in which they sign, still encrypted. Unreadable ones are logged and omitted.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self) -> Result<Vec<SigningKeyEntry>, Error> {
        Ok(entries(&self.dependencies.stored().await?, self.dependencies.clock.now()))
    }

    /// Creates the next key, which signs after the propagation delay, and removes expired keys.
    ///
    /// Fails if an existing key can't be decrypted, because serving nodes could not decrypt the next one either.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`], [`Error::Store`], [`Error::SigningFailed`].
    pub async fn rotate(&self) -> Result<RotationOutcome, Error> {
        for _ in 0..CAS_ATTEMPTS_MAX {
            let (stored, now) = (self.dependencies.stored().await?, self.dependencies.clock.now());
            for one in &stored {
                SigningKey::decrypt(one, &self.dependencies.key_encryption)
                    .map_err(|source| unusable(KeyKind::Signing, &one.id, source))?;
            }
            let entries = entries(&stored, now);
            let mut pending = entries.iter().filter(|entry| entry.state == SigningKeyState::Pending);
            // A pending key with another algorithm is from before a change of the configuration.
            if let Some(next) = pending.find(|entry| entry.record.algorithm == self.algorithm) {
                return Ok(RotationOutcome::Pending(next.record.clone()));
            }
            // After pending keys, in case the clock of the node that created them was ahead. The first key has nothing
            // to wait for.
            let known = now.plus_millis(propagation_delay_ms(self.ttl_ms));
            let signs_from = entries.last().map_or(now, |last| known.max(last.record.signs_from.plus_millis(1)));
            let number = next_number(&stored);
            if let Some((key, _)) = self.dependencies.create(number, self.algorithm, signs_from).await? {
                self.remove_expired(&stored, &entries).await?;
                return Ok(RotationOutcome::Created(key.record));
            }
        }
        Err(busy())
    }

    async fn remove_expired(&self, stored: &[StoredKey], entries: &[SigningKeyEntry]) -> Result<(), Error> {
        for expired in entries.iter().filter(|entry| entry.state == SigningKeyState::Expired) {
            let id = expired.record.number.to_string();
            if let Some(one) = stored.iter().find(|one| one.id == id) {
                // `false` if another process removed it first.
                self.dependencies.store.replace_key(KeyKind::Signing, &id, Some(&one.text), None).await?;
            }
        }
        Ok(())
    }

    /// For a leaked key: creates one that signs at once and removes all others, usable or not. Their tokens are
    /// rejected as soon as services fetch the keys again.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::SigningFailed`].
    pub async fn rotate_now(&self) -> Result<SigningKeyInfo, Error> {
        for _ in 0..CAS_ATTEMPTS_MAX {
            let stored = self.dependencies.stored().await?;
            let number = next_number(&stored);
            let now = self.dependencies.clock.now();
            let Some((key, _)) = self.dependencies.create(number, self.algorithm, now).await? else { continue };
            // Read again: another process may have created a key meanwhile. Only older keys are removed, so that of two
            // concurrent calls one leaves its key.
            let stored = self.dependencies.stored().await?;
            for one in &stored {
                if one.id.parse::<u64>().is_ok_and(|old| old >= number) {
                    continue;
                }
                self.dependencies.store.replace_key(KeyKind::Signing, &one.id, Some(&one.text), None).await?;
            }
            self.remove_unusable_device_key().await?;
            return Ok(key.record);
        }
        Err(busy())
    }

    /// A device key that can't be decrypted would fail every sign-in. Without one, a new one is created, and devices
    /// are trusted again after their next sign-in.
    async fn remove_unusable_device_key(&self) -> Result<(), Error> {
        let KeyDependencies { store, key_encryption, .. } = &self.dependencies;
        for one in store.keys(KeyKind::Device).await? {
            if key_encryption.decrypt(KeyKind::Device, &one.id, &one.text).is_err() {
                store.replace_key(KeyKind::Device, &one.id, Some(&one.text), None).await?;
            }
        }
        Ok(())
    }
}

/// The keys in the order in which they sign, with their states at `now`.
fn entries(stored: &[StoredKey], now: Timestamp) -> Vec<SigningKeyEntry> {
    let mut records = Vec::new();
    for one in stored {
        if let Some((record, _)) = SigningKeyInfo::read(one) {
            records.push(record);
        } else {
            tracing::error!(id = one.id, "a signing key can't be parsed");
        }
    }
    records.sort_by_key(|record| (record.signs_from, record.number));
    let starts: Vec<Timestamp> = records.iter().map(|record| record.signs_from).collect();
    let state = |place| lifecycle::state(&starts, place, now);
    records.into_iter().enumerate().map(|(place, record)| SigningKeyEntry { record, state: state(place) }).collect()
}

fn next_number(stored: &[StoredKey]) -> u64 {
    stored.iter().filter_map(|one| one.id.parse::<u64>().ok()).max().unwrap_or_default() + 1
}

fn busy() -> Error {
    Error::Store(StoreError::unavailable("another process rotates the keys at the same time; list them, then retry"))
}
