//! The guard of all endpoints that need a permission, and the decision behind it.

use std::marker::PhantomData;
use std::ops::Deref;

use rocket::Request;
use rocket::request::{FromRequest, Outcome};

use super::app_state::services;
use super::browser_cookies::BrowserCookies;
use super::context::{AuthContext, Grant, authentication_required};
use super::permissions::{
    AccessRule, AnonymousAccess, CredentialSource, Permission, ServiceAccess, UserAccess, UserInPath,
};
use super::principal::{Principal, PrincipalKind};
use super::protected_mode::{is_local_request, is_protected_mode};
use crate::access::SignUpPolicy;
use crate::problem::{Problem, ProblemKind};
use crate::settings::HttpSettings;
use crate::user_ref::UserRef;
use userd_core::{Scope, UserId};
use userd_service::ApiKey;

/// Which segments of a path name the user and the session.
const USER_SEGMENT: usize = 2;
const SESSION_SEGMENT: usize = 4;

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
    let segment = |index| request.param::<&str>(index).and_then(Result::ok).unwrap_or_default();
    let user_ref = UserRef::new(if rule.user_in_path == UserInPath::Absent { "" } else { segment(USER_SEGMENT) });
    let (principal, grant) = decide(rule, request, user_ref.parsed_id).await?;
    Ok(AuthContext {
        principal,
        grant,
        user_ref,
        session_segment: segment(SESSION_SEGMENT),
        user_agent: request.headers().get_one("User-Agent").unwrap_or_default(),
        services: services(request)?,
    })
}

/// Who calls and by what right, or why they may not. Whether the user in the path exists is not looked up.
async fn decide(
    rule: &AccessRule,
    request: &Request<'_>,
    user_in_path: Option<UserId>,
) -> Result<(Principal, Grant), Problem> {
    let local_suffices = rule.anonymous == AnonymousAccess::Loopback && is_local_request(request);
    if rule.credentials == CredentialSource::Ignored || local_suffices {
        return Ok((Principal::UNIDENTIFIED, Grant::Rule));
    }
    let principal = Principal::authenticate(request, rule.credentials == CredentialSource::HeaderOrCookie).await?;
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
        if HttpSettings::of(request)?.access.sign_up == SignUpPolicy::Open {
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
    if !rule.clears_cookie || problem.kind != ProblemKind::AuthenticationRequired {
        return problem;
    }
    match BrowserCookies::of(request).and_then(|browser| browser.same_site()) {
        Ok(cookies) => problem.with_header("Set-Cookie", cookies.clear_session()),
        Err(_) => problem,
    }
}
