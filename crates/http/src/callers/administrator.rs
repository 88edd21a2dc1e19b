//! The guard of everything below `/admin`.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::may::{SESSION_SEGMENT, USER_SEGMENT};
use super::pass::{Pass, outcome};
use crate::problem::{Problem, ProblemKind};
use crate::user_key::UserKey;
use userd_core::{Client, Scope, SessionId};
use userd_service::{Administration, Sessions};

/// A service whose key lets it administer. No session does, whoever's: what may do everything is made by the operator,
/// and no password leads to it.
pub(crate) struct Administrator<'r> {
    key: UserKey<'r>,
    session: &'r str,
    pass: Pass<'r>,
}

impl<'r> Administrator<'r> {
    /// The user whom the path names; nobody where it names none.
    pub(crate) fn key(&self) -> UserKey<'r> {
        self.key
    }

    /// The session that the path names.
    pub(crate) fn session(&self) -> Result<SessionId, Problem> {
        SessionId::parse(self.session).ok_or_else(|| Problem::from(userd_service::Error::UnknownSession))
    }

    /// Who asks.
    pub(crate) fn client(&self) -> Client {
        self.pass.client()
    }

    /// What can be done.
    pub(crate) fn administration(&self) -> &'r Administration {
        &self.pass.use_cases.administration
    }

    /// What can be done with sessions.
    pub(crate) fn sessions(&self) -> &'r Sessions {
        &self.pass.use_cases.sessions
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Administrator<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        let key = request.param::<UserKey<'r>>(USER_SEGMENT).and_then(Result::ok).unwrap_or(UserKey::Other(""));
        let session = request.param::<&str>(SESSION_SEGMENT).and_then(Result::ok).unwrap_or_default();
        let pass = Pass::check(request, None, Scope::Admin).await;
        outcome(request, pass.map(|pass| Self { key, session, pass }))
    }
}
