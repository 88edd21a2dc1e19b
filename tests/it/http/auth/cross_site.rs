//! A browser adds a cookie to the requests of any site, so `Sec-Fetch-Site` and `Origin` decide about them.

use rocket::http::Method::{Delete, Get, Post};
use userd_http::AccessSettings;

use crate::http::PASSWORD;
use crate::http::test_app::{RequestHeaders, TestApp, bearer};

const HOST: &str = "accounts.example.org";

fn access() -> AccessSettings {
    AccessSettings { allowed_origins: vec!["https://app.example.org".to_owned()], ..AccessSettings::default() }
}

fn page(fetch_site: Option<&str>, origin: Option<&str>, host: &str) -> RequestHeaders {
    let mut headers: RequestHeaders = vec![("Host", host.to_owned())];
    headers.extend(fetch_site.map(|site| ("Sec-Fetch-Site", site.to_owned())));
    headers.extend(origin.map(|origin| ("Origin", origin.to_owned())));
    headers
}

/// `Sec-Fetch-Site`, `Origin`, and whether a change with the cookie is accepted.
const CASES: [(Option<&str>, Option<&str>, bool); 20] = [
    (Some("same-origin"), None, true),
    (Some("same-origin"), Some("https://accounts.example.org"), true),
    (Some("same-site"), None, false),
    (Some("same-site"), Some("https://app.example.org"), true),
    (Some("same-site"), Some("https://other.example.org"), false),
    (Some("cross-site"), Some("https://app.example.org"), true),
    (Some("cross-site"), Some("https://evil.example"), false),
    (Some("cross-site"), Some("https://accounts.example.org"), false),
    (Some("cross-site"), None, false),
    (Some("none"), None, false),
    (Some("none"), Some("https://app.example.org"), false),
    (Some("Same-Origin"), None, false),
    (None, Some("https://accounts.example.org"), true),
    (None, Some("https://ACCOUNTS.example.org"), true),
    (None, Some("http://accounts.example.org"), false),
    (None, Some("https://accounts.example.org:8443"), false),
    (None, Some("https://app.example.org"), true),
    (None, Some("https://app.example.org.evil.example"), false),
    (None, Some("null"), false),
    (None, None, false),
];

#[rocket::async_test]
async fn a_change_with_a_cookie_is_accepted_from_allowed_origins_only() {
    let app = TestApp::with_api_key_and_access(access()).await;
    for (fetch_site, origin, done) in CASES {
        if app.store.all_users().is_empty() {
            app.api.sign_up("Ada", "ada@example.com").await;
        }
        let ada = app.login("ada@example.com").await;
        let mut headers = page(fetch_site, origin, HOST);
        headers.push(("Cookie", format!("__Host-sid={}", ada.token)));
        let answer = app.fetch(Delete, "/api/session", &headers, "").await;
        assert_eq!(answer.status, if done { 200 } else { 403 }, "{fetch_site:?} {origin:?}: {answer}");
        assert_eq!(app.get("/api/session", &ada.token).await.status, if done { 401 } else { 200 });
        if !done {
            assert_eq!(answer.slug(), "cross-site");
            assert_eq!(answer.header("Set-Cookie"), None, "a rejected request ends no session");
        }
        let explained = answer.status == 200
            || answer.detail().contains("Authorization: Bearer")
            || origin.is_some()
            || fetch_site.is_some();
        assert!(explained, "{answer}");
    }
}

#[rocket::async_test]
async fn reading_with_a_cookie_and_changing_with_a_token_need_no_such_header() {
    let app = TestApp::with_api_key_and_access(access()).await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    for (fetch_site, origin, _) in CASES {
        let mut headers = page(fetch_site, origin, HOST);
        headers.push(("Cookie", format!("__Host-sid={}", ada.token)));
        assert_eq!(app.fetch(Get, "/api/session", &headers, "").await.status, 200, "{fetch_site:?} {origin:?}");
        let mut headers = page(fetch_site, origin, HOST);
        headers.extend(bearer(&ada.token));
        let path = format!("/api/users/{}/sessions", ada.id);
        assert_eq!(app.fetch(Delete, &path, &headers, "").await.status, 200, "{fetch_site:?} {origin:?}");
    }
}

