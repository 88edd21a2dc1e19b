//! Every route with every caller, a row each. A route without a row fails here.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use insta::assert_snapshot;
use rocket::http::Method::{self, Delete, Get, Patch, Post, Put};
use userd_core::Scope;
use userd_http::{AccessSettings, HttpSettings, SignUpPolicy};

use crate::http::settings;
use crate::http::test_app::{RequestHeaders, TestApp, bearer, cookie, make_key, make_revoked_key};
use userd_store::memory::MemoryStore;

/// The first rank of the routes that answer 405 for the methods that a path does not have.
const OTHER_METHODS_RANK: isize = 1000;

const SIGN_UP: &str = r#"{"name":"Eve","email":"eve@example.com","password":"correct horse battery"}"#;
const REPLACE: &str = r#"{"name":"Countess","email":"ada@example.com","password":"correct horse battery"}"#;
const CHANGE: &str = r#"{"password":"correct horse battery","new_password":"seven grey herons, wading"}"#;
const PASSWORD: &str = r#"{"password":"correct horse battery"}"#;
const LOGIN: &str = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;

const REFRESH: &str = r#"{"refresh_token":"{refresh}"}"#;
const UPDATE_STATUS: &str = r#"{"disabled":true}"#;
const SET_PASSWORD: &str = r#"{"new_password":"seven grey herons, wading"}"#;

/// Each route, one request to it, and its body. `{ada}` is Ada's id, `{session}` another session of hers, `{refresh}`
/// its refresh token.
const ROWS: [(Method, &str, &str, &str); 37] = [
    (Get, "/ping", "/ping", ""),
    (Get, "/health/live", "/health/live", ""),
    (Get, "/health/ready", "/health/ready", ""),
    (Get, "/metrics", "/metrics", ""),
    (Get, "/openapi.json", "/openapi.json", ""),
    (Get, "/docs", "/docs", ""),
    (Get, "/files/<path..>", "/files/nothing", ""),
    (Post, "/api/users", "/api/users", SIGN_UP),
    (Get, "/api/users", "/api/users", ""),
    (Get, "/api/users/<_>", "/api/users/{ada}", ""),
    (Get, "/api/users/<_>", "/api/users/ada@example.com", ""),
    (Put, "/api/users/<_>", "/api/users/{ada}", REPLACE),
    (Patch, "/api/users/<_>", "/api/users/{ada}", CHANGE),
    (Delete, "/api/users/<_>", "/api/users/{ada}", PASSWORD),
    (Post, "/api/login", "/api/login", LOGIN),
    (Get, "/api/session", "/api/session", ""),
    (Delete, "/api/session", "/api/session", ""),
    (Get, "/api/users/<_>/sessions", "/api/users/{ada}/sessions", ""),
    (Delete, "/api/users/<_>/sessions/<_>", "/api/users/{ada}/sessions/{session}", ""),
    (Delete, "/api/users/<_>/sessions", "/api/users/{ada}/sessions", ""),
    (Post, "/api/token", "/api/token", "{}"),
    (Post, "/api/token/refresh", "/api/token/refresh", REFRESH),
    (Get, "/.well-known/jwks.json", "/.well-known/jwks.json", ""),
    (Get, "/.well-known/openid-configuration", "/.well-known/openid-configuration", ""),
    (Get, "/admin/users", "/admin/users", ""),
    (Get, "/admin/users", "/admin/users?limit=1&email=ada", ""),
    (Post, "/admin/users", "/admin/users", SIGN_UP),
    (Get, "/admin/users/<_>", "/admin/users/{ada}", ""),
    (Get, "/admin/users/<_>", "/admin/users/ada@example.com", ""),
    (Patch, "/admin/users/<_>", "/admin/users/{ada}", UPDATE_STATUS),
    (Put, "/admin/users/<_>/password", "/admin/users/{ada}/password", SET_PASSWORD),
    (Delete, "/admin/users/<_>", "/admin/users/{ada}", ""),
    (Get, "/admin/users/<_>/sessions", "/admin/users/{ada}/sessions", ""),
    (Delete, "/admin/users/<_>/sessions/<_>", "/admin/users/{ada}/sessions/{session}", ""),
    (Delete, "/admin/users/<_>/sessions", "/admin/users/{ada}/sessions", ""),
    (Get, "/admin/users/<_>/events", "/admin/users/{ada}/events", ""),
    (Get, "/admin/stats", "/admin/stats", ""),
];

