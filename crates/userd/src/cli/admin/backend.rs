//! The two ways to administer accounts: through the admin API of a running server, or directly on a store with the use
//! cases behind that API. The results are the same.
//!
//! To add an operation: a method of [`AdminBackend`] with an arm for each way.

use std::fmt::Display;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use ureq::http::Method;

use super::http_client::{AdminClient, percent_encode};
use super::password::PasswordInput;
use crate::cli::command_error::{CommandError, CommandResult};
use crate::config::Config;
use crate::services::build_services;
use userd_core::random::SystemRandom;
use userd_core::{Actor, DisplayName, Email, EmailPrefix, Password, PasswordPolicy, PrincipalId, UserAgent, UserId};
use userd_http::{AccountListItemView, AccountView, EventView, PageView, StatsView};
use userd_service::hashing::PasswordHasher;
use userd_service::{
    CreateAccountRequest, Error, PageCursor, PageRequest, Precondition, Services, SetPasswordRequest, SignUpRequest,
    UpdateStatusRequest, UserListingRequest,
};
use userd_store::{SortOrder, Store};

/// Where accounts are read and changed.
pub(super) enum AdminBackend {
    /// Through the admin API of a server.
    Server(AdminClient),
    /// Directly on a store.
    Store {
        /// The use cases over it.
        services: Services,
        /// The rules for new passwords.
        policy: PasswordPolicy,
        /// The store's address, for people.
        target: String,
        /// The actor of all events: anonymous, without an address.
        actor: Actor,
    },
}

impl AdminBackend {
    /// The use cases over `store`, with the settings of the configuration.
    ///
    /// # Errors
    /// The threads that hash passwords do not start.
    pub(super) fn on_store(config: &Config, store: Arc<dyn Store>) -> CommandResult<Self> {
        let random = Arc::new(SystemRandom);
        let hasher = PasswordHasher::start(&config.hash, Arc::<SystemRandom>::clone(&random), Arc::default())
            .map_err(|error| CommandError::Failed(format!("can't start the threads that hash passwords: {error}")))?;
        let services = build_services(config, store, hasher, random);
        let agent = UserAgent::shorten(concat!("userd/", env!("CARGO_PKG_VERSION"), " (store)"));
        let actor = Actor { address: None, agent, principal: PrincipalId::Anonymous };
        Ok(Self::Store { services, policy: config.password, target: config.store.to_string(), actor })
    }

    /// The server's or store's address, for people.
    pub(super) fn target(&self) -> &str {
        match self {
            Self::Server(client) => &client.base,
            Self::Store { target, .. } => target,
        }
    }

    /// The address of the server, if there is one.
    pub(super) fn server(&self) -> Option<&str> {
        matches!(self, Self::Server(_)).then(|| self.target())
    }

    /// A page of users, or of those whose e-mail starts with the prefix `email`.
    pub(super) async fn list(
        &self,
        limit: u16,
        cursor: Option<&str>,
        email: Option<&str>,
        order: SortOrder,
    ) -> CommandResult<PageView<AccountListItemView>> {
        match self {
            Self::Server(client) => {
                let order = if order == SortOrder::Descending { "desc" } else { "asc" };
                let filter = parameter("cursor", cursor) + &parameter("email", email);
                client.send(Method::GET, &format!("/admin/users?limit={limit}&order={order}{filter}"), None)
            }
            Self::Store { services, .. } => {
                let prefix = valid("email", email.map(EmailPrefix::parse).transpose())?;
                let page = page_request(limit, cursor)?;
                let found = services.admin.list(UserListingRequest { page, order: Some(order), prefix }).await?;
                Ok(PageView::new(&found, AccountListItemView::of))
            }
        }
    }

    /// The user with this id or e-mail.
    pub(super) async fn show(&self, who: &str) -> CommandResult<AccountView> {
        match self {
            Self::Server(client) => client.send(Method::GET, &user_path(who, ""), None),
            Self::Store { services, .. } => {
                let found = match UserId::parse(who) {
                    Some(id) => services.users.user(id).await,
                    None => services.users.user_by_email(who).await,
                };
                match found {
                    Err(Error::UnknownUser) => Err(unknown_user(who)),
                    found => Ok(AccountView::of(&found?)),
                }
            }
        }
    }

    /// Creates a user.
    pub(super) async fn create(&self, name: &str, email: &str, given: &PasswordInput) -> CommandResult<AccountView> {
        match self {
            Self::Server(client) => {
                let (password, expired) = (given.password.as_str(), given.expired);
                let body = json!({ "name": name, "email": email, "password": password, "password_expired": expired });
                client.send(Method::POST, "/admin/users", Some(&body))
            }
            Self::Store { services, policy, actor, .. } => {
                let name = valid("name", DisplayName::parse(name))?;
                let email = valid("email", Email::parse(email))?;
                let password = valid("password", Password::parse(&given.password, *policy))?;
                let sign_up = SignUpRequest { name, email, password };
                let account = CreateAccountRequest { sign_up, password_expired: given.expired };
                Ok(AccountView::of(&services.admin.create(account, actor).await?))
            }
        }
    }

