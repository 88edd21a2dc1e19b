//! A problem as a response: `application/problem+json`.

use std::io::Cursor;

use rocket::http::{ContentType, Header};
use rocket::response::Responder;
use rocket::{Request, Response, response};
use serde::Serialize;

use super::details::{FieldError, Problem};
use crate::request_context::RequestId;
use crate::response::{DisplayText, NO_CONTENT, NO_STORE, to_json};

/// The members of a problem (RFC 9457).
#[derive(Serialize)]
struct ProblemDocument<'a> {
    #[serde(rename = "type")]
    kind: DisplayText<std::fmt::Arguments<'a>>,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
    request_id: DisplayText<RequestId<'a>>,
}

impl<'r> Responder<'r, 'r> for Problem {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'r> {
        let (id, kind) = (RequestId::of(request), self.kind());
        self.log(id);
        let json = to_json(&ProblemDocument {
            kind: DisplayText(format_args!("urn:userd:problem:{}", kind.slug())),
            title: kind.title(),
            status: kind.status_code(),
            detail: &self.detail,
            errors: &self.errors,
            request_id: DisplayText(id),
        });
        let mut response = Response::new();
        response.set_status(kind.status());
        response.set_header(ContentType::new("application", "problem+json"));
        for (name, value) in [NO_STORE, NO_CONTENT].into_iter().chain(kind.header()) {
            response.set_header(Header::new(name, value));
        }
        for (name, value) in self.headers {
            response.adjoin_header(Header::new(name, value));
        }
        response.set_sized_body(json.len(), Cursor::new(json));
        Ok(response)
    }
}
