//! How many hashes a request computes, and what happens with outdated, unreadable and too many hashes.

use std::sync::Arc;

use rocket::http::Method::{self, Delete, Patch, Post, Put};
use rocket::local::asynchronous::Client;
use userd_core::{PasswordHash, UserId};
use userd_service::hashing::{HashSettings, PasswordHasher};

use super::{CHEAP_HASHES, OTHER_PASSWORD, PASSWORD, TestClient, UNKNOWN_ID, hasher, services_with_hasher, settings};
use userd_store::memory::MemoryStore;

/// `correct horse battery` as the Rocket + Redis tutorial hashes it.
const OLD_HASH: &str =
    "$argon2i$v=19$m=4096,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$9zPMIhKcfiQl4UJIjG3qGPZNFtgA8stHPOEtxrqPdOE";

struct HashCountSetup {
    api: TestClient,
    store: Arc<MemoryStore>,
    hasher: Arc<PasswordHasher>,
    ada: String,
}

async fn with_ada(settings_of_hashes: &HashSettings) -> HashCountSetup {
    let (store, hasher) = (Arc::new(MemoryStore::default()), hasher(settings_of_hashes));
    let rocket = userd_http::rocket(&settings(), services_with_hasher(Arc::clone(&store) as _, Arc::clone(&hasher)));
    let api = TestClient(Client::untracked(rocket).await.expect("the service ignites"));
    let ada = api.sign_up("Ada", "ada@example.com").await.id();
    HashCountSetup { api, store, hasher, ada }
}

fn body(method: Method, password: &str) -> String {
    match method {
        Put => format!(r#"{{"name":"Ada","email":"ada@example.com","password":"{password}"}}"#),
        Patch => format!(r#"{{"password":"{password}","new_password":"{OTHER_PASSWORD}"}}"#),
        _ => format!(r#"{{"password":"{password}"}}"#),
    }
}

#[rocket::async_test]
async fn an_unknown_user_costs_as_many_hashes_as_an_existing_one() {
    let HashCountSetup { api, hasher, ada, .. } = with_ada(&CHEAP_HASHES).await;
    for method in [Put, Patch, Delete] {
        let mut cost = Vec::new();
        for (id, status) in [(ada.as_str(), 401), (UNKNOWN_ID, 404)] {
            let before = hasher.hashes_done();
            let answer = api.json(method, &format!("/api/users/{id}"), body(method, "wrong password")).await;
            assert_eq!(answer.status, status);
            cost.push(hasher.hashes_done() - before);
        }
        assert_eq!(cost, [1, 1], "{method}");
    }
}

#[rocket::async_test]
async fn a_request_that_fails_validation_costs_no_hash() {
    let HashCountSetup { api, hasher, ada, .. } = with_ada(&CHEAP_HASHES).await;
    let before = hasher.hashes_done();
    let path = format!("/api/users/{ada}");
    api.json(Post, "/api/users", r#"{"name":"","email":"x@example.com","password":"correct horse battery"}"#).await;
    api.json(Put, &path, "{}").await;
    api.json(Patch, "/api/users/ada@example.com", body(Patch, PASSWORD)).await;
    api.json(Delete, "/api/users/17", body(Delete, PASSWORD)).await;
    assert_eq!(hasher.hashes_done(), before);
}

#[rocket::async_test]
async fn an_outdated_hash_is_upgraded_at_the_next_successful_check() {
    let HashCountSetup { api, store, ada, .. } = with_ada(&CHEAP_HASHES).await;
    let id = UserId::parse(&ada).expect("an id");
    store.set_password_hash(id, PasswordHash::parse(OLD_HASH).expect("a hash"));
    let path = format!("/api/users/{ada}");
    assert_eq!(api.json(Put, &path, body(Put, "wrong password")).await.status, 401);
    assert_eq!(store.all_users().remove(0).password_hash.as_str(), OLD_HASH, "a failed check upgrades nothing");
    let answer = api.json(Put, &path, body(Put, PASSWORD)).await;
    assert_eq!(answer.status, 200, "{answer}");
    let user = store.all_users().remove(0);
    assert!(user.password_hash.as_str().starts_with("$argon2id$"), "{}", user.password_hash.as_str());
    assert_eq!(answer.header("ETag"), Some(format!("\"{}\"", user.version).as_str()), "the tag is the last state");
    assert_eq!(api.json(Delete, &path, body(Delete, PASSWORD)).await.status, 200, "the password still holds");
}

#[rocket::async_test]
async fn an_old_hash_serves_for_a_new_password_and_for_a_deletion() {
    for method in [Patch, Delete] {
        let HashCountSetup { api, store, ada, .. } = with_ada(&CHEAP_HASHES).await;
        let id = UserId::parse(&ada).expect("an id");
        store.set_password_hash(id, PasswordHash::parse(OLD_HASH).expect("a hash"));
        let answer = api.json(method, &format!("/api/users/{ada}"), body(method, PASSWORD)).await;
        assert_eq!(answer.status, 200, "{answer}");
    }
}

#[rocket::async_test]
async fn an_unreadable_hash_is_one_users_problem() {
    let HashCountSetup { api, store, ada, .. } = with_ada(&CHEAP_HASHES).await;
    let bob = api.sign_up("Bob", "bob@example.com").await.id();
    let hash = "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
    store.set_password_hash(UserId::parse(&ada).expect("an id"), PasswordHash::parse(hash).expect("a hash"));
    let answer = api.json(Delete, &format!("/api/users/{ada}"), body(Delete, PASSWORD)).await;
    assert_eq!((answer.status, answer.slug().as_str()), (500, "record-unreadable"));
    assert!(!answer.text().contains("argon2") && !answer.text().contains("4194304"), "{answer}");
    assert_eq!(api.json(Delete, &format!("/api/users/{bob}"), body(Delete, PASSWORD)).await.status, 200);
}

#[rocket::async_test]
async fn too_many_concurrent_hashes_are_answered_503_and_reads_go_on() {
    let slow = HashSettings { memory_kib: 19_456, iterations: 2, workers: 1, queue: 1, ..CHEAP_HASHES };
    let HashCountSetup { api, ada, .. } = with_ada(&slow).await;
    let path = format!("/api/users/{ada}");
    let attempt = || api.json(Delete, &path, body(Delete, "wrong password"));
    let (a, b, c, d, read) = rocket::tokio::join!(attempt(), attempt(), attempt(), attempt(), api.get(&path));
    let mut statuses = [a.status, b.status, c.status, d.status];
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[3]), (401, 503), "{statuses:?}");
    let busy = [a, b, c, d].into_iter().find(|answer| answer.status == 503).expect("one was rejected");
    assert_eq!((busy.slug().as_str(), busy.header("Retry-After")), ("busy", Some("1")));
    assert_eq!(read.status, 200);
}
