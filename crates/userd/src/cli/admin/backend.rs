//! The two ways to administer accounts: through a running server, or directly on the store. The results are the same.

use super::error::CommandError;
use super::server_backend::ServerBackend;
use super::store_backend::StoreBackend;
use super::types::{AdminUser, EventListItem, NewUserInput, ResultPage, ServiceStats, UserListItem, UserQuery};

/// Where accounts are read and changed.
pub(super) enum AdminBackend {
    /// Through the admin API of a server.
    Server(ServerBackend),
    /// Directly on a store.
    Store(Box<StoreBackend>),
}

impl AdminBackend {
    /// The server's or store's address, for people.
    pub(super) fn target(&self) -> String {
        match self {
            Self::Server(server) => server.0.base().to_owned(),
            Self::Store(store) => store.target().to_owned(),
        }
    }

    /// The address of the server, if there is one.
    pub(super) fn server(&self) -> Option<&str> {
        match self {
            Self::Server(server) => Some(server.0.base()),
            Self::Store(_) => None,
        }
    }

    /// A page of users.
    pub(super) async fn list(&self, query: &UserQuery) -> Result<ResultPage<UserListItem>, CommandError> {
        match self {
            Self::Server(server) => server.list(query),
            Self::Store(store) => store.list(query).await,
        }
    }

    /// The user with this id or e-mail.
    pub(super) async fn show(&self, who: &str) -> Result<AdminUser, CommandError> {
        match self {
            Self::Server(server) => server.show(who),
            Self::Store(store) => store.show(who).await,
        }
    }

    /// Creates a user.
    pub(super) async fn create(&self, new: &NewUserInput) -> Result<AdminUser, CommandError> {
        match self {
            Self::Server(server) => server.create(new),
            Self::Store(store) => store.create(new).await,
        }
    }

    /// Disables the account and ends its sessions, or enables it.
    pub(super) async fn set_disabled(&self, id: &str, disabled: bool) -> Result<AdminUser, CommandError> {
        match self {
            Self::Server(server) => server.set_disabled(id, disabled),
            Self::Store(store) => store.set_disabled(id, disabled).await,
        }
    }

    /// Forces a password change at the next sign-in and ends the sessions.
    pub(super) async fn expire_password(&self, id: &str) -> Result<AdminUser, CommandError> {
        match self {
            Self::Server(server) => server.expire_password(id),
            Self::Store(store) => store.expire_password(id).await,
        }
    }

    /// Sets the user's password and ends the sessions.
    pub(super) async fn set_password(
        &self,
        id: &str,
        password: &str,
        expired: bool,
    ) -> Result<AdminUser, CommandError> {
        match self {
            Self::Server(server) => server.set_password(id, password, expired),
            Self::Store(store) => store.set_password(id, password, expired).await,
        }
    }

    /// Signs the user out everywhere.
    pub(super) async fn revoke_sessions(&self, id: &str) -> Result<(), CommandError> {
        match self {
            Self::Server(server) => server.revoke_sessions(id),
            Self::Store(store) => store.revoke_sessions(id).await,
        }
    }

    /// Deletes the user, and returns what was deleted.
    pub(super) async fn delete(&self, id: &str) -> Result<AdminUser, CommandError> {
        match self {
            Self::Server(server) => server.delete(id),
            Self::Store(store) => store.delete(id).await,
        }
    }

    /// A page of the account's events, newest first.
    pub(super) async fn events(
        &self,
        id: &str,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<ResultPage<EventListItem>, CommandError> {
        match self {
            Self::Server(server) => server.events(id, limit, cursor),
            Self::Store(store) => store.events(id, limit, cursor).await,
        }
    }

    /// The figures of the service.
    pub(super) async fn stats(&self) -> Result<ServiceStats, CommandError> {
        match self {
            Self::Server(server) => server.stats(),
            Self::Store(store) => store.stats().await,
        }
    }

    /// Closes the store, if it was opened.
    pub(super) async fn close(self) {
        match self {
            Self::Server(_) => {}
            Self::Store(store) => store.close().await,
        }
    }
}
