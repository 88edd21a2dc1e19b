//! `GET /ping`: a constant. Uses nothing, not even the store.

use crate::api::prelude::*;

#[get("/ping")]
pub(super) fn ping() -> &'static str {
    "PONG!"
}

pub(super) fn doc() -> OperationDoc {
    let media_type = "text/plain; charset=utf-8";
    OperationDoc {
        operation_id: "ping",
        tag: "operations",
        summary: "Ping",
        description: "Returns a constant. Does not use the store.",
        responses: vec![ResponseDoc::non_json("A constant", media_type, plain_text(), Some(json!("PONG!")))],
        ..OperationDoc::default()
    }
}
