//! Operations: health, metrics, the API's description, and the operator's static files.

mod docs;
mod files;
mod health_live;
mod health_ready;
mod metrics;
mod openapi;
mod ping;

pub(crate) use health_ready::ReadinessStore;

endpoints![
    "operations":
    ping::ping,
    health_live::live,
    health_ready::ready,
    metrics::metrics,
    openapi::openapi,
    docs::docs,
    files::file,
];
