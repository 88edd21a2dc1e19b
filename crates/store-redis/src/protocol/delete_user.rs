//! Deletes a user: remove, then release the stale claims. With the first step the user is deleted; a release that
//! fails is left on the tombstone.

use crate::layout::Shard;
use crate::nonce::nonce;
use crate::script::Script;
use crate::store::RedisStore;
use userd_core::{Actor, EventKind, Timestamp, UserId, UserVersion};
use userd_store::{DeleteUserOutcome, StoreError};

/// How long the tombstone of a deleted user is kept: no message from before the deletion arrives later than that.
const DELETED_TTL_MS: u64 = 30 * 24 * 3600 * 1000;

impl RedisStore {
    /// Deletes the user, if still at the version `expected`.
    pub(crate) async fn delete(
        &self,
        id: UserId,
        expected: UserVersion,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<DeleteUserOutcome, StoreError> {
        let deadline = self.router.deadline();
        let shard = Shard::of_user(id);
        let (users, emails) = (self.keys.users(shard), self.keys.emails(shard));
        let (version, text, nonce) = (expected.to_string(), id.to_string(), nonce(&*self.random));
        let (sessions, events) = (self.keys.sessions(id), self.keys.events(shard));
        let (ttl, event) = (DELETED_TTL_MS.to_string(), self.event_args(id, EventKind::Deleted, actor, now));
        let mut args = vec![version.as_bytes(), text.as_bytes(), nonce.as_bytes(), ttl.as_bytes()];
        args.extend(event.iter().map(Vec::as_slice));
        let keys = [users.as_str(), &emails, &sessions, &events];
        let answer = self.run_on_record(deadline, Script::DeleteUser, id, &keys, &args).await?;
        // A rejection is reliable here, even of a repeat: the tombstone keeps the nonce.
        match answer.status.as_str() {
            "ok" => {}
            "stale" => return Ok(DeleteUserOutcome::VersionConflict),
            "missing" => return Ok(DeleteUserOutcome::NotFound),
            _ => return Err(answer.unexpected_reply()),
        }
        self.release_stale(deadline, id, answer.stale_claims).await;
        Ok(DeleteUserOutcome::Deleted)
    }
}
