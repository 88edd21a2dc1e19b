//! Rate limits of password attempts, which an attacker cannot use to lock out an account owner.

use insta::assert_snapshot;
use rocket::http::Method::{Patch, Post};
use userd_core::Scope;

use super::test_app::{RequestHeaders, TestApp, bearer, make_key};
use super::{OTHER_PASSWORD, PASSWORD, TestResponse, settings};

const ADA: &str = "ada@example.com";

fn login(email: &str, password: &str) -> String {
    serde_json::json!({ "email": email, "password": password }).to_string()
}

/// An attempt from an address of its own.
async fn attempt_from_new_address(app: &TestApp, number: u32, email: &str, password: &str) -> TestResponse {
    let from = format!("198.51.{}.{}", number / 200, number % 200 + 1);
    let headers: RequestHeaders = vec![("X-Request-Id", "t".to_owned())];
    app.fetch_from(&from, Post, "/api/login", &headers, &login(email, password)).await
}

async fn exhaust_account_limit(app: &TestApp, email: &str) -> TestResponse {
    for number in 0..20 {
        assert_eq!(attempt_from_new_address(app, number, email, OTHER_PASSWORD).await.status, 401, "attempt {number}");
    }
    attempt_from_new_address(app, 20, email, OTHER_PASSWORD).await
}

