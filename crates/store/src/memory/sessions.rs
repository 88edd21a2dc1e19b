//! What hangs on users, in the same maps: sessions, events, counted tries, keys.

use crate::{KeyKind, KeyStore, NewSession, Open, SessionStore, SignedIn, StoreError, StoredKey, Throttle};
use async_trait::async_trait;
use userd_core::{
    Bucket, CanonicalEmail, Client, Event, EventKind, RefreshState, Session, SessionId, SessionLimits, Taken,
    Timestamp, UserId, Version,
};

use super::MemoryStore;

#[async_trait]
impl SessionStore for MemoryStore {
    async fn open_session(
        &self,
        user: UserId,
        expected: Version,
        session: &NewSession,
        limits: &SessionLimits,
        client: &Client,
        now: Timestamp,
    ) -> Result<Open, StoreError> {
        self.call(|kept| {
            match kept.users.get(&user) {
                None => return Open::Missing,
                Some(user) if user.version != expected => return Open::Stale,
                Some(_) => {}
            }
            if let Some(open) = kept.sessions.get(&(user, session.id)) {
                return Open::Opened(Box::new(open.clone()));
            }
            kept.sessions.retain(|(owner, _), session| *owner != user || limits.allow(session, now));
            loop {
                let own = kept.sessions.values().zip(kept.sessions.keys()).filter(|(_, (owner, _))| *owner == user);
                let own: Vec<_> = own.map(|(session, key)| (session.made_at, *key)).collect();
                let Some((_, oldest)) = own.iter().min().filter(|_| own.len() >= limits.sessions_max) else { break };
                kept.sessions.remove(oldest);
            }
            let opened = Session {
                id: session.id,
                proof: session.proof,
                made_at: now,
                seen_at: now,
                address: client.address,
                agent: client.agent.clone(),
                refresh: session.refresh.clone(),
            };
            kept.sessions.insert((user, session.id), opened.clone());
            let client = Client { caller: userd_core::CallerId::Session(session.id), ..client.clone() };
            kept.note(user, EventKind::SignedIn, &client, now);
            Open::Opened(Box::new(opened))
        })
    }

    async fn session(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<Option<SignedIn>, StoreError> {
        self.call(|kept| {
            let session = kept.sessions.get(&(user, id))?.clone();
            Some(SignedIn { user: kept.users.get(&user)?.clone(), session, at: now })
        })
    }

    async fn sessions(&self, user: UserId, now: Timestamp) -> Result<(Vec<Session>, Timestamp), StoreError> {
        self.call(|kept| {
            let own = kept.sessions.iter().filter(|((owner, _), _)| *owner == user);
            let mut own: Vec<Session> = own.map(|(_, session)| session.clone()).collect();
            own.sort_by_key(|session| std::cmp::Reverse(session.made_at));
            (own, now)
        })
    }

    async fn see_session(&self, user: UserId, session: &Session, at: Timestamp) -> Result<(), StoreError> {
        self.call(|kept| {
            if let Some(session) = kept.sessions.get_mut(&(user, session.id)) {
                session.seen_at = session.seen_at.max(at);
            }
        })
    }

    async fn end_session(
        &self,
        user: UserId,
        id: SessionId,
        kind: EventKind,
        client: &Client,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call(|kept| {
            let ended = kept.sessions.remove(&(user, id)).is_some();
            if ended {
                kept.note(user, kind, client, now);
            }
            ended
        })
    }

    async fn end_other_sessions(
        &self,
        user: UserId,
        keep: Option<SessionId>,
        client: &Client,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call(|kept| {
            let there = kept.users.contains_key(&user);
            kept.sessions.retain(|(owner, session), _| *owner != user || Some(*session) == keep);
            if there {
                kept.note(user, EventKind::SessionsRevoked, client, now);
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
        self.call(|kept| match kept.sessions.get_mut(&(user, session.id)) {
            Some(open) if open.refresh.as_ref() == Some(next) => true,
            Some(open) if open.refresh == session.refresh => {
                open.refresh = Some(next.clone());
                open.seen_at = open.seen_at.max(at);
                true
            }
            _ => false,
        })
    }

    async fn note_failure(
        &self,
        _: &CanonicalEmail,
        user: Option<UserId>,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.call(|kept| {
            if let Some(user) = user {
                kept.note(user, EventKind::SignInFailed, client, now);
            }
        })
    }

    async fn events(&self, user: UserId, most: usize) -> Result<Vec<Event>, StoreError> {
        self.call(|kept| {
            let own: Vec<Event> = kept.events.iter().filter(|event| event.user == user).cloned().collect();
            own[own.len().saturating_sub(most)..].to_vec()
        })
    }
}

#[async_trait]
impl Throttle for MemoryStore {
    async fn take(&self, buckets: &[Bucket], now: Timestamp) -> Result<Taken, StoreError> {
        self.call(|kept| {
            let mut after = kept.buckets.clone();
            for (place, bucket) in buckets.iter().enumerate() {
                let full_at = after.get(&bucket.key).copied().unwrap_or_default();
                let decision = bucket.rate.take(full_at, now.as_millis());
                if !decision.taken {
                    return Taken::No { place, retry_after_ms: decision.retry_after_ms };
                }
                after.insert(bucket.key, decision.full_at);
                // Of an account's buckets all or none, of others each by itself.
                if bucket.key.account().is_none() {
                    kept.buckets.clone_from(&after);
                }
            }
            kept.buckets = after;
            Taken::Yes
        })
    }

    async fn give_back(&self, buckets: &[Bucket], now: Timestamp) -> Result<(), StoreError> {
        self.call(|kept| {
            for bucket in buckets {
                let full_at = kept.buckets.entry(bucket.key).or_default();
                *full_at = bucket.rate.give_back(*full_at, now.as_millis());
            }
        })
    }

    async fn fill(&self, buckets: &[Bucket]) -> Result<(), StoreError> {
        self.call(|kept| {
            for bucket in buckets {
                kept.buckets.remove(&bucket.key);
            }
        })
    }
}

#[async_trait]
impl KeyStore for MemoryStore {
    async fn keys(&self, kind: KeyKind) -> Result<Vec<StoredKey>, StoreError> {
        self.call(|kept| {
            let own = kept.keys.iter().filter(|((of, _), _)| *of == kind);
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
        self.call(|kept| {
            let place = (kind, id.to_owned());
            let present = kept.keys.get(&place).map(String::as_str);
            if present == next {
                return true;
            }
            if present != expected {
                return false;
            }
            match next {
                Some(text) => _ = kept.keys.insert(place, text.to_owned()),
                None => _ = kept.keys.remove(&place),
            }
            true
        })
    }
}
