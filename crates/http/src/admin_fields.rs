//! What the bodies below `/admin` say.

use super::fields::{FieldError, Fields, FromFields};
use userd_core::{Password, PasswordPolicy};
use userd_service::{GivenPassword, NewAccount, NewStanding, SignUp};

impl FromFields for NewAccount {
    const NAMES: &'static [&'static str] = &["name", "email", "password", "password_expired"];

    fn from_fields(fields: &mut Fields, policy: PasswordPolicy) -> Option<Self> {
        let sign_up = SignUp::from_fields(fields, policy);
        let password_expired = fields.flag("password_expired");
        Some(Self { sign_up: sign_up?, password_expired: password_expired? })
    }
}

impl FromFields for NewStanding {
    const NAMES: &'static [&'static str] = &["disabled", "password_expired"];
    const SOME_NEEDED: bool = true;

    fn from_fields(fields: &mut Fields, _: PasswordPolicy) -> Option<Self> {
        let disabled = fields.flag_if_there("disabled");
        let password_expired = fields.flag_if_there("password_expired");
        let standing = Self { disabled: disabled.ok()?, password_expired: password_expired.ok()? };
        if standing == Self::default() {
            // Who wants nothing has most likely misspelt it.
            fields.wrong(FieldError::new("disabled", "or password_expired must be given, or both"));
        }
        Some(standing)
    }
}

impl FromFields for GivenPassword {
    const NAMES: &'static [&'static str] = &["new_password", "password_expired"];

    fn from_fields(fields: &mut Fields, policy: PasswordPolicy) -> Option<Self> {
        let new_password = fields.read("new_password", |text| Password::parse(text, policy));
        let password_expired = fields.flag("password_expired");
        Some(Self { new_password: new_password?, password_expired: password_expired? })
    }
}
