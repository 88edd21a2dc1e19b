//! The keys that sign tokens for other services: made at the first start, published, rotated, forgotten.
//!
//! There is no state to keep in step: each key says from when on it signs, and everything follows from that and the
//! present moment (`lifecycle`). A rotation adds a key whose moment lies so far ahead that every node has read it, and
//! every service has fetched it, before it signs; a key that was followed stays published until its last token has
//! ended. Its number is its id in the store, and the store compares and sets, so however many nodes start at once
//! there is one first key.

mod key;
mod key_set;
mod lifecycle;
mod rotation;

pub use key::{Jwk, KeyGenerationError, SigningAlgorithm, SigningKeyInfo};
pub use key_set::SigningKeySet;
pub use lifecycle::{JWKS_MAX_AGE_S, SigningKeyState, propagation_delay_ms};
pub use rotation::{RotationOutcome, SigningKeyEntry, SigningKeyService};

use std::sync::Arc;

use key::{GeneratedKey, SigningKey};

use crate::{Error, KeyDecryptError, KeyEncryption};
use userd_core::Timestamp;
use userd_core::clock::Clock;
use userd_core::random::Random;
use userd_store::{KeyKind, KeyStore, StoredKey};

/// Where the keys lie, and what makes and opens them.
#[derive(Clone)]
pub struct KeyDependencies {
    /// Where they are kept.
    pub store: Arc<dyn KeyStore>,
    /// Seals them.
    pub key_encryption: Arc<KeyEncryption>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives the sealing's randomness.
    pub random: Arc<dyn Random>,
}

impl KeyDependencies {
    async fn stored(&self) -> Result<Vec<StoredKey>, Error> {
        Ok(self.store.keys(KeyKind::Signing).await?)
    }

    /// Makes the key `number`; `None` if somebody else was faster.
    async fn create(
        &self,
        number: u64,
        algorithm: SigningAlgorithm,
        signs_from: Timestamp,
    ) -> Result<Option<GeneratedKey>, Error> {
        let created_at = self.clock.now();
        let record = SigningKeyInfo { number, kid: String::new(), algorithm, created_at, signs_from };
        let fresh = SigningKey::generate(record, &self.key_encryption, &*self.random).map_err(Error::signing)?;
        let made = self.store.replace_key(KeyKind::Signing, &number.to_string(), None, Some(&fresh.text)).await?;
        Ok(made.then_some(fresh))
    }
}

fn unusable(kind: KeyKind, id: &str, source: KeyDecryptError) -> Error {
    Error::KeyUnusable { kind: kind.as_str(), id: id.to_owned(), source }
}