/// The headers of a caller; every variant has to get the same answer.
type HeaderVariants = Vec<RequestHeaders>;

/// All callers: anonymous, Ada by token and by cookie, Bob, a service with each scope, invalid credentials.
struct CallerSet {
    columns: Vec<(&'static str, HeaderVariants)>,
    ada: String,
    session: String,
    refresh: String,
}

/// Ada and Bob are signed in; the keys are those of the store `keys` (this one, or another one).
async fn caller_set(app: &TestApp, keys: &Arc<MemoryStore>) -> CallerSet {
    // Made before the first request, as the cache of API keys is up to a second old.
    let mut services = Vec::new();
    for (seed, scope) in (10..).zip(Scope::ALL) {
        services.push((scope.as_str(), vec![bearer(&make_key(keys, seed, &[scope]).await)]));
    }
    let revoked = make_revoked_key(keys, 20).await;
    let ada = app.sign_up_and_in("Ada", "ada@example.com").await;
    let bob = app.sign_up_and_in("Bob", "bob@example.com").await;
    let (other, ended) = (app.login("ada@example.com").await, app.login("ada@example.com").await);
    assert_eq!(app.delete("/api/session", &ended.token).await.status, 200);
    let mut columns = vec![
        ("anonymous", vec![Vec::new()]),
        ("own", vec![bearer(&ada.token)]),
        ("cookie", vec![cookie(&ada.token)]),
        ("other", vec![bearer(&bob.token)]),
    ];
    columns.extend(services);
    let foreign = make_key(&Arc::new(MemoryStore::default()), 21, &Scope::ALL).await;
    let forged = format!("v1.{}.{}", ada.id, "A".repeat(43));
    let jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.".to_owned();
    let doubled = format!("{0}{0}", ada.token);
    let cut = ada.token[..ada.token.len() - 1].to_owned();
    let bads =
        [revoked, foreign, forged.clone(), ended.token.clone(), jwt, doubled, cut, ada.refresh.clone(), ada.device];
    let mut bad: HeaderVariants = bads.iter().map(|token| bearer(token)).collect();
    bad.push(vec![("Authorization", "Basic YWRhOmFkYQ==".to_owned())]);
    columns.push(("bad", bad));
    columns.push(("bad cookie", vec![cookie(&forged), cookie(&ended.token), cookie("x")]));
    CallerSet { columns, ada: ada.id, session: other.session, refresh: other.refresh }
}

/// What each route answers to each caller.
async fn run_table(app: &TestApp, caller_set: &CallerSet) -> String {
    let start = app.store.snapshot();
    let before = (app.store.all_users(), app.store.sessions_count());
    let mut table = format!("{:44}", "");
    for (name, _) in &caller_set.columns {
        write!(table, " {name}").expect("a string takes all");
    }
    for (method, _, path, body) in ROWS {
        write!(table, "\n{:44}", format!("{method} {path}")).expect("a string takes all");
        let path = path.replace("{ada}", &caller_set.ada).replace("{session}", &caller_set.session);
        let body = body.replace("{refresh}", &caller_set.refresh);
        for (name, variants) in &caller_set.columns {
            let mut statuses = BTreeSet::new();
            for headers in variants {
                app.store.restore(start.clone());
                let answer = app.fetch(method, &path, headers, &body).await;
                if matches!(answer.status, 401 | 403) {
                    assert!(answer.detail().len() > 20, "{answer}");
                    assert_eq!((app.store.all_users(), app.store.sessions_count()), before, "{method} {path}");
                }
                statuses.insert(answer.status);
            }
            let status = statuses.pop_first().expect("a caller has a variant");
            assert!(statuses.is_empty(), "{method} {path} as {name}: {status} and {statuses:?}");
            write!(table, " {status:width$}", width = name.len()).expect("a string takes all");
        }
    }
    table
}

#[rocket::async_test]
async fn every_mounted_route_has_a_row() {
    let app = TestApp::with_api_key().await;
    let own = app.api.0.rocket().routes().filter(|route| route.rank < OTHER_METHODS_RANK);
    let mounted: BTreeSet<String> = own.map(|route| format!("{} {}", route.method, route.uri)).collect();
    let rows: BTreeSet<String> = ROWS.iter().map(|(method, pattern, ..)| format!("{method} {pattern}")).collect();
    assert_eq!(rows, mounted);
}

#[rocket::async_test]
async fn with_api_keys_each_caller_may_do_what_its_permissions_allow() {
    let app = TestApp::with_api_key().await;
    let caller_set = caller_set(&app, &app.store).await;
    assert_snapshot!(run_table(&app, &caller_set).await, @r"
                                                 anonymous own cookie other users:read users:write sessions:read sessions:write admin metrics bad bad cookie
    GET /ping                                          200 200    200   200        200         200           200            200   200     200 200        200
    GET /health/live                                   200 200    200   200        200         200           200            200   200     200 200        200
    GET /health/ready                                  200 200    200   200        200         200           200            200   200     200 200        200
    GET /metrics                                       401 403    403   403        403         403           403            403   200     200 401        401
    GET /openapi.json                                  200 200    200   200        200         200           200            200   200     200 200        200
    GET /docs                                          200 200    200   200        200         200           200            200   200     200 200        200
    GET /files/nothing                                 404 404    404   404        404         404           404            404   404     404 404        404
    POST /api/users                                    200 200    200   200        403         200           403            403   403     403 401        200
    GET /api/users                                     401 403    403   403        200         403           403            403   403     403 401        401
    GET /api/users/{ada}                               401 200    200   403        200         403           403            403   403     403 401        401
    GET /api/users/ada@example.com                     401 403    403   403        200         403           403            403   403     403 401        401
    PUT /api/users/{ada}                               401 200    200   403        403         200           403            403   403     403 401        401
    PATCH /api/users/{ada}                             401 200    200   403        403         200           403            403   403     403 401        401
    DELETE /api/users/{ada}                            401 200    200   403        403         200           403            403   403     403 401        401
    POST /api/login                                    200 200    200   200        200         200           200            200   200     200 401        200
    GET /api/session                                   401 200    200   200        403         403           403            403   403     403 401        401
    DELETE /api/session                                401 200    200   200        403         403           403            403   403     403 401        401
    GET /api/users/{ada}/sessions                      401 200    200   403        403         403           200            403   403     403 401        401
    DELETE /api/users/{ada}/sessions/{session}         401 200    200   403        403         403           403            200   403     403 401        401
    DELETE /api/users/{ada}/sessions                   401 200    200   403        403         403           403            200   403     403 401        401
    POST /api/token                                    401 200    200   200        403         403           403            403   403     403 401        401
    POST /api/token/refresh                            200 200    200   200        200         200           200            200   200     200 401        200
    GET /.well-known/jwks.json                         200 200    200   200        200         200           200            200   200     200 200        200
    GET /.well-known/openid-configuration              200 200    200   200        200         200           200            200   200     200 200        200
    GET /admin/users                                   401 403    403   403        403         403           403            403   200     403 401        401
    GET /admin/users?limit=1&email=ada                 401 403    403   403        403         403           403            403   200     403 401        401
    POST /admin/users                                  401 403    403   403        403         403           403            403   200     403 401        401
    GET /admin/users/{ada}                             401 403    403   403        403         403           403            403   200     403 401        401
    GET /admin/users/ada@example.com                   401 403    403   403        403         403           403            403   200     403 401        401
    PATCH /admin/users/{ada}                           401 403    403   403        403         403           403            403   200     403 401        401
    PUT /admin/users/{ada}/password                    401 403    403   403        403         403           403            403   200     403 401        401
    DELETE /admin/users/{ada}                          401 403    403   403        403         403           403            403   200     403 401        401
    GET /admin/users/{ada}/sessions                    401 403    403   403        403         403           403            403   200     403 401        401
    DELETE /admin/users/{ada}/sessions/{session}       401 403    403   403        403         403           403            403   200     403 401        401
    DELETE /admin/users/{ada}/sessions                 401 403    403   403        403         403           403            403   200     403 401        401
    GET /admin/users/{ada}/events                      401 403    403   403        403         403           403            403   200     403 401        401
    GET /admin/stats                                   401 403    403   403        403         403           403            403   200     403 401        401
    ");
}

#[rocket::async_test]
async fn sign_up_with_an_api_key_is_for_services() {
    let store = Arc::new(MemoryStore::default());
    let open = TestApp::with(settings(), Arc::clone(&store)).await;
    let caller_set = caller_set(&open, &store).await;
    let access = AccessSettings { sign_up: SignUpPolicy::ApiKey, ..AccessSettings::default() };
    let app = TestApp::with(HttpSettings { access, ..settings() }, store).await;
    let table = run_table(&app, &caller_set).await;
    let rows: Vec<&str> =
        table.lines().filter(|line| line.starts_with("POST /api/users") || line.starts_with(' ')).collect();
    assert_snapshot!(rows.join("\n"), @r"
                                                 anonymous own cookie other users:read users:write sessions:read sessions:write admin metrics bad bad cookie
    POST /api/users                                    401 403    401   403        403         200           403            403   403     403 401        401
    ");
}

#[rocket::async_test]
async fn in_protected_mode_every_caller_may_do_everything_that_needs_no_session() {
    let app = TestApp::without_api_keys().await;
    let caller_set = caller_set(&app, &Arc::new(MemoryStore::default())).await;
    assert_snapshot!(run_table(&app, &caller_set).await, @r"
                                                 anonymous own cookie other users:read users:write sessions:read sessions:write admin metrics bad bad cookie
    GET /ping                                          200 200    200   200        200         200           200            200   200     200 200        200
    GET /health/live                                   200 200    200   200        200         200           200            200   200     200 200        200
    GET /health/ready                                  200 200    200   200        200         200           200            200   200     200 200        200
    GET /metrics                                       200 200    200   200        401         401           401            401   401     401 401        401
    GET /openapi.json                                  200 200    200   200        200         200           200            200   200     200 200        200
    GET /docs                                          200 200    200   200        200         200           200            200   200     200 200        200
    GET /files/nothing                                 404 404    404   404        404         404           404            404   404     404 404        404
    POST /api/users                                    200 200    200   200        401         401           401            401   401     401 401        200
    GET /api/users                                     200 200    200   200        401         401           401            401   401     401 401        401
    GET /api/users/{ada}                               200 200    200   200        401         401           401            401   401     401 401        401
    GET /api/users/ada@example.com                     200 200    200   200        401         401           401            401   401     401 401        401
    PUT /api/users/{ada}                               200 200    200   200        401         401           401            401   401     401 401        401
    PATCH /api/users/{ada}                             200 200    200   200        401         401           401            401   401     401 401        401
    DELETE /api/users/{ada}                            200 200    200   200        401         401           401            401   401     401 401        401
    POST /api/login                                    200 200    200   200        401         401           401            401   401     401 401        200
    GET /api/session                                   401 200    200   200        401         401           401            401   401     401 401        401
    DELETE /api/session                                401 200    200   200        401         401           401            401   401     401 401        401
    GET /api/users/{ada}/sessions                      200 200    200   200        401         401           401            401   401     401 401        401
    DELETE /api/users/{ada}/sessions/{session}         200 200    200   200        401         401           401            401   401     401 401        401
    DELETE /api/users/{ada}/sessions                   200 200    200   200        401         401           401            401   401     401 401        401
    POST /api/token                                    401 200    200   200        401         401           401            401   401     401 401        401
    POST /api/token/refresh                            200 200    200   200        401         401           401            401   401     401 401        200
    GET /.well-known/jwks.json                         200 200    200   200        200         200           200            200   200     200 200        200
    GET /.well-known/openid-configuration              200 200    200   200        200         200           200            200   200     200 200        200
    GET /admin/users                                   200 200    200   200        401         401           401            401   401     401 401        401
    GET /admin/users?limit=1&email=ada                 200 200    200   200        401         401           401            401   401     401 401        401
    POST /admin/users                                  200 200    200   200        401         401           401            401   401     401 401        401
    GET /admin/users/{ada}                             200 200    200   200        401         401           401            401   401     401 401        401
    GET /admin/users/ada@example.com                   200 200    200   200        401         401           401            401   401     401 401        401
    PATCH /admin/users/{ada}                           200 200    200   200        401         401           401            401   401     401 401        401
    PUT /admin/users/{ada}/password                    200 200    200   200        401         401           401            401   401     401 401        401
    DELETE /admin/users/{ada}                          200 200    200   200        401         401           401            401   401     401 401        401
    GET /admin/users/{ada}/sessions                    200 200    200   200        401         401           401            401   401     401 401        401
    DELETE /admin/users/{ada}/sessions/{session}       200 200    200   200        401         401           401            401   401     401 401        401
    DELETE /admin/users/{ada}/sessions                 200 200    200   200        401         401           401            401   401     401 401        401
    GET /admin/users/{ada}/events                      200 200    200   200        401         401           401            401   401     401 401        401
    GET /admin/stats                                   200 200    200   200        401         401           401            401   401     401 401        401
    ");
}
