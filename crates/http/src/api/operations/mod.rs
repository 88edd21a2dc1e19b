//! Operations: health, metrics, the API's description, and the operator's static files.

mod docs;
mod files;
mod health;
mod metrics;
mod openapi;
mod ping;

pub(crate) use files::{FilePath, StaticDir};
pub(crate) use health::{HealthView, ReadinessStore};
pub(crate) use metrics::MetricsState;

endpoints![ping::ping, health::live, health::ready, metrics::metrics, openapi::openapi, docs::docs, files::file,];
