//! The guard of all endpoints that need a permission, and the decision behind it.

use std::marker::PhantomData;
use std::ops::Deref;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::browser_cookies::BrowserCookies;
use super::context::{AuthContext, Grant, authentication_required};
use super::permissions::{
    AccessRule, AnonymousAccess, CredentialSource, Permission, ServiceAccess, UserAccess, UserInPath,
};
use super::principal::{Principal, PrincipalKind};
use super::protected_mode::{is_local_request, is_protected_mode};
use crate::access::{AccessPolicy, SignUpPolicy};
use crate::problem::{Problem, ProblemKind};
use crate::user_ref::UserRef;
use userd_core::{Scope, UserId};
use userd_service::ApiKey;

/// Which segment of a path names the user.
const USER_SEGMENT: usize = 2;

/// The caller has the permission `P`. Hands out what a handler needs by [`AuthContext`].
pub(crate) struct Authorized<'r, P> {
    context: AuthContext<'r>,
    permission: PhantomData<P>,
}

impl<'r, P> Deref for Authorized<'r, P> {
    type Target = AuthContext<'r>;

    fn deref(&self) -> &AuthContext<'r> {
        &self.context
    }
}

#[rocket::async_trait]
impl<'r, P: Permission> FromRequest<'r> for Authorized<'r, P> {
    type Error = ProblemKind;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ProblemKind> {
        match authorize(&P::RULE, request).await {
            Ok(context) => Outcome::Success(Self { context, permission: PhantomData }),
            Err(problem) => Outcome::Error(with_cleared_cookie(&P::RULE, request, problem).stash(request)),
        }
    }
}

async fn authorize<'r>(rule: &AccessRule, request: &'r Request<'_>) -> Result<AuthContext<'r>, Problem> {
    let user_ref = match rule.user_in_path {
        UserInPath::Absent => None,
        _ => request.param::<UserRef<'r>>(USER_SEGMENT).and_then(Result::ok),
    };
    let user_ref = user_ref.unwrap_or(UserRef::Invalid(""));
    let (principal, grant) = decide(rule, request, user_ref.as_id()).await?;
    AuthContext::new(request, principal, grant, user_ref)
}

/// Who calls and by what right, or why they may not. Whether the user in the path exists is not looked up.
async fn decide<'r>(
    rule: &AccessRule,
    request: &'r Request<'_>,
    user_in_path: Option<UserId>,
) -> Result<(&'r Principal, Grant), Problem> {
    let principal = match rule.credentials {
        CredentialSource::Ignored => return Ok((&Principal::UNIDENTIFIED, Grant::Rule)),
        _ if rule.anonymous == AnonymousAccess::Loopback && is_local_request(request) => {
            return Ok((&Principal::UNIDENTIFIED, Grant::Rule));
        }
        CredentialSource::Header => Principal::without_cookie(request).await?,
        CredentialSource::HeaderOrCookie => Principal::of(request).await?,
    };
    let grant = match &principal.kind {
        PrincipalKind::Service(key) => check_key(rule.service, key)?,
        PrincipalKind::User(current) => match rule.user {
            UserAccess::OwnSession => Grant::SelfService,
            UserAccess::OwnAccount if user_in_path == Some(current.user.id) => Grant::SelfService,
            UserAccess::OwnAccount | UserAccess::AsAnonymous => check_anonymous(rule, request, true).await?,
        },
        PrincipalKind::Anonymous if rule.user == UserAccess::OwnSession => return Err(authentication_required()),
        PrincipalKind::Anonymous => check_anonymous(rule, request, false).await?,
    };
    Ok((principal, grant))
}

fn check_key(access: ServiceAccess, key: &ApiKey) -> Result<Grant, Problem> {
    match access {
        ServiceAccess::AnyKey => Ok(Grant::Rule),
        ServiceAccess::Scopes(scopes) if scopes.iter().any(|scope| key.scopes.contains(scope)) => Ok(Grant::Rule),
        ServiceAccess::Scopes(scopes) => {
            let detail = format!("the API key lacks the scope {}", smallest(scopes));
            Err(Problem::new(ProblemKind::Forbidden, detail))
        }
        ServiceAccess::Denied => {
            let detail = "this needs a session, and an API key has none; send the token that POST /api/login returns";
            Err(Problem::new(ProblemKind::Forbidden, detail))
        }
    }
}

/// What a caller may do who has neither a key nor a right of their own.
async fn check_anonymous(rule: &AccessRule, request: &Request<'_>, signed_in: bool) -> Result<Grant, Problem> {
    if rule.anonymous == AnonymousAccess::Allowed || is_protected_mode(request).await? {
        return Ok(Grant::Rule);
    }
    let scopes = if let ServiceAccess::Scopes(scopes) = rule.service { scopes } else { &[] };
    let scope = smallest(scopes);
    if rule.anonymous == AnonymousAccess::SignUpPolicy {
        if AccessPolicy::of(request)?.access.sign_up == SignUpPolicy::Open {
            return Ok(Grant::Rule);
        }
        let detail = format!("only an API key with the scope {scope} may sign users up");
        let kind = if signed_in { ProblemKind::Forbidden } else { ProblemKind::AuthenticationRequired };
        return Err(Problem::new(kind, detail));
    }
    if !signed_in {
        return Err(authentication_required());
    }
    let detail = format!("a session may do this for its own user only; for others, use an API key with {scope}");
    Err(Problem::new(ProblemKind::Forbidden, detail))
}

fn smallest(scopes: &[Scope]) -> &'static str {
    scopes.first().map_or("", |scope| scope.as_str())
}

/// Where the session of a cookie has ended already, a sign-out clears the cookie all the same. Not for another site:
/// the browser sent that request without the cookie.
fn with_cleared_cookie(rule: &AccessRule, request: &Request<'_>, problem: Problem) -> Problem {
    if !rule.clears_cookie || problem.kind() != ProblemKind::AuthenticationRequired {
        return problem;
    }
    let Ok(access_policy) = AccessPolicy::of(request) else { return problem };
    match BrowserCookies::of(request, access_policy).same_site() {
        Ok(cookies) => problem.with_header("Set-Cookie", cookies.clear_session()),
        Err(_) => problem,
    }
}
