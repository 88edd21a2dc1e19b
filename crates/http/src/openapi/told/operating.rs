//! What is told of the endpoints for whoever runs userd, and of files.

use rocket::http::Method::Get;
use serde_json::json;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

use super::{Shown, Told};
use crate::api::Health;
use crate::problem::ProblemKind::{NotFound, StoreUnavailable};
use userd_metrics::CONTENT_TYPE;

fn text() -> Object {
    ObjectBuilder::new().schema_type(Type::String).build()
}

fn simple(path: &'static str, name: &'static str, summary: &'static str, says: &'static str, shown: Shown) -> Told {
    let (group, body, problems) = ("operating", None, Vec::new());
    Told { of: (Get, path), name, group, summary, says, body, answers: vec![shown], problems }
}

pub(super) fn told() -> Vec<Told> {
    let live = Shown::view::<Health>("It answers", json!({ "status": "live" }));
    let ready = Shown::view::<Health>("It is ready", json!({ "status": "ready" }));
    let anything = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .format(Some(SchemaFormat::Custom("binary".to_owned())))
        .build();
    vec![
        simple("/ping", "ping", "Is anybody there?", "Asks no store.", {
            Shown::other("Somebody is", "text/plain; charset=utf-8", text(), Some(json!("PONG!")))
        }),
        simple("/health/live", "live", "Does the process answer?", "Asks no store.", live),
        Told {
            problems: vec![StoreUnavailable],
            ..simple("/health/ready", "ready", "Does the store answer, too?", "For whoever routes to processes.", ready)
        },
        simple(
            "/metrics",
            "metrics",
            "What userd counts and measures",
            "For programs on this machine, or with the scope.",
            Shown::other("The metrics, as Prometheus reads them", CONTENT_TYPE, text(), None),
        ),
        simple("/openapi.json", "describe", "This description", "OpenAPI 3.1.", {
            let object = ObjectBuilder::new().schema_type(Type::Object).build();
            let shown = Shown::other("The description", "application/json", object, None);
            shown.with_header("Cache-Control")
        }),
        simple("/docs", "browse", "This description as a page", "Needs no network but this service.", {
            Shown::other("The page", "text/html; charset=utf-8", text(), None).with_header("Cache-Control")
        }),
        Told {
            group: "files",
            problems: vec![NotFound],
            ..simple("/files/<path..>", "file", "A file", "No listing, no dot-files, nothing outside the folder.", {
                Shown::other("The file", "*/*", anything, None)
            })
        },
    ]
}
