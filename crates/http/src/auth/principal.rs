//! Authentication: the caller is anonymous, a user with a session, or a service with an API key. Resolved once for each
//! request.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use rocket::Request;

use super::address;
use super::app_state::services;
use super::cookies::SessionCookies;
use super::credential::{self, Credential};
use super::fetch_site::{self, FetchSite};
use crate::access::AccessPolicy;
use crate::problem::{Problem, ProblemKind};
use crate::request_context::{CallerKind, RequestContext};
use userd_core::{ApiKeyToken, SessionToken};
use userd_service::{ApiKey, Services};

/// The caller and its address.
pub(super) struct Principal {
    /// The kind of caller.
    pub(super) kind: PrincipalKind,
    /// The client's address.
    pub(super) address: Option<IpAddr>,
}

/// The kind of caller.
pub(super) enum PrincipalKind {
    /// No credentials.
    Anonymous,
    /// A user with a valid session.
    User(Box<userd_store::SessionWithUser>),
    /// A service with a valid API key.
    Service(Box<ApiKey>),
}

/// The result of the authentication, kept in the request cache.
struct CachedPrincipal(Result<Principal, Mutex<Option<Problem>>>);

/// The same for endpoints that ignore the session cookie.
struct CachedCookielessPrincipal(CachedPrincipal);

impl CachedPrincipal {
    fn new(resolved: Result<Principal, Problem>) -> Self {
        Self(resolved.map_err(|problem| Mutex::new(Some(problem))))
    }

    fn principal(&self) -> Result<&Principal, Problem> {
        self.0.as_ref().map_err(|problem| {
            let cached = problem.lock().unwrap_or_else(PoisonError::into_inner).take();
            cached.unwrap_or_else(|| Problem::new(ProblemKind::AuthenticationRequired, "the credentials are invalid"))
        })
    }
}

impl Principal {
    /// A caller whose credentials are not read.
    pub(super) const UNIDENTIFIED: Self = Self { kind: PrincipalKind::Anonymous, address: None };

    /// The caller of `request`. Invalid credentials are a problem; they never count as anonymous.
    pub(super) async fn of<'r>(request: &'r Request<'_>) -> Result<&'r Self, Problem> {
        request.local_cache_async(async { CachedPrincipal::new(resolve(request, true).await) }).await.principal()
    }

    /// The same without the session cookie: an expired one must not prevent a sign-in.
    pub(super) async fn without_cookie<'r>(request: &'r Request<'_>) -> Result<&'r Self, Problem> {
        let found = async { CachedCookielessPrincipal(CachedPrincipal::new(resolve(request, false).await)) };
        request.local_cache_async(found).await.0.principal()
    }
}

async fn resolve(request: &Request<'_>, accept_cookies: bool) -> Result<Principal, Problem> {
    let (access_policy, services) = (AccessPolicy::of(request)?, services(request)?);
    let address = address::client_address(request, &access_policy.access.proxies);
    let credential = match credential::from_authorization(request.headers())? {
        None if accept_cookies => credential::from_cookie(request.headers(), SessionCookies::of(request))?,
        credential => credential,
    };
    let kind = match credential {
        None => PrincipalKind::Anonymous,
        Some(Credential::Session(token)) => authenticate_session(services, &token).await?,
        Some(Credential::Cookie(token, cookie)) => {
            if fetch_site::is_state_changing(request.method()) {
                FetchSite::of(request, cookie, &access_policy.access).require_allowed()?;
            }
            authenticate_session(services, &token).await?
        }
        Some(Credential::ApiKey(token)) => authenticate_api_key(services, &token).await?,
    };
    RequestContext::of(request).set_caller_kind(match &kind {
        PrincipalKind::Anonymous => CallerKind::Anonymous,
        PrincipalKind::User(_) => CallerKind::Session,
        PrincipalKind::Service(key) => CallerKind::ApiKey(key.id.clone()),
    });
    Ok(Principal { kind, address })
}

async fn authenticate_session(services: &Services, token: &SessionToken) -> Result<PrincipalKind, Problem> {
    Ok(PrincipalKind::User(Box::new(services.sessions.authenticate(token).await?)))
}

async fn authenticate_api_key(services: &Services, token: &ApiKeyToken) -> Result<PrincipalKind, Problem> {
    let key = services.api_keys.find(token).await?;
    let unknown = || Problem::new(ProblemKind::AuthenticationRequired, "the API key was revoked or never existed");
    key.map(|key| PrincipalKind::Service(Box::new(key))).ok_or_else(unknown)
}
