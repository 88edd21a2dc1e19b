//! Tokens for other services: short-lived, signed, and checked there without asking userd. Who has a session gets
//! one; who has the session's refresh token gets one, too, and the refresh token's successor.
//!
//! A token is no session: userd itself takes none. One that was given out is good until it ends, also after its
//! session has ended; that is what its short life is for.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::signing_keys::{Jwk, SigningAlgorithm, SigningKeySet};
use crate::{Error, SecretString, SessionService};
use userd_core::clock::Clock;
use userd_core::random::Random;
use userd_core::settings;
use userd_core::{Actor, EventKind, REFRESH_SALT_BYTES, RefreshOutcome, RefreshState, RefreshToken, Timestamp};
use userd_store::{SessionWithUser, Store};

/// How often a refresh is judged anew when others use a token of the same session at the same moment: after one of
/// them has written, the next look finds what it wrote.
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

/// The use cases around tokens.
pub struct TokenService {
    key_set: SigningKeySet,
    sessions: Arc<SessionService>,
    store: Arc<dyn Store>,
    settings: TokenSettings,
    listen_address: OnceLock<SocketAddr>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// A token that was made just now.
#[derive(Debug)]
pub struct MintedToken {
    /// The token. A secret: who has it is taken for the user.
    pub token: SecretString,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a token says (RFC 7519); moments in seconds.
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
    /// The use cases over `store`.
    #[must_use]
    pub fn new(
        key_set: SigningKeySet,
        sessions: Arc<SessionService>,
        store: Arc<dyn Store>,
        settings: TokenSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self { key_set, sessions, store, settings, listen_address: OnceLock::new(), clock, random }
    }

    /// Makes the first key if there is none, and looks whether all can be used.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`], [`Error::Store`], [`Error::SigningFailed`].
    pub async fn check_keys(&self) -> Result<(), Error> {
        self.key_set.check().await
    }

    /// Tells where userd listens, once it does: the port may have been any.
    pub fn set_listen_address(&self, address: SocketAddr) {
        let _ = self.listen_address.set(address);
    }

    /// Who the tokens say that they come from.
    #[must_use]
    pub fn issuer(&self) -> String {
        match &self.settings.issuer {
            Some(issuer) => issuer.clone(),
            None => format!("http://{}", self.listen_address.get().unwrap_or(&self.settings.listen)),
        }
    }

    /// How tokens may be signed, the usual way first.
    #[must_use]
    pub fn algorithms(&self) -> Vec<SigningAlgorithm> {
        let usual = self.settings.algorithm;
        let others = SigningAlgorithm::ALL.into_iter().filter(|algorithm| *algorithm != usual);
        std::iter::once(usual).chain(others).collect()
    }

    /// The public keys that tokens may be signed with.
    ///
    /// # Errors
    /// As [`TokenService::check_keys`].
    pub async fn published_keys(&self) -> Result<Vec<Jwk>, Error> {
        self.key_set.published().await
    }

    /// A token for who is signed in, for `audience` or the usual one. It ends with the session at the latest.
    ///
    /// # Errors
    /// [`Error::UnknownAudience`], and as [`TokenService::check_keys`].
    pub async fn mint(&self, signed_in: &SessionWithUser, audience: Option<&str>) -> Result<MintedToken, Error> {
        let aud = self.audience(audience)?;
        self.sign(signed_in, aud).await
    }

    /// The one of the configured audiences that was asked for.
    fn audience(&self, asked: Option<&str>) -> Result<&str, Error> {
        let mut known = self.settings.audiences.iter().map(String::as_str);
        let found = match asked {
            Some(asked) => known.find(|name| *name == asked),
            None => known.next(),
        };
        found.ok_or(Error::UnknownAudience)
    }

    /// By the store's time, as sessions end by it: no node's clock makes a token longer.
    async fn sign(&self, signed_in: &SessionWithUser, aud: &str) -> Result<MintedToken, Error> {
        let SessionWithUser { user, session, at } = signed_in;
        let session_ends_at = self.sessions.settings().limits.expires_at(session.created_at);
        // Whole seconds, or the answer would promise more than the token does.
        let seconds = |moment: Timestamp| moment.as_millis() / 1000;
        let exp = seconds(at.plus_millis(self.settings.ttl_ms).min(session_ends_at));
        let claims = TokenClaims {
            iss: self.issuer(),
            aud,
            sub: user.id.to_string(),
            sid: session.id.to_string(),
            iat: seconds(*at),
            exp,
            jti: BASE64URL.encode(self.random.bytes::<JTI_BYTES>()),
        };
        let token = SecretString::new(self.key_set.sign(&claims, *at).await?);
        Ok(MintedToken { token, expires_at: Timestamp::from_millis(exp * 1000) })
    }

    /// A token for who has the refresh token of a session, and what to show next time.
    ///
    /// The same refresh token once more, within the grace, gets the same successor: an answer that got lost, or a
    /// second tab, ends nothing. Later it ends the session, because two have it. One that is forged, or of a session
    /// that has ended, ends nothing.
    ///
    /// # Errors
    /// [`Error::RefreshRejected`], [`Error::UnknownAudience`], [`Error::Contended`], and as [`TokenService::check_keys`].
    pub async fn refresh(
        &self,
        token: &RefreshToken,
        audience: Option<&str>,
        actor: &Actor,
    ) -> Result<(MintedToken, RefreshToken), Error> {
        let aud = self.audience(audience)?;
        for _ in 0..CAS_ATTEMPTS_MAX {
            let (signed_in, state) = self.signed_in(token).await?;
            let grace_ms = self.sessions.settings().refresh_grace_ms;
            let salt: [u8; REFRESH_SALT_BYTES] = self.random.bytes();
            let (next, successor) = match state.evaluate(token, signed_in.session.proof, signed_in.at, grace_ms, salt) {
                RefreshOutcome::Rotate { state, successor } => (state, successor),
                // Nothing changes, but it is written like the first time: what a store has and did not confirm may be
                // lost, and its successor would then look stolen.
                RefreshOutcome::Repeat { successor } => (state, successor),
                RefreshOutcome::Reused => {
                    let (user, session, now) = (token.user(), token.session(), self.clock.now());
                    self.store.revoke_session(user, session, EventKind::RefreshReused, actor, now).await?;
                    return Err(Error::RefreshRejected("it was used before, so its session was ended"));
                }
                RefreshOutcome::Forged => return Err(Error::RefreshRejected("it never was a token of its session")),
            };
            // The token for others first: where none can be made, the old refresh token is not used up.
            let minted = self.sign(&signed_in, aud).await?;
            if self.store.replace_refresh(token.user(), &signed_in.session, &next, signed_in.at).await? {
                return Ok((minted, successor));
            }
        }
        Err(Error::Contended { attempts: CAS_ATTEMPTS_MAX })
    }

    /// The session that the token says it is of, with what is kept of its refresh tokens.
    async fn signed_in(&self, token: &RefreshToken) -> Result<(SessionWithUser, RefreshState), Error> {
        let live = self.sessions.find_active(token.user(), token.session()).await;
        let signed_in = live.map_err(|error| match error {
            Error::NoSession => Error::RefreshRejected("its session has ended, or never was"),
            other => other,
        })?;
        let state = signed_in.session.refresh.clone();
        let state = state.ok_or(Error::RefreshRejected("its session has no refresh token"))?;
        Ok((signed_in, state))
    }
}
