//! What the bodies below `/admin` say.

use super::json_body::{FieldError, FromJsonBody, JsonBody};
use userd_core::{Password, PasswordPolicy};
use userd_service::{CreateAccountRequest, SetPasswordRequest, SignUpRequest, UpdateStatusRequest};

impl FromJsonBody for CreateAccountRequest {
    const SCHEMA_NAME: &'static str = "CreateAccountRequest";
    const NAMES: &'static [&'static str] = &["name", "email", "password", "password_expired"];

    fn from_json_body(fields: &mut JsonBody, policy: PasswordPolicy) -> Option<Self> {
        let sign_up = SignUpRequest::from_json_body(fields, policy);
        let password_expired = fields.flag("password_expired");
        Some(Self { sign_up: sign_up?, password_expired: password_expired? })
    }
}

impl FromJsonBody for UpdateStatusRequest {
    const SCHEMA_NAME: &'static str = "UpdateStatusRequest";
    const NAMES: &'static [&'static str] = &["disabled", "password_expired"];
    const ANY_REQUIRED: bool = true;

    fn from_json_body(fields: &mut JsonBody, _: PasswordPolicy) -> Option<Self> {
        let disabled = fields.optional_flag("disabled");
        let password_expired = fields.optional_flag("password_expired");
        let status = Self { disabled: disabled.ok()?, password_expired: password_expired.ok()? };
        if status == Self::default() {
            // Who wants nothing has most likely misspelt it.
            fields.reject(FieldError::new("disabled", "or password_expired must be given, or both"));
        }
        Some(status)
    }
}

impl FromJsonBody for SetPasswordRequest {
    const SCHEMA_NAME: &'static str = "SetPasswordRequest";
    const NAMES: &'static [&'static str] = &["new_password", "password_expired"];

    fn from_json_body(fields: &mut JsonBody, policy: PasswordPolicy) -> Option<Self> {
        let new_password = fields.required("new_password", |text| Password::parse(text, policy));
        let password_expired = fields.flag("password_expired");
        Some(Self { new_password: new_password?, password_expired: password_expired? })
    }
}
