//! What is told of the endpoints of administrators.

use rocket::http::Method::{Delete, Get, Patch, Post, Put};
use serde_json::{Value, json};

use super::{NEXT_PASSWORD, PASSWORD, Shown, Told, ada, just};
use crate::admin_view::{AccountView, EventView, ListedView, StatsView};
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
fn plain(of: (rocket::http::Method, &'static str), name: &'static str, summary: &'static str, shown: Shown) -> Told {
    let problems: Vec<ProblemKind> = if of.1.contains('<') { vec![UserNotFound] } else { Vec::new() };
    Told { of, name, group: "admin", summary, says: summary, body: None, answers: vec![shown], problems }
}

pub(super) fn told() -> Vec<Told> {
    [reading(), making(), ruling(), ending()].into_iter().flatten().collect()
}

fn reading() -> Vec<Told> {
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
    let users = Shown::page::<ListedView>("A page of users", &account());
    let user = Shown::view::<AccountView>("The user", account()).with_header("ETag");
    let known = Shown::nothing(304, "The reader has this state already").with_header("ETag");
    let mut one = plain((Get, "/admin/users/<_>"), "show_account", "Look a user up", user);
    one.answers.push(known);
    let sessions = Shown::page::<SessionView>("The sessions, all on one page", &session);
    let events = Shown::page::<EventView>("A page of events", &event);
    vec![
        Told {
            says: "In sign-up order, or in the order of e-mails with `email`, the beginning of one.",
            ..plain((Get, "/admin/users"), "list_accounts", "List the users", users)
        },
        one,
        plain((Get, "/admin/users/<_>/sessions"), "list_account_sessions", "Where a user is signed in", sessions),
        plain((Get, "/admin/users/<_>/events"), "list_events", "What happened to an account, the last first", events),
        plain(
            (Get, "/admin/stats"),
            "stats",
            "How many users, in what",
            Shown::view::<StatsView>("The figures", stats),
        ),
    ]
}

fn making() -> Vec<Told> {
    let mut grace = account();
    grace["name"] = json!("Grace Hopper");
    grace["email"] = json!("grace@example.com");
    grace["password_expired"] = json!(true);
    let made = Shown::view::<AccountView>("The user", grace).with_header("ETag");
    vec![Told {
        body: Some(json!({
            "name": "Grace Hopper",
            "email": "grace@example.com",
            "password": PASSWORD,
            "password_expired": true,
        })),
        problems: vec![EmailTaken, Busy, Contended],
        says: "With `password_expired` the person has to choose another password first.",
        ..plain((Post, "/admin/users"), "create_account", "Make somebody a user", made)
    }]
}

fn ruling() -> Vec<Told> {
    let mut disabled = account();
    disabled["disabled"] = json!(true);
    let ruled = Shown::view::<AccountView>("The user", disabled).with_header("ETag");
    let given = Shown::view::<AccountView>("The user", account()).with_header("ETag");
    vec![
        Told {
            body: Some(json!({ "disabled": true })),
            problems: vec![UserNotFound, Contended],
            says: "Whether the account is shut, and whether its password is good for nothing but being changed. Unless it \
                   only opens the account, all sessions end in the same step.",
            ..plain((Patch, "/admin/users/<_>"), "rule_account", "Shut or open an account, expire a password", ruled)
        },
        Told {
            body: Some(json!({ "new_password": NEXT_PASSWORD })),
            problems: vec![UserNotFound, Busy, Contended],
            says: "All sessions of the user end in the same step.",
            ..plain((Put, "/admin/users/<_>/password"), "set_password", "Give a user a password", given)
        },
    ]
}

fn ending() -> Vec<Told> {
    let (one, all) = (just("Session ended"), just("Sessions ended"));
    let was = Shown::view::<AccountView>("The user that was", account());
    vec![
        Told {
            problems: vec![UserNotFound, SessionNotFound],
            ..plain(
                (Delete, "/admin/users/<_>/sessions/<_>"),
                "end_account_session",
                "End a session of a user",
                Shown::json("Done", one, json!("Session ended")),
            )
        },
        plain(
            (Delete, "/admin/users/<_>/sessions"),
            "end_account_sessions",
            "End all sessions of a user",
            Shown::json("Done", all, json!("Sessions ended")),
        ),
        Told {
            problems: vec![UserNotFound, Contended],
            ..plain((Delete, "/admin/users/<_>"), "delete_account", "Delete a user, without their password", was)
        },
    ]
}
