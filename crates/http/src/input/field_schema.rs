//! The schema of each type of field.
//!
//! A schema accepts more than the parser: it can't express the list of common passwords.

use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};

use crate::openapi::string;
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
    pub(super) schema: Schema,
}

/// A type that a field is read as.
pub(crate) trait FieldSchema {
    /// The schema of the field's value.
    fn field_schema(policy: PasswordPolicy) -> Schema;
}

fn password() -> ObjectBuilder {
    string().format(Some(SchemaFormat::Custom("password".to_owned()))).write_only(true)
}

impl FieldSchema for DisplayName {
    fn field_schema(_: PasswordPolicy) -> Schema {
        // White space is trimmed. The rest is not empty and has no control characters.
        let inner = r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*";
        let pattern = format!(r"^\s*{inner}[^\s\u0000-\u001f\u007f-\u009f\u2028\u2029]{inner}\s*$");
        let description = "Surrounding white space is removed. No control characters.";
        let length = string().min_length(Some(1)).max_length(Some(DISPLAY_NAME_CHARS_MAX));
        length.pattern(Some(pattern)).description(Some(description)).into()
    }
}

impl FieldSchema for Email {
    fn field_schema(_: PasswordPolicy) -> Schema {
        let description = "One plain e-mail address of at most 254 bytes.";
        let format = SchemaFormat::Custom("idn-email".to_owned());
        let length = string().min_length(Some(EMAIL_CHARS_MIN)).max_length(Some(EMAIL_BYTES_MAX));
        length.format(Some(format)).description(Some(description)).into()
    }
}

impl FieldSchema for Password {
    fn field_schema(policy: PasswordPolicy) -> Schema {
        let description = "A new password. Must not be a common password or the user's own name or e-mail.";
        let length = password().min_length(Some(policy.chars_min)).max_length(Some(policy.chars_max));
        length.description(Some(description)).into()
    }
}

impl FieldSchema for PasswordAttempt {
    fn field_schema(_: PasswordPolicy) -> Schema {
        let description = "The current password of the user.";
        let length = password().min_length(Some(1)).max_length(Some(PASSWORD_ATTEMPT_BYTES_MAX));
        length.description(Some(description)).into()
    }
}

impl FieldSchema for Option<RefreshToken> {
    fn field_schema(_: PasswordPolicy) -> Schema {
        string().description(Some("The refresh token.")).into()
    }
}

impl FieldSchema for String {
    fn field_schema(_: PasswordPolicy) -> Schema {
        string().into()
    }
}

impl FieldSchema for bool {
    fn field_schema(_: PasswordPolicy) -> Schema {
        ObjectBuilder::new().schema_type(Type::Boolean).into()
    }
}
