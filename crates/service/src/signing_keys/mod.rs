//! Keys that sign tokens for other services: created at the first start, published, rotated, removed.
//!
//! There is no state to synchronise: each key has the time from which it signs, and everything else follows from that
//! and the clock (`lifecycle`). A rotation adds a key with a start far enough ahead that every node and every service
//! has read it before it signs. A replaced key stays published until its last token has expired. The number of a key is
//! its id in the store, which compares and sets: however many nodes start at once, there is one first key.

mod key;
mod key_set;
mod lifecycle;
mod rotation;

pub use key::{Jwk, KeyGenerationError, SigningAlgorithm, SigningKeyInfo};
pub use key_set::SigningKeySet;
pub use lifecycle::{JWKS_MAX_AGE_S, SigningKeyState, propagation_delay_ms};
pub use rotation::{RotationOutcome, SigningKeyEntry, SigningKeyService};

use key::SigningKey;

use crate::{Error, KeyDecryptError, KeyDependencies};
use userd_core::Timestamp;
use userd_store::{KeyKind, StoredKey};

impl KeyDependencies {
    async fn stored(&self) -> Result<Vec<StoredKey>, Error> {
        Ok(self.store.keys(KeyKind::Signing).await?)
    }

    /// Creates the key `number`, and returns it with its text in the store; `None` if another node was faster.
    async fn create(
        &self,
        number: u64,
        algorithm: SigningAlgorithm,
        signs_from: Timestamp,
    ) -> Result<Option<(SigningKey, String)>, Error> {
        let created_at = self.clock.now();
        let record = SigningKeyInfo { number, kid: String::new(), algorithm, created_at, signs_from };
        let (key, text) = SigningKey::generate(record, &self.key_encryption, &*self.random).map_err(Error::signing)?;
        let made = self.store.replace_key(KeyKind::Signing, &number.to_string(), None, Some(&text)).await?;
        Ok(made.then_some((key, text)))
    }
}

fn unusable(kind: KeyKind, id: &str, source: KeyDecryptError) -> Error {
    Error::KeyUnusable { kind: kind.as_str(), id: id.to_owned(), source }
}
