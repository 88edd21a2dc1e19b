//! Users and sessions in responses: views that several areas have. A new field of a user stays internal until a view
//! has it.
//!
//! A view is one declaration of the JSON and of its schema; the comments of its fields are part of the description.

use std::net::IpAddr;

use crate::api::prelude::*;
use userd_core::{Session, SessionId, Timestamp, User, UserId};

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(super) struct UserView<'a> {
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
}

impl<'a> UserView<'a> {
    /// The view of `user`.
    pub(super) fn of(user: &'a User) -> Self {
        Self {
            id: DisplayText(&user.id),
            name: user.name.as_str(),
            email: user.email.as_written(),
            created_at: DisplayText(user.created_at),
            updated_at: DisplayText(user.updated_at),
        }
    }
}

/// A session. Unknown values are null.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionView<'a> {
    /// The id of the session. Not a secret.
    #[schema(value_type = String)]
    id: DisplayText<&'a SessionId>,
    /// When the user signed in.
    #[schema(value_type = String, format = DateTime)]
    created_at: DisplayText<Timestamp>,
    /// When the session was last used, to the minute.
    #[schema(value_type = String, format = DateTime)]
    last_used_at: DisplayText<Timestamp>,
    /// When it expires, even if it is in use. It ends earlier after a time without use.
    #[schema(value_type = String, format = DateTime)]
    expires_at: DisplayText<Timestamp>,
    /// The address of the sign-in.
    #[schema(value_type = Option<String>, required)]
    address: Option<IpAddr>,
    /// The `User-Agent` of the sign-in, truncated and not verified.
    #[schema(required)]
    user_agent: Option<&'a str>,
    /// Whether it is the session of this request.
    current: bool,
}

impl<'a> SessionView<'a> {
    /// The view of `session`, which ends at `expires_at`; `own` is the caller's session.
    pub(super) fn new(session: &'a Session, expires_at: Timestamp, own: Option<SessionId>) -> Self {
        Self {
            id: DisplayText(&session.id),
            created_at: DisplayText(session.created_at),
            last_used_at: DisplayText(session.last_used_at),
            expires_at: DisplayText(expires_at),
            address: session.address,
            user_agent: Some(session.agent.as_str()).filter(|agent| !agent.is_empty()),
            current: own == Some(session.id),
        }
    }
}
