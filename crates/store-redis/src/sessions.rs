//! Sessions: each is a few fields of a hash of its user, in the user's shard. `session_record` describes the fields,
//! the scripts describe the steps.
//!
//! **Invariant:** a session is valid only while its user is active and its epoch equals that of the record. Revoking
//! many sessions at once begins a new epoch in the same step as the change, so there is nothing to find and nothing
//! to race.

use ::redis::{Cmd, ToRedisArgs, Value};
use async_trait::async_trait;
use tokio::time::Instant;

use crate::layout::Shard;
use crate::nonce::nonce;
use crate::protocol::reply_texts;
use crate::script::Script;
use crate::session_record;
use crate::store::{RedisStore, command};
use crate::user_record;
use userd_core::{
    AccountEvent, Actor, CanonicalEmail, EventKind, PrincipalId, RefreshState, Session, SessionId, SessionLimits,
    Timestamp, User, UserId, UserVersion,
};
use userd_store::{
    NewSession, OpenSessionOutcome, SessionStore, SessionWithUser, SortOrder, StoreError, UserListing as _,
};

/// How long after the sender's time limit a new session may still be opened, in milliseconds: the error of the estimate
/// of the server's clock.
const CLOCK_SKEW_MS_MAX: u64 = 1_000;

/// The longest expiry that is set for sessions, a hundred years: Redis rejects larger numbers.
pub(super) const SESSION_TTL_MS_MAX: u64 = 100 * 365 * 24 * 3_600_000;

/// How often the revocation of all sessions starts again because another epoch has begun meanwhile.
const EPOCH_ATTEMPTS_MAX: usize = 3;

/// How often a session is read whose epoch differs from the record's: a change may have happened between the two
/// reads, and then the next attempt sees both sides of it, unless there is another change. While a slot moves, the
/// two reads may be far apart.
pub(super) const READ_ATTEMPTS_MAX: usize = 4;

