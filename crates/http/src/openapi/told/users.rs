//! What is told of the endpoints of users.

use rocket::http::Method::{Delete, Get, Patch, Post, Put};
use serde_json::json;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};

use super::{NEXT_PASSWORD, OF_PASSWORDS, PASSWORD, Shown, Told, ada};
use crate::problem::ProblemKind::{Busy, Contended, EmailTaken, InvalidFields, UserNotFound};
use crate::view::UserView;

pub(super) fn told() -> Vec<Told> {
    [everybody(), one(), changes()].into_iter().flatten().collect()
}

fn everybody() -> Vec<Told> {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
    let count = ArrayBuilder::new().items(number).min_items(Some(1)).max_items(Some(1));
    vec![
        Told {
            of: (Post, "/api/users"),
            name: "sign_up",
            group: "users",
            summary: "Sign up",
            says: "All three fields are needed. With `access.sign_up = \"keyed\"` only services sign people up.",
            body: Some(json!({ "name": "Ada Lovelace", "email": "Ada@Example.com", "password": PASSWORD })),
            answers: vec![Shown::view::<UserView>("The user", ada()).with_header("ETag")],
            problems: vec![EmailTaken, Busy, Contended],
        },
        Told {
            of: (Get, "/api/users"),
            name: "count_users",
            group: "users",
            summary: "Count the users",
            says: "How many there are, as a list of one number.",
            body: None,
            answers: vec![Shown::json("How many there are", count.build(), json!([1]))],
            problems: Vec::new(),
        },
    ]
}

fn one() -> Vec<Told> {
    vec![Told {
        of: (Get, "/api/users/<_>"),
        name: "show_user",
        group: "users",
        summary: "Look a user up",
        says: "A UUID in any spelling is an id. What has an `@` is an e-mail, whole, in any spelling of it; write `%` as \
               `%25` and `/` as `%2F`. Anything else is nobody.",
        body: None,
        answers: vec![
            Shown::view::<UserView>("The user", ada()).with_header("ETag"),
            Shown::nothing(304, "The reader has this state already").with_header("ETag"),
        ],
        problems: vec![UserNotFound],
    }]
}

fn changes() -> Vec<Told> {
    let updated = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["Password updated"])).build();
    let mut king = ada();
    king["name"] = json!("Ada King");
    king["updated_at"] = json!("2026-11-23T09:00:00.000Z");
    vec![
        Told {
            of: (Put, "/api/users/<_>"),
            name: "replace_user",
            group: "users",
            summary: "Change name or e-mail",
            says: "The password proves that it is the user who asks; it does not change. The e-mail that the user \
                   already has is no conflict.",
            body: Some(json!({ "name": "Ada King", "email": "Ada@Example.com", "password": PASSWORD })),
            answers: vec![Shown::view::<UserView>("The user", king.clone()).with_header("ETag")],
            problems: [&OF_PASSWORDS[..], &[UserNotFound, EmailTaken, Contended]].concat(),
        },
        Told {
            of: (Patch, "/api/users/<_>"),
            name: "change_password",
            group: "users",
            summary: "Change the password",
            says: "The old password proves who asks; one that has expired does. All sessions of the user end in the same \
                   step, but the one that asks.",
            body: Some(json!({ "password": PASSWORD, "new_password": NEXT_PASSWORD })),
            answers: vec![Shown::json("Done", updated, json!("Password updated"))],
            problems: [&OF_PASSWORDS[..], &[UserNotFound, InvalidFields, Contended]].concat(),
        },
        Told {
            of: (Delete, "/api/users/<_>"),
            name: "delete_user",
            group: "users",
            summary: "Delete a user",
            says: "The password proves who asks. The e-mail is free afterwards; all sessions have ended.",
            body: Some(json!({ "password": NEXT_PASSWORD })),
            answers: vec![Shown::view::<UserView>("The user that was", king)],
            problems: [&OF_PASSWORDS[..], &[UserNotFound, Contended]].concat(),
        },
    ]
}
