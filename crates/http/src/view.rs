//! Users and sessions as the outside sees them. Written by hand: a new field stays inside until it is let out here.
//!
//! Each view is one declaration of both the JSON and its schema in the API's description; what a field is for is said
//! in its comment, which the description repeats.

use std::net::IpAddr;

use serde::Serialize;
use serde::ser::Serializer;
use utoipa::ToSchema;

use userd_core::{RefreshToken, Session, SessionId, Timestamp, User, UserId};
use userd_service::{MintedToken, SessionService, SignInSuccess};

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct UserView<'a> {
    /// A `UUIDv7`: in text order, ids are in sign-up order. No secret.
    #[schema(value_type = String, format = "uuid")]
    id: DisplayText<&'a UserId>,
    /// What the person wants to be called.
    name: &'a str,
    /// The e-mail as the person wrote it.
    email: &'a str,
    /// When the user signed up.
    #[schema(value_type = String, format = DateTime)]
    created_at: DisplayText<Timestamp>,
    /// When the user last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: DisplayText<Timestamp>,
}

impl<'a> UserView<'a> {
    /// The view of `user`.
    pub(super) fn of(user: &'a User) -> Self {
        Self {
            id: DisplayText(&user.id),
            name: user.name.as_str(),
            email: user.email.as_written(),
            created_at: DisplayText(user.created_at),
            updated_at: DisplayText(user.updated_at),
        }
    }
}

/// A session; what is not known of it is null.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionView<'a> {
    /// Names the session; no secret.
    #[schema(value_type = String)]
    id: DisplayText<&'a SessionId>,
    /// When the user signed in.
    #[schema(value_type = String, format = DateTime)]
    created_at: DisplayText<Timestamp>,
    /// The last use, to the minute.
    #[schema(value_type = String, format = DateTime)]
    seen_at: DisplayText<Timestamp>,
    /// When it ends, however much it is used; earlier if it is not used for long.
    #[schema(value_type = String, format = DateTime)]
    expires_at: DisplayText<Timestamp>,
    /// The address of the sign-in.
    #[schema(value_type = Option<String>, required)]
    address: Option<IpAddr>,
    /// The `User-Agent` of the sign-in, shortened; proves nothing.
    #[schema(required)]
    user_agent: Option<&'a str>,
    /// Whether it is the session that asks.
    current: bool,
}

impl<'a> SessionView<'a> {
    /// The view of `session`, which lives as long as `sessions` say; `own` is the one that asks.
    pub(super) fn new(session: &'a Session, sessions: &SessionService, own: Option<SessionId>) -> Self {
        Self {
            id: DisplayText(&session.id),
            created_at: DisplayText(session.created_at),
            seen_at: DisplayText(session.last_used_at),
            expires_at: DisplayText(sessions.settings().limits.expires_at(session.created_at)),
            address: session.address,
            user_agent: Some(session.agent.as_str()).filter(|agent| !agent.is_empty()),
            current: own == Some(session.id),
        }
    }
}

/// Where a user is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionList)]
pub(super) struct SessionListView<'a> {
    /// The newest first.
    pub(super) sessions: Vec<SessionView<'a>>,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = CurrentSession)]
pub(super) struct CurrentSessionView<'a> {
    /// Who.
    pub(super) user: UserView<'a>,
    /// By which session.
    pub(super) session: SessionView<'a>,
}

/// What somebody gets who has just signed in: the one answer with the secrets of a session.
#[derive(Serialize, ToSchema)]
#[schema(as = SignInResponse)]
pub(super) struct SignInView<'a> {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    id: DisplayText<&'a UserId>,
    /// The secret of the session: it opens what is the user's, and is never shown again.
    token: String,
    /// Names the session; no secret.
    #[schema(value_type = String)]
    session_id: DisplayText<&'a SessionId>,
    /// When the session ends, however much it is used.
    #[schema(value_type = String, format = DateTime)]
    expires_at: DisplayText<Timestamp>,
    /// Opens nothing; shown at the next sign-in, it keeps strangers' wrong passwords from standing in the way.
    device_token: &'a str,
    /// Gets tokens for other services. There if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
}

impl<'a> SignInView<'a> {
    /// The view of what a sign-in gave.
    pub(super) fn of(done: &'a SignInSuccess) -> Self {
        Self {
            id: DisplayText(&done.user.id),
            token: done.token.expose(),
            session_id: DisplayText(&done.session.id),
            expires_at: DisplayText(done.expires_at),
            device_token: done.device.expose(),
            refresh_token: done.refresh.as_ref().map(RefreshToken::expose),
        }
    }
}

/// A token for other services, and with a refresh what to show next time.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenResponse)]
pub(super) struct TokenView<'a> {
    /// The token, a JWT.
    token: &'a str,
    /// Always `Bearer`.
    token_type: &'static str,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: DisplayText<Timestamp>,
    /// Takes the place of the refresh token that was shown. There if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
}

impl<'a> TokenView<'a> {
    /// The view of a token, and of the refresh token that comes with it.
    pub(super) fn of(minted: &'a MintedToken, refresh: Option<&RefreshToken>) -> Self {
        Self {
            token: minted.token.expose(),
            token_type: "Bearer",
            expires_at: DisplayText(minted.expires_at),
            refresh_token: refresh.map(RefreshToken::expose),
        }
    }
}

/// A value by its `Display` text, without a `String` on the way.
pub(super) struct DisplayText<T>(pub(super) T);

impl<T: std::fmt::Display> Serialize for DisplayText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
