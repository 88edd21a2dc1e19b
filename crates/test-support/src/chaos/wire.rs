//! Calls as HTTP requests, and responses as outcomes of the history.

use serde_json::json;

use crate::http_client::{HttpResponse, get, json_request};
use crate::linearizability::{CallOutcome, HistoryCall, ObservedUser, PasswordNumber};

/// The bytes of the request.
pub(crate) fn request(call: &HistoryCall) -> Vec<u8> {
    match call {
        HistoryCall::SignUp { email, name, password } => {
            let body = json!({"name": name, "email": email, "password": text(*password)});
            json_request("POST", "/api/users", &body)
        }
        HistoryCall::ById { id } => get(&format!("/api/users/{id}")),
        HistoryCall::ByEmail { email } => get(&format!("/api/users/{email}")),
        HistoryCall::Change { id, name, email, password } => {
            let body = json!({"name": name, "email": email, "password": text(*password)});
            json_request("PUT", &format!("/api/users/{id}"), &body)
        }
        HistoryCall::Password { id, password, new } => {
            let body = json!({"password": text(*password), "new_password": text(*new)});
            json_request("PATCH", &format!("/api/users/{id}"), &body)
        }
        HistoryCall::Remove { id, password } => {
            json_request("DELETE", &format!("/api/users/{id}"), &json!({"password": text(*password)}))
        }
    }
}

fn text(password: PasswordNumber) -> String {
    format!("seven grey herons {password}")
}

/// The outcome that the response means; an error for a response that no call may get.
pub(crate) fn outcome(call: &HistoryCall, answer: &HttpResponse) -> Result<CallOutcome, String> {
    match answer.status {
        200 if matches!(call, HistoryCall::Password { .. }) => Ok(CallOutcome::Done),
        200 => seen(answer).map(CallOutcome::User).ok_or_else(|| format!("{call}: no user in {answer:?}")),
        401 => Ok(CallOutcome::WrongPassword),
        404 => Ok(CallOutcome::Missing),
        409 => Ok(CallOutcome::Taken),
        503 if answer.is_retryable_503() => Ok(CallOutcome::Unknown),
        _ => Err(format!("{call}: {answer:?}, {}", answer.text())),
    }
}

fn seen(answer: &HttpResponse) -> Option<ObservedUser> {
    let body = answer.json();
    let field = |name: &str| body[name].as_str().map(str::to_owned);
    let version = answer.header("ETag").and_then(|tag| tag.trim_matches('"').parse().ok());
    Some(ObservedUser { id: field("id")?, version, name: field("name")?, email: field("email")? })
}
