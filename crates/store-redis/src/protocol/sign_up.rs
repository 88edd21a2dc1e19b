//! Signs a user up: intend, claim, commit, verify; four round trips.

use std::time::Duration;

use tokio::time::Instant;

use super::claims::AcquireOutcome;
use super::deadlines::{ABORTED_TTL_MS, intent_deadline};
use super::reply::reply_texts;
use crate::connection::RequestError;
use crate::layout::Shard;
use crate::script::Script;
use crate::store::RedisStore;
use crate::user_record::{self, ClaimPointer};
use userd_core::{Actor, EventKind, User, UserVersion};
use userd_store::{CreateUserOutcome, StoreError};

/// An intent that arrives later than this after it was sent is rejected: it may be a copy of one whose tombstone has
/// expired. Far shorter than the life of a tombstone, far longer than that of a request.
pub(crate) const INTEND_NOT_AFTER_MS: u64 = 60_000;

/// How long a sign-up waits for a slot that is being moved key by key, before it takes another id: some keys are moved
/// within this time, and two attempts fit into a request.
pub(crate) const RESHARDING_TIMEOUT: Duration = Duration::from_millis(100);

/// The outcome of the commit.
enum CommitOutcome {
    /// The user is active.
    Committed,
    /// Another operation aborted the sign-up.
    Aborted,
    /// The record and its listing are on two nodes at the moment.
    Resharding,
}

impl RedisStore {
    /// Signs the user up.
    pub(crate) async fn sign_up(&self, user: &User, actor: &Actor) -> Result<CreateUserOutcome, StoreError> {
        let deadline = self.router.deadline();
        let email = user.email.canonical();
        let mine = ClaimPointer { id: user.id, op: UserVersion::FIRST.number() };
        if self.sign_up_intend(deadline, user).await? {
            self.verify_claim(deadline, email, mine).await?;
            return Ok(CreateUserOutcome::Created);
        }
        let rejected = match self.acquire(deadline, email, mine, user.created_at).await {
            Ok(AcquireOutcome::Acquired) => match self.sign_up_commit(deadline, user, actor).await? {
                CommitOutcome::Committed => None,
                CommitOutcome::Aborted => {
                    self.release(deadline, email, mine).await?;
                    return Err(aborted_by_peer());
                }
                CommitOutcome::Resharding => Some(Ok(CreateUserOutcome::Resharding)),
            },
            Ok(AcquireOutcome::Taken) => Some(Ok(CreateUserOutcome::EmailTaken)),
            Err(error) => Some(Err(error)),
        };
        if let Some(rejected) = rejected {
            // An earlier copy of this sign-up may have been committed.
            let committed = self.sign_up_abort(deadline, user).await;
            if !matches!(committed, Ok(true)) {
                let released = self.release(deadline, email, mine).await;
                return rejected.and_then(|outcome| committed.and(released).map(|()| outcome));
            }
        }
        self.verify_claim(deadline, email, mine).await?;
        Ok(CreateUserOutcome::Created)
    }

    /// The step `sign_up_intend`; true if an earlier copy of the message has already been committed. If the server
    /// finds the message late, its clock is read again: it may have been set.
    async fn sign_up_intend(&self, deadline: Instant, user: &User) -> Result<bool, StoreError> {
        let (key, shard) = (self.keys.user(user.id), Shard::of_user(user.id));
        let fields = user_record::user_fields(user);
        for attempt in 0..2 {
            let server_now_ms = self.router.server_now_ms(deadline, shard).await.map_err(|error| error.at(&key))?;
            let times = (server_now_ms + INTEND_NOT_AFTER_MS, intent_deadline(user.created_at), ABORTED_TTL_MS);
            let args = (times, user.email.canonical().as_str(), &fields);
            let answer = self.run_on_record(deadline, Script::SignUpIntend, user.id, &[], args).await?;
            match answer.status.as_str() {
                "ok" => return Ok(false),
                "done" => return Ok(true),
                "late" if attempt == 0 => {
                    self.router.refresh_server_clock(deadline, shard).await.map_err(|error| error.at(&key))?;
                }
                "late" => break,
                "dead" => return Err(aborted_by_peer()),
                _ => return Err(answer.unexpected_reply()),
            }
        }
        Err(StoreError::unavailable("Redis rejected the sign-up as late; its clock jumps"))
    }

    /// The step `sign_up_commit`.
    async fn sign_up_commit(&self, deadline: Instant, user: &User, actor: &Actor) -> Result<CommitOutcome, StoreError> {
        let shard = Shard::of_user(user.id);
        let (key, users, emails) = (self.keys.user(user.id), self.keys.users(shard), self.keys.emails(shard));
        let (events, id) = (self.keys.events(shard), user.id.to_string());
        let event = self.event_args(user.id, EventKind::SignedUp, actor, user.created_at);
        let args: Vec<&[u8]> = std::iter::once(id.as_bytes()).chain(event.iter().map(Vec::as_slice)).collect();
        let keys = [key.as_str(), &users, &emails, &events];
        let call = (Script::SignUpCommit, &keys[..], &args[..]);
        match self.router.script_unless_resharding(deadline, shard, RESHARDING_TIMEOUT, call).await {
            Ok(reply) => {
                Ok(if reply_texts(reply.value) == ["ok"] { CommitOutcome::Committed } else { CommitOutcome::Aborted })
            }
            Err(RequestError::Resharding) => Ok(CommitOutcome::Resharding),
            Err(error) => Err(error.at(&key)),
        }
    }

    /// The step `sign_up_abort`; true if the sign-up turns out to be committed.
    pub(crate) async fn sign_up_abort(&self, deadline: Instant, user: &User) -> Result<bool, StoreError> {
        let answer = self.run_on_record(deadline, Script::SignUpAbort, user.id, &[], ABORTED_TTL_MS).await?;
        Ok(answer.status == "committed")
    }
}

/// Another process found this sign-up dead, which it may only after the deadline has passed by its clock.
fn aborted_by_peer() -> StoreError {
    StoreError::unavailable("another userd aborted the sign-up; is its clock ahead?")
}
