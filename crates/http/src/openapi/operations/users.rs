//! What is told of the endpoints of users.

use rocket::http::Method::{Delete, Get, Patch, Post, Put};
use serde_json::json;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};

use super::{NEXT_PASSWORD, OperationDoc, PASSWORD, PASSWORD_PROBLEMS, ResponseDoc, ada};
use crate::problem::ProblemKind::{Busy, Contended, EmailTaken, InvalidFields, UserNotFound};
use crate::view::UserView;

pub(super) fn docs() -> Vec<OperationDoc> {
    [collection(), lookup(), updates()].into_iter().flatten().collect()
}

fn collection() -> Vec<OperationDoc> {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
    let count = ArrayBuilder::new().items(number).min_items(Some(1)).max_items(Some(1));
    vec![
        OperationDoc {
            route: (Post, "/api/users"),
            operation_id: "sign_up",
            tag: "users",
            summary: "Sign up",
            description: "All three fields are needed. With `access.sign_up = \"api_key\"` only services sign people up.",
            body: Some(json!({ "name": "Ada Lovelace", "email": "Ada@Example.com", "password": PASSWORD })),
            responses: vec![ResponseDoc::view::<UserView>("The user", ada()).with_header("ETag")],
            problems: vec![EmailTaken, Busy, Contended],
        },
        OperationDoc {
            route: (Get, "/api/users"),
            operation_id: "count_users",
            tag: "users",
            summary: "Count the users",
            description: "How many there are, as a list of one number.",
            body: None,
            responses: vec![ResponseDoc::json("How many there are", count.build(), json!([1]))],
            problems: Vec::new(),
        },
    ]
}

fn lookup() -> Vec<OperationDoc> {
    vec![OperationDoc {
        route: (Get, "/api/users/<_>"),
        operation_id: "get_user",
        tag: "users",
        summary: "Look a user up",
        description: "A UUID in any spelling is an id. What has an `@` is an e-mail, whole, in any spelling of it; write `%` as \
               `%25` and `/` as `%2F`. Anything else is nobody.",
        body: None,
        responses: vec![
            ResponseDoc::view::<UserView>("The user", ada()).with_header("ETag"),
            ResponseDoc::empty(304, "The reader has this state already").with_header("ETag"),
        ],
        problems: vec![UserNotFound],
    }]
}

fn updates() -> Vec<OperationDoc> {
    let updated = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["Password updated"])).build();
    let mut king = ada();
    king["name"] = json!("Ada King");
    king["updated_at"] = json!("2026-11-23T09:00:00.000Z");
    vec![
        OperationDoc {
            route: (Put, "/api/users/<_>"),
            operation_id: "update_user",
            tag: "users",
            summary: "Change name or e-mail",
            description: "The password proves that it is the user who asks; it does not change. The e-mail that the user \
                   already has is no conflict.",
            body: Some(json!({ "name": "Ada King", "email": "Ada@Example.com", "password": PASSWORD })),
            responses: vec![ResponseDoc::view::<UserView>("The user", king.clone()).with_header("ETag")],
            problems: [&PASSWORD_PROBLEMS[..], &[UserNotFound, EmailTaken, Contended]].concat(),
        },
        OperationDoc {
            route: (Patch, "/api/users/<_>"),
            operation_id: "change_password",
            tag: "users",
            summary: "Change the password",
            description: "The old password proves who asks; one that has expired does. All sessions of the user end in the same \
                   step, but the one that asks.",
            body: Some(json!({ "password": PASSWORD, "new_password": NEXT_PASSWORD })),
            responses: vec![ResponseDoc::json("Done", updated, json!("Password updated"))],
            problems: [&PASSWORD_PROBLEMS[..], &[UserNotFound, InvalidFields, Contended]].concat(),
        },
        OperationDoc {
            route: (Delete, "/api/users/<_>"),
            operation_id: "delete_user",
            tag: "users",
            summary: "Delete a user",
            description: "The password proves who asks. The e-mail is free afterwards; all sessions have ended.",
            body: Some(json!({ "password": NEXT_PASSWORD })),
            responses: vec![ResponseDoc::view::<UserView>("The user that was", king)],
            problems: [&PASSWORD_PROBLEMS[..], &[UserNotFound, Contended]].concat(),
        },
    ]
}
