//! Users in Redis or Valkey: one server, a primary that Sentinels watch, or a cluster; many userd.
//!
//! # Keys
//! Below a prefix (`userd:` by default). `{1f3}` is one of 1024 hash tags, so that what lies in one shard
//! lies in one slot of a cluster.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `userd:{1f3}:user:<uuid>` | hash | the record, the truth about a user: see `user_record` |
//! | `userd:{1f3}:users` | sorted set, score 0 | ids of the shard's active users |
//! | `userd:{1f3}:emails` | sorted set, score 0 | `<canonical e-mail>\0<uuid>` of the shard's active users |
//! | `userd:{2a7}:claim:<canonical e-mail>` | string | `<uuid>:<op>`: a pure pointer, never the truth |
//! | `userd:{1f3}:sessions:<uuid>` | hash | the user's sessions: see `session_record` |
//! | `userd:{1f3}:events` | stream | what happened to the shard's users: see `events` |
//! | `userd:{2a7}:throttle:<letter>:<digests>` | string, expires | when a bucket is full again: see `rate_limit` |
//! | `userd:{000}:keys:<kind>` | hash | the service's own keys: see `service_keys` |
//! | `userd:{1f3}:ack` | string | nothing: written before replicas or disks are waited for, see `connection::acknowledge` |
//! | `userd:meta` | hash | versions of format and canonicalisation |
//!
//! # Uniqueness
//! An e-mail and its user lie in different shards, so every change that concerns both goes through the
//! claim protocol: steps that each touch one shard, are atomic, may be repeated, and are fenced by the
//! user's fence, a counter in the record. `protocol` has the steps, `protocol::sign_up`, `protocol::change_profile` and `protocol::delete_user` put them in order,
//! `protocol::import` does so for many users at once, `scripts/*.lua` say why each is right. It holds whatever crashes, pauses or repeats, with any clock.
//!
//! # Sessions and history
//! Lie in the user's shard, so that one script changes the record and them. Such a script has several keys, and while
//! the shard's slot is moved key by key it waits (`TRYAGAIN`), until the deadline; a sign-up takes another id. Checks of
//! sessions are reads of one key each, and go on.
//!
//! # How to add a step
//! One script in `scripts/` with its teaching comment, one line in `script`, one typed call in `protocol`.
//! Check first, write last; touch one shard; answer a repeat as before.

mod check;
mod connection;
mod events;
mod export;
pub mod layout;
mod legacy;
mod listing;
mod merge_listings;
mod protocol;
mod rate_limit;
mod script;
mod service_keys;
mod session_record;
mod sessions;
mod settings;
mod startup_checks;
mod user_record;

use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, Value};
use async_trait::async_trait;

use self::connection::{RequestError, ShardRouter};
use self::layout::{KeyLayout, Shard, mask_claim};
pub use self::legacy::LegacyDatabase;
use self::protocol::SideEffects;
pub use self::settings::{
    AckRequirement, BUSY_PAUSE, NodeAddress, RECHECK_EVERY, RedisDurability, RedisSettings, SentinelSettings,
    ServerCredentials, ServerTopology,
};
use self::user_record::ClaimPointer;
use userd_core::random::Random;
use userd_core::{Actor, CanonicalEmail, EventKind, PasswordHash, SessionId, Timestamp, User, UserId, UserVersion};
use userd_store::{
    CreateUserOutcome, DeleteUserOutcome, StatusUpdate, Store, StoreError, UpdateUserOutcome, UserProfile,
};

/// How long an intent may take before others may give up on it, in milliseconds. Longer than any request
/// lives, short enough that a crash does not block an e-mail for longer.
pub const INTENT_MS: u64 = 30_000;

/// Why the store does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RedisStartError(String);

/// The store in Redis.
pub struct RedisStore {
    router: ShardRouter,
    keys: KeyLayout,
    random: Arc<dyn Random>,
    busy_pause: Duration,
}

impl RedisStore {
    /// Connects and checks the server. One that is away is no error: the store then answers
    /// `Unavailable`, goes on trying, and recovers by itself.
    ///
    /// # Errors
    /// The server is there, but accounts must not be entrusted to it, or it does not let us in.
    pub async fn start(settings: RedisSettings, random: Arc<dyn Random>) -> Result<Self, RedisStartError> {
        let keys = KeyLayout::with_prefix(settings.prefix.clone());
        let busy_pause = settings.busy_pause;
        let router = ShardRouter::start(settings, Arc::clone(&random)).await.map_err(RedisStartError)?;
        Ok(Self { router, keys, random, busy_pause })
    }

