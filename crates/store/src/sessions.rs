//! What a store promises about sessions and about an account's history.
//!
//! A session hangs on its user: it is good only while the user is there and nothing has ended it since, and what ends
//! many sessions at once (a new password, the deletion, "sign out everywhere") does so in the same atomic step as the
//! change itself. How long sessions live is not known here: the caller decides by what it reads, and the limits that
//! are passed in only tidy.
//!
//! `now` is the caller's clock, for stores that have no time of their own. A store that has (Redis) goes by its own,
//! so that sessions end at the same moment for every caller, whatever their clocks say.

use async_trait::async_trait;

use super::StoreError;
use userd_core::{
    AccountEvent, Actor, CanonicalEmail, EventKind, RefreshState, Session, SessionId, SessionLimits, SessionProof,
    Timestamp, User, UserId, UserVersion,
};

/// How many events a store keeps in all where nothing else is set: ten years of a small service, and about 100 MB.
pub const EVENTS_RETENTION_DEFAULT: u64 = 1_000_000;

/// Where sessions and events are kept. See the module's text for what an implementer promises.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Opens a session of the user, if they still are at `expected`, and writes [`EventKind::SignedIn`].
    ///
    /// In the same step sessions that `limits` end are removed, and then the oldest until there is room. The same
    /// session once more (a repeat after an answer that got lost) is `Opened` again.
    async fn open_session(
        &self,
        user: UserId,
        expected: UserVersion,
        session: &NewSession,
        limits: &SessionLimits,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<OpenSessionOutcome, StoreError>;

    /// The session and its user as they are now, if nothing has ended the session; whether it is too old the caller
    /// decides, by [`SessionWithUser::at`]. One round trip at most.
    async fn session(&self, user: UserId, id: SessionId, now: Timestamp)
    -> Result<Option<SessionWithUser>, StoreError>;

    /// The sessions of a user that nothing has ended, the newest first, and the store's time. Empty if there is no
    /// such user. Some may be too old.
    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<(Vec<Session>, Timestamp), StoreError>;

    /// Writes that the session was used at `at`, which came from [`SessionWithUser::at`]. Never moves back; nothing if the
    /// session has ended.
    async fn touch_session(&self, user: UserId, session: &Session, at: Timestamp) -> Result<(), StoreError>;

    /// Ends one session and writes `kind`. False if there was none; then nothing is written.
    async fn revoke_session(
        &self,
        user: UserId,
        id: SessionId,
        kind: EventKind,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Ends all sessions of the user but `keep`, and writes [`EventKind::SessionsRevoked`]. False if there is no such
    /// user.
    async fn revoke_other_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Puts `next` in the place of `expected`, the session's refresh state as it was read, and writes that the session
    /// was used at `at`. False if the state is another one by now, or the session has ended. A repeat is true again.
    /// With `next` the same as `expected` nothing is written; true then says that what was read will last as a change
    /// does.
    async fn replace_refresh(
        &self,
        user: UserId,
        session: &Session,
        next: &RefreshState,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Writes [`EventKind::SignInFailed`] into the history of the user with this e-mail, if there is one.
    ///
    /// It does the same work either way, so that its time tells nobody whether there is such a user.
    async fn record_failed_sign_in(
        &self,
        email: &CanonicalEmail,
        user: Option<UserId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The last `most` events of a user that are still kept, in the order in which they happened.
    async fn events(&self, user: UserId, most: usize) -> Result<Vec<AccountEvent>, StoreError>;
}

/// A session to be opened.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// What only its token can make.
    pub proof: SessionProof,
    /// What is kept of its refresh token, if it has one.
    pub refresh: Option<RefreshState>,
}

/// What became of [`SessionStore::open_session`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenSessionOutcome {
    /// The session is open.
    Opened(Box<Session>),
    /// The user has changed since `expected`; nothing was changed. Read again and decide again.
    VersionConflict,
    /// There is no such user.
    NotFound,
}

/// A session that nothing has ended, with its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionWithUser {
    /// The user as they are now.
    pub user: User,
    /// The session.
    pub session: Session,
    /// The store's time.
    pub at: Timestamp,
}
