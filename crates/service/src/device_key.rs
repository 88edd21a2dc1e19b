//! The key that signs the tokens of known devices: made once, the same on every node, kept with the service's keys.

use std::sync::Arc;

use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::turns::Turns;
use crate::{Error, Seal, UnsealError};
use userd_core::DeviceKey;
use userd_core::random::Random;
use userd_store::{KeyKind, KeyStore};

/// The one key's id.
const ID: &str = "1";

/// Finds the key, or makes it.
pub struct DeviceKeys {
    store: Arc<dyn KeyStore>,
    seal: Arc<Seal>,
    random: Arc<dyn Random>,
    key: OnceCell<DeviceKey>,
    reading: Turns,
}

impl DeviceKeys {
    /// The key in `store`, sealed by `seal`.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, seal: Arc<Seal>, random: Arc<dyn Random>) -> Self {
        Self { store, seal, random, key: OnceCell::new(), reading: Turns::default() }
    }

    /// The key; read at most once, and made if there is none.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::KeyUnusable`].
    pub async fn key(&self) -> Result<&DeviceKey, Error> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let turn = self.reading.next().await?;
        turn.end(self.key.get_or_try_init(|| self.read_or_make()).await)
    }

    /// One that is made is never removed. Where two make it at once, the first one's holds.
    async fn read_or_make(&self) -> Result<DeviceKey, Error> {
        if let Some(key) = self.read().await? {
            return Ok(key);
        }
        let mut secret = Zeroizing::new([0; 32]);
        self.random.fill(&mut *secret);
        let text = self.seal.close(KeyKind::Device, ID, &*secret, &*self.random);
        if self.store.replace_key(KeyKind::Device, ID, None, Some(&text)).await? {
            return Ok(DeviceKey::new(&secret));
        }
        self.read().await?.ok_or_else(|| unusable(UnsealError::Damaged))
    }

    async fn read(&self) -> Result<Option<DeviceKey>, Error> {
        let keys = self.store.keys(KeyKind::Device).await?;
        let Some(key) = keys.into_iter().find(|key| key.id == ID) else { return Ok(None) };
        let secret = self.seal.open(KeyKind::Device, ID, &key.text).map_err(unusable)?;
        let secret: &[u8; 32] = secret.as_slice().try_into().map_err(|_| unusable(UnsealError::Damaged))?;
        Ok(Some(DeviceKey::new(secret)))
    }
}

fn unusable(source: UnsealError) -> Error {
    Error::KeyUnusable { kind: KeyKind::Device.word(), id: ID.to_owned(), source }
}
