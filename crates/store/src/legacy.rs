//! The database of the Rocket + Redis tutorial, as a source for an import: read-only, a page at a time.

use async_trait::async_trait;

use crate::error::StoreError;

/// A legacy record: the fields of a hash, unparsed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LegacyRecord {
    /// The key of the hash.
    pub key: String,
    /// The field `name`.
    pub name: Option<String>,
    /// The field `email`.
    pub email: Option<String>,
    /// The field `hashed_password`.
    pub hashed_password: Option<String>,
    /// The field `created`.
    pub created: Option<String>,
    /// The field `updated`.
    pub updated: Option<String>,
}

/// A page of records.
#[derive(Debug, Default)]
pub struct LegacyPage {
    /// The hashes with the fields of a user.
    pub records: Vec<LegacyRecord>,
    /// The number of hashes without them.
    pub others: u64,
    /// Where to continue; `None` at the end.
    pub next: Option<u64>,
}

/// Reading legacy records.
#[async_trait]
pub trait LegacySource: Send + Sync + 'static {
    /// The page at `place`, which is 0 for the first. A record that exists during the whole scan is read at least once.
    async fn page(&self, place: u64) -> Result<LegacyPage, StoreError>;
}
