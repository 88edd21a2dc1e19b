//! Sessions, events, rate limits and keys, in the same maps.

use crate::{
    KeyKind, KeyStore, NewSession, OpenSessionOutcome, RateLimitStore, SessionStore, SessionWithUser, StoreError,
    StoredKey,
};
use async_trait::async_trait;
use userd_core::{
    AccountEvent, Actor, CanonicalEmail, EventKind, RateLimitBucket, RateLimitDecision, RefreshState, Session,
    SessionId, SessionLimits, Timestamp, UserId, UserVersion,
};

use super::store::MemoryStore;

#[async_trait]
impl SessionStore for MemoryStore {
    async fn open_session(
        &self,
        user: UserId,
        expected: UserVersion,
        session: &NewSession,
        limits: &SessionLimits,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<OpenSessionOutcome, StoreError> {
        self.call(|stored| {
            match stored.users.get(&user) {
                None => return OpenSessionOutcome::NotFound,
                Some(user) if user.version != expected => return OpenSessionOutcome::VersionConflict,
                Some(_) => {}
            }
            if let Some(open) = stored.sessions.get(&(user, session.id)) {
                return OpenSessionOutcome::Opened(Box::new(open.clone()));
            }
            stored.sessions.retain(|(owner, _), session| *owner != user || limits.is_valid(session, now));
            loop {
                let own = stored.sessions.values().zip(stored.sessions.keys()).filter(|(_, (owner, _))| *owner == user);
                let own: Vec<_> = own.map(|(session, key)| (session.created_at, *key)).collect();
                let Some((_, oldest)) = own.iter().min().filter(|_| own.len() >= limits.sessions_max) else { break };
                stored.sessions.remove(oldest);
            }
            let opened = Session {
                id: session.id,
                proof: session.proof,
                created_at: now,
                last_used_at: now,
                address: actor.address,
                agent: actor.agent.clone(),
                refresh: session.refresh.clone(),
            };
            stored.sessions.insert((user, session.id), opened.clone());
            let actor = Actor { principal: userd_core::PrincipalId::Session(session.id), ..actor.clone() };
            stored.record_event(user, EventKind::SignedIn, &actor, now);
            OpenSessionOutcome::Opened(Box::new(opened))
        })
    }

    async fn session(
        &self,
        user: UserId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<SessionWithUser>, StoreError> {
        self.call(|stored| {
            let session = stored.sessions.get(&(user, id))?.clone();
            Some(SessionWithUser { user: stored.users.get(&user)?.clone(), session, at: now })
        })
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<(Vec<Session>, Timestamp), StoreError> {
        self.call(|stored| {
            let own = stored.sessions.iter().filter(|((owner, _), _)| *owner == user);
            let mut own: Vec<Session> = own.map(|(_, session)| session.clone()).collect();
            own.sort_by_key(|session| std::cmp::Reverse(session.created_at));
            (own, now)
        })
    }

    async fn touch_session(&self, user: UserId, session: &Session, at: Timestamp) -> Result<(), StoreError> {
        self.call(|stored| {
            if let Some(session) = stored.sessions.get_mut(&(user, session.id)) {
                session.last_used_at = session.last_used_at.max(at);
            }
        })
    }

    async fn revoke_session(
        &self,
        user: UserId,
        id: SessionId,
        kind: EventKind,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call(|stored| {
            let ended = stored.sessions.remove(&(user, id)).is_some();
            if ended {
                stored.record_event(user, kind, actor, now);
            }
            ended
        })
    }

    async fn revoke_other_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call(|stored| {
            let there = stored.users.contains_key(&user);
            stored.sessions.retain(|(owner, session), _| *owner != user || Some(*session) == keep);
            if there {
                stored.record_event(user, EventKind::SessionsRevoked, actor, now);
            }
            there
        })
    }

    async fn replace_refresh(
        &self,
        user: UserId,
        session: &Session,
        next: &RefreshState,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call(|stored| match stored.sessions.get_mut(&(user, session.id)) {
            Some(open) if open.refresh.as_ref() == Some(next) => true,
            Some(open) if open.refresh == session.refresh => {
                open.refresh = Some(next.clone());
                open.last_used_at = open.last_used_at.max(at);
                true
            }
            _ => false,
        })
    }

    async fn record_failed_sign_in(
        &self,
        _: &CanonicalEmail,
        user: Option<UserId>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.call(|stored| {
            if let Some(user) = user {
                stored.record_event(user, EventKind::SignInFailed, actor, now);
            }
        })
    }

    async fn events(&self, user: UserId, most: usize) -> Result<Vec<AccountEvent>, StoreError> {
        self.call(|stored| {
            let own: Vec<AccountEvent> = stored.events.iter().filter(|event| event.user == user).cloned().collect();
            own[own.len().saturating_sub(most)..].to_vec()
        })
    }
}

#[async_trait]
impl RateLimitStore for MemoryStore {
    async fn take(&self, buckets: &[RateLimitBucket], now: Timestamp) -> Result<RateLimitDecision, StoreError> {
        self.call(|stored| {
            let mut after = stored.buckets.clone();
            for (place, bucket) in buckets.iter().enumerate() {
                let full_at = after.get(&bucket.key).copied().unwrap_or_default();
                let decision = bucket.rate.take(full_at, now.as_millis());
                if !decision.allowed {
                    return RateLimitDecision::Deny { place, retry_after_ms: decision.retry_after_ms };
                }
                after.insert(bucket.key, decision.full_at);
                // The buckets of an account are charged all or none, the others each on its own.
                if bucket.key.account().is_none() {
                    stored.buckets.clone_from(&after);
                }
            }
            stored.buckets = after;
            RateLimitDecision::Allow
        })
    }

    async fn refund(&self, buckets: &[RateLimitBucket], now: Timestamp) -> Result<(), StoreError> {
        self.call(|stored| {
            for bucket in buckets {
                let full_at = stored.buckets.entry(bucket.key).or_default();
                *full_at = bucket.rate.refund(*full_at, now.as_millis());
            }
        })
    }

    async fn reset(&self, buckets: &[RateLimitBucket]) -> Result<(), StoreError> {
        self.call(|stored| {
            for bucket in buckets {
                stored.buckets.remove(&bucket.key);
            }
        })
    }
}

#[async_trait]
impl KeyStore for MemoryStore {
    async fn keys(&self, kind: KeyKind) -> Result<Vec<StoredKey>, StoreError> {
        self.call(|stored| {
            let own = stored.keys.iter().filter(|((of, _), _)| *of == kind);
            own.map(|((_, id), text)| StoredKey { id: id.clone(), text: text.clone() }).collect()
        })
    }

    async fn replace_key(
        &self,
        kind: KeyKind,
        id: &str,
        expected: Option<&str>,
        next: Option<&str>,
    ) -> Result<bool, StoreError> {
        self.call(|stored| {
            let place = (kind, id.to_owned());
            let present = stored.keys.get(&place).map(String::as_str);
            if present == next {
                return true;
            }
            if present != expected {
                return false;
            }
            match next {
                Some(text) => _ = stored.keys.insert(place, text.to_owned()),
                None => _ = stored.keys.remove(&place),
            }
            true
        })
    }
}
