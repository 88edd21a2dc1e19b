//! Sessions and events, as the contract defines them. The SQL is in `session_rows` and `events`.

use async_trait::async_trait;
use rusqlite::Connection;

use super::errors::DatabaseError;
use super::rows::{query_user, user_exists};
use super::session_rows;
use super::session_rows::{delete, delete_others, insert, update};
use super::sql::USER;
use super::store::SqliteStore;
use userd_core::{
    AccountEvent, Actor, CanonicalEmail, EventKind, PrincipalId, RefreshState, Session, SessionId, SessionLimits,
    Timestamp, UserId, UserVersion,
};
use userd_store::{
    NewSession, OpenSessionOutcome, SessionStore, SessionWithUser, SortOrder, StoreError, UserListing as _,
};

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
        let (new, limits, mut event_writer) = (session.clone(), *limits, self.event_writer(actor, now));
        self.write(move |connection| {
            match query_user(connection, USER, [&user.as_bytes()[..]])? {
                None => return Ok(OpenSessionOutcome::NotFound),
                Some(user) if user.version != expected => return Ok(OpenSessionOutcome::VersionConflict),
                Some(_) => {}
            }
            if let Some(open) = session_rows::session(connection, user, new.id)? {
                return Ok(OpenSessionOutcome::Opened(Box::new(open)));
            }
            evict_excess(connection, user, &limits, now)?;
            let opened = Session {
                id: new.id,
                proof: new.proof,
                created_at: now,
                last_used_at: now,
                address: event_writer.actor.address,
                agent: event_writer.actor.agent.clone(),
                refresh: new.refresh,
            };
            insert(connection, user, &opened)?;
            event_writer.actor.principal = PrincipalId::Session(opened.id);
            event_writer.write(connection, user, EventKind::SignedIn)?;
            Ok(OpenSessionOutcome::Opened(Box::new(opened)))
        })
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
        self.write(move |connection| match session_rows::session(connection, user, id)? {
            Some(open) if open.last_used_at < at => update(connection, user, &Session { last_used_at: at, ..open }),
            _ => Ok(()),
        })
        .await
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
        self.write(move |connection| {
            let ended = delete(connection, user, id)?;
            if ended {
                event_writer.write(connection, user, kind)?;
            }
            Ok(ended)
        })
        .await
    }

    async fn revoke_other_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let event_writer = self.event_writer(actor, now);
        self.write(move |connection| {
            let exists = user_exists(connection, user)?;
            if exists {
                delete_others(connection, user, keep)?;
                event_writer.write(connection, user, EventKind::SessionsRevoked)?;
            }
            Ok(exists)
        })
        .await
    }

    async fn replace_refresh(
        &self,
        user: UserId,
        session: &Session,
        next: &RefreshState,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let (read, next) = (session.clone(), next.clone());
        self.write(move |connection| {
            let Some(open) = session_rows::session(connection, user, read.id)? else { return Ok(false) };
            if open.refresh.as_ref() == Some(&next) {
                return Ok(true);
            }
            if open.refresh != read.refresh {
                return Ok(false);
            }
            let last_used_at = open.last_used_at.max(at);
            update(connection, user, &Session { refresh: Some(next), last_used_at, ..open })?;
            Ok(true)
        })
        .await
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
        let found = self.events_page(user, None, SortOrder::Descending, most).await?;
        Ok(found.into_iter().rev().map(|(_, event)| event).collect())
    }
}

/// Deletes the sessions that are expired by `limits`, then the oldest until there is room for one more.
fn evict_excess(
    connection: &Connection,
    user: UserId,
    limits: &SessionLimits,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    // The newest come first and are kept.
    let (alive, ended): (Vec<_>, Vec<_>) =
        session_rows::sessions(connection, user)?.into_iter().partition(|session| limits.is_valid(session, now));
    let too_many = alive.into_iter().skip(limits.sessions_max.saturating_sub(1));
    for session in ended.into_iter().chain(too_many) {
        delete(connection, user, session.id)?;
    }
    Ok(())
}
