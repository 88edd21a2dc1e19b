//! Administration over HTTP, and its effects on the users.

use insta::assert_snapshot;
use rocket::http::Method::{self, Delete, Get, Patch, Post, Put};
use serde_json::{Value, json};
use userd_core::Scope;

use super::test_app::{RequestHeaders, SignedInUser, TestApp, bearer, make_key};
use super::{OTHER_PASSWORD, PASSWORD, TestResponse, UNKNOWN_ID};

/// A service with the API key of an administrator.
struct AdminApp {
    app: TestApp,
    key: String,
}

impl AdminApp {
    async fn open() -> Self {
        let app = TestApp::with_api_key().await;
        let key = make_key(&app.store, 7, &[Scope::Admin]).await;
        Self { app, key }
    }

    async fn fetch(&self, method: Method, path: &str, body: &str) -> TestResponse {
        self.app.fetch(method, path, &bearer(&self.key), body).await
    }

    async fn get(&self, path: &str) -> TestResponse {
        self.fetch(Get, path, "").await
    }

    async fn update_account(&self, id: &str, body: &str) -> TestResponse {
        let answer = self.fetch(Patch, &format!("/admin/users/{id}"), body).await;
        assert_eq!(answer.status, 200, "{answer}");
        answer
    }

    async fn sign_up_users(&self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for number in 0..count {
            self.app.clock.advance_ms(1);
            ids.push(self.app.api.sign_up("User", &format!("n{number}@example.com")).await.id());
        }
        ids
    }

    /// The ids on a page, and its cursors.
    async fn page(&self, path: &str) -> (Vec<String>, Option<String>, Option<String>) {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{answer}");
        let value = answer.value();
        let items = value["items"].as_array().expect("a list").iter();
        let ids = items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect();
        let cursor = |name: &str| value[name].as_str().map(str::to_owned);
        (ids, cursor("next"), cursor("previous"))
    }
}

async fn change(app: &TestApp, ada: &SignedInUser, method: Method, body: &Value) -> TestResponse {
    app.fetch(method, &format!("/api/users/{}", ada.id), &RequestHeaders::new(), &body.to_string()).await
}

async fn problems_of_sign_ins(admin: &AdminApp, ada: &SignedInUser, password: &str) -> Vec<String> {
    let (app, next) = (&admin.app, "nine brown bears, fishing");
    let bodies = [
        (Put, json!({ "name": "Ada", "email": "ada@example.com", "password": password })),
        (Patch, json!({ "password": password, "new_password": next })),
        (Delete, json!({ "password": password })),
    ];
    let mut slugs = Vec::new();
    let login = app.try_login("ada@example.com", password, &RequestHeaders::new()).await;
    slugs.push(format!("{} {}", login.status, login.slug()));
    let key = make_key(&app.store, 8, &[Scope::UsersWrite]).await;
    app.clock.advance_ms(2_000);
    for (method, body) in bodies {
        let kept = app.store.snapshot();
        let path = format!("/api/users/{}", ada.id);
        let answer = app.fetch(method, &path, &bearer(&key), &body.to_string()).await;
        let slug = if answer.status == 200 { String::new() } else { answer.slug() };
        slugs.push(format!("{} {slug}", answer.status).trim_end().to_owned());
        app.store.restore(kept);
    }
    slugs
}

