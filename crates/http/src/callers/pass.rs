//! What every guard stands on: the decision whether somebody may, and what they then need. Made nowhere else.

use rocket::Request;
use rocket::request::Outcome;

use super::caller::{Caller, Who, is_protected_mode, use_cases};
use crate::problem::{Problem, ProblemKind};
use userd_core::{Agent, CallerId, Client, Scope, UserId};
use userd_service::UseCases;

/// By what right somebody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    /// It is their own.
    Own,
    /// Their key has the scope, or anybody may.
    Given,
}

/// Somebody who may, and what they need.
pub(super) struct Pass<'r> {
    pub(super) caller: &'r Caller,
    pub(super) right: Right,
    agent: &'r str,
    pub(super) use_cases: &'r UseCases,
}

impl<'r> Pass<'r> {
    pub(super) fn new(request: &'r Request<'_>, caller: &'r Caller, right: Right) -> Result<Self, Problem> {
        let agent = request.headers().get_one("User-Agent").unwrap_or_default();
        Ok(Self { caller, right, agent, use_cases: use_cases(request)? })
    }

    /// Lets pass the user `own`, services with `scope`, and everybody in protected mode.
    pub(super) async fn check(request: &'r Request<'_>, own: Option<UserId>, scope: Scope) -> Result<Self, Problem> {
        let caller = Caller::of(request).await?;
        let right = match &caller.who {
            Who::User(signed_in) if own == Some(signed_in.user.id) => Right::Own,
            Who::Service(key) if key.scopes.contains(&scope) => Right::Given,
            Who::Service(_) => return Err(lacks(scope)),
            Who::Nobody | Who::User(_) if is_protected_mode(request).await? => Right::Given,
            Who::Nobody => return Err(nobody()),
            Who::User(_) => {
                let detail = format!("a session may do that for its own user at most; others need a key with {scope}");
                return Err(Problem::new(ProblemKind::Forbidden, detail));
            }
        };
        Self::new(request, caller, right)
    }

    /// The session that gave the right, if one did.
    pub(super) fn own(&self) -> Option<&'r userd_store::SignedIn> {
        match &self.caller.who {
            Who::User(signed_in) if self.right == Right::Own => Some(signed_in),
            _ => None,
        }
    }

    /// Who asks, for what is written down. A session is named only where it was what gave the right.
    pub(super) fn client(&self) -> Client {
        let caller = match (self.own(), &self.caller.who) {
            (Some(own), _) => CallerId::Session(own.session.id),
            (None, Who::Service(key)) => CallerId::ApiKey(key.id.clone()),
            (None, Who::User(_) | Who::Nobody) => CallerId::Nobody,
        };
        Client { address: self.caller.address, agent: Agent::shorten(self.agent), caller }
    }
}

pub(super) fn nobody() -> Problem {
    let detail =
        "sign in first: send Authorization: Bearer with the token that POST /api/login gives, or with an API key";
    Problem::new(ProblemKind::NotSignedIn, detail)
}

pub(super) fn lacks(scope: Scope) -> Problem {
    Problem::new(ProblemKind::Forbidden, format!("the API key lacks the scope {scope}"))
}

/// What Rocket wants of a guard; the problem is left for the catcher.
pub(super) fn outcome<T>(request: &Request<'_>, decided: Result<T, Problem>) -> Outcome<T, ProblemKind> {
    match decided {
        Ok(guard) => Outcome::Success(guard),
        Err(problem) => {
            let kind = problem.leave_in(request);
            Outcome::Error((kind.status(), kind))
        }
    }
}
