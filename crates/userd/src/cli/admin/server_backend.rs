//! Administration through a running server: each operation is a request to its admin API.

use serde_json::{Value, json};
use ureq::http::Method;

use super::error::CommandError;
use super::http_client::{AdminClient, percent_encode};
use super::types::{AdminUser, EventListItem, NewUserInput, ResultPage, ServiceStats, UserListItem, UserQuery};

/// The admin API of one server.
pub(super) struct ServerBackend(pub(super) AdminClient);

impl ServerBackend {
    fn user<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        id: &str,
        rest: &str,
        body: Option<&Value>,
    ) -> Result<T, CommandError> {
        self.0.send(method, &format!("/admin/users/{}{rest}", percent_encode(id)), body)
    }

    pub(super) fn list(&self, query: &UserQuery) -> Result<ResultPage<UserListItem>, CommandError> {
        let order = if query.descending { "desc" } else { "asc" };
        let mut path = format!("/admin/users?limit={}&order={order}", query.limit);
        for (name, value) in [("cursor", &query.cursor), ("email", &query.email)] {
            if let Some(value) = value {
                path = format!("{path}&{name}={}", percent_encode(value));
            }
        }
        self.0.send(Method::GET, &path, None)
    }

    /// The user with this id or e-mail.
    pub(super) fn show(&self, who: &str) -> Result<AdminUser, CommandError> {
        self.user(Method::GET, who, "", None)
    }

    pub(super) fn create(&self, new: &NewUserInput) -> Result<AdminUser, CommandError> {
        let body = json!({
            "name": new.name,
            "email": new.email,
            "password": new.password.as_str(),
            "password_expired": new.password_expired,
        });
        self.0.send(Method::POST, "/admin/users", Some(&body))
    }

    pub(super) fn set_disabled(&self, id: &str, disabled: bool) -> Result<AdminUser, CommandError> {
        self.user(Method::PATCH, id, "", Some(&json!({ "disabled": disabled })))
    }

    pub(super) fn expire_password(&self, id: &str) -> Result<AdminUser, CommandError> {
        self.user(Method::PATCH, id, "", Some(&json!({ "password_expired": true })))
    }

    pub(super) fn set_password(&self, id: &str, password: &str, expired: bool) -> Result<AdminUser, CommandError> {
        let body = json!({ "new_password": password, "password_expired": expired });
        self.user(Method::PUT, id, "/password", Some(&body))
    }

    pub(super) fn revoke_sessions(&self, id: &str) -> Result<(), CommandError> {
        self.user::<Value>(Method::DELETE, id, "/sessions", None).map(|_| ())
    }

    pub(super) fn delete(&self, id: &str) -> Result<AdminUser, CommandError> {
        self.user(Method::DELETE, id, "", None)
    }

    pub(super) fn events(
        &self,
        id: &str,
        limit: u16,
        cursor: Option<&str>,
    ) -> Result<ResultPage<EventListItem>, CommandError> {
        let cursor = cursor.map(|cursor| format!("&cursor={}", percent_encode(cursor))).unwrap_or_default();
        self.user(Method::GET, id, &format!("/events?limit={limit}{cursor}"), None)
    }

    pub(super) fn stats(&self) -> Result<ServiceStats, CommandError> {
        self.0.send(Method::GET, "/admin/stats", None)
    }
}
