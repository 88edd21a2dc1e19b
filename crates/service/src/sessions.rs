//! Sessions: sign in, authenticate, list, revoke.
//!
//! **Invariant:** only this module decides whether a session has expired, by the store's clock and the configured
//! limits.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::cooldown::WriteCooldown;
use crate::credentials::{AttemptContext, CredentialVerifier, PasswordCheck, PasswordPurpose};
use crate::device_key::DeviceKeys;
use crate::{Error, SecretString, ServiceDependencies};
use userd_core::clock::Clock;
use userd_core::random::Random;
use userd_core::settings;
use userd_core::{
    Actor, DeviceKey, Email, EventKind, PasswordAttempt, PrincipalId, RefreshState, RefreshToken, Session, SessionId,
    SessionLimits, SessionToken, Timestamp, TrustedDevice, User, UserId,
};
use userd_store::{NewSession, OpenSessionOutcome, SessionWithUser, Store, StoreError};

/// How often a sign-in is retried on a version conflict.
const CAS_ATTEMPTS_MAX: u32 = 10;

/// A month, in seconds: NIST SP 800-63B-4 (2.1.3) allows no longer session.
const SESSION_S_MAX: u32 = 30 * 24 * 3600;

/// How long sessions live: section `[session]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    /// Idle time-out of a session, in seconds.
    #[serde(rename = "idle_timeout_s", deserialize_with = "settings::seconds_as_millis")]
    #[schemars(with = "u32", range(min = 1, max = SESSION_S_MAX))]
    pub idle_ms: u64,
    /// Absolute time-out of a session, regardless of use, in seconds.
    #[serde(rename = "absolute_timeout_s", deserialize_with = "settings::seconds_as_millis")]
    #[schemars(with = "u32", range(min = 1, max = SESSION_S_MAX))]
    pub absolute_ms: u64,
    // Each session has up to three fields, and Redis keeps a hash of up to 128 compact.
    /// Maximum number of sessions of one user; one more ends the oldest.
    #[serde(rename = "per_user_max")]
    #[schemars(range(min = 1, max = 40))]
    pub sessions_max: usize,
    /// How long after its use a refresh token still returns the same successor, in seconds.
    #[serde(rename = "refresh_grace_s", deserialize_with = "settings::seconds_as_millis")]
    #[schemars(with = "u32", range(min = 0, max = 60))]
    pub refresh_grace_ms: u64,
}

impl SessionSettings {
    /// Idle and absolute time-outs, and the most sessions of a user.
    #[must_use]
    pub fn limits(&self) -> SessionLimits {
        let Self { idle_ms, absolute_ms, sessions_max, .. } = *self;
        SessionLimits { idle_ms, absolute_ms, sessions_max }
    }
}

/// The use cases of sessions.
pub struct SessionService {
    pub(super) store: Arc<dyn Store>,
    credentials: Arc<CredentialVerifier>,
    pub(super) devices: DeviceKeys,
    pub(super) settings: SessionSettings,
    cooldown: WriteCooldown,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
}

/// A request to sign in.
#[derive(Debug)]
pub struct SignInRequest {
    /// The e-mail.
    pub email: Email,
    /// The password.
    pub password: PasswordAttempt,
    /// Whether a refresh token is requested.
    pub refresh: bool,
    /// The token of a trusted device, if the client sent one.
    pub device: Option<SecretString>,
}

/// The result of a sign-in.
#[derive(Debug)]
pub struct SignInSuccess {
    /// The user.
    pub user: User,
    /// The session.
    pub session: Session,
    /// The session token.
    pub token: SessionToken,
    /// The refresh token, if requested.
    pub refresh: Option<RefreshToken>,
    /// The token of the device, which is trusted from now on.
    pub device: SecretString,
    /// When the session ends at the latest.
    pub expires_at: Timestamp,
    /// How long that is from now, in seconds.
    pub lifetime_s: u64,
}

