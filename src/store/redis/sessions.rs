//! Sessions: not there yet.

use async_trait::async_trait;

use super::RedisStore;
use crate::domain::{
    CanonicalEmail, Client, Event, EventKind, RefreshState, Session, SessionId, SessionLimits, Timestamp, UserId,
    Version,
};
use crate::store::{NewSession, Open, SessionStore, SignedIn, StoreError};

fn not_yet<T>() -> Result<T, StoreError> {
    Err(StoreError::unavailable("not there yet"))
}

#[async_trait]
impl SessionStore for RedisStore {
    async fn open_session(
        &self,
        _user: UserId,
        _expected: Version,
        _session: &NewSession,
        _limits: &SessionLimits,
        _client: &Client,
        _now: Timestamp,
    ) -> Result<Open, StoreError> {
        not_yet()
    }

    async fn session(&self, _user: UserId, _id: SessionId, _now: Timestamp) -> Result<Option<SignedIn>, StoreError> {
        not_yet()
    }

    async fn sessions(&self, _user: UserId, _now: Timestamp) -> Result<(Vec<Session>, Timestamp), StoreError> {
        not_yet()
    }

    async fn see_session(&self, _user: UserId, _session: &Session, _at: Timestamp) -> Result<(), StoreError> {
        not_yet()
    }

    async fn end_session(
        &self,
        _user: UserId,
        _id: SessionId,
        _kind: EventKind,
        _client: &Client,
        _now: Timestamp,
    ) -> Result<bool, StoreError> {
        not_yet()
    }

    async fn end_other_sessions(
        &self,
        _user: UserId,
        _keep: Option<SessionId>,
        _client: &Client,
        _now: Timestamp,
    ) -> Result<bool, StoreError> {
        not_yet()
    }

    async fn replace_refresh(
        &self,
        _user: UserId,
        _session: &Session,
        _next: &RefreshState,
        _at: Timestamp,
    ) -> Result<bool, StoreError> {
        not_yet()
    }

    async fn note_failure(
        &self,
        _email: &CanonicalEmail,
        _user: Option<UserId>,
        _client: &Client,
        _now: Timestamp,
    ) -> Result<(), StoreError> {
        not_yet()
    }

    async fn events(&self, _user: UserId, _most: usize) -> Result<Vec<Event>, StoreError> {
        not_yet()
    }
}
