//! Who asks: nobody, a user by their session, or a service by its key. Found out once a request.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use rocket::Request;

use super::Reach;
use super::address::{self, Host};
use super::cookies::Cookies;
use super::shown::{self, Shown};
use super::site::{self, Site};
use crate::access::Rules;
use crate::access_log::Kind;
use crate::front::Trace;
use crate::problem::{Problem, ProblemKind};
use userd_core::{ApiKeyToken, SessionToken};
use userd_service::{ApiKey, UseCases};

/// Who asks, and from where.
pub(super) struct Caller {
    /// Who.
    pub(super) who: Who,
    /// From where, as far as it can be trusted.
    pub(super) address: Option<IpAddr>,
}

/// Who asks.
pub(super) enum Who {
    /// Nothing was shown.
    Nobody,
    /// A user with a session that is good.
    User(Box<userd_store::SignedIn>),
    /// A service with a key that is good.
    Service(Box<ApiKey>),
}

/// What was found out, kept in the request.
struct Found(Result<Caller, Mutex<Option<Problem>>>);

/// The same for what looks at no session cookie.
struct FoundWithoutCookie(Found);

impl Found {
    fn new(found: Result<Caller, Problem>) -> Self {
        Self(found.map_err(|problem| Mutex::new(Some(problem))))
    }

    fn caller(&self) -> Result<&Caller, Problem> {
        self.0.as_ref().map_err(|problem| {
            let told = problem.lock().unwrap_or_else(PoisonError::into_inner).take();
            told.unwrap_or_else(|| Problem::new(ProblemKind::NotSignedIn, "what was shown is not good"))
        })
    }
}

impl Caller {
    /// Who has sent `request`. What is shown and is not good is a problem, and never nobody.
    pub(super) async fn of<'r>(request: &'r Request<'_>) -> Result<&'r Self, Problem> {
        request.local_cache_async(async { Found::new(find(request, true).await) }).await.caller()
    }

    /// The same where no session is asked for: a cookie whose session has ended must keep nobody from signing in.
    pub(super) async fn without_cookie<'r>(request: &'r Request<'_>) -> Result<&'r Self, Problem> {
        let found = async { FoundWithoutCookie(Found::new(find(request, false).await)) };
        request.local_cache_async(found).await.0.caller()
    }
}

/// The use cases that answer `request`.
pub(super) fn use_cases<'r>(request: &'r Request<'_>) -> Result<&'r UseCases, Problem> {
    let reach = request.rocket().state::<Reach>();
    reach.map(|reach| &reach.0).ok_or_else(|| Problem::new(ProblemKind::Internal, "no use cases are managed"))
}

async fn find(request: &Request<'_>, cookies_count: bool) -> Result<Caller, Problem> {
    let (rules, use_cases) = (Rules::of(request)?, use_cases(request)?);
    let address = address::of_client(request, &rules.access.proxies);
    let shown = match shown::bearer(request.headers())? {
        None if cookies_count => shown::cookie(request.headers(), Cookies::of(request))?,
        shown => shown,
    };
    let who = match shown {
        None => Who::Nobody,
        Some(Shown::Session(token)) => user(use_cases, &token).await?,
        Some(Shown::Cookie(token, cookie)) => {
            if site::changes(request.method()) {
                Site::of(request, cookie, &rules.access).check_with_cookie()?;
            }
            user(use_cases, &token).await?
        }
        Some(Shown::Key(token)) => service(use_cases, &token).await?,
    };
    Trace::of(request).seen.note(match &who {
        Who::Nobody => Kind::Nobody,
        Who::User(_) => Kind::Session,
        Who::Service(key) => Kind::Key(key.id.clone()),
    });
    Ok(Caller { who, address })
}

/// Whether a program on this machine asks, by a name that only this machine has for itself, and through no proxy.
pub(super) fn is_this_machine(request: &Request<'_>) -> bool {
    let host = Host::of(request);
    request.remote().is_some_and(|peer| peer.ip().to_canonical().is_loopback())
        && !address::came_through_a_proxy(request.headers())
        && (matches!(host, Host::Unsaid) || host.is_loopback())
}

async fn user(use_cases: &UseCases, token: &SessionToken) -> Result<Who, Problem> {
    Ok(Who::User(Box::new(use_cases.sessions.current(token).await?)))
}

async fn service(use_cases: &UseCases, token: &ApiKeyToken) -> Result<Who, Problem> {
    let key = use_cases.keyring.find(token).await?;
    let unknown = || Problem::new(ProblemKind::NotSignedIn, "the API key was revoked, or never was");
    key.map(|key| Who::Service(Box::new(key))).ok_or_else(unknown)
}

/// Whether everybody may do everything, because no API key was ever made.
///
/// That is for this machine alone. A page that a browser has loaded from elsewhere could have its name point here
/// (DNS rebinding), and a proxy could have let the world in: where either may be, it is a problem that says what to do.
pub(super) async fn is_protected_mode(request: &Request<'_>) -> Result<bool, Problem> {
    let (rules, use_cases) = (Rules::of(request)?, use_cases(request)?);
    if !use_cases.keyring.is_empty().await.map_err(|error: userd_service::Error| Problem::from(error))? {
        return Ok(false);
    }
    let refuse = |detail| Err(Problem::new(ProblemKind::Forbidden, detail));
    if !rules.loopback {
        return refuse("userd has no API key yet, and listens for other machines: `userd keys api create` makes one");
    }
    if address::came_through_a_proxy(request.headers()) {
        return refuse(
            "userd has no API key yet, so only programs on this machine may ask, and not through a proxy: `userd keys \
             api create` makes one",
        );
    }
    let host = Host::of(request);
    if !matches!(host, Host::Unsaid) && !host.is_loopback() {
        return refuse(
            "userd has no API key yet, so only programs on this machine may ask, by the name localhost or 127.0.0.1: \
             `userd keys api create` makes one",
        );
    }
    if site::changes(request.method()) {
        Site::of(request, Cookies::of(request).kind(), &rules.access).check()?;
    }
    Ok(true)
}
