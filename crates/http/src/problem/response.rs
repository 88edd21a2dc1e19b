//! A problem as a response: `application/problem+json`.

use std::io::Cursor;

use rocket::http::{ContentType, Header};
use rocket::response::Responder;
use rocket::{Request, response};
use serde::Serialize;

use super::details::{FieldError, Problem};
use crate::request_context::request_id;
use crate::response::{DisplayText, to_json, uncached};

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
    request_id: &'a str,
}

impl<'r> Responder<'r, 'r> for Problem {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'r> {
        let (id, kind) = (request_id(request), self.kind);
        self.log(id);
        let json = to_json(&ProblemDocument {
            kind: DisplayText(format_args!("urn:userd:problem:{}", kind.slug())),
            title: kind.title(),
            status: kind.status_code(),
            detail: &self.detail,
            errors: &self.errors,
            request_id: id,
        });
        let mut response = uncached();
        response.status(kind.status()).header(ContentType::new("application", "problem+json"));
        if let Some((name, value)) = kind.header() {
            response.header(Header::new(name, value));
        }
        for (name, value) in self.headers {
            response.header_adjoin(Header::new(name, value));
        }
        response.sized_body(json.len(), Cursor::new(json)).ok()
    }
}
