//! What each type of a body's field says of itself: what a text has to be to become one.
//!
//! Only what is necessary: what a schema allows may still break a rule that no schema can say (a common password).

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaFormat, Type};

use userd_core::{
    DISPLAY_NAME_CHARS_MAX, DisplayName, EMAIL_BYTES_MAX, Email, PASSWORD_ATTEMPT_BYTES_MAX, Password, PasswordAttempt,
    PasswordPolicy, RefreshToken,
};

/// The shortest address: a character, an `@`, a character.
const EMAIL_CHARS_MIN: usize = 3;

/// A field as the code that reads it has it.
pub(crate) struct DeclaredField {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whether it has to be there. If not, null is as good as nothing.
    pub(crate) required: bool,
    /// What its value has to be.
    pub(crate) schema: Object,
}

/// What can be read from a field.
pub(crate) trait FieldSchema {
    /// What the field's value has to be.
    fn field_schema(policy: PasswordPolicy) -> Object;
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn password() -> ObjectBuilder {
    text().format(Some(SchemaFormat::Custom("password".to_owned()))).write_only(true)
}

impl FieldSchema for DisplayName {
    fn field_schema(_: PasswordPolicy) -> Object {
        // White space around what remains, which has no control characters and is not empty.
        let inner = r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*";
        let pattern = format!(r"^\s*{inner}[^\s\u0000-\u001f\u007f-\u009f\u2028\u2029]{inner}\s*$");
        let description = "White space around it is cut off. No control characters.";
        text()
            .min_length(Some(1))
            .max_length(Some(DISPLAY_NAME_CHARS_MAX))
            .pattern(Some(pattern))
            .description(Some(description))
            .build()
    }
}

impl FieldSchema for Email {
    fn field_schema(_: PasswordPolicy) -> Object {
        let description = "One plain address. At most 254 bytes.";
        let format = SchemaFormat::Custom("idn-email".to_owned());
        let length = text().min_length(Some(EMAIL_CHARS_MIN)).max_length(Some(EMAIL_BYTES_MAX));
        length.format(Some(format)).description(Some(description)).build()
    }
}

impl FieldSchema for Password {
    fn field_schema(policy: PasswordPolicy) -> Object {
        let description = "A new password. Not among the most common ones, and not the person's own name or e-mail.";
        let length = password().min_length(Some(policy.chars_min)).max_length(Some(policy.chars_max));
        length.description(Some(description)).build()
    }
}

impl FieldSchema for PasswordAttempt {
    fn field_schema(_: PasswordPolicy) -> Object {
        let description = "The user's password, as proof. Any text.";
        let length = password().min_length(Some(1)).max_length(Some(PASSWORD_ATTEMPT_BYTES_MAX));
        length.description(Some(description)).build()
    }
}

impl FieldSchema for Option<RefreshToken> {
    fn field_schema(_: PasswordPolicy) -> Object {
        text().description(Some("The refresh token.")).build()
    }
}

impl FieldSchema for String {
    fn field_schema(_: PasswordPolicy) -> Object {
        text().build()
    }
}

impl FieldSchema for bool {
    fn field_schema(_: PasswordPolicy) -> Object {
        ObjectBuilder::new().schema_type(Type::Boolean).build()
    }
}
