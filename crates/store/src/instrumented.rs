//! A decorator that adds metrics and a tracing span to each call of any store. It changes no answer.
//!
//! Account events are counted here too, by the store's answers: so they count alike for every store and every caller.
//!
//! To add a call to the contract: a variant of `userd_metrics::StoreCall`, and a line of the list below.

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

    fn count_event_if(&self, happened: bool, kind: EventKind) {
        if happened {
            self.count_event(kind);
        }
    }

    fn count_conflict(&self, conflict: StoreConflict) {
        self.metrics.stores.conflicts.inc(conflict);
    }

    /// Counts an answer by `count`.
    fn count<T>(&self, answer: &T, count: impl FnOnce(&Self, &T)) {
        count(self, answer);
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

/// Implements a trait of the contract: each listed method passes its call on and measures it as the named
/// [`StoreCall`], and counts the answer if a function for that follows `=>`. The rest is copied as it is.
macro_rules! measured {
    ($($trait:ident {
        $($call:ident: $method:ident($($arg:ident: $type:ty),*) -> $answer:ty $(=> $count:expr)?;)+
        $(+ $($rest:tt)+)?
    })+) => {$(
        #[async_trait]
        impl $trait for InstrumentedStore {
            $(async fn $method(&self, $($arg: $type),*) -> Result<$answer, StoreError> {
                let answer = self.measure(StoreCall::$call, self.store.$method($($arg),*)).await?;
                $(self.count(&answer, $count);)?
                Ok(answer)
            })+
            $($($rest)+)?
        }
    )+};
}

measured! {
    Store {
        CreateUser: create_user(user: &User, actor: &Actor) -> CreateUserOutcome => |store, outcome| match outcome {
            CreateUserOutcome::Created => store.count_event(EventKind::SignedUp),
            CreateUserOutcome::EmailTaken => store.count_conflict(StoreConflict::EmailTaken),
            CreateUserOutcome::Resharding => store.count_conflict(StoreConflict::Resharding),
        };
        User: user(id: UserId) -> Option<User>;
        UserByEmail: user_by_email(email: &CanonicalEmail) -> Option<User>;
        UsersCount: users_count() -> u64;
        UpdateProfile: update_profile(
            id: UserId, expected: UserVersion, profile: &UserProfile, actor: &Actor, now: Timestamp
        ) -> UpdateUserOutcome => |store, update| store.count_update(update, Some(EventKind::ProfileChanged));
        UpdatePassword: update_password(
            id: UserId, expected: UserVersion, password_hash: &PasswordHash, keep: Option<SessionId>, actor: &Actor,
            now: Timestamp
        ) -> UpdateUserOutcome => |store, update| store.count_update(update, Some(EventKind::PasswordChanged));
        UpdateStatus: update_status(
            id: UserId, expected: UserVersion, status_update: &StatusUpdate, actor: &Actor, now: Timestamp
        ) -> UpdateUserOutcome => |store, update| store.count_update(update, Some(status_update.kind));
        UpdatePasswordHash: update_password_hash(
            id: UserId, expected: UserVersion, password_hash: &PasswordHash
        ) -> UpdateUserOutcome => |store, update| store.count_update(update, None);
        DeleteUser: delete_user(
            id: UserId, expected: UserVersion, actor: &Actor, now: Timestamp
        ) -> DeleteUserOutcome => |store, outcome| match outcome {
            DeleteUserOutcome::Deleted => store.count_event(EventKind::Deleted),
            DeleteUserOutcome::VersionConflict => store.count_conflict(StoreConflict::VersionConflict),
            DeleteUserOutcome::NotFound => {}
        };
        CheckHealth: check_health() -> ();
        + async fn close(&self) {
            self.store.close().await;
        }
    }
    SessionStore {
        OpenSession: open_session(
            user: UserId, expected: UserVersion, session: &NewSession, limits: &SessionLimits, actor: &Actor,
            now: Timestamp
        ) -> OpenSessionOutcome => |store, outcome| match outcome {
            OpenSessionOutcome::Opened(_) => store.count_event(EventKind::SignedIn),
            OpenSessionOutcome::VersionConflict => store.count_conflict(StoreConflict::VersionConflict),
            OpenSessionOutcome::NotFound => {}
        };
        Session: session(user: UserId, id: SessionId, now: Timestamp) -> Option<SessionWithUser>;
        Sessions: sessions(user: UserId, now: Timestamp) -> (Vec<Session>, Timestamp);
        TouchSession: touch_session(user: UserId, session: &Session, at: Timestamp) -> ();
        RevokeSession: revoke_session(
            user: UserId, id: SessionId, kind: EventKind, actor: &Actor, now: Timestamp
        ) -> bool => |store, ended| store.count_event_if(*ended, kind);
        RevokeOtherSessions: revoke_other_sessions(
            user: UserId, keep: Option<SessionId>, actor: &Actor, now: Timestamp
        ) -> bool => |store, ended| store.count_event_if(*ended, EventKind::SessionsRevoked);
        ReplaceRefresh: replace_refresh(user: UserId, session: &Session, next: &RefreshState, at: Timestamp) -> bool;
        Events: events(user: UserId, most: usize) -> Vec<AccountEvent>;
        // Counted even if the store fails.
        + async fn record_failed_sign_in(
            &self,
            email: &CanonicalEmail,
            user: Option<UserId>,
            actor: &Actor,
            now: Timestamp,
        ) -> Result<(), StoreError> {
            self.metrics.sign_ins_failed.inc();
            let record = self.store.record_failed_sign_in(email, user, actor, now);
            self.measure(StoreCall::RecordFailedSignIn, record).await?;
            self.count_event_if(user.is_some(), EventKind::SignInFailed);
            Ok(())
        }
    }
    RateLimitStore {
        Take: take(buckets: &[RateLimitBucket], now: Timestamp) -> RateLimitDecision => |store, taken| {
            if let RateLimitDecision::Deny { place, .. } = taken
                && let Some(bucket) = buckets.get(*place)
            {
                store.metrics.rate_limited.inc(bucket.key.limit());
            }
        };
        Refund: refund(buckets: &[RateLimitBucket], now: Timestamp) -> ();
        Reset: reset(buckets: &[RateLimitBucket]) -> ();
    }
    KeyStore {
        Keys: keys(kind: KeyKind) -> Vec<StoredKey>;
        ReplaceKey: replace_key(kind: KeyKind, id: &str, expected: Option<&str>, next: Option<&str>) -> bool;
    }
    ConsistencyCheck {
        CheckConsistency: check_batch(batch: &CheckBatch, now: Timestamp) -> CheckReport;
    }
    UserListing {
        Events: events_page(
            user: UserId, after: Option<EventPosition>, order: SortOrder, most: usize
        ) -> Vec<(EventPosition, AccountEvent)>;
        UserListing: users_by_id(after: Option<UserId>, order: SortOrder, most: usize) -> Vec<ListedUser>;
        UserListing: users_by_email(
            prefix: &EmailPrefix, after: Option<&CanonicalEmail>, order: SortOrder, most: usize
        ) -> Vec<(CanonicalEmail, ListedUser)>;
        + fn kind(&self) -> &'static str {
            self.store.kind()
        }
    }
    ImportStore {
        ImportUsers: import_users(
            batch: Arc<[AccountRecord]>, limits: &SessionLimits, actor: &Actor, now: Timestamp
        ) -> Vec<ImportOutcome> => |store, outcomes| {
            let imported = outcomes.iter().filter(|outcome| **outcome == ImportOutcome::Imported);
            imported.for_each(|_| store.count_event(EventKind::Imported));
        };
    }
    ExportStore {
        ExportUsers: export_users(ids: &[UserId]) -> Vec<ExportRecord>;
    }
}
