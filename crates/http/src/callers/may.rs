//! Guards over one user, whom the path names.

use std::marker::PhantomData;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::pass::{Pass, outcome};
use crate::problem::{Problem, ProblemKind};
use crate::user_key::UserKey;
use userd_core::{Client, Scope, SessionId, User};
use userd_service::{Sessions, Users};

/// Which segment of a path names the user, and which one the session.
pub(super) const USER_SEGMENT: usize = 2;
pub(super) const SESSION_SEGMENT: usize = 4;

/// What can be done with one user, and the scope that a service needs for it.
pub(crate) trait Act: Send + Sync + 'static {
    /// The scope.
    const SCOPE: Scope;
    /// Whether the user may be named by e-mail; otherwise by id alone.
    const BY_EMAIL: bool = false;
}

/// Looks a user up.
pub(crate) struct Read;
/// Changes or deletes a user, whose password is asked for, too.
pub(crate) struct Change;
/// Sees a user's sessions.
pub(crate) struct SeeSessions;
/// Ends a user's sessions.
pub(crate) struct EndSessions;

impl Act for Read {
    const SCOPE: Scope = Scope::UsersRead;
    const BY_EMAIL: bool = true;
}
impl Act for Change {
    const SCOPE: Scope = Scope::UsersWrite;
}
impl Act for SeeSessions {
    const SCOPE: Scope = Scope::SessionsRead;
}
impl Act for EndSessions {
    const SCOPE: Scope = Scope::SessionsWrite;
}

pub(crate) type MayRead<'r> = May<'r, Read>;
pub(crate) type MayChange<'r> = May<'r, Change>;
pub(crate) type MaySeeSessions<'r> = May<'r, SeeSessions>;
pub(crate) type MayEndSessions<'r> = May<'r, EndSessions>;

/// Who asks may do `A` with the user whom the path names.
pub(crate) struct May<'r, A> {
    key: UserKey<'r>,
    session: &'r str,
    pass: Pass<'r>,
    act: PhantomData<A>,
}

impl<'r, A> May<'r, A> {
    /// The user whom the path names.
    pub(crate) fn key(&self) -> UserKey<'r> {
        self.key
    }

    /// The session that the path names.
    pub(crate) fn session(&self) -> Result<SessionId, Problem> {
        SessionId::parse(self.session).ok_or_else(|| Problem::from(userd_service::Error::UnknownSession))
    }

    /// The user, if it is they who ask: then they have just been read.
    pub(crate) fn own(&self) -> Option<&'r User> {
        self.pass.own().map(|own| &own.user)
    }

    /// Their session, if it is they who ask.
    pub(crate) fn own_session(&self) -> Option<SessionId> {
        self.pass.own().map(|own| own.session.id)
    }

    /// Who asks.
    pub(crate) fn client(&self) -> Client {
        self.pass.client()
    }

    /// What can be done with users.
    pub(crate) fn users(&self) -> &'r Users {
        &self.pass.use_cases.users
    }

    /// What can be done with sessions.
    pub(crate) fn sessions(&self) -> &'r Sessions {
        &self.pass.use_cases.sessions
    }
}

#[rocket::async_trait]
impl<'r, A: Act> FromRequest<'r> for May<'r, A> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        let Some(Ok(key)) = request.param::<UserKey<'r>>(USER_SEGMENT) else {
            return outcome(request, Err(Problem::not_found()));
        };
        let session = request.param::<&str>(SESSION_SEGMENT).and_then(Result::ok).unwrap_or_default();
        let pass = Pass::check(request, key.own(), A::SCOPE).await;
        outcome(request, pass.map(|pass| Self { key, session, pass, act: PhantomData }))
    }
}
