//! Calls as HTTP requests, and answers as what the judge understands.

use serde_json::json;

use crate::history::{Call, Outcome, PasswordNumber, Seen};
use crate::http::{Answer, get, with_json};

/// The bytes that ask for it.
pub(crate) fn request(call: &Call) -> Vec<u8> {
    match call {
        Call::SignUp { email, name, password } => {
            let body = json!({"name": name, "email": email, "password": text(*password)});
            with_json("POST", "/api/users", &body)
        }
        Call::ById { id } => get(&format!("/api/users/{id}")),
        Call::ByEmail { email } => get(&format!("/api/users/{email}")),
        Call::Change { id, name, email, password } => {
            let body = json!({"name": name, "email": email, "password": text(*password)});
            with_json("PUT", &format!("/api/users/{id}"), &body)
        }
        Call::Password { id, password, new } => {
            let body = json!({"password": text(*password), "new_password": text(*new)});
            with_json("PATCH", &format!("/api/users/{id}"), &body)
        }
        Call::Remove { id, password } => {
            with_json("DELETE", &format!("/api/users/{id}"), &json!({"password": text(*password)}))
        }
    }
}

fn text(password: PasswordNumber) -> String {
    format!("seven grey herons {password}")
}

/// What the answer says; an error where no answer to any call looks like that.
pub(crate) fn outcome(call: &Call, answer: &Answer) -> Result<Outcome, String> {
    match answer.status {
        200 if matches!(call, Call::Password { .. }) => Ok(Outcome::Done),
        200 => seen(answer).map(Outcome::User).ok_or_else(|| format!("{call}: no user in {answer:?}")),
        401 => Ok(Outcome::WrongPassword),
        404 => Ok(Outcome::Missing),
        409 => Ok(Outcome::Taken),
        503 if answer.is_polite_refusal() => Ok(Outcome::Unknown),
        _ => Err(format!("{call}: {answer:?}, {}", answer.text())),
    }
}

fn seen(answer: &Answer) -> Option<Seen> {
    let body = answer.json();
    let field = |name: &str| body[name].as_str().map(str::to_owned);
    let version = answer.header("ETag").and_then(|tag| tag.trim_matches('"').parse().ok());
    Some(Seen { id: field("id")?, version, name: field("name")?, email: field("email")? })
}
