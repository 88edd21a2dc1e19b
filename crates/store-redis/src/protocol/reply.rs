//! Sends one step, and reads its answer: a status, then the stale claims of the record.

use ::redis::{ToRedisArgs, Value};
use tokio::time::Instant;

use crate::connection::ScriptReply;
use crate::layout::{Shard, mask_claim};
use crate::script::Script;
use crate::store::RedisStore;
use crate::user_record::{self, ClaimEntry};
use userd_core::{CanonicalEmail, UserId};
use userd_store::StoreError;

/// The answer of a step on a record.
#[derive(Debug)]
pub(crate) struct StepReply {
    /// The status with which the step answers.
    pub(crate) status: String,
    /// Claims that may still have to be released.
    pub(crate) stale_claims: Vec<ClaimEntry>,
    /// An earlier copy of the step may have run: a rejection proves nothing.
    repeated: bool,
    key: String,
}

impl StepReply {
    /// An error if a rejection may be wrong: an earlier copy of the step may have run, and other requests may have
    /// changed the user since.
    pub(crate) fn reject_if_ambiguous(&self) -> Result<(), StoreError> {
        if self.repeated {
            return Err(StoreError::unavailable(
                "an answer was lost and the user has changed since: read the user again",
            ));
        }
        Ok(())
    }

    /// The error for a status that the step never returns.
    pub(crate) fn unexpected_reply(&self) -> StoreError {
        StoreError::corrupt(self.key.as_str(), format!("a step answered {:?}", self.status))
    }
}

impl RedisStore {
    /// Runs a script on the record of `id`.
    pub(crate) async fn run_on_record(
        &self,
        deadline: Instant,
        script: Script,
        id: UserId,
        more_keys: &[&str],
        args: impl ToRedisArgs,
    ) -> Result<StepReply, StoreError> {
        let key = self.keys.user(id);
        let keys: Vec<&str> = std::iter::once(key.as_str()).chain(more_keys.iter().copied()).collect();
        let ScriptReply { value, repeated } =
            self.run_script(deadline, Shard::of_user(id), script, &keys, args).await?;
        let mut words = reply_texts(value).into_iter();
        let (status, rel) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        Ok(StepReply { status, stale_claims: user_record::parse_claims(&rel), repeated, key })
    }

    /// Runs a script on the claim on `email`.
    pub(crate) async fn run_on_claim(
        &self,
        deadline: Instant,
        script: Script,
        email: &CanonicalEmail,
        args: &[&str],
    ) -> Result<Vec<String>, StoreError> {
        let key = self.keys.claim(email);
        let answer = self.router.script(deadline, Shard::of_email(email), script, &[&key], args).await;
        answer.map(|reply| reply_texts(reply.value)).map_err(|error| error.at(&mask_claim(email)))
    }
}

/// The words of an answer: one, or a list. A missing word is empty.
pub(crate) fn reply_texts(answer: Value) -> Vec<String> {
    match answer {
        Value::Array(values) => values.into_iter().map(reply_text).collect(),
        one => vec![reply_text(one)],
    }
}

/// One word of an answer; empty if it is missing.
pub(crate) fn reply_text(value: Value) -> String {
    ::redis::from_redis_value::<Option<String>>(value).ok().flatten().unwrap_or_default()
}
