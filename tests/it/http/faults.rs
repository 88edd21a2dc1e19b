//! For every endpoint, the store fails at its first call, its second, and so on, until a run has no failure.

use std::sync::Arc;

use rocket::http::Method::{self, Delete, Get, Patch, Post, Put};
use userd_core::Scope;

use super::test_app::{SignedInUser, TestApp, bearer, make_key};
use super::{OTHER_PASSWORD, PASSWORD, TestResponse, settings};
use userd_store::memory::{INTERNAL_DETAIL, InjectedFault, MemoryStore};

/// More store calls than any request makes.
const CALLS_MAX: usize = 20;

/// An endpoint that calls the store.
#[derive(Clone, Copy)]
struct EndpointCase {
    method: Method,
    path: &'static str,
    /// Whether the request has Ada's session.
    signed_in: bool,
    /// Calls whose failure does not fail the request: refunds for a right password, and the global limit, without which
    /// the limits of the account still hold.
    tolerated: usize,
}

const fn endpoint(method: Method, path: &'static str, signed_in: bool, tolerated: usize) -> EndpointCase {
    EndpointCase { method, path, signed_in, tolerated }
}

const ENDPOINT_CASES: [EndpointCase; 22] = [
    endpoint(Get, "/api/users", false, 0),
    endpoint(Get, "/api/users/{id}", false, 0),
    endpoint(Get, "/api/users/{id}", true, 0),
    endpoint(Get, "/api/users/ada@example.com", false, 0),
    endpoint(Get, "/health/ready", false, 0),
    endpoint(Post, "/api/users", false, 0),
    endpoint(Put, "/api/users/{id}", false, 3),
    endpoint(Patch, "/api/users/{id}", false, 3),
    endpoint(Delete, "/api/users/{id}", false, 3),
    endpoint(Put, "/api/users/{id}", true, 1),
    endpoint(Patch, "/api/users/{id}", true, 1),
    endpoint(Delete, "/api/users/{id}", true, 1),
    endpoint(Post, "/api/login", false, 3),
    endpoint(Get, "/api/session", true, 0),
    endpoint(Delete, "/api/session", true, 0),
    endpoint(Get, "/api/users/{id}/sessions", true, 0),
    endpoint(Delete, "/api/users/{id}/sessions/{session}", true, 0),
    endpoint(Delete, "/api/users/{id}/sessions", true, 0),
    endpoint(Post, "/api/token", true, 0),
    endpoint(Post, "/api/token/refresh", false, 0),
    endpoint(Get, "/.well-known/jwks.json", false, 0),
    endpoint(Get, "/.well-known/openid-configuration", false, 0),
];

/// Ada is signed in twice.
struct FaultSetup {
    app: TestApp,
    ada: SignedInUser,
    other: SignedInUser,
}

impl FaultSetup {
    async fn new() -> Self {
        let app = TestApp::without_api_keys().await;
        let (ada, other) = (app.sign_up_and_in("Ada", "ada@example.com").await, app.login("ada@example.com").await);
        Self { app, ada, other }
    }

