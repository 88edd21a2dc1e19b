//! A store in memory that keeps the contract of `Store`, and breaks on demand.
//!
//! For tests of what stands on a store. The real stores have tests of their own.

#![expect(clippy::expect_used, reason = "a test fails by panicking, also in its helpers")]
#![expect(clippy::missing_panics_doc, reason = "for tests alone: it panics where a test uses it wrongly")]

mod import_export;
mod listing;
mod sessions;

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    CheckBatch, CheckCursor, CheckReport, ConsistencyCheck, CreateUserOutcome, DeleteUserOutcome, Finding, FindingKind,
    FindingState, KeyKind, StatusUpdate, Store, StoreError, UpdateUserOutcome, UserProfile,
};
use async_trait::async_trait;
use userd_core::{
    AccountEvent, Actor, BucketKey, CanonicalEmail, EventKind, PasswordHash, Session, SessionId, Timestamp, User,
    UserId, UserVersion,
};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedFault {
    /// The store is away, and nothing has happened.
    Unavailable,
    /// The store went away after it had done what was asked: the answer is lost.
    UnavailableAfter,
    /// What is kept can't be read.
    Corrupt,
}

/// The text inside every error of this store; no answer may ever show it.
pub const INTERNAL_DETAIL: &str = "redis://innards:secret@sqlite";

/// Users and what hangs on them, in maps.
#[derive(Default)]
pub struct MemoryStore {
    stored: Mutex<MemoryState>,
    calls: AtomicUsize,
    fault: Mutex<Option<(usize, InjectedFault)>>,
    bumps: AtomicUsize,
    made: Mutex<Vec<&'static Location<'static>>>,
}

/// All that is kept.
#[derive(Default, Clone)]
pub struct MemoryState {
    users: BTreeMap<UserId, User>,
    sessions: BTreeMap<(UserId, SessionId), Session>,
    events: Vec<AccountEvent>,
    buckets: BTreeMap<BucketKey, u64>,
    keys: BTreeMap<(KeyKind, String), String>,
}

impl MemoryState {
    fn record_event(&mut self, user: UserId, kind: EventKind, actor: &Actor, at: Timestamp) {
        self.events.push(AccountEvent { user, kind, at, actor: actor.clone() });
    }
}

impl MemoryStore {
    /// Makes the `nth` call from now on, counted from 0, fail; earlier and later ones work.
    pub fn fail_at(&self, nth: usize, fault: InjectedFault) {
        self.calls.store(0, Ordering::SeqCst);
        *lock(&self.fault) = Some((nth, fault));
    }

    /// Has the call that [`MemoryStore::fail_at`] named been reached? Nothing fails any more afterwards.
    pub fn has_failed(&self) -> bool {
        let fault = lock(&self.fault).take();
        fault.is_some_and(|(nth, _)| self.calls.load(Ordering::SeqCst) > nth)
    }

    /// After each of the next `reads` reads of a user by id, somebody else changes that user.
    pub fn change_user_after_reads(&self, reads: usize) {
        self.bumps.store(reads, Ordering::SeqCst);
    }

