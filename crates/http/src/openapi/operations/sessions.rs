//! What is told of the endpoints of sessions.

use rocket::http::Method::{Delete, Get, Post};
use serde_json::{Value, json};

use super::{ADA, OperationDoc, PASSWORD, PASSWORD_PROBLEMS, ResponseDoc, ada, constant};
use crate::problem::ProblemKind::{Contended, CrossSite, SessionNotFound, UserNotFound};
use crate::view::{CurrentSessionView, SessionListView, SignInView};

/// Her session.
fn session() -> Value {
    json!({
        "id": "q0Yd3l1fVb0f2i2bq8Cw1g",
        "created_at": "2026-11-22T14:31:02.007Z",
        "seen_at": "2026-11-22T14:31:02.007Z",
        "expires_at": "2026-11-23T14:31:02.007Z",
        "address": "203.0.113.9",
        "user_agent": "curl/8.5.0",
        "current": true,
    })
}

pub(super) fn docs() -> Vec<OperationDoc> {
    [sign_in(), current_session(), user_sessions()].into_iter().flatten().collect()
}

fn sign_in() -> Vec<OperationDoc> {
    let signed_in = json!({
        "id": ADA,
        "token": "v1.01a203aa-e877-7395-9e1c-3ee1eb7d3f0a.mK0vJ5pV2mQw8yT3bXr6cNzA1dEfGhIjKlMnOpQrStU",
        "session_id": "q0Yd3l1fVb0f2i2bq8Cw1g",
        "expires_at": "2026-11-23T14:31:02.007Z",
        "device_token": "d1.01a203aa-e877-7395-9e1c-3ee1eb7d3f0a.1w5v…",
        "refresh_token": "r1.01a203aa-e877-7395-9e1c-3ee1eb7d3f0a.q0Yd…",
    });
    vec![OperationDoc {
        route: (Post, "/api/login"),
        operation_id: "sign_in",
        tag: "sessions",
        summary: "Sign in",
        description: "A wrong password and an e-mail that nobody has are the same 401, after the same work. `cookie`: whether a \
               browser is to keep the session. `refresh`: whether a refresh token is wanted. `device_token`: what an \
               earlier sign-in from this device gave.",
        body: Some(json!({ "email": "ada@example.com", "password": PASSWORD, "refresh": true })),
        responses: vec![ResponseDoc::view::<SignInView>("A session", signed_in).with_header("Set-Cookie")],
        problems: [&PASSWORD_PROBLEMS[..], &[CrossSite, Contended]].concat(),
    }]
}

fn current_session() -> Vec<OperationDoc> {
    vec![
        OperationDoc {
            route: (Get, "/api/session"),
            operation_id: "get_current_session",
            tag: "sessions",
            summary: "Who is signed in",
            description: "The user and the session that ask.",
            body: None,
            responses: vec![ResponseDoc::view::<CurrentSessionView>(
                "User and session",
                json!({ "user": ada(), "session": session() }),
            )],
            problems: Vec::new(),
        },
        OperationDoc {
            route: (Delete, "/api/session"),
            operation_id: "sign_out",
            tag: "sessions",
            summary: "Sign out",
            description: "Ends the session that asks; a browser is told to forget its cookie.",
            body: None,
            responses: vec![
                ResponseDoc::json("Done", constant("Signed out"), json!("Signed out")).with_header("Set-Cookie"),
            ],
            problems: Vec::new(),
        },
    ]
}

fn user_sessions() -> Vec<OperationDoc> {
    vec![
        OperationDoc {
            route: (Get, "/api/users/<_>/sessions"),
            operation_id: "list_sessions",
            tag: "sessions",
            summary: "Where a user is signed in",
            description: "The sessions that have not ended, the newest first.",
            body: None,
            responses: vec![ResponseDoc::view::<SessionListView>("The sessions", json!({ "sessions": [session()] }))],
            problems: vec![UserNotFound],
        },
        OperationDoc {
            route: (Delete, "/api/users/<_>/sessions/<_>"),
            operation_id: "revoke_session",
            tag: "sessions",
            summary: "End a session",
            description: "Its token is worth nothing any more, on every node.",
            body: None,
            responses: vec![ResponseDoc::json("Done", constant("Session ended"), json!("Session ended"))],
            problems: vec![UserNotFound, SessionNotFound],
        },
        OperationDoc {
            route: (Delete, "/api/users/<_>/sessions"),
            operation_id: "revoke_other_sessions",
            tag: "sessions",
            summary: "End all other sessions",
            description: "All but the one that asks; a service has none, so for a service it ends all.",
            body: None,
            responses: vec![ResponseDoc::json("Done", constant("Other sessions ended"), json!("Other sessions ended"))],
            problems: vec![UserNotFound],
        },
    ]
}
