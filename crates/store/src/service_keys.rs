//! What a store promises about the service's own keys: those that sign, and those of other services.
//!
//! To a store a key is a short text under a kind and an id, which it hands back as it was. What it says is `service`'s
//! business; what has to be secret in it is sealed or digested before it comes here.

use async_trait::async_trait;

use super::StoreError;

/// The most bytes of a key's text.
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

/// A key as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its id, unique in its kind.
    pub id: String,
    /// What it says.
    pub text: String,
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoredKey({}, ***)", self.id)
    }
}

/// Where the service's keys are kept: few of each kind, read whole.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// All keys of a kind, by their ids.
    async fn keys(&self, kind: KeyKind) -> Result<Vec<StoredKey>, StoreError>;

    /// Compares and sets: where `expected` is what the key says now (`None`: there is none), it says `next` from now
    /// on (`None`: it is removed). False if it says something else; then nothing was changed. A repeat is true again.
    async fn replace_key(
        &self,
        kind: KeyKind,
        id: &str,
        expected: Option<&str>,
        next: Option<&str>,
    ) -> Result<bool, StoreError>;
}
