//! The store fails at its first call, its second, … until a run is clean: for every endpoint.

use std::sync::Arc;

use rocket::http::Method::{self, Delete, Get, Patch, Post, Put};
use userd_core::Scope;

use super::scene::{Person, Scene, bearer, make_key};
use super::{Answer, OTHER_PASSWORD, PASSWORD, settings};
use userd_store::memory::{Fault, INNARDS, MemoryStore};

/// More store calls than any request makes.
const CALLS_MAX: usize = 20;

/// An endpoint that asks the store.
#[derive(Clone, Copy)]
struct Endpoint {
    method: Method,
    path: &'static str,
    /// Whether Ada's session is shown.
    signed_in: bool,
    /// Calls whose failure is borne: what a right password is given back, which the person is not kept waiting for, and
    /// the limit of all together, without which the account's own still hold.
    borne: usize,
}

const fn endpoint(method: Method, path: &'static str, signed_in: bool, borne: usize) -> Endpoint {
    Endpoint { method, path, signed_in, borne }
}

const ENDPOINTS: [Endpoint; 22] = [
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
struct Stage {
    scene: Scene,
    ada: Person,
    other: Person,
}

impl Stage {
    async fn new() -> Self {
        let scene = Scene::protected().await;
        let (ada, other) = (scene.join("Ada", "ada@example.com").await, scene.login("ada@example.com").await);
        Self { scene, ada, other }
    }

    async fn request(&self, endpoint: Endpoint) -> Answer {
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
        self.scene.ask(endpoint.method, &path, &headers, &body).await
    }

    /// What a change would leave, whatever its hash and ids.
    fn outline(&self) -> (Vec<(String, String, u64)>, usize) {
        let users = self.scene.store.everybody();
        let users =
            users.iter().map(|u| (u.name.to_string(), u.email.as_written().to_owned(), u.version.number())).collect();
        (users, self.scene.store.sessions_count())
    }
}

fn check(answer: &Answer, fault: Fault, what: &str) {
    let (status, slug) = match fault {
        Fault::Unavailable | Fault::UnavailableAfter => (503, "store-unavailable"),
        Fault::Corrupt if what.ends_with("/health/ready") => (503, "store-unavailable"),
        Fault::Corrupt => (500, "record-unreadable"),
    };
    assert_eq!((answer.status, answer.slug().as_str()), (status, slug), "{what}: {answer}");
    assert_eq!(answer.header("Retry-After").is_some(), status == 503, "{what}");
    for secret in [INNARDS, "innards", "redis", "sqlite", PASSWORD, "$argon2", "$fake"] {
        assert!(!answer.text().to_lowercase().contains(&secret.to_lowercase()), "{what} tells {secret}");
    }
}

#[rocket::async_test]
async fn every_failed_call_is_an_honest_answer_and_nothing_is_half_done() {
    for fault in [Fault::Unavailable, Fault::Corrupt] {
        for endpoint in ENDPOINTS {
            let what = format!("{} {}", endpoint.method, endpoint.path);
            let mut borne = 0;
            for nth in 0..=CALLS_MAX {
                assert!(nth < CALLS_MAX, "{what} never ends");
                let stage = Stage::new().await;
                let before = (stage.scene.store.everybody(), stage.outline());
                stage.scene.store.fail_at(nth, fault);
                let answer = stage.request(endpoint).await;
                if !stage.scene.store.has_failed() {
                    assert_eq!(answer.status, 200, "{what}: {answer}");
                    break;
                }
                if answer.status == 200 {
                    borne += 1;
                    continue;
                }
                check(&answer, fault, &what);
                assert_eq!((stage.scene.store.everybody(), stage.outline()), before, "{what}");
                assert_eq!(stage.request(endpoint).await.status, 200, "{what} recovers");
            }
            assert_eq!(borne, endpoint.borne, "{what}");
        }
    }
}

#[rocket::async_test]
async fn a_lost_answer_leaves_a_change_whole() {
    for endpoint in ENDPOINTS {
        let what = format!("{} {}", endpoint.method, endpoint.path);
        let stage = Stage::new().await;
        assert_eq!(stage.request(endpoint).await.status, 200);
        let done = stage.outline();
        for nth in 0..CALLS_MAX {
            let stage = Stage::new().await;
            let before = stage.outline();
            stage.scene.store.fail_at(nth, Fault::UnavailableAfter);
            let answer = stage.request(endpoint).await;
            if !stage.scene.store.has_failed() {
                break;
            }
            let after = stage.outline();
            if answer.status == 200 {
                assert_eq!(after, done, "{what}");
                continue;
            }
            check(&answer, Fault::UnavailableAfter, &what);
            assert!(after == before || after == done, "{what}: {after:?}");
        }
    }
}

#[rocket::async_test]
async fn the_first_sign_in_of_all_which_makes_the_key_for_devices_survives_every_fault() {
    for fault in [Fault::Unavailable, Fault::UnavailableAfter] {
        for nth in 0..=CALLS_MAX {
            assert!(nth < CALLS_MAX, "it never ends");
            let scene = Scene::protected().await;
            scene.front.sign_up("Ada", "ada@example.com").await;
            scene.store.fail_at(nth, fault);
            let answer = scene.try_login("ada@example.com", PASSWORD, &Vec::new()).await;
            if !scene.store.has_failed() {
                assert_eq!(answer.status, 200);
                break;
            }
            assert!(matches!(answer.status, 200 | 503), "{answer}");
            let ada = scene.login("ada@example.com").await;
            let known =
                serde_json::json!({ "email": "ada@example.com", "password": PASSWORD, "device_token": ada.device });
            assert_eq!(scene.ask(Post, "/api/login", &Vec::new(), &known.to_string()).await.status, 200);
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
        let scene = Scene::with(settings(), store).await;
        scene.store.fail_at(nth, Fault::Unavailable);
        let answer = scene.get("/api/users", &key).await;
        if !scene.store.has_failed() {
            break;
        }
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [503, 200, 200, 503], "reading the keys, twice for the last use, counting");
}

#[rocket::async_test]
async fn a_session_is_good_though_its_use_could_not_be_written() {
    let Stage { scene, ada, .. } = Stage::new().await;
    scene.clock.advance_ms(60_000);
    scene.store.fail_at(1, Fault::Unavailable);
    assert_eq!(scene.get("/api/session", &ada.token).await.status, 200);
    assert!(scene.store.has_failed());
    scene.store.calls_made();
    assert_eq!(scene.get("/api/session", &ada.token).await.status, 200);
    assert_eq!(scene.store.calls_made().len(), 1, "not at once: a store that takes no writes holds up nobody else");
}