#[rocket::async_test]
async fn another_site_can_not_sign_its_visitor_in() {
    let app = TestApp::with_api_key_and_access(access()).await;
    app.api.sign_up("Ada", "ada@example.com").await;
    let body = |cookie: bool| format!(r#"{{"email":"ada@example.com","password":"{PASSWORD}","cookie":{cookie}}}"#);
    for (fetch_site, origin, done) in CASES {
        let headers = page(fetch_site, origin, HOST);
        let unknown = fetch_site.is_none() && origin.is_none();
        let answer = app.fetch(Post, "/api/login", &headers, &body(true)).await;
        assert_eq!(answer.status, if done || unknown { 200 } else { 403 }, "{fetch_site:?} {origin:?}: {answer}");
        assert_eq!(answer.header("Set-Cookie").is_some(), done || unknown, "{answer}");
        assert_eq!(app.fetch(Post, "/api/login", &headers, &body(false)).await.status, 200, "no cookie is set");
    }
}

#[rocket::async_test]
async fn on_loopback_the_plain_cookie_belongs_to_pages_by_http() {
    let app = TestApp::with_api_key().await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    let path = format!("/api/users/{}/sessions", ada.id);
    for (host, name, origin, status) in [
        ("localhost:8000", "sid", "http://localhost:8000", 200),
        ("127.0.0.1", "sid", "http://127.0.0.1", 200),
        ("localhost:80", "sid", "http://localhost", 200),
        ("localhost:8000", "sid", "https://localhost:8000", 403),
        ("localhost:8000", "sid", "http://localhost:9000", 403),
        ("localhost:8000", "__Host-sid", "https://localhost:8000", 200),
        ("localhost:8000", "__Host-sid", "http://localhost:8000", 403),
        ("accounts.example.org:443", "__Host-sid", "https://accounts.example.org", 200),
        ("accounts.example.org", "sid", "https://accounts.example.org", 401),
    ] {
        let mut headers = page(None, Some(origin), host);
        headers.push(("Cookie", format!("{name}={}", ada.token)));
        assert_eq!(app.fetch(Delete, &path, &headers, "").await.status, status, "{host} {name} {origin}");
    }
}

#[rocket::async_test]
async fn another_site_can_not_sign_its_visitor_out() {
    let app = TestApp::with_api_key_and_access(access()).await;
    let forget = Some("__Host-sid=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0");
    // The cookie is `SameSite=Lax`, so a page of another site has the browser send none.
    for (fetch_site, origin, done) in CASES {
        let answer = app.fetch(Delete, "/api/session", &page(fetch_site, origin, HOST), "").await;
        let unknown = fetch_site.is_none() && origin.is_none();
        let set = if done || unknown { forget } else { None };
        assert_eq!((answer.status, answer.header("Set-Cookie")), (401, set), "{fetch_site:?} {origin:?}: {answer}");
    }
}

#[rocket::async_test]
async fn a_form_can_not_override_its_method() {
    let app = TestApp::with_api_key().await;
    for form in ["_method=DELETE", "_method=get", "_method=put&a=b", "&_method=get", "_method.=put"] {
        let kind = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = app.api.send(Post, "/api/session", &kind, form).await;
        assert_eq!((answer.status, answer.header("Set-Cookie")), (405, None), "{form}: {answer}");
    }
}

#[rocket::async_test]
async fn a_cookie_whose_name_begins_with_a_wider_space_is_another_cookie() {
    let app = TestApp::with_api_key().await;
    let (ada, eve) =
        (app.sign_up_and_in("Ada", "ada@example.com").await, app.sign_up_and_in("Eve", "eve@example.com").await);
    // Any sibling host can set these cookies, as their names do not begin with `__Host-`.
    for space in ["\u{a0}", "\u{85}", "\u{2000}", "\u{3000}"] {
        let planted: RequestHeaders = vec![("Cookie", format!("{space}__Host-sid={}", eve.token))];
        assert_eq!(app.fetch(Get, "/api/session", &planted, "").await.status, 401, "{space:?}");
        let both: RequestHeaders = vec![("Cookie", format!("__Host-sid={};\t{space}__Host-sid=x", ada.token))];
        let answer = app.fetch(Get, "/api/session", &both, "").await;
        assert_eq!(answer.value()["user"]["name"], "Ada", "{space:?}: {answer}");
    }
}