#[rocket::async_test]
async fn beyond_the_limit_the_answer_says_when_to_try_again() {
    let app = TestApp::with_api_key().await;
    app.sign_up_and_in("Ada", ADA).await;
    assert_snapshot!(exhaust_account_limit(&app, ADA).await, @r#"
    429
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/problem+json
    RateLimit: "account";r=0;t=900
    RateLimit-Policy: "account";q=20;w=18000
    Retry-After: 900

    {"type":"urn:userd:problem:too-many-attempts","title":"Too many attempts","status":429,"detail":"too many password attempts; try again after the seconds in Retry-After","request_id":"t"}
    "#);
    let hashes = app.hasher.hashes_done();
    assert_eq!(
        attempt_from_new_address(&app, 30, ADA, PASSWORD).await.status,
        429,
        "the right one is not verified either"
    );
    assert_eq!(app.hasher.hashes_done(), hashes);
    for (advance_ms, seconds) in [(1, "900"), (998, "900"), (2, "899"), (898_998, "1")] {
        app.clock.advance_ms(advance_ms);
        let answer = attempt_from_new_address(&app, 31, ADA, OTHER_PASSWORD).await;
        assert_eq!((answer.status, answer.header("Retry-After")), (429, Some(seconds)));
        assert_eq!(answer.header("RateLimit"), Some(format!("\"account\";r=0;t={seconds}").as_str()));
    }
    app.clock.advance_ms(1);
    assert_eq!(attempt_from_new_address(&app, 32, ADA, PASSWORD).await.status, 200, "one attempt was refilled");
    assert_eq!(
        attempt_from_new_address(&app, 33, ADA, OTHER_PASSWORD).await.status,
        401,
        "the right one reset the limit"
    );
}

#[rocket::async_test]
async fn the_limit_does_not_reveal_whether_an_account_exists() {
    let app = TestApp::with_api_key().await;
    app.sign_up_and_in("Ada", ADA).await;
    let (known, unknown) =
        (exhaust_account_limit(&app, ADA).await, exhaust_account_limit(&app, "eve@example.com").await);
    assert_eq!(known, unknown);
}

#[rocket::async_test]
async fn the_limit_of_an_address_is_lower_and_counts_ipv6_by_network() {
    let app = TestApp::with_api_key().await;
    app.sign_up_and_in("Ada", ADA).await;
    for (mut from, other) in
        [("203.0.113.9".to_owned(), "203.0.113.10"), ("[2001:db8:1:2::1]".to_owned(), "[2001:db8:1:3::1]")]
    {
        for number in 0..10 {
            let answer = app.fetch_from(&from, Post, "/api/login", &Vec::new(), &login(ADA, OTHER_PASSWORD)).await;
            assert_eq!(answer.status, 401);
            if from.starts_with('[') {
                from = format!("[2001:db8:1:2:{number}::7]");
            }
        }
        let answer = app.fetch_from(&from, Post, "/api/login", &Vec::new(), &login(ADA, PASSWORD)).await;
        assert_eq!(answer.header("RateLimit-Policy"), Some("\"account-and-address\";q=10;w=600"), "{answer}");
        assert_eq!((answer.status, answer.header("Retry-After")), (429, Some("60")));
        let answer = app.fetch_from(other, Post, "/api/login", &Vec::new(), &login(ADA, PASSWORD)).await;
        assert_eq!(answer.status, 200, "another address has its own bucket, and a right password resets the account's");
    }
}

#[rocket::async_test]
async fn right_passwords_are_not_counted() {
    let app = TestApp::with_api_key().await;
    app.sign_up_and_in("Ada", ADA).await;
    for _ in 0..5 {
        for password in [OTHER_PASSWORD; 9].into_iter().chain([PASSWORD; 30]) {
            let answer = app.fetch_from("203.0.113.9", Post, "/api/login", &Vec::new(), &login(ADA, password)).await;
            assert_eq!(answer.status, if password == PASSWORD { 200 } else { 401 }, "{answer}");
        }
    }
}

#[rocket::async_test]
async fn a_trusted_device_is_not_locked_out_by_attempts_of_others() {
    let app = TestApp::with_api_key().await;
    let (ada, bob) = (app.sign_up_and_in("Ada", ADA).await, app.sign_up_and_in("Bob", "bob@example.com").await);
    assert_eq!(exhaust_account_limit(&app, ADA).await.status, 429);
    let body = |password: &str, device: &str| {
        serde_json::json!({ "email": ADA, "password": password, "device_token": device }).to_string()
    };
    let cookie: RequestHeaders = vec![("Cookie", format!("__Host-did={}", ada.device))];
    for _ in 0..3 {
        let answer = app.fetch(Post, "/api/login", &Vec::new(), &body(PASSWORD, &ada.device)).await;
        assert_eq!(answer.status, 200, "{answer}");
        assert_eq!(app.fetch(Post, "/api/login", &cookie, &login(ADA, PASSWORD)).await.status, 200);
    }
    let spoilt = ada.device.replace(&ada.id, &bob.id);
    let foreign_devices = [bob.device.as_str(), &spoilt, &ada.device[..40], "", "d1"];
    exhaust_account_limit(&app, "other@example.com").await;
    for number in 40..60 {
        attempt_from_new_address(&app, number, ADA, OTHER_PASSWORD).await;
    }
    for device in foreign_devices {
        let answer = app.fetch(Post, "/api/login", &Vec::new(), &body(PASSWORD, device)).await;
        assert_eq!(answer.status, 429, "{device} is no trusted device of Ada's: {answer}");
    }
    for _ in 0..10 {
        let answer = app.fetch(Post, "/api/login", &Vec::new(), &body(OTHER_PASSWORD, &ada.device)).await;
        assert_eq!(answer.status, 401);
    }
    let answer = app.fetch(Post, "/api/login", &Vec::new(), &body(PASSWORD, &ada.device)).await;
    assert_eq!((answer.status, answer.header("RateLimit-Policy")), (429, Some("\"device\";q=10;w=600")), "{answer}");
}

#[rocket::async_test]
async fn a_session_has_its_own_limit_at_its_own_user_only() {
    let app = TestApp::with_api_key().await;
    let (ada, bob) = (app.sign_up_and_in("Ada", ADA).await, app.sign_up_and_in("Bob", "bob@example.com").await);
    assert_eq!(exhaust_account_limit(&app, ADA).await.status, 429);
    let change = |password: &str| format!(r#"{{"password":"{password}","new_password":"{PASSWORD}"}}"#);
    let path = format!("/api/users/{}", ada.id);
    assert_eq!(app.fetch(Patch, &path, &bearer(&ada.token), &change(PASSWORD)).await.status, 200);
    for _ in 0..10 {
        assert_eq!(app.fetch(Patch, &path, &bearer(&ada.token), &change(OTHER_PASSWORD)).await.status, 401);
    }
    let answer = app.fetch(Patch, &path, &bearer(&ada.token), &change(PASSWORD)).await;
    assert_eq!((answer.status, answer.header("RateLimit-Policy")), (429, Some("\"device\";q=10;w=600")), "{answer}");
    let answer = app.try_login(ADA, PASSWORD, &bearer(&bob.token)).await;
    assert_eq!(answer.status, 429, "Bob's session has no limit of its own at Ada's account: {answer}");
}

#[rocket::async_test]
async fn the_address_limit_does_not_apply_to_a_service() {
    let app = TestApp::with_api_key().await;
    app.api.sign_up("Ada", ADA).await;
    let key = make_key(&app.store, 5, &[Scope::UsersWrite]).await;
    let app = TestApp::with(settings(), app.store).await;
    for number in 0..400 {
        let body = login(&format!("unknown{number}@example.com"), OTHER_PASSWORD);
        assert_eq!(app.fetch_from("10.0.0.7", Post, "/api/login", &bearer(&key), &body).await.status, 401);
    }
    for number in 0..300 {
        let body = login(&format!("other{number}@example.com"), OTHER_PASSWORD);
        assert_eq!(app.fetch_from("10.0.0.8", Post, "/api/login", &Vec::new(), &body).await.status, 401);
    }
    let answer = app.fetch_from("10.0.0.8", Post, "/api/login", &Vec::new(), &login(ADA, PASSWORD)).await;
    assert_eq!((answer.status, answer.header("RateLimit-Policy")), (429, Some("\"address\";q=300;w=3600")), "{answer}");
}

#[rocket::async_test]
async fn ten_thousand_wrong_passwords_from_everywhere_lock_out_no_trusted_device() {
    let app = TestApp::with_api_key().await;
    let ada = app.sign_up_and_in("Ada", ADA).await;
    assert_eq!(app.delete("/api/session", &ada.token).await.status, 200);
    let honest = serde_json::json!({ "email": ADA, "password": PASSWORD, "device_token": ada.device }).to_string();
    let (mut verified, hashes) = (0, app.hasher.hashes_done());
    for number in 0..10_000 {
        let email = if number % 2 == 0 { ADA.to_owned() } else { format!("user{}@example.com", number % 1_000) };
        let answer = attempt_from_new_address(&app, number, &email, OTHER_PASSWORD).await;
        assert!(matches!(answer.status, 401 | 429), "{answer}");
        verified += u64::from(answer.status == 401);
        if number % 500 == 0 {
            let answer = app.fetch(Post, "/api/login", &Vec::new(), &honest).await;
            assert_eq!(answer.status, 200, "after {number}: {answer}");
        }
    }
    assert!(verified <= 1_000, "{verified} are more than the global limit");
    assert_eq!(app.hasher.hashes_done() - hashes, verified + 20, "a rejected attempt costs no hash");
    assert_eq!(app.store.sessions_count(), 20, "no other sign-in succeeded");
}
