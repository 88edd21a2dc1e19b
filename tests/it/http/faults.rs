//! The store fails at its first call, its second, … until a run is clean: for every endpoint.

use std::sync::Arc;

use rocket::http::Method::{self, Delete, Get, Patch, Post, Put};
use userd::domain::User;

use super::{Answer, Front, OTHER_PASSWORD, PASSWORD, fresh};
use crate::support::memory_store::{Fault, INNARDS, MemoryStore};

/// More store calls than any request makes.
const CALLS_MAX: usize = 20;

/// Each endpoint that asks the store.
const ENDPOINTS: [(Method, &str); 8] = [
    (Get, "/api/users"),
    (Get, "/api/users/{id}"),
    (Get, "/api/users/ada@example.com"),
    (Get, "/health/ready"),
    (Post, "/api/users"),
    (Put, "/api/users/{id}"),
    (Patch, "/api/users/{id}"),
    (Delete, "/api/users/{id}"),
];

async fn request(front: &Front, method: Method, path: &str) -> Answer {
    let body = match method {
        Post => format!(r#"{{"name":"Bob","email":"bob@example.com","password":"{PASSWORD}"}}"#),
        Put => format!(r#"{{"name":"Countess","email":"countess@example.com","password":"{PASSWORD}"}}"#),
        Patch => format!(r#"{{"password":"{PASSWORD}","new_password":"{OTHER_PASSWORD}"}}"#),
        Delete => format!(r#"{{"password":"{PASSWORD}"}}"#),
        _ => String::new(),
    };
    front.json(method, path, body).await
}

async fn with_ada() -> (Front, Arc<MemoryStore>, String) {
    let (front, store) = fresh().await;
    let id = front.sign_up("Ada", "ada@example.com").await.id();
    (front, store, id)
}

/// What a change would leave, whatever its hash and ids.
fn outline(users: &[User]) -> Vec<(String, String, u64)> {
    users.iter().map(|u| (u.name.to_string(), u.email.as_written().to_owned(), u.version.number())).collect()
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
        for (method, path) in ENDPOINTS {
            for nth in 0..=CALLS_MAX {
                assert!(nth < CALLS_MAX, "{method} {path} never ends");
                let (front, store, id) = with_ada().await;
                let (before, path) = (store.everybody(), path.replace("{id}", &id));
                store.fail_at(nth, fault);
                let answer = request(&front, method, &path).await;
                if !store.has_failed() {
                    assert_eq!(answer.status, 200, "{method} {path}: {answer}");
                    break;
                }
                check(&answer, fault, &format!("{method} {path}"));
                assert_eq!(store.everybody(), before, "{method} {path}");
                assert_eq!(request(&front, method, &path).await.status, 200, "{method} {path} recovers");
            }
        }
    }
}

#[rocket::async_test]
async fn a_lost_answer_leaves_a_change_whole() {
    for (method, pattern) in ENDPOINTS {
        let (front, store, id) = with_ada().await;
        assert_eq!(request(&front, method, &pattern.replace("{id}", &id)).await.status, 200);
        let done = outline(&store.everybody());
        for nth in 0..CALLS_MAX {
            let (front, store, id) = with_ada().await;
            let before = outline(&store.everybody());
            store.fail_at(nth, Fault::UnavailableAfter);
            let answer = request(&front, method, &pattern.replace("{id}", &id)).await;
            if !store.has_failed() {
                break;
            }
            check(&answer, Fault::UnavailableAfter, &format!("{method} {pattern}"));
            let after = outline(&store.everybody());
            assert!(after == before || after == done, "{method} {pattern}: {after:?}");
        }
    }
}
