//! Deleting a user: D1 → answer's outcome is settled → release what is owed.

use super::RedisStore;
use super::keys::Shard;
use super::script::Script;
use userd_core::{Client, EventKind, Timestamp, UserId, Version};
use userd_store::{Remove, StoreError};

/// How long a deleted user's tombstone stays: nothing that was sent before the deletion arrives later.
const DELETED_TTL_MS: u64 = 30 * 24 * 3600 * 1000;

impl RedisStore {
    pub(super) async fn remove(
        &self,
        id: UserId,
        expected: Version,
        client: &Client,
        now: Timestamp,
    ) -> Result<Remove, StoreError> {
        let deadline = self.link.deadline();
        let shard = Shard::of_user(id);
        let (users, emails) = (self.keys.users(shard), self.keys.emails(shard));
        let (version, text, nonce) = (expected.to_string(), id.to_string(), super::nonce(&*self.random));
        let (sessions, events) = (self.keys.sessions(id), self.keys.events(shard));
        let (ttl, event) = (DELETED_TTL_MS.to_string(), self.event(id, EventKind::Deleted, client, now));
        let mut args = vec![version.as_bytes(), text.as_bytes(), nonce.as_bytes(), ttl.as_bytes()];
        args.extend(event.iter().map(Vec::as_slice));
        let keys = [users.as_str(), &emails, &sessions, &events];
        let answer = self.on_record(deadline, Script::Remove, id, &keys, &args).await?;
        // No refusal is untrue here, even to a repeat: the tombstone keeps the nonce.
        match answer.word.as_str() {
            "ok" => {}
            "stale" => return Ok(Remove::Stale),
            "missing" => return Ok(Remove::Missing),
            _ => return Err(answer.unknown()),
        }
        self.settle(deadline, id, answer.owed).await;
        Ok(Remove::Removed)
    }
}
