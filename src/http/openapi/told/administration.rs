//! What is told of the endpoints of administrators.

use rocket::http::Method::{Delete, Get, Patch, Post, Put};
use serde_json::{Value, json};
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::{NEXT_PASSWORD, PASSWORD, Shown, Told, ada};
use crate::http::admin_view::{AccountView, EventView, ListedView, PageView, StatsView};
use crate::http::problem::ProblemKind::{Busy, Contended, EmailTaken, InvalidFields, SessionNotFound, UserNotFound};
use crate::http::view::SessionView;

const GROUP: &str = "administration";

pub(super) fn told() -> Vec<Told> {
    [everybody(), one(), rulings(), sessions(), history()].into_iter().flatten().collect()
}

/// Ada, as an administrator sees her.
fn account(disabled: bool, password_expired: bool) -> Value {
    let mut account = ada();
    account["disabled"] = json!(disabled);
    account["password_expired"] = json!(password_expired);
    account
}

fn page(item: &Value) -> Value {
    json!({ "items": [item], "next": "AXUAAAGiA6rod3OVnhw-4et9Pwo", "previous": null })
}

fn word(word: &str) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([word])).build()
}

fn everybody() -> Vec<Told> {
    vec![
        Told {
            of: (Get, "/admin/users"),
            name: "list_accounts",
            group: GROUP,
            summary: "List users",
            says: "In the order of their sign-up, or with `email` those whose e-mail begins so, in the order of their \
                   e-mails. A page costs the same however many users there are. It is no snapshot: but who is there all \
                   the while is met exactly once. A cursor is good for its own list; `email` and `order` need not be sent \
                   with it.",
            body: None,
            answers: vec![Shown::view::<PageView<ListedView<'_>>>("Users", page(&account(false, false)))],
            problems: Vec::new(),
        },
        Told {
            of: (Post, "/admin/users"),
            name: "create_account",
            group: GROUP,
            summary: "Make somebody a user",
            says: "As at sign-up. With `password_expired` they have to choose another password before they can sign in.",
            body: Some(json!({
                "name": "Ada Lovelace", "email": "Ada@Example.com", "password": PASSWORD, "password_expired": true,
            })),
            answers: vec![Shown::view::<AccountView<'_>>("The user", account(false, true)).with_header("ETag")],
            problems: vec![EmailTaken, Busy, Contended],
        },
        Told {
            of: (Get, "/admin/stats"),
            name: "show_stats",
            group: GROUP,
            summary: "What there is",
            says: "How many users, in what kind of store, served by which version.",
            body: None,
            answers: vec![Shown::view::<StatsView>(
                "What there is",
                json!({ "users": 1, "store": "sqlite", "version": "0.1.0" }),
            )],
            problems: Vec::new(),
        },
    ]
}

fn one() -> Vec<Told> {
    vec![
        Told {
            of: (Get, "/admin/users/<_>"),
            name: "show_account",
            group: GROUP,
            summary: "Look a user up",
            says: "By id or e-mail, with what was ruled about the account.",
            body: None,
            answers: vec![
                Shown::view::<AccountView<'_>>("The user", account(false, false)).with_header("ETag"),
                Shown::nothing(304, "The reader has this state already").with_header("ETag"),
            ],
            problems: vec![UserNotFound],
        },
        Told {
            of: (Delete, "/admin/users/<_>"),
            name: "delete_account",
            group: GROUP,
            summary: "Delete a user",
            says: "Without their password. The e-mail is free afterwards; all sessions have ended.",
            body: None,
            answers: vec![Shown::view::<AccountView<'_>>("The user that was", account(false, false))],
            problems: vec![UserNotFound, Contended],
        },
    ]
}

fn rulings() -> Vec<Told> {
    vec![
        Told {
            of: (Patch, "/admin/users/<_>"),
            name: "rule_account",
            group: GROUP,
            summary: "Disable or enable an account, or expire its password",
            says: "What shuts somebody out ends all their sessions in the same step. Nobody gets into a disabled account, \
                   with whatever password; an expired password is good for nothing but being changed. What holds already \
                   changes nothing.",
            body: Some(json!({ "disabled": true })),
            answers: vec![Shown::view::<AccountView<'_>>("The user", account(true, false)).with_header("ETag")],
            problems: vec![UserNotFound, Contended],
        },
        Told {
            of: (Put, "/admin/users/<_>/password"),
            name: "set_password",
            group: GROUP,
            summary: "Give a user a password",
            says: "All their sessions end. With `password_expired` they have to choose another one before they can sign \
                   in. A disabled account stays disabled.",
            body: Some(json!({ "new_password": NEXT_PASSWORD, "password_expired": true })),
            answers: vec![Shown::view::<AccountView<'_>>("The user", account(false, true)).with_header("ETag")],
            problems: vec![UserNotFound, InvalidFields, Busy, Contended],
        },
    ]
}

fn sessions() -> Vec<Told> {
    let session = json!({
        "id": "q0Yd3l1fVb0f2i2bq8Cw1g",
        "created_at": "2026-11-22T14:31:02.007Z",
        "seen_at": "2026-11-22T14:31:02.007Z",
        "expires_at": "2026-11-23T14:31:02.007Z",
        "address": "203.0.113.9",
        "user_agent": "curl/8.5.0",
        "current": false,
    });
    let whole = json!({ "items": [session], "next": null, "previous": null });
    vec![
        Told {
            of: (Get, "/admin/users/<_>/sessions"),
            name: "list_account_sessions",
            group: GROUP,
            summary: "Where a user is signed in",
            says: "All sessions that have not ended, the newest first, always on one page.",
            body: None,
            answers: vec![Shown::view::<PageView<SessionView<'_>>>("The sessions", whole)],
            problems: vec![UserNotFound],
        },
        Told {
            of: (Delete, "/admin/users/<_>/sessions"),
            name: "end_account_sessions",
            group: GROUP,
            summary: "End all sessions of a user",
            says: "The next request with any of their tokens is a 401, on every node.",
            body: None,
            answers: vec![Shown::json("Done", word("Sessions ended"), json!("Sessions ended"))],
            problems: vec![UserNotFound],
        },
        Told {
            of: (Delete, "/admin/users/<_>/sessions/<_>"),
            name: "end_account_session",
            group: GROUP,
            summary: "End one session of a user",
            says: "The next request with its token is a 401, on every node.",
            body: None,
            answers: vec![Shown::json("Done", word("Session ended"), json!("Session ended"))],
            problems: vec![UserNotFound, SessionNotFound],
        },
    ]
}

fn history() -> Vec<Told> {
    let event = json!({
        "kind": "signed-up", "at": "2026-11-22T14:31:02.007Z", "address": "203.0.113.9", "by": "key:9yQ2b0Xk1lA",
    });
    let page = json!({ "items": [event], "next": null, "previous": null });
    vec![Told {
        of: (Get, "/admin/users/<_>/events"),
        name: "list_account_events",
        group: GROUP,
        summary: "What happened to an account",
        says: "The last event first; also of a user who is deleted, as long as it is kept.",
        body: None,
        answers: vec![Shown::view::<PageView<EventView>>("The events", page)],
        problems: vec![UserNotFound],
    }]
}