    /// The calls since the last time that this was asked, each by the line of this store that answers it.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.made)).into_iter().map(ToString::to_string).collect()
    }

    /// Everything that is kept now.
    pub fn snapshot(&self) -> MemoryState {
        lock(&self.stored).clone()
    }

    /// Keeps what was kept then.
    pub fn restore(&self, stored: MemoryState) {
        *lock(&self.stored) = stored;
    }

    /// Makes the text of every key unreadable.
    pub fn corrupt_keys(&self) {
        lock(&self.stored).keys.values_mut().for_each(|text| "damaged".clone_into(text));
    }

    /// How many sessions there are, of whomever.
    pub fn sessions_count(&self) -> usize {
        lock(&self.stored).sessions.len()
    }

    /// Everybody, as kept.
    pub fn all_users(&self) -> Vec<User> {
        lock(&self.stored).users.values().cloned().collect()
    }

    /// Puts another hash under a user's password, past everything.
    pub fn set_password_hash(&self, id: UserId, hash: PasswordHash) {
        lock(&self.stored).users.get_mut(&id).expect("the user is there").password_hash = hash;
    }

    /// Does `act` on what is kept, or fails as told.
    #[track_caller]
    fn call<T>(&self, act: impl FnOnce(&mut MemoryState) -> T) -> Result<T, StoreError> {
        lock(&self.made).push(Location::caller());
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let fault = lock(&self.fault).filter(|(nth, _)| *nth == number).map(|(_, fault)| fault);
        match fault {
            Some(InjectedFault::Unavailable) => Err(StoreError::unavailable(INTERNAL_DETAIL)),
            Some(InjectedFault::Corrupt) => Err(StoreError::corrupt("innards:user:1", INTERNAL_DETAIL)),
            Some(InjectedFault::UnavailableAfter) => {
                act(&mut lock(&self.stored));
                Err(StoreError::unavailable(INTERNAL_DETAIL))
            }
            None => Ok(act(&mut lock(&self.stored))),
        }
    }

    #[track_caller]
    fn update(
        &self,
        id: UserId,
        expected: UserVersion,
        change: impl FnOnce(&mut User),
        email: Option<&CanonicalEmail>,
        after: impl FnOnce(&mut MemoryState, &User),
    ) -> Result<UpdateUserOutcome, StoreError> {
        self.call(|stored| {
            let taken = email.is_some_and(|email| is_taken(&stored.users, email, Some(id)));
            match stored.users.get_mut(&id) {
                None => UpdateUserOutcome::NotFound,
                Some(user) if user.version != expected => UpdateUserOutcome::VersionConflict,
                Some(_) if taken => UpdateUserOutcome::EmailTaken,
                Some(user) => {
                    change(user);
                    user.version = user.version.next();
                    let user = user.clone();
                    after(stored, &user);
                    UpdateUserOutcome::Updated(Box::new(user))
                }
            }
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_taken(users: &BTreeMap<UserId, User>, email: &CanonicalEmail, but: Option<UserId>) -> bool {
    users.values().any(|user| user.email.canonical() == email && Some(user.id) != but)
}

#[async_trait]
impl ConsistencyCheck for MemoryStore {
    /// A map can contradict itself in one way only: one e-mail twice, which no call brings about.
    async fn check_batch(&self, batch: &CheckBatch, _: Timestamp) -> Result<CheckReport, StoreError> {
        let from = UserId::parse(batch.from.as_str());
        self.call(|stored| {
            let users = &stored.users;
            let after = users.iter().filter(|(id, _)| from.is_none_or(|from| **id > from));
            let seen: Vec<&User> = after.map(|(_, user)| user).take(batch.size.max(1)).collect();
            let next = (seen.len() >= batch.size.max(1)).then(|| seen.last().map(|user| user.id)).flatten();
            let doubled = seen.iter().filter(|user| is_taken(users, user.email.canonical(), Some(user.id)));
            let findings = doubled.map(|user| Finding {
                kind: FindingKind::DuplicateEmail,
                state: FindingState::Manual,
                user: Some(user.id),
                place: "the map".to_owned(),
                detail: "another user has the same e-mail".to_owned(),
            });
            CheckReport {
                users: seen.len() as u64,
                records_checked: seen.len() as u64,
                expected: from.is_none().then_some(users.len() as u64),
                findings: findings.collect(),
                topology_changed: false,
                next: next.map(|id| CheckCursor::from_text(id.to_string())),
            }
        })
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create_user(&self, user: &User, actor: &Actor) -> Result<CreateUserOutcome, StoreError> {
        self.call(|stored| {
            if is_taken(&stored.users, user.email.canonical(), None) {
                return CreateUserOutcome::EmailTaken;
            }
            stored.users.insert(user.id, user.clone());
            stored.record_event(user.id, EventKind::SignedUp, actor, user.created_at);
            CreateUserOutcome::Created
        })
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let found = self.call(|stored| stored.users.get(&id).cloned())?;
        let changed = |left: usize| left.checked_sub(1);
        if found.is_some() && self.bumps.fetch_update(Ordering::SeqCst, Ordering::SeqCst, changed).is_ok() {
            let mut stored = lock(&self.stored);
            let user = stored.users.get_mut(&id).expect("it was just read");
            user.version = user.version.next();
        }
        Ok(found)
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        self.call(|stored| stored.users.values().find(|user| user.email.canonical() == email).cloned())
    }

    async fn users_count(&self) -> Result<u64, StoreError> {
        self.call(|stored| stored.users.len() as u64)
    }

    async fn update_profile(
        &self,
        id: UserId,
        expected: UserVersion,
        profile: &UserProfile,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let change = |user: &mut User| {
            user.name = profile.name.clone();
            user.email = profile.email.clone();
            user.updated_at = now;
        };
        let before = self.call(|stored| stored.users.get(&id).map(|user| user.email.canonical().clone()))?;
        let moved = before.as_ref() != Some(profile.email.canonical());
        let kind = if moved { EventKind::EmailChanged } else { EventKind::ProfileChanged };
        let note = |stored: &mut MemoryState, user: &User| stored.record_event(user.id, kind, actor, now);
        self.update(id, expected, change, Some(profile.email.canonical()), note)
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
        let change = |user: &mut User| {
            user.password_hash = password_hash.clone();
            user.status.password_expired = false;
            user.updated_at = now;
        };
        let after = |stored: &mut MemoryState, user: &User| {
            stored.sessions.retain(|(owner, session), _| *owner != user.id || Some(*session) == keep);
            stored.record_event(user.id, EventKind::PasswordChanged, actor, now);
        };
        self.update(id, expected, change, None, after)
    }

    async fn update_status(
        &self,
        id: UserId,
        expected: UserVersion,
        status_update: &StatusUpdate,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<UpdateUserOutcome, StoreError> {
        let change = |user: &mut User| {
            status_update.apply(user);
            user.updated_at = now;
        };
        let after = |stored: &mut MemoryState, user: &User| {
            stored.sessions.retain(|(owner, _), _| *owner != user.id || !status_update.revokes_sessions());
            stored.record_event(user.id, status_update.kind, actor, now);
        };
        self.update(id, expected, change, None, after)
    }

    async fn update_password_hash(
        &self,
        id: UserId,
        expected: UserVersion,
        password_hash: &PasswordHash,
    ) -> Result<UpdateUserOutcome, StoreError> {
        self.update(id, expected, |user| user.password_hash = password_hash.clone(), None, |_, _| ())
    }

    async fn delete_user(
        &self,
        id: UserId,
        expected: UserVersion,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<DeleteUserOutcome, StoreError> {
        self.call(|stored| match stored.users.get(&id) {
            None => DeleteUserOutcome::NotFound,
            Some(user) if user.version != expected => DeleteUserOutcome::VersionConflict,
            Some(_) => {
                stored.users.remove(&id);
                stored.sessions.retain(|(owner, _), _| *owner != id);
                stored.record_event(id, EventKind::Deleted, actor, now);
                DeleteUserOutcome::Deleted
            }
        })
    }

    async fn check_health(&self) -> Result<(), StoreError> {
        self.call(|_| ())
    }

    async fn close(&self) {}
}
