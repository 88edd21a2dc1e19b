//! Guards over one user, whom the path names.

use std::marker::PhantomData;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::pass::{Pass, outcome};
use crate::domain::{Client, Scope, SessionId, User};
use crate::http::problem::{Problem, ProblemKind};
use crate::http::user_key::UserKey;
use crate::service::{self, Sessions, Users};

/// Which segment of a path names the user, and which one the session.
pub(super) const USER_SEGMENT: usize = 2;
pub(super) const SESSION_SEGMENT: usize = 4;

/// What can be done with one user, and the scope that a service needs for it.
pub(in crate::http) trait Act: Send + Sync + 'static {
    /// The scope.
    const SCOPE: Scope;
    /// Whether the user may be named by e-mail; otherwise by id alone.
    const BY_EMAIL: bool = false;
}

/// Looks a user up.
pub(in crate::http) struct Read;
/// Changes or deletes a user, whose password is asked for, too.
pub(in crate::http) struct Change;
/// Sees a user's sessions.
pub(in crate::http) struct SeeSessions;
/// Ends a user's sessions.
pub(in crate::http) struct EndSessions;

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

pub(in crate::http) type MayRead<'r> = May<'r, Read>;
pub(in crate::http) type MayChange<'r> = May<'r, Change>;
pub(in crate::http) type MaySeeSessions<'r> = May<'r, SeeSessions>;
pub(in crate::http) type MayEndSessions<'r> = May<'r, EndSessions>;

/// Who asks may do `A` with the user whom the path names.
pub(in crate::http) struct May<'r, A> {
    key: UserKey<'r>,
    session: &'r str,
    pass: Pass<'r>,
    act: PhantomData<A>,
}

impl<'r, A> May<'r, A> {
    /// The user whom the path names.
    pub(in crate::http) fn key(&self) -> UserKey<'r> {
        self.key
    }

    /// The session that the path names.
    pub(in crate::http) fn session(&self) -> Result<SessionId, Problem> {
        SessionId::parse(self.session).ok_or_else(|| Problem::from(service::Error::UnknownSession))
    }

    /// The user, if it is they who ask: then they have just been read.
    pub(in crate::http) fn own(&self) -> Option<&'r User> {
        self.pass.own().map(|own| &own.user)
    }

    /// Their session, if it is they who ask.
    pub(in crate::http) fn own_session(&self) -> Option<SessionId> {
        self.pass.own().map(|own| own.session.id)
    }

    /// Who asks.
    pub(in crate::http) fn client(&self) -> Client {
        self.pass.client()
    }

    /// What can be done with users.
    pub(in crate::http) fn users(&self) -> &'r Users {
        &self.pass.use_cases.users
    }

    /// What can be done with sessions.
    pub(in crate::http) fn sessions(&self) -> &'r Sessions {
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
