//! `GET /ping`: a constant. Uses nothing, not even the store.

use crate::api::prelude::*;

#[get("/ping")]
pub(super) fn ping() -> &'static str {
    "PONG!"
}

pub(super) fn doc() -> OperationDoc {
    let media_type = "text/plain; charset=utf-8";
    OperationDoc::new("ping", "Ping")
        .description("Returns a constant. Does not use the store.")
        .response(ResponseDoc::new("A constant", media_type, json!({ "type": "string" }), Some(json!("PONG!"))))
}
