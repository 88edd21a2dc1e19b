//! Users and the consistency check, in maps.

use async_trait::async_trait;
use userd_core::{Actor, CanonicalEmail, EventKind, PasswordHash, SessionId, Timestamp, User, UserId, UserVersion};

use super::store::{MemoryState, MemoryStore, is_taken};
use crate::{
    CheckBatch, CheckCursor, CheckReport, ConsistencyCheck, CreateUserOutcome, DeleteUserOutcome, Finding, FindingKind,
    FindingState, StatusUpdate, Store, StoreError, UpdateUserOutcome, UserProfile,
};

#[async_trait]
impl ConsistencyCheck for MemoryStore {
    /// Maps can be inconsistent in one way only: two users with one e-mail, which no call causes.
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
        if found.is_some() {
            self.apply_concurrent_change(id);
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
