//! Access to the metrics. Their values are tested in `crate::metrics`.

use rocket::http::Method::Get;
use userd_core::Scope;

use crate::http::test_app::{RequestHeaders, TestApp, bearer, make_key};
use userd_store::memory::InjectedFault;

fn host(name: &str) -> RequestHeaders {
    vec![("Host", name.to_owned())]
}

#[rocket::async_test]
async fn a_local_request_may_read_the_metrics_and_a_forwarded_one_may_not() {
    let app = TestApp::with_api_key().await;
    let forwarded = |name: &'static str| vec![("Host", "localhost".to_owned()), (name, "192.0.2.7".to_owned())];
    let cases = [
        ("127.0.0.1", host("127.0.0.1:8000"), 200),
        ("[::1]", host("localhost:8000"), 200),
        ("127.0.0.1", Vec::new(), 200),
        ("127.0.0.1", host("userd.example.org"), 401),
        ("127.0.0.1", forwarded("X-Forwarded-For"), 401),
        ("127.0.0.1", forwarded("Forwarded"), 401),
        ("127.0.0.1", forwarded("X-Real-IP"), 401),
        ("192.0.2.7", host("localhost"), 401),
    ];
    for (from, headers, status) in cases {
        let answer = app.fetch_from(from, Get, "/metrics", &headers, "").await;
        assert_eq!(answer.status, status, "{from} {headers:?}: {answer}");
        let kind = answer.header("Content-Type").expect("an answer has a type");
        if status == 200 {
            assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        } else {
            assert_eq!(answer.slug(), "authentication-required");
        }
    }
}

#[rocket::async_test]
async fn from_other_machines_the_metrics_need_the_scope_metrics_or_admin() {
    let app = TestApp::with_api_key().await;
    let metrics = make_key(&app.store, 2, &[Scope::Metrics]).await;
    let admin = make_key(&app.store, 3, &[Scope::Admin]).await;
    let other = make_key(&app.store, 4, &[Scope::UsersRead, Scope::SessionsRead]).await;
    for (key, status) in [(&metrics, 200), (&admin, 200), (&other, 403)] {
        let answer = app.fetch_from("192.0.2.7", Get, "/metrics", &bearer(key), "").await;
        assert_eq!(answer.status, status, "{answer}");
        assert!(status == 200 || answer.detail().contains("lacks the scope metrics"), "{answer}");
    }
}

#[rocket::async_test]
async fn while_the_store_is_away_the_metrics_report_it() {
    let app = TestApp::with_api_key().await;
    let look = async || app.fetch_from("127.0.0.1", Get, "/metrics", &host("localhost"), "").await;
    let up = |answer: &super::TestResponse| {
        let line = answer.text().lines().find(|line| line.starts_with("userd_store_up ")).expect("the metric exists");
        line.to_owned()
    };
    assert_eq!(up(&look().await), "userd_store_up 1");
    app.store.fail_at(0, InjectedFault::Unavailable);
    let away = look().await;
    assert_eq!((away.status, up(&away).as_str()), (200, "userd_store_up 0"), "{away}");
    assert!(app.store.has_failed());
}
