//! A store in memory that keeps the contract of `Store`, and breaks on demand.
//!
//! For tests of what stands on a store. The real stores have tests of their own.

#![expect(clippy::expect_used, reason = "a test fails by panicking, also in its helpers")]

mod directory;
mod sessions;
mod transfer;

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    Examine, Examined, Finding, FindingKind, FindingState, Insert, KeyKind, Place, Portion, Profile, Remove, Ruling,
    Store, StoreError, Update,
};
use async_trait::async_trait;
use userd_core::{
    BucketKey, CanonicalEmail, Client, Event, EventKind, PasswordHash, Session, SessionId, Timestamp, User, UserId,
    Version,
};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The store is away, and nothing has happened.
    Unavailable,
    /// The store went away after it had done what was asked: the answer is lost.
    UnavailableAfter,
    /// What is kept can't be read.
    Corrupt,
}

/// The text inside every error of this store; no answer may ever show it.
pub const INNARDS: &str = "redis://innards:secret@sqlite";

/// Users and what hangs on them, in maps.
#[derive(Default)]
pub struct MemoryStore {
    kept: Mutex<Kept>,
    calls: AtomicUsize,
    fault: Mutex<Option<(usize, Fault)>>,
    bumps: AtomicUsize,
    made: Mutex<Vec<&'static Location<'static>>>,
}

/// All that is kept.
#[derive(Default, Clone)]
pub struct Kept {
    users: BTreeMap<UserId, User>,
    sessions: BTreeMap<(UserId, SessionId), Session>,
    events: Vec<Event>,
    buckets: BTreeMap<BucketKey, u64>,
    keys: BTreeMap<(KeyKind, String), String>,
}

impl Kept {
    fn note(&mut self, user: UserId, kind: EventKind, client: &Client, at: Timestamp) {
        self.events.push(Event { user, kind, at, client: client.clone() });
    }
}

impl MemoryStore {
    /// Makes the `nth` call from now on, counted from 0, fail; earlier and later ones work.
    pub fn fail_at(&self, nth: usize, fault: Fault) {
        self.calls.store(0, Ordering::SeqCst);
        *lock(&self.fault) = Some((nth, fault));
    }

    /// Has the call that [`MemoryStore::fail_at`] named been reached? Nothing fails any more afterwards.
    pub fn has_failed(&self) -> bool {
        let fault = lock(&self.fault).take();
        fault.is_some_and(|(nth, _)| self.calls.load(Ordering::SeqCst) > nth)
    }

    /// After each of the next `reads` reads of a user by id, somebody else changes that user.
    pub fn change_after_reads(&self, reads: usize) {
        self.bumps.store(reads, Ordering::SeqCst);
    }