impl SessionService {
    /// Verifies passwords with `credentials`, and trusts the devices whose tokens `devices` signed.
    pub(super) fn new(
        dependencies: &ServiceDependencies,
        credentials: Arc<CredentialVerifier>,
        devices: DeviceKeys,
        settings: SessionSettings,
    ) -> Self {
        let ServiceDependencies { store, clock, random, .. } = dependencies.clone();
        Self { store, credentials, devices, settings, cooldown: WriteCooldown::default(), clock, random }
    }

    /// When `session` ends, however much it is used.
    #[must_use]
    pub fn expires_at(&self, session: &Session) -> Timestamp {
        self.settings.limits().expires_at(session.created_at)
    }

    /// Signs a user in and opens a session.
    ///
    /// An unknown e-mail and a wrong password are indistinguishable: the same hash, the same write, the same error.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::RateLimited`], [`Error::Busy`], [`Error::Contended`], [`Error::Store`],
    /// and the errors of unreadable keys and records.
    pub async fn sign_in(&self, sign_in: &SignInRequest, actor: &Actor) -> Result<SignInSuccess, Error> {
        let email = sign_in.email.canonical();
        let key = self.devices.key().await?;
        let mut check = PasswordCheck::default();
        for _ in 0..CAS_ATTEMPTS_MAX {
            let found = self.store.user_by_email(email).await?;
            let id = found.as_ref().map(|user| user.id);
            let device = self.trusted_device(sign_in, found.as_ref(), key);
            let context = AttemptContext { email: Some(email), device, actor, purpose: PasswordPurpose::Other };
            let (user, needs_rehash) =
                match self.credentials.verify(found, &sign_in.password, &context, &mut check).await {
                    Ok(verified) => verified,
                    Err(Error::NotAuthenticated | Error::UnknownUser) => {
                        self.store.record_failed_sign_in(email, id, actor, self.clock.now()).await?;
                        return Err(Error::NotAuthenticated);
                    }
                    Err(error) => return Err(error),
                };
            let Some(user) = self.with_upgraded_hash(user, needs_rehash, &sign_in.password).await? else { continue };
            if let Some((session, token, refresh)) = self.create(&user, sign_in.refresh, actor).await? {
                let device =
                    TrustedDevice::new(user.id, device.unwrap_or_else(|| self.random.bytes()), self.clock.now());
                let device = SecretString::new(device.sign(key, &user.password_hash));
                let (expires_at, lifetime_s) = (self.expires_at(&session), self.settings.absolute_ms / 1000);
                return Ok(SignInSuccess { user, session, token, refresh, device, expires_at, lifetime_s });
            }
        }
        Err(Error::Contended { attempts: CAS_ATTEMPTS_MAX })
    }

    /// The trusted device of the request, if it belongs to this user.
    fn trusted_device(&self, sign_in: &SignInRequest, user: Option<&User>, key: &DeviceKey) -> Option<[u8; 16]> {
        let (text, user) = (sign_in.device.as_ref()?.expose(), user?);
        let device = TrustedDevice::verify(text, key, &user.password_hash, self.clock.now())?;
        (device.user == user.id).then_some(device.id)
    }

    /// The user, rehashed if the hash is outdated; `None` on a version conflict.
    ///
    /// A store that is full rejects the new hash; the sign-in continues, and the next one upgrades it. If the hash was
    /// written all the same, the version has changed, and the next round reads it.
    async fn with_upgraded_hash(
        &self,
        user: User,
        needs_rehash: bool,
        password: &PasswordAttempt,
    ) -> Result<Option<User>, Error> {
        if !needs_rehash {
            return Ok(Some(user));
        }
        match self.credentials.upgrade_hash(&user, password).await {
            Err(Error::Store(StoreError::Unavailable(error))) => {
                tracing::debug!(%error, "an outdated hash was not upgraded");
                Ok(Some(user))
            }
            Err(Error::UnknownUser) => Ok(None),
            upgraded => upgraded,
        }
    }

