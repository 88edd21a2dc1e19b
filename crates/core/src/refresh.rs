//! The refresh token of a session: exchanged once for its successor.
//!
//! A client that lost the response, or has two tabs, uses the same token twice within a short time, the grace period.
//! It must get *the same* successor, or one of the two would be signed out. Since only digests are stored, the
//! successor is derived: `HMAC-SHA-256(old secret, salt)`, and the salt is stored. A copy of the store lacks the old
//! secret; a copy of the old token lacks the salt.
//!
//! A token that is used again after the grace period was stolen, or its successor was: the session is revoked. Each
//! token carries a tag of its session, so that invented tokens can't revoke one.

use aws_lc_rs::hmac;
use sha2::{Digest, Sha256};

use super::encoding::{decode, encode};
use super::token_secret::{SECRET_BYTES, SecretBytes, TokenSecret, halves};
use super::{SessionId, SessionProof, TIMESTAMP_BYTES, Timestamp, UserId};

/// The prefix of this token format.
const PREFIX: &str = "r1";

/// How many recently used tokens are remembered: a client that refreshes in more tabs within the grace period is
/// broken.
const USED_TOKENS_MAX: usize = 4;

/// Bytes of a stored digest.
const DIGEST_BYTES: usize = 16;
/// Bytes of a salt.
const REFRESH_SALT_BYTES: usize = 16;
/// Bytes of one used token.
const USED_TOKEN_BYTES: usize = DIGEST_BYTES + REFRESH_SALT_BYTES + TIMESTAMP_BYTES;

/// The token that is exchanged for its successor: `r1.<user id>.<session id>.<session_tag>.<43 characters>`.
#[derive(Debug, Clone)]
pub struct RefreshToken {
    /// The user. Not verified yet.
    pub user: UserId,
    /// The session. Not verified yet.
    pub session: SessionId,
    session_tag: SecretBytes<DIGEST_BYTES>,
    secret: TokenSecret,
}

impl RefreshToken {
    /// Makes the first token of a session from 32 random bytes.
    #[must_use]
    pub fn generate(user: UserId, session: SessionId, proof: SessionProof, random: [u8; SECRET_BYTES]) -> Self {
        Self { user, session, session_tag: session_tag(proof), secret: TokenSecret::new(random) }
    }

    /// Parses a token; `None` unless it is in its one canonical spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.strip_prefix(PREFIX)?.strip_prefix('.')?.split('.').collect();
        let [user, session, session_tag, secret] = parts.as_slice() else { return None };
        Some(Self {
            user: UserId::parse_exact(user)?,
            session: SessionId::parse(session)?,
            session_tag: SecretBytes(decode(session_tag)?),
            secret: TokenSecret::parse(secret)?,
        })
    }

    /// Exposes the secret, for the client.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{PREFIX}.{}.{}.{}.{}", self.user, self.session, encode(&self.session_tag.0), self.secret.encode())
    }

    fn digest(&self) -> SecretBytes<DIGEST_BYTES> {
        SecretBytes(halves(self.secret.digest())[0])
    }

    /// The successor under `salt`.
    fn successor(&self, salt: SecretBytes<REFRESH_SALT_BYTES>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let mut secret = [0; SECRET_BYTES];
        secret.copy_from_slice(hmac::sign(&key, &salt.0).as_ref());
        Self { secret: TokenSecret::new(secret), ..self.clone() }
    }
}

/// The tag that all tokens of a session have. Making it takes the session's proof.
fn session_tag(proof: SessionProof) -> SecretBytes<DIGEST_BYTES> {
    let digest = Sha256::new().chain_update(b"userd refresh mark 1").chain_update(proof.as_bytes()).finalize();
    SecretBytes(halves(digest.into())[0])
}

/// A token that was used recently.
#[derive(Debug, Clone, PartialEq, Eq)]
struct UsedToken {
    digest: SecretBytes<DIGEST_BYTES>,
    salt: SecretBytes<REFRESH_SALT_BYTES>,
    at: Timestamp,
}

/// The stored state of a session's refresh tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshState {
    current: SecretBytes<DIGEST_BYTES>,
    used: Vec<UsedToken>,
}

/// The result of evaluating a token.
#[derive(Debug)]
pub enum RefreshOutcome {
    /// It is the current token. Store the new state, then return the successor.
    Rotate {
        /// The state to store.
        state: RefreshState,
        /// The token to return.
        successor: RefreshToken,
    },
    /// It was used within the grace period: return the same successor again.
    Repeat {
        /// The token to return.
        successor: RefreshToken,
    },
    /// It was used before the grace period, so it or its successor was stolen. Revoke the session.
    Reused,
    /// It was never a token of this session.
    Forged,
}

impl RefreshState {
    /// The state of a session with its first token.
    #[must_use]
    pub fn of(token: &RefreshToken) -> Self {
        Self { current: token.digest(), used: Vec::new() }
    }

    /// Evaluates `token` at `now` for the session with `proof`; `salt` is fresh randomness.
    ///
    /// A clock that was set back lengthens the grace period, and never shortens it.
    #[must_use]
    pub fn evaluate(
        &self,
        token: &RefreshToken,
        proof: SessionProof,
        now: Timestamp,
        grace_ms: u64,
        salt: [u8; REFRESH_SALT_BYTES],
    ) -> RefreshOutcome {
        if session_tag(proof) != token.session_tag {
            return RefreshOutcome::Forged;
        }
        let (digest, salt) = (token.digest(), SecretBytes(salt));
        let recent = |used: &&UsedToken| now < used.at.plus_millis(grace_ms);
        if self.current == digest {
            let successor = token.successor(salt);
            let mut used: Vec<UsedToken> = self.used.iter().filter(recent).cloned().collect();
            used.insert(0, UsedToken { digest, salt, at: now });
            used.truncate(USED_TOKENS_MAX);
            return RefreshOutcome::Rotate { state: Self { current: successor.digest(), used }, successor };
        }
        match self.used.iter().filter(recent).find(|used| used.digest == digest) {
            Some(used) => RefreshOutcome::Repeat { successor: token.successor(used.salt) },
            None => RefreshOutcome::Reused,
        }
    }

