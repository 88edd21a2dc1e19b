//! Authentication: the caller is anonymous, a user with a session, or a service with an API key. The guard does
//! it once for each request.

use std::net::IpAddr;

use rocket::Request;

use super::address;
use super::app_state::services;
use super::credential::{self, Credential};
use crate::problem::{Problem, ProblemKind};
use crate::request_context::RequestContext;
use crate::settings::HttpSettings;
use userd_service::ApiKey;

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

impl Principal {
    /// A caller whose credentials are not read.
    pub(super) const UNIDENTIFIED: Self = Self { kind: PrincipalKind::Anonymous, address: None };

    /// The caller of `request`. Invalid credentials are a problem; they never count as anonymous.
    pub(super) async fn authenticate(request: &Request<'_>, accept_cookies: bool) -> Result<Self, Problem> {
        let services = services(request)?;
        let address = address::client_address(request, &HttpSettings::of(request)?.access.proxies);
        let credential = match credential::from_authorization(request.headers())? {
            None if accept_cookies => credential::from_cookie(request)?,
            credential => credential,
        };
        let kind = match credential {
            None => PrincipalKind::Anonymous,
            Some(Credential::Session(token)) => {
                PrincipalKind::User(Box::new(services.sessions.authenticate(&token).await?))
            }
            Some(Credential::ApiKey(token)) => {
                let detail = "the API key was revoked or never existed";
                let unknown = || Problem::new(ProblemKind::AuthenticationRequired, detail);
                PrincipalKind::Service(Box::new(services.api_keys.find(&token).await?.ok_or_else(unknown)?))
            }
        };
        let _ = RequestContext::of(request).caller.set(match &kind {
            PrincipalKind::Anonymous => ("anonymous", None),
            PrincipalKind::User(_) => ("session", None),
            PrincipalKind::Service(key) => ("api_key", Some(key.id.clone())),
        });
        Ok(Self { kind, address })
    }
}
