//! The service's own keys (API keys, signing keys): a hash for each kind, in the first shard. They are few, and are
//! read all at once.

use async_trait::async_trait;

use crate::layout::Shard;
use crate::protocol::reply_texts;
use crate::script::Script;
use crate::store::{RedisStore, command};
use userd_store::{KeyKind, KeyStore, StoreError, StoredKey};

#[async_trait]
impl KeyStore for RedisStore {
    async fn keys(&self, kind: KeyKind) -> Result<Vec<StoredKey>, StoreError> {
        let key = self.keys.service_keys(kind);
        let read = command(&["HGETALL", &key]);
        let answer = self.router.command(self.router.deadline(), Shard::FIRST, &read).await;
        let fields: std::collections::BTreeMap<String, String> =
            ::redis::from_redis_value(answer.map_err(|error| error.at(&key))?)
                .map_err(|_| StoreError::corrupt(key, "a key is not a string"))?;
        Ok(fields.into_iter().map(|(id, text)| StoredKey { id, text }).collect())
    }

    async fn replace_key(
        &self,
        kind: KeyKind,
        id: &str,
        expected: Option<&str>,
        next: Option<&str>,
    ) -> Result<bool, StoreError> {
        let key = self.keys.service_keys(kind);
        let args = (id, expected.is_some(), expected.unwrap_or_default(), next.is_some(), next.unwrap_or_default());
        let reply = self.run_script(self.router.deadline(), Shard::FIRST, Script::ReplaceKey, &[&key], args).await?;
        Ok(reply_texts(reply.value) == ["ok"])
    }
}
