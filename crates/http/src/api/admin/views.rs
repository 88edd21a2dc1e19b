//! Accounts in responses of the admin API. Password hashes are never part of a view.
//!
//! `userd user` reads the views of the admin API as well, so they own what they contain and are public.

use crate::api::prelude::*;
use userd_core::User;

/// A user with the account status.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Account)]
pub struct AccountView {
    /// A `UUIDv7`: sorted as text, ids are in sign-up order. Not a secret.
    #[schema(format = "uuid")]
    pub id: String,
    /// The display name.
    pub name: String,
    /// The e-mail as it was entered.
    pub email: String,
    /// When the user signed up.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When the user was last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// Whether the account is disabled.
    pub disabled: bool,
    /// Whether the password has expired and must be changed.
    pub password_expired: bool,
}

impl AccountView {
    /// The view of `user`.
    #[must_use]
    pub fn of(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            name: user.name.as_str().to_owned(),
            email: user.email.as_written().to_owned(),
            created_at: user.created_at.to_string(),
            updated_at: user.updated_at.to_string(),
            disabled: user.status.disabled,
            password_expired: user.status.password_expired,
        }
    }
}
