//! Changing name and e-mail: within the record where the e-mail stays, else X0 → X1 → C2 → X3 → verify.

use tokio::time::Instant;

use super::RedisStore;
use super::keys::Shard;
use super::record::{self, Pointer};
use super::script::Script;
use super::steps::{Acquired, Settled, intent_deadline};
use crate::domain::{Timestamp, User, UserId, Version};
use crate::store::{Profile, StoreError, Update};

/// How often an e-mail change begins anew because others raised the fence without changing the user.
const INTEND_ROUNDS: usize = 3;

impl RedisStore {
    pub(super) async fn change_profile(
        &self,
        id: UserId,
        expected: Version,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let deadline = self.link.deadline();
        let fields = record::profile_fields(&profile.name, &profile.email, now);
        for _ in 0..INTEND_ROUNDS {
            let Some((user, fence)) = self.record_and_fence(deadline, id).await? else { return Ok(Update::Missing) };
            if user.version != expected {
                return Ok(Update::Stale);
            }
            if user.email.canonical() == profile.email.canonical() {
                return self.edit(deadline, id, expected, &fields, |user| take_over(user, profile, now)).await;
            }
            match self.change_intend(deadline, &user, fence, profile, now).await?.as_str() {
                "ok" => return self.change_email(deadline, user, fence + 1, profile, &fields, now).await,
                "missing" => return Ok(Update::Missing),
                "stale" => return Ok(Update::Stale),
                _ => {}
            }
        }
        Ok(Update::Stale)
    }

    /// The rest of an e-mail change, once its intent stands under `op`.
    async fn change_email(
        &self,
        deadline: Instant,
        mut user: User,
        op: u64,
        profile: &Profile,
        fields: &[String],
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let to = profile.email.canonical();
        let mine = Pointer { id: user.id, op };
        let acquired = self.acquire(deadline, to, mine, now).await;
        let Settled { word, owed } = match acquired {
            Ok(Acquired::Mine) => self.change_commit(deadline, mine, fields).await?,
            Ok(Acquired::Taken) | Err(_) => self.change_abort(deadline, mine).await?,
        };
        if word == "ok" || word == "committed" {
            self.verify(deadline, to, mine).await?;
            self.settle(deadline, user.id, owed).await;
            user.version = user.version.next();
            take_over(&mut user, profile, now);
            return Ok(Update::Updated(Box::new(user)));
        }
        self.release(deadline, to, mine).await?;
        self.settle(deadline, user.id, owed).await;
        Ok(if acquired? == Acquired::Taken { Update::Taken } else { Update::Stale })
    }

    /// X1.
    async fn change_intend(
        &self,
        deadline: Instant,
        user: &User,
        fence: u64,
        profile: &Profile,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        let (fence, version) = (fence.to_string(), user.version.to_string());
        let (nonce, till) = (super::nonce(&*self.random), intent_deadline(now));
        let args = [fence.as_str(), &version, profile.email.canonical().as_str(), &nonce, &till];
        Ok(self.settle_on_record(deadline, Script::ChangeIntend, user.id, &[], &args).await?.word)
    }

    /// X3.
    async fn change_commit(&self, deadline: Instant, mine: Pointer, fields: &[String]) -> Result<Settled, StoreError> {
        let emails = self.keys.emails(Shard::of_user(mine.id));
        let (op, id) = (mine.op.to_string(), mine.id.to_string());
        let args: Vec<&str> = [op.as_str(), &id].into_iter().chain(fields.iter().map(String::as_str)).collect();
        self.settle_on_record(deadline, Script::ChangeCommit, mine.id, &[&emails], &args).await
    }

    async fn change_abort(&self, deadline: Instant, mine: Pointer) -> Result<Settled, StoreError> {
        self.settle_on_record(deadline, Script::ChangeAbort, mine.id, &[], &[&mine.op.to_string()]).await
    }
}

fn take_over(user: &mut User, profile: &Profile, now: Timestamp) {
    user.name = profile.name.clone();
    user.email = profile.email.clone();
    user.updated_at = now;
}