#[async_trait]
impl SessionStore for RedisStore {
    /// Opens a session. If the server finds the message late, its clock is read again: it may have been set.
    async fn open_session(
        &self,
        user: UserId,
        expected: UserVersion,
        session: &NewSession,
        limits: &SessionLimits,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<OpenSessionOutcome, StoreError> {
        let (deadline, shard) = (self.router.deadline(), Shard::of_user(user));
        let (key, sessions, events) = (self.keys.user(user), self.keys.sessions(user), self.keys.events(shard));
        let timeout_ms = u64::try_from(self.router.settings().timeout.as_millis()).unwrap_or(u64::MAX);
        let opened = Actor { principal: PrincipalId::Session(session.id), ..actor.clone() };
        let event = self.event_args(user, EventKind::SignedIn, &opened, now);
        let refresh = session.refresh.as_ref().map(RefreshState::to_bytes).unwrap_or_default();
        let bounded = |ms: u64| ms.clamp(1, SESSION_TTL_MS_MAX);
        let limits = (bounded(limits.idle_ms), bounded(limits.absolute_ms), limits.sessions_max.max(1));
        for attempt in 0..2 {
            let at = self.server_time(deadline, shard).await?;
            let not_after = at.as_millis().saturating_add(timeout_ms).saturating_add(CLOCK_SKEW_MS_MAX);
            let core = session_record::encode_core(session.proof, at, at, actor.address);
            let fields = (session.id.as_bytes(), core, actor.agent.as_str(), &refresh);
            let args = (expected.number(), fields, limits, not_after, &event);
            let keys = [key.as_str(), &sessions, &events];
            let reply = self.run_script(deadline, shard, Script::OpenSession, &keys, args).await?;
            let parts: Vec<Vec<u8>> = ::redis::from_redis_value(reply.value).unwrap_or_default();
            let mut answer = parts.into_iter();
            let mut next = || answer.next().unwrap_or_default();
            match next().as_slice() {
                b"ok" => {
                    let kept = session_record::parse_parts(session.id, &next(), &next(), &next());
                    let kept = kept.map_err(|what| self.corrupt_sessions(user, what))?;
                    return Ok(OpenSessionOutcome::Opened(Box::new(kept.session)));
                }
                b"missing" => return Ok(OpenSessionOutcome::NotFound),
                b"stale" => return Ok(OpenSessionOutcome::VersionConflict),
                b"late" if attempt == 0 => {
                    self.router.refresh_server_clock(deadline, shard).await.map_err(|error| error.at(&key))?;
                }
                b"late" => break,
                _ => return Err(StoreError::corrupt(key, "a step returned an unexpected answer")),
            }
        }
        Err(StoreError::unavailable("Redis rejected the sign-in as late; its clock jumps"))
    }

    /// Reads record and session in one pipeline. If the epochs differ, there was a change in between.
    async fn session(
        &self,
        user: UserId,
        id: SessionId,
        _now: Timestamp,
    ) -> Result<Option<SessionWithUser>, StoreError> {
        let (deadline, shard) = (self.router.deadline(), Shard::of_user(user));
        let names = user_record::user_fields_and(&[user_record::EPOCH_FIELD]);
        for _ in 0..READ_ATTEMPTS_MAX {
            let mut read = command(&["HMGET", &self.keys.sessions(user)]);
            read.arg(session_record::field_names(id));
            let (record, session) = self.record_and_sessions(deadline, user, &names, read).await?;
            let Some((user, epoch)) = self.user_and_epoch(user, record)? else { return Ok(None) };
            let kept = session_record::parse_fields(id, session);
            let Some(kept) = kept.map_err(|what| self.corrupt_sessions(user.id, what))? else { return Ok(None) };
            if kept.epoch == epoch {
                let at = self.server_time(deadline, shard).await?;
                return Ok(Some(SessionWithUser { user, session: kept.session, at }));
            }
        }
        Ok(None)
    }

    async fn sessions(&self, user: UserId, _now: Timestamp) -> Result<(Vec<Session>, Timestamp), StoreError> {
        let (deadline, shard) = (self.router.deadline(), Shard::of_user(user));
        let mut own = Vec::new();
        for attempt in 1..=READ_ATTEMPTS_MAX {
            let read = command(&["HGETALL", &self.keys.sessions(user)]);
            let (record, sessions) =
                self.record_and_sessions(deadline, user, &["st", user_record::EPOCH_FIELD], read).await?;
            let Some(epoch) = self.active_epoch(user, &record)? else { break };
            let all = session_record::parse_all(sessions).map_err(|what| self.corrupt_sessions(user, what))?;
            let count = all.len();
            own = session_record::of_epoch(all, epoch);
            if own.len() == count || attempt == READ_ATTEMPTS_MAX {
                break;
            }
        }
        Ok((own, self.server_time(deadline, shard).await?))
    }

    async fn touch_session(&self, user: UserId, session: &Session, at: Timestamp) -> Result<(), StoreError> {
        let args = (session.id.as_bytes(), at.as_millis());
        self.run_on_sessions(user, Script::TouchSession, args).await.map(drop)
    }

    async fn revoke_session(
        &self,
        user: UserId,
        id: SessionId,
        kind: EventKind,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let shard = Shard::of_user(user);
        let (key, events) = (self.keys.sessions(user), self.keys.events(shard));
        let args = (id.as_bytes(), self.event_args(user, kind, actor, now));
        let reply =
            self.run_script(self.router.deadline(), shard, Script::RevokeSession, &[&key, &events], args).await?;
        // An earlier copy of the message may have revoked it, and its answer was lost.
        Ok(reply_texts(reply.value) == ["ok"] || reply.repeated)
    }

    async fn revoke_other_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (deadline, shard, nonce) = (self.router.deadline(), Shard::of_user(user), nonce(&*self.random));
        let (sessions, events) = (self.keys.sessions(user), self.keys.events(shard));
        let event = self.event_args(user, EventKind::SessionsRevoked, actor, now);
        let keep = keep.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        for _ in 0..EPOCH_ATTEMPTS_MAX {
            let record = Value::Array(self.fields(deadline, user, &["st", user_record::EPOCH_FIELD]).await?);
            let Some(epoch) = self.active_epoch(user, &record)? else { return Ok(false) };
            let (keys, args) = ([sessions.as_str(), &events], (epoch, &nonce, &keep, &event));
            let answer = self.run_on_record(deadline, Script::RevokeOtherSessions, user, &keys, args).await?;
            match answer.status.as_str() {
                "ok" => return Ok(true),
                "missing" => return Ok(false),
                // If an answer was lost, the new epoch may be this request's own: starting again would revoke twice.
                "raced" => answer.reject_if_ambiguous()?,
                _ => return Err(answer.unexpected_reply()),
            }
        }
        Err(StoreError::unavailable("other requests keep revoking all sessions of this user"))
    }

