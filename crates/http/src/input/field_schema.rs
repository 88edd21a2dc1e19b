//! The schema of each type of field.
//!
//! A schema accepts more than the parser: it can't express the list of common passwords.

use serde_json::{Value, json};

use userd_core::{
    DISPLAY_NAME_CHARS_MAX, DisplayName, EMAIL_BYTES_MAX, Email, PASSWORD_ATTEMPT_BYTES_MAX, Password, PasswordAttempt,
    PasswordPolicy, RefreshToken,
};

/// The shortest address: a character, an `@`, a character.
const EMAIL_CHARS_MIN: usize = 3;

/// A field of a body.
pub(crate) struct DeclaredField {
    /// Its name.
    pub(super) name: &'static str,
    /// Whether it is required. Otherwise null means the same as absent.
    pub(super) required: bool,
    /// The schema of its value.
    pub(super) schema: Value,
}

/// A type that a field is read as.
pub(crate) trait FieldSchema {
    /// The schema of the field's value.
    fn field_schema(policy: PasswordPolicy) -> Value;
}

impl FieldSchema for DisplayName {
    fn field_schema(_: PasswordPolicy) -> Value {
        // White space is trimmed. The rest is not empty and has no control characters.
        let inner = r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*";
        json!({
            "type": "string",
            "description": "Surrounding white space is removed. No control characters.",
            "minLength": 1,
            "maxLength": DISPLAY_NAME_CHARS_MAX,
            "pattern": format!(r"^\s*{inner}[^\s\u0000-\u001f\u007f-\u009f\u2028\u2029]{inner}\s*$"),
        })
    }
}

impl FieldSchema for Email {
    fn field_schema(_: PasswordPolicy) -> Value {
        json!({
            "type": "string",
            "format": "idn-email",
            "description": "One plain e-mail address of at most 254 bytes.",
            "minLength": EMAIL_CHARS_MIN,
            "maxLength": EMAIL_BYTES_MAX,
        })
    }
}

impl FieldSchema for Password {
    fn field_schema(policy: PasswordPolicy) -> Value {
        let description = "A new password. Must not be a common password or the user's own name or e-mail.";
        password(description, policy.chars_min, policy.chars_max)
    }
}

impl FieldSchema for PasswordAttempt {
    fn field_schema(_: PasswordPolicy) -> Value {
        password("The current password of the user.", 1, PASSWORD_ATTEMPT_BYTES_MAX)
    }
}

fn password(description: &str, chars_min: usize, chars_max: usize) -> Value {
    json!({
        "type": "string",
        "format": "password",
        "description": description,
        "minLength": chars_min,
        "maxLength": chars_max,
        "writeOnly": true,
    })
}

impl FieldSchema for Option<RefreshToken> {
    fn field_schema(_: PasswordPolicy) -> Value {
        json!({ "type": "string", "description": "The refresh token." })
    }
}

impl FieldSchema for String {
    fn field_schema(_: PasswordPolicy) -> Value {
        json!({ "type": "string" })
    }
}

impl FieldSchema for bool {
    fn field_schema(_: PasswordPolicy) -> Value {
        json!({ "type": "boolean" })
    }
}