    /// The calls since the last time that this was asked, each by the line of this store that answers it.
    pub fn calls_made(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.made)).into_iter().map(ToString::to_string).collect()
    }

    /// Everything that is kept now.
    pub fn remember(&self) -> Kept {
        lock(&self.kept).clone()
    }

    /// Keeps what was kept then.
    pub fn restore(&self, kept: Kept) {
        *lock(&self.kept) = kept;
    }

    /// Makes the text of every key unreadable.
    pub fn spoil_keys(&self) {
        lock(&self.kept).keys.values_mut().for_each(|text| "damaged".clone_into(text));
    }

    /// How many sessions there are, of whomever.
    pub fn sessions_count(&self) -> usize {
        lock(&self.kept).sessions.len()
    }

    /// Everybody, as kept.
    pub fn everybody(&self) -> Vec<User> {
        lock(&self.kept).users.values().cloned().collect()
    }

    /// Puts another hash under a user's password, past everything.
    pub fn plant_hash(&self, id: UserId, hash: PasswordHash) {
        lock(&self.kept).users.get_mut(&id).expect("the user is there").password_hash = hash;
    }

    /// Does `act` on what is kept, or fails as told.
    #[track_caller]
    fn call<T>(&self, act: impl FnOnce(&mut Kept) -> T) -> Result<T, StoreError> {
        lock(&self.made).push(Location::caller());
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let fault = lock(&self.fault).filter(|(nth, _)| *nth == number).map(|(_, fault)| fault);
        match fault {
            Some(Fault::Unavailable) => Err(StoreError::unavailable(INNARDS)),
            Some(Fault::Corrupt) => Err(StoreError::corrupt("innards:user:1", INNARDS)),
            Some(Fault::UnavailableAfter) => {
                act(&mut lock(&self.kept));
                Err(StoreError::unavailable(INNARDS))
            }
            None => Ok(act(&mut lock(&self.kept))),
        }
    }

    #[track_caller]
    fn update(
        &self,
        id: UserId,
        expected: Version,
        change: impl FnOnce(&mut User),
        email: Option<&CanonicalEmail>,
        after: impl FnOnce(&mut Kept, &User),
    ) -> Result<Update, StoreError> {
        self.call(|kept| {
            let taken = email.is_some_and(|email| is_taken(&kept.users, email, Some(id)));
            match kept.users.get_mut(&id) {
                None => Update::Missing,
                Some(user) if user.version != expected => Update::Stale,
                Some(_) if taken => Update::Taken,
                Some(user) => {
                    change(user);
                    user.version = user.version.next();
                    let user = user.clone();
                    after(kept, &user);
                    Update::Updated(Box::new(user))
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
impl Examine for MemoryStore {
    /// A map can contradict itself in one way only: one e-mail twice, which no call brings about.
    async fn examine(&self, portion: &Portion, _: Timestamp) -> Result<Examined, StoreError> {
        let from = UserId::parse(portion.from.as_str());
        self.call(|kept| {
            let users = &kept.users;
            let after = users.iter().filter(|(id, _)| from.is_none_or(|from| **id > from));
            let seen: Vec<&User> = after.map(|(_, user)| user).take(portion.size.max(1)).collect();
            let next = (seen.len() >= portion.size.max(1)).then(|| seen.last().map(|user| user.id)).flatten();
            let doubled = seen.iter().filter(|user| is_taken(users, user.email.canonical(), Some(user.id)));
            let findings = doubled.map(|user| Finding {
                kind: FindingKind::TwoUsers,
                state: FindingState::NeedsPerson,
                user: Some(user.id),
                place: "the map".to_owned(),
                detail: "another user has the same e-mail".to_owned(),
            });
            Examined {
                users: seen.len() as u64,
                looked_at: seen.len() as u64,
                expected: from.is_none().then_some(users.len() as u64),
                findings: findings.collect(),
                disturbed: false,
                next: next.map(|id| Place::from_text(id.to_string())),
            }
        })
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn insert_user(&self, user: &User, client: &Client) -> Result<Insert, StoreError> {
        self.call(|kept| {
            if is_taken(&kept.users, user.email.canonical(), None) {
                return Insert::Taken;
            }
            kept.users.insert(user.id, user.clone());
            kept.note(user.id, EventKind::SignedUp, client, user.created_at);
            Insert::Inserted
        })
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let found = self.call(|kept| kept.users.get(&id).cloned())?;
        let changed = |left: usize| left.checked_sub(1);
        if found.is_some() && self.bumps.fetch_update(Ordering::SeqCst, Ordering::SeqCst, changed).is_ok() {
            let mut kept = lock(&self.kept);
            let user = kept.users.get_mut(&id).expect("it was just read");
            user.version = user.version.next();
        }
        Ok(found)
    }

    async fn user_by_email(&self, email: &CanonicalEmail) -> Result<Option<User>, StoreError> {
        self.call(|kept| kept.users.values().find(|user| user.email.canonical() == email).cloned())
    }

    async fn users_count(&self) -> Result<u64, StoreError> {
        self.call(|kept| kept.users.len() as u64)
    }

    async fn replace_profile(
        &self,
        id: UserId,
        expected: Version,
        profile: &Profile,
        client: &Client,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let change = |user: &mut User| {
            user.name = profile.name.clone();
            user.email = profile.email.clone();
            user.updated_at = now;
        };
        let before = self.call(|kept| kept.users.get(&id).map(|user| user.email.canonical().clone()))?;
        let moved = before.as_ref() != Some(profile.email.canonical());
        let kind = if moved { EventKind::EmailChanged } else { EventKind::ProfileChanged };
        let note = |kept: &mut Kept, user: &User| kept.note(user.id, kind, client, now);
        self.update(id, expected, change, Some(profile.email.canonical()), note)
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
        let change = |user: &mut User| {
            user.password_hash = password_hash.clone();
            user.standing.password_expired = false;
            user.updated_at = now;
        };
        let after = |kept: &mut Kept, user: &User| {
            kept.sessions.retain(|(owner, session), _| *owner != user.id || Some(*session) == keep);
            kept.note(user.id, EventKind::PasswordChanged, client, now);
        };
        self.update(id, expected, change, None, after)
    }

    async fn replace_standing(
        &self,
        id: UserId,
        expected: Version,
        ruling: &Ruling,
        client: &Client,
        now: Timestamp,
    ) -> Result<Update, StoreError> {
        let change = |user: &mut User| {
            ruling.apply(user);
            user.updated_at = now;
        };
        let after = |kept: &mut Kept, user: &User| {
            kept.sessions.retain(|(owner, _), _| *owner != user.id || !ruling.ends_sessions());
            kept.note(user.id, ruling.kind, client, now);
        };
        self.update(id, expected, change, None, after)
    }

    async fn replace_password_hash(
        &self,
        id: UserId,
        expected: Version,
        password_hash: &PasswordHash,
    ) -> Result<Update, StoreError> {
        self.update(id, expected, |user| user.password_hash = password_hash.clone(), None, |_, _| ())
    }

    async fn remove_user(
        &self,
        id: UserId,
        expected: Version,
        client: &Client,
        now: Timestamp,
    ) -> Result<Remove, StoreError> {
        self.call(|kept| match kept.users.get(&id) {
            None => Remove::Missing,
            Some(user) if user.version != expected => Remove::Stale,
            Some(_) => {
                kept.users.remove(&id);
                kept.sessions.retain(|(owner, _), _| *owner != id);
                kept.note(id, EventKind::Deleted, client, now);
                Remove::Removed
            }
        })
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.call(|_| ())
    }

    async fn close(&self) {}
}
