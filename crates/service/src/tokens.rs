//! Tokens for other services: short-lived JWTs, verified there without a call to userd. A session mints one; so does
//! the refresh token of a session, which is exchanged for its successor.
//!
//! A token is not a session: userd accepts none. It stays valid until it expires, even if its session ends earlier,
//! hence its short lifetime.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::signing_keys::{Jwk, SigningAlgorithm, SigningKeySet};
use crate::{Error, SecretString, SessionService};
use userd_core::settings;
use userd_core::{Actor, EventKind, RefreshOutcome, RefreshState, RefreshToken, Timestamp};
use userd_store::SessionWithUser;

/// How often a refresh is retried when another token of the session is used at the same time; after a conflict the next
/// round reads what was written.
const CAS_ATTEMPTS_MAX: u32 = 10;

/// Random bytes in `jti`.
const JTI_BYTES: usize = 16;

/// Tokens for other services (JWT): section `[token]`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// The issuer (`iss`): the address at which other services reach userd, such as `https://accounts.example.org`.
    /// Empty: the address that userd listens on, with http.
    #[serde(deserialize_with = "issuer")]
    #[schemars(with = "String", regex(pattern = "^(https?://.*)?$"))]
    pub issuer: Option<String>,
    /// That address, as far as it is known before userd listens.
    #[serde(skip, default = "unknown_address")]
    pub listen: SocketAddr,
    /// The audiences (`aud`) that a request can choose from; the first is the default.
    #[serde(rename = "audience")]
    #[schemars(length(min = 1))]
    pub audiences: Vec<String>,
    /// Signature algorithm of the first key and of those of later rotations.
    pub algorithm: SigningAlgorithm,
    /// Lifetime of a token, in seconds.
    #[serde(rename = "ttl_s", deserialize_with = "settings::seconds_as_millis")]
    #[schemars(with = "u32", range(min = 60, max = 900))]
    pub ttl_ms: u64,
}

fn unknown_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn issuer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let issuer = text.trim().trim_end_matches('/');
    if !issuer.is_empty() && !issuer.starts_with("https://") && !issuer.starts_with("http://") {
        return Err(serde::de::Error::custom(format!(
            "{issuer:?} is not an http or https URL: write where other services reach userd, such as \
             https://accounts.example.org"
        )));
    }
    Ok((!issuer.is_empty()).then(|| issuer.to_owned()))
}

/// The use cases of tokens.
pub struct TokenService {
    pub(super) key_set: SigningKeySet,
    sessions: Arc<SessionService>,
    settings: TokenSettings,
    listen_address: OnceLock<SocketAddr>,
}

/// A new token.
#[derive(Debug)]
pub struct MintedToken {
    /// The token. A secret: its bearer acts as the user.
    pub token: SecretString,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// The claims of a token (RFC 7519); times in seconds.
#[derive(Serialize)]
struct TokenClaims<'a> {
    iss: String,
    aud: &'a str,
    sub: String,
    sid: String,
    iat: u64,
    exp: u64,
    jti: String,
}

impl TokenService {
    /// Signs with the keys of `key_set` for the users of `sessions`.
    pub(super) fn new(key_set: SigningKeySet, sessions: Arc<SessionService>, settings: TokenSettings) -> Self {
        Self { key_set, sessions, settings, listen_address: OnceLock::new() }
    }

    /// Sets the address that userd listens on: a configured port 0 is any free port.
    pub fn set_listen_address(&self, address: SocketAddr) {
        let _ = self.listen_address.set(address);
    }

    /// The issuer of tokens.
    #[must_use]
    pub fn issuer(&self) -> String {
        match &self.settings.issuer {
            Some(issuer) => issuer.clone(),
            None => format!("http://{}", self.listen_address.get().unwrap_or(&self.settings.listen)),
        }
    }

    /// The algorithms of tokens, the default first.
    #[must_use]
    pub fn algorithms(&self) -> Vec<SigningAlgorithm> {
        let usual = self.settings.algorithm;
        let others = SigningAlgorithm::ALL.into_iter().filter(|algorithm| *algorithm != usual);
        std::iter::once(usual).chain(others).collect()
    }

    /// The public keys to verify tokens with.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`], [`Error::Store`], [`Error::SigningFailed`].
    pub async fn published_keys(&self) -> Result<Vec<Jwk>, Error> {
        self.key_set.published().await
    }

