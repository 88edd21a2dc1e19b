//! [`MemoryStore`]: the maps, and what tests control. The contract's methods are next to it.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use userd_core::{
    AccountEvent, Actor, BucketKey, CanonicalEmail, EventKind, PasswordHash, Session, SessionId, Timestamp, User,
    UserId, UserVersion,
};

use crate::{KeyKind, StoreError, UpdateUserOutcome};

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedFault {
    /// The store is unavailable, and nothing has happened.
    Unavailable,
    /// The store became unavailable after the operation: the answer is lost.
    UnavailableAfter,
    /// The record can't be parsed.
    Corrupt,
}

/// The text in every error of this store; no response may ever contain it.
pub const INTERNAL_DETAIL: &str = "redis://innards:secret@sqlite";

/// Users, and what belongs to them, in maps.
#[derive(Default)]
pub struct MemoryStore {
    stored: Mutex<MemoryState>,
    calls: AtomicUsize,
    fault: Mutex<Option<(usize, InjectedFault)>>,
    bumps: AtomicUsize,
    made: Mutex<Vec<&'static Location<'static>>>,
}

/// Everything that is stored.
#[derive(Default, Clone)]
pub struct MemoryState {
    pub(super) users: BTreeMap<UserId, User>,
    pub(super) sessions: BTreeMap<(UserId, SessionId), Session>,
    pub(super) events: Vec<AccountEvent>,
    pub(super) buckets: BTreeMap<BucketKey, u64>,
    pub(super) keys: BTreeMap<(KeyKind, String), String>,
}

impl MemoryState {
    pub(super) fn record_event(&mut self, user: UserId, kind: EventKind, actor: &Actor, at: Timestamp) {
        self.events.push(AccountEvent { user, kind, at, actor: actor.clone() });
    }
}

impl MemoryStore {
    /// Makes the `nth` call from now on, counted from 0, fail; the others succeed.
    pub fn fail_at(&self, nth: usize, fault: InjectedFault) {
        self.calls.store(0, Ordering::SeqCst);
        *lock(&self.fault) = Some((nth, fault));
    }

    /// Whether the call of [`MemoryStore::fail_at`] was reached. Afterwards no call fails.
    pub fn has_failed(&self) -> bool {
        let fault = lock(&self.fault).take();
        fault.is_some_and(|(nth, _)| self.calls.load(Ordering::SeqCst) > nth)
    }

    /// Simulates a concurrent change of the user after each of the next `reads` reads of a user by id.
    pub fn change_user_after_reads(&self, reads: usize) {
        self.bumps.store(reads, Ordering::SeqCst);
    }

    /// The calls since the previous `take_calls`, each as the line of this store that answers it.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.made)).into_iter().map(ToString::to_string).collect()
    }

    /// A copy of everything that is stored now.
    pub fn snapshot(&self) -> MemoryState {
        lock(&self.stored).clone()
    }

    /// Replaces everything that is stored by `stored`.
    pub fn restore(&self, stored: MemoryState) {
        *lock(&self.stored) = stored;
    }

    /// Makes the text of every key invalid.
    pub fn corrupt_keys(&self) {
        lock(&self.stored).keys.values_mut().for_each(|text| "damaged".clone_into(text));
    }

    /// The number of sessions of all users.
    pub fn sessions_count(&self) -> usize {
        lock(&self.stored).sessions.len()
    }

    /// All users, as stored.
    pub fn all_users(&self) -> Vec<User> {
        lock(&self.stored).users.values().cloned().collect()
    }

    /// Replaces a user's password hash directly, without a new version or an event.
    ///
    /// # Panics
    /// If no user has this id.
    pub fn set_password_hash(&self, id: UserId, hash: PasswordHash) {
        lock(&self.stored).users.get_mut(&id).expect("the user is there").password_hash = hash;
    }

    /// Applies `act` to the state, or fails as injected.
    #[track_caller]
    pub(super) fn call<T>(&self, act: impl FnOnce(&mut MemoryState) -> T) -> Result<T, StoreError> {
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

    /// The change of [`MemoryStore::change_user_after_reads`], if one is left.
    pub(super) fn apply_concurrent_change(&self, id: UserId) {
        let decrement = |left: usize| left.checked_sub(1);
        if self.bumps.fetch_update(Ordering::SeqCst, Ordering::SeqCst, decrement).is_ok() {
            let mut stored = lock(&self.stored);
            let user = stored.users.get_mut(&id).expect("it was just read");
            user.version = user.version.next();
        }
    }

    #[track_caller]
    pub(super) fn update(
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

pub(super) fn is_taken(users: &BTreeMap<UserId, User>, email: &CanonicalEmail, but: Option<UserId>) -> bool {
    users.values().any(|user| user.email.canonical() == email && Some(user.id) != but)
}
