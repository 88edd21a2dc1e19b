//! The service's keys, as the contract defines them. The rows are in `key_rows`.

use async_trait::async_trait;
use userd_store::{KeyKind, KeyStore, StoreError, StoredKey};

use super::key_rows;
use super::store::SqliteStore;

#[async_trait]
impl KeyStore for SqliteStore {
    async fn keys(&self, kind: KeyKind) -> Result<Vec<StoredKey>, StoreError> {
        self.readers.read(|connection| key_rows::keys(connection, kind))
    }

    async fn replace_key(
        &self,
        kind: KeyKind,
        id: &str,
        expected: Option<&str>,
        next: Option<&str>,
    ) -> Result<bool, StoreError> {
        let [expected, next] = [expected, next].map(|text| text.map(str::to_owned));
        let id = id.to_owned();
        self.write(move |connection| key_rows::replace(connection, kind, &id, expected.as_deref(), next.as_deref()))
            .await
    }
}
