//! What every guard stands on: the decision whether somebody may, and what they then need. Made nowhere else.

use rocket::Request;
use rocket::request::Outcome;

use super::principal::{Principal, PrincipalKind, is_protected_mode, services};
use crate::problem::{Problem, ProblemKind};
use userd_core::{Actor, PrincipalId, Scope, UserAgent, UserId};
use userd_service::Services;

/// By what right somebody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    /// It is their own.
    SelfService,
    /// Their key has the scope, or anybody may.
    Scope,
}

/// Somebody who may, and what they need.
pub(super) struct AuthContext<'r> {
    pub(super) principal: &'r Principal,
    pub(super) grant: Grant,
    user_agent: &'r str,
    pub(super) services: &'r Services,
}

impl<'r> AuthContext<'r> {
    pub(super) fn new(request: &'r Request<'_>, principal: &'r Principal, grant: Grant) -> Result<Self, Problem> {
        let user_agent = request.headers().get_one("User-Agent").unwrap_or_default();
        Ok(Self { principal, grant, user_agent, services: services(request)? })
    }

    /// Lets pass the user `own`, services with `scope`, and everybody in protected mode.
    pub(super) async fn authorize(
        request: &'r Request<'_>,
        own: Option<UserId>,
        scope: Scope,
    ) -> Result<Self, Problem> {
        let principal = Principal::of(request).await?;
        let grant = match &principal.kind {
            PrincipalKind::User(signed_in) if own == Some(signed_in.user.id) => Grant::SelfService,
            PrincipalKind::Service(key) if key.scopes.contains(&scope) => Grant::Scope,
            PrincipalKind::Service(_) => return Err(missing_scope(scope)),
            PrincipalKind::Anonymous | PrincipalKind::User(_) if is_protected_mode(request).await? => Grant::Scope,
            PrincipalKind::Anonymous => return Err(authentication_required()),
            PrincipalKind::User(_) => {
                let detail = format!("a session may do that for its own user at most; others need a key with {scope}");
                return Err(Problem::new(ProblemKind::Forbidden, detail));
            }
        };
        Self::new(request, principal, grant)
    }

    /// The session that gave the right, if one did.
    pub(super) fn own_session(&self) -> Option<&'r userd_store::SessionWithUser> {
        match &self.principal.kind {
            PrincipalKind::User(signed_in) if self.grant == Grant::SelfService => Some(signed_in),
            _ => None,
        }
    }

    /// Who asks, for what is written down. A session is named only where it was what gave the right.
    pub(super) fn actor(&self) -> Actor {
        let caller = match (self.own_session(), &self.principal.kind) {
            (Some(own), _) => PrincipalId::Session(own.session.id),
            (None, PrincipalKind::Service(key)) => PrincipalId::ApiKey(key.id.clone()),
            (None, PrincipalKind::User(_) | PrincipalKind::Anonymous) => PrincipalId::Anonymous,
        };
        Actor { address: self.principal.address, agent: UserAgent::shorten(self.user_agent), principal: caller }
    }
}

pub(super) fn authentication_required() -> Problem {
    let detail =
        "sign in first: send Authorization: Bearer with the token that POST /api/login gives, or with an API key";
    Problem::new(ProblemKind::AuthenticationRequired, detail)
}

pub(super) fn missing_scope(scope: Scope) -> Problem {
    Problem::new(ProblemKind::Forbidden, format!("the API key lacks the scope {scope}"))
}

/// What Rocket wants of a guard; the problem is left for the catcher.
pub(super) fn outcome<T>(request: &Request<'_>, decided: Result<T, Problem>) -> Outcome<T, ProblemKind> {
    match decided {
        Ok(guard) => Outcome::Success(guard),
        Err(problem) => {
            let kind = problem.stash(request);
            Outcome::Error((kind.status(), kind))
        }
    }
}
