//! Guards over one user, whom the path names.

use std::marker::PhantomData;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::context::{AuthContext, outcome};
use crate::problem::{Problem, ProblemKind};
use crate::user_ref::UserRef;
use userd_core::{Actor, Scope, SessionId, User};
use userd_service::{SessionService, UserService};

/// Which segment of a path names the user, and which one the session.
pub(super) const USER_SEGMENT: usize = 2;
pub(super) const SESSION_SEGMENT: usize = 4;

/// What can be done with one user, and the scope that a service needs for it.
pub(crate) trait Permission: Send + Sync + 'static {
    /// The scope.
    const SCOPE: Scope;
    /// Whether the user may be named by e-mail; otherwise by id alone.
    const BY_EMAIL: bool = false;
}

/// Looks a user up.
pub(crate) struct ReadUser;
/// Changes or deletes a user, whose password is asked for, too.
pub(crate) struct WriteUser;
/// Sees a user's sessions.
pub(crate) struct ReadSessions;
/// Ends a user's sessions.
pub(crate) struct RevokeSessions;

impl Permission for ReadUser {
    const SCOPE: Scope = Scope::UsersRead;
    const BY_EMAIL: bool = true;
}
impl Permission for WriteUser {
    const SCOPE: Scope = Scope::UsersWrite;
}
impl Permission for ReadSessions {
    const SCOPE: Scope = Scope::SessionsRead;
}
impl Permission for RevokeSessions {
    const SCOPE: Scope = Scope::SessionsWrite;
}

/// Who asks may do `A` with the user whom the path names.
pub(crate) struct Authorized<'r, A> {
    user_ref: UserRef<'r>,
    session: &'r str,
    context: AuthContext<'r>,
    permission: PhantomData<A>,
}

impl<'r, A> Authorized<'r, A> {
    /// The user whom the path names.
    pub(crate) fn user_ref(&self) -> UserRef<'r> {
        self.user_ref
    }

    /// The session that the path names.
    pub(crate) fn session(&self) -> Result<SessionId, Problem> {
        SessionId::parse(self.session).ok_or_else(|| Problem::from(userd_service::Error::UnknownSession))
    }

    /// The user, if it is they who ask: then they have just been read.
    pub(crate) fn own_user(&self) -> Option<&'r User> {
        self.context.own_session().map(|own| &own.user)
    }

    /// Their session, if it is they who ask.
    pub(crate) fn own_session_id(&self) -> Option<SessionId> {
        self.context.own_session().map(|own| own.session.id)
    }

    /// Who asks.
    pub(crate) fn actor(&self) -> Actor {
        self.context.actor()
    }

    /// What can be done with users.
    pub(crate) fn users(&self) -> &'r UserService {
        &self.context.services.users
    }

    /// What can be done with sessions.
    pub(crate) fn sessions(&self) -> &'r SessionService {
        &self.context.services.sessions
    }
}

#[rocket::async_trait]
impl<'r, A: Permission> FromRequest<'r> for Authorized<'r, A> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        let Some(Ok(user_ref)) = request.param::<UserRef<'r>>(USER_SEGMENT) else {
            return outcome(request, Err(Problem::not_found()));
        };
        let session = request.param::<&str>(SESSION_SEGMENT).and_then(Result::ok).unwrap_or_default();
        let context = AuthContext::authorize(request, user_ref.as_id(), A::SCOPE).await;
        outcome(request, context.map(|context| Self { user_ref, session, context, permission: PhantomData }))
    }
}
