//! Signing up: C1 → C2 → C3 → verify, four round trips.

use tokio::time::Instant;

use super::RedisStore;
use super::keys::Shard;
use super::record::{self, Pointer};
use super::script::Script;
use super::steps::{ABORTED_TTL_MS, Acquired, intent_deadline};
use crate::domain::{User, Version};
use crate::store::{Insert, StoreError};

/// A C1 that arrives later than this after it was sent is refused: it may be a copy of one whose tombstone
/// has expired. Far shorter than the tombstone's life, far longer than any request's.
const INTEND_NOT_AFTER_MS: u64 = 60_000;

/// What the first step came to.
enum Intent {
    /// Written down, or written down already.
    Pending,
    /// A repeat of this very message was committed already.
    Done,
}

impl RedisStore {
    pub(super) async fn sign_up(&self, user: &User) -> Result<Insert, StoreError> {
        let deadline = self.link.deadline();
        let email = user.email.canonical();
        let mine = Pointer { id: user.id, op: Version::FIRST.number() };
        if let Intent::Done = self.sign_up_intend(deadline, user).await? {
            self.verify(deadline, email, mine).await?;
            return Ok(Insert::Inserted);
        }
        let acquired = self.acquire(deadline, email, mine, user.created_at).await;
        if !matches!(acquired, Ok(Acquired::Mine)) {
            let committed = self.sign_up_abort(deadline, user).await;
            if !matches!(committed, Ok(true)) {
                let released = self.release(deadline, email, mine).await;
                return acquired.and(committed).and(released).map(|()| Insert::Taken);
            }
        } else if !self.sign_up_commit(deadline, user).await? {
            self.release(deadline, email, mine).await?;
            return Err(given_up());
        }
        self.verify(deadline, email, mine).await?;
        Ok(Insert::Inserted)
    }

    /// C1. The server's clock is asked again if it finds the message late: it may have been set.
    async fn sign_up_intend(&self, deadline: Instant, user: &User) -> Result<Intent, StoreError> {
        let key = self.keys.user(user.id);
        let fields = record::written(user);
        for attempt in 0..2 {
            let not_after = (self.link.server_now_ms() + INTEND_NOT_AFTER_MS).to_string();
            let (till, ttl) = (intent_deadline(user.created_at), ABORTED_TTL_MS.to_string());
            let mut args = vec![not_after.as_str(), &till, &ttl, user.email.canonical().as_str()];
            args.extend(fields.iter().map(String::as_str));
            let answer = self.on_record(deadline, Script::SignUpIntend, user.id, &[], &args).await?;
            match answer.word.as_str() {
                "ok" => return Ok(Intent::Pending),
                "done" => return Ok(Intent::Done),
                "late" if attempt == 0 => {
                    self.link.ask_server_clock(deadline).await.map_err(|error| error.at(&key))?;
                }
                "late" => break,
                "dead" => return Err(given_up()),
                _ => return Err(answer.unknown()),
            }
        }
        Err(StoreError::unavailable("Redis found the sign-up late; its clock jumps"))
    }

    /// C3: true if the user is active now.
    async fn sign_up_commit(&self, deadline: Instant, user: &User) -> Result<bool, StoreError> {
        let shard = Shard::of_user(user.id);
        let (users, emails) = (self.keys.users(shard), self.keys.emails(shard));
        let id = user.id.to_string();
        let answer = self.on_record(deadline, Script::SignUpCommit, user.id, &[&users, &emails], &[&id]).await?;
        Ok(answer.word == "ok")
    }

    /// Gives up; true if it turns out that the sign-up got through.
    async fn sign_up_abort(&self, deadline: Instant, user: &User) -> Result<bool, StoreError> {
        let answer =
            self.on_record(deadline, Script::SignUpAbort, user.id, &[], &[&ABORTED_TTL_MS.to_string()]).await?;
        Ok(answer.word == "committed")
    }
}

/// Others judged this sign-up dead, which they may only once its deadline has passed by their clock.
fn given_up() -> StoreError {
    StoreError::unavailable("the sign-up was given up by another userd; is its clock ahead?")
}
