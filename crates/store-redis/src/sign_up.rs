//! Signing up: C1 → C2 → C3 → verify, four round trips.

use std::time::Duration;

use tokio::time::Instant;

use super::RedisStore;
use super::keys::Shard;
use super::link::LinkError;
use super::record::{self, Pointer};
use super::script::Script;
use super::steps::{ABORTED_TTL_MS, Acquired, intent_deadline, words};
use userd_core::{Client, EventKind, User, Version};
use userd_store::{Insert, StoreError};

/// A C1 that arrives later than this after it was sent is refused: it may be a copy of one whose tombstone
/// has expired. Far shorter than the tombstone's life, far longer than any request's.
pub(super) const INTEND_NOT_AFTER_MS: u64 = 60_000;

/// How long a sign-up waits for a slot of a cluster whose keys are being moved one by one, before it takes another id:
/// some keys move within it, and two tries fit into a request.
pub(super) const MOVING_PATIENCE: Duration = Duration::from_millis(100);

/// What C3 came to.
enum Commit {
    /// The user is active.
    Done,
    /// Others gave the sign-up up.
    Dead,
    /// The record and its listing lie on two nodes at the moment.
    Moving,
}

/// What the first step came to.
enum Intent {
    /// Written down, or written down already.
    Pending,
    /// A repeat of this very message was committed already.
    Done,
}

impl RedisStore {
    pub(super) async fn sign_up(&self, user: &User, client: &Client) -> Result<Insert, StoreError> {
        let deadline = self.link.deadline();
        let email = user.email.canonical();
        let mine = Pointer { id: user.id, op: Version::FIRST.number() };
        if let Intent::Done = self.sign_up_intend(deadline, user).await? {
            self.verify(deadline, email, mine).await?;
            return Ok(Insert::Inserted);
        }
        let refused = match self.acquire(deadline, email, mine, user.created_at).await {
            Ok(Acquired::Mine) => match self.sign_up_commit(deadline, user, client).await? {
                Commit::Done => None,
                Commit::Dead => {
                    self.release(deadline, email, mine).await?;
                    return Err(given_up());
                }
                Commit::Moving => Some(Ok(Insert::Moving)),
            },
            Ok(Acquired::Taken) => Some(Ok(Insert::Taken)),
            Err(error) => Some(Err(error)),
        };
        if let Some(refused) = refused {
            // An earlier copy of this sign-up may have got through after all.
            let committed = self.sign_up_abort(deadline, user).await;
            if !matches!(committed, Ok(true)) {
                let released = self.release(deadline, email, mine).await;
                return refused.and_then(|refused| committed.and(released).map(|()| refused));
            }
        }
        self.verify(deadline, email, mine).await?;
        Ok(Insert::Inserted)
    }

    /// C1. The server's clock is asked again if it finds the message late: it may have been set.
    async fn sign_up_intend(&self, deadline: Instant, user: &User) -> Result<Intent, StoreError> {
        let (key, shard) = (self.keys.user(user.id), Shard::of_user(user.id));
        let fields = record::written(user);
        for attempt in 0..2 {
            let server_now_ms = self.link.server_now_ms(deadline, shard).await.map_err(|error| error.at(&key))?;
            let not_after = (server_now_ms + INTEND_NOT_AFTER_MS).to_string();
            let (till, ttl) = (intent_deadline(user.created_at), ABORTED_TTL_MS.to_string());
            let mut args = vec![not_after.as_str(), &till, &ttl, user.email.canonical().as_str()];
            args.extend(fields.iter().map(String::as_str));
            let answer = self.on_record(deadline, Script::SignUpIntend, user.id, &[], &args).await?;
            match answer.word.as_str() {
                "ok" => return Ok(Intent::Pending),
                "done" => return Ok(Intent::Done),
                "late" if attempt == 0 => {
                    self.link.ask_server_clock(deadline, shard).await.map_err(|error| error.at(&key))?;
                }
                "late" => break,
                "dead" => return Err(given_up()),
                _ => return Err(answer.unknown()),
            }
        }
        Err(StoreError::unavailable("Redis found the sign-up late; its clock jumps"))
    }

    /// C3.
    async fn sign_up_commit(&self, deadline: Instant, user: &User, client: &Client) -> Result<Commit, StoreError> {
        let shard = Shard::of_user(user.id);
        let (key, users, emails) = (self.keys.user(user.id), self.keys.users(shard), self.keys.emails(shard));
        let (events, id) = (self.keys.events(shard), user.id.to_string());
        let event = self.event(user.id, EventKind::SignedUp, client, user.created_at);
        let args: Vec<&[u8]> = std::iter::once(id.as_bytes()).chain(event.iter().map(Vec::as_slice)).collect();
        let keys = [key.as_str(), &users, &emails, &events];
        let call = (Script::SignUpCommit, &keys[..], &args[..]);
        match self.link.script_unless_moving(deadline, shard, MOVING_PATIENCE, call).await {
            Ok(reply) => Ok(if words(reply.value) == ["ok"] { Commit::Done } else { Commit::Dead }),
            Err(LinkError::Moving) => Ok(Commit::Moving),
            Err(error) => Err(error.at(&key)),
        }
    }

    /// Gives up; true if it turns out that the sign-up got through.
    pub(super) async fn sign_up_abort(&self, deadline: Instant, user: &User) -> Result<bool, StoreError> {
        let answer =
            self.on_record(deadline, Script::SignUpAbort, user.id, &[], &[&ABORTED_TTL_MS.to_string()]).await?;
        Ok(answer.word == "committed")
    }
}

/// Others judged this sign-up dead, which they may only once its deadline has passed by their clock.
fn given_up() -> StoreError {
    StoreError::unavailable("the sign-up was given up by another userd; is its clock ahead?")
}
