//! Users and sessions as the outside sees them. Written by hand: a new field stays inside until it is let out here.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::domain::{RefreshToken, Session, SessionId, Timestamp, User};
use crate::service::{Minted, Sessions, SignedInNow};

/// `{"id","name","email","created_at","updated_at"}`; the e-mail as the person wrote it.
pub(super) struct UserView<'a>(pub(super) &'a User);

impl Serialize for UserView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(user) = self;
        let mut view = serializer.serialize_struct("User", 5)?;
        view.serialize_field("id", &Text(&user.id))?;
        view.serialize_field("name", user.name.as_str())?;
        view.serialize_field("email", user.email.as_written())?;
        view.serialize_field("created_at", &Text(&user.created_at))?;
        view.serialize_field("updated_at", &Text(&user.updated_at))?;
        view.end()
    }
}

/// `{"id","created_at","seen_at","expires_at","address","user_agent","current"}`; what is not known is null.
pub(super) struct SessionView<'a> {
    session: &'a Session,
    ends_at: Timestamp,
    current: bool,
}

impl<'a> SessionView<'a> {
    /// The view of `session`, which lives as long as `sessions` say; `own` is the one that asks.
    pub(super) fn new(session: &'a Session, sessions: &Sessions, own: Option<SessionId>) -> Self {
        let ends_at = sessions.settings().limits.ends_at(session.made_at);
        Self { session, ends_at, current: own == Some(session.id) }
    }
}

impl Serialize for SessionView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let session = self.session;
        let agent = Some(session.agent.as_str()).filter(|agent| !agent.is_empty());
        let mut view = serializer.serialize_struct("Session", 7)?;
        view.serialize_field("id", &Text(&session.id))?;
        view.serialize_field("created_at", &Text(&session.made_at))?;
        view.serialize_field("seen_at", &Text(&session.seen_at))?;
        view.serialize_field("expires_at", &Text(&self.ends_at))?;
        view.serialize_field("address", &session.address)?;
        view.serialize_field("user_agent", &agent)?;
        view.serialize_field("current", &self.current)?;
        view.end()
    }
}

/// Where a user is signed in.
#[derive(Serialize)]
pub(super) struct SessionsView<'a> {
    pub(super) sessions: Vec<SessionView<'a>>,
}

/// Who is signed in.
pub(super) struct SignedInView<'a> {
    pub(super) user: &'a User,
    pub(super) session: SessionView<'a>,
}

impl Serialize for SignedInView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut view = serializer.serialize_struct("SignedIn", 2)?;
        view.serialize_field("user", &UserView(self.user))?;
        view.serialize_field("session", &self.session)?;
        view.end()
    }
}

/// What somebody gets who has just signed in: the one answer with the secrets of a session.
pub(super) struct SignedInNowView<'a>(pub(super) &'a SignedInNow);

impl Serialize for SignedInNowView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(done) = self;
        let mut view = serializer.serialize_struct("SignedInNow", 6)?;
        view.serialize_field("id", &Text(&done.user.id))?;
        view.serialize_field("token", &done.token.expose())?;
        view.serialize_field("session_id", &Text(&done.session.id))?;
        view.serialize_field("expires_at", &Text(&done.ends_at))?;
        view.serialize_field("device_token", done.device.expose())?;
        match &done.refresh {
            Some(refresh) => view.serialize_field("refresh_token", &refresh.expose())?,
            None => view.skip_field("refresh_token")?,
        }
        view.end()
    }
}

/// A token for other services, and with a refresh what to show next time.
pub(super) struct TokenView<'a> {
    pub(super) minted: &'a Minted,
    pub(super) refresh: Option<&'a RefreshToken>,
}

impl Serialize for TokenView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut view = serializer.serialize_struct("Token", 4)?;
        view.serialize_field("token", self.minted.token.expose())?;
        view.serialize_field("token_type", "Bearer")?;
        view.serialize_field("expires_at", &Text(&self.minted.ends_at))?;
        match self.refresh {
            Some(refresh) => view.serialize_field("refresh_token", &refresh.expose())?,
            None => view.skip_field("refresh_token")?,
        }
        view.end()
    }
}

/// A value by its `Display` text, without a `String` on the way.
pub(super) struct Text<'a, T>(pub(super) &'a T);

impl<T: std::fmt::Display> Serialize for Text<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}