    /// Disables the account or lets its password expire, and ends its sessions; or enables it.
    pub(super) async fn update_status(&self, id: &str, status: UpdateStatusRequest) -> CommandResult<AccountView> {
        match self {
            Self::Server(client) => {
                let fields = [("disabled", status.disabled), ("password_expired", status.password_expired)].into_iter();
                let body: Map<_, _> = fields.filter_map(|(name, value)| Some((name.into(), value?.into()))).collect();
                client.send(Method::PATCH, &user_path(id, ""), Some(&body.into()))
            }
            Self::Store { services, actor, .. } => {
                let user = services.admin.update_status(user_id(id)?, status, &Precondition::Any, actor).await?;
                Ok(AccountView::of(&user))
            }
        }
    }

    /// Sets the user's password and ends the sessions.
    pub(super) async fn set_password(&self, id: &str, given: &PasswordInput) -> CommandResult<AccountView> {
        match self {
            Self::Server(client) => {
                let body = json!({ "new_password": given.password.as_str(), "password_expired": given.expired });
                client.send(Method::PUT, &user_path(id, "/password"), Some(&body))
            }
            Self::Store { services, policy, actor, .. } => {
                let new_password = valid("new_password", Password::parse(&given.password, *policy))?;
                let request = SetPasswordRequest { new_password, password_expired: given.expired };
                let user = services.admin.set_password(user_id(id)?, request, &Precondition::Any, actor).await?;
                Ok(AccountView::of(&user))
            }
        }
    }

    /// Signs the user out everywhere.
    pub(super) async fn revoke_sessions(&self, id: &str) -> CommandResult {
        match self {
            Self::Server(client) => client.send::<Value>(Method::DELETE, &user_path(id, "/sessions"), None).map(|_| ()),
            Self::Store { services, actor, .. } => Ok(services.admin.revoke_sessions(user_id(id)?, actor).await?),
        }
    }

    /// Deletes the user, and returns what was deleted.
    pub(super) async fn delete(&self, id: &str) -> CommandResult<AccountView> {
        match self {
            Self::Server(client) => client.send(Method::DELETE, &user_path(id, ""), None),
            Self::Store { services, actor, .. } => {
                Ok(AccountView::of(&services.admin.delete(user_id(id)?, &Precondition::Any, actor).await?))
            }
        }
    }

    /// A page of the account's events, newest first.
    pub(super) async fn events(
        &self,
        id: &str,
        limit: u16,
        cursor: Option<&str>,
    ) -> CommandResult<PageView<EventView>> {
        match self {
            Self::Server(client) => {
                let query = format!("/events?limit={limit}{}", parameter("cursor", cursor));
                client.send(Method::GET, &user_path(id, &query), None)
            }
            Self::Store { services, .. } => {
                let found = services.admin.events(user_id(id)?, page_request(limit, cursor)?).await?;
                Ok(PageView::new(&found, EventView::of))
            }
        }
    }

    /// The figures of the service.
    pub(super) async fn stats(&self) -> CommandResult<StatsView> {
        match self {
            Self::Server(client) => client.send(Method::GET, "/admin/stats", None),
            Self::Store { services, .. } => Ok(StatsView::of(&services.admin.stats().await?)),
        }
    }
}

/// The path of a user in the admin API, and what follows it.
fn user_path(id: &str, rest: &str) -> String {
    format!("/admin/users/{}{rest}", percent_encode(id))
}

/// A further parameter of a query, if it has a value.
fn parameter(name: &str, value: Option<&str>) -> String {
    value.map(|value| format!("&{name}={}", percent_encode(value))).unwrap_or_default()
}

/// A field as parsed; or an error that names the field and the rule it breaks.
fn valid<T>(field: &str, parsed: Result<T, impl Display>) -> CommandResult<T> {
    parsed.map_err(|rule| CommandError::InvalidInput(format!("{field} {rule}")))
}

/// Parses an id that the store has returned.
fn user_id(id: &str) -> CommandResult<UserId> {
    UserId::parse(id).ok_or_else(|| unknown_user(id))
}

fn unknown_user(who: &str) -> CommandError {
    CommandError::UserNotFound(format!("there is no user {who:?}"))
}

fn page_request(limit: u16, cursor: Option<&str>) -> CommandResult<PageRequest> {
    let cursor = valid("cursor", cursor.map(PageCursor::parse).transpose())?;
    Ok(PageRequest { limit: usize::from(limit), cursor })
}
