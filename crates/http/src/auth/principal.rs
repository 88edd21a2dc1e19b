//! Who asks: nobody, a user by their session, or a service by its key. Found out once a request.

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

/// Who asks, and from where.
pub(super) struct Principal {
    /// Who.
    pub(super) kind: PrincipalKind,
    /// From where, as far as it can be trusted.
    pub(super) address: Option<IpAddr>,
}

/// Who asks.
pub(super) enum PrincipalKind {
    /// Nothing was shown.
    Anonymous,
    /// A user with a session that is good.
    User(Box<userd_store::SessionWithUser>),
    /// A service with a key that is good.
    Service(Box<ApiKey>),
}

/// What was found out, kept in the request.
struct CachedPrincipal(Result<Principal, Mutex<Option<Problem>>>);

/// The same for what looks at no session cookie.
struct CachedCookielessPrincipal(CachedPrincipal);

impl CachedPrincipal {
    fn new(found: Result<Principal, Problem>) -> Self {
        Self(found.map_err(|problem| Mutex::new(Some(problem))))
    }

    fn principal(&self) -> Result<&Principal, Problem> {
        self.0.as_ref().map_err(|problem| {
            let cached = problem.lock().unwrap_or_else(PoisonError::into_inner).take();
            cached.unwrap_or_else(|| Problem::new(ProblemKind::AuthenticationRequired, "what was shown is not good"))
        })
    }
}

impl Principal {
    /// A caller whose credentials are not read.
    pub(super) const UNIDENTIFIED: Self = Self { kind: PrincipalKind::Anonymous, address: None };

    /// Who has sent `request`. What is shown and is not good is a problem, and never nobody.
    pub(super) async fn of<'r>(request: &'r Request<'_>) -> Result<&'r Self, Problem> {
        request.local_cache_async(async { CachedPrincipal::new(resolve(request, true).await) }).await.principal()
    }

    /// The same where no session is asked for: a cookie whose session has ended must keep nobody from signing in.
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
    let unknown = || Problem::new(ProblemKind::AuthenticationRequired, "the API key was revoked, or never was");
    key.map(|key| PrincipalKind::Service(Box::new(key))).ok_or_else(unknown)
}
