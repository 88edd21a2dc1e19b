//! The service's own keys: those that sign, and the API keys of other services.
//!
//! To a store a key is a short text under a kind and an id. Its format is the service's business, which also encrypts
//! or digests what is secret in it.

use async_trait::async_trait;

use crate::error::StoreError;

/// Limit of a key's text.
pub const KEY_BYTES_MAX: usize = 4096;

userd_core::string_enum! {
    /// What a key of the service is for. The text is part of the stored format.
    pub enum KeyKind {
        /// The digest of another service's API key.
        Api = "api",
        /// Signs tokens for other services.
        Signing = "signing",
        /// Signs the tokens of trusted devices.
        Device = "device",
    }
}

/// A stored key.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its id, unique in its kind.
    pub id: String,
    /// Its content.
    pub text: String,
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredKey({}, ***)", self.id)
    }
}

/// Storing the service's keys: few of each kind, read all at once.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// All keys of a kind, ordered by id.
    async fn keys(&self, kind: KeyKind) -> Result<Vec<StoredKey>, StoreError>;

    /// Compare and set: replaces the text `expected` (`None`: no such key) by `next` (`None`: delete the key). False if
    /// the key has another text; then nothing was changed. A repeat is true again.
    async fn replace_key(
        &self,
        kind: KeyKind,
        id: &str,
        expected: Option<&str>,
        next: Option<&str>,
    ) -> Result<bool, StoreError>;
}