    /// The claim on an e-mail: who may have it.
    async fn claim_pointer(
        &self,
        deadline: tokio::time::Instant,
        email: &CanonicalEmail,
    ) -> Result<Option<ClaimPointer>, StoreError> {
        let answer = self.router.command(deadline, Shard::of_email(email), &self.get_claim(email)).await;
        parse_claim(email, answer)
    }

    /// The same, where a verdict rests on it.
    async fn acknowledged_pointer(
        &self,
        deadline: tokio::time::Instant,
        email: &CanonicalEmail,
    ) -> Result<Option<ClaimPointer>, StoreError> {
        let answer = self.router.acknowledged_read(deadline, Shard::of_email(email), &self.get_claim(email)).await;
        parse_claim(email, answer)
    }

    fn get_claim(&self, email: &CanonicalEmail) -> Cmd {
        let mut get = Cmd::new();
        get.arg("GET").arg(self.keys.claim(email));
        get
    }

    async fn read_user(&self, deadline: tokio::time::Instant, id: UserId) -> Result<Option<User>, StoreError> {
        let key = self.keys.user(id);
        user_record::parse_user(id, &key, self.fields(deadline, id, &user_record::USER_FIELDS).await?)
    }

    /// The fields `names` of the record of `id`, in their order.
    async fn fields(
        &self,
        deadline: tokio::time::Instant,
        id: UserId,
        names: &[&str],
    ) -> Result<Vec<Value>, StoreError> {
        let key = self.keys.user(id);
        let mut read = Cmd::new();
        read.arg("HMGET").arg(&key).arg(names);
        match self.router.command(deadline, Shard::of_user(id), &read).await.map_err(|error| error.at(&key))? {
            Value::Array(fields) => Ok(fields),
            _ => Err(StoreError::corrupt(key, "the record is no list of fields")),
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn create_user(&self, user: &User, actor: &Actor) -> Result<CreateUserOutcome, StoreError> {
        self.sign_up(user, actor).await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.read_user(self.router.deadline(), id).await
    }

    /// Claim, then record; the record decides. A reader that meets no answer or a mismatch may have met a
    /// change between its two reads, so it reads once more. It never repairs.
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
        let count = |shard| {
            let mut count = Cmd::new();
            count.arg("ZCARD").arg(self.keys.users(shard));
            (shard, count)
        };
        let answers = self.router.fan_out(self.router.deadline(), Shard::all().map(count).collect()).await;
        let answers = answers.map_err(|error| error.at("users"))?;
        let mut total = 0;
        for (shard, answer) in Shard::all().zip(answers) {
            match answer {
                Value::Int(count) => total += u64::try_from(count).unwrap_or(0),
                _ => return Err(StoreError::corrupt(self.keys.users(shard), "the key holds another type")),
            }
        }
        Ok(total)
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

    async fn delete_user(
        &self,
        id: UserId,
        expected: UserVersion,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<DeleteUserOutcome, StoreError> {
        self.delete(id, expected, actor, now).await
    }

    async fn check_health(&self) -> Result<(), StoreError> {
        self.router.ping(self.router.deadline()).await.map_err(|error| error.at("PING"))?;
        match self.router.unavailable_reason() {
            Some(why) => Err(StoreError::unavailable(why)),
            None => Ok(()),
        }
    }

    async fn close(&self) {
        self.router.close();
    }
}

/// The pointer in the answer to a `GET` of the claim on `email`.
fn parse_claim(
    email: &CanonicalEmail,
    answer: Result<Value, RequestError>,
) -> Result<Option<ClaimPointer>, StoreError> {
    let shown = || mask_claim(email);
    match answer.map_err(|error| error.at(&shown()))? {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => std::str::from_utf8(&bytes)
            .ok()
            .and_then(ClaimPointer::parse)
            .map(Some)
            .ok_or_else(|| StoreError::corrupt(shown(), "the claim is no pointer")),
        _ => Err(StoreError::corrupt(shown(), "the claim is no text")),
    }
}

/// A nonce: eight random bytes in hexadecimal. Tells a repeat of a request from another request.
fn nonce(random: &dyn Random) -> String {
    format!("{:016x}", u64::from_be_bytes(random.bytes()))
}
