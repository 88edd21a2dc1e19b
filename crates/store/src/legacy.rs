//! What is asked of the older design's database, from which users are moved: to be read, a page at a time.

use async_trait::async_trait;

use super::StoreError;

/// A record of the older design: the fields of a hash, as they are.
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

/// Some records.
#[derive(Debug, Default)]
pub struct LegacyPage {
    /// What has the fields of a user.
    pub records: Vec<LegacyRecord>,
    /// How many hashes have not.
    pub others: u64,
    /// Where to go on; `None` at the end.
    pub next: Option<u64>,
}

/// Reading the older design's records.
#[async_trait]
pub trait LegacySource: Send + Sync + 'static {
    /// The page at `place`, which is 0 at the beginning. What is there all the while is met at least once.
    async fn page(&self, place: u64) -> Result<LegacyPage, StoreError>;
}
