//! Tokens for other services: short-lived, signed, and checked there without asking userd. Who has a session gets
//! one; who has the session's refresh token gets one, too, and the refresh token's successor.
//!
//! A token is no session: userd itself takes none. One that was given out is good until it ends, also after its
//! session has ended; that is what its short life is for.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::Serialize;

use crate::signing_keys::{Jwk, SigningAlgorithm, SigningRing};
use crate::{Error, Secret, Sessions};
use userd_core::clock::Clock;
use userd_core::random::Random;
use userd_core::{Client, EventKind, Refresh, RefreshState, RefreshToken, SALT_BYTES, Timestamp};
use userd_store::{SignedIn, Store};

/// How often a refresh is judged anew when others use a token of the same session at the same moment: after one of
/// them has written, the next look finds what it wrote.
const ROUNDS_MAX: u32 = 10;

/// Random bytes in `jti`.
const ID_BYTES: usize = 16;

/// What tokens say.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// `iss`; `None` is the address that userd listens on.
    pub issuer: Option<String>,
    /// That address, as far as it is known before userd listens.
    pub listen: SocketAddr,
    /// The `aud` that may be asked for; the first is the usual one.
    pub audiences: Vec<String>,
    /// How the first key, and those of later rotations, sign.
    pub algorithm: SigningAlgorithm,
    /// How long tokens are good, in milliseconds.
    pub life_ms: u64,
}

/// The use cases around tokens.
pub struct Tokens {
    ring: SigningRing,
    sessions: Arc<Sessions>,
    store: Arc<dyn Store>,
    settings: TokenSettings,
    heard_at: OnceLock<SocketAddr>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// A token that was made just now.
#[derive(Debug)]
pub struct Minted {
    /// The token. A secret: who has it is taken for the user.
    pub token: Secret,
    /// When it ends.
    pub ends_at: Timestamp,
}

/// What a token says (RFC 7519); moments in seconds.
#[derive(Serialize)]
struct Claims<'a> {
    iss: String,
    aud: &'a str,
    sub: String,
    sid: String,
    iat: u64,
    exp: u64,
    jti: String,
}

impl Tokens {
    /// The use cases over `store`.
    #[must_use]
    pub fn new(
        ring: SigningRing,
        sessions: Arc<Sessions>,
        store: Arc<dyn Store>,
        settings: TokenSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self { ring, sessions, store, settings, heard_at: OnceLock::new(), clock, random }
    }

    /// Makes the first key if there is none, and looks whether all can be used.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`], [`Error::Store`], [`Error::SigningFailed`].
    pub async fn check_keys(&self) -> Result<(), Error> {
        self.ring.check().await
    }

    /// Tells where userd listens, once it does: the port may have been any.
    pub fn listens_on(&self, address: SocketAddr) {
        let _ = self.heard_at.set(address);
    }

    /// Who the tokens say that they come from.
    #[must_use]
    pub fn issuer(&self) -> String {
        match &self.settings.issuer {
            Some(issuer) => issuer.clone(),
            None => format!("http://{}", self.heard_at.get().unwrap_or(&self.settings.listen)),
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
    /// As [`Tokens::check_keys`].
    pub async fn published_keys(&self) -> Result<Vec<Jwk>, Error> {
        self.ring.published().await
    }

    /// A token for who is signed in, for `audience` or the usual one. It ends with the session at the latest.
    ///
    /// # Errors
    /// [`Error::UnknownAudience`], and as [`Tokens::check_keys`].
    pub async fn mint(&self, signed_in: &SignedIn, audience: Option<&str>) -> Result<Minted, Error> {
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
    async fn sign(&self, signed_in: &SignedIn, aud: &str) -> Result<Minted, Error> {
        let SignedIn { user, session, at } = signed_in;
        let session_ends_at = self.sessions.settings().limits.ends_at(session.made_at);
        // Whole seconds, or the answer would promise more than the token does.
        let seconds = |moment: Timestamp| moment.as_millis() / 1000;
        let exp = seconds(at.plus_millis(self.settings.life_ms).min(session_ends_at));
        let claims = Claims {
            iss: self.issuer(),
            aud,
            sub: user.id.to_string(),
            sid: session.id.to_string(),
            iat: seconds(*at),
            exp,
            jti: BASE64URL.encode(self.random.bytes::<ID_BYTES>()),
        };
        let token = Secret::new(self.ring.sign(&claims, *at).await?);
        Ok(Minted { token, ends_at: Timestamp::from_millis(exp * 1000) })
    }

    /// A token for who has the refresh token of a session, and what to show next time.
    ///
    /// The same refresh token once more, within the grace, gets the same successor: an answer that got lost, or a
    /// second tab, ends nothing. Later it ends the session, because two have it. One that is forged, or of a session
    /// that has ended, ends nothing.
    ///
    /// # Errors
    /// [`Error::RefreshRefused`], [`Error::UnknownAudience`], [`Error::Contended`], and as [`Tokens::check_keys`].
    pub async fn refresh(
        &self,
        token: &RefreshToken,
        audience: Option<&str>,
        client: &Client,
    ) -> Result<(Minted, RefreshToken), Error> {
        let aud = self.audience(audience)?;
        for _ in 0..ROUNDS_MAX {
            let (signed_in, state) = self.signed_in(token).await?;
            let grace_ms = self.sessions.settings().refresh_grace_ms;
            let salt: [u8; SALT_BYTES] = self.random.bytes();
            let (next, successor) = match state.judge(token, signed_in.session.proof, signed_in.at, grace_ms, salt) {
                Refresh::Rotate { state, successor } => (state, successor),
                // Nothing changes, but it is written like the first time: what a store has and did not confirm may be
                // lost, and its successor would then look stolen.
                Refresh::Again { successor } => (state, successor),
                Refresh::Reused => {
                    let (user, session, now) = (token.user(), token.session(), self.clock.now());
                    self.store.end_session(user, session, EventKind::RefreshReused, client, now).await?;
                    return Err(Error::RefreshRefused("it was used before, so its session was ended"));
                }
                Refresh::Forged => return Err(Error::RefreshRefused("it never was a token of its session")),
            };
            // The token for others first: where none can be made, the old refresh token is not used up.
            let minted = self.sign(&signed_in, aud).await?;
            if self.store.replace_refresh(token.user(), &signed_in.session, &next, signed_in.at).await? {
                return Ok((minted, successor));
            }
        }
        Err(Error::Contended { rounds: ROUNDS_MAX })
    }

    /// The session that the token says it is of, with what is kept of its refresh tokens.
    async fn signed_in(&self, token: &RefreshToken) -> Result<(SignedIn, RefreshState), Error> {
        let live = self.sessions.live(token.user(), token.session()).await;
        let signed_in = live.map_err(|error| match error {
            Error::NoSession => Error::RefreshRefused("its session has ended, or never was"),
            other => other,
        })?;
        let state = signed_in.session.refresh.clone();
        let state = state.ok_or(Error::RefreshRefused("its session has no refresh token"))?;
        Ok((signed_in, state))
    }
}
