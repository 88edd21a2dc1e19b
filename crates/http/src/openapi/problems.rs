//! Problems as schema, examples and responses, from the table of `ProblemKind`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::operation_doc::reference;
use crate::problem::ProblemKind;

/// The name of the schema.
pub(super) const PROBLEM: &str = "Problem";

fn urn(kind: ProblemKind) -> String {
    format!("urn:userd:problem:{}", kind.slug())
}

/// The schema of every problem (RFC 9457).
pub(super) fn schema() -> Value {
    let mut description = "A problem (RFC 9457).\n\n| type | status | title |\n|---|---|---|\n".to_owned();
    for kind in ProblemKind::ALL {
        let _ = writeln!(description, "| `{}` | {} | {} |", urn(kind), kind.status_code(), kind.title());
    }
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "description": description,
        "required": ["type", "title", "status", "detail", "request_id"],
        "properties": {
            "type": {
                "type": "string",
                "description": "The kind of problem. Decide by it or by the status. Kinds are added, never renamed.",
                "enum": ProblemKind::ALL.map(urn),
            },
            "title": text("The kind in a few words, for humans."),
            "status": { "type": "integer", "description": "The status of the response." },
            "detail": text("What happened, for humans."),
            "errors": {
                "type": "array",
                "description": "The invalid fields, if any.",
                "items": {
                    "type": "object",
                    "required": ["detail", "pointer"],
                    "properties": {
                        "detail": text("The broken rule, a phrase that follows the field's name."),
                        "pointer": text("A JSON Pointer to the field (RFC 6901)."),
                    },
                },
            },
            "request_id": text("The id of the request, as in `X-Request-Id` and in the log."),
        },
    })
}

/// An example of this kind.
fn example(kind: ProblemKind) -> Value {
    let mut problem = json!({
        "type": urn(kind),
        "title": kind.title(),
        "status": kind.status_code(),
        "detail": kind.usual_detail(),
        "request_id": "5cde3a9f-17",
    });
    if kind == ProblemKind::InvalidFields {
        problem["errors"] = json!([{ "detail": "must not be empty", "pointer": "/name" }]);
    }
    problem
}

/// An example of every kind.
pub(super) fn examples() -> Value {
    let each = ProblemKind::ALL.into_iter();
    each.map(|kind| (kind.slug(), json!({ "summary": kind.title(), "value": example(kind) }))).collect()
}

/// The headers of every response with this status, besides the common ones.
fn headers(status: u16) -> &'static [&'static str] {
    match status {
        401 => &["WWW-Authenticate"],
        405 => &["Allow"],
        429 => &["Retry-After", "RateLimit", "RateLimit-Policy"],
        503 => &["Retry-After"],
        _ => &[],
    }
}

/// A response that is a problem.
pub(super) struct ProblemResponse {
    /// Its status.
    pub(super) status: u16,
    /// Its name, made of the kinds it can be.
    pub(super) name: String,
    /// The response.
    pub(super) response: Value,
}

/// The responses for `kinds`: one for each status.
pub(super) fn responses(kinds: &[ProblemKind]) -> Vec<ProblemResponse> {
    let mut by_status: BTreeMap<u16, Vec<ProblemKind>> = BTreeMap::new();
    for kind in ProblemKind::ALL.into_iter().filter(|kind| kinds.contains(kind)) {
        by_status.entry(kind.status_code()).or_default().push(kind);
    }
    let each = by_status.into_iter().map(|(status, kinds)| ProblemResponse {
        status,
        name: kinds.iter().map(|kind| kind.slug()).collect::<Vec<_>>().join("_or_"),
        response: response(status, &kinds),
    });
    each.collect()
}

fn response(status: u16, kinds: &[ProblemKind]) -> Value {
    let titles: Vec<&str> = kinds.iter().map(|kind| kind.title()).collect();
    let urns: Vec<String> = kinds.iter().map(|kind| urn(*kind)).collect();
    let examples: Value = kinds.iter().map(|kind| (kind.slug(), reference("examples", kind.slug()))).collect();
    let just_these = json!({
        "type": "object",
        "properties": {
            "type": { "type": "string", "enum": urns },
            "status": { "type": "integer", "enum": [status] },
        },
    });
    let schema = json!({ "allOf": [reference("schemas", PROBLEM), just_these] });
    let mut response = json!({
        "description": titles.join(", or: "),
        "content": { "application/problem+json": { "schema": schema, "examples": examples } },
    });
    for name in ["X-Request-Id"].iter().chain(headers(status)) {
        response["headers"][name] = reference("headers", name);
    }
    response
}
