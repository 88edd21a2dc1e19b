//! A decorator that adds metrics and a tracing span to each call of any store. It changes no answer.
//!
//! Account events are counted here too, by the store's answers: so they count alike for every store and every caller.
//!
//! To add a call to the contract: a variant of `userd_metrics::StoreCall`, and here the method that passes it on.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use tracing::Instrument as _;

use crate::{
    AccountRecord, CheckBatch, CheckReport, ConsistencyCheck, CreateUserOutcome, DeleteUserOutcome, EventPosition,
    ExportRecord, ExportStore, ImportOutcome, ImportStore, KeyKind, KeyStore, ListedUser, NewSession,
    OpenSessionOutcome, RateLimitStore, SessionStore, SessionWithUser, SortOrder, StatusUpdate, Store, StoreError,
    StoredKey, UpdateUserOutcome, UserListing, UserProfile,
};
use userd_core::{
    AccountEvent, Actor, CanonicalEmail, EmailPrefix, EventKind, PasswordHash, RateLimitBucket, RateLimitDecision,
    RefreshState, Session, SessionId, SessionLimits, Timestamp, User, UserId, UserVersion,
};
use userd_metrics::{Metrics, StoreCall, StoreCallOutcome, StoreConflict};

/// A store whose calls are measured.
pub struct InstrumentedStore {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl InstrumentedStore {
    /// `store`, measured in `metrics`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self { store, metrics }
    }

    async fn measure<T>(
        &self,
        call: StoreCall,
        act: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let answer = act.instrument(tracing::info_span!(target: "userd::trace", "store", call = call.as_str())).await;
        let outcome = match &answer {
            Ok(_) => StoreCallOutcome::Answered,
            Err(StoreError::Unavailable(_)) => StoreCallOutcome::Unavailable,
            Err(StoreError::Corrupt { .. }) => StoreCallOutcome::Corrupt,
        };
        self.metrics.stores.record_call(call, outcome, began.elapsed());
        answer
    }

    fn count_event(&self, kind: EventKind) {
        self.metrics.events.inc(kind);
    }

    fn count_conflict(&self, conflict: StoreConflict) {
        self.metrics.stores.conflicts.inc(conflict);
    }

    /// Counts the outcome of a change; `kind` is the event if it was made.
    fn count_update(&self, update: &UpdateUserOutcome, kind: Option<EventKind>) {
        match (update, kind) {
            (UpdateUserOutcome::Updated(_), Some(kind)) => self.count_event(kind),
            (UpdateUserOutcome::Updated(_), None) | (UpdateUserOutcome::NotFound, _) => {}
            (UpdateUserOutcome::VersionConflict, _) => self.count_conflict(StoreConflict::VersionConflict),
            (UpdateUserOutcome::EmailTaken, _) => self.count_conflict(StoreConflict::EmailTaken),
        }
    }
}

#[async_trait]
impl Store for InstrumentedStore {
    async fn create_user(&self, user: &User, actor: &Actor) -> Result<CreateUserOutcome, StoreError> {
        let insert = self.measure(StoreCall::CreateUser, self.store.create_user(user, actor)).await?;
        match insert {
            CreateUserOutcome::Created => self.count_event(EventKind::SignedUp),
            CreateUserOutcome::EmailTaken => self.count_conflict(StoreConflict::EmailTaken),
            CreateUserOutcome::Resharding => self.count_conflict(StoreConflict::Resharding),
        }
        Ok(insert)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.measure(StoreCall::User, self.store.user(id)).await
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        self.measure(StoreCall::UserByEmail, self.store.user_by_email(email)).await
    }

    async fn users_count(&self) -> Result<u64, StoreError> {
        self.measure(StoreCall::UsersCount, self.store.users_count()).await
    }

    async fn update_profile(
        &self,
        id: UserId,
        expected: UserVersion,
        profile: &UserProfile,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let act = self.store.update_profile(id, expected, profile, actor, now);
        let update = self.measure(StoreCall::UpdateProfile, act).await?;
        self.count_update(&update, Some(EventKind::ProfileChanged));
        Ok(update)
    }

