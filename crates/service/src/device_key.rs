//! The key that signs trusted-device tokens: created once, stored with the service's keys, the same on every node.

use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::single_flight::SingleFlight;
use crate::{Error, KeyDecryptError, KeyDependencies};
use userd_core::DeviceKey;
use userd_store::KeyKind;

/// The id of the key; there is one.
const ID: &str = "1";

/// Loads or creates the key.
pub(super) struct DeviceKeys {
    dependencies: KeyDependencies,
    key: OnceCell<DeviceKey>,
    read_flight: SingleFlight,
}

impl DeviceKeys {
    /// Reads the key at the first use.
    pub(super) fn new(dependencies: KeyDependencies) -> Self {
        Self { dependencies, key: OnceCell::new(), read_flight: SingleFlight::default() }
    }

    /// The key; read once per process, and created if there is none.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::KeyUnusable`].
    pub(super) async fn key(&self) -> Result<&DeviceKey, Error> {
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
        let KeyDependencies { store, key_encryption, random, .. } = &self.dependencies;
        random.fill(&mut *secret);
        let text = key_encryption.encrypt(KeyKind::Device, ID, &*secret, &**random);
        if store.replace_key(KeyKind::Device, ID, None, Some(&text)).await? {
            return Ok(DeviceKey::new(&secret));
        }
        self.read().await?.ok_or_else(|| unusable(KeyDecryptError::Corrupt))
    }

    async fn read(&self) -> Result<Option<DeviceKey>, Error> {
        let keys = self.dependencies.store.keys(KeyKind::Device).await?;
        let Some(key) = keys.into_iter().find(|key| key.id == ID) else { return Ok(None) };
        let secret = self.dependencies.key_encryption.decrypt(KeyKind::Device, ID, &key.text).map_err(unusable)?;
        let secret: &[u8; 32] = secret.as_slice().try_into().map_err(|_| unusable(KeyDecryptError::Corrupt))?;
        Ok(Some(DeviceKey::new(secret)))
    }
}

fn unusable(source: KeyDecryptError) -> Error {
    Error::KeyUnusable { kind: KeyKind::Device.as_str(), id: ID.to_owned(), source }
}
