//! Problems as schema, examples and responses, from the table of `ProblemKind`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{AllOfBuilder, ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr, Response};

use super::operation_doc::string;
use crate::problem::ProblemKind;

/// The name of the schema.
pub(super) const PROBLEM: &str = "Problem";

fn urn(kind: ProblemKind) -> String {
    format!("urn:userd:problem:{}", kind.slug())
}

fn text(description: &str) -> ObjectBuilder {
    string().description(Some(description))
}

/// The schema of every problem (RFC 9457).
pub(super) fn schema() -> Schema {
    let error = ObjectBuilder::new()
        .property("detail", text("The broken rule, a phrase that follows the field's name."))
        .property("pointer", text("A JSON Pointer to the field (RFC 6901)."))
        .required("detail")
        .required("pointer");
    let kinds = text("The kind of problem. Decide by it or by the status. Kinds are added, never renamed.");
    let status = ObjectBuilder::new().schema_type(Type::Integer).description(Some("The status of the response."));
    let mut description = "A problem (RFC 9457).\n\n| type | status | title |\n|---|---|---|\n".to_owned();
    for kind in ProblemKind::ALL {
        let _ = writeln!(description, "| `{}` | {} | {} |", urn(kind), kind.status_code(), kind.title());
    }
    let errors = ArrayBuilder::new().items(error.build()).description(Some("The invalid fields, if any."));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(description))
        .property("type", kinds.enum_values(Some(ProblemKind::ALL.map(urn))))
        .property("title", text("The kind in a few words, for humans."))
        .property("status", status)
        .property("detail", text("What happened, for humans."))
        .property("errors", errors)
        .property("request_id", text("The id of the request, as in `X-Request-Id` and in the log."))
        .required("type")
        .required("title")
        .required("status")
        .required("detail")
        .required("request_id")
        .into()
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
pub(super) fn examples() -> impl Iterator<Item = (String, RefOr<Example>)> {
    let each = ProblemKind::ALL.into_iter();
    each.map(|kind| {
        let example = ExampleBuilder::new().summary(kind.title()).value(Some(example(kind)));
        (kind.slug().to_owned(), example.build().into())
    })
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
    pub(super) response: Response,
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

fn response(status: u16, kinds: &[ProblemKind]) -> Response {
    let just_these = ObjectBuilder::new()
        .property("type", string().enum_values(Some(kinds.iter().map(|kind| urn(*kind)))))
        .property("status", ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([status])));
    let schema = AllOfBuilder::new().item(Ref::from_schema_name(PROBLEM)).item(just_these);
    let examples = kinds.iter().map(|kind| {
        let slug = kind.slug();
        (slug, RefOr::<Example>::Ref(Ref::new(format!("#/components/examples/{slug}"))))
    });
    let content = ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples);
    let description = kinds.iter().map(|kind| kind.title()).collect::<Vec<_>>().join(", or: ");
    let mut response =
        ResponseBuilder::new().description(description).content("application/problem+json", content.build());
    for name in ["X-Request-Id"].iter().chain(headers(status)) {
        response = response.header_ref(*name, Ref::new(format!("#/components/headers/{name}")));
    }
    response.build()
}
