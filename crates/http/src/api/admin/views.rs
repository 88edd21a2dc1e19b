//! Accounts in responses of the admin API. Password hashes are never part of a view.

use crate::api::prelude::*;
use userd_core::{Timestamp, User, UserId};

/// A user with the account status.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(super) struct AccountView<'a> {
    /// A `UUIDv7`: sorted as text, ids are in sign-up order. Not a secret.
    #[schema(value_type = String, format = "uuid")]
    id: DisplayText<&'a UserId>,
    /// The display name.
    name: &'a str,
    /// The e-mail as it was entered.
    email: &'a str,
    /// When the user signed up.
    #[schema(value_type = String, format = DateTime)]
    created_at: DisplayText<Timestamp>,
    /// When the user was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: DisplayText<Timestamp>,
    /// Whether the account is disabled.
    disabled: bool,
    /// Whether the password has expired and must be changed.
    password_expired: bool,
}

impl<'a> AccountView<'a> {
    /// The view of `user`.
    pub(super) fn of(user: &'a User) -> Self {
        Self {
            id: DisplayText(&user.id),
            name: user.name.as_str(),
            email: user.email.as_written(),
            created_at: DisplayText(user.created_at),
            updated_at: DisplayText(user.updated_at),
            disabled: user.status.disabled,
            password_expired: user.status.password_expired,
        }
    }
}