    /// The stored form: 16 bytes, and 38 for each recently used token.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.current.0.to_vec();
        for used in &self.used {
            bytes.extend(used.digest.0);
            bytes.extend(used.salt.0);
            bytes.extend(used.at.to_bytes());
        }
        bytes
    }

    /// Parses the stored form.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (current, rest) = bytes.split_first_chunk::<DIGEST_BYTES>()?;
        let pieces = rest.chunks_exact(USED_TOKEN_BYTES);
        if !pieces.remainder().is_empty() || pieces.len() > USED_TOKENS_MAX {
            return None;
        }
        let used = pieces.map(|piece| {
            let (digest, piece) = piece.split_first_chunk()?;
            let (salt, at) = piece.split_first_chunk()?;
            let at = Timestamp::from_bytes(at.try_into().ok()?);
            Some(UsedToken { digest: SecretBytes(*digest), salt: SecretBytes(*salt), at })
        });
        Some(Self { current: SecretBytes(*current), used: used.collect::<Option<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SessionToken;

    const GRACE_MS: u64 = 10_000;

    fn first_token() -> (RefreshToken, SessionProof) {
        let user = UserId::parse("0192f0c1-2b3d-7e4f-8a5b-6c7d8e9fa0b1").expect("an id");
        let (id, proof) = SessionToken::generate(user, [3; SECRET_BYTES]).digest();
        (RefreshToken::generate(user, id, proof, [9; SECRET_BYTES]), proof)
    }

    fn evaluate(state: &RefreshState, token: &RefreshToken, at: u64, salt: u8) -> RefreshOutcome {
        state.evaluate(token, first_token().1, Timestamp::from_millis(at), GRACE_MS, [salt; REFRESH_SALT_BYTES])
    }

    fn rotate(state: &RefreshState, token: &RefreshToken, at: u64, salt: u8) -> (RefreshState, RefreshToken) {
        match evaluate(state, token, at, salt) {
            RefreshOutcome::Rotate { state, successor } => (state, successor),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_token_used_again_within_the_grace_gets_the_same_successor_and_later_ends_the_session() {
        let (one, _) = first_token();
        let (state, two) = rotate(&RefreshState::of(&one), &one, 1_000, 1);
        let RefreshOutcome::Repeat { successor } = evaluate(&state, &one, 10_999, 2) else {
            panic!("within the grace")
        };
        assert_eq!(successor.expose(), two.expose());
        assert!(matches!(evaluate(&state, &one, 11_000, 2), RefreshOutcome::Reused));
        assert!(matches!(evaluate(&state, &two, 11_000, 2), RefreshOutcome::Rotate { .. }));
    }

    #[test]
    fn a_second_tab_that_lags_two_uses_behind_still_gets_a_token_that_works() {
        let (one, _) = first_token();
        let (state, two) = rotate(&RefreshState::of(&one), &one, 1_000, 1);
        let (state, three) = rotate(&state, &two, 2_000, 2);
        let RefreshOutcome::Repeat { successor } = evaluate(&state, &one, 3_000, 3) else { panic!("within the grace") };
        assert_eq!(successor.expose(), two.expose());
        let RefreshOutcome::Repeat { successor } = evaluate(&state, &two, 3_000, 3) else { panic!("within the grace") };
        assert_eq!(successor.expose(), three.expose());
    }

    #[test]
    fn a_token_that_was_never_given_out_ends_nothing() {
        let (one, proof) = first_token();
        let other = SessionToken::generate(one.user, [4; SECRET_BYTES]).digest().1;
        let forged = RefreshToken::generate(one.user, one.session, other, [9; SECRET_BYTES]);
        let state = RefreshState::of(&one);
        assert!(matches!(evaluate(&state, &forged, 1_000, 1), RefreshOutcome::Forged));
        let older = RefreshToken::generate(one.user, one.session, proof, [8; SECRET_BYTES]);
        assert!(matches!(evaluate(&state, &older, 1_000, 1), RefreshOutcome::Reused));
    }

    #[test]
    fn who_knows_the_old_token_alone_can_not_make_its_successor() {
        let (one, _) = first_token();
        let (_, two) = rotate(&RefreshState::of(&one), &one, 1_000, 1);
        let (_, other) = rotate(&RefreshState::of(&one), &one, 1_000, 2);
        assert_ne!(two.expose(), other.expose());
    }

    proptest! {
        #[test]
        fn what_is_kept_is_read_back(uses in 0..6_u8) {
            let (mut token, _) = first_token();
            let mut state = RefreshState::of(&token);
            for n in 0..uses {
                (state, token) = rotate(&state, &token, 1_000 + u64::from(n), n);
            }
            prop_assert_eq!(RefreshState::from_bytes(&state.to_bytes()), Some(state));
            prop_assert_eq!(RefreshToken::parse(&token.expose()).map(|read| read.expose()), Some(token.expose()));
        }

        #[test]
        fn any_bytes_and_any_text_are_read_without_panic(bytes: Vec<u8>, text in any::<String>()) {
            let _ = RefreshState::from_bytes(&bytes);
            if let Some(token) = RefreshToken::parse(&text) {
                prop_assert_eq!(token.expose(), text);
            }
        }
    }
}