    /// Opens a session for the version that was read; `None` on a version conflict.
    async fn create(
        &self,
        user: &User,
        refresh: bool,
        actor: &Actor,
    ) -> Result<Option<(Session, SessionToken, Option<RefreshToken>)>, Error> {
        let token = SessionToken::generate(user.id, self.random.bytes());
        let (id, proof) = token.digest();
        let refresh = refresh.then(|| RefreshToken::generate(user.id, id, proof, self.random.bytes()));
        let session = NewSession { id, proof, refresh: refresh.as_ref().map(RefreshState::of) };
        let now = self.clock.now();
        match self.store.open_session(user.id, user.version, &session, &self.settings.limits(), actor, now).await? {
            OpenSessionOutcome::Opened(session) => Ok(Some((*session, token, refresh))),
            OpenSessionOutcome::VersionConflict | OpenSessionOutcome::NotFound => Ok(None),
        }
    }

    /// Authenticates a session token.
    ///
    /// The last use is written at most once a minute; a failed write is repeated with a later request.
    ///
    /// # Errors
    /// [`Error::NoSession`], [`Error::Store`].
    pub async fn authenticate(&self, token: &SessionToken) -> Result<SessionWithUser, Error> {
        let (id, proof) = token.digest();
        let signed_in = self.find_active(token.user, id).await?;
        if signed_in.session.proof != proof {
            return Err(Error::NoSession);
        }
        if self.settings.limits().needs_touch(&signed_in.session, signed_in.at) {
            self.touch(&signed_in).await;
        }
        Ok(signed_in)
    }

    /// Writes the last use. A store that can be read but not written must not delay requests, so a failure starts a
    /// cooldown.
    async fn touch(&self, signed_in: &SessionWithUser) {
        if self.cooldown.is_active() {
            return;
        }
        if let Err(error) = self.store.touch_session(signed_in.user.id, &signed_in.session, signed_in.at).await {
            tracing::debug!(%error, "the last use of a session could not be written");
            self.cooldown.start();
        }
    }

    /// The session with its user, unless it has ended.
    ///
    /// # Errors
    /// [`Error::NoSession`], [`Error::Store`].
    pub(super) async fn find_active(&self, user: UserId, id: SessionId) -> Result<SessionWithUser, Error> {
        let found = self.store.session(user, id, self.clock.now()).await?;
        found
            .filter(|signed_in| self.settings.limits().is_valid(&signed_in.session, signed_in.at))
            .ok_or(Error::NoSession)
    }

    /// The active sessions of a user, the newest first.
    ///
    /// # Errors
    /// [`Error::UnknownUser`], [`Error::Store`].
    pub async fn list(&self, user: UserId) -> Result<Vec<Session>, Error> {
        let (mut sessions, at) = self.store.sessions(user, self.clock.now()).await?;
        sessions.retain(|session| self.settings.limits().is_valid(session, at));
        if sessions.is_empty() && self.store.user(user).await?.is_none() {
            return Err(Error::UnknownUser);
        }
        Ok(sessions)
    }

    /// Revokes a session; revoking one's own signs out.
    ///
    /// # Errors
    /// [`Error::UnknownSession`], [`Error::Store`].
    pub async fn revoke(&self, user: UserId, id: SessionId, actor: &Actor) -> Result<(), Error> {
        let own = actor.principal == PrincipalId::Session(id);
        let kind = if own { EventKind::SignedOut } else { EventKind::SessionRevoked };
        let ended = self.store.revoke_session(user, id, kind, actor, self.clock.now()).await?;
        if ended { Ok(()) } else { Err(Error::UnknownSession) }
    }

    /// Revokes all sessions of a user but the actor's.
    ///
    /// # Errors
    /// [`Error::UnknownUser`], [`Error::Store`].
    pub async fn revoke_others(&self, user: UserId, actor: &Actor) -> Result<(), Error> {
        let there = self.store.revoke_other_sessions(user, actor.principal.session(), actor, self.clock.now()).await?;
        if there { Ok(()) } else { Err(Error::UnknownUser) }
    }
}