#[rocket::async_test]
async fn an_account_is_shown_without_any_hash() {
    let admin = AdminApp::open().await;
    let ada = admin.app.api.sign_up("Ada", "Ada@Example.com").await.id();
    assert_snapshot!(admin.get(&format!("/admin/users/{ada}")).await, @r#"
    200
    Cache-Control: no-store
    Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
    Content-Type: application/json
    ETag: "1"

    {"id":"01a203aa-e877-7e56-971c-de355897421e","name":"Ada","email":"Ada@Example.com","created_at":"2026-11-22T14:31:02.007Z","updated_at":"2026-11-22T14:31:02.007Z","disabled":false,"password_expired":false}
    "#);
    for path in ["/admin/users", "/admin/users/ada@example.com", "/admin/stats"] {
        let answer = admin.get(path).await;
        assert_eq!(answer.status, 200, "{answer}");
        assert!(!answer.text().contains("argon2"), "{answer}");
    }
    assert_eq!(admin.get(&format!("/admin/users/{UNKNOWN_ID}")).await.slug(), "user-not-found");
    assert_eq!(admin.get("/admin/users/unknown").await.slug(), "user-not-found");
    assert_snapshot!(admin.get("/admin/stats").await.text(), @r#"{"users":1,"store":"memory","version":"0.1.0"}"#);
}

#[rocket::async_test]
async fn a_disabled_user_is_signed_out_at_once_and_only_the_right_password_reveals_it() {
    let admin = AdminApp::open().await;
    let ada = admin.app.sign_up_and_in("Ada", "ada@example.com").await;
    let answer = admin.update_account(&ada.id, r#"{"disabled":true}"#).await;
    assert_eq!((answer.value()["disabled"].clone(), answer.header("ETag")), (json!(true), Some("\"2\"")));
    assert_eq!(admin.app.get("/api/session", &ada.token).await.slug(), "authentication-required");
    let refresh = json!({ "refresh_token": ada.refresh }).to_string();
    let refused = admin.app.fetch(Post, "/api/token/refresh", &RequestHeaders::new(), &refresh).await;
    assert_eq!(refused.slug(), "invalid-refresh-token");
    let disabled = "403 account-disabled";
    assert_eq!(problems_of_sign_ins(&admin, &ada, PASSWORD).await, [disabled; 4]);
    let wrong = "401 invalid-credentials";
    assert_eq!(problems_of_sign_ins(&admin, &ada, OTHER_PASSWORD).await, [wrong; 4]);
    admin.update_account(&ada.id, r#"{"disabled":false}"#).await;
    assert_eq!(admin.app.get("/api/session", &ada.token).await.status, 401, "an ended session stays ended");
    admin.app.login("ada@example.com").await;
}

#[rocket::async_test]
async fn an_expired_password_can_only_be_changed() {
    let admin = AdminApp::open().await;
    let ada = admin.app.sign_up_and_in("Ada", "ada@example.com").await;
    admin.update_account(&ada.id, r#"{"password_expired":true}"#).await;
    assert_eq!(admin.app.get("/api/session", &ada.token).await.status, 401);
    let expired = "403 password-expired";
    assert_eq!(problems_of_sign_ins(&admin, &ada, PASSWORD).await, [expired, expired, "200", expired]);
    let key = make_key(&admin.app.store, 9, &[Scope::UsersWrite]).await;
    admin.app.clock.advance_ms(2_000);
    let path = format!("/api/users/{}", ada.id);
    let another = |new: &str| json!({ "password": PASSWORD, "new_password": new }).to_string();
    let same = admin.app.fetch(Patch, &path, &bearer(&key), &another(PASSWORD)).await;
    assert_eq!((same.status, same.pointers()), (422, vec!["/new_password".to_owned()]), "{same}");
    assert_eq!(same.detail(), "new_password must not be the password that has expired");
    let other = admin.app.fetch(Patch, &path, &bearer(&key), &another(OTHER_PASSWORD)).await;
    assert_eq!(other.status, 200, "{other}");
    assert_eq!(admin.app.try_login("ada@example.com", OTHER_PASSWORD, &RequestHeaders::new()).await.status, 200);
    assert_eq!(change(&admin.app, &ada, Put, &json!({})).await.status, 401, "anonymous requests still are rejected");
}

#[rocket::async_test]
async fn an_administrator_creates_users_and_sets_passwords() {
    let admin = AdminApp::open().await;
    let body = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD, "password_expired": true });
    let made = admin.fetch(Post, "/admin/users", &body.to_string()).await;
    assert_eq!((made.status, made.value()["password_expired"].clone()), (200, json!(true)), "{made}");
    assert_eq!(admin.fetch(Post, "/admin/users", &body.to_string()).await.slug(), "email-taken");
    let login = admin.app.try_login("ada@example.com", PASSWORD, &RequestHeaders::new()).await;
    assert_eq!(login.slug(), "password-expired");
    let path = format!("/admin/users/{}/password", made.id());
    let given = admin.fetch(Put, &path, &json!({ "new_password": OTHER_PASSWORD }).to_string()).await;
    assert_eq!((given.status, given.value()["password_expired"].clone()), (200, json!(false)), "{given}");
    let login = admin.app.try_login("ada@example.com", OTHER_PASSWORD, &RequestHeaders::new()).await;
    let ada = SignedInUser::of(&login);
    let again = json!({ "new_password": PASSWORD, "password_expired": true }).to_string();
    assert_eq!(admin.fetch(Put, &path, &again).await.status, 200);
    assert_eq!(admin.app.get("/api/session", &ada.token).await.status, 401);
    let personal = admin.fetch(Put, &path, r#"{"new_password":"ada@example.com"}"#).await;
    assert_eq!((personal.status, personal.pointers()), (422, vec!["/new_password".to_owned()]), "{personal}");
    let unknown = format!("/admin/users/{UNKNOWN_ID}/password");
    assert_eq!(admin.fetch(Put, &unknown, &again).await.slug(), "user-not-found");
}

#[rocket::async_test]
async fn a_status_update_needs_a_known_field_and_a_repeated_one_changes_nothing() {
    let admin = AdminApp::open().await;
    let ada = admin.app.api.sign_up("Ada", "ada@example.com").await.id();
    let path = format!("/admin/users/{ada}");
    for body in ["{}", r#"{"disabled":null}"#, r#"{"disabled":"yes"}"#, r#"{"disable":true}"#] {
        let answer = admin.fetch(Patch, &path, body).await;
        assert_eq!((answer.status, answer.slug().as_str()), (422, "invalid-fields"), "{body}: {answer}");
    }
    for _ in 0..2 {
        assert_eq!(admin.update_account(&ada, r#"{"disabled":true}"#).await.header("ETag"), Some("\"2\""));
    }
    let stale = [("If-Match", "\"1\"".to_owned())];
    let headers: RequestHeaders = bearer(&admin.key).into_iter().chain(stale).collect();
    let (enable, set_password) = (r#"{"disabled":false}"#, format!(r#"{{"new_password":"{OTHER_PASSWORD}"}}"#));
    for (method, path, body) in [
        (Patch, path.clone(), enable),
        (Put, format!("{path}/password"), set_password.as_str()),
        (Delete, path.clone(), ""),
    ] {
        let answer = admin.app.fetch(method, &path, &headers, body).await;
        assert_eq!((answer.status, answer.slug().as_str()), (412, "precondition-failed"), "{answer}");
    }
    let known = [("If-None-Match", "\"2\"".to_owned())];
    let headers: RequestHeaders = bearer(&admin.key).into_iter().chain(known).collect();
    assert_eq!(admin.app.fetch(Get, &path, &headers, "").await.status, 304);
}

#[rocket::async_test]
async fn sessions_are_seen_and_ended_and_users_deleted() {
    let admin = AdminApp::open().await;
    let ada = admin.app.sign_up_and_in("Ada", "ada@example.com").await;
    let other = admin.app.login("ada@example.com").await;
    let path = format!("/admin/users/{}/sessions", ada.id);
    let (ids, next, previous) = admin.page(&path).await;
    assert_eq!((ids.len(), next, previous), (2, None, None));
    let ended = admin.fetch(Delete, &format!("{path}/{}", ada.session), "").await;
    assert_eq!((ended.status, ended.text()), (200, "\"Session ended\""));
    assert_eq!(admin.page(&path).await.0, [other.session]);
    let ended = admin.fetch(Delete, &path, "").await;
    assert_eq!((ended.status, ended.text()), (200, "\"Sessions ended\""));
    assert_eq!(admin.app.get("/api/session", &other.token).await.status, 401);
    assert_eq!(admin.fetch(Delete, &format!("{path}/{}", ada.session), "").await.slug(), "session-not-found");
    let deleted = admin.fetch(Delete, &format!("/admin/users/{}", ada.id), "").await;
    assert_eq!((deleted.status, deleted.id(), deleted.header("ETag")), (200, ada.id.clone(), None));
    for (method, path) in [(Delete, format!("/admin/users/{}", ada.id)), (Get, path.clone()), (Delete, path)] {
        assert_eq!(admin.fetch(method, &path, "").await.slug(), "user-not-found", "{method} {path}");
    }
}

#[rocket::async_test]
async fn events_are_read_newest_first_page_by_page_and_outlive_their_user() {
    let admin = AdminApp::open().await;
    let ada = admin.app.sign_up_and_in("Ada", "ada@example.com").await;
    admin.update_account(&ada.id, r#"{"disabled":true}"#).await;
    assert_eq!(admin.fetch(Delete, &format!("/admin/users/{}", ada.id), "").await.status, 200);
    let path = format!("/admin/users/{}/events", ada.id);
    let all = admin.get(&path).await.value();
    let kinds = |value: &Value| -> Vec<String> {
        let items = value["items"].as_array().expect("a list").iter();
        items.map(|event| event["kind"].as_str().expect("a kind").to_owned()).collect()
    };
    let expected = ["deleted", "disabled", "signed-in", "signed-up"];
    assert_eq!(
        (kinds(&all), &all["next"], &all["previous"]),
        (expected.map(str::to_owned).to_vec(), &Value::Null, &Value::Null)
    );
    assert!(all["items"][1]["by"].as_str().is_some_and(|by| by.starts_with("key:")), "{all}");
    let mut found = Vec::new();
    let mut at = format!("{path}?limit=3");
    let second = loop {
        let page = admin.get(&at).await.value();
        found.extend(kinds(&page));
        match page["next"].as_str() {
            Some(next) => at = format!("{path}?limit=3&cursor={next}"),
            None => break page,
        }
    };
    assert_eq!(found, expected);
    let back = admin.get(&format!("{path}?limit=3&cursor={}", second["previous"].as_str().expect("one"))).await;
    assert_eq!(kinds(&back.value()), expected[..3]);
    let unknown = admin.get(&format!("/admin/users/{UNKNOWN_ID}/events")).await;
    assert_eq!(unknown.slug(), "user-not-found");
}

#[rocket::async_test]
async fn pages_lead_to_the_next_and_back_in_both_orders_and_by_email() {
    let admin = AdminApp::open().await;
    let ids = admin.sign_up_users(7).await;
    let reversed: Vec<String> = ids.iter().rev().cloned().collect();
    let by_email = admin.page("/admin/users?email=N&order=desc&limit=200").await.0;
    for (query, expected) in [
        ("", &ids),
        ("order=asc&", &ids),
        ("order=desc&", &reversed),
        ("email=n&", &ids),
        ("email=N&order=desc&", &by_email),
    ] {
        let (first, mut next, previous) = admin.page(&format!("/admin/users?{query}limit=3")).await;
        assert_eq!((&first[..], previous), (&expected[..3], None), "{query}");
        let mut pages = vec![first];
        let mut back = None;
        while let Some(cursor) = next {
            let page = admin.page(&format!("/admin/users?{query}limit=3&cursor={cursor}")).await;
            pages.push(page.0);
            (next, back) = (page.1, page.2);
        }
        assert_eq!(pages.concat(), *expected, "{query}");
        for page in pages.iter().rev().skip(1) {
            let cursor = back.expect("there is a page before");
            let (found, next, previous) = admin.page(&format!("/admin/users?limit=3&cursor={cursor}")).await;
            assert_eq!(&found, page, "{query}");
            let again = admin.page(&format!("/admin/users?limit=3&cursor={}", next.expect("a next"))).await.0;
            assert_ne!(again, found, "{query}");
            back = previous;
        }
        assert_eq!(back, None, "{query}");
    }
}

/// From a page that has become empty, `previous` leads to the remaining users.
#[rocket::async_test]
async fn a_page_that_was_emptied_leads_back() {
    let admin = AdminApp::open().await;
    let ids = admin.sign_up_users(4).await;
    let (_, next, _) = admin.page("/admin/users?limit=2").await;
    let cursor = next.expect("there are more");
    for id in &ids[2..] {
        assert_eq!(admin.fetch(Delete, &format!("/admin/users/{id}"), "").await.status, 200);
    }
    let (found, next, previous) = admin.page(&format!("/admin/users?limit=2&cursor={cursor}")).await;
    assert_eq!((found.len(), next), (0, None));
    let previous = previous.expect("there are some before");
    assert_eq!(admin.page(&format!("/admin/users?limit=2&cursor={previous}")).await.0, ids[..2]);
}

#[rocket::async_test]
async fn a_query_that_is_not_understood_is_refused_and_named() {
    let admin = AdminApp::open().await;
    let ids = admin.sign_up_users(3).await;
    let (_, next, _) = admin.page("/admin/users?limit=1").await;
    let users = next.expect("there are more");
    let (_, next, _) = admin.page("/admin/users?limit=1&email=n").await;
    let emails = next.expect("there are more");
    let events = admin.app.fetch(Get, "/admin/users", &bearer(&admin.key), "").await;
    assert_eq!(events.status, 200);
    let history = format!("/admin/users/{}/events", ids[0]);
    let refused = [
        ("/admin/users?limit=0".to_owned(), "/limit"),
        ("/admin/users?limit=201".to_owned(), "/limit"),
        ("/admin/users?limit=-1".to_owned(), "/limit"),
        ("/admin/users?limit=".to_owned(), "/limit"),
        ("/admin/users?limit=1&limit=1".to_owned(), "/limit"),
        ("/admin/users?order=up".to_owned(), "/order"),
        ("/admin/users?limt=1".to_owned(), "/limt"),
        ("/admin/users?email=a%00".to_owned(), "/email"),
        ("/admin/users?email=a%20b".to_owned(), "/email"),
        ("/admin/users?cursor=x".to_owned(), "/cursor"),
        (format!("/admin/users?cursor={}", &users[..users.len() - 1]), "/cursor"),
        (format!("/admin/users?cursor={users}&order=desc"), "/cursor"),
        (format!("/admin/users?cursor={users}&email=n"), "/cursor"),
        (format!("/admin/users?cursor={emails}&email=m"), "/cursor"),
        (format!("{history}?cursor={users}"), "/cursor"),
        (format!("{history}?order=asc"), "/order"),
        ("/admin/stats?x".to_owned(), "/x"),
    ];
    for (path, pointer) in refused {
        let answer = admin.get(&path).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec![pointer.to_owned()]), "{path}: {answer}");
    }
}

#[rocket::async_test]
async fn only_an_administrator_learns_whether_a_query_is_valid() {
    let admin = AdminApp::open().await;
    let ada = admin.app.sign_up_and_in("Ada", "ada@example.com").await;
    assert_eq!(admin.app.api.get("/admin/users?limit=0").await.status, 401);
    let own = format!("/admin/users/{}?x", ada.id);
    assert_eq!(admin.app.get(&own, &ada.token).await.slug(), "forbidden");
}
