//! What is told of the endpoints of sessions.

use rocket::http::Method::{Delete, Get, Post};
use serde_json::{Value, json};

use super::{ADA, OF_PASSWORDS, PASSWORD, Shown, Told, ada, just};
use crate::problem::ProblemKind::{Contended, CrossSite, SessionNotFound, UserNotFound};
use crate::view::{SessionsView, SignedInNowView, SignedInView};

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

pub(super) fn told() -> Vec<Told> {
    [signing_in(), own(), of_a_user()].into_iter().flatten().collect()
}

fn signing_in() -> Vec<Told> {
    let signed_in = json!({
        "id": ADA,
        "token": "v1.01a203aa-e877-7395-9e1c-3ee1eb7d3f0a.mK0vJ5pV2mQw8yT3bXr6cNzA1dEfGhIjKlMnOpQrStU",
        "session_id": "q0Yd3l1fVb0f2i2bq8Cw1g",
        "expires_at": "2026-11-23T14:31:02.007Z",
        "device_token": "d1.01a203aa-e877-7395-9e1c-3ee1eb7d3f0a.1w5v…",
        "refresh_token": "r1.01a203aa-e877-7395-9e1c-3ee1eb7d3f0a.q0Yd…",
    });
    vec![Told {
        of: (Post, "/api/login"),
        name: "sign_in",
        group: "sessions",
        summary: "Sign in",
        says: "A wrong password and an e-mail that nobody has are the same 401, after the same work. `cookie`: whether a \
               browser is to keep the session. `refresh`: whether a refresh token is wanted. `device_token`: what an \
               earlier sign-in from this device gave.",
        body: Some(json!({ "email": "ada@example.com", "password": PASSWORD, "refresh": true })),
        answers: vec![Shown::view::<SignedInNowView>("A session", signed_in).with_header("Set-Cookie")],
        problems: [&OF_PASSWORDS[..], &[CrossSite, Contended]].concat(),
    }]
}

fn own() -> Vec<Told> {
    vec![
        Told {
            of: (Get, "/api/session"),
            name: "show_session",
            group: "sessions",
            summary: "Who is signed in",
            says: "The user and the session that ask.",
            body: None,
            answers: vec![Shown::view::<SignedInView>(
                "User and session",
                json!({ "user": ada(), "session": session() }),
            )],
            problems: Vec::new(),
        },
        Told {
            of: (Delete, "/api/session"),
            name: "sign_out",
            group: "sessions",
            summary: "Sign out",
            says: "Ends the session that asks; a browser is told to forget its cookie.",
            body: None,
            answers: vec![Shown::json("Done", just("Signed out"), json!("Signed out")).with_header("Set-Cookie")],
            problems: Vec::new(),
        },
    ]
}

fn of_a_user() -> Vec<Told> {
    vec![
        Told {
            of: (Get, "/api/users/<_>/sessions"),
            name: "list_sessions",
            group: "sessions",
            summary: "Where a user is signed in",
            says: "The sessions that have not ended, the newest first.",
            body: None,
            answers: vec![Shown::view::<SessionsView>("The sessions", json!({ "sessions": [session()] }))],
            problems: vec![UserNotFound],
        },
        Told {
            of: (Delete, "/api/users/<_>/sessions/<_>"),
            name: "end_session",
            group: "sessions",
            summary: "End a session",
            says: "Its token is worth nothing any more, on every node.",
            body: None,
            answers: vec![Shown::json("Done", just("Session ended"), json!("Session ended"))],
            problems: vec![UserNotFound, SessionNotFound],
        },
        Told {
            of: (Delete, "/api/users/<_>/sessions"),
            name: "end_other_sessions",
            group: "sessions",
            summary: "End all other sessions",
            says: "All but the one that asks; a service has none, so for a service it ends all.",
            body: None,
            answers: vec![Shown::json("Done", just("Other sessions ended"), json!("Other sessions ended"))],
            problems: vec![UserNotFound],
        },
    ]
}
