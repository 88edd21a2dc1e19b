//! Any store, with its calls counted and measured, and in a span each where traces are wanted.
//!
//! It stands in front of the store and changes no answer. What happens to accounts is counted here, too, by what the
//! store has answered: so it is counted alike for every store and every way in.
//!
//! To add a call to the contract: a word in `metrics::Call`, and here the method that passes it on.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use tracing::Instrument as _;

use super::{
    Account, Arrival, Departure, Directory, EventPlace, Examine, Examined, Exporting, Importing, Insert, KeyKind,
    KeyStore, Listed, NewSession, Open, Order, Portion, Profile, Remove, Ruling, SessionStore, SignedIn, Store,
    StoreError, StoredKey, Throttle, Update,
};
use userd_core::{
    Bucket, CanonicalEmail, Client, EmailPrefix, Event, EventKind, PasswordHash, RefreshState, Session, SessionId,
    SessionLimits, Taken, Timestamp, User, UserId, Version,
};
use userd_metrics::{Call, Metrics, Outcome};

/// A store whose calls are counted.
pub struct Measured {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl Measured {
    /// `store`, counted in `metrics`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self { store, metrics }
    }

    async fn time<T>(
        &self,
        call: Call,
        act: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let answer = act.instrument(tracing::info_span!(target: "userd::trace", "store", call = call.word())).await;
        let outcome = match &answer {
            Ok(_) => Outcome::Answered,
            Err(StoreError::Unavailable(_)) => Outcome::Unavailable,
            Err(StoreError::Corrupt { .. }) => Outcome::Corrupt,
        };
        self.metrics.stores.called(call, outcome, began.elapsed());
        answer
    }

    fn happened(&self, kind: EventKind) {
        self.metrics.events.add_one(kind.word());
    }

    fn conflict(&self, kind: &'static str) {
        self.metrics.stores.conflicts.add_one(kind);
    }

    /// Counts what became of a change; `kind` is what happened if it was done.
    fn count_update(&self, update: &Update, kind: Option<EventKind>) {
        match (update, kind) {
            (Update::Updated(_), Some(kind)) => self.happened(kind),
            (Update::Updated(_), None) | (Update::Missing, _) => {}
            (Update::Stale, _) => self.conflict("stale"),
            (Update::Taken, _) => self.conflict("taken"),
        }
    }
}

#[async_trait]
impl Store for Measured {
    async fn insert_user(&self, user: &User, client: &Client) -> Result<Insert, StoreError> {
        let insert = self.time(Call::InsertUser, self.store.insert_user(user, client)).await?;
        match insert {
            Insert::Inserted => self.happened(EventKind::SignedUp),
            Insert::Taken => self.conflict("taken"),
            Insert::Moving => self.conflict("moving"),
        }
        Ok(insert)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.time(Call::User, self.store.user(id)).await
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        self.time(Call::UserByEmail, self.store.user_by_email(email)).await
    }

    async fn users_count(&self) -> Result<u64, StoreError> {
        self.time(Call::UsersCount, self.store.users_count()).await
    }

    async fn replace_profile(
        &self,
        id: UserId,
        expected: Version,
        profile: &Profile,
        client: &Client,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let act = self.store.replace_profile(id, expected, profile, client, now);
        let update = self.time(Call::ReplaceProfile, act).await?;
        self.count_update(&update, Some(EventKind::ProfileChanged));
        Ok(update)
    }

    async fn replace_password(
        &self,
        id: UserId,
        expected: Version,
        password_hash: &PasswordHash,
        keep: Option<SessionId>,
        client: &Client,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let act = self.store.replace_password(id, expected, password_hash, keep, client, now);
        let update = self.time(Call::ReplacePassword, act).await?;
        self.count_update(&update, Some(EventKind::PasswordChanged));
        Ok(update)
    }

    async fn replace_standing(
        &self,
        id: UserId,
        expected: Version,
        ruling: &Ruling,
        client: &Client,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let act = self.store.replace_standing(id, expected, ruling, client, now);
        let update = self.time(Call::ReplaceStanding, act).await?;
        self.count_update(&update, Some(ruling.kind));
        Ok(update)
    }

    async fn replace_password_hash(
        &self,
        id: UserId,
        expected: Version,
        password_hash: &PasswordHash,
    ) -> Result<Update, StoreError> {
        let act = self.store.replace_password_hash(id, expected, password_hash);
        let update = self.time(Call::ReplacePasswordHash, act).await?;
        self.count_update(&update, None);
        Ok(update)
    }

    async fn remove_user(
        &self,
        id: UserId,
        expected: Version,
        client: &Client,
        now: Timestamp,
    ) -> Result<Remove, StoreError> {
        let remove = self.time(Call::RemoveUser, self.store.remove_user(id, expected, client, now)).await?;
        match remove {
            Remove::Removed => self.happened(EventKind::Deleted),
            Remove::Stale => self.conflict("stale"),
            Remove::Missing => {}
        }
        Ok(remove)
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.time(Call::Check, self.store.check()).await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}

#[async_trait]
impl SessionStore for Measured {
    async fn open_session(
        &self,
        user: UserId,
        expected: Version,
        session: &NewSession,
        limits: &SessionLimits,
        client: &Client,
        now: Timestamp,
    ) -> Result<Open, StoreError> {
        let act = self.store.open_session(user, expected, session, limits, client, now);
        let open = self.time(Call::OpenSession, act).await?;
        match open {
            Open::Opened(_) => self.happened(EventKind::SignedIn),
            Open::Stale => self.conflict("stale"),
            Open::Missing => {}
        }
        Ok(open)
    }

