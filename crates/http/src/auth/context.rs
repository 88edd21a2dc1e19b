//! What [`Authorized`](super::Authorized) hands to a handler: the caller, what the path names, and the use cases.
//! Handlers have no other way to the use cases, so none can skip the authorisation.

use super::principal::{Principal, PrincipalKind};
use crate::problem::{Problem, ProblemKind};
use crate::user_ref::UserRef;
use userd_core::{Actor, PrincipalId, SessionId, UserAgent};
use userd_service::Services;
use userd_store::SessionWithUser;

/// By what right a caller may do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    /// It is their own account or session.
    SelfService,
    /// The permission's rule: the scope of a key, anonymous access, protected mode.
    Rule,
}

/// An authorised caller, and what a handler needs.
pub(crate) struct AuthContext<'r> {
    pub(super) principal: Principal,
    pub(super) grant: Grant,
    /// The user in the path; an invalid reference where the path names none.
    pub(crate) user_ref: UserRef<'r>,
    pub(super) session_segment: &'r str,
    pub(super) user_agent: &'r str,
    /// The use cases.
    pub(crate) services: &'r Services,
}

impl AuthContext<'_> {
    /// The session in the path.
    pub(crate) fn session_in_path(&self) -> Result<SessionId, Problem> {
        SessionId::parse(self.session_segment).ok_or_else(|| Problem::from(userd_service::Error::UnknownSession))
    }

    /// The caller's session, if it is what authorises them.
    pub(crate) fn own_session(&self) -> Option<&SessionWithUser> {
        match &self.principal.kind {
            PrincipalKind::User(current) if self.grant == Grant::SelfService => Some(current),
            _ => None,
        }
    }

    /// The caller's session, for handlers whose permission needs one.
    pub(crate) fn require_session(&self) -> Result<&SessionWithUser, Problem> {
        self.own_session().ok_or_else(authentication_required)
    }

    /// The caller, as it is recorded. A session is named only if it is what authorises the caller.
    pub(crate) fn actor(&self) -> Actor {
        let principal = match (self.own_session(), &self.principal.kind) {
            (Some(own), _) => PrincipalId::Session(own.session.id),
            (None, PrincipalKind::Service(key)) => PrincipalId::ApiKey(key.id.clone()),
            (None, PrincipalKind::User(_) | PrincipalKind::Anonymous) => PrincipalId::Anonymous,
        };
        Actor { address: self.principal.address, agent: UserAgent::shorten(self.user_agent), principal }
    }
}

pub(super) fn authentication_required() -> Problem {
    let detail =
        "sign in first: send Authorization: Bearer with the token that POST /api/login returns, or with an API key";
    Problem::new(ProblemKind::AuthenticationRequired, detail)
}
