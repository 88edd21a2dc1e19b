//! Guards over users as a whole: how many there are, and one more.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::context::{AuthContext, Grant, missing_scope, outcome};
use super::principal::{Principal, PrincipalKind, is_protected_mode};
use crate::access::{AccessPolicy, SignUpPolicy};
use crate::problem::{Problem, ProblemKind};
use userd_core::{Actor, Scope};
use userd_service::UserService;

/// Who asks may know how many users there are.
pub(crate) struct CountUsersAuth<'r>(AuthContext<'r>);

impl<'r> CountUsersAuth<'r> {
    /// What can be done with users.
    pub(crate) fn users(&self) -> &'r UserService {
        &self.0.services.users
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for CountUsersAuth<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        outcome(request, AuthContext::authorize(request, None, Scope::UsersRead).await.map(Self))
    }
}

/// Who asks may sign somebody up.
pub(crate) struct SignUpAuth<'r>(AuthContext<'r>);

impl<'r> SignUpAuth<'r> {
    /// Who asks.
    pub(crate) fn actor(&self) -> Actor {
        self.0.actor()
    }

    /// What can be done with users.
    pub(crate) fn users(&self) -> &'r UserService {
        &self.0.services.users
    }

    async fn check(request: &'r Request<'_>) -> Result<Self, Problem> {
        let principal = Principal::without_cookie(request).await?;
        match &principal.kind {
            PrincipalKind::Service(key) if key.scopes.contains(&Scope::UsersWrite) => {}
            PrincipalKind::Service(_) => return Err(missing_scope(Scope::UsersWrite)),
            PrincipalKind::Anonymous | PrincipalKind::User(_) => {
                let protected = is_protected_mode(request).await?;
                if !protected && AccessPolicy::of(request)?.access.sign_up == SignUpPolicy::ApiKey {
                    let detail = format!("only a service with a key that has {} signs people up", Scope::UsersWrite);
                    let signed_in = matches!(principal.kind, PrincipalKind::User(_));
                    let kind = if signed_in { ProblemKind::Forbidden } else { ProblemKind::AuthenticationRequired };
                    return Err(Problem::new(kind, detail));
                }
            }
        }
        Ok(Self(AuthContext::new(request, principal, Grant::Scope)?))
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SignUpAuth<'r> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        outcome(request, Self::check(request).await)
    }
}