    async fn update_password(
        &self,
        id: UserId,
        expected: UserVersion,
        password_hash: &PasswordHash,
        keep: Option<SessionId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let act = self.store.update_password(id, expected, password_hash, keep, actor, now);
        let update = self.measure(StoreCall::UpdatePassword, act).await?;
        self.count_update(&update, Some(EventKind::PasswordChanged));
        Ok(update)
    }

    async fn update_status(
        &self,
        id: UserId,
        expected: UserVersion,
        status_update: &StatusUpdate,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let act = self.store.update_status(id, expected, status_update, actor, now);
        let update = self.measure(StoreCall::UpdateStatus, act).await?;
        self.count_update(&update, Some(status_update.kind));
        Ok(update)
    }

    async fn update_password_hash(
        &self,
        id: UserId,
        expected: UserVersion,
        password_hash: &PasswordHash,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let act = self.store.update_password_hash(id, expected, password_hash);
        let update = self.measure(StoreCall::UpdatePasswordHash, act).await?;
        self.count_update(&update, None);
        Ok(update)
    }

    async fn delete_user(
        &self,
        id: UserId,
        expected: UserVersion,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<DeleteUserOutcome, StoreError> {
        let remove = self.measure(StoreCall::DeleteUser, self.store.delete_user(id, expected, actor, now)).await?;
        match remove {
            DeleteUserOutcome::Deleted => self.count_event(EventKind::Deleted),
            DeleteUserOutcome::VersionConflict => self.count_conflict(StoreConflict::VersionConflict),
            DeleteUserOutcome::NotFound => {}
        }
        Ok(remove)
    }

    async fn check_health(&self) -> Result<(), StoreError> {
        self.measure(StoreCall::CheckHealth, self.store.check_health()).await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}

#[async_trait]
impl SessionStore for InstrumentedStore {
    async fn open_session(
        &self,
        user: UserId,
        expected: UserVersion,
        session: &NewSession,
        limits: &SessionLimits,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<OpenSessionOutcome, StoreError> {
        let act = self.store.open_session(user, expected, session, limits, actor, now);
        let open = self.measure(StoreCall::OpenSession, act).await?;
        match open {
            OpenSessionOutcome::Opened(_) => self.count_event(EventKind::SignedIn),
            OpenSessionOutcome::VersionConflict => self.count_conflict(StoreConflict::VersionConflict),
            OpenSessionOutcome::NotFound => {}
        }
        Ok(open)
    }

    async fn session(
        &self,
        user: UserId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionWithUser>, StoreError> {
        self.measure(StoreCall::Session, self.store.session(user, id, now)).await
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<(Vec<Session>, Timestamp), StoreError> {
        self.measure(StoreCall::Sessions, self.store.sessions(user, now)).await
    }

    async fn touch_session(&self, user: UserId, session: &Session, at: Timestamp) -> Result<(), StoreError> {
        self.measure(StoreCall::TouchSession, self.store.touch_session(user, session, at)).await
    }

    async fn revoke_session(
        &self,
        user: UserId,
        id: SessionId,
        kind: EventKind,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let ended =
            self.measure(StoreCall::RevokeSession, self.store.revoke_session(user, id, kind, actor, now)).await?;
        if ended {
            self.count_event(kind);
        }
        Ok(ended)
    }

    async fn revoke_other_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let act = self.store.revoke_other_sessions(user, keep, actor, now);
        let ended = self.measure(StoreCall::RevokeOtherSessions, act).await?;
        if ended {
            self.count_event(EventKind::SessionsRevoked);
        }
        Ok(ended)
    }

    async fn replace_refresh(
        &self,
        user: UserId,
        session: &Session,
        next: &RefreshState,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.measure(StoreCall::ReplaceRefresh, self.store.replace_refresh(user, session, next, at)).await
    }

    async fn record_failed_sign_in(
        &self,
        email: &CanonicalEmail,
        user: Option<UserId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.metrics.sign_ins_failed.inc();
        self.measure(StoreCall::RecordFailedSignIn, self.store.record_failed_sign_in(email, user, actor, now)).await?;
        if user.is_some() {
            self.count_event(EventKind::SignInFailed);
        }
        Ok(())
    }

    async fn events(&self, user: UserId, most: usize) -> Result<Vec<AccountEvent>, StoreError> {
        self.measure(StoreCall::Events, self.store.events(user, most)).await
    }
}

#[async_trait]
impl RateLimitStore for InstrumentedStore {
    async fn take(&self, buckets: &[RateLimitBucket], now: Timestamp) -> Result<RateLimitDecision, StoreError> {
        let taken = self.measure(StoreCall::Take, self.store.take(buckets, now)).await?;
        if let RateLimitDecision::Deny { place, .. } = taken
            && let Some(bucket) = buckets.get(place)
        {
            self.metrics.rate_limited.inc(bucket.key.limit());
        }
        Ok(taken)
    }

    async fn refund(&self, buckets: &[RateLimitBucket], now: Timestamp) -> Result<(), StoreError> {
        self.measure(StoreCall::Refund, self.store.refund(buckets, now)).await
    }

    async fn reset(&self, buckets: &[RateLimitBucket]) -> Result<(), StoreError> {
        self.measure(StoreCall::Reset, self.store.reset(buckets)).await
    }
}

#[async_trait]
impl KeyStore for InstrumentedStore {
    async fn keys(&self, kind: KeyKind) -> Result<Vec<StoredKey>, StoreError> {
        self.measure(StoreCall::Keys, self.store.keys(kind)).await
    }

    async fn replace_key(
        &self,
        kind: KeyKind,
        id: &str,
        expected: Option<&str>,
        next: Option<&str>,
    ) -> Result<bool, StoreError> {
        self.measure(StoreCall::ReplaceKey, self.store.replace_key(kind, id, expected, next)).await
    }
}

#[async_trait]
impl ConsistencyCheck for InstrumentedStore {
    async fn check_batch(&self, batch: &CheckBatch, now: Timestamp) -> Result<CheckReport, StoreError> {
        self.measure(StoreCall::CheckConsistency, self.store.check_batch(batch, now)).await
    }
}

#[async_trait]
impl UserListing for InstrumentedStore {
    fn kind(&self) -> &'static str {
        self.store.kind()
    }

    async fn events_page(
        &self,
        user: UserId,
        after: Option<EventPosition>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<(EventPosition, AccountEvent)>, StoreError> {
        self.measure(StoreCall::Events, self.store.events_page(user, after, order, most)).await
    }

    async fn users_by_id(
        &self,
        after: Option<UserId>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<ListedUser>, StoreError> {
        self.measure(StoreCall::UserListing, self.store.users_by_id(after, order, most)).await
    }

    async fn users_by_email(
        &self,
        prefix: &EmailPrefix,
        after: Option<&CanonicalEmail>,
        order: SortOrder,
        most: usize,
    ) -> Result<Vec<(CanonicalEmail, ListedUser)>, StoreError> {
        self.measure(StoreCall::UserListing, self.store.users_by_email(prefix, after, order, most)).await
    }
}

#[async_trait]
impl ImportStore for InstrumentedStore {
    async fn import_users(
        &self,
        batch: Arc<[AccountRecord]>,
        limits: &SessionLimits,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Vec<ImportOutcome>, StoreError> {
        let outcomes = self.measure(StoreCall::ImportUsers, self.store.import_users(batch, limits, actor, now)).await?;
        let came = outcomes.iter().filter(|outcome| **outcome == ImportOutcome::Imported);
        came.for_each(|_| self.count_event(EventKind::Imported));
        Ok(outcomes)
    }
}

#[async_trait]
impl ExportStore for InstrumentedStore {
    async fn export_users(&self, ids: &[UserId]) -> Result<Vec<ExportRecord>, StoreError> {
        self.measure(StoreCall::ExportUsers, self.store.export_users(ids)).await
    }
}
