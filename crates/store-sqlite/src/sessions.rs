//! Sessions and histories: the contract's part of `session_rows`, `session_changes` and `events`.

use async_trait::async_trait;

use super::events::Note;
use super::{EmbeddedStore, events, session_changes, session_rows};
use userd_core::{
    CanonicalEmail, Client, Event, EventKind, RefreshState, Session, SessionId, SessionLimits, Timestamp, UserId,
    Version,
};
use userd_store::{NewSession, Open, SessionStore, SignedIn, StoreError};

impl EmbeddedStore {
    /// What is to be written beside a change that `client` makes.
    pub(super) fn note(&self, client: &Client, now: Timestamp) -> Note {
        Note { client: client.clone(), now, kept: self.events_kept }
    }
}

#[async_trait]
impl SessionStore for EmbeddedStore {
    async fn open_session(
        &self,
        user: UserId,
        expected: Version,
        session: &NewSession,
        limits: &SessionLimits,
        client: &Client,
        now: Timestamp,
    ) -> Result<Open, StoreError> {
        let (session, limits, note) = (session.clone(), *limits, self.note(client, now));
        self.change(move |connection| session_changes::open(connection, user, expected, session, &limits, note)).await
    }

    async fn session(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<Option<SignedIn>, StoreError> {
        let found = self.readers.read(|connection| session_rows::signed_in(connection, user, id))?;
        Ok(found.map(|(user, session)| SignedIn { user, session, at: now }))
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<(Vec<Session>, Timestamp), StoreError> {
        Ok((self.readers.read(|connection| session_rows::sessions(connection, user))?, now))
    }

    async fn see_session(&self, user: UserId, session: &Session, at: Timestamp) -> Result<(), StoreError> {
        let id = session.id;
        self.change(move |connection| session_changes::see(connection, user, id, at)).await
    }

    async fn end_session(
        &self,
        user: UserId,
        id: SessionId,
        kind: EventKind,
        client: &Client,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let note = self.note(client, now);
        self.change(move |connection| session_changes::end(connection, user, id, kind, &note)).await
    }

    async fn end_other_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        client: &Client,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let note = self.note(client, now);
        self.change(move |connection| session_changes::end_others(connection, user, keep, &note)).await
    }

    async fn replace_refresh(
        &self,
        user: UserId,
        session: &Session,
        next: &RefreshState,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (session, next) = (session.clone(), next.clone());
        self.change(move |connection| session_changes::replace_refresh(connection, user, &session, next, at)).await
    }

    /// A commit either way; see `events` for what that of a stranger leaves.
    async fn note_failure(
        &self,
        _email: &CanonicalEmail,
        user: Option<UserId>,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let note = self.note(client, now);
        self.change(move |connection| match user {
            Some(user) => note.write(connection, user, EventKind::SignInFailed),
            None => note.write_of_nobody(connection, EventKind::SignInFailed),
        })
        .await
    }

    async fn events(&self, user: UserId, most: usize) -> Result<Vec<Event>, StoreError> {
        self.readers.read(|connection| events::events(connection, user, most))
    }
}