    async fn request(&self, endpoint: EndpointCase) -> TestResponse {
        let body = match endpoint.method {
            Post if endpoint.path == "/api/login" => {
                format!(r#"{{"email":"ada@example.com","password":"{PASSWORD}","cookie":true,"refresh":true}}"#)
            }
            Post if endpoint.path == "/api/token" => "{}".to_owned(),
            Post if endpoint.path == "/api/token/refresh" => format!(r#"{{"refresh_token":"{}"}}"#, self.other.refresh),
            Post => format!(r#"{{"name":"Bob","email":"bob@example.com","password":"{PASSWORD}"}}"#),
            Put => format!(r#"{{"name":"Countess","email":"countess@example.com","password":"{PASSWORD}"}}"#),
            Patch => format!(r#"{{"password":"{PASSWORD}","new_password":"{OTHER_PASSWORD}"}}"#),
            Delete if endpoint.path == "/api/users/{id}" => format!(r#"{{"password":"{PASSWORD}"}}"#),
            _ => String::new(),
        };
        let path = endpoint.path.replace("{id}", &self.ada.id).replace("{session}", &self.other.session);
        let headers = if endpoint.signed_in { bearer(&self.ada.token) } else { Vec::new() };
        self.app.fetch(endpoint.method, &path, &headers, &body).await
    }

    /// The state that a change would alter, without hashes and ids.
    fn state_outline(&self) -> (Vec<(String, String, u64)>, usize) {
        let users = self.app.store.all_users();
        let users = users
            .iter()
            .map(|u| (u.name.as_str().to_owned(), u.email.as_written().to_owned(), u.version.number()))
            .collect();
        (users, self.app.store.sessions_count())
    }
}

fn check(answer: &TestResponse, fault: InjectedFault, what: &str) {
    let (status, slug) = match fault {
        InjectedFault::Unavailable | InjectedFault::UnavailableAfter => (503, "store-unavailable"),
        InjectedFault::Corrupt if what.ends_with("/health/ready") => (503, "store-unavailable"),
        InjectedFault::Corrupt => (500, "record-unreadable"),
    };
    assert_eq!((answer.status, answer.slug().as_str()), (status, slug), "{what}: {answer}");
    assert_eq!(answer.header("Retry-After").is_some(), status == 503, "{what}");
    for secret in [INTERNAL_DETAIL, "innards", "redis", "sqlite", PASSWORD, "$argon2", "$fake"] {
        assert!(!answer.text().to_lowercase().contains(&secret.to_lowercase()), "{what} reveals {secret}");
    }
}

#[rocket::async_test]
async fn every_failed_call_is_an_honest_answer_and_nothing_is_half_done() {
    for fault in [InjectedFault::Unavailable, InjectedFault::Corrupt] {
        for endpoint in ENDPOINT_CASES {
            let what = format!("{} {}", endpoint.method, endpoint.path);
            let mut tolerated = 0;
            for nth in 0..=CALLS_MAX {
                assert!(nth < CALLS_MAX, "{what} never ends");
                let setup = FaultSetup::new().await;
                let before = (setup.app.store.all_users(), setup.state_outline());
                setup.app.store.fail_at(nth, fault);
                let answer = setup.request(endpoint).await;
                if !setup.app.store.has_failed() {
                    assert_eq!(answer.status, 200, "{what}: {answer}");
                    break;
                }
                if answer.status == 200 {
                    tolerated += 1;
                    continue;
                }
                check(&answer, fault, &what);
                assert_eq!((setup.app.store.all_users(), setup.state_outline()), before, "{what}");
                assert_eq!(setup.request(endpoint).await.status, 200, "{what} recovers");
            }
            assert_eq!(tolerated, endpoint.tolerated, "{what}");
        }
    }
}

#[rocket::async_test]
async fn a_lost_answer_leaves_a_change_whole() {
    for endpoint in ENDPOINT_CASES {
        let what = format!("{} {}", endpoint.method, endpoint.path);
        let setup = FaultSetup::new().await;
        assert_eq!(setup.request(endpoint).await.status, 200);
        let done = setup.state_outline();
        for nth in 0..CALLS_MAX {
            let setup = FaultSetup::new().await;
            let before = setup.state_outline();
            setup.app.store.fail_at(nth, InjectedFault::UnavailableAfter);
            let answer = setup.request(endpoint).await;
            if !setup.app.store.has_failed() {
                break;
            }
            let after = setup.state_outline();
            if answer.status == 200 {
                assert_eq!(after, done, "{what}");
                continue;
            }
            check(&answer, InjectedFault::UnavailableAfter, &what);
            assert!(after == before || after == done, "{what}: {after:?}");
        }
    }
}

#[rocket::async_test]
async fn the_first_sign_in_of_all_which_makes_the_key_for_devices_survives_every_fault() {
    for fault in [InjectedFault::Unavailable, InjectedFault::UnavailableAfter] {
        for nth in 0..=CALLS_MAX {
            assert!(nth < CALLS_MAX, "it never ends");
            let app = TestApp::without_api_keys().await;
            app.api.sign_up("Ada", "ada@example.com").await;
            app.store.fail_at(nth, fault);
            let answer = app.try_login("ada@example.com", PASSWORD, &Vec::new()).await;
            if !app.store.has_failed() {
                assert_eq!(answer.status, 200);
                break;
            }
            assert!(matches!(answer.status, 200 | 503), "{answer}");
            let ada = app.login("ada@example.com").await;
            let known =
                serde_json::json!({ "email": "ada@example.com", "password": PASSWORD, "device_token": ada.device });
            assert_eq!(app.fetch(Post, "/api/login", &Vec::new(), &known.to_string()).await.status, 200);
        }
    }
}

#[rocket::async_test]
async fn a_service_is_answered_though_the_use_of_its_key_could_not_be_written() {
    let mut statuses = Vec::new();
    for nth in 0..=CALLS_MAX {
        assert!(nth < CALLS_MAX, "it never ends");
        let store = Arc::new(MemoryStore::default());
        let key = make_key(&store, 5, &[Scope::UsersRead]).await;
        let app = TestApp::with(settings(), store).await;
        app.store.fail_at(nth, InjectedFault::Unavailable);
        let answer = app.get("/api/users", &key).await;
        if !app.store.has_failed() {
            break;
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [503, 200, 200, 503], "reading the keys, writing the last use twice, counting");
}

#[rocket::async_test]
async fn a_session_is_good_though_its_use_could_not_be_written() {
    let FaultSetup { app, ada, .. } = FaultSetup::new().await;
    app.clock.advance_ms(60_000);
    app.store.fail_at(1, InjectedFault::Unavailable);
    assert_eq!(app.get("/api/session", &ada.token).await.status, 200);
    assert!(app.store.has_failed());
    app.store.take_calls();
    assert_eq!(app.get("/api/session", &ada.token).await.status, 200);
    assert_eq!(app.store.take_calls().len(), 1, "not at once: a store without writes must not delay other requests");
}
