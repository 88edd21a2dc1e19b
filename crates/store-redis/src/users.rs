//! Users: the `Store` contract. Changes of a unique e-mail address go through `protocol`.

use ::redis::Value;
use async_trait::async_trait;

use crate::layout::Shard;
use crate::nonce::nonce;
use crate::protocol::SideEffects;
use crate::script::Script;
use crate::store::{RedisStore, command};
use userd_core::{Actor, CanonicalEmail, EventKind, PasswordHash, SessionId, Timestamp, User, UserId, UserVersion};
use userd_store::{
    CreateUserOutcome, DeleteUserOutcome, StatusUpdate, Store, StoreError, UpdateUserOutcome, UserProfile,
};

/// How long the tombstone of a deleted user is kept: no message from before the deletion arrives later than that.
const DELETED_TTL_MS: u64 = 30 * 24 * 3600 * 1000;

#[async_trait]
impl Store for RedisStore {
    async fn create_user(&self, user: &User, actor: &Actor) -> Result<CreateUserOutcome, StoreError> {
        self.sign_up(user, actor).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.read_user(self.router.deadline(), id).await
    }

    /// Reads the claim, then the record; the record decides. If nothing is found or the two do not match, a change may
    /// have happened between the two reads, so both are read once more. A reader never repairs.
    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        let deadline = self.router.deadline();
        for _ in 0..2 {
            if let Some(pointer) = self.claim_pointer(deadline, email).await? {
                let user = self.read_user(deadline, pointer.id).await?;
                if let Some(user) = user.filter(|user| user.email.canonical() == email) {
                    return Ok(Some(user));
                }
            }
        }
        Ok(None)
    }

    async fn users_count(&self) -> Result<u64, StoreError> {
        let count = |shard| (shard, command(&["ZCARD", &self.keys.users(shard)]));
        let answers = self.router.fan_out(self.router.deadline(), Shard::all().map(count).collect()).await;
        let answers = answers.map_err(|error| error.at("users"))?;
        let counts = Shard::all().zip(answers).map(|(shard, answer)| match answer {
            Value::Int(count) => Ok(u64::try_from(count).unwrap_or(0)),
            _ => Err(StoreError::corrupt(self.keys.users(shard), "the key holds another type")),
        });
        counts.sum()
    }

    async fn update_profile(
        &self,
        id: UserId,
        expected: UserVersion,
        profile: &UserProfile,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError> {
        self.change_profile(id, expected, profile, actor, now).await
    }

    async fn update_password(
        &self,
        id: UserId,
        expected: UserVersion,
        password_hash: &PasswordHash,
        keep: Option<SessionId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let event = self.event_args(id, EventKind::PasswordChanged, actor, now);
        self.update_credentials(id, expected, SideEffects::EventAndSessions(event, keep), |user| {
            user.password_hash = password_hash.clone();
            user.status.password_expired = false;
            user.updated_at = now;
        })
        .await
    }

    async fn update_status(
        &self,
        id: UserId,
        expected: UserVersion,
        status_update: &StatusUpdate,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let event = self.event_args(id, status_update.kind, actor, now);
        let side_effects = if status_update.revokes_sessions() {
            SideEffects::EventAndSessions(event, None)
        } else {
            SideEffects::Event(event)
        };
        self.update_credentials(id, expected, side_effects, |user| {
            status_update.apply(user);
            user.updated_at = now;
        })
        .await
    }

    async fn update_password_hash(
        &self,
        id: UserId,
        expected: UserVersion,
        password_hash: &PasswordHash,
    ) -> Result<UpdateUserOutcome, StoreError> {
        self.update_credentials(id, expected, SideEffects::Nothing, |user| user.password_hash = password_hash.clone())
            .await
    }

    /// Removes the user, then releases the stale claims. With the first step the user is deleted; a release that fails
    /// is left on the tombstone.
    async fn delete_user(
        &self,
        id: UserId,
        expected: UserVersion,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<DeleteUserOutcome, StoreError> {
        let (deadline, shard) = (self.router.deadline(), Shard::of_user(id));
        let (users, emails) = (self.keys.users(shard), self.keys.emails(shard));
        let (sessions, events) = (self.keys.sessions(id), self.keys.events(shard));
        let event = self.event_args(id, EventKind::Deleted, actor, now);
        let args = (expected.number(), id.to_string(), nonce(&*self.random), DELETED_TTL_MS, event);
        let keys = [users.as_str(), &emails, &sessions, &events];
        let answer = self.run_on_record(deadline, Script::DeleteUser, id, &keys, args).await?;
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

    async fn check_health(&self) -> Result<(), StoreError> {
        self.router.ping(self.router.deadline()).await.map_err(|error| error.at("PING"))?;
        self.router.unavailable_reason().map_or(Ok(()), |why| Err(StoreError::unavailable(why)))
    }

    async fn close(&self) {
        self.router.close();
    }
}
