//! Sign-in over the wire: requests and responses.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::http_client::{HttpResponse, PASSWORD, body_offset, fetch, get, json_request, sign_up};

/// The bytes of a sign-in.
pub fn login(email: &str, password: &str) -> Vec<u8> {
    json_request("POST", "/api/login", &json!({"email": email, "password": password}))
}

/// The bytes of a sign-in from a trusted device.
pub fn login_with_device(device: &str, email: &str, password: &str) -> Vec<u8> {
    json_request("POST", "/api/login", &json!({"email": email, "password": password, "device_token": device}))
}

/// The request with one more header.
pub fn with_header(request: Vec<u8>, name: &str, value: &str) -> Vec<u8> {
    let end_of_head = body_offset(&request) - 2;
    let mut bytes = request;
    let header = format!("{name}: {value}\r\n");
    bytes.splice(end_of_head..end_of_head, header.into_bytes());
    bytes
}

/// The request with this token or key as bearer credential.
pub fn with_bearer(token: &str, request: Vec<u8>) -> Vec<u8> {
    with_header(request, "Authorization", &format!("Bearer {token}"))
}

/// The session of this token.
pub async fn current_session(address: SocketAddr, token: &str) -> HttpResponse {
    fetch(address, &with_bearer(token, get("/api/session"))).await
}

/// Signs out.
pub async fn sign_out(address: SocketAddr, token: &str) -> HttpResponse {
    let request = b"DELETE /api/session HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec();
    fetch(address, &with_bearer(token, request)).await
}

/// Signs up.
pub async fn sign_up_user(address: SocketAddr, email: &str) -> String {
    let answer = fetch(address, &sign_up(email)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.id()
}

/// Signs in a user with the usual password.
pub async fn sign_in(address: SocketAddr, email: &str) -> Value {
    let request = json!({"email": email, "password": PASSWORD, "refresh": true});
    let answer = fetch(address, &json_request("POST", "/api/login", &request)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The text of a field.
pub fn text_field(answer: &Value, field: &str) -> String {
    answer[field].as_str().unwrap_or_else(|| panic!("{field} is no text: {answer}")).to_owned()
}
