//! Creates, lists and revokes API keys.
//!
//! While no key was ever created, userd is in *protected mode*. Revoked keys stay listed, so that revoking the last key
//! does not disable authentication.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use userd_core::clock::Clock;
use userd_core::random::Random;
use userd_core::{ApiKeyDigest, ApiKeyId, ApiKeyToken, Scope, Timestamp};
use userd_store::{KeyKind, KeyStore, StoreError};

/// The most API keys, revoked ones included, because they are read together. Above it, the key that was revoked first
/// is removed.
pub const API_KEYS_MAX: usize = 1_000;

/// How often a compare-and-set of a key is retried.
const CAS_ATTEMPTS_MAX: u32 = 10;

/// The longest name of an API key, in characters.
pub const API_KEY_NAME_CHARS_MAX: usize = 100;

/// An API key as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The id.
    pub id: ApiKeyId,
    /// The operator's name for it.
    pub name: String,
    /// What it authorises.
    pub scopes: BTreeSet<Scope>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last used, with an accuracy of a minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    digest: ApiKeyDigest,
}

/// An API key as JSON in the store.
#[derive(Serialize, Deserialize)]
struct ApiKeyRecord {
    name: String,
    digest: String,
    scopes: Vec<String>,
    made_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_ms: Option<u64>,
    /// Fields of a newer version, preserved.
    #[serde(flatten)]
    newer: serde_json::Map<String, serde_json::Value>,
}

impl ApiKey {
    /// Whether `token` belongs to this key; in constant time.
    pub(super) fn matches(&self, token: &ApiKeyToken) -> bool {
        self.id == token.id && self.digest == token.digest()
    }

    fn read(id: &str, text: &str) -> Option<Self> {
        let kept: ApiKeyRecord = serde_json::from_str(text).ok()?;
        Some(Self {
            id: ApiKeyId::parse(id)?,
            name: kept.name,
            // Scopes of a newer version are ignored.
            scopes: kept.scopes.iter().filter_map(|word| Scope::parse(word)).collect(),
            created_at: Timestamp::from_millis(kept.made_ms),
            last_used_at: kept.used_ms.map(Timestamp::from_millis),
            revoked_at: kept.revoked_ms.map(Timestamp::from_millis),
            digest: ApiKeyDigest::parse(&kept.digest)?,
        })
    }
}

/// The operator's use cases of API keys.
pub struct ApiKeyService {
    store: Arc<dyn KeyStore>,
    /// Stamps keys.
    pub(super) clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl ApiKeyService {
    /// Uses the keys in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { store, clock, random }
    }

    /// Creates a key and returns its secret, which is not stored. `None`: there are too many keys.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create(
        &self,
        name: &str,
        scopes: BTreeSet<Scope>,
    ) -> Result<Option<(ApiKey, ApiKeyToken)>, StoreError> {
        if !self.make_room().await? {
            return Ok(None);
        }
        let token = ApiKeyToken::generate(ApiKeyId::generate(self.random.bytes()), self.random.bytes());
        let record = ApiKeyRecord {
            name: name.to_owned(),
            digest: token.digest().encode(),
            scopes: scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
            made_ms: self.clock.now().as_millis(),
            used_ms: None,
            revoked_ms: None,
            newer: serde_json::Map::new(),
        };
        let (id, text) = (token.id.as_str(), serde_json::to_string(&record).unwrap_or_default());
        let is_new = self.store.replace_key(KeyKind::Api, id, None, Some(&text)).await?;
        match ApiKey::read(id, &text).filter(|_| is_new) {
            Some(key) => Ok(Some((key, token))),
            None => Err(StoreError::unavailable("another key has the same random id; retry")),
        }
    }

    /// Whether another key fits. If not, removes the key that was revoked first.
    async fn make_room(&self) -> Result<bool, StoreError> {
        let stored = self.store.keys(KeyKind::Api).await?;
        if stored.len() < API_KEYS_MAX {
            return Ok(true);
        }
        let keys = stored.iter().filter_map(|stored| Some((ApiKey::read(&stored.id, &stored.text)?, stored)));
        let revoked = keys.filter_map(|(key, stored)| Some((key.revoked_at?, stored)));
        let Some((_, oldest)) = revoked.min_by_key(|(revoked_at, _)| *revoked_at) else { return Ok(false) };
        self.store.replace_key(KeyKind::Api, &oldest.id, Some(&oldest.text), None).await
    }

    /// All keys in the order of creation. Unreadable ones are logged and omitted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.read().await.map(|(keys, _)| keys)
    }

    /// The same, with the number of all keys, unreadable ones included.
    pub(super) async fn read(&self) -> Result<(Vec<ApiKey>, usize), StoreError> {
        let all = self.store.keys(KeyKind::Api).await?;
        let (mut keys, count) = (Vec::new(), all.len());
        for stored in all {
            if let Some(key) = ApiKey::read(&stored.id, &stored.text) {
                keys.push(key);
            } else {
                tracing::error!(id = stored.id, "an API key can't be parsed and is ignored");
            }
        }
        keys.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok((keys, count))
    }

    /// Revokes a key; idempotent. `false` if there is no such key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke(&self, id: &ApiKeyId) -> Result<bool, StoreError> {
        let now = self.clock.now().as_millis();
        self.change(id, |key| _ = key.revoked_ms.get_or_insert(now)).await
    }

    /// Writes that the key was used at `at`.
    pub(super) async fn touch(&self, id: &ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        self.change(id, |key| key.used_ms = key.used_ms.max(Some(at.as_millis()))).await
    }

    /// Changes a record and preserves what only a newer version knows, its scopes included.
    async fn change(&self, id: &ApiKeyId, change: impl Fn(&mut ApiKeyRecord)) -> Result<bool, StoreError> {
        for _ in 0..CAS_ATTEMPTS_MAX {
            let stored = self.store.keys(KeyKind::Api).await?.into_iter().find(|key| key.id == id.as_str());
            let Some(stored) = stored else { return Ok(false) };
            let Ok(mut kept) = serde_json::from_str::<ApiKeyRecord>(&stored.text) else { return Ok(false) };
            change(&mut kept);
            let next = serde_json::to_string(&kept).unwrap_or_default();
            if self.store.replace_key(KeyKind::Api, id.as_str(), Some(&stored.text), Some(&next)).await? {
                return Ok(true);
            }
        }
        Err(StoreError::unavailable("the API key keeps changing concurrently; retry"))
    }
}
