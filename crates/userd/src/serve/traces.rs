//! Export of spans: in batches to a collector, as OTLP over HTTP. Only in builds with the feature `otlp`.
//!
//! The spans themselves are with the code that they measure, under the target `userd::trace`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, Registry};

use crate::config::OtlpConfig;
use userd_http::JoinTrace;

/// How long the collector may take for a batch. Only the sending thread waits.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the last batch may take when the process ends.
const LAST_BATCH_TIME_MAX: Duration = Duration::from_secs(3);

/// Exports spans to the collector.
pub(super) struct TraceExporter(SdkTracerProvider);

impl TraceExporter {
    /// Exports to the collector of the configuration, if there is one. Call it outside of any async runtime: the HTTP
    /// client starts one of its own.
    ///
    /// # Errors
    /// The address is not usable.
    pub(super) fn from_config(config: &OtlpConfig) -> Result<Option<Self>, ExporterBuildError> {
        let Some(endpoint) = &config.endpoint else { return Ok(None) };
        let exporter =
            SpanExporter::builder().with_http().with_endpoint(endpoint).with_timeout(EXPORT_TIMEOUT).build()?;
        // The caller decides for traces that it started; of those that start here a share is kept.
        let sampler =
            Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(f64::from(config.sample_percent) / 100.0)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(Resource::builder().with_service_name("userd").build())
            .build();
        Ok(Some(Self(provider)))
    }

    /// The layer that turns `tracing` spans into exported ones.
    pub(super) fn layer(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        let layer = tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("userd"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false);
        layer.with_filter(Targets::new().with_target("userd::trace", LevelFilter::INFO)).boxed()
    }

    /// Sends the remaining spans.
    pub(super) fn close(self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_BATCH_TIME_MAX) {
            tracing::warn!(%error, "can't send the last spans to the collector");
        }
    }
}

/// Joins a request's span to the trace of its `traceparent` header.
pub(super) fn join() -> JoinTrace {
    let propagator = TraceContextPropagator::new();
    Arc::new(move |span, parent| {
        if let Some(parent) = parent {
            let header = HashMap::from([("traceparent".to_owned(), parent.to_owned())]);
            // Fails for a span that is not recorded, which needs no parent.
            let _ = span.set_parent(propagator.extract(&header));
        }
        let context = span.context();
        let found = context.span().span_context().clone();
        found.is_valid().then(|| found.trace_id().to_string())
    })
}
