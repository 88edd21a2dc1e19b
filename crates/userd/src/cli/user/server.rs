//! Accounts through a running server: each act is a request to its admin API.

use serde_json::{Value, json};
use ureq::http::Method;

use super::account::{Account, Happening, Item, NewAccount, Page, Refusal, Stats, Wanted};
use super::connection::{Connection, escaped};

/// The admin API of one server.
pub(super) struct Server(pub(super) Connection);

impl Server {
    fn user<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        id: &str,
        rest: &str,
        body: Option<&Value>,
    ) -> Result<T, Refusal> {
        self.0.ask(method, &format!("/admin/users/{}{rest}", escaped(id)), body)
    }

    pub(super) fn list(&self, wanted: &Wanted) -> Result<Page<Item>, Refusal> {
        let order = if wanted.descending { "desc" } else { "asc" };
        let mut path = format!("/admin/users?limit={}&order={order}", wanted.limit);
        for (name, value) in [("cursor", &wanted.cursor), ("email", &wanted.email)] {
            if let Some(value) = value {
                path = format!("{path}&{name}={}", escaped(value));
            }
        }
        self.0.ask(Method::GET, &path, None)
    }

    /// The user with this id or e-mail.
    pub(super) fn show(&self, who: &str) -> Result<Account, Refusal> {
        self.user(Method::GET, who, "", None)
    }

    pub(super) fn create(&self, new: &NewAccount) -> Result<Account, Refusal> {
        let body = json!({
            "name": new.name,
            "email": new.email,
            "password": new.password.as_str(),
            "password_expired": new.password_expired,
        });
        self.0.ask(Method::POST, "/admin/users", Some(&body))
    }

    pub(super) fn set_disabled(&self, id: &str, disabled: bool) -> Result<Account, Refusal> {
        self.user(Method::PATCH, id, "", Some(&json!({ "disabled": disabled })))
    }

    pub(super) fn expire_password(&self, id: &str) -> Result<Account, Refusal> {
        self.user(Method::PATCH, id, "", Some(&json!({ "password_expired": true })))
    }

    pub(super) fn set_password(&self, id: &str, password: &str, expired: bool) -> Result<Account, Refusal> {
        let body = json!({ "new_password": password, "password_expired": expired });
        self.user(Method::PUT, id, "/password", Some(&body))
    }

    pub(super) fn end_sessions(&self, id: &str) -> Result<(), Refusal> {
        self.user::<Value>(Method::DELETE, id, "/sessions", None).map(|_| ())
    }

    pub(super) fn delete(&self, id: &str) -> Result<Account, Refusal> {
        self.user(Method::DELETE, id, "", None)
    }

    pub(super) fn events(&self, id: &str, limit: u16, cursor: Option<&str>) -> Result<Page<Happening>, Refusal> {
        let cursor = cursor.map(|cursor| format!("&cursor={}", escaped(cursor))).unwrap_or_default();
        self.user(Method::GET, id, &format!("/events?limit={limit}{cursor}"), None)
    }

    pub(super) fn stats(&self) -> Result<Stats, Refusal> {
        self.0.ask(Method::GET, "/admin/stats", None)
    }
}
