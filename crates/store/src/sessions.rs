//! Sessions, and the events of an account.
//!
//! - **Invariant:** a session is valid only while its user exists and nothing has revoked it.
//! - **Invariant:** a change that revokes many sessions (a new password, a deletion, "sign out everywhere") does so in
//!   the same atomic step.
//!
//! Session time-outs are the caller's decision, from what it reads; the limits passed in are for cleaning up only.
//!
//! `now` is the caller's clock, for stores without a clock of their own. A store that has one (Redis) uses it, so that
//! a session expires at the same moment for every caller.

use async_trait::async_trait;

use userd_core::{
    AccountEvent, Actor, CanonicalEmail, EventKind, RefreshState, Session, SessionId, SessionLimits, SessionProof,
    Timestamp, User, UserId, UserVersion,
};

use crate::error::StoreError;

/// The default limit of events in a store, over all users: ten years of a small service, about 100 MB.
pub const EVENTS_RETENTION_DEFAULT: u64 = 1_000_000;

/// Storing sessions and events. The module's documentation has the invariants.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Opens a session of the user, if the user is still at `expected`, and records [`EventKind::SignedIn`].
    ///
    /// The same step deletes sessions that are expired by `limits`, and then the oldest ones until there is room.
    /// Idempotent: the same session again is `Opened` again.
    async fn open_session(
        &self,
        user: UserId,
        expected: UserVersion,
        session: &NewSession,
        limits: &SessionLimits,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<OpenSessionOutcome, StoreError>;

    /// The session and its user as they are now, unless the session was revoked. The caller decides by
    /// [`SessionWithUser::at`] whether it has expired. One round trip at most.
    async fn session(&self, user: UserId, id: SessionId, now: Timestamp)
    -> Result<Option<SessionWithUser>, StoreError>;

    /// The sessions of a user that were not revoked, the newest first, and the store's time. Empty if no such user
    /// exists. Some may have expired.
    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<(Vec<Session>, Timestamp), StoreError>;

    /// Records that the session was used at `at`, which came from [`SessionWithUser::at`]. The time never moves back; a
    /// session that ended is left alone.
    async fn touch_session(&self, user: UserId, session: &Session, at: Timestamp) -> Result<(), StoreError>;

    /// Revokes one session and records `kind`. False if no such session exists; then nothing is recorded.
    async fn revoke_session(
        &self,
        user: UserId,
        id: SessionId,
        kind: EventKind,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Revokes all sessions of the user except `keep`, and records [`EventKind::SessionsRevoked`]. False if no such
    /// user exists.
    async fn revoke_other_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Compare and set: replaces the refresh state of `session`, as it was read, by `next`, and records that the
    /// session was used at `at`. False if the state is another one by now, or the session has ended. A repeat is true
    /// again. If `next` is the state as it was read, nothing is written; true then means that it is as durable as a
    /// change.
    async fn replace_refresh(
        &self,
        user: UserId,
        session: &Session,
        next: &RefreshState,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Records [`EventKind::SignInFailed`] for the user with this e-mail, if one exists.
    ///
    /// It does the same work either way, so that its duration does not disclose whether the user exists.
    async fn record_failed_sign_in(
        &self,
        email: &CanonicalEmail,
        user: Option<UserId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The last `most` events of a user that are still stored, the oldest first.
    async fn events(&self, user: UserId, most: usize) -> Result<Vec<AccountEvent>, StoreError>;
}

/// A session to open.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// What can be computed from its token only.
    pub proof: SessionProof,
    /// The state of its refresh token, if it has one.
    pub refresh: Option<RefreshState>,
}

/// The outcome of [`SessionStore::open_session`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenSessionOutcome {
    /// The session is open.
    Opened(Box<Session>),
    /// The user has changed since `expected`; nothing was changed. Read the user again and decide again.
    VersionConflict,
    /// No user has this id.
    NotFound,
}

/// A session that was not revoked, with its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionWithUser {
    /// The user's present record.
    pub user: User,
    /// The session.
    pub session: Session,
    /// The store's time.
    pub at: Timestamp,
}
