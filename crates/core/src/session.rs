//! Sessions: the token, what is stored of it, and when a session ends.
//!
//! The token is the secret and is returned once. Its digest is stored in two halves: the first is the session's id,
//! which its user may see; the second, the proof, is never returned, and making it takes the token.

use std::net::IpAddr;

use super::token_secret::{SECRET_BYTES, SecretBytes, TokenSecret, halves};
use super::{RefreshState, SessionId, SessionProof, Timestamp, UserAgent, UserId};

/// The prefix of this token format.
const PREFIX: &str = "v1";

/// The token of a signed-in user: `v1.<user id>.<43 characters>`. It has the user's id, so that one shard answers.
#[derive(Debug, Clone)]
pub struct SessionToken {
    /// The user. Not verified yet.
    pub user: UserId,
    secret: TokenSecret,
}

impl SessionToken {
    /// Makes a token of `user` from 32 random bytes.
    #[must_use]
    pub fn generate(user: UserId, random: [u8; SECRET_BYTES]) -> Self {
        Self { user, secret: TokenSecret::new(random) }
    }

    /// Parses a token; `None` unless it is in its one canonical spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (user, secret) = text.strip_prefix(PREFIX)?.strip_prefix('.')?.split_once('.')?;
        Some(Self { user: UserId::parse_exact(user)?, secret: TokenSecret::parse(secret)? })
    }

    /// Exposes the secret, to return it once.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{PREFIX}.{}.{}", self.user, self.secret.encode())
    }

    /// The digest in its two halves.
    #[must_use]
    pub fn digest(&self) -> (SessionId, SessionProof) {
        let [id, proof] = halves(self.secret.digest());
        (SessionId(id), SessionProof(SecretBytes(proof)))
    }
}

/// A stored session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The id.
    pub id: SessionId,
    /// The proof, which only the token can produce.
    pub proof: SessionProof,
    /// When the user signed in, by the store's clock.
    pub created_at: Timestamp,
    /// When the session was last used, by the store's clock; written at most once a minute.
    pub last_used_at: Timestamp,
    /// The address of the sign-in.
    pub address: Option<IpAddr>,
    /// The user agent of the sign-in.
    pub agent: UserAgent,
    /// The state of its refresh tokens, if it has any.
    pub refresh: Option<RefreshState>,
}

/// How long sessions live, and how many a user may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// A session ends after this time without use.
    pub idle_ms: u64,
    /// A session ends this long after the sign-in, used or not.
    pub absolute_ms: u64,
    /// The most sessions of a user; one more ends the oldest.
    pub sessions_max: usize,
}

/// How often the last use of a session is written at most.
pub const TOUCH_INTERVAL_MS: u64 = 60_000;

impl SessionLimits {
    /// When a session of `created_at` ends at the latest.
    #[must_use]
    pub fn expires_at(&self, created_at: Timestamp) -> Timestamp {
        created_at.plus_millis(self.absolute_ms)
    }

    /// Whether `session` is valid at `now`. A session from the future is valid, because a clock may have been set back,
    /// but not from further ahead than a session lives: that clock was wrong when the session was opened.
    #[must_use]
    pub fn is_valid(&self, session: &Session, now: Timestamp) -> bool {
        session.created_at <= self.expires_at(now) && !self.has_ended(session, now)
    }

    /// Whether the time of `session` is over at `now`, so that it is never valid again. One from the future may be: a
    /// clock that was set back is set right one day.
    #[must_use]
    pub fn has_ended(&self, session: &Session, now: Timestamp) -> bool {
        now >= self.expires_at(session.created_at) || now >= session.last_used_at.plus_millis(self.idle_ms)
    }

    /// Whether the use at `now` must be written: a minute after the last time, or sooner if sessions end sooner.
    #[must_use]
    pub fn needs_touch(&self, session: &Session, now: Timestamp) -> bool {
        now >= session.last_used_at.plus_millis(TOUCH_INTERVAL_MS.min(self.idle_ms / 4))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const USER: &str = "0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa0b1";

    fn token(secret: [u8; SECRET_BYTES]) -> SessionToken {
        SessionToken::generate(UserId::parse(USER).expect("an id"), secret)
    }

    proptest! {
        #[test]
        fn a_token_is_read_back_and_gives_the_same_digest(secret: [u8; SECRET_BYTES]) {
            let token = token(secret);
            let read = SessionToken::parse(&token.expose()).expect("our own token");
            prop_assert_eq!(read.digest(), token.digest());
            prop_assert_eq!(read.user, token.user);
        }

        #[test]
        fn any_text_is_a_token_in_its_one_spelling_or_none(text in any::<String>()) {
            if let Some(token) = SessionToken::parse(&text) {
                prop_assert_eq!(token.expose(), text);
            }
        }

        #[test]
        fn a_token_with_one_character_changed_is_none_or_another(secret: [u8; SECRET_BYTES], at in 0..82_usize, with in "[A-Za-z0-9._-]") {
            let text = token(secret).expose();
            let mut changed = text.clone();
            changed.replace_range(at..=at, &with);
            if let Some(token) = SessionToken::parse(&changed) {
                prop_assert_eq!(token.expose() == text, changed == text);
            }
        }
    }

    #[test]
    fn a_token_shows_its_secret_to_no_log() {
        let token = token([7; SECRET_BYTES]);
        assert_eq!(format!("{token:?}"), format!("SessionToken {{ user: UserId({USER}), secret: *** }}"));
        assert_eq!(format!("{:?}", token.digest().1), "SessionProof(***)");
    }

    #[test]
    fn a_session_ends_when_it_is_idle_or_old_and_not_before() {
        let limits = SessionLimits { idle_ms: 1_000, absolute_ms: 5_000, sessions_max: 2 };
        let (id, proof) = token([1; SECRET_BYTES]).digest();
        let at = Timestamp::from_millis;
        let session = |made, seen| Session {
            id,
            proof,
            created_at: at(made),
            last_used_at: at(seen),
            address: None,
            agent: UserAgent::default(),
            refresh: None,
        };
        assert!(limits.is_valid(&session(10_000, 10_000), at(10_999)));
        assert!(!limits.is_valid(&session(10_000, 10_000), at(11_000)), "idle");
        assert!(limits.is_valid(&session(10_000, 14_500), at(14_999)));
        assert!(!limits.is_valid(&session(10_000, 14_500), at(15_000)), "old");
        assert!(limits.is_valid(&session(10_000, 10_000), at(5_000)), "a clock that was set back ends nothing");
        assert!(!limits.is_valid(&session(10_000, 10_000), at(4_999)), "from further ahead than a session lives");
        assert!(!limits.has_ended(&session(10_000, 10_000), at(4_999)), "its time is still to come");
        assert!(!limits.has_ended(&session(10_000, 10_000), at(10_999)));
        assert!(limits.has_ended(&session(10_000, 10_000), at(11_000)), "idle");
        assert!(limits.has_ended(&session(10_000, 14_500), at(15_000)), "old");
        assert!(!limits.needs_touch(&session(10_000, 10_000), at(10_249)));
        assert!(limits.needs_touch(&session(10_000, 10_000), at(10_250)));
    }
}
