//! The guard of everything below `/admin`.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::authorized::{SESSION_SEGMENT, USER_SEGMENT};
use super::context::{AuthContext, outcome};
use crate::problem::{Problem, ProblemKind};
use crate::user_ref::UserRef;
use userd_core::{Actor, Scope, SessionId};
use userd_service::{AdminService, SessionService};

/// A service whose key lets it administer. No session does, whoever's: what may do everything is made by the operator,
/// and no password leads to it.
pub(crate) struct AdminAuth<'r> {
    user_ref: UserRef<'r>,
    session: &'r str,
    context: AuthContext<'r>,
}

impl<'r> AdminAuth<'r> {
    /// The user whom the path names; nobody where it names none.
    pub(crate) fn user_ref(&self) -> UserRef<'r> {
        self.user_ref
    }

    /// The session that the path names.
    pub(crate) fn session(&self) -> Result<SessionId, Problem> {
        SessionId::parse(self.session).ok_or_else(|| Problem::from(userd_service::Error::UnknownSession))
    }

    /// Who asks.
    pub(crate) fn actor(&self) -> Actor {
        self.context.actor()
    }

    /// What can be done.
    pub(crate) fn administration(&self) -> &'r AdminService {
        &self.context.services.admin
    }

    /// What can be done with sessions.
    pub(crate) fn sessions(&self) -> &'r SessionService {
        &self.context.services.sessions
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for AdminAuth<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        let user_ref = request.param::<UserRef<'r>>(USER_SEGMENT).and_then(Result::ok).unwrap_or(UserRef::Invalid(""));
        let session = request.param::<&str>(SESSION_SEGMENT).and_then(Result::ok).unwrap_or_default();
        let context = AuthContext::authorize(request, None, Scope::Admin).await;
        outcome(request, context.map(|context| Self { user_ref, session, context }))
    }
}
