//! Values of the examples. They belong together: tests send the examples one after another, and they are all about one
//! user.

use serde_json::{Value, json};

use crate::problem::ProblemKind;

/// The user's id.
pub(crate) const USER_ID: &str = "01a203aa-e877-7395-9e1c-3ee1eb7d3f0a";

/// The user's password, and the next one.
pub(crate) const PASSWORD: &str = "blue kite over Delft";
pub(crate) const NEXT_PASSWORD: &str = "seven grey herons, wading";

/// A refresh token.
pub(crate) const REFRESH_TOKEN: &str = "r1.01a203aa-e877-7395-9e1c-3ee1eb7d3f0a.q0Yd…";

/// The problems of checking a password.
pub(crate) const PASSWORD_PROBLEMS: [ProblemKind; 5] = [
    ProblemKind::InvalidCredentials,
    ProblemKind::AccountDisabled,
    ProblemKind::PasswordExpired,
    ProblemKind::TooManyAttempts,
    ProblemKind::Busy,
];

/// The user.
pub(crate) fn user() -> Value {
    json!({
        "id": USER_ID,
        "name": "Ada Lovelace",
        "email": "Ada@Example.com",
        "created_at": "2026-11-22T14:31:02.007Z",
        "updated_at": "2026-11-22T14:31:02.007Z",
    })
}

/// The user after a change of the profile.
pub(crate) fn renamed_user() -> Value {
    let mut user = user();
    user["name"] = json!("Ada King");
    user["updated_at"] = json!("2026-11-23T09:00:00.000Z");
    user
}

/// The user as an administrator sees it.
pub(crate) fn account() -> Value {
    let mut account = user();
    account["disabled"] = json!(false);
    account["password_expired"] = json!(false);
    account
}

/// The user's session.
pub(crate) fn session(current: bool) -> Value {
    json!({
        "id": "q0Yd3l1fVb0f2i2bq8Cw1g",
        "created_at": "2026-11-22T14:31:02.007Z",
        "last_used_at": "2026-11-22T14:31:02.007Z",
        "expires_at": "2026-11-23T14:31:02.007Z",
        "address": "203.0.113.9",
        "user_agent": "curl/8.5.0",
        "current": current,
    })
}