    async fn session(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<Option<SignedIn>, StoreError> {
        self.time(Call::Session, self.store.session(user, id, now)).await
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<(Vec<Session>, Timestamp), StoreError> {
        self.time(Call::Sessions, self.store.sessions(user, now)).await
    }

    async fn see_session(&self, user: UserId, session: &Session, at: Timestamp) -> Result<(), StoreError> {
        self.time(Call::SeeSession, self.store.see_session(user, session, at)).await
    }

    async fn end_session(
        &self,
        user: UserId,
        id: SessionId,
        kind: EventKind,
        client: &Client,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let ended = self.time(Call::EndSession, self.store.end_session(user, id, kind, client, now)).await?;
        if ended {
            self.happened(kind);
        }
        Ok(ended)
    }

    async fn end_other_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        client: &Client,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let act = self.store.end_other_sessions(user, keep, client, now);
        let ended = self.time(Call::EndOtherSessions, act).await?;
        if ended {
            self.happened(EventKind::SessionsRevoked);
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
        self.time(Call::ReplaceRefresh, self.store.replace_refresh(user, session, next, at)).await
    }

    async fn note_failure(
        &self,
        email: &CanonicalEmail,
        user: Option<UserId>,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.metrics.sign_ins_failed.add_one();
        self.time(Call::NoteFailure, self.store.note_failure(email, user, client, now)).await?;
        if user.is_some() {
            self.happened(EventKind::SignInFailed);
        }
        Ok(())
    }

    async fn events(&self, user: UserId, most: usize) -> Result<Vec<Event>, StoreError> {
        self.time(Call::Events, self.store.events(user, most)).await
    }
}

#[async_trait]
impl Throttle for Measured {
    async fn take(&self, buckets: &[Bucket], now: Timestamp) -> Result<Taken, StoreError> {
        let taken = self.time(Call::Take, self.store.take(buckets, now)).await?;
        if let Taken::No { place, .. } = taken
            && let Some(bucket) = buckets.get(place)
        {
            self.metrics.throttled.add_one(bucket.key.limit());
        }
        Ok(taken)
    }

    async fn give_back(&self, buckets: &[Bucket], now: Timestamp) -> Result<(), StoreError> {
        self.time(Call::GiveBack, self.store.give_back(buckets, now)).await
    }

    async fn fill(&self, buckets: &[Bucket]) -> Result<(), StoreError> {
        self.time(Call::Fill, self.store.fill(buckets)).await
    }
}

#[async_trait]
impl KeyStore for Measured {
    async fn keys(&self, kind: KeyKind) -> Result<Vec<StoredKey>, StoreError> {
        self.time(Call::Keys, self.store.keys(kind)).await
    }

    async fn replace_key(
        &self,
        kind: KeyKind,
        id: &str,
        expected: Option<&str>,
        next: Option<&str>,
    ) -> Result<bool, StoreError> {
        self.time(Call::ReplaceKey, self.store.replace_key(kind, id, expected, next)).await
    }
}

#[async_trait]
impl Examine for Measured {
    async fn examine(&self, portion: &Portion, now: Timestamp) -> Result<Examined, StoreError> {
        self.time(Call::Examine, self.store.examine(portion, now)).await
    }
}

#[async_trait]
impl Directory for Measured {
    fn kind(&self) -> &'static str {
        self.store.kind()
    }

    async fn events_page(
        &self,
        user: UserId,
        after: Option<EventPlace>,
        order: Order,
        most: usize,
    ) -> Result<Vec<(EventPlace, Event)>, StoreError> {
        self.time(Call::Events, self.store.events_page(user, after, order, most)).await
    }

    async fn users_by_id(&self, after: Option<UserId>, order: Order, most: usize) -> Result<Vec<Listed>, StoreError> {
        self.time(Call::Directory, self.store.users_by_id(after, order, most)).await
    }

    async fn users_by_email(
        &self,
        prefix: &EmailPrefix,
        after: Option<&CanonicalEmail>,
        order: Order,
        most: usize,
    ) -> Result<Vec<(CanonicalEmail, Listed)>, StoreError> {
        self.time(Call::Directory, self.store.users_by_email(prefix, after, order, most)).await
    }
}

#[async_trait]
impl Importing for Measured {
    async fn import_users(
        &self,
        batch: Arc<[Account]>,
        limits: &SessionLimits,
        client: &Client,
        now: Timestamp,
    ) -> Result<Vec<Arrival>, StoreError> {
        let arrivals = self.time(Call::ImportUsers, self.store.import_users(batch, limits, client, now)).await?;
        let came = arrivals.iter().filter(|arrival| **arrival == Arrival::Inserted);
        came.for_each(|_| self.happened(EventKind::Imported));
        Ok(arrivals)
    }
}

#[async_trait]
impl Exporting for Measured {
    async fn accounts(&self, ids: &[UserId]) -> Result<Vec<Departure>, StoreError> {
        self.time(Call::ExportUsers, self.store.accounts(ids)).await
    }
}
