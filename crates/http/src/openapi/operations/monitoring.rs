//! What is told of the endpoints for whoever runs userd, and of files.

use rocket::http::Method::Get;
use serde_json::json;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

use super::{OperationDoc, ResponseDoc};
use crate::api::HealthView;
use crate::problem::ProblemKind::{NotFound, StoreUnavailable};
use userd_metrics::CONTENT_TYPE;

fn text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

fn simple(
    path: &'static str,
    operation_id: &'static str,
    summary: &'static str,
    description: &'static str,
    response: ResponseDoc,
) -> OperationDoc {
    let (tag, body, problems) = ("operations", None, Vec::new());
    OperationDoc {
        route: (Get, path),
        operation_id,
        tag,
        summary,
        description,
        body,
        responses: vec![response],
        problems,
    }
}

pub(super) fn docs() -> Vec<OperationDoc> {
    let live = ResponseDoc::view::<HealthView>("It answers", json!({ "status": "live" }));
    let ready = ResponseDoc::view::<HealthView>("It is ready", json!({ "status": "ready" }));
    let anything = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .format(Some(SchemaFormat::Custom("binary".to_owned())))
        .build();
    vec![
        simple("/ping", "ping", "Is anybody there?", "Asks no store.", {
            ResponseDoc::non_json("Somebody is", "text/plain; charset=utf-8", text(), Some(json!("PONG!")))
        }),
        simple("/health/live", "get_liveness", "Does the process answer?", "Asks no store.", live),
        OperationDoc {
            problems: vec![StoreUnavailable],
            ..simple(
                "/health/ready",
                "get_readiness",
                "Does the store answer, too?",
                "For whoever routes to processes.",
                ready,
            )
        },
        simple(
            "/metrics",
            "get_metrics",
            "What userd counts and measures",
            "For programs on this machine, or with the scope.",
            ResponseDoc::non_json("The metrics, as Prometheus reads them", CONTENT_TYPE, text(), None),
        ),
        simple("/openapi.json", "get_openapi", "This description", "OpenAPI 3.1.", {
            let object = ObjectBuilder::new().schema_type(Type::Object).build();
            let response = ResponseDoc::non_json("The description", "application/json", object, None);
            response.with_header("Cache-Control")
        }),
        simple("/docs", "get_docs", "This description as a page", "Needs no network but this service.", {
            ResponseDoc::non_json("The page", "text/html; charset=utf-8", text(), None).with_header("Cache-Control")
        }),
        OperationDoc {
            tag: "files",
            problems: vec![NotFound],
            ..simple(
                "/files/<path..>",
                "get_file",
                "A file",
                "No listing, no dot-files, nothing outside the folder.",
                ResponseDoc::non_json("The file", "*/*", anything, None),
            )
        },
    ]
}
