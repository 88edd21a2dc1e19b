//! The two ways to the accounts: through a running server, or on the store itself. What comes of an act is the same
//! either way.

use super::server_backend::ServerBackend;
use super::store_backend::StoreBackend;
use super::types::{
    AdminUser, CommandError, EventListItem, NewUserInput, ResultPage, ServiceStats, UserListItem, UserQuery,
};

/// Where accounts are looked at and changed.
pub(super) enum AdminBackend {
    /// Through the admin API of a server.
    Server(ServerBackend),
    /// On a store.
    Store(Box<StoreBackend>),
}

impl AdminBackend {
    /// What a person calls this place.
    pub(super) fn target(&self) -> String {
        match self {
            Self::Server(server) => server.0.base().to_owned(),
            Self::Store(store) => store.target().to_owned(),
        }
    }

    /// The address of the server, if it goes through one.
    pub(super) fn server(&self) -> Option<&str> {
        match self {
            Self::Server(server) => Some(server.0.base()),
            Self::Store(_) => None,
        }
    }

    /// A page of users.
    pub(super) async fn list(&self, wanted: &UserQuery) -> Result<ResultPage<UserListItem>, CommandError> {
        match self {
            Self::Server(server) => server.list(wanted),
            Self::Store(store) => store.list(wanted).await,
        }
    }

    /// The user with this id or e-mail.
    pub(super) async fn show(&self, who: &str) -> Result<AdminUser, CommandError> {
        match self {
            Self::Server(server) => server.show(who),
            Self::Store(store) => store.show(who).await,
        }
    }

    /// Makes somebody a user.
    pub(super) async fn create(&self, new: &NewUserInput) -> Result<AdminUser, CommandError> {
        match self {
            Self::Server(server) => server.create(new),
            Self::Store(store) => store.create(new).await,
        }
    }

    /// Shuts the account, and ends its sessions; or opens it again.
    pub(super) async fn set_disabled(&self, id: &str, disabled: bool) -> Result<AdminUser, CommandError> {
        match self {
            Self::Server(server) => server.set_disabled(id, disabled),
            Self::Store(store) => store.set_disabled(id, disabled).await,
        }
    }

    /// Lets the password be good for nothing but being changed, and ends the sessions.
    pub(super) async fn expire_password(&self, id: &str) -> Result<AdminUser, CommandError> {
        match self {
            Self::Server(server) => server.expire_password(id),
            Self::Store(store) => store.expire_password(id).await,
        }
    }

    /// Gives the user another password, and ends the sessions.
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

    /// Deletes the user, and tells who that was.
    pub(super) async fn delete(&self, id: &str) -> Result<AdminUser, CommandError> {
        match self {
            Self::Server(server) => server.delete(id),
            Self::Store(store) => store.delete(id).await,
        }
    }

    /// What happened to the user, the newest first.
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

    /// What can be said of the whole.
    pub(super) async fn stats(&self) -> Result<ServiceStats, CommandError> {
        match self {
            Self::Server(server) => server.stats(),
            Self::Store(store) => store.stats().await,
        }
    }

    /// Lets go of it.
    pub(super) async fn close(self) {
        match self {
            Self::Server(_) => {}
            Self::Store(store) => store.close().await,
        }
    }
}
