//! Sessions for tests of stores, identified by a number.

use std::net::{IpAddr, Ipv4Addr};

use crate::{NewSession, OpenSessionOutcome, SessionWithUser};
use userd_core::{
    Actor, PrincipalId, RefreshState, RefreshToken, SECRET_BYTES, Session, SessionId, SessionLimits, SessionToken,
    Timestamp, User, UserAgent, UserId,
};

use super::test_store::TestStore;

/// Limits that no test reaches by waiting.
pub const LIMITS: SessionLimits =
    SessionLimits { idle_ms: 7 * 24 * 3_600_000, absolute_ms: 30 * 24 * 3_600_000, sessions_max: 100 };

/// The time between two moments that a test distinguishes, in milliseconds: more than the error of a server's clock.
const MOMENT_MS: u64 = 10;

/// Session `number` of the user; the same number gives the same session.
pub fn new_session(user: &User, number: u16) -> NewSession {
    let (id, proof) = token(user, number).digest();
    NewSession { id, proof, refresh: None }
}

/// The token of session `number` of the user.
pub fn token(user: &User, number: u16) -> SessionToken {
    SessionToken::generate(user.id, secret(number, 0))
}

/// The stored state of refresh token `number` of the session.
pub fn refresh_state(user: &User, session: &NewSession, number: u16) -> RefreshState {
    RefreshState::of(&RefreshToken::generate(user.id, session.id, session.proof, secret(number, 1)))
}

fn secret(number: u16, kind: u8) -> [u8; SECRET_BYTES] {
    let mut secret = [kind; SECRET_BYTES];
    secret[..2].copy_from_slice(&number.to_be_bytes());
    secret
}

/// An anonymous actor at this address.
pub fn actor_at(last: u8) -> Actor {
    Actor {
        address: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))),
        agent: UserAgent::shorten("curl/8.5.0"),
        principal: PrincipalId::Anonymous,
    }
}

impl TestStore {
    /// Opens session `number` of the user at the user's version.
    pub async fn opened(&self, user: &User, number: u16) -> Session {
        self.open_session_within(user, number, &LIMITS).await
    }

    /// Opens session `number` of the user with these limits.
    pub async fn open_session_within(&self, user: &User, number: u16, limits: &SessionLimits) -> Session {
        let session = new_session(user, number);
        match self.try_open_session(user, &session, limits).await {
            OpenSessionOutcome::Opened(session) => *session,
            other => panic!("not opened: {other:?}"),
        }
    }

    /// Tries to open a session of the user.
    pub async fn open_session(&self, user: &User, session: &NewSession) -> OpenSessionOutcome {
        self.try_open_session(user, session, &LIMITS).await
    }

    async fn try_open_session(&self, user: &User, session: &NewSession, limits: &SessionLimits) -> OpenSessionOutcome {
        self.store
            .open_session(user.id, user.version, session, limits, &actor_at(1), self.now())
            .await
            .expect("the store works")
    }

    /// The session, if it has not ended.
    pub async fn signed_in(&self, user: UserId, session: SessionId) -> Option<SessionWithUser> {
        self.store.session(user, session, self.now()).await.expect("the store works")
    }

    /// The user's sessions, newest first.
    pub async fn sessions_of(&self, user: UserId) -> Vec<Session> {
        self.store.sessions(user, self.now()).await.expect("the store works").0
    }

    /// The ids of the user's sessions, newest first; each is also found by its id.
    pub async fn session_ids(&self, user: UserId) -> Vec<SessionId> {
        let sessions = self.sessions_of(user).await;
        for session in &sessions {
            let found = self.signed_in(user, session.id).await.expect("what is listed is there");
            assert_eq!(&found.session, session);
        }
        sessions.into_iter().map(|session| session.id).collect()
    }

    /// The store's time, which may come from another clock than the test's.
    pub async fn store_time(&self, user: UserId) -> Timestamp {
        self.store.sessions(user, self.now()).await.expect("the store works").1
    }

    /// Returns when the store's time has advanced, so that what is created from now on is newer.
    pub async fn wait_a_moment(&self, user: UserId) {
        let until = self.store_time(user).await.plus_millis(MOMENT_MS);
        self.clock.advance_ms(MOMENT_MS);
        while self.store_time(user).await < until {
            tokio::task::yield_now().await;
        }
    }
}
