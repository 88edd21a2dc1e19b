//! What is told of the endpoints of administrators.

use rocket::http::Method::{Delete, Get, Patch, Post, Put};
use serde_json::{Value, json};

use super::{NEXT_PASSWORD, OperationDoc, PASSWORD, ResponseDoc, ada, constant};
use crate::admin_view::{AccountListItemView, AccountView, EventView, StatsView};
use crate::problem::ProblemKind::{self, Busy, Contended, EmailTaken, SessionNotFound, UserNotFound};
use crate::view::SessionView;

/// Ada's account.
fn account() -> Value {
    let mut account = ada();
    account["disabled"] = json!(false);
    account["password_expired"] = json!(false);
    account
}

/// What is told of an endpoint without a body.
fn simple(
    route: (rocket::http::Method, &'static str),
    operation_id: &'static str,
    summary: &'static str,
    response: ResponseDoc,
) -> OperationDoc {
    let problems: Vec<ProblemKind> = if route.1.contains('<') { vec![UserNotFound] } else { Vec::new() };
    OperationDoc {
        route,
        operation_id,
        tag: "admin",
        summary,
        description: summary,
        body: None,
        responses: vec![response],
        problems,
    }
}

pub(super) fn docs() -> Vec<OperationDoc> {
    [reads(), creation(), updates(), deletions()].into_iter().flatten().collect()
}

fn reads() -> Vec<OperationDoc> {
    let session = json!({
        "id": "q0Yd3l1fVb0f2i2bq8Cw1g",
        "created_at": "2026-11-22T14:31:02.007Z",
        "seen_at": "2026-11-22T14:31:02.007Z",
        "expires_at": "2026-11-23T14:31:02.007Z",
        "address": "203.0.113.9",
        "user_agent": "curl/8.5.0",
        "current": false,
    });
    let event = json!({ "kind": "signed-up", "at": "2026-11-22T14:31:02.007Z", "address": "203.0.113.9", "by": null });
    let stats = json!({ "users": 1, "store": "sqlite", "version": env!("CARGO_PKG_VERSION") });
    let users = ResponseDoc::page::<AccountListItemView>("A page of users", &account());
    let user = ResponseDoc::view::<AccountView>("The user", account()).with_header("ETag");
    let known = ResponseDoc::empty(304, "The reader has this state already").with_header("ETag");
    let mut one = simple((Get, "/admin/users/<_>"), "get_account", "Look a user up", user);
    one.responses.push(known);
    let sessions = ResponseDoc::page::<SessionView>("The sessions, all on one page", &session);
    let events = ResponseDoc::page::<EventView>("A page of events", &event);
    vec![
        OperationDoc {
            description: "In sign-up order, or in the order of e-mails with `email`, the beginning of one.",
            ..simple((Get, "/admin/users"), "list_accounts", "List the users", users)
        },
        one,
        simple((Get, "/admin/users/<_>/sessions"), "list_account_sessions", "Where a user is signed in", sessions),
        simple(
            (Get, "/admin/users/<_>/events"),
            "list_account_events",
            "What happened to an account, the last first",
            events,
        ),
        simple(
            (Get, "/admin/stats"),
            "get_stats",
            "How many users, in what",
            ResponseDoc::view::<StatsView>("The figures", stats),
        ),
    ]
}

fn creation() -> Vec<OperationDoc> {
    let mut grace = account();
    grace["name"] = json!("Grace Hopper");
    grace["email"] = json!("grace@example.com");
    grace["password_expired"] = json!(true);
    let made = ResponseDoc::view::<AccountView>("The user", grace).with_header("ETag");
    vec![OperationDoc {
        body: Some(json!({
            "name": "Grace Hopper",
            "email": "grace@example.com",
            "password": PASSWORD,
            "password_expired": true,
        })),
        problems: vec![EmailTaken, Busy, Contended],
        description: "With `password_expired` the person has to choose another password first.",
        ..simple((Post, "/admin/users"), "create_account", "Make somebody a user", made)
    }]
}

fn updates() -> Vec<OperationDoc> {
    let mut disabled = account();
    disabled["disabled"] = json!(true);
    let ruled = ResponseDoc::view::<AccountView>("The user", disabled).with_header("ETag");
    let given = ResponseDoc::view::<AccountView>("The user", account()).with_header("ETag");
    vec![
        OperationDoc {
            body: Some(json!({ "disabled": true })),
            problems: vec![UserNotFound, Contended],
            description: "Whether the account is shut, and whether its password is good for nothing but being changed. Unless it \
                   only opens the account, all sessions end in the same step.",
            ..simple((Patch, "/admin/users/<_>"), "update_account", "Shut or open an account, expire a password", ruled)
        },
        OperationDoc {
            body: Some(json!({ "new_password": NEXT_PASSWORD })),
            problems: vec![UserNotFound, Busy, Contended],
            description: "All sessions of the user end in the same step.",
            ..simple((Put, "/admin/users/<_>/password"), "set_account_password", "Give a user a password", given)
        },
    ]
}

fn deletions() -> Vec<OperationDoc> {
    let (one, all) = (constant("Session ended"), constant("Sessions ended"));
    let was = ResponseDoc::view::<AccountView>("The user that was", account());
    vec![
        OperationDoc {
            problems: vec![UserNotFound, SessionNotFound],
            ..simple(
                (Delete, "/admin/users/<_>/sessions/<_>"),
                "revoke_account_session",
                "End a session of a user",
                ResponseDoc::json("Done", one, json!("Session ended")),
            )
        },
        simple(
            (Delete, "/admin/users/<_>/sessions"),
            "revoke_account_sessions",
            "End all sessions of a user",
            ResponseDoc::json("Done", all, json!("Sessions ended")),
        ),
        OperationDoc {
            problems: vec![UserNotFound, Contended],
            ..simple((Delete, "/admin/users/<_>"), "delete_account", "Delete a user, without their password", was)
        },
    ]
}