    async fn replace_refresh(
        &self,
        user: UserId,
        session: &Session,
        next: &RefreshState,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let expected = session.refresh.as_ref().map(RefreshState::to_bytes).unwrap_or_default();
        let args = (session.id.as_bytes(), expected, next.to_bytes(), at.as_millis());
        Ok(reply_texts(self.run_on_sessions(user, Script::ReplaceRefresh, args).await?) == ["ok"])
    }

    async fn record_failed_sign_in(
        &self,
        email: &CanonicalEmail,
        user: Option<UserId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // Without a user, the same message is sent to a shard and writes nothing.
        let shard = user.map_or_else(|| Shard::of_email(email), Shard::of_user);
        let (key, no_user) = (self.keys.events(shard), UserId::generate(now, [0; 10]));
        let event = self.event_args(user.unwrap_or(no_user), EventKind::SignInFailed, actor, now);
        let args = (user.is_some(), event);
        self.run_script(self.router.deadline(), shard, Script::RecordFailedSignIn, &[&key], args).await.map(drop)
    }

    async fn events(&self, user: UserId, most: usize) -> Result<Vec<AccountEvent>, StoreError> {
        let found = self.events_page(user, None, SortOrder::Descending, most).await?;
        Ok(found.into_iter().rev().map(|(_, event)| event).collect())
    }
}

impl RedisStore {
    /// Runs a script on the sessions of `user` only.
    async fn run_on_sessions(&self, user: UserId, script: Script, args: impl ToRedisArgs) -> Result<Value, StoreError> {
        let (deadline, key) = (self.router.deadline(), self.keys.sessions(user));
        Ok(self.run_script(deadline, Shard::of_user(user), script, &[&key], args).await?.value)
    }

    /// The fields `names` of the record, then the answer to `read` on the sessions, in one round trip.
    async fn record_and_sessions(
        &self,
        deadline: Instant,
        user: UserId,
        names: &[&str],
        read: Cmd,
    ) -> Result<(Value, Value), StoreError> {
        let commands = vec![self.get_fields(user, names), (Shard::of_user(user), read)];
        let answers = self.router.fan_out(deadline, commands).await;
        let mut answers = answers.map_err(|error| error.at(&self.keys.user(user)))?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        Ok((next(), next()))
    }

    /// The active user and the epoch in an answer to an `HMGET` of [`user_record::USER_FIELDS`] and
    /// [`user_record::EPOCH_FIELD`].
    pub(super) fn user_and_epoch(&self, id: UserId, answer: Value) -> Result<Option<(User, u32)>, StoreError> {
        let key = self.keys.user(id);
        let Value::Array(mut fields) = answer else {
            return Err(StoreError::corrupt(key, "the key holds another type"));
        };
        let epoch = user_record::parse_epoch(&fields.pop().unwrap_or(Value::Nil));
        let Some(user) = user_record::parse_user(id, &key, fields)? else { return Ok(None) };
        Ok(Some((user, epoch.map_err(|what| StoreError::corrupt(key, what))?)))
    }

    /// The epoch in an answer to an `HMGET` of `st` and [`user_record::EPOCH_FIELD`]; `None` if the user is not active.
    fn active_epoch(&self, id: UserId, answer: &Value) -> Result<Option<u32>, StoreError> {
        let corrupt = |what| StoreError::corrupt(self.keys.user(id), what);
        let Value::Array(fields) = answer else { return Err(corrupt("the key holds another type")) };
        match fields.as_slice() {
            [Value::BulkString(state), epoch] if state == b"A" => {
                user_record::parse_epoch(epoch).map(Some).map_err(corrupt)
            }
            [_, _] => Ok(None),
            _ => Err(corrupt("the record is not a list of fields")),
        }
    }

    /// The server's clock.
    async fn server_time(&self, deadline: Instant, shard: Shard) -> Result<Timestamp, StoreError> {
        let now_ms = self.router.server_now_ms(deadline, shard).await.map_err(|error| error.at("TIME"))?;
        Ok(Timestamp::from_millis(now_ms))
    }

    /// The error for sessions that cannot be parsed.
    pub(super) fn corrupt_sessions(&self, user: UserId, what: &'static str) -> StoreError {
        StoreError::corrupt(self.keys.sessions(user), what)
    }
}
