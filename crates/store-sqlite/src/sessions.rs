//! Sessions and events, as the contract defines them. The SQL is in `session_rows`, `session_writes` and `events`.

use async_trait::async_trait;

use super::store::SqliteStore;
use super::{events, session_rows, session_writes};
use userd_core::{
    AccountEvent, Actor, CanonicalEmail, EventKind, RefreshState, Session, SessionId, SessionLimits, Timestamp, UserId,
    UserVersion,
};
use userd_store::{NewSession, OpenSessionOutcome, SessionStore, SessionWithUser, StoreError};

#[async_trait]
impl SessionStore for SqliteStore {
    async fn open_session(
        &self,
        user: UserId,
        expected: UserVersion,
        session: &NewSession,
        limits: &SessionLimits,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<OpenSessionOutcome, StoreError> {
        let (session, limits, event_writer) = (session.clone(), *limits, self.event_writer(actor, now));
        self.write(move |connection| session_writes::open(connection, user, expected, session, &limits, event_writer))
            .await
    }

    async fn session(
        &self,
        user: UserId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionWithUser>, StoreError> {
        let found = self.readers.read(|connection| session_rows::session_with_user(connection, user, id))?;
        Ok(found.map(|(user, session)| SessionWithUser { user, session, at: now }))
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<(Vec<Session>, Timestamp), StoreError> {
        Ok((self.readers.read(|connection| session_rows::sessions(connection, user))?, now))
    }

    async fn touch_session(&self, user: UserId, session: &Session, at: Timestamp) -> Result<(), StoreError> {
        let id = session.id;
        self.write(move |connection| session_writes::touch(connection, user, id, at)).await
    }

    async fn revoke_session(
        &self,
        user: UserId,
        id: SessionId,
        kind: EventKind,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let event_writer = self.event_writer(actor, now);
        self.write(move |connection| session_writes::revoke(connection, user, id, kind, &event_writer)).await
    }

    async fn revoke_other_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let event_writer = self.event_writer(actor, now);
        self.write(move |connection| session_writes::revoke_others(connection, user, keep, &event_writer)).await
    }

    async fn replace_refresh(
        &self,
        user: UserId,
        session: &Session,
        next: &RefreshState,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (session, next) = (session.clone(), next.clone());
        self.write(move |connection| session_writes::replace_refresh(connection, user, &session, next, at)).await
    }

    /// One commit, whether the user exists or not; see `events` for what an unknown e-mail leaves.
    async fn record_failed_sign_in(
        &self,
        _email: &CanonicalEmail,
        user: Option<UserId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let event_writer = self.event_writer(actor, now);
        self.write(move |connection| match user {
            Some(user) => event_writer.write(connection, user, EventKind::SignInFailed),
            None => event_writer.write_for_unknown_email(connection, EventKind::SignInFailed),
        })
        .await
    }

    async fn events(&self, user: UserId, most: usize) -> Result<Vec<AccountEvent>, StoreError> {
        self.readers.read(|connection| events::events(connection, user, most))
    }
}
