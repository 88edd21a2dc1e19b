//! The key that signs trusted-device tokens: created once, stored with the service's keys, the same on every node.

use std::sync::Arc;

use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::single_flight::SingleFlight;
use crate::{Error, KeyDecryptError, KeyEncryption};
use userd_core::DeviceKey;
use userd_core::random::Random;
use userd_store::{KeyKind, KeyStore};

/// The id of the key; there is one.
const ID: &str = "1";

/// Loads or creates the key.
pub struct DeviceKeys {
    store: Arc<dyn KeyStore>,
    key_encryption: Arc<KeyEncryption>,
    random: Arc<dyn Random>,
    key: OnceCell<DeviceKey>,
    read_flight: SingleFlight,
}

impl DeviceKeys {
    /// Uses `store`; `key_encryption` encrypts the key.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, key_encryption: Arc<KeyEncryption>, random: Arc<dyn Random>) -> Self {
        Self { store, key_encryption, random, key: OnceCell::new(), read_flight: SingleFlight::default() }
    }

    /// The key; read once per process, and created if there is none.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::KeyUnusable`].
    pub async fn key(&self) -> Result<&DeviceKey, Error> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let guard = self.read_flight.acquire().await?;
        guard.finish(self.key.get_or_try_init(|| self.read_or_create()).await)
    }

    /// A created key is never removed. If two nodes create one, the first wins.
    async fn read_or_create(&self) -> Result<DeviceKey, Error> {
        if let Some(key) = self.read().await? {
            return Ok(key);
        }
        let mut secret = Zeroizing::new([0; 32]);
        self.random.fill(&mut *secret);
        let text = self.key_encryption.encrypt(KeyKind::Device, ID, &*secret, &*self.random);
        if self.store.replace_key(KeyKind::Device, ID, None, Some(&text)).await? {
            return Ok(DeviceKey::new(&secret));
        }
        self.read().await?.ok_or_else(|| unusable(KeyDecryptError::Corrupt))
    }

    async fn read(&self) -> Result<Option<DeviceKey>, Error> {
        let keys = self.store.keys(KeyKind::Device).await?;
        let Some(key) = keys.into_iter().find(|key| key.id == ID) else { return Ok(None) };
        let secret = self.key_encryption.decrypt(KeyKind::Device, ID, &key.text).map_err(unusable)?;
        let secret: &[u8; 32] = secret.as_slice().try_into().map_err(|_| unusable(KeyDecryptError::Corrupt))?;
        Ok(Some(DeviceKey::new(secret)))
    }
}

fn unusable(source: KeyDecryptError) -> Error {
    Error::KeyUnusable { kind: KeyKind::Device.as_str(), id: ID.to_owned(), source }
}
