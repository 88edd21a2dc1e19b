//! The store itself: the router to the servers, the key layout, and the reads that several modules share.
//!
//! The contracts of `userd-store` are implemented on it in one file each: `users`, `sessions`, `events`, `listing`,
//! `rate_limit`, `service_keys`, `protocol::import`, `export`, `check`.

use std::sync::Arc;

use ::redis::{Cmd, ToRedisArgs, Value};
use tokio::time::Instant;

use crate::connection::{RequestError, ScriptReply, ShardRouter};
use crate::layout::{KeyLayout, Shard, mask_claim};
use crate::script::Script;
use crate::settings::RedisSettings;
use crate::user_record::{self, ClaimPointer};
use userd_core::random::Random;
use userd_core::{CanonicalEmail, User, UserId};
use userd_store::StoreError;

/// Why the store does not start: a message for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RedisStartError(pub(crate) String);

/// The store on Redis or Valkey.
pub struct RedisStore {
    pub(crate) router: ShardRouter,
    pub(crate) keys: KeyLayout,
    pub(crate) random: Arc<dyn Random>,
}

impl RedisStore {
    /// Connects to the servers and checks them. An unavailable server is no error: the store then answers
    /// `Unavailable`, keeps retrying, and recovers by itself.
    ///
    /// # Errors
    /// A server answers, but accounts must not be entrusted to it, or it rejects the login.
    pub async fn start(settings: RedisSettings, random: Arc<dyn Random>) -> Result<Self, RedisStartError> {
        let keys = KeyLayout::with_prefix(settings.prefix.clone());
        let router = ShardRouter::start(settings, Arc::clone(&random)).await.map_err(RedisStartError)?;
        Ok(Self { router, keys, random })
    }

    /// The claim on an e-mail address. It may be stale: the record of its holder decides.
    pub(crate) async fn claim_pointer(
        &self,
        deadline: Instant,
        email: &CanonicalEmail,
    ) -> Result<Option<ClaimPointer>, StoreError> {
        let answer = self.router.command(deadline, Shard::of_email(email), &self.get_claim(email)).await;
        claim_in(email, answer)
    }

    /// The same for an answer that depends on it.
    pub(crate) async fn acknowledged_pointer(
        &self,
        deadline: Instant,
        email: &CanonicalEmail,
    ) -> Result<Option<ClaimPointer>, StoreError> {
        let answer = self.router.acknowledged_read(deadline, Shard::of_email(email), &self.get_claim(email)).await;
        claim_in(email, answer)
    }

    /// The command that reads the claim on an e-mail address.
    pub(crate) fn get_claim(&self, email: &CanonicalEmail) -> Cmd {
        command(&["GET", &self.keys.claim(email)])
    }

    /// The active user with this id.
    pub(crate) async fn read_user(&self, deadline: Instant, id: UserId) -> Result<Option<User>, StoreError> {
        let key = self.keys.user(id);
        user_record::parse_user(id, &key, self.fields(deadline, id, &user_record::USER_FIELDS).await?)
    }

    /// The fields `names` of the record of `id`, in this order.
    pub(crate) async fn fields(&self, deadline: Instant, id: UserId, names: &[&str]) -> Result<Vec<Value>, StoreError> {
        let (key, (shard, read)) = (self.keys.user(id), self.get_fields(id, names));
        match self.router.command(deadline, shard, &read).await.map_err(|error| error.at(&key))? {
            Value::Array(fields) => Ok(fields),
            _ => Err(StoreError::corrupt(key, "the record is not a list of fields")),
        }
    }

    /// The command that reads fields of the user's record, and its shard.
    pub(crate) fn get_fields(&self, id: UserId, names: &[&str]) -> (Shard, Cmd) {
        let mut read = command(&["HMGET", &self.keys.user(id)]);
        read.arg(names);
        (Shard::of_user(id), read)
    }

    /// Runs a script on keys of `shard`. An error is reported at the first key.
    pub(crate) async fn run_script(
        &self,
        deadline: Instant,
        shard: Shard,
        script: Script,
        keys: &[&str],
        args: impl ToRedisArgs,
    ) -> Result<ScriptReply, StoreError> {
        let reply = self.router.script(deadline, shard, script, keys, &args.to_redis_args()).await;
        reply.map_err(|error| error.at(keys[0]))
    }
}

/// A command of these words.
pub(crate) fn command(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    command.arg(words);
    command
}

/// The pointer in the answer to a `GET` of the claim on `email`.
fn claim_in(email: &CanonicalEmail, answer: Result<Value, RequestError>) -> Result<Option<ClaimPointer>, StoreError> {
    let answer = answer.map_err(|error| error.at(&mask_claim(email)))?;
    ClaimPointer::in_answer(&answer).map_err(|what| StoreError::corrupt(mask_claim(email), what))
}