    /// Mints a token for the session's user, for `audience` or the default one. It expires with the session at the
    /// latest.
    ///
    /// # Errors
    /// [`Error::UnknownAudience`], and as [`TokenService::published_keys`].
    pub async fn mint(&self, signed_in: &SessionWithUser, audience: Option<&str>) -> Result<MintedToken, Error> {
        let aud = self.audience(audience)?;
        self.sign(signed_in, aud).await
    }

    /// The requested audience, if it is configured.
    fn audience(&self, asked: Option<&str>) -> Result<&str, Error> {
        let mut known = self.settings.audiences.iter().map(String::as_str);
        let found = match asked {
            Some(asked) => known.find(|name| *name == asked),
            None => known.next(),
        };
        found.ok_or(Error::UnknownAudience)
    }

    /// By the store's clock, as sessions are: no node's clock lengthens a token.
    async fn sign(&self, signed_in: &SessionWithUser, aud: &str) -> Result<MintedToken, Error> {
        let SessionWithUser { user, session, at } = signed_in;
        let session_ends_at = self.sessions.expires_at(session);
        // Whole seconds, or the response would promise more than the token has.
        let seconds = |moment: Timestamp| moment.as_millis() / 1000;
        let exp = seconds(at.plus_millis(self.settings.ttl_ms).min(session_ends_at));
        let claims = TokenClaims {
            iss: self.issuer(),
            aud,
            sub: user.id.to_string(),
            sid: session.id.to_string(),
            iat: seconds(*at),
            exp,
            jti: BASE64URL.encode(self.sessions.random.bytes::<JTI_BYTES>()),
        };
        let token = SecretString::new(self.key_set.sign(&claims, *at).await?);
        Ok(MintedToken { token, expires_at: Timestamp::from_millis(exp * 1000) })
    }

    /// Exchanges a refresh token for a token and its successor.
    ///
    /// Idempotent within the grace period: the same refresh token returns the same successor, so a lost response or a
    /// second tab revokes nothing. Later reuse revokes the session, because two parties have the token. A forged token,
    /// or one of an ended session, revokes nothing.
    ///
    /// # Errors
    /// [`Error::RefreshRejected`], [`Error::UnknownAudience`], [`Error::Contended`], and as
    /// [`TokenService::published_keys`].
    pub async fn refresh(
        &self,
        token: &RefreshToken,
        audience: Option<&str>,
        actor: &Actor,
    ) -> Result<(MintedToken, RefreshToken), Error> {
        let aud = self.audience(audience)?;
        let SessionService { store, clock, random, settings, .. } = &*self.sessions;
        for _ in 0..CAS_ATTEMPTS_MAX {
            let (signed_in, state) = self.signed_in(token).await?;
            let (proof, at, salt) = (signed_in.session.proof, signed_in.at, random.bytes());
            let (next, successor) = match state.evaluate(token, proof, at, settings.refresh_grace_ms, salt) {
                RefreshOutcome::Rotate { state, successor } => (state, successor),
                // Nothing changes, but it is written again: an unacknowledged write may be lost, and the successor
                // would then look stolen.
                RefreshOutcome::Repeat { successor } => (state, successor),
                RefreshOutcome::Reused => {
                    let (user, session, now) = (token.user, token.session, clock.now());
                    store.revoke_session(user, session, EventKind::RefreshReused, actor, now).await?;
                    return Err(Error::RefreshRejected("it was used before, so its session was revoked"));
                }
                RefreshOutcome::Forged => return Err(Error::RefreshRejected("it was never a token of its session")),
            };
            // Signed first: if signing fails, the refresh token is not consumed.
            let minted = self.sign(&signed_in, aud).await?;
            if store.replace_refresh(token.user, &signed_in.session, &next, at).await? {
                return Ok((minted, successor));
            }
        }
        Err(Error::Contended { attempts: CAS_ATTEMPTS_MAX })
    }

    /// The session of the token, with the state of its refresh tokens.
    async fn signed_in(&self, token: &RefreshToken) -> Result<(SessionWithUser, RefreshState), Error> {
        let live = self.sessions.find_active(token.user, token.session).await;
        let signed_in = live.map_err(|error| match error {
            Error::NoSession => Error::RefreshRejected("its session has ended or never existed"),
            other => other,
        })?;
        let state = signed_in.session.refresh.clone();
        let state = state.ok_or(Error::RefreshRejected("its session has no refresh token"))?;
        Ok((signed_in, state))
    }
}
