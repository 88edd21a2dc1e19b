//! Administration directly on a store: each operation is the use case behind the admin API.

use std::sync::Arc;

use super::error::CommandError;
use super::types::{AdminUser, EventListItem, NewUserInput, ResultPage, ServiceStats, UserListItem, UserQuery};
use crate::config::Config;
use crate::services::build_services;
use userd_core::error_chain;
use userd_core::random::SystemRandom;
use userd_core::{
    AccountEvent, Actor, DisplayName, Email, EmailPrefix, Password, PasswordError, PasswordPolicy, PrincipalId, User,
    UserAgent, UserId,
};
use userd_service::hashing::PasswordHasher;
use userd_service::{
    AdminService, Error, PageCursor, PasswordField, Precondition, Services, SetPasswordRequest, SignUpRequest,
    UpdateStatusRequest, UserListingRequest,
};
use userd_store::{ListedUser, SortOrder, Store};

/// The use cases over an open store.
pub(super) struct StoreBackend {
    services: Services,
    /// The rules for new passwords.
    policy: PasswordPolicy,
    /// The store to close at the end.
    store: Arc<dyn Store>,
    /// The store's address, for people.
    target: String,
    /// The actor of all events: anonymous, without an address.
    actor: Actor,
}

impl StoreBackend {
    /// The use cases with the settings of the configuration.
    ///
    /// # Errors
    /// The threads that hash passwords do not start.
    pub(super) fn new(config: &Config, store: Arc<dyn Store>) -> Result<Self, CommandError> {
        let random = Arc::new(SystemRandom);
        let hasher = PasswordHasher::start(&config.hash, Arc::<SystemRandom>::clone(&random))
            .map_err(|error| CommandError::Failed(format!("can't start the threads that hash passwords: {error}")))?;
        let services = build_services(config, Arc::clone(&store), hasher, random);
        let agent = UserAgent::shorten(concat!("userd/", env!("CARGO_PKG_VERSION"), " (store)"));
        let actor = Actor { address: None, agent, principal: PrincipalId::Anonymous };
        Ok(Self { services, policy: config.password, store, target: config.store.to_string(), actor })
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Closes the store.
    pub(super) async fn close(self) {
        self.store.close().await;
    }

    fn admin(&self) -> &AdminService {
        &self.services.admin
    }

    pub(super) async fn list(&self, query: &UserQuery) -> Result<ResultPage<UserListItem>, CommandError> {
        let prefix = query.email.as_deref().map(EmailPrefix::parse).transpose();
        let prefix = prefix.map_err(|rule| CommandError::InvalidInput(format!("email {rule}")))?;
        let order = if query.descending { SortOrder::Descending } else { SortOrder::Ascending };
        let page = page_request(query.limit, query.cursor.as_deref())?;
        let page = self.admin().list(UserListingRequest { page, order: Some(order), prefix }).await;
        page.map_err(|error| command_error(&error)).map(|page| to_result_page(page, list_item))
    }

    /// The user with this id or e-mail.
    pub(super) async fn show(&self, who: &str) -> Result<AdminUser, CommandError> {
        let users = self.admin().users();
        let found = match UserId::parse(who) {
            Some(id) => users.user(id).await,
            None => users.user_by_email(who).await,
        };
        match found {
            Err(Error::UnknownUser) => Err(CommandError::UserNotFound(format!("there is no user {who:?}"))),
            found => user_result(found),
        }
    }

    pub(super) async fn create(&self, new: &NewUserInput) -> Result<AdminUser, CommandError> {
        let name = DisplayName::parse(&new.name).map_err(|rule| CommandError::InvalidInput(format!("name {rule}")))?;
        let email = Email::parse(&new.email).map_err(|rule| CommandError::InvalidInput(format!("email {rule}")))?;
        let password = self.password(&new.password, "password")?;
        let sign_up = SignUpRequest { name, email, password };
        let account = userd_service::CreateAccountRequest { sign_up, password_expired: new.password_expired };
        user_result(self.admin().create(account, &self.actor).await)
    }

    pub(super) async fn set_disabled(&self, id: &str, disabled: bool) -> Result<AdminUser, CommandError> {
        self.update_status(id, UpdateStatusRequest { disabled: Some(disabled), password_expired: None }).await
    }

    pub(super) async fn expire_password(&self, id: &str) -> Result<AdminUser, CommandError> {
        self.update_status(id, UpdateStatusRequest { disabled: None, password_expired: Some(true) }).await
    }

    async fn update_status(&self, id: &str, status: UpdateStatusRequest) -> Result<AdminUser, CommandError> {
        user_result(self.admin().update_status(user_id(id)?, status, &Precondition::Any, &self.actor).await)
    }

    pub(super) async fn set_password(
        &self,
        id: &str,
        password: &str,
        expired: bool,
    ) -> Result<AdminUser, CommandError> {
        let new_password = self.password(password, "new_password")?;
        let given = SetPasswordRequest { new_password, password_expired: expired };
        user_result(self.admin().set_password(user_id(id)?, given, &Precondition::Any, &self.actor).await)
    }

    pub(super) async fn revoke_sessions(&self, id: &str) -> Result<(), CommandError> {
        let ended = self.admin().revoke_sessions(user_id(id)?, &self.actor).await;
        ended.map_err(|error| command_error(&error))
    }

    pub(super) async fn delete(&self, id: &str) -> Result<AdminUser, CommandError> {
        user_result(self.admin().delete(user_id(id)?, &Precondition::Any, &self.actor).await)
    }

    pub(super) async fn events(
        &self,
        id: &str,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<ResultPage<EventListItem>, CommandError> {
        let page = self.admin().events(user_id(id)?, page_request(limit, cursor)?).await;
        page.map_err(|error| command_error(&error)).map(|page| to_result_page(page, |event| event_item(&event)))
    }

    pub(super) async fn stats(&self) -> Result<ServiceStats, CommandError> {
        let stats = self.admin().stats().await.map_err(|error| command_error(&error))?;
        Ok(ServiceStats { users: stats.users, store: stats.store.to_owned(), version: stats.version.to_owned() })
    }

    fn password(&self, text: &str, field: &str) -> Result<Password, CommandError> {
        let invalid = |rule: PasswordError| CommandError::InvalidInput(format!("{field} {rule}"));
        Password::parse(text, self.policy).map_err(invalid)
    }
}

/// Parses an id that the store has returned.
fn user_id(id: &str) -> Result<UserId, CommandError> {
    UserId::parse(id).ok_or_else(|| CommandError::UserNotFound(format!("there is no user {id:?}")))
}

fn page_request(limit: u16, cursor: Option<&str>) -> Result<userd_service::PageRequest, CommandError> {
    let cursor = cursor.map(PageCursor::parse).transpose();
    let cursor = cursor.map_err(|error| CommandError::InvalidInput(format!("cursor {error}")))?;
    Ok(userd_service::PageRequest { limit: usize::from(limit), cursor })
}

fn to_result_page<T, U>(page: userd_service::ResultPage<T>, show: impl Fn(T) -> U) -> ResultPage<U> {
    let cursor = |cursor: Option<PageCursor>| cursor.map(|cursor| cursor.encode());
    let userd_service::ResultPage { items, next, previous } = page;
    ResultPage { items: items.into_iter().map(show).collect(), next: cursor(next), previous: cursor(previous) }
}

fn to_admin_user(user: &User) -> AdminUser {
    AdminUser {
        id: user.id.to_string(),
        name: user.name.to_string(),
        email: user.email.as_written().to_owned(),
        created_at: user.created_at.to_string(),
        updated_at: user.updated_at.to_string(),
        disabled: user.status.disabled,
        password_expired: user.status.password_expired,
    }
}

fn list_item(listed: ListedUser) -> UserListItem {
    match listed {
        ListedUser::User(user) => UserListItem::User(to_admin_user(&user)),
        ListedUser::Unreadable(id) => UserListItem::unreadable(id.to_string()),
    }
}

fn event_item(event: &AccountEvent) -> EventListItem {
    let AccountEvent { kind, at, actor, .. } = event;
    EventListItem {
        kind: kind.as_str().to_owned(),
        at: at.to_string(),
        address: actor.address.map(|address| address.to_string()),
        by: Some(actor.principal.to_string()).filter(|by| !by.is_empty()),
    }
}

fn user_result(done: Result<User, Error>) -> Result<AdminUser, CommandError> {
    done.map(|user| to_admin_user(&user)).map_err(|error| command_error(&error))
}

fn command_error(error: &Error) -> CommandError {
    match error {
        Error::UnknownUser => CommandError::UserNotFound(error.to_string()),
        Error::PasswordRejected { field, rule } => {
            let field = match field {
                PasswordField::Password => "password",
                PasswordField::NewPassword => "new_password",
            };
            CommandError::InvalidInput(format!("{field} {rule}"))
        }
        Error::InvalidCursor(_) => CommandError::InvalidInput(error.to_string()),
        other => CommandError::Failed(error_chain(other)),
    }
}
