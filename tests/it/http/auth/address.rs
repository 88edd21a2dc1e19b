//! Client addresses: which address a session records.

use std::net::IpAddr;

use rocket::http::Method::Post;
use userd_http::{AccessSettings, TrustedProxies};

use crate::http::PASSWORD;
use crate::http::test_app::{RequestHeaders, SignedInUser, TestApp};

async fn seen_address(access: &AccessSettings, from: &str, forwarded: &[&str]) -> String {
    let app = TestApp::with_api_key_and_access(access.clone()).await;
    app.api.sign_up("Ada", "ada@example.com").await;
    let mut headers: RequestHeaders = forwarded.iter().map(|list| ("X-Forwarded-For", (*list).to_owned())).collect();
    headers.push(("X-Real-IP", "198.51.100.99".to_owned()));
    headers.push(("Forwarded", "for=198.51.100.98".to_owned()));
    let body = serde_json::json!({ "email": "ada@example.com", "password": PASSWORD }).to_string();
    let ada = SignedInUser::of(&app.fetch_from(from, Post, "/api/login", &headers, &body).await);
    let session = app.get("/api/session", &ada.token).await.value();
    session["session"]["address"].as_str().expect("an address").to_owned()
}

fn proxies(trusted: &[(&str, u8)], depth: usize) -> AccessSettings {
    let trusted = trusted.iter().map(|(text, bits)| (text.parse::<IpAddr>().expect("an address"), *bits)).collect();
    AccessSettings { proxies: TrustedProxies { trusted, depth }, ..AccessSettings::default() }
}

#[rocket::async_test]
async fn a_header_from_anywhere_else_is_ignored() {
    let no_proxies = AccessSettings::default();
    for forged in [vec![], vec!["198.51.100.7"], vec!["127.0.0.1", "::1"]] {
        assert_eq!(seen_address(&no_proxies, "203.0.113.9", &forged).await, "203.0.113.9");
    }
    let ours = proxies(&[("10.0.0.0", 8)], 1);
    assert_eq!(seen_address(&ours, "203.0.113.9", &["198.51.100.7"]).await, "203.0.113.9");
    assert_eq!(seen_address(&ours, "11.0.0.1", &["198.51.100.7"]).await, "11.0.0.1");
}

#[rocket::async_test]
async fn the_entry_before_the_trusted_proxies_is_the_client_address() {
    let one = proxies(&[("10.0.0.0", 8)], 1);
    let cases: [(&[&str], &str); 8] = [
        (&["198.51.100.7"], "198.51.100.7"),
        (&["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        (&["6.6.6.6", "6.6.6.7", "198.51.100.7"], "198.51.100.7"),
        (&["2001:db8::7"], "2001:db8::7"),
        (&["::ffff:198.51.100.7"], "198.51.100.7"),
        (&[], "10.1.2.3"),
        (&["198.51.100.7, unknown"], "10.1.2.3"),
        (&["198.51.100.7,"], "10.1.2.3"),
    ];
    for (forwarded, expected) in cases {
        assert_eq!(seen_address(&one, "10.1.2.3", forwarded).await, expected, "{forwarded:?}");
    }
    let two = proxies(&[("10.0.0.0", 8)], 2);
    assert_eq!(seen_address(&two, "10.1.2.3", &["6.6.6.6, 198.51.100.7, 10.0.0.9"]).await, "198.51.100.7");
    assert_eq!(seen_address(&two, "10.1.2.3", &["6.6.6.6", "198.51.100.7", "10.0.0.9"]).await, "198.51.100.7");
    assert_eq!(seen_address(&two, "10.1.2.3", &["198.51.100.7"]).await, "10.1.2.3", "too short");
}

#[rocket::async_test]
async fn an_ipv4_address_in_ipv6_is_the_ipv4_address() {
    assert_eq!(seen_address(&AccessSettings::default(), "[::ffff:203.0.113.9]", &[]).await, "203.0.113.9");
    let ours = proxies(&[("10.0.0.0", 8)], 1);
    assert_eq!(seen_address(&ours, "[::ffff:10.0.0.1]", &["198.51.100.7"]).await, "198.51.100.7");
}
